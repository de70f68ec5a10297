"""`nightdesk choose`: approaches to out of hours side by side, from a file or as saved; saved, copied, deleted, chosen."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, require
from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.calls.models import Line
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named
from nightdesk.reports import choosing_actions
from nightdesk.reports.approaches import Case
from nightdesk.reports.choosing_queries import afterwards, calls_on_record, comparisons, inputs_for, law_of
from nightdesk.reports.choosing_stored import BadInputs, as_plain, case_of, read_inputs
from nightdesk.reports.choosing_words import LINES, VERDICTS, money, month_of, name_of, worst
from nightdesk.reports.figure_wording import percent
from nightdesk.reports.models import Comparison

LOOKED_BACK = 90


class Command(BaseCommand):
    help = "Hold approaches to out of hours side by side: what they cost, answer and wake."

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        each = {
            "list": does.add_parser("list", help="the comparisons that are saved"),
            "inputs": does.add_parser(
                "inputs", help="inputs as a JSON file to change: the usual ones, or a comparison's"
            ),
            "reckon": does.add_parser("reckon", help="reckon a JSON file of inputs, and keep nothing"),
            "save": does.add_parser("save", help="keep a JSON file of inputs under a name"),
            "show": does.add_parser("show", help="a comparison side by side"),
            "copy": does.add_parser("copy", help="copy one"),
            "delete": does.add_parser("delete", help="delete one; restore has it back"),
            "restore": does.add_parser("restore", help="have a deleted one back"),
            "take": does.add_parser("take", help="say which approach is what you do"),
            "after": does.add_parser("after", help="what happened since, beside what was expected"),
        }
        for name in ("show", "copy", "delete", "restore", "take", "after"):
            each[name].add_argument("comparison", help="its name, or its id")
        each["inputs"].add_argument("comparison", nargs="?", help="its name, or its id; default: the usual inputs")
        each["inputs"].add_argument(
            "--line", help="take the calls of this phone line, by its name, of the last 90 days"
        )
        for name in ("reckon", "save"):
            each[name].add_argument("file", help="JSON; - for standard input")
        each["save"].add_argument("--name", required=True, help="one that is there is changed")
        each["take"].add_argument(
            "approach", help='none, email, phone, bureau, shift, outsourced, a combination\'s name; ""'
        )
        each["take"].add_argument("--since", type=date.fromisoformat, help="the first day; default: today")
        for one in each.values():
            one.add_argument("--brand", metavar="SLUG", help="short name of the brand; needed where there are several")
            one.add_argument("--as", dest="email", help="e-mail address of who does it")
            one.add_argument("--json", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises NotFound for a brand, comparison, line or file that is not there, and what the verbs raise."""
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        brand = brand_named(options["brand"])
        require(by, "read_comparisons", brand.pk)
        match options["does"]:
            case "list":
                for row in comparisons(brands_for(by, "read_comparisons")).filter(brand=brand):
                    chosen = f"{row.chosen} {row.chosen_on}" if row.chosen_on else ""
                    self._say({"id": str(row.pk), "name": row.name, "chosen": chosen}, options)
            case "inputs":
                self.stdout.write(json.dumps(_inputs(brand, options, doing["at"].date()), indent=2, ensure_ascii=False))
            case "reckon":
                try:
                    case = Case(read_inputs(_file(options["file"])))
                except BadInputs as bad:
                    raise Invalid(_("Approaches were to be compared."), str(bad), _("Mend what is named.")) from bad
                self._show(case, brand, doing["at"].date(), options)
            case "save":
                there = comparisons(None).filter(brand=brand, name__iexact=options["name"]).first()
                row = choosing_actions.save_comparison(
                    brand_id=brand.pk,
                    comparison_id=there.pk if there else None,
                    name=options["name"],
                    inputs=_file(options["file"]),
                    **doing,
                )
                self._say({"id": str(row.pk), "name": row.name}, options)
            case "show":
                row = _named(brand, options["comparison"])
                self._show(case_of(row.inputs), brand, row.saved_at.date(), options)
            case "after":
                self._after(_named(brand, options["comparison"]), options)
            case verb:
                row = _do(verb, brand, options, doing)
                self._say({"id": str(row.pk), "name": row.name, "chosen": row.chosen}, options)

    def _show(self, case: Case, brand: Brand, day: date, options: dict[str, Any]) -> None:
        held = law_of(case, brand, day - timedelta(days=day.weekday()))
        currency = case.inputs.currency
        for each in case.outcomes:
            verdict = worst(held[each.name])
            self._say(
                {
                    "approach": each.name if options["json"] else name_of(each.name, case.inputs.shift_people),
                    "in_time": percent(each.in_time_share),
                    "in_time_if_they_wait": percent(each.endless_share),
                    "gave_up": percent(each.lost_share),
                    "nights_woken": f"{each.woken:.1f}",
                    "cost": str(each.cost) if options["json"] else money(each.cost, currency),
                    "law": str(VERDICTS[verdict]) if verdict else "",
                },
                options,
            )
            if options["json"]:
                continue
            for line in each.lines:
                amount, price = money(line.amount, currency), f"{line.price.normalize():f}"
                self.stdout.write(f"    {LINES[line.what]}: {line.how_many} x {price} = {amount}")

    def _after(self, row: Comparison, options: dict[str, Any]) -> None:
        for each in afterwards(row, clock.now()):
            self._say(
                {
                    "month": month_of(each.first, each.last),
                    "calls": f"{each.calls} ({each.calls_expected})",
                    "in_time": f"{percent(each.in_time_share)} ({percent(each.expected.in_time_share)})",
                    "gave_up": f"{percent(each.lost_share)} ({percent(each.expected.lost_share)})",
                    "nights_woken": f"{'-' if each.woken is None else round(each.woken, 1)} ({each.woken_expected:.1f})",
                    "messages": ", ".join(f"{paid:.2f} {unit}" for unit, paid in each.messages.items()),
                },
                options,
            )

    def _say(self, row: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(row, ensure_ascii=False))
        else:
            self.stdout.write("  ".join(str(value) for value in row.values() if value != ""))


def _do(verb: str, brand: Brand, options: dict[str, Any], doing: dict[str, Any]) -> Comparison:
    which = {"comparison_id": _named(brand, options["comparison"], deleted=verb == "restore").pk, **doing}
    match verb:
        case "copy":
            return choosing_actions.copy_comparison(**which)
        case "delete":
            return choosing_actions.delete_comparison(**which)
        case "restore":
            return choosing_actions.restore_comparison(**which)
        case _:
            return choosing_actions.choose_approach(approach=options["approach"], since=options["since"], **which)


def _inputs(brand: Brand, options: dict[str, Any], today: date) -> dict[str, Any]:
    plain = dict(_named(brand, options["comparison"]).inputs) if options["comparison"] else as_plain(inputs_for(brand))
    if options["line"]:
        line = Line.objects.filter(brand=brand, name=options["line"]).select_related("brand").first()
        if line is None:
            raise NotFound(_("The line %s was named.") % options["line"], _("The brand has none."), _("Give its name."))
        plain["calls"] = calls_on_record(line, today - timedelta(days=LOOKED_BACK), today - timedelta(days=1))
    return plain


def _file(name: str) -> dict[str, Any]:
    asked = _("Inputs were to be read from %s.") % name
    try:
        read = json.loads(sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8"))
    except OSError as missing:
        raise NotFound(asked, _("It cannot be read."), _("Give a JSON file; `choose inputs` writes one.")) from missing
    except ValueError as bad:
        raise Invalid(asked, _("It is no JSON."), _("`choose inputs` writes one to change.")) from bad
    if not isinstance(read, dict):
        raise Invalid(asked, _("It holds no object."), _("`choose inputs` writes one to change."))
    return read


def _named(brand: Brand, named: str, *, deleted: bool = False) -> Comparison:
    rows: Sequence[Comparison] = list(
        Comparison.objects.filter(brand=brand, deleted_at__isnull=not deleted)
        .select_related("brand")
        .order_by("-deleted_at", "-saved_at")
    )
    for row in rows:
        if row.name.lower() == named.lower() or row.pk == _as_id(named):
            return row
    raise NotFound(_("The comparison %s was named.") % named, _("There is none."), _("`choose list` lists them."))


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
