"""Approaches, their inputs, the lines of their cost and what the law says to them, in words."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.months import is_whole
from nightdesk.base.refusals import Invalid
from nightdesk.reports.approaches import Approach, Charged
from nightdesk.reports.choosing_stored import BadInputs
from nightdesk.reports.implied_rota import Group, Held, Verdict
from nightdesk.reports.message_prices import Way
from nightdesk.rota import law_wording
from nightdesk.rota.law import Finding

APPROACHES = {
    Approach.NONE: gettext_lazy("No cover"),
    Approach.EMAIL: gettext_lazy("E-mail only"),
    Approach.PHONE: gettext_lazy("On-call phone"),
    Approach.BUREAU: gettext_lazy("Bureau and pager"),
    Approach.SHIFT: gettext_lazy("Night shift"),
    Approach.OUTSOURCED: gettext_lazy("Outsourced"),
}
WAYS = {
    Way.PAGER: gettext_lazy("pagers, one message for all"),
    Way.TEXT: gettext_lazy("a text to each"),
    Way.BUNDLE: gettext_lazy("texts of a bundle"),
}
CHARGED = {
    Charged.CALL: gettext_lazy("by call"),
    Charged.TICKET: gettext_lazy("by ticket"),
    Charged.FLAT: gettext_lazy("flat"),
}
VERDICTS = {
    Verdict.KEPT: gettext_lazy("keeps the rules"),
    Verdict.OWED: gettext_lazy("rest is owed"),
    Verdict.UNKNOWN: gettext_lazy("unknown"),
    Verdict.BREAKS: gettext_lazy("breaks a rule"),
}
VERDICT_TONES = {Verdict.KEPT: "calm", Verdict.OWED: "accent", Verdict.UNKNOWN: "", Verdict.BREAKS: "fire"}
_DOUBTS = {
    "response": gettext_lazy("whoever is on call has to respond within a quarter of an hour"),
    "place": gettext_lazy("they have to be in one place"),
    "pages": gettext_lazy("they are called more than once a duty"),
    "work": gettext_lazy("they work more than an hour a duty"),
}
LINES = {
    "email": gettext_lazy("E-mail, a month"),
    "oncall_phone": gettext_lazy("On-call phone, a month"),
    "divert_calls": gettext_lazy("Calls diverted"),
    "divert_minutes": gettext_lazy("Minutes diverted"),
    "bureau": gettext_lazy("Bureau, a month"),
    "bureau_calls": gettext_lazy("Calls that the bureau takes"),
    "bureau_minutes": gettext_lazy("Minutes that the bureau talks"),
    "wages": gettext_lazy("Hours on shift"),
    "away": gettext_lazy("Leave and sickness, a part of these wages"),
    "employer": gettext_lazy("On-costs, a part of all wages"),
    "outsourced": gettext_lazy("Outsourced desk, a month"),
    "outsourced_calls": gettext_lazy("Calls that it answers"),
    "outsourced_tickets": gettext_lazy("Tickets that it takes"),
    "standby": gettext_lazy("Hours on call"),
    "call_outs": gettext_lazy("Hours of calls while on call"),
    "pagers": gettext_lazy("Pagers, a month each"),
    "pager_messages": gettext_lazy("Pages, whoever hears them"),
    "texts": gettext_lazy("Texts, one to each"),
    "bundle": gettext_lazy("Bundle of texts, a month"),
    "bundle_texts": gettext_lazy("Texts beyond the bundle"),
}

FIELDS: Mapping[str, tuple[Any, Any]] = {
    "calls": (
        gettext_lazy("Calls an hour"),
        gettext_lazy(
            "One a line: days, hours, calls in each of these hours. A later line is stronger. For example: Mon-Fri 18-22 0.5. "
            "Or a day and 24 numbers."
        ),
    ),
    "covered": (
        gettext_lazy("When somebody is there anyway"),
        gettext_lazy("These hours are left out: Mon-Fri 08-18. Calls of the other hours are what is asked about."),
    ),
    "handling_s": (gettext_lazy("Seconds that a call takes"), gettext_lazy("Talk, and what is written down after it.")),
    "patience_s": (
        gettext_lazy("Seconds that callers wait, on average"),
        gettext_lazy("Then they give up, at random, some at once. 0: they wait for ever."),
    ),
    "promised_s": (gettext_lazy("Answered within, seconds"), gettext_lazy("What you promise.")),
    "target_percent": (
        gettext_lazy("Of all calls, percent"),
        gettext_lazy("For how many people are needed, and as the mark in the picture."),
    ),
    "currency": (gettext_lazy("Currency"), gettext_lazy("All prices are in it, ex VAT.")),
    "team": (gettext_lazy("People who share the duty"), gettext_lazy("A week each, in turn.")),
    "weekly_hours": (
        gettext_lazy("Hours a week in their contracts"),
        gettext_lazy("0: not known, and what hangs on it is then unknown."),
    ),
    "day_job": (gettext_lazy("Whoever is on call works by day too"), ""),
    "response_minutes": (
        gettext_lazy("Minutes within which they must begin"),
        gettext_lazy("Under a quarter of an hour, being on call may be working time. 0: nothing is said."),
    ),
    "fixed_place": (gettext_lazy("They must be in a certain place meanwhile"), ""),
    "oncall_percent": (
        gettext_lazy("Of the times that it rings somebody picks up, percent"),
        gettext_lazy("People sleep, and drive through tunnels."),
    ),
    "oncall_after_s": (gettext_lazy("Seconds until they do"), ""),
    "backup": (gettext_lazy("A second person stands behind them"), ""),
    "next_after_s": (gettext_lazy("Seconds until the second is rung"), ""),
    "standby_hour": (gettext_lazy("Pay for an hour on call"), gettext_lazy("For each who is.")),
    "call_hour": (gettext_lazy("Pay for an hour of calls"), ""),
    "call_minimum": (gettext_lazy("A call counts as at least, minutes"), ""),
    "phone_month": (gettext_lazy("On-call phone, a month"), ""),
    "number_kind": (gettext_lazy("Kind of your number"), gettext_lazy("As it stands in the list below.")),
    "diverts": (
        gettext_lazy("What diverting costs you"),
        gettext_lazy(
            "One a line: kind of number | mobile, pager or landline | a minute | a call. For example: 070 | mobile | 0.35 | "
            "0.10. What is not here costs you nothing. The on-call phone is a mobile, the outsourced desk a landline."
        ),
    ),
    "email_month": (gettext_lazy("E-mail, a month"), gettext_lazy("What reads and answers it by itself, if anything.")),
    "bureau_month": (gettext_lazy("Bureau, a month"), ""),
    "bureau_call": (gettext_lazy("A call"), ""),
    "bureau_minute": (gettext_lazy("A minute"), ""),
    "bureau_takes_s": (gettext_lazy("Seconds that a message takes"), ""),
    "bureau_seats": (gettext_lazy("Message takers for you at once"), ""),
    "bureau_percent": (gettext_lazy("Of the calls they pick up, percent"), ""),
    "bureau_after_s": (gettext_lazy("Seconds until they do"), ""),
    "urgent_percent": (
        gettext_lazy("Of the messages cannot wait, percent"),
        gettext_lazy("These go to whoever is on call at once; the others are read in the morning."),
    ),
    "message_way": (gettext_lazy("How they go"), ""),
    "to_everybody": (
        gettext_lazy("To the whole team, not to whoever is on call"),
        gettext_lazy("Then everybody is woken."),
    ),
    "pager_month": (gettext_lazy("A pager, a month"), ""),
    "pager_message": (gettext_lazy("A page"), gettext_lazy("To any number of pagers of a group.")),
    "text_message": (gettext_lazy("A text"), gettext_lazy("To each who is to have it.")),
    "bundle_month": (gettext_lazy("A bundle of texts, a month"), ""),
    "bundle_texts": (gettext_lazy("Texts in it"), ""),
    "bundle_message": (gettext_lazy("Each text beyond"), ""),
    "shift_people": (gettext_lazy("People there at once"), gettext_lazy("Two, so that nobody works alone.")),
    "shift_rota": (
        gettext_lazy("People in the shift's rota"),
        gettext_lazy("0: as many as their contracts ask for, leave and sickness in it."),
    ),
    "shift_hours": (gettext_lazy("Longest shift, hours"), ""),
    "wage_hour": (gettext_lazy("Wage, an hour"), gettext_lazy("With what is paid on top at night.")),
    "employer_percent": (gettext_lazy("On-costs, percent"), gettext_lazy("Employer's contributions and pension.")),
    "away_percent": (gettext_lazy("Leave and sickness, percent"), gettext_lazy("Paid hours beyond those worked.")),
    "shift_percent": (gettext_lazy("Of the calls they pick up, percent"), ""),
    "shift_after_s": (gettext_lazy("Seconds until they do"), ""),
    "outsource_by": (gettext_lazy("How they are paid"), ""),
    "outsource_month": (gettext_lazy("A month"), gettext_lazy("On top, or all of it where it is flat.")),
    "outsource_call": (gettext_lazy("A call"), ""),
    "outsource_ticket": (gettext_lazy("A ticket"), ""),
    "tickets_percent": (gettext_lazy("Tickets for a hundred calls"), ""),
    "outsource_seats": (gettext_lazy("People for you at once"), gettext_lazy("Who are familiar with your processes.")),
    "outsource_percent": (gettext_lazy("Of the calls they pick up, percent"), ""),
    "outsource_after_s": (gettext_lazy("Seconds until they do"), ""),
    "escalated_percent": (
        gettext_lazy("Of the calls they pass on, percent"),
        gettext_lazy("To whoever is on call, by the messages above. 0: nobody of yours is on call for it."),
    ),
    "combinations": (
        gettext_lazy("Combinations by time of day"),
        gettext_lazy(
            "One a line: a name, then what is done when, of none, email, phone, bureau, shift, outsourced. For example: "
            "Cheap nights: every day 18-23 shift; else bureau."
        ),
    ),
}
"""What an input is called, and the help beside it."""

GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        gettext_lazy("Calls and the promise"),
        ("calls", "covered", "handling_s", "patience_s", "promised_s", "target_percent", "currency"),
    ),
    (
        gettext_lazy("On call"),
        (
            "team", "weekly_hours", "day_job", "response_minutes", "fixed_place", "standby_hour", "call_hour", "call_minimum",
        ),
    ),
    (
        gettext_lazy("On-call phone"),
        (
            "oncall_percent", "oncall_after_s", "backup", "next_after_s", "phone_month", "number_kind", "diverts", "email_month",
        ),
    ),
    (
        gettext_lazy("Bureau"),
        (
            "bureau_month", "bureau_call", "bureau_minute", "bureau_takes_s", "bureau_seats", "bureau_percent", "bureau_after_s",
            "urgent_percent",
        ),
    ),
    (
        gettext_lazy("Pagers and texts"),
        (
            "message_way", "to_everybody", "pager_month", "pager_message", "text_message", "bundle_month", "bundle_texts",
            "bundle_message",
        ),
    ),
    (
        gettext_lazy("Night shift"),
        (
            "shift_people", "shift_rota", "shift_hours", "wage_hour", "employer_percent", "away_percent", "shift_percent",
            "shift_after_s",
        ),
    ),
    (
        gettext_lazy("Outsourced"),
        (
            "outsource_by", "outsource_month", "outsource_call", "outsource_ticket", "tickets_percent", "outsource_seats",
            "outsource_percent", "outsource_after_s", "escalated_percent",
        ),
    ),
    (gettext_lazy("Combinations"), ("combinations",)),
)  # fmt: skip
"""The inputs in the order in which they are asked for."""


def name_of(approach: str, people: int = 0) -> str:
    """An approach or combination as it is shown; `people` is how many a night shift has at once."""
    if approach not in list(Approach):
        return approach
    if approach == Approach.SHIFT and people:
        return ngettext("Night shift of {count}", "Night shift of {count}", people).format(count=people)
    return str(APPROACHES[Approach(approach)])


def money(amount: Decimal, currency: str) -> str:
    """An amount, such as £1,282.73; a price keeps what it has beyond the cent."""
    places = max(-int(amount.normalize().as_tuple().exponent), 2)
    sign = {"GBP": "£", "EUR": "€", "USD": "$"}.get(currency)
    number = f"{amount:,.{places}f}"
    return f"{sign}{number}" if sign else f"{number} {currency}"


def worst(groups: list[Held]) -> Verdict | None:
    """The gravest verdict over the groups of an approach; None where nobody has to be there."""
    order = list(Verdict)
    return min((each.verdict for each in groups), key=order.index, default=None)


def say_law(held: Held, zone: str) -> list[str]:
    """What the law says to a group, a sentence each, with where it stands."""
    if held.group is Group.THEIRS:
        return [_("The supplier's people: their rota is not known here. Ask the supplier how it is kept.")]
    who = {
        Group.ON_CALL: ngettext("{count} person on call in turn", "{count} people on call in turn", held.people),
        Group.SHIFT: ngettext("{count} person in the shift's rota", "{count} people in the shift's rota", held.people),
    }[held.group].format(count=held.people)
    found = [f"{who}: {VERDICTS[held.verdict]}."]
    found += [
        _("It may be working time, and the averages then others: {why}.").format(why=_DOUBTS[doubt])
        for doubt in held.doubts
    ]
    return found + [_finding(finding, count, zone) for finding, count in held.findings]


def _finding(finding: Finding, count: int, zone: str) -> str:
    said = law_wording.say(finding, _("One of them"), zone)
    rule, severity = law_wording.RULE_NAMES[finding.rule], law_wording.SEVERITY_NAMES[finding.severity]
    times = ngettext("once in 17 weeks", "{count} times in 17 weeks, of all of them", count).format(count=count)
    source = f" ({finding.source})" if finding.source else ""
    return f"{rule}, {severity}, {times}: {said}{source}"


def month_of(first: date, last: date) -> str:
    """The days of a month since a choice: November 2026, or 10–31 October 2026."""
    return f"{first:%B %Y}" if is_whole(first, last) else f"{first.day}\u2013{last.day} {first:%B %Y}"


def refusal_of(bad: BadInputs) -> Invalid:
    """What is told to whoever gave them."""
    errors = [{"field": f"inputs.{name}", "message": why} for name, why in bad.errors.items()]
    return Invalid(_("Approaches were to be compared."), str(bad), _("Mend what is named."), errors=errors)
