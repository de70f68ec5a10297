"""What we promise, in the customer's own words. What is promised is decided in `customers.promised` alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.customers.hours import DayRange, Windows, describe_hours, format_window, unusual_days
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Clock, ContractFacts, Cover, OutOfHours, Reason, Target

HOW_BAD = {
    Priority.P1: gettext_lazy("Nothing works, for many"),
    Priority.P2: gettext_lazy("Something important does not work"),
    Priority.P3: gettext_lazy("Something does not work, and you can go on"),
    Priority.P4: gettext_lazy("A question, or something small"),
    Priority.P5: gettext_lazy("A plan, for later"),
}
STANDINGS = {
    "": gettext_lazy("Does not sign in"),
    "viewer": gettext_lazy("Reads"),
    "member": gettext_lazy("Reads, reports and answers"),
    "manager": gettext_lazy("Also keeps your people"),
}
RULES = {
    "own": gettext_lazy("Everybody sees only what they reported themselves"),
    "managers_all": gettext_lazy("Those who keep your people see everything, all others what they reported themselves"),
    "all": gettext_lazy("Everybody sees everything"),
}
OUTSIDE = {
    OutOfHours.NOTHING: gettext_lazy("What you send us outside these hours is kept, and answered when we are back."),
    OutOfHours.EMAIL_ONLY: gettext_lazy(
        "Outside these hours write to us: it is taken in at once, and answered when we are back."
    ),
    OutOfHours.FULL: gettext_lazy("You reach us at any hour, also outside these hours."),
}
STATES = {
    "new": gettext_lazy("We have it"),
    "assigned": gettext_lazy("We have it"),
    "in_progress": gettext_lazy("We are working on it"),
    "resolved": gettext_lazy("Solved"),
    "closed": gettext_lazy("Closed"),
    "cancelled": gettext_lazy("Withdrawn"),
}
WAITS_FOR = {
    "awaiting_caller": gettext_lazy("We wait for your answer"),
    "awaiting_change": gettext_lazy("It waits for a change that is planned"),
    "awaiting_problem": gettext_lazy("We look for the cause"),
    "awaiting_supplier": gettext_lazy("We wait for a supplier of ours"),
}
KINDS = {
    "broken": gettext_lazy("Something does not work"),
    "wish": gettext_lazy("I want something changed, or have a question"),
    "access": gettext_lazy("Somebody needs access, or a new password"),
}
HOW_MANY = {
    "high": gettext_lazy("All of us, or our customers"),
    "medium": gettext_lazy("Several of us"),
    "low": gettext_lazy("One of us"),
}
HOW_SOON = {
    "high": gettext_lazy("Work stands still"),
    "medium": gettext_lazy("We can go on, with trouble"),
    "low": gettext_lazy("It can wait"),
}
MONDAY = date(2024, 1, 1)
"""Any Monday: only the names of the days are wanted."""
UNUSUAL_AHEAD = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class PromiseRow:
    """One line of what is promised: how bad it is, and what we do then."""

    how_bad: str
    promised: str
    any_hour: bool


def week_of(contract: ContractFacts) -> list[tuple[str, str]]:
    """The support hours, days that are alike together: ("Monday–Friday", "09:00–17:30")."""
    return [(_days(each), _windows(each.windows)) for each in describe_hours(contract.hours)]


def unusual_of(contract: ContractFacts, today: date) -> list[tuple[str, str]]:
    """Days of the next weeks with other hours than usual."""
    days = unusual_days(contract.hours, today, today + UNUSUAL_AHEAD)
    return [(date_format(day, _("l j F")), _windows(windows)) for day, windows in days]


def promises_of(contract: ContractFacts) -> Iterator[PromiseRow]:
    """What is promised for each grade of trouble that the contract says anything about."""
    for priority, how_bad in HOW_BAD.items():
        respond, fix = contract.respond_targets.get(priority), contract.fix_targets.get(priority)
        wakes = priority in contract.may_wake
        if respond is None and fix is None and not wakes:
            continue
        said = []
        if respond is not None:
            said.append(_("you hear from us within {span}").format(span=span_text(respond.duration)))
        if fix is not None:
            said.append(_("it works again within {span}").format(span=span_text(fix.duration)))
        if wakes and not said:
            said.append(_("an engineer is woken for it"))
        any_hour = wakes or any(_counts_always(target) for target in (respond, fix))
        yield PromiseRow(str(how_bad), ", ".join(said), any_hour)


def now_text(cover: Cover, contract: ContractFacts | None, zone: ZoneInfo) -> str:
    """One sentence on what becomes of something reported now."""
    if cover.reason in (Reason.NO_CONTRACT, Reason.CONTRACT_NOT_VALID) or contract is None:
        return _("You have no contract for support with us now. We read what you send, and answer when we can.")
    if cover.answer_from is None:
        return _("We read what you send, and answer when we can.")
    if cover.reason in (Reason.IN_HOURS, Reason.OUT_OF_HOURS_COVERED):
        return _("We are here now.")
    opens = cover.answer_from.astimezone(zone)
    return _("We are back on {day} at {time} ({zone} time).").format(
        day=date_format(opens, _("l j F")), time=f"{opens:%H:%M}", zone=zone_name(zone.key)
    )


def state_text(state: str, pending_reason: str) -> str:
    """How a ticket stands, as the customer says it."""
    return str(WAITS_FOR[pending_reason] if state == "pending" else STATES[state])


def state_tone(state: str, pending_reason: str) -> str:
    """The colour beside `state_text`: "accent" where they are to do something, "calm" where it is done, else ""."""
    if state == "pending" and pending_reason == "awaiting_caller":
        return "accent"
    return "calm" if state in ("resolved", "closed") else ""


def span_text(span: timedelta) -> str:
    """A length of time as people say it: "30 minutes", "4 hours", "1 hour 30 minutes"."""
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    parts = []
    if hours:
        parts.append(ngettext("{count} hour", "{count} hours", hours).format(count=hours))
    if minutes:
        parts.append(ngettext("{count} minute", "{count} minutes", minutes).format(count=minutes))
    return " ".join(parts)


def zone_name(key: str) -> str:
    """The city of a zone: "London" for Europe/London; the key itself where there is none."""
    return key.rpartition("/")[2].replace("_", " ")


def _counts_always(target: Target | None) -> bool:
    return target is not None and target.clock is Clock.EVERY_MINUTE


def _days(each: DayRange) -> str:
    first, last = (date_format(MONDAY + timedelta(days=day), "l") for day in (each.first, each.last))
    return first if each.first == each.last else _("{first} to {last}").format(first=first, last=last)


def _windows(windows: Windows) -> str:
    times = [format_window(window).replace("-", "–") for window in windows]
    return ", ".join(times) or _("closed")


def choices(words: dict[str, Any], *, without: str | None = None) -> list[tuple[str, str]]:
    """The words as a form's choices."""
    return [(key, str(text)) for key, text in words.items() if key != without]
