"""A comparison as its page draws it: the table, the pictures, each approach's lines, and the months since a choice."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from nightdesk.reports import week
from nightdesk.reports.approaches import Approach, Case, Outcome, message_prices
from nightdesk.reports.choosing_queries import Month
from nightdesk.reports.choosing_words import (
    LINES,
    VERDICT_TONES,
    VERDICTS,
    WAYS,
    money,
    month_of,
    name_of,
    say_law,
    worst,
)
from nightdesk.reports.figure_wording import percent
from nightdesk.reports.implied_rota import Held
from nightdesk.reports.message_prices import Way, break_even, message_cost
from nightdesk.reports.models import Comparison

MESSAGES = (10, 50, 100, 200, 500, 1000, 3000)
"""How many messages a month pagers and texts are held against each other with."""

Law = Mapping[str, list[Held]]


def table(case: Case, held: Law, chosen: str) -> list[dict[str, Any]]:
    """A row for each approach and combination."""
    currency = case.inputs.currency
    return [
        {
            "name": _name(case, each),
            "chosen": each.name == chosen,
            "calls": f"{each.calls:,.0f}",
            "in_time": percent(each.in_time_share),
            "endless": percent(each.endless_share),
            "lost": percent(each.lost_share),
            "woken": f"{each.woken:.1f}",
            "cost": money(each.cost, currency),
            "a_call": money(each.cost_a_call, currency) if each.cost_a_call is not None else "\u2013",
            "law": _verdict(held[each.name]),
        }
        for each in case.outcomes
    ]


def pictures(case: Case) -> list[dict[str, Any]]:
    """Three pictures with a bar for each: answered in time, cost, nights woken. Numbers stand beside the bars."""
    outcomes = case.outcomes
    target = float(case.inputs.target_percent)
    dearest = max((each.cost for each in outcomes), default=Decimal(0)) or Decimal(1)
    wakes = max((each.woken for each in outcomes), default=0.0) or 1.0
    return [
        {
            "title": _("Answered within {seconds} s").format(seconds=case.inputs.promised_s),
            "mark_pct": round(target, 1),
            "mark": _("dashed: {target} of the calls, the promise").format(target=f"{target:g} %"),
            "bars": [
                _bar(case, each, 100 * (each.in_time_share or 0), percent(each.in_time_share)) for each in outcomes
            ],
        },
        {
            "title": _("Cost a month"),
            "bars": [
                _bar(case, each, float(100 * each.cost / dearest), money(each.cost, case.inputs.currency))
                for each in outcomes
            ],
        },
        {
            "title": _("Nights a month on which each of the team is woken"),
            "bars": [_bar(case, each, 100 * each.woken / wakes, f"{each.woken:.1f}") for each in outcomes],
        },
    ]


def details(case: Case, held: Law, row: Comparison) -> list[dict[str, Any]]:
    """Each approach by itself: the lines of its cost, what the law says, when it holds."""
    currency = case.inputs.currency
    return [
        {
            "name": _name(case, each),
            "key": each.name,
            "chosen": each.name == row.chosen,
            "cost": money(each.cost, currency),
            "lines": [
                {
                    "what": LINES[line.what],
                    "how_many": f"{line.how_many:,.2f}",
                    "price": money(line.price, currency)
                    if line.what not in ("away", "employer")
                    else f"{line.price:f}",
                    "amount": money(line.amount, currency),
                }
                for line in each.lines
            ],
            "law": [sentence for group in held[each.name] for sentence in say_law(group, row.brand.zone)],
            "when": _when(case, each) if each.name not in list(Approach) else "",
            "choose_url": reverse("console:choose_approach", args=[row.pk]),
        }
        for each in case.outcomes
    ]


def price_rows(case: Case) -> dict[str, Any]:
    """Pagers and texts by how many messages a month go out, and from where pagers pay."""
    given = case.inputs
    prices, each_to = message_prices(given), given.team if given.to_everybody else 1
    return {
        "each_to": each_to,
        "people": given.team,
        "ways": [WAYS[way] for way in Way],
        "rows": [
            {
                "messages": f"{messages:,}",
                "costs": [
                    {"way": WAYS[way], "cost": money(cost, given.currency), "least": cost == min(costs)}
                    for way, cost in zip(Way, costs, strict=True)
                ],
            }
            for messages in MESSAGES
            if (costs := [message_cost(way, prices, Decimal(messages), each_to, given.team) for way in Way])
        ],
        "even": [
            _("Pagers cost no more than {way} from {count} messages a month on.").format(
                way=WAYS[way], count=f"{even:,}"
            )
            if (even := break_even(way, prices, each_to, given.team)) is not None
            else _("Pagers always cost more than {way}.").format(way=WAYS[way])
            for way in (Way.TEXT, Way.BUNDLE)
        ],
    }


def months(since: Sequence[Month], currency: str) -> list[dict[str, Any]]:
    """What happened in each month beside what was expected, the newest first."""
    return [
        {
            "name": month_of(each.first, each.last),
            "calls": f"{each.calls:,}",
            "calls_expected": f"{each.calls_expected:,.0f}",
            "in_time": percent(each.in_time_share),
            "in_time_expected": percent(each.expected.in_time_share),
            "lost": percent(each.lost_share),
            "lost_expected": percent(each.expected.lost_share),
            "woken": "\u2013" if each.woken is None else f"{each.woken:.1f}",
            "woken_expected": f"{each.woken_expected:.1f}",
            "messages": ", ".join(money(paid.quantize(Decimal("0.01")), unit) for unit, paid in each.messages.items())
            or money(Decimal(0), currency),
            "messages_expected": money((_messages_of(each.expected) * each.part).quantize(Decimal("0.01")), currency),
        }
        for each in reversed(since)
    ]


def _messages_of(outcome: Outcome) -> Decimal:
    told = ("pagers", "pager_messages", "texts", "bundle", "bundle_texts")
    return sum((line.amount for line in outcome.lines if line.what in told), Decimal(0))


def _name(case: Case, outcome: Outcome) -> str:
    return name_of(outcome.name, case.inputs.shift_people)


def _verdict(groups: list[Held]) -> dict[str, str]:
    verdict = worst(groups)
    if verdict is None:
        return {"text": _("nobody is needed"), "tone": ""}
    return {"text": str(VERDICTS[verdict]), "tone": VERDICT_TONES[verdict]}


def _bar(case: Case, outcome: Outcome, pct: float, text: str) -> dict[str, Any]:
    return {"name": _name(case, outcome), "pct": round(pct, 2), "text": text}


def _when(case: Case, outcome: Outcome) -> str:
    """The approaches of a combination with how many hours of the week each holds."""
    kinds = [kind for kind in dict.fromkeys(outcome.week) if kind]
    hours = {kind: sum(each == kind for each in outcome.week) for kind in kinds}
    covered = len(case.covered)
    parts = [_("{name} {hours} h").format(name=name_of(kind), hours=count) for kind, count in hours.items()]
    return _("Of {hours} hours a week: {parts}.").format(hours=week.HOURS - covered, parts=", ".join(parts))
