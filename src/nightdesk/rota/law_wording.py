"""What the law found, in a sentence. What is private of a person is said only to who may know it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.rota.law import Cannot, Finding, Rule, Severity

NOT_AVAILABLE = "not_available"

_PRIVATE = frozenset({Rule.ABSENT, Rule.RESTRICTED, Rule.OWN_LIMIT, Rule.YOUNG_NIGHT, Rule.YOUNG_HOURS})
"""What colleagues are told of these is that somebody is not available."""

RULE_NAMES = {
    Rule.OVERLAP: gettext_lazy("Two duties at once"),
    Rule.ABSENT: gettext_lazy("Absent"),
    Rule.RESTRICTED: gettext_lazy("Cannot do it"),
    Rule.OWN_LIMIT: gettext_lazy("Nights agreed on"),
    Rule.SKILL: gettext_lazy("Skill that the seat needs"),
    Rule.YOUNG_NIGHT: gettext_lazy("Under 18 at night"),
    Rule.YOUNG_HOURS: gettext_lazy("Under 18, hours"),
    Rule.WEEK_AVERAGE: gettext_lazy("48 hours a week on average"),
    Rule.NIGHT_AVERAGE: gettext_lazy("8 hours a night on average"),
    Rule.DAILY_REST: gettext_lazy("11 hours' rest a day"),
    Rule.WEEKLY_REST: gettext_lazy("Weekly rest"),
    Rule.NIGHTS_RUNNING: gettext_lazy("Nights running"),
    Rule.LONG_DUTY: gettext_lazy("Long duty"),
    Rule.BACKWARD: gettext_lazy("Earlier than the day before"),
    Rule.RECOVERY: gettext_lazy("Sleep after nights"),
    Rule.ASSESSMENT: gettext_lazy("Health assessment"),
    Rule.OPT_OUT_ENDS: gettext_lazy("Opt-out ends"),
}

CANNOT_NAMES = {
    Cannot.NO_NIGHTS: gettext_lazy("no nights"),
    Cannot.NO_WEEKENDS: gettext_lazy("no weekends"),
    Cannot.NO_SITE_VISITS: gettext_lazy("no site visits"),
    Cannot.NO_DUTY: gettext_lazy("no duty"),
}

SEVERITY_NAMES = {
    Severity.BLOCK: gettext_lazy("blocked"),
    Severity.OWED: gettext_lazy("rest owed"),
    Severity.WARN: gettext_lazy("look at it"),
    Severity.UNKNOWN: gettext_lazy("unknown"),
}
SEVERITY_TONES = {Severity.BLOCK: "fire", Severity.OWED: "accent", Severity.WARN: "accent", Severity.UNKNOWN: ""}


def public(finding: Finding) -> str:
    """The rule as colleagues may read it: of what is private no more than `not_available`."""
    return NOT_AVAILABLE if finding.rule in _PRIVATE else finding.rule


def public_rules(rules: Sequence[str]) -> list[str]:
    """Stored rules as colleagues may read them, each once."""
    return sorted({NOT_AVAILABLE if rule in _PRIVATE else rule for rule in rules})


def say(finding: Finding, name: str, zone: str, *, knows: bool = False) -> str:
    """A sentence, with times by clocks in `zone`. `knows`: the reader is the person or their manager."""
    facts = {
        "name": name,
        "start": day_and_time(finding.start, zone),
        "end": day_and_time(finding.end, zone),
        "is_so": hours(finding.is_so),
        "should_be": hours(finding.should_be),
        "count": finding.is_so,
        "most": finding.should_be,
        "what": finding.what,
        "owed": hours(int(finding.owed / timedelta(minutes=1))),
        "by": day_and_time(finding.owed_by, zone) if finding.owed_by is not None else "",
    }
    if finding.rule in _PRIVATE and not knows:
        return _("%(name)s is not available from %(start)s until %(end)s.") % facts
    if finding.rule is Rule.RESTRICTED:
        facts["what"] = str(CANNOT_NAMES[Cannot(finding.what)])
    return str(_sentence(finding)) % facts


def _sentence(finding: Finding) -> str:
    if finding.severity is Severity.UNKNOWN:
        if not finding.what.startswith("0/") and finding.is_so > finding.should_be:
            return _(
                "Whether %(name)s keeps to %(should_be)s on average is unknown: it would be %(is_so)s if all duties count, "
                "and nobody has said how they do."
            )
        return _(
            "Whether %(name)s keeps to %(should_be)s on average is unknown: the hours of %(what)s weeks are on record."
        )
    return {
        Rule.OVERLAP: _("%(name)s would have two duties at once from %(start)s until %(end)s."),
        Rule.ABSENT: _("%(name)s is absent from %(start)s until %(end)s."),
        Rule.RESTRICTED: _("%(name)s cannot do the duty from %(start)s: %(what)s."),
        Rule.OWN_LIMIT: _("%(name)s would have %(count)d nights in a month, and agreed to %(most)d."),
        Rule.SKILL: _("%(name)s does not know what the duty from %(start)s needs."),
        Rule.YOUNG_NIGHT: _("%(name)s is under 18 and works no nights (%(start)s)."),
        Rule.YOUNG_HOURS: _(
            "%(name)s is under 18 and would work %(is_so)s, where %(should_be)s are allowed (%(start)s)."
        ),
        Rule.WEEK_AVERAGE: _(
            "%(name)s would work %(is_so)s a week on average until %(end)s; %(should_be)s are allowed."
        ),
        Rule.NIGHT_AVERAGE: _(
            "%(name)s works nights, and would work %(is_so)s a day on average until %(end)s; %(should_be)s are allowed."
        ),
        Rule.DAILY_REST: _("%(name)s has %(is_so)s of rest before %(end)s: %(owed)s are owed by %(by)s."),
        Rule.WEEKLY_REST: _(
            "%(name)s has too little weekly rest in the fortnight from %(start)s: %(owed)s are owed by %(by)s."
        ),
        Rule.NIGHTS_RUNNING: _("%(name)s has %(count)d nights running from %(start)s; more than %(most)d tire."),
        Rule.LONG_DUTY: _("%(name)s has a duty of %(is_so)s from %(start)s; more than %(should_be)s tire."),
        Rule.BACKWARD: _("%(name)s begins earlier at %(end)s than the day before."),
        Rule.RECOVERY: _("%(name)s has %(count)d of %(most)d whole nights' sleep after nights before %(end)s."),
        Rule.ASSESSMENT: _("%(name)s works nights, and no health assessment of the last year is on record."),
        Rule.OPT_OUT_ENDS: _("The opt-out of %(name)s ends on %(start)s."),
    }[finding.rule]


def hours(minutes: int) -> str:
    """A length such as 5 h 40 min."""
    whole, rest = divmod(abs(minutes), 60)
    if not whole:
        return _("%d min") % rest
    return _("%(hours)d h %(minutes)02d min") % {"hours": whole, "minutes": rest} if rest else _("%d h") % whole


def day_and_time(at: datetime, zone: str) -> str:
    """Day and time by clocks in `zone`, such as Tue 6 Jan 14:40."""
    return date_format(at.astimezone(ZoneInfo(zone)), "D j M H:i")
