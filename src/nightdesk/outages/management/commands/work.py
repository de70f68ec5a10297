"""`nightdesk work list`, `work show W-12`, `work announce W-12`, `work read FILE`: planned work that customers hear of."""

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.outages import carrier_actions, work_actions
from nightdesk.outages import work_queries as queries
from nightdesk.outages.maintnote import read_maintnotes
from nightdesk.outages.models import Work
from nightdesk.outages.work_wording import window
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named

VERBS = {
    "announce": "tell those touched",
    "open": "it has begun",
    "prolong": "it takes longer",
    "close": "it is done",
    "call-off": "it does not take place",
    "dismiss": "what was only proposed is no work of ours",
    "take": "what its carrier says since is so",
}


class Command(BaseCommand):
    help = "Planned work that customers hear of, and what stands in a MAINTNOTE."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("list", help="what is not over")
        what.add_parser("show", help="one, with what speaks against it").add_argument("name", help="W-12")
        for verb, words in VERBS.items():
            one = what.add_parser(verb, help=words)
            one.add_argument("name", help="W-12")
            one.add_argument("--note", default="", help="what they are told besides; of dismiss the reason")
            one.add_argument("--as", dest="email", help="e-mail address of who does it")
            if verb in ("announce", "take"):
                one.add_argument("--despite", default="", help="why, where it clashes with a notice or a freeze")
            if verb == "prolong":
                one.add_argument("--until", required=True, help="2026-12-03T05:00+00:00")
        read = what.add_parser("read", help="what stands in a MAINTNOTE; nothing is kept")
        read.add_argument("file", type=Path)
        for each in what.choices.values():
            each.add_argument("--json", action="store_true")
            each.add_argument("--brand", help="slug of the brand; needed where there are several")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        at = clock.now()
        if options["what"] == "read":
            self._read(options["file"], as_json=options["json"])
            return
        brand = brand_named(options["brand"])
        if options["what"] == "list":
            rows = list(queries.all_work().filter(brand=brand, ended_at=None))
        else:
            rows = [self._do(options, brand.pk, at)]
        for work in rows:
            warnings = queries.warnings_of(work, at) if options["what"] == "show" else []
            if options["json"]:
                told = {"name": work.name, "id": str(work.pk), "title": work.title, "state": work.state,
                        "from_at": work.from_at.isoformat(), "until_at": work.until_at.isoformat(),
                        "warnings": warnings}  # fmt: skip
                self.stdout.write(json.dumps(told))
            else:
                when = window(work.from_at, work.until_at, brand.zone)
                self.stdout.write(f"{work.name}  {work.get_state_display()}  {when}  {work.title}")
                for warning in warnings:
                    self.stdout.write(f"  ! {warning}")

    def _do(self, options: dict[str, Any], brand_id: int, at: datetime) -> Work:
        number = str(options["name"]).upper().removeprefix("W-")
        work = queries.all_work().filter(brand=brand_id, number=int(number) if number.isdecimal() else 0).first()
        if work is None:
            raise NotFound(f"Work {options['name']} was asked for.", "There is none.", "Look at: nightdesk work list.")
        by = actor_named(options["email"]) if options.get("email") else OPERATOR
        doing: dict[str, Any] = {"work_id": work.pk, "by": by, "via": Door.CLI, "at": at}
        note = options.get("note", "")
        match options["what"]:
            case "announce":
                return work_actions.announce_work(note=note, despite=options["despite"], **doing)
            case "open":
                return work_actions.open_work(note=note, **doing)
            case "prolong":
                return work_actions.prolong_work(note=note, until_at=_instant(options["until"]), **doing)
            case "close":
                return work_actions.close_work(note=note, **doing)
            case "call-off":
                return work_actions.call_off_work(note=note, **doing)
            case "dismiss":
                return work_actions.dismiss_work(why=note, **doing)
            case "take":
                return carrier_actions.take_carrier_change(note=note, despite=options["despite"], **doing)
        return work

    def _read(self, file: Path, *, as_json: bool) -> None:
        asked = f"{file} was to be read."
        try:
            text = file.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            raise Invalid(asked, f"It cannot be: {error.strerror}.", "Name another file.") from error
        notes = read_maintnotes(text)
        if not notes:
            raise Invalid(asked, "There is no MAINTNOTE in it.", "Give an iCalendar file with X-MAINTNOTE lines.")
        for note in notes:
            if as_json:
                self.stdout.write(json.dumps(queries.note_as_json(note)))
                continue
            when = window(note.starts_at, note.ends_at, "UTC") if note.starts_at and note.ends_at else "no window"
            self.stdout.write(f"{note.provider} {note.maintenance_id}  {note.status or 'no status'}  {when}")
            for one in note.objects:
                self.stdout.write(f"  {one.id}: {note.impact_on(one)}")
            for problem in note.problems:
                self.stdout.write(f"  ! {problem.words}")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid(f"{text} was given.", "It is no instant with a zone.", "Write 2026-12-03T05:00+00:00.")
    return at
