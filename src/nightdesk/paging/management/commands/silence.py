"""`nightdesk silence new --part sw2 --for 2h --reason WHY`, `silence page CODE`, `silence list`, `silence end NUMBER`."""

import json
import re
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.paging import queries, silence_actions
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named
from nightdesk.paging.models import Silence
from nightdesk.paging.silencing import Matcher, priorities_named

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    help = "Keep alarms quiet for a while; what still fires when it ends pages then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        new = what.add_parser("new", help="keep what fits quiet")
        new.add_argument("--part", default="", help="machine or part as alarms name it; * stands for anything")
        new.add_argument("--summary", default="", help="words in the alarm")
        new.add_argument("--priority", action="append", default=[], help="only these, P1 to P5; may be repeated")
        new.add_argument("--brand", help="slug of the brand; needed where there are several")
        page = what.add_parser("page", help="keep quiet what a page is about")
        page.add_argument("code", help="the page's code, as its messages give it")
        for each in (new, page):
            each.add_argument("--for", dest="span", default="1h", help="how long: 30m, 2h, 1d")
            each.add_argument("--reason", default="", help="why, for whoever looks at it later")
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
        end = what.add_parser("end", help="end one now")
        end.add_argument("number", type=int)
        shown = what.add_parser("list", help="what is quiet now")
        for each in (new, page, end, shown):
            each.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        at = clock.now()
        by = actor_named(options["email"]) if options.get("email") else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": at}
        match options["what"]:
            case "new":
                levels = priorities_named(options["priority"])
                row = silence_actions.make_silence(
                    brand_id=brand_named(options["brand"]).id,
                    matcher=Matcher(None, None, options["part"], options["summary"], levels),
                    until_at=until(options["span"], at),
                    reason=options["reason"] or "by hand",
                    **doing,
                )
                rows = [row]
            case "page":
                page = queries.page_by_code(options["code"], None)
                until_at = until(options["span"], at)
                row, _page = silence_actions.silence_page(
                    page_id=page.id, until_at=until_at, reason=options["reason"], **doing
                )
                rows = [row]
            case "end":
                rows = [silence_actions.end_silence(silence_id=options["number"], **doing)]
            case _:
                rows = queries.silences_now(None, at)
        self._tell(rows, as_json=options["json"])

    def _tell(self, rows: list[Silence], *, as_json: bool) -> None:
        kept = queries.kept_quiet([row.pk for row in rows])
        told = [
            {
                "id": row.pk,
                "what": queries.told_of(row),
                "until": row.until_at.isoformat(timespec="seconds"),
                "ended": row.ended_at is not None,
                "by": row.made_by,
                "alarms": kept[row.pk].alarms,
                "firing": kept[row.pk].firing,
            }
            for row in rows
        ]
        if as_json:
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for one in told:
            end = "over" if one["ended"] else f"until {one['until']}"
            self.stdout.write(f"{one['id']}  {one['what']}, {end}, by {one['by']}; {one['alarms']} alarms")
        if not told:
            self.stdout.write("Nothing is kept quiet.")


def until(span: str, at: datetime) -> datetime:
    """`at` and 30m, 2h or 1d. Raises Invalid."""
    match = re.fullmatch(r"(\d{1,4})([mhd])", span, re.ASCII)
    if match is None:
        raise Invalid(f"Quiet for {span[:20]} was asked for.", "That is no length of time.", "Write 30m, 2h or 1d.")
    return at + timedelta(**{UNITS[match[2]]: int(match[1])})
