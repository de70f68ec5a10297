"""`nightdesk token new NAME --scope S`, `token list`, `token revoke ID`: secrets for programs that use the API."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nightdesk.access.actions import make_token, revoke_token
from nightdesk.access.matrix import SCOPES
from nightdesk.access.models import Brand, Token, User
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound


class Command(BaseCommand):
    help = "Make, list and revoke API tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        new = what.add_parser("new", help="make a token; its secret stands alone on the last line")
        new.add_argument("name", help="what uses it, for example wallboard")
        scopes = ", ".join(SCOPES)
        new.add_argument("--scope", action="append", required=True, help=f"{scopes}, or the name of a verb; repeatable")
        new.add_argument("--user", metavar="EMAIL", help="whom it acts for; without, it is a machine of its own name")
        new.add_argument("--brand", metavar="SLUG", help="the only brand that it may touch")
        new.add_argument("--expires", metavar="DAYS", type=int, help="for how many days it works; without, for ever")
        listing = what.add_parser("list", help="every token, revoked ones too")
        revoke = what.add_parser("revoke", help="make a token useless")
        revoke.add_argument("id", type=int)
        for command in (new, listing, revoke):
            command.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        match options["what"]:
            case "new":
                self._new(options)
            case "list":
                self._list(options["json"])
            case "revoke":
                token = revoke_token(token_id=options["id"], by=OPERATOR, via=Door.CLI, at=clock.now())
                told = _("Token %(id)s (%(name)s) opens nothing any more.") % {"id": token.pk, "name": token.name}
                self.stdout.write(json.dumps(_told(token)) if options["json"] else told)

    def _new(self, options: dict[str, Any]) -> None:
        at = clock.now()
        token, secret = make_token(
            name=options["name"],
            scopes=options["scope"],
            user_id=_user_of(options["user"]) if options["user"] else None,
            brand_id=_brand_of(options["brand"]) if options["brand"] else None,
            expires_at=at + timedelta(days=options["expires"]) if options["expires"] is not None else None,
            by=OPERATOR,
            via=Door.CLI,
            at=at,
        )
        if options["json"]:
            self.stdout.write(json.dumps(_told(token) | {"secret": secret}))
        else:
            self.stdout.write(_("Token %(id)s (%(name)s). Its secret, told this once:") % _told(token))
            self.stdout.write(secret)

    def _list(self, as_json: bool) -> None:
        tokens = list(Token.objects.select_related("user", "brand").order_by("id"))
        if as_json:
            self.stdout.write(json.dumps([_told(token) for token in tokens]))
            return
        for token in tokens:
            state = _("revoked") if token.revoked_at else ""
            scopes, user = ",".join(token.scopes), token.user.email if token.user else ""
            self.stdout.write(
                "  ".join(part for part in (str(token.pk), token.hint, token.name, scopes, user, state) if part)
            )


def _told(token: Token) -> dict[str, Any]:
    def instant(name: str) -> str | None:
        at = getattr(token, name)
        return at.isoformat() if at is not None else None

    return {
        "id": token.pk,
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes,
        "user": token.user.email if token.user else None,
        "brand": token.brand.slug if token.brand else None,
        **{name: instant(name) for name in ("created_at", "last_used_at", "expires_at", "revoked_at")},
    }


def _user_of(email: str) -> int:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise NotFound(
            _("A token for %s was asked for.") % email,
            _("Nobody logs in with that address."),
            _("Look for the right one."),
        )
    return user.pk


def _brand_of(slug: str) -> int:
    brand = Brand.objects.filter(slug=slug).first()
    if brand is None:
        raise NotFound(
            _("A token for the brand %s was asked for.") % slug, _("There is none."), _("Give a brand's short name.")
        )
    return brand.pk
