"""`nightdesk handover`: the note of a seat, taking it over, saying no, being out of reach, and how it was handed over."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.duty import away_actions, handover_actions, sections
from nightdesk.duty.actions import accept_duty
from nightdesk.duty.decide import when_back
from nightdesk.duty.queries import copies_of, handing, past_notes
from nightdesk.people.models import Person
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_seat


class Command(BaseCommand):
    help = "Read the note of a seat, take a turn over for somebody, or say that they are out of reach."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        show = verbs.add_parser("show", help="the note of a seat as it is now")
        show.add_argument("seat", help="the seat's key")
        accept = verbs.add_parser("accept", help="somebody takes the turn that comes next, or that nobody has taken")
        accept.add_argument("seat", help="the seat's key")
        accept.add_argument("person", help="their name or number")
        watch = verbs.add_parser("watch", help="one more thing to keep an eye on")
        watch.add_argument("seat", help="the seat's key")
        watch.add_argument("words", nargs="+", help="what")
        past = verbs.add_parser("past", help="how a seat was handed over, the newest first")
        past.add_argument("seat", help="the seat's key")
        past.add_argument("--count", type=int, default=10, help="how many at most")
        past.add_argument("--json", action="store_true", help="print JSON, with the notes as they were accepted")
        away = verbs.add_parser("away", help="somebody on duty is out of reach: whoever stands behind is rung")
        away.add_argument("person", help="their name or number")
        away.add_argument("until", help="a time by their clock, such as 18:40")
        back = verbs.add_parser("back", help="they are in reach again")
        back.add_argument("person", help="their name or number")

    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb}")(options)

    def _show(self, options: dict[str, Any]) -> None:
        at = clock.now()
        seat = _seat(options["seat"])
        each = handing(seat, at)
        self.stdout.write(sections.copied(seat, each.note, each.hold, at) or _("Nothing stands in the note."))

    def _accept(self, options: dict[str, Any]) -> None:
        at = clock.now()
        seat, person = _seat(options["seat"]), _person(options["person"])
        turn_at = handing(seat, at).turn_at
        if turn_at is None:
            raise IllegalTransition(
                _("%s was to be taken over.") % seat.name, _("Nobody else comes."), _("Look at `nightdesk who`.")
            )
        accept_duty(seat_key=seat.key, turn_at=turn_at, person_id=person.id, by=SCHEDULER, via=Door.CLI, at=at)
        self.stdout.write(_("%(person)s has accepted %(seat)s.") % {"person": person.name, "seat": seat.name})

    def _watch(self, options: dict[str, Any]) -> None:
        item = handover_actions.add_watch_item(
            seat_key=options["seat"], words=" ".join(options["words"]), by=SCHEDULER, via=Door.CLI, at=clock.now()
        )
        self.stdout.write(_("To be watched: %s") % item.words)

    def _past(self, options: dict[str, Any]) -> None:
        notes = list(past_notes(_seat(options["seat"]))[: max(1, options["count"])])
        told = [(note, note.hold) for note in notes if note.hold is not None]
        if options["json"]:
            found = [
                {
                    "id": note.pk,
                    "at": note.closed_at.isoformat() if note.closed_at else None,
                    "person": hold.person.name,
                    "how": hold.how,
                    "copies": [
                        {"at": copy.at.isoformat(), "by": copy.by, "via": copy.via, "text": copy.text}
                        for copy in copies_of(note)
                    ],
                }
                for note, hold in told
            ]
            self.stdout.write(json.dumps(found, indent=2))
            return
        for note, hold in told:
            when = note.closed_at.isoformat(timespec="minutes") if note.closed_at else ""
            self.stdout.write(f"{when}  {hold.person.name}  ({hold.how})")
        if not told:
            self.stdout.write(_("It was not handed over yet."))

    def _away(self, options: dict[str, Any]) -> None:
        at = clock.now()
        person = _person(options["person"])
        until_at = when_back(options["until"], ZoneInfo(person.zone), at)
        if until_at is None:
            raise Invalid(
                _("%s is out of reach.") % person.name, _("%r is no time.") % options["until"], _("Say 18:40.")
            )
        row = away_actions.go_out_of_reach(person_id=person.id, until_at=until_at, by=SCHEDULER, via=Door.CLI, at=at)
        until = row.until_at.astimezone(ZoneInfo(person.zone))
        self.stdout.write(
            _("%(person)s is out of reach until %(until)s.") % {"person": person.name, "until": f"{until:%H:%M}"}
        )

    def _back(self, options: dict[str, Any]) -> None:
        person = _person(options["person"])
        row = away_actions.come_back(person_id=person.id, by=SCHEDULER, via=Door.CLI, at=clock.now())
        told = _("%s is in reach again.") if row is not None else _("%s was in reach.")
        self.stdout.write(told % person.name)


def _seat(key: str) -> Seat:
    return Seat.objects.select_related("rota").get(id=load_seat(key).id)


def _person(text: str) -> Person:
    """By number or by the whole name, whatever its case. Raises NotFound, also where several have it."""
    rows = Person.objects.filter(active=True)
    found = list(rows.filter(id=int(text)) if text.isdecimal() else rows.filter(name__iexact=text.strip())[:2])
    if len(found) != 1:
        so = _("Several have that name.") if found else _("There is nobody of that name.")
        raise NotFound(_("The person %r was named.") % text, so, _("Name them in full, or by their number."))
    return found[0]
