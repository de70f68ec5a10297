"""`nightdesk figures`: service figures of a period; and whether what is added up is what happened."""

import json
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from nightdesk.base import clock
from nightdesk.paging.management.commands.key import brand_named
from nightdesk.reports import figure_queries
from nightdesk.reports.definitions import FIGURES, PERSONAL
from nightdesk.reports.facts import DIMENSIONS
from nightdesk.reports.figure_wording import NAMES, beside, value_of
from nightdesk.reports.load import Figure
from nightdesk.reports.queries import switched_off
from nightdesk.reports.tasks import roll_brand


class Command(BaseCommand):
    help = "Print service figures of a period, the last thirty days unless said otherwise. docs/figures.md says what each is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("figure", nargs="?", default="", help="one of them, by its name there; else all")
        parser.add_argument("--by", choices=DIMENSIONS, default="", help="the figure by whose it was")
        parser.add_argument("--first", type=date.fromisoformat, help="the first day, such as 2026-11-01")
        parser.add_argument("--last", type=date.fromisoformat, help="the last day")
        parser.add_argument("--brand", help="slug of the brand; needed where there are several")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--again", action="store_true", help="add up every day anew before")
        parser.add_argument(
            "--check",
            action="store_true",
            help="count the slow way too, and name what differs; status 1 if anything does",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        brand, at = brand_named(options["brand"]), clock.now()
        if options["again"]:
            self.stderr.write(f"{roll_brand(brand, at, anew=True)} days were added up.")
        last = options["last"] or at.astimezone(ZoneInfo(brand.zone)).date()
        first = options["first"] or last - timedelta(days=29)
        if first > last:
            raise CommandError("The period ends before it begins.")
        if options["check"]:
            self._check(brand, first, last, at)
        elif options["by"]:
            self._by(brand, first, last, at, options)
        else:
            self._all(brand, first, last, at, options)

    def _all(self, brand: Any, first: date, last: date, at: Any, options: dict[str, Any]) -> None:
        found = figure_queries.readings([brand.pk], first, last, at)
        if options["figure"]:
            if options["figure"] not in found:
                raise CommandError(f"There is no figure {options['figure']!r} of everything: {', '.join(found)}.")
            found = {options["figure"]: found[options["figure"]]}
        self._print([(str(NAMES[key]), each) for key, each in found.items()], options["json"])

    def _by(self, brand: Any, first: date, last: date, at: Any, options: dict[str, Any]) -> None:
        known = FIGURES.get(options["figure"])
        if known is None or options["by"] not in known.by:
            kept = ", ".join(known.by) if known else "a figure's name comes first"
            raise CommandError(f"It is not kept by {options['by']}: {kept}.")
        if options["by"] in PERSONAL and Figure.WOKEN in switched_off(brand):
            raise CommandError("The brand has switched figures of people off.")
        parts = figure_queries.parts([brand.pk], known.key, options["by"], first, last, at, most=None)
        self._print([(part.name, part.reading) for part in parts], options["json"])

    def _print(self, rows: list[tuple[str, figure_queries.Reading]], as_json: bool) -> None:
        if as_json:
            said = [
                {"name": name, "figure": each.figure.key, "unit": each.figure.unit.value, "value": each.value,
                 "p90_ms": each.high, "cases": each.tally.cases, "hits": each.tally.hits, "waiting": each.tally.waiting}
                for name, each in rows
            ]  # fmt: skip
            self.stdout.write(json.dumps(said, ensure_ascii=False, indent=2))
            return
        for name, each in rows:
            more = beside(each)
            self.stdout.write(f"{name:32} {value_of(each):>18}" + (f"   {more}" if more else ""))

    def _check(self, brand: Any, first: date, last: date, at: Any) -> None:
        roll_brand(brand, at)
        found = figure_queries.differences(brand, first, last, at)
        for figure, day, dimension, value in found:
            self.stdout.write(f"{figure} of {day}{f', {dimension} {value}' if dimension else ''} differs")
        if found:
            raise CommandError(f"{len(found)} sums are not what is counted. Run: nightdesk figures --again")
        self.stdout.write("What is added up is what is counted.")
