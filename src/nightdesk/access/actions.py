"""Verbs of accounts, roles, brands and tokens. Nobody hands out more than they have."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypedDict

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from phonenumbers import SUPPORTED_REGIONS

from nightdesk.access.matrix import SCOPES, VERBS, require, verbs_in
from nightdesk.access.models import Brand, Grant, Role, Token, User
from nightdesk.access.session_actions import end_sessions
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import email as as_email
from nightdesk.base.fields import language as as_language
from nightdesk.base.fields import one_line
from nightdesk.base.fields import zone as as_zone
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

BRAND_MADE = kind("brand.made", gettext_lazy("{by} set up the brand {name}"))
BRAND_EDITED = kind("brand.edited", gettext_lazy("{by} changed the brand {name}"))
USER_CLOSED = kind("user.closed", gettext_lazy("{by} closed the account of {name}"))
PASSWORD_CHOSEN = kind("user.password_chosen", gettext_lazy("{by} chose a password"))
USER_MADE = kind("user.made", gettext_lazy("{by} made an account for {name}"))
ROLE_GRANTED = kind("role.granted", gettext_lazy("{by} made {name} {role}"))
ROLE_REVOKED = kind("role.revoked", gettext_lazy("{by} took the role {role} from {name}"))
TOKEN_MADE = kind("token.made", gettext_lazy("{by} made the token {name}"))
TOKEN_REVOKED = kind("token.revoked", gettext_lazy("{by} revoked the token {name}"))

TOKEN_PREFIX = "ndt_"  # noqa: S105 - how a token begins, so that scanners of leaked secrets know it
_USE_NOTED_EVERY = timedelta(minutes=1)


class BrandChanges(TypedDict, total=False):
    """What of a brand may be changed; fields that are not there stay."""

    name: str
    zone: str
    language: str
    region: str


@transaction.atomic
def make_brand(
    *,
    name: str,
    slug: str,
    zone: str = "Europe/London",
    language: str = "en-gb",
    region: str = "GB",
    by: Actor,
    via: Door,
    at: datetime,
) -> Brand:
    """A new company to speak as. `slug` stands in addresses and stays; `region` (ISO 3166-1) is where its phones are.

    Raises Forbidden without a role in every brand, Invalid for a slug that is taken and for a field that does not fit.
    """
    require(by, "make_brand", None)
    fields = _brand_fields({"name": name, "zone": zone, "language": language, "region": region})
    try:
        validate_slug(slug)
    except ValidationError as bad:
        raise Invalid(
            _("The short name %r was given for a brand.") % slug,
            _("It may hold letters, digits, - and _ only."),
            _("Give one such as acme-hosting."),
        ) from bad
    with unless_taken(
        _("A brand with the short name %s was asked for.") % slug, _("There is one."), _("Choose another short name.")
    ):
        brand = Brand.objects.create(slug=one_line(slug, 50, _("short name")), **fields)
    record(BRAND_MADE, subject=("brand", brand.id), by=by, via=via, at=at, brand_id=brand.id, facts={"name": name})
    return brand


@transaction.atomic
def edit_brand(*, brand_id: int, changes: BrandChanges, by: Actor, via: Door, at: datetime) -> Brand:
    """The brand has the new values; nothing is written when it had them. Raises Forbidden, NotFound, Invalid."""
    require(by, "edit_brand", brand_id)
    brand = _brand(brand_id, lock=True)
    changed = [name for name, value in _brand_fields(changes).items() if _set(brand, name, value)]
    if changed:
        brand.save(update_fields=changed)
        facts = {"name": brand.name, "changed": changed}
        record(BRAND_EDITED, subject=("brand", brand.id), by=by, via=via, at=at, brand_id=brand.id, facts=facts)
    return brand


@transaction.atomic
def make_user(
    *,
    email: str,
    name: str,
    password: str | None = None,
    brand_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> User:
    """Somebody can log in; what they may do is granted next. Without a password only a link by mail lets them in.

    `brand_id` is the brand for which the account is made: its admin may. Raises Forbidden, and Invalid for an address
    that is taken (whatever its case) or not one, and for a weak password.
    """
    require(by, "make_user", brand_id)
    email = as_email(email)
    asked = _("An account for %s was asked for.") % email
    if password is not None:
        try:
            validate_password(password)
        except ValidationError as weak:
            raise Invalid(asked, " ".join(weak.messages), _("Choose another password.")) from weak
    with unless_taken(asked, _("That address has an account already."), _("Use that account, or another address.")):
        user = User.objects.create_user(email, password, name=one_line(name, 120, _("name")), created_at=at)
    record(USER_MADE, subject=("user", user.id), by=by, via=via, at=at, brand_id=brand_id, facts={"name": user.name})
    return user


@transaction.atomic
def open_contact_account(*, email: str, name: str, brand_id: int, by: Actor, via: Door, at: datetime) -> User:
    """The account of a customer's contact with this address: the one that there is, else a new one without a password.

    It has no role and can be given none. A closed one is open again. Raises IllegalTransition for the address of
    somebody of the staff.
    """
    email = as_email(email)
    user = User.objects.select_for_update(no_key=True).filter(email__iexact=email).first()
    if user is None:
        kind_of_user = User.Kind.CUSTOMER
        user = User.objects.create_user(email, name=one_line(name, 120, _("name")), kind=kind_of_user, created_at=at)
        facts = {"name": user.name}
        record(USER_MADE, subject=("user", user.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    elif user.kind != User.Kind.CUSTOMER:
        raise IllegalTransition(
            _("An account for a customer's contact was asked for."),
            _("%s signs in as one of the staff.") % email,
            _("Use another address for the customer."),
        )
    elif not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
    return user


@transaction.atomic
def close_contact_account(*, user_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Nobody can log in with this contact's account any more, and every session of it has ended at this moment.

    Raises NotFound, and IllegalTransition for an account of the staff.
    """
    user = _user(user_id)
    if user.kind != User.Kind.CUSTOMER:
        raise IllegalTransition(
            _("The account of %s was to be closed.") % user.name,
            _("It is no customer's."),
            _("Let them leave under People."),
        )
    user.is_active = False
    user.set_unusable_password()  # a session is bound to the password: none lives on, not even if it is opened again
    user.save(update_fields=["is_active", "password"])
    record(USER_CLOSED, subject=("user", user.pk), by=by, via=via, at=at, facts={"name": user.name})
    end_sessions(user_id=user.pk, by=by, via=via, at=at)


@transaction.atomic
def choose_password(*, user_id: int, password: str, by: Actor, via: Door, at: datetime) -> User:
    """The user logs in with this password from now on. Raises NotFound, and Invalid for a weak one."""
    user = _user(user_id)
    try:
        validate_password(password, user)
    except ValidationError as weak:
        raise Invalid(_("A password was given."), " ".join(weak.messages), _("Choose another password.")) from weak
    user.set_password(password)
    user.save(update_fields=["password"])
    record(PASSWORD_CHOSEN, subject=("user", user.pk), by=by, via=via, at=at, facts={"name": user.name})
    return user


@transaction.atomic
def grant_role(*, user_id: int, role: str, brand_id: int | None, by: Actor, via: Door, at: datetime) -> Grant:
    """The user has the role in the brand, or in every brand (None). Repeating it changes nothing.

    Raises Forbidden (every brand needs an admin of every brand), NotFound, Invalid for an unknown role, and
    IllegalTransition for a customer's account.
    """
    require(by, "grant_role", brand_id)
    user = _user(user_id)
    brand = _brand(brand_id) if brand_id is not None else None
    if role not in Role.values:
        raise Invalid(
            _("The role %s was to be granted.") % role,
            _("There is no such role."),
            _("Choose one of %s.") % ", ".join(Role.values),
        )
    if user.kind != User.Kind.STAFF:
        raise IllegalTransition(
            _("The role %(role)s was to be granted to %(name)s.") % {"role": role, "name": user.name},
            _("That is a customer's account, and nobody is both."),
            _("Make an account with another address."),
        )
    grant, new = Grant.objects.get_or_create(user=user, role=role, brand=brand)
    if new:
        facts = {"name": user.name, "role": role}
        record(ROLE_GRANTED, subject=("user", user.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return grant


@transaction.atomic
def revoke_role(*, user_id: int, role: str, brand_id: int | None, by: Actor, via: Door, at: datetime) -> None:
    """The user no longer has that grant, and is signed out everywhere. Repeating it changes nothing.

    Raises Forbidden, NotFound, and IllegalTransition for the last admin of every brand: nobody could undo it.
    """
    require(by, "revoke_role", brand_id)
    user = _user(user_id)
    brand = _brand(brand_id) if brand_id is not None else None
    if brand is None and role == Role.ADMIN:
        # Locked together and in one order, so that two who revoke each other at once do not both go.
        admins = list(
            Grant.objects.select_for_update(of=("self",))
            .filter(brand=None, role=Role.ADMIN, user__is_active=True)
            .order_by("id")
            .values_list("user_id", flat=True)
        )
        if admins == [user.id]:
            raise IllegalTransition(
                _("The role admin in every brand was to be taken from %s.") % user.name,
                _("Nobody else has it."),
                _("Grant it to somebody else first."),
            )
    gone, _rows = Grant.objects.filter(user=user, role=role, brand=brand).delete()
    if gone:
        facts = {"name": user.name, "role": role}
        record(ROLE_REVOKED, subject=("user", user.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
        end_sessions(user_id=user.pk, by=by, via=via, at=at)


@transaction.atomic
def make_token(
    *,
    name: str,
    scopes: Iterable[str],
    user_id: int | None = None,
    brand_id: int | None = None,
    expires_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> tuple[Token, str]:
    """A new API token, and its secret, which is told only now.

    It acts for `user_id`, with that user's roles, or as a machine of its own name; in either case only with verbs in
    `scopes`, and in one brand unless `brand_id` is None. Raises Forbidden (also for more than the maker's own scopes),
    NotFound, and Invalid for unknown scopes or an end that has passed.
    """
    require(by, "make_token", brand_id)
    asked = _("The token %s was asked for.") % name
    named = sorted(set(scopes))
    unknown = [scope for scope in named if scope not in SCOPES and scope not in VERBS]
    if unknown or not named:
        raise Invalid(
            asked,
            _("Unknown scopes: %s.") % ", ".join(unknown) if unknown else _("It has no scopes."),
            _("Give some of %s, or names of verbs.") % ", ".join(SCOPES),
        )
    if by.scopes is not None and not verbs_in(named) <= verbs_in(by.scopes):
        raise Forbidden(asked, _("It would have scopes that %s has not.") % by.name, _("Ask for fewer scopes."))
    if expires_at is not None and expires_at <= at:
        raise Invalid(asked, _("It would have expired already."), _("Give an end in the future."))
    user = _user(user_id) if user_id is not None else None
    if user is not None and user.kind != User.Kind.STAFF:
        raise Invalid(asked, _("%s is no account of the staff.") % user.name, _("Customers make their own tokens."))
    if brand_id is not None:
        _brand(brand_id)
    return _issue(Token(name=name, user=user, brand_id=brand_id, scopes=named, expires_at=expires_at), by, via, at)


@transaction.atomic
def issue_contact_token(
    *, name: str, user_id: int, contact_id: int, brand_id: int, by: Actor, via: Door, at: datetime
) -> tuple[Token, str]:
    """A new token for a customer's contact, and its secret, which is told only now. No verb of the staff is in it.

    Raises NotFound, and IllegalTransition for an account of the staff.
    """
    user = _user(user_id)
    if user.kind != User.Kind.CUSTOMER:
        raise IllegalTransition(
            _("The token %s was asked for.") % name, _("The account is no customer's."), _("Make it under Settings.")
        )
    return _issue(Token(name=name, user=user, brand_id=brand_id, contact_id=contact_id, scopes=[]), by, via, at)


def _issue(token: Token, by: Actor, via: Door, at: datetime) -> tuple[Token, str]:
    secret = TOKEN_PREFIX + secrets.token_urlsafe(24)
    token.name, token.created_at = one_line(token.name, 80, _("name")), at
    token.hint, token.digest = secret[:8], Token.digest_of(secret)
    token.save(force_insert=True)
    facts = {"name": token.name, "hint": token.hint, "scopes": token.scopes, "user": token.user_id}
    record(TOKEN_MADE, subject=("token", token.pk), by=by, via=via, at=at, brand_id=token.brand_id, facts=facts)
    return token, secret


@transaction.atomic
def withdraw_contact_tokens(*, contact_id: int, token_id: int | None = None, by: Actor, via: Door, at: datetime) -> int:
    """The contact's tokens, or the one named, open nothing any more; returns how many. Repeating it changes nothing."""
    tokens = Token.objects.select_for_update().filter(contact_id=contact_id, revoked_at=None).order_by("pk")
    live = list(tokens if token_id is None else tokens.filter(pk=token_id))
    for token in live:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
        facts = {"name": token.name, "hint": token.hint}
        record(TOKEN_REVOKED, subject=("token", token.pk), by=by, via=via, at=at, brand_id=token.brand_id, facts=facts)
    return len(live)


@transaction.atomic
def revoke_token(*, token_id: int, by: Actor, via: Door, at: datetime) -> Token:
    """The token opens nothing any more. Repeating it changes nothing. Raises Forbidden, NotFound."""
    token = Token.objects.select_for_update().filter(pk=token_id).first()
    require(by, "revoke_token", token.brand_id if token else None)
    if token is None:
        raise NotFound(
            _("The token %s was asked for.") % token_id, _("There is none."), _("Look at the list of tokens.")
        )
    if token.revoked_at is None:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
        facts = {"name": token.name, "hint": token.hint}
        record(TOKEN_REVOKED, subject=("token", token.id), by=by, via=via, at=at, brand_id=token.brand_id, facts=facts)
    return token


def note_token_use(token: Token, at: datetime) -> None:
    """Remember when the token was last used, at most once a minute: no write for every request."""
    if token.last_used_at is None or token.last_used_at <= at - _USE_NOTED_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=at)


def _brand(brand_id: int, *, lock: bool = False) -> Brand:
    brands = Brand.objects.select_for_update(no_key=True) if lock else Brand.objects.all()
    brand = brands.filter(pk=brand_id).first()
    if brand is None:
        raise NotFound(
            _("The brand %s was asked for.") % brand_id, _("There is none."), _("Look at the list of brands.")
        )
    return brand


def _user(user_id: int) -> User:
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound(_("The user %s was asked for.") % user_id, _("There is none."), _("Look at the list of users."))
    return user


def _set(brand: Brand, name: str, value: str) -> bool:
    """Whether the value is another one; then it is set."""
    if getattr(brand, name) == value:
        return False
    setattr(brand, name, value)
    return True


def _brand_fields(given: BrandChanges) -> dict[str, str]:
    """The fields that are there, in the form in which they are kept."""
    fields: dict[str, str] = {}
    if "name" in given:
        fields["name"] = one_line(given["name"], 80, _("name"))
    if "zone" in given:
        fields["zone"] = as_zone(given["zone"])
    if "language" in given:
        fields["language"] = as_language(given["language"])
    if "region" in given:
        if given["region"] not in SUPPORTED_REGIONS:
            raise Invalid(
                _("The region %r was given.") % given["region"],
                _("No country has this code."),
                _("Give an ISO 3166 code such as GB."),
            )
        fields["region"] = given["region"]
    return fields
