"""How a brand's rules for its clocks lie in their column, and what they mean.

| key | as stored; what is missing is as `clock` has it |
| --- | --- |
| update_every | `{"P1": "PT30M", "P4": ""}`: how often a customer hears from us, ISO 8601 of hours and minutes; "": not owed |
| pauses | `{"fix": ["awaiting_caller", "awaiting_supplier"]}`: which reasons to wait rest a clock |
| warn | `{"percent": 75, "lead": "PT15M"}`: see `clock.Warn` |
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Target
from nightdesk.customers.stored import duration_from
from nightdesk.desk.clock import PAUSES, UPDATE_EVERY, ClockRules, Warn, Which
from nightdesk.desk.decide import PendingReason


class BadClockRules(Invalid):
    """Rules for a brand's clocks that cannot be kept."""

    code = "clock-rules-not-usable"
    title = "Those rules for the clocks cannot be kept"


def clock_rules_from(stored: Any) -> ClockRules:
    """The rules that the column means. Raises BadClockRules, and BadTargets for a time that cannot be read."""
    if not isinstance(stored, Mapping) or not set(stored) <= {"update_every", "pauses", "warn"}:
        raise _bad(_("They are no table of update_every, pauses and warn."))
    return ClockRules(
        pauses=_pauses(stored.get("pauses", {})),
        update_every=_update_every(stored.get("update_every", {})),
        warn=_warn(stored.get("warn", {})),
    )


def _update_every(stored: Any) -> Mapping[Priority, Target]:
    if not isinstance(stored, Mapping) or not set(stored) <= set(Priority):
        raise _bad(_("How often customers hear is no table of P1 to P5."))
    found = dict(UPDATE_EVERY)
    for name, text in stored.items():
        if text:
            found[Priority(name)] = Target(duration_from(text, f"between news for {name}"))
        else:
            found.pop(Priority(name), None)
    return found


def _pauses(stored: Any) -> Mapping[Which, frozenset[PendingReason]]:
    if not isinstance(stored, Mapping) or not set(stored) <= set(Which):
        raise _bad(_("What rests is no table of respond, update and fix."))
    found = dict(PAUSES)
    for name, reasons in stored.items():
        if not isinstance(reasons, list | tuple) or not set(reasons) <= set(PendingReason):
            raise _bad(_("The reasons for which %s rests are not all known.") % name)
        found[Which(name)] = frozenset(PendingReason(reason) for reason in reasons)
    return found


def _warn(stored: Any) -> Warn:
    if not isinstance(stored, Mapping) or not set(stored) <= {"percent", "lead"}:
        raise _bad(_("When to warn is no percent and lead."))
    found = Warn()
    if "percent" in stored:
        percent = stored["percent"]
        if not isinstance(percent, int) or not 50 <= percent < 100:
            raise _bad(_("A warning comes when 50 to 99 percent of the time are used up."))
        found = replace(found, percent=percent)
    return replace(found, lead=duration_from(stored["lead"], "before a breach")) if "lead" in stored else found


def _bad(so: str) -> BadClockRules:
    return BadClockRules(
        _("Rules for the clocks of tickets were given."),
        so,
        _('Give {"update_every": {"P1": "PT30M"}, "pauses": {"fix": ["awaiting_caller"]}}, for example.'),
        field="clocks",
    )
