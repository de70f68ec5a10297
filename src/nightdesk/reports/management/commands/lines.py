"""`nightdesk lines`: phone lines as they are set, changed from a file, and how they did."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict, fields, replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, forbidden, require
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.calls.line_actions import LineWanted, save_line
from nightdesk.calls.models import Line
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named
from nightdesk.reports.figure_wording import percent
from nightdesk.reports.phone_queries import reports_of

LOOKED_BACK = timedelta(days=30)


class Command(BaseCommand):
    help = "Phone lines: how they are set, and how they did."

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        listing = does.add_parser("list", help="which there are")
        showing = does.add_parser("show", help="how one is set, as JSON to change")
        saving = does.add_parser("save", help="set one as a JSON file says; what it leaves out stays")
        figures = does.add_parser("figures", help="answered in time, given up, told, called back, woken")
        for each in (showing, saving):
            each.add_argument("line", help="its name; save makes one that is not there")
        saving.add_argument("file", help="JSON; - for standard input")
        figures.add_argument("--first", type=date.fromisoformat, help="the first day; default: thirty days ago")
        figures.add_argument("--last", type=date.fromisoformat, help="the last day; default: today")
        for each in (listing, showing, saving, figures):
            each.add_argument(
                "--brand", metavar="SLUG", help="short name of the brand; save needs it where there are several"
            )
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
            each.add_argument("--json", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises NotFound for a brand, line or file that is not there, Invalid for a file that does not fit, Forbidden."""
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        match options["does"]:
            case "list":
                for line in _lines(by, "read_lines", options["brand"]):
                    self._say({"brand": line.brand.slug, "name": line.name, "numbers": " ".join(line.numbers)}, options)
            case "show":
                line = _named(_lines(by, "read_lines", options["brand"]), options["line"])
                self.stdout.write(json.dumps(asdict(_as_wanted(line)), indent=2, default=str, ensure_ascii=False))
            case "save":
                self._save(by, options)
            case _:
                self._figures(by, options)

    def _save(self, by: Actor, options: dict[str, Any]) -> None:
        brand = brand_named(options["brand"])
        require(by, "save_line", brand.pk)
        there = Line.objects.filter(brand=brand, name=options["line"]).first()
        now = (
            _as_wanted(there)
            if there
            else LineWanted(name=options["line"], numbers=(), shown_number="", pager_number="")
        )
        saved = save_line(
            brand_id=brand.pk,
            line_id=there.pk if there else None,
            wanted=_changed(now, options["file"]),
            by=by,
            via=Door.CLI,
            at=clock.now(),
        )
        self._say({"brand": brand.slug, "name": saved.name, "numbers": " ".join(saved.numbers)}, options)

    def _figures(self, by: Actor, options: dict[str, Any]) -> None:
        at = clock.now()
        last = options["last"] or at.date()
        first = options["first"] or last - LOOKED_BACK
        if first > last:
            raise Invalid(_("Figures were asked for."), _("The first day is after the last."), _("Give them in order."))
        brands = _readable(by, "read_line_figures")
        if options["brand"]:
            wanted = brand_named(options["brand"]).pk
            require(by, "read_line_figures", wanted)
            brands = {wanted}
        for one in reports_of(brands, first, last, at):
            figures = one.figures
            row = {"brand": one.line.brand.slug, "name": one.line.name, **asdict(figures)}
            if options["json"]:
                self.stdout.write(json.dumps(row, ensure_ascii=False))
                continue
            said = {
                "calls": figures.calls,
                "in 12 s": percent(figures.in_time_share),
                "gave up": figures.abandoned,
                "told of an outage": figures.told_outage,
                "call-backs in time": f"{figures.call_backs_in_time} of {figures.call_backs}",
                "woken": figures.woken,
            }
            told = ", ".join(f"{name} {value}" for name, value in said.items())
            self.stdout.write(f"{row['brand']}  {row['name']}: {told}")

    def _say(self, row: dict[str, Any], options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(row, ensure_ascii=False) if options["json"] else "  ".join(row.values()))


def _as_wanted(line: Line) -> LineWanted:
    return LineWanted(**{each.name: getattr(line, each.name) for each in fields(LineWanted)})


def _changed(now: LineWanted, file: str) -> LineWanted:
    """The line with what the file says. Raises NotFound and Invalid."""
    asked = _("A line was to be set from %s.") % file
    try:
        read = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except OSError as missing:
        raise NotFound(asked, _("It cannot be read."), _("Give a JSON file; `lines show` writes one.")) from missing
    except ValueError as bad:
        raise Invalid(asked, _("It is no JSON."), _("`lines show` writes one to change.")) from bad
    usual = asdict(now)
    if not isinstance(read, dict) or (unknown := sorted(set(read) - set(usual))):
        so = _("It holds no object.") if not isinstance(read, dict) else _("A line has no %s.") % ", ".join(unknown)
        raise Invalid(asked, so, _("`lines show` writes one to change."))
    if read.get("divert_check_at"):
        try:
            read["divert_check_at"] = time.fromisoformat(read["divert_check_at"])
        except (TypeError, ValueError) as bad:
            raise Invalid(asked, _("divert_check_at is no time."), _("Write it as in 18:30.")) from bad
    wrong = [name for name, value in read.items() if not _fits(value, usual[name], name)]
    if wrong:
        raise Invalid(
            asked, _("What does not fit: %s.") % ", ".join(wrong), _("`lines show` shows what each looks like.")
        )
    return replace(now, **read)


def _fits(value: Any, usual: Any, name: str) -> bool:
    """Whether a value is of the kind that this field has."""
    if name in ("hours_id", "peer_skill_id", "longest_hunt_s"):
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    if name == "divert_check_at":
        return value is None or isinstance(value, time)
    if isinstance(usual, str | bool | int):
        return type(value) is type(usual)
    return isinstance(value, list)


def _lines(by: Actor, verb: str, slug: str | None) -> list[Line]:
    brands = _readable(by, verb)
    rows = Line.objects.select_related("brand").order_by("brand__name", "name")
    rows = rows if brands is None else rows.filter(brand__in=brands)
    return list(rows.filter(brand=brand_named(slug)) if slug else rows)


def _readable(by: Actor, verb: str) -> set[int] | None:
    brands = brands_for(by, verb)
    if brands is not None and not brands:
        raise forbidden(by, verb)
    return brands


def _named(lines: list[Line], name: str) -> Line:
    found = [line for line in lines if line.name == name]
    if len(found) != 1:
        so = _("There is none.") if not found else _("There are several.")
        raise NotFound(_("The line %s was named.") % name, so, _("`lines list` lists them; name the brand as well."))
    return found[0]
