"""`nightdesk outages list`, `show O-1042`, `propose TITLE --part KEY`, `confirm`, `say`, `no-change`, `withdraw`."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.dateparse import parse_datetime

from nightdesk.access.matrix import brands_for, forbidden, may
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.outages import actions, queries, wording
from nightdesk.outages.decide import OPEN, State
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage, Part, Severity
from nightdesk.outages.preview import Draft, preview_of
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named

SHOWN = 50


class Command(BaseCommand):
    help = "Outages: list, show, propose, confirm and withdraw them, and tell customers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        shown = what.add_parser("list", help="what is open; with --all everything, the newest first")
        shown.add_argument("--all", action="store_true")
        proposed = what.add_parser("propose", help="it may be one; nobody is told before it is confirmed")
        proposed.add_argument("title", help="among ourselves; customers never read it")
        proposed.add_argument("--part", action="append", default=[], help="key of a part that is down, or KEY=degraded")
        proposed.add_argument("--severity", choices=Severity.values, default=Severity.MAJOR)
        verbs = {
            "show": what.add_parser("show", help="one, with what was told of it"),
            "confirm": what.add_parser("confirm", help="it is one"),
            "say": what.add_parser("say", help="tell customers; the text on standard input where it is -"),
            "no-change": what.add_parser("no-change", help="tell them that nothing has changed"),
            "withdraw": what.add_parser("withdraw", help="there was no fault; whoever was told is told so"),
        }
        for each in verbs.values():
            each.add_argument("number", help="O-1042 or 1042")
        verbs["say"].add_argument("text")
        verbs["say"].add_argument(
            "--state", choices=[one for one in State if one != "proposed"], help="default: as it is"
        )
        verbs["say"].add_argument("--next", dest="next_at", help="when the next word comes: 2026-11-14T05:15Z")
        verbs["say"].add_argument("--estimate", dest="estimate_at", help="when it may work again, likewise")
        verbs["say"].add_argument("--quiet", action="store_true", help="only show it")
        verbs["say"].add_argument("--vouch", action="store_true", help="what it says of people and causes is so")
        verbs["say"].add_argument(
            "--look", action="store_true", help="say whom it reaches and what it costs, and send nothing"
        )
        for each in (shown, proposed, *verbs.values()):
            each.add_argument("--brand", help="slug of the brand; needed where there are several")
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
            each.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        if options["what"] == "list":
            rows = _readable(by).order_by("-began_at", "-id")
            self._tell(list((rows if options["all"] else rows.filter(state__in=OPEN))[:SHOWN]), options)
            return
        if options["what"] == "propose":
            brand = brand_named(options["brand"])
            made = actions.propose_outage(
                brand_id=brand.pk,
                title=options["title"],
                parts=_parts(brand.pk, options["part"]),
                severity=options["severity"],
                **doing,
            )
            self._tell([made], options)
            return
        outage = _numbered(options, by)
        match options["what"]:
            case "confirm":
                actions.confirm_outage(outage_id=outage.pk, **doing)
            case "no-change":
                actions.say_no_change(outage_id=outage.pk, due_at=None, **doing)
            case "withdraw":
                actions.withdraw_outage(outage_id=outage.pk, **doing)
            case "say":
                if self._say(outage, options, doing):
                    return
        self._show(queries.outage(outage.pk), options, by)

    def _say(self, outage: Outage, options: dict[str, Any], doing: dict[str, Any]) -> bool:
        """Write the update; with --look only say what it would become, and return True."""
        text = sys.stdin.read() if options["text"] == "-" else options["text"]
        said: dict[str, Any] = {
            "state": options["state"] or outage.state,
            "texts": {outage.brand.language: text},
            "next_at": _instant(options["next_at"]),
            "estimate_at": _instant(options["estimate_at"]),
            "quiet": options["quiet"],
        }
        if not options["look"]:
            actions.write_update(outage_id=outage.pk, vouched=options["vouch"], **said, **doing)
            return False
        seen = preview_of(outage, Draft(**said), doing["at"])
        if options["json"]:
            told = {"people": seen.people, "mails": seen.mails, "texts": seen.texts, "parts": seen.text_parts}
            told |= {"browsers": seen.browsers, "programs": seen.programs}
            self.stdout.write(json.dumps(told | {"cost": str(seen.cost) if seen.cost else None}))
            return True
        for each in seen.samples:
            self.stdout.write(f"[{each.channel}, {each.language}, {each.count}] {each.title}\n{each.text}\n")
        cost = f", {seen.cost} ex VAT" if seen.cost else ""
        self.stdout.write(
            f"{wording.people(seen.people)}: {seen.mails} mails, {seen.texts} texts in {seen.text_parts} parts, "
            f"{seen.browsers} browsers, {seen.programs} programs{cost}."
        )
        return True

    def _tell(self, outages: list[Outage], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps([_fields(one) for one in outages], ensure_ascii=False))
            return
        for one in outages:
            due = f"; next update due {one.next_update_at:%a %d %b %H:%M} UTC" if one.next_update_at else ""
            self.stdout.write(f"{one.name}  {one.severity}  {one.title}: {wording.state_words(one.state).lower()}{due}")
        if not outages:
            self.stdout.write("There are none.")

    def _show(self, outage: Outage, options: dict[str, Any], by: Actor) -> None:
        updates = [each for each in queries.updates_of(outage.pk) if each.dropped_at is None]
        inside = may(by, "read_outage_room", outage.brand_id)
        if not inside:
            updates = [each for each in updates if each.published_at is not None]
        if options["json"]:
            told = [
                {
                    "number": each.number,
                    "state": each.state,
                    "texts": each.texts,
                    "published_at": _iso(each.published_at),
                }
                for each in updates
            ]
            self.stdout.write(json.dumps(_fields(outage) | {"updates": told}, ensure_ascii=False))
            return
        self._tell([outage], options | {"json": False})
        self.stdout.write(f"It touches {queries.affected_count(outage.pk)} customers.")
        for each in updates:
            when = f"{each.published_at:%d %b %H:%M}" if each.published_at else "waits to be approved"
            text = queries.text_in(each, outage.brand.language, outage.brand.language)
            self.stdout.write(f"{each.number}  {when}  {wording.state_words(each.state)}: {text}")


def _readable(by: Actor) -> Any:
    brands = brands_for(by, "read_outage_room")
    if brands is not None and not brands:
        raise forbidden(by, "read_outage_room")
    rows = Outage.objects.select_related("brand", "lead", "fixer", "voice")
    return rows if brands is None else rows.filter(brand__in=brands)


def _numbered(options: dict[str, Any], by: Actor) -> Outage:
    """The outage that is named. Raises NotFound, and Invalid where several brands have one of that number."""
    number = options["number"].upper().removeprefix("O-")
    asked = f"Outage {options['number']} was asked for."
    if not number.isdecimal():
        raise Invalid(asked, "That is no number.", "Give one such as O-1042.")
    rows = _readable(by).filter(number=int(number))
    if options["brand"]:
        rows = rows.filter(brand__slug=options["brand"])
    found = list(rows[:2])
    if not found:
        raise NotFound(asked, "There is no such outage.", "See nightdesk outages list --all.")
    if len(found) > 1:
        raise Invalid(asked, "Several brands have one of that number.", "Name one with --brand.")
    return found[0]  # type: ignore[no-any-return]


def _parts(brand_id: int, named: list[str]) -> dict[int, int]:
    """Part -> how badly it fails, of KEY or KEY=degraded. Raises NotFound and Invalid."""
    found = {}
    for each in named:
        key, _sign, word = each.partition("=")
        asked = f"Part {each} was said to fail."
        part = Part.objects.filter(brand=brand_id, key=key.lower(), retired_at=None).first()
        if part is None:
            raise NotFound(asked, "There is no part of that key.", "See nightdesk parts list.")
        if (word or "down").upper() not in ("REDUCED", "DEGRADED", "DOWN"):
            raise Invalid(asked, "A part is reduced, degraded or down.", "Give one of these.")
        found[part.pk] = int(Effect[(word or "down").upper()])
    return found


def _instant(text: str | None) -> Any:
    if text is None:
        return None
    found = parse_datetime(text)
    if found is None or found.tzinfo is None:
        raise Invalid(f"{text} was given as a time.", "It is no time with a zone.", "Give one as 2026-11-14T05:15Z.")
    return found


def _iso(instant: Any) -> str | None:
    return instant.isoformat() if instant is not None else None


def _fields(outage: Outage) -> dict[str, Any]:
    return {
        "id": str(outage.pk),
        "name": outage.name,
        "title": outage.title,
        "state": outage.state,
        "severity": outage.severity,
        "began_at": _iso(outage.began_at),
        "next_update_at": _iso(outage.next_update_at),
        "estimate_at": _iso(outage.estimate_at),
    }
