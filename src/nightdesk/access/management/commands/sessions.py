"""`nightdesk sessions [--of EMAIL]`, `sessions --end ID`, `sessions --end-all --of EMAIL`: where accounts are signed in."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from nightdesk.access.models import Session, User
from nightdesk.access.queries import OPERATOR, live_sessions
from nightdesk.access.session_actions import end_session, end_sessions
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound


class Command(BaseCommand):
    help = "List the browsers in which accounts are signed in, and sign them out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--of", metavar="EMAIL", help="only those of this account")
        parser.add_argument("--end", metavar="ID", type=int, help="sign this one out")
        parser.add_argument("--end-all", action="store_true", help="sign out every one of the account that --of names")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        doing: dict[str, Any] = {"by": OPERATOR, "via": Door.CLI, "at": clock.now()}
        user_id = _user_of(options["of"]) if options["of"] else None
        if options["end"] is not None:
            end_session(session_id=options["end"], **doing)
            self.stdout.write(_("It is signed out."))
        elif options["end_all"]:
            if user_id is None:
                raise CommandError("Say whose: --end-all --of EMAIL.")
            self.stdout.write(_("Signed out: %d.") % end_sessions(user_id=user_id, **doing))
        else:
            self._list([_told(each) for each in live_sessions(doing["at"], user_id=user_id)], as_json=options["json"])

    def _list(self, sessions: list[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(sessions))
            return
        for each in sessions:
            self.stdout.write("  ".join(str(value) for value in each.values() if value is not None))


def _told(session: Session) -> dict[str, Any]:
    return {
        "id": session.pk,
        "account": session.user.email,
        "device": session.device,
        "address": session.address,
        "began_at": session.began_at.isoformat(),
        "seen_at": session.seen_at.isoformat(),
    }


def _user_of(email: str) -> int:
    user_id = User.objects.filter(email__iexact=email).values_list("pk", flat=True).first()
    if user_id is None:
        raise NotFound(
            _("The sessions of %s were asked for.") % email,
            _("Nobody logs in with that address."),
            _("Look under Accounts."),
        )
    return user_id
