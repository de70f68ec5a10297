"""`nightdesk rota list`, `new`, `turns SEAT`, `layers SEAT [--set FILE]`, `override`, `cancel NUMBER`, `swap`, `swaps`,
`import ROTA FILE`, `export ROTA`, `calendar ROTA`, `seat`.
"""

import json
import sys
from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand
from django.urls import reverse
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.csv_table import BadField
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.duty import feed, feed_actions, seat_actions
from nightdesk.duty.queries import feed_address
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person
from nightdesk.rota import actions, import_actions, queries, resolve, swap_actions, turn_file
from nightdesk.rota import seat_actions as rotas
from nightdesk.rota.models import Rota, Swap
from nightdesk.rota.starting_points import STARTING_POINTS

SWAP_VERBS = {
    "accept": swap_actions.accept_swap,
    "decline": swap_actions.decline_swap,
    "approve": swap_actions.approve_swap,
    "refuse": swap_actions.refuse_swap,
    "cancel": swap_actions.cancel_swap,
}


class Command(BaseCommand):
    help = "Rotas: their seats and turns, changes for a while, swaps, turns from and to files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("list", help="every rota with its seats")
        new = what.add_parser("new", help="a rota from a starting point")
        new.add_argument("name")
        new.add_argument("--brand", required=True, help="slug of the brand")
        new.add_argument("--zone", default="Europe/London")
        new.add_argument("--from", dest="begin_with", default="blank", choices=list(STARTING_POINTS))
        new.add_argument("--person", action="append", default=[], help="their name; repeat it in the order of turns")
        new.add_argument("--team", default="")
        new.add_argument("--first-day", default="", help="2026-03-02; default: today")
        seat = what.add_parser("seat", help="add, rename, move or remove a seat")
        seat.add_argument("do", choices=("add", "edit", "remove"))
        seat.add_argument("key", help="the seat's key; for add, the rota's number")
        seat.add_argument("--name", default="")
        seat.add_argument("--place", type=int, help="from 1")
        turns = what.add_parser("turns", help="a seat's next turns")
        turns.add_argument("seat")
        turns.add_argument("--count", type=int, default=8)
        layers = what.add_parser(
            "layers", help="a seat's layers as JSON; with --set, from a file (- for what comes in)"
        )
        layers.add_argument("seat")
        layers.add_argument("--set", dest="file", default="")
        layers.add_argument("--seen", help="the mark that was printed with the layers you changed")
        layers.add_argument("--dry-run", action="store_true", help="show the next turns that they would give")
        undo = what.add_parser("undo", help="take back a change of layers")
        undo.add_argument("entry", help="its journal entry")
        override = what.add_parser("override", help="change who is on for a while")
        override.add_argument("seat")
        override.add_argument("--on", default="", help="who comes on")
        override.add_argument("--off", default="", help="who goes off")
        for each in (override, swap := what.add_parser("swap", help="ask somebody to take a turn")):
            each.add_argument("--starts", required=True, help="2026-03-02T18:00, by the rota's clocks")
            each.add_argument("--ends", required=True)
        swap.add_argument("seat")
        swap.add_argument("--of", required=True, help="whose turn it is")
        swap.add_argument("--ask", required=True, help="who is asked")
        cancel = what.add_parser("cancel", help="take an override back")
        cancel.add_argument("number", type=int)
        what.add_parser("swaps", help="swaps that wait for somebody's word")
        settle = what.add_parser("settle", help="somebody's word on a swap")
        settle.add_argument("number", type=int)
        settle.add_argument("word", choices=list(SWAP_VERBS))
        settle.add_argument("--as", dest="person", default="", help="whose word it is; default: the operator's")
        file = what.add_parser(
            "import", help="turns from an iCalendar file or a CSV; shows what it would do, unless --yes"
        )
        file.add_argument("rota", type=int)
        file.add_argument("file")
        file.add_argument("--seat", default="", help="the seat of every turn")
        file.add_argument("--alias", action="append", default=[], help="their name = ours; may be repeated")
        file.add_argument("--yes", action="store_true")
        file.add_argument("--skip-problems", action="store_true", help="leave out the lines that do not fit")
        for each in (layers, override, settle, file):
            each.add_argument("--reason", default="", help="why it holds against a rule of working time that blocks it")
        export = what.add_parser("export", help="the rota's turns of the coming year")
        export.add_argument("rota", type=int)
        export.add_argument("--format", choices=("ics", "csv"), default="ics")
        calendar = what.add_parser("calendar", help="the path of a rota's calendar; with --renew, a new one")
        calendar.add_argument("rota", type=int)
        calendar.add_argument("--renew", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        at = clock.now()
        said = getattr(self, f"_{options['what']}")(options, {"by": OPERATOR, "via": Door.CLI, "at": at})
        if said is not None:
            self.stdout.write(said)

    def _list(self, _options: dict[str, Any], _doing: dict[str, Any]) -> str:
        lines = []
        for row in Rota.objects.select_related("brand").order_by("name", "id"):
            lines.append(f"{row.id}  {row.name} ({row.brand.slug}, {row.zone})")
            lines += [f"    {seat.key}  {seat.name}" for seat in queries.seats_on(row.id)]
        return "\n".join(lines) or _("There is no rota.")

    def _new(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        brand = Brand.objects.filter(slug=options["brand"]).first()
        if brand is None:
            raise NotFound(_("A rota was to be made."), _("There is no such brand."), _("Name one by its short name."))
        team = Team.objects.filter(brand=brand, name=options["team"]).first() if options["team"] else None
        made = rotas.start_rota(
            brand_id=brand.id,
            name=options["name"],
            zone=options["zone"],
            begin_with=options["begin_with"],
            person_ids=[_person(name).id for name in options["person"]],
            team_id=team.id if team else None,
            first_day=date.fromisoformat(options["first_day"]) if options["first_day"] else doing["at"].date(),
            **doing,
        )
        return f"{made.id}  {', '.join(seat.key for seat in queries.seats_on(made.id))}"

    def _seat(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        if options["do"] == "add":
            return rotas.add_seat(rota_id=int(options["key"]), name=options["name"], **doing).key
        if options["do"] == "remove":
            seat_actions.remove_seat(seat_key=options["key"], **doing)
            return _("Removed; its record stays.")
        changes = {"name": options["name"]} if options["name"] else {}
        if options["place"] is not None:
            changes["position"] = options["place"] - 1
        rotas.edit_seat(seat_key=options["key"], changes=changes, **doing)
        return _("Changed.")

    def _turns(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        turns = queries.next_turns(options["seat"], doing["at"], max(1, min(options["count"], 1000)))
        return _told(turns, queries.load_seat(options["seat"]).rota.zone)

    def _layers(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        seat = queries.load_seat(options["seat"])
        if not options["file"]:
            shown = {"mark": queries.layers_mark(seat.key), "layers": queries.plain_layers(seat.key)}
            return json.dumps(shown, indent=2, default=str)
        try:
            read = json.loads(_content(options["file"]))
        except ValueError as bad:
            raise Invalid(_("Layers were given."), _("They are no JSON."), _("Write a list of layers.")) from bad
        layers, seen = (read["layers"], read.get("mark")) if isinstance(read, dict) else (read, None)
        if options["dry_run"]:
            plan = queries.drafted(seat.key, layers)
            return _told(resolve.next_turns(plan, seat.key, doing["at"], 8), seat.rota.zone)
        seen = options["seen"] or seen
        actions.set_layers(seat_key=seat.key, layers=layers, seen=seen, override_reason=options["reason"], **doing)
        return _("Set. The journal's entry for undoing it: %s") % queries.last_change_of_layers(seat.id)

    def _undo(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        actions.undo_layers(entry_id=options["entry"], **doing)
        return _("The turns are as they were before.")

    def _override(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        zone = queries.load_seat(options["seat"]).rota.zone
        on, off = (_person(name).id if name else None for name in (options["on"], options["off"]))
        made = actions.add_override(
            seat_key=options["seat"],
            kind="replace" if on and off else "remove" if off else "add",
            starts_at=_instant(options["starts"], zone),
            ends_at=_instant(options["ends"], zone),
            member_id=on,
            instead_of_id=off,
            override_reason=options["reason"],
            **doing,
        )
        return str(made.id)

    def _cancel(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        actions.cancel_override(override_id=options["number"], **doing)
        return _("Taken back.")

    def _swap(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        zone = queries.load_seat(options["seat"]).rota.zone
        swap = swap_actions.ask_swap(
            seat_key=options["seat"],
            starts_at=_instant(options["starts"], zone),
            ends_at=_instant(options["ends"], zone),
            asked_by_id=_person(options["of"]).id,
            asked_id=_person(options["ask"]).id,
            **doing,
        )
        return str(swap.pk)

    def _swaps(self, _options: dict[str, Any], doing: dict[str, Any]) -> str:
        lines = []
        for row in Rota.objects.order_by("name"):
            for swap in queries.open_swaps(row.id, doing["at"]):
                span = f"{swap.starts_at:%Y-%m-%dT%H:%MZ} to {swap.ends_at:%Y-%m-%dT%H:%MZ}"
                lines.append(
                    f"{swap.pk}  {swap.seat.key}, {span}: {swap.asked.name} for {swap.asked_by.name}, {swap.state}"
                )
        return "\n".join(lines) or _("None waits for anybody.")

    def _settle(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        by: Actor = actor_of_person(_person(options["person"]).id) if options["person"] else doing["by"]
        if options["word"] == "approve":
            doing = doing | {"override_reason": options["reason"]}
        swap = SWAP_VERBS[options["word"]](swap_id=options["number"], **(doing | {"by": by}))
        return str(Swap.State(swap.state).label)

    def _import(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        people = dict(Person.objects.filter(active=True).values_list("name", "id"))
        try:
            aliases = turn_file.read_aliases(options["alias"], people)
        except BadField as bad:
            raise Invalid(_("“%s” was given.") % bad.what, bad.so, bad.do) from bad
        result = import_actions.import_turns(
            rota_id=options["rota"],
            content=_content(options["file"]),
            only_seat=options["seat"],
            aliases=aliases,
            dry_run=not options["yes"],
            skip_problems=options["skip_problems"],
            override_reason=options["reason"],
            **doing,
        )
        names = {("person", id_): name for name, id_ in people.items()}
        lines = [f"{_('line')} {each.line}: {each.what}. {each.so} {each.do}" for each in result.problems]
        lines += [
            f"{each.seat}  {each.start:%Y-%m-%dT%H:%MZ} to {each.end:%Y-%m-%dT%H:%MZ}: "
            f"{names.get(each.now, '-')} instead of {names.get(each.was, '-')}"  # type: ignore[arg-type]
            for each in result.changes
        ]
        written = options["yes"] and result.turns and (options["skip_problems"] or not result.problems)
        lines.append(
            _("%d turns are taken.") % result.turns
            if written
            else _("Nothing is written; %d turns fit.") % result.turns
        )
        return "\n".join(lines)

    def _export(self, options: dict[str, Any], doing: dict[str, Any]) -> str | None:
        plan = queries.load_rota(options["rota"])
        if options["format"] == "csv":
            zone = ZoneInfo(plan.zone)
            people = dict(Person.objects.values_list("id", "name"))
            lines = ["seat,person,starts_at,ends_at"]
            for seat in plan.seats:
                for turn in resolve.turns(plan, seat.key, doing["at"], doing["at"] + timedelta(days=365)):
                    member: Any = turn.member
                    name = people.get(member[1], "") if member and member[0] == "person" else ""
                    span = f"{turn.start.astimezone(zone).isoformat()},{turn.end.astimezone(zone).isoformat()}"
                    lines += [f'{seat.key},"{name}",{span}'] if name else []
            return "\n".join(lines)
        serial = feed.read_feed_token(feed_address("rota", options["rota"]))
        given = feed_actions.give_feed(whose="rota", id_=options["rota"], serial=serial[2] if serial else 1, **doing)
        if given is not None:
            self.stdout.write(feed.build_feed(*given, doing["at"]).decode(), ending="")
        return None

    def _calendar(self, options: dict[str, Any], doing: dict[str, Any]) -> str:
        queries.load_rota(options["rota"])
        if options["renew"]:
            feed_actions.renew_feed(whose="rota", id_=options["rota"], **doing)
        return reverse("duty_feed", args=[feed_address("rota", options["rota"])])


def _person(name: str) -> Person:
    """The one active person of that name."""
    found = list(Person.objects.filter(name__iexact=name.strip(), active=True)[:2])
    if len(found) != 1:
        so = _("Several people are called so.") if found else _("Nobody who may be on is called so.")
        raise NotFound(_("%r was named.") % name[:60], so, _("Give the whole name of one."))
    return found[0]


def _instant(text: str, zone: str) -> datetime:
    """With its offset, or by the rota's clocks. Raises Invalid."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as bad:
        raise Invalid(
            _("The time %r was given.") % text[:40], _("It cannot be read."), _("Write 2026-03-02T18:00.")
        ) from bad
    return at.astimezone(UTC) if at.tzinfo is not None else resolve.instant_of(at.replace(fold=0), ZoneInfo(zone))


def _content(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _told(turns: list[resolve.Turn], zone: str) -> str:
    local = ZoneInfo(zone)
    people, teams = dict(Person.objects.values_list("id", "name")), dict(Team.objects.values_list("id", "name"))
    lines = []
    for turn in turns:
        member: Any = turn.member
        name = (people if member[0] == "person" else teams).get(member[1], "?")
        start, end = turn.start.astimezone(local), turn.end.astimezone(local)
        lines.append(f"{start:%Y-%m-%d %H:%M %Z} to {end:%Y-%m-%d %H:%M %Z}  {name}")
    return "\n".join(lines) or _("None: nobody is planned.")
