"""The verbs of contacts who log in: let them in, prove a mobile, say who may what, and see them out in one step.

Each is done by our desk or by the company itself (`standing`). What has to be sent is promised here, and sent by a room
that knows how (see `wiring`).
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy

from nightdesk.access.actions import (
    choose_password,
    issue_contact_token,
    open_contact_account,
    withdraw_contact_tokens,
)
from nightdesk.access.models import Token
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.words import gettext as _
from nightdesk.customers.actions import ContactChanges, close_contact, edit_contact
from nightdesk.customers.models import Contact, Customer
from nightdesk.customers.queries import locked_contact, mobile_code, require_for
from nightdesk.customers.standing import Sees, Standing
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.numbers import e164

CONTACT_INVITED = kind("contact.invited", gettext_lazy("{by} invited a contact of {customer} as {standing}"))
CONTACT_JOINED = kind("contact.joined", gettext_lazy("{by} of {customer} signed in for the first time"))
STANDING_SET = kind("contact.standing_set", gettext_lazy("{by} set what a contact of {customer} may do: {standing}"))
CONTACT_LEFT = kind("contact.left", gettext_lazy("{by} saw a contact of {customer} out"))
CONTACT_REVIEWED = kind("contact.reviewed", gettext_lazy("{by} confirmed that a contact still belongs to {customer}"))
CONTACT_LAPSED = kind("contact.lapsed", gettext_lazy("Nobody confirmed a contact of {customer}, who is let in no more"))
MOBILE_ASKED = kind("contact.mobile_asked", gettext_lazy("{by} had a code texted to a mobile of {customer}"))
MOBILE_REMOVED = kind("contact.mobile_removed", gettext_lazy("{by} took a mobile of {customer} away"))
MOBILE_VERIFIED = kind("contact.mobile_verified", gettext_lazy("{by} verified a mobile of {customer}"))
COMPANY_RULE_SET = kind("customer.rule_set", gettext_lazy("{by} set whose tickets are seen at {customer}: {sees}"))

INVITE, MOBILE_CODE, REVIEW, LAPSE = "contact.invite", "contact.mobile_code", "contact.review", "contact.lapse"

INVITED_FOR = timedelta(days=7)
"""How long the link of an invitation lets somebody in, once."""
CODE_GOOD_FOR = timedelta(minutes=10)
CODE_PAUSE = timedelta(minutes=1)
CODE_TRIES = 15
"""Codes asked for and wrong ones entered, of one contact, until a day without any: each text costs money, and may bother
whoever has that number."""
CONFIRMED_FOR = timedelta(days=365)
ASKED_BEFORE = timedelta(days=30)
"""How long before a viewer's year is over their company is asked."""
TOKENS_EACH = 10


class StandingChanges(TypedDict, total=False):
    """What a contact may do; fields that are not there stay. `may_call`: they may have an engineer woken by telephone,
    `may_authorise`: they may approve what changes who gets in.
    """

    standing: str
    may_call: bool
    may_authorise: bool


@transaction.atomic
def invite_contact(*, contact_id: int, standing: str = Standing.MEMBER, by: Actor, via: Door, at: datetime) -> Contact:
    """The contact has this standing, and a mail with a link that lets them in once, within INVITED_FOR, is on its way.

    An earlier link opens nothing any more. Nothing tells whether the address has an account already. Raises Forbidden,
    NotFound, Invalid, and IllegalTransition for one who is in already, has no address, or was invited too often.
    """
    contact = locked_contact(contact_id, by, "invite_contact")
    asked = _("%s was to be invited.") % contact.name
    if not contact.email:
        raise IllegalTransition(asked, _("No e-mail address of theirs is known."), _("Enter one first."))
    if contact.user_id is not None:
        raise IllegalTransition(asked, _("They sign in already."), _("Change what they may do instead."))
    if contact.invited_at is not None and contact.invite and contact.invited_at > at - timedelta(minutes=5):
        raise IllegalTransition(
            asked, _("They were, a moment ago."), _("Let them look for the mail, and wait a little.")
        )
    _check_standing(standing)
    contact.standing, contact.left_at = standing, None
    contact.invite, contact.invited_at = secrets.token_hex(16), at
    contact.save(update_fields=["standing", "left_at", "invite", "invited_at"])
    void_promises(("contact", contact.pk), at=at, kinds={INVITE})
    _promise(INVITE, contact, at, _("they were invited"), at)
    _note(CONTACT_INVITED, contact, by, via, at, standing=standing)
    return contact


@transaction.atomic
def join_portal(
    *, contact_id: int, invite: str, password: str | None = None, by: Actor, via: Door, at: datetime
) -> Contact:
    """Whoever has the invitation's link is the contact, and can log in from now on; the link opens nothing any more.

    Without a password a link or code by mail lets them in. Raises NotFound for a link that is old, used or made up, all in
    the same words, IllegalTransition where the address is one of the staff's, and Invalid for a weak password.
    """
    rows = Contact.objects.select_for_update(of=("self",)).select_related("customer__brand")
    contact = rows.filter(pk=contact_id, left_at=None, customer__active=True).first()
    fits = (
        contact is not None
        and contact.invited_at is not None
        and at < contact.invited_at + INVITED_FOR
        and contact.invite != ""
        and constant_time_compare(contact.invite, invite)
    )
    if contact is None or not fits:
        raise NotFound(
            _("You followed an invitation."),
            _("Its link was used already, or is older than a week."),
            _("If you have signed in before, sign in. Else ask whoever invited you for a new one."),
        )
    begin_portal(contact=contact, by=by, via=via, at=at)
    if password and contact.user is not None:
        contact.user = choose_password(user_id=contact.user.pk, password=password, by=by, via=via, at=at)
    return contact


@transaction.atomic
def begin_portal(*, contact: Contact, by: Actor, via: Door, at: datetime) -> None:
    """The contact, locked by the caller, has an account from now on; the link of the invitation opens nothing any more.

    Raises IllegalTransition where the address is one of the staff's.
    """
    contact.user = open_contact_account(
        email=contact.email, name=contact.name, brand_id=contact.customer.brand_id, by=by, via=via, at=at
    )
    contact.invite = ""
    contact.joined_at = contact.confirmed_at = at
    contact.save(update_fields=["user", "invite", "joined_at", "confirmed_at"])
    _review_later(contact, at)
    _note(CONTACT_JOINED, contact, by, via, at)


@transaction.atomic
def set_contact_standing(*, contact_id: int, changes: StandingChanges, by: Actor, via: Door, at: datetime) -> Contact:
    """What the contact may do is as said; nothing is written when it was so. With another standing they count as confirmed.

    Raises Forbidden, NotFound, Invalid, and IllegalTransition for the company's last manager who would give that up: nobody
    of the company could undo it.
    """
    contact = locked_contact(contact_id, by, "set_contact_standing")
    fields: dict[str, Any] = dict(changes)
    if "standing" in fields:
        _check_standing(fields["standing"])
    changed = [name for name, value in fields.items() if getattr(contact, name) != value]
    if not changed:
        return contact
    if "standing" in changed:
        _keep_a_manager(contact, by)
    for name in changed:
        setattr(contact, name, fields[name])
    if "standing" in changed and contact.confirmed_at is not None:
        contact.confirmed_at = at  # whoever says what they may do says that they belong there
    contact.save(update_fields=[*changed, "confirmed_at"])
    _review_later(contact, at)
    _note(STANDING_SET, contact, by, via, at, standing=contact.standing, changed=changed)
    return contact


@transaction.atomic
def change_contact(
    *, contact_id: int, known: ContactChanges, may_do: StandingChanges, by: Actor, via: Door, at: datetime
) -> Contact:
    """Both what is known of the contact (`edit_contact`) and what they may do (`set_contact_standing`), or neither. Raises what
    these do.
    """
    contact = edit_contact(contact_id=contact_id, changes=known, by=by, via=via, at=at)
    return set_contact_standing(contact_id=contact_id, changes=may_do, by=by, via=via, at=at) if may_do else contact


@transaction.atomic
def mark_contact_left(*, contact_id: int, hand_to_id: int | None = None, by: Actor, via: Door, at: datetime) -> Contact:
    """They speak for the company no more: sessions, tokens and links of theirs open nothing from this moment on.

    What they had open goes on with the colleague `hand_to_id`, a moment later. Repeating it changes nothing. Raises
    Forbidden, NotFound (also for a colleague of another company), and IllegalTransition for the company's last manager.
    """
    contact = locked_contact(contact_id, by, "mark_contact_left")
    if contact.left_at is not None:
        return contact
    heir = None
    if hand_to_id is not None:
        colleagues = Contact.objects.filter(customer=contact.customer_id, left_at=None).exclude(pk=contact.pk)
        heir = colleagues.filter(pk=hand_to_id).first()
        if heir is None:
            raise NotFound(
                _("What %s has open was to go to a colleague.") % contact.name,
                _("No such colleague is there."),
                _("Choose somebody from the list."),
            )
    _keep_a_manager(contact, by)
    close_contact(contact=contact, by=by, via=via, at=at)
    contact.left_at, contact.texted_at_night, contact.may_authorise = at, False, False
    contact.may_call, contact.mobile_check = False, ""
    contact.save(update_fields=["left_at", "texted_at_night", "may_authorise", "may_call", "mobile_check"])
    void_promises(("contact", contact.pk), at=at, kinds={INVITE, MOBILE_CODE, REVIEW, LAPSE})
    _note(CONTACT_LEFT, contact, by, via, at, hand_to=heir.pk if heir else None)
    return contact


@transaction.atomic
def confirm_contact(*, contact_id: int, by: Actor, via: Door, at: datetime) -> Contact:
    """Somebody of the company, or our desk, says that they still belong there; a viewer may read for another year.

    Raises Forbidden, NotFound, IllegalTransition for one who does not log in.
    """
    contact = locked_contact(contact_id, by, "confirm_contact")
    if contact.left_at is not None or not contact.standing:
        raise IllegalTransition(
            _("%s was to be confirmed.") % contact.name, _("They do not sign in."), _("Invite them instead.")
        )
    contact.confirmed_at = at
    contact.save(update_fields=["confirmed_at"])
    _review_later(contact, at)
    _note(CONTACT_REVIEWED, contact, by, via, at)
    return contact


@transaction.atomic
def lapse_contact(*, contact_id: int, by: Actor, via: Door, at: datetime) -> bool:
    """A viewer whom nobody confirmed within the year is let in no more; False where that is not so (any more).

    Raises Forbidden: Nightdesk's own.
    """
    contact = locked_contact(contact_id, by, "lapse_contact")
    due = contact.confirmed_at is not None and contact.confirmed_at + CONFIRMED_FOR <= at
    if contact.left_at is not None or contact.standing != Standing.VIEWER or not due:
        return False
    close_contact(contact=contact, by=by, via=via, at=at)
    _note(CONTACT_LAPSED, contact, by, via, at)
    return True


@transaction.atomic
def ask_mobile_code(*, contact_id: int, mobile: str, by: Actor, via: Door, at: datetime) -> Contact:
    """A text with a code is on its way to `mobile`, which counts once the code came back (`verify_mobile`).

    The number that counted before counts until then. Raises Forbidden, NotFound, BadNumber, and IllegalTransition for a
    code within CODE_PAUSE of the last,
    and after too many.
    """
    contact = locked_contact(contact_id, by, "ask_mobile_code")
    number = e164(mobile, contact.customer.brand.region)
    asked = _("A code was to be texted to %s.") % number
    last_at = contact.mobile_check_until - CODE_GOOD_FOR if contact.mobile_check_until is not None else None
    if last_at is not None and at < last_at + CODE_PAUSE:
        raise IllegalTransition(asked, _("One went out a moment ago."), _("Wait a minute, then ask again."))
    tries = 0 if last_at is None or last_at + timedelta(days=1) <= at else contact.mobile_tries
    if tries >= CODE_TRIES:
        raise IllegalTransition(asked, _("Too many were asked for or entered."), _("Try again tomorrow."))
    contact.mobile_check, contact.mobile_check_until = secrets.token_hex(16), at + CODE_GOOD_FOR
    contact.mobile_tries, contact.mobile_asked = tries + 1, number
    contact.save(update_fields=["mobile_check", "mobile_check_until", "mobile_tries", "mobile_asked"])
    void_promises(("contact", contact.pk), at=at, kinds={MOBILE_CODE})
    _promise(MOBILE_CODE, contact, at, _("they asked for a code"), at)
    _note(MOBILE_ASKED, contact, by, via, at)
    return contact


@transaction.atomic
def verify_mobile(*, contact_id: int, code: str, by: Actor, via: Door, at: datetime) -> bool:
    """Whether the code is the one that was texted; then they have the number.

    A wrong one counts, and after CODE_TRIES none fits. Raises Forbidden, NotFound, and IllegalTransition where no code
    is on its way, or it is too old, or too many were tried.
    """
    contact = locked_contact(contact_id, by, "verify_mobile")
    awaited = contact.mobile_check and contact.mobile_check_until is not None and at < contact.mobile_check_until
    if not awaited or contact.mobile_tries >= CODE_TRIES:
        raise IllegalTransition(
            _("A code was entered."), _("No code is waited for, or it is too old."), _("Ask for a new one.")
        )
    if not constant_time_compare(mobile_code(contact.mobile_check), code.strip().replace(" ", "")):
        contact.mobile_tries += 1
        contact.save(update_fields=["mobile_tries"])
        return False
    contact.mobile, contact.mobile_verified_at = contact.mobile_asked, at
    contact.mobile_check = contact.mobile_asked = ""
    contact.save(update_fields=["mobile", "mobile_verified_at", "mobile_check", "mobile_asked"])
    _note(MOBILE_VERIFIED, contact, by, via, at)
    return True


@transaction.atomic
def remove_mobile(*, contact_id: int, by: Actor, via: Door, at: datetime) -> Contact:
    """They are texted nowhere any more, and no code that is on its way counts. Repeating it changes nothing.

    Raises Forbidden, NotFound.
    """
    contact = locked_contact(contact_id, by, "remove_mobile")
    if not contact.mobile and not contact.mobile_check:
        return contact
    contact.mobile = contact.mobile_asked = contact.mobile_check = ""
    contact.mobile_verified_at, contact.texted_at_night = None, False
    contact.save(update_fields=["mobile", "mobile_asked", "mobile_check", "mobile_verified_at", "texted_at_night"])
    void_promises(("contact", contact.pk), at=at, kinds={MOBILE_CODE})
    _note(MOBILE_REMOVED, contact, by, via, at)
    return contact


@transaction.atomic
def make_contact_token(*, contact_id: int, name: str, by: Actor, via: Door, at: datetime) -> tuple[Token, str]:
    """A token with which a program does what the contact may, and its secret, which is told only now.

    Raises Forbidden, NotFound, Invalid, and IllegalTransition for one who does not log in, or has TOKENS_EACH.
    """
    contact = locked_contact(contact_id, by, "make_contact_token")
    asked = _("The token %s was asked for.") % name[:40]
    if contact.user_id is None:
        raise IllegalTransition(asked, _("%s does not sign in.") % contact.name, _("Invite them first."))
    if Token.objects.filter(contact_id=contact.pk, revoked_at=None).count() >= TOKENS_EACH:
        raise IllegalTransition(asked, _("There are %s already.") % TOKENS_EACH, _("Revoke one that is not needed."))
    return issue_contact_token(
        name=name,
        user_id=contact.user_id,
        contact_id=contact.pk,
        brand_id=contact.customer.brand_id,
        by=by,
        via=via,
        at=at,
    )


@transaction.atomic
def revoke_contact_token(*, contact_id: int, token_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The contact's token opens nothing any more. Repeating it changes nothing. Raises Forbidden, NotFound."""
    contact = locked_contact(contact_id, by, "revoke_contact_token")
    if not Token.objects.filter(pk=token_id, contact_id=contact.pk).exists():
        raise NotFound(_("A token was to be revoked."), _("There is none."), _("Look at the list."))
    withdraw_contact_tokens(contact_id=contact.pk, token_id=token_id, by=by, via=via, at=at)


@transaction.atomic
def set_company_rule(*, customer_id: int, sees: str, by: Actor, via: Door, at: datetime) -> Customer:
    """Whose tickets each contact of the company sees. Raises Forbidden, NotFound, Invalid."""
    customer = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).first()
    require_for(by, "set_company_rule", customer)
    if customer is None:
        raise NotFound(_("The customer %s was asked for.") % customer_id, _("There is none."), _("Look at the list."))
    if sees not in set(Sees):
        raise Invalid(_("The rule %r was given.") % sees[:20], _("There is none."), _("Give own, managers_all or all."))
    if customer.sees != sees:
        customer.sees = sees
        customer.save(update_fields=["sees"])
        facts = {"customer": customer.name, "sees": sees}
        subject = ("customer", customer.pk)
        record(COMPANY_RULE_SET, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts)
    return customer


def _check_standing(standing: str) -> None:
    if standing not in set(Standing):
        raise Invalid(
            _("The standing %r was given.") % standing[:20], _("There is none."), _("Give viewer, member or manager.")
        )


def _keep_a_manager(contact: Contact, by: Actor) -> None:
    """Raise IllegalTransition where the company's own hand would take away its last manager."""
    if by.kind != "contact" or contact.standing != Standing.MANAGER:
        return
    # The company's row is the gate: of two who step down at once the second sees what the first did.
    Customer.objects.select_for_update(no_key=True).get(pk=contact.customer_id)
    others = Contact.objects.filter(customer=contact.customer_id, left_at=None, standing=Standing.MANAGER)
    if not others.filter(user__isnull=False).exclude(pk=contact.pk).exists():
        raise IllegalTransition(
            _("%s was to keep your contacts no more.") % contact.name,
            _("Nobody else of your company does."),
            _("Let somebody else keep them first, or ask our desk."),
        )


def _review_later(contact: Contact, at: datetime) -> None:
    """A viewer's company is asked in time whether they still belong there; without an answer they are let in no more."""
    void_promises(("contact", contact.pk), at=at, kinds={REVIEW, LAPSE})
    if contact.standing != Standing.VIEWER or contact.confirmed_at is None:
        return
    ends_at = contact.confirmed_at + CONFIRMED_FOR
    _promise(REVIEW, contact, ends_at - ASKED_BEFORE, _("their company is asked whether they still belong there"), at)
    _promise(LAPSE, contact, ends_at, _("nobody may have confirmed them by then"), at)


def _promise(what: str, contact: Contact, due_at: datetime, why: str, at: datetime) -> None:
    """Secrets stay in the contact's row: what is promised can be read by all of the staff."""
    brand_id = contact.customer.brand_id
    promise(what, subject=("contact", contact.pk), due_at=due_at, why=why, at=at, brand_id=brand_id)


def _note(kind_of_entry: str, contact: Contact, by: Actor, via: Door, at: datetime, **facts: object) -> None:
    customer = contact.customer
    facts = {"customer": customer.name, "contact": contact.pk, **facts}
    subject = ("customer", customer.pk)
    words = f"{contact.name} {contact.email}".strip()
    record(kind_of_entry, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts, text=words)
