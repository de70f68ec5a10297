"""`nightdesk cover list`, `find SEAT`, `show ID`, `take ID --as EMAIL`, `decline ID --as EMAIL`, `off ID`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.duty import cover_actions, cover_queries
from nightdesk.duty.models import CoverSearch
from nightdesk.management.commands.plan import instant_of
from nightdesk.paging.management.commands.ack import actor_named


class Command(BaseCommand):
    help = "Cover for somebody who drops out of a duty: have people asked, and answer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        listed = what.add_parser("list", help="what is being sought")
        sought = what.add_parser("find", help="have people asked to stand in for a seat")
        sought.add_argument("seat", help="the key of the seat")
        sought.add_argument("--from", dest="since", help="an instant with its offset; default: now")
        sought.add_argument("--until", help="likewise; default: the end of that turn")
        sought.add_argument("--together", action="store_true", help="all at once; else one after the other")
        numbered = {
            "show": "who was asked, and what they said",
            "take": "yes",
            "decline": "no",
            "off": "nobody need stand in any more",
        }
        parsers = [what.add_parser(name, help=text) for name, text in numbered.items()]
        for each in parsers:
            each.add_argument("number", type=int)
        for each in (listed, sought, *parsers):
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
            each.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        rows = cover_queries.searches(brands_for(by, "read_cover"))
        if options["what"] == "list":
            self._tell(list(rows.filter(ends_at__gt=doing["at"])[:50]), options)
            return
        if options["what"] == "find":
            since = instant_of(options["since"]) if options["since"] else doing["at"]
            until = instant_of(options["until"]) if options["until"] else None
            made = cover_actions.seek_cover(
                seat_key=options["seat"], starts_at=since, ends_at=until, together=options["together"], **doing
            )
            self._tell([made], options)
            return
        search = rows.filter(id=options["number"]).first()
        if search is None:
            raise NotFound(
                _("The search %s was named.") % options["number"],
                _("There is none."),
                _("Look at `nightdesk cover list`."),
            )
        match options["what"]:
            case "take":
                cover_actions.take_cover(search_id=search.pk, **doing)
            case "decline":
                cover_actions.turn_down_cover(search_id=search.pk, **doing)
            case "off":
                cover_actions.call_off_cover(search_id=search.pk, **doing)
        search.refresh_from_db()
        self._tell([search], options, asks=True)

    def _tell(self, searches: list[CoverSearch], options: dict[str, Any], *, asks: bool = False) -> None:
        if options["json"]:
            self.stdout.write(json.dumps([_fields(one) for one in searches], ensure_ascii=False))
            return
        for one in searches:
            until = one.ends_at.isoformat(timespec="minutes")
            by = f" {one.taken_by.name}" if one.taken_by else ""
            self.stdout.write(
                f"{one.pk}  {one.seat.key}  {one.starts_at.isoformat(timespec='minutes')} to {until}: {one.state}{by}"
            )
            for ask in one.asks.select_related("person") if asks else ():
                self.stdout.write(
                    f"  {ask.person.name}: {ask.answer or ('asked' if ask.asked_at else 'not yet asked')}"
                )
        if not searches:
            self.stdout.write(_("There are none."))


def _fields(one: CoverSearch) -> dict[str, Any]:
    return {
        "id": one.pk,
        "seat": one.seat.key,
        "starts_at": one.starts_at.isoformat(),
        "ends_at": one.ends_at.isoformat(),
        "state": one.state,
        "taken_by": one.taken_by.name if one.taken_by else None,
        "asks": [
            {"person": ask.person.name, "answer": ask.answer, "asked": ask.asked_at is not None}
            for ask in one.asks.select_related("person")
        ],
    }
