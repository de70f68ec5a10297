"""Figures in words: what a reading says, the same on the page, in the mail and in the portal."""

from collections.abc import Mapping

from django.utils.functional import Promise as LazyText
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.reports.definitions import Unit
from nightdesk.reports.figure_queries import Reading

NAMES: Mapping[str, str | LazyText] = {
    "answered_12s": gettext_lazy("Answered within 12 s"),
    "answered_12s_recorder": gettext_lazy("… counting the recorder"),
    "answered_12s_engineer": gettext_lazy("… by an engineer"),
    "answered_12s_patient": gettext_lazy("… without who gave up"),
    "time_to_answer": gettext_lazy("Time to answer"),
    "gave_up": gettext_lazy("Gave up"),
    "repeat_callers": gettext_lazy("Repeat callers"),
    "call_backs_on_time": gettext_lazy("Call-backs on time"),
    "messages_corrected": gettext_lazy("Messages corrected"),
    "time_to_respond": gettext_lazy("Time to respond"),
    "time_to_resolve": gettext_lazy("Time to resolve"),
    "first_contact": gettext_lazy("Resolved at first contact"),
    "escalated_functional": gettext_lazy("Escalated to another line"),
    "escalated_hierarchic": gettext_lazy("Escalated to a manager"),
    "reopened": gettext_lazy("Reopened"),
    "time_to_acknowledge": gettext_lazy("Time to acknowledge"),
    "woken": gettext_lazy("Woken"),
    "first_word": gettext_lazy("First word of an outage"),
    "updates_on_time": gettext_lazy("Updates on time"),
    "told_before_asking": gettext_lazy("Told before they asked"),
    "availability": gettext_lazy("Availability"),
    "availability_with_work": gettext_lazy("… planned work counted"),
    "delivery_taken": gettext_lazy("Messages taken by a provider"),
    "delivery_arrived": gettext_lazy("Messages that arrived"),
    "delivery_cost": gettext_lazy("Cost of messages"),
    "satisfaction": gettext_lazy("Satisfaction"),
    "satisfied": gettext_lazy("… 4 or 5 of 5"),
}


def value_of(reading: Reading) -> str:
    """The value in words; where there was nothing to count it says so, and never 0 % or 100 %."""
    value = reading.value
    if value is None:
        return _("nothing to count")
    match reading.figure.unit:
        case Unit.SHARE:
            return percent(value)
        case Unit.UPTIME:
            return f"{floor(100 * value, 3):.3f} %"
        case Unit.TIME:
            return duration(value)
        case Unit.SCORE:
            return _("{score} of 5").format(score=f"{value:.2f}")
        case Unit.A_NIGHT:
            return _("{rate} a night").format(rate=f"{value:.2f}")
        case Unit.MONEY:
            return f"{value:,.2f}"


def beside(reading: Reading) -> str:
    """What stands beside the value: of how many it is, how wide it spreads, how many cannot be counted yet."""
    tally, said = reading.tally, []
    if reading.value is not None:
        match reading.figure.unit:
            case Unit.SHARE:
                said.append(_("{hits} of {cases}").format(hits=f"{tally.hits:,}", cases=f"{tally.cases:,}"))
            case Unit.TIME:
                high, mean = reading.high, reading.mean
                assert high is not None  # there is a value
                assert mean is not None
                said.append(_("nine of ten within {high}").format(high=duration(high)))
                said.append(_("mean {mean}, of {cases}").format(mean=duration(mean), cases=f"{tally.cases:,}"))
            case Unit.SCORE:
                said.append(ngettext("{n} answer", "{n} answers", tally.cases).format(n=f"{tally.cases:,}"))
            case Unit.A_NIGHT:
                said.append(_("{cases} in {nights} nights").format(cases=f"{tally.cases:,}", nights=reading.nights))
            case Unit.MONEY:
                said.append(ngettext("{n} message", "{n} messages", tally.cases).format(n=f"{tally.cases:,}"))
            case Unit.UPTIME:
                said.append(_("{time} lost").format(time=duration(tally.total)))
    if tally.waiting:
        said.append(ngettext("{n} not yet known", "{n} not yet known", tally.waiting).format(n=f"{tally.waiting:,}"))
    return "; ".join(said)


def duration(ms: float) -> str:
    """A time in its two largest units: "9.5 s", "4 min 30 s", "3 h 05 min", "2 d 4 h"."""
    seconds = ms / 1000
    if seconds < 60:
        return _("{n} s").format(n=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("{m} min {s:02} s").format(m=minutes, s=rest)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("{h} h {m:02} min").format(h=hours, m=minutes)
    days, hours = divmod(hours, 24)
    return _("{d} d {h} h").format(d=days, h=hours)


def in_file(reading: Reading) -> float | str:
    """The value as files have it: cut off like the one in words, and "" where there is nothing to count."""
    value = reading.value
    if value is None:
        return ""
    return floor(value, 6) if reading.figure.unit in (Unit.SHARE, Unit.UPTIME) else round(value, 6)


def percent(share: float | None) -> str:
    """A share, cut off so that only all are all, or a dash where there is nothing to share."""
    return "\u2013" if share is None else f"{floor(100 * share, 1):.1f} %"


def floor(value: float, places: int) -> float:
    """Cut off, so that 99.97 % is never shown as all of it."""
    scale: int = 10**places
    return float(int(value * scale + 1e-6) / scale)
