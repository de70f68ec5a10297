"""Verbs of what limits somebody's hours: absences, what they cannot do, the terms that they work under.

What is written in the journal is what colleagues may read: that somebody is not available, and never why.
"""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.journal.kinds import kind
from nightdesk.people.locking import lock_person, record_about
from nightdesk.people.models import Absence, Person, Restriction, Terms

ABSENT = kind("person.absent", gettext_lazy("{person} is not available from {starts_at} until {ends_at}"))
ABSENCE_CANCELLED = kind("person.absence_cancelled", gettext_lazy("{person} is available after all"))
RESTRICTED = kind("person.restricted", gettext_lazy("{by} set what {person} is not available for"))
RESTRICTION_CANCELLED = kind(
    "person.restriction_cancelled", gettext_lazy("{by} took back what {person} is not available for")
)
TERMS_SET = kind("person.terms_set", gettext_lazy("{by} set the terms that {person} works under"))

RULE_PACKS = ("GB", "EU")
"""The packs of `rota.law`, which says what is in them."""
REFERENCE_WEEKS = (17, 26, 52)


class TermsWanted(TypedDict, total=False):
    """Columns of Terms; those that are not there stay."""

    rule_pack: str
    weekly_hours: Decimal
    reference_weeks: int
    continuous_service: bool
    opted_out_from: date | None
    opted_out_until: date | None
    under_18_until: date | None
    night_assessed_on: date | None
    employed_on: date | None
    hours_known_since: date | None
    max_nights_a_month: int | None


@transaction.atomic
def record_absence(
    *,
    person_id: int,
    absence: str,
    starts_at: datetime,
    ends_at: datetime,
    note: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Absence:
    """The person cannot work over [`starts_at`, `ends_at`); `absence` is leave, sickness or other. One's own needs no role.

    It may lie in the past: somebody was ill. Their duties stay theirs until the plan is changed. The same absence again is the
    one that is there. Raises Forbidden, NotFound, and Invalid for an end that is not after the start.
    """
    person = lock_person(person_id, by, "record_absence", own=True)
    asked = _("An absence of %s was to be recorded.") % person.name
    if absence not in Absence.Kind.values:
        raise Invalid(asked, _("There is no kind %r.") % absence[:20], _("Give leave, sickness or other."))
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise Invalid(asked, _("An instant has no zone."), _("Give its offset, for example +01:00 or Z."))
    if ends_at <= starts_at:
        raise Invalid(asked, _("It would be over before it begins."), _("Let it end later than it starts."))
    note = one_line(note, 200, _("note"), may_be_empty=True)
    same = Absence.objects.filter(
        person=person, kind=absence, starts_at=starts_at, ends_at=ends_at, cancelled_at=None
    ).first()
    if same is not None:
        return same
    row = Absence.objects.create(
        person=person, kind=absence, starts_at=starts_at, ends_at=ends_at, note=note, recorded_at=at
    )
    record_about(ABSENT, person, by, via, at, absence=row.pk, **_when(row, person))
    return row


@transaction.atomic
def cancel_absence(*, absence_id: int, by: Actor, via: Door, at: datetime) -> Absence:
    """The person is there after all: for all of it, or from `at` on if it has begun. Repeating it changes nothing.

    Raises Forbidden, NotFound, and IllegalTransition when it is over.
    """
    found = Absence.objects.filter(pk=absence_id).values_list("person_id", flat=True).first()
    if found is None:
        raise NotFound(
            _("The absence %s was asked for.") % absence_id, _("There is none."), _("Look at the person's page.")
        )
    person = lock_person(found, by, "cancel_absence", own=True)
    row = Absence.objects.get(pk=absence_id)
    if row.cancelled_at is not None:
        return row
    if row.ends_at <= at:
        raise IllegalTransition(
            _("An absence of %s was to be cancelled.") % person.name, _("It is over."), _("Nothing has to be done.")
        )
    facts = _when(row, person)
    if row.starts_at < at:
        row.ends_at = at  # what was, stays on record
        row.save(update_fields=["ends_at"])
    else:
        row.cancelled_at = at
        row.save(update_fields=["cancelled_at"])
    record_about(ABSENCE_CANCELLED, person, by, via, at, absence=row.pk, **facts)
    return row


@transaction.atomic
def record_restriction(
    *,
    person_id: int,
    restriction: str,
    starts_on: date,
    ends_on: date | None = None,
    note: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Restriction:
    """From `starts_on` to `ends_on` (None: until further notice), both by their calendar, the person cannot do it.

    `restriction` is no_nights, no_weekends, no_site_visits or no_duty. One's own needs no role. Raises Forbidden, NotFound,
    Invalid.
    """
    person = lock_person(person_id, by, "record_restriction", own=True)
    asked = _("What %s cannot do was to be recorded.") % person.name
    if restriction not in Restriction.Kind.values:
        raise Invalid(
            asked,
            _("There is no kind %r.") % restriction[:20],
            _("Give no_nights, no_weekends, no_site_visits or no_duty."),
        )
    if ends_on is not None and ends_on < starts_on:
        raise Invalid(asked, _("It would be over before it begins."), _("Let it end on its first day, or later."))
    row = Restriction.objects.create(
        person=person,
        kind=restriction,
        starts_on=starts_on,
        ends_on=ends_on,
        note=one_line(note, 200, _("note"), may_be_empty=True),
        recorded_at=at,
    )
    record_about(RESTRICTED, person, by, via, at, restriction=row.pk)
    return row


@transaction.atomic
def cancel_restriction(*, restriction_id: int, by: Actor, via: Door, at: datetime) -> Restriction:
    """It holds no longer. Repeating it changes nothing. Raises Forbidden, NotFound."""
    found = Restriction.objects.filter(pk=restriction_id).values_list("person_id", flat=True).first()
    if found is None:
        raise NotFound(
            _("The restriction %s was asked for.") % restriction_id,
            _("There is none."),
            _("Look at the person's page."),
        )
    person = lock_person(found, by, "cancel_restriction", own=True)
    row = Restriction.objects.get(pk=restriction_id)
    if row.cancelled_at is None:
        row.cancelled_at = at
        row.save(update_fields=["cancelled_at"])
        record_about(RESTRICTION_CANCELLED, person, by, via, at, restriction=row.pk)
    return row


@transaction.atomic
def set_terms(*, person_id: int, terms: TermsWanted, by: Actor, via: Door, at: datetime) -> Terms:
    """These are the terms that they work under; what is not given stays. The journal says which were changed, and not to what.

    Raises Forbidden, NotFound, and Invalid for what does not fit: a pack that is none, an opt-out where the pack has none or
    that ends before it begins.
    """
    person = lock_person(person_id, by, "set_terms")
    row, is_new = Terms.objects.get_or_create(person=person)
    asked = _("The terms of %s were given.") % person.name
    changed = [name for name, value in terms.items() if getattr(row, name) != value]
    for name, value in terms.items():
        setattr(row, name, value)
    _check_terms(row, asked)
    if changed:
        row.save(update_fields=changed)
    if changed or is_new:
        record_about(TERMS_SET, person, by, via, at, changed=sorted(changed))
    return row


def _check_terms(row: Terms, asked: str) -> None:
    if row.rule_pack not in RULE_PACKS:
        raise Invalid(asked, _("There is no pack %r.") % row.rule_pack[:8], _("Give %s.") % ", ".join(RULE_PACKS))
    if row.reference_weeks not in REFERENCE_WEEKS:
        raise Invalid(
            asked,
            _("An average over %s weeks is none that the law knows.") % row.reference_weeks,
            _("Give 17, or 26 or 52 where an agreement says so."),
        )
    try:
        row.weekly_hours = Decimal(row.weekly_hours)
    except InvalidOperation:
        raise Invalid(asked, _("The hours a week are no number."), _("Give for example 37.5.")) from None
    if not 0 <= row.weekly_hours <= 80:
        raise Invalid(asked, _("They are %s hours a week.") % row.weekly_hours, _("Give 0 to 80."))
    if row.max_nights_a_month is not None and not 0 <= row.max_nights_a_month <= 31:
        raise Invalid(asked, _("They are %s nights a month.") % row.max_nights_a_month, _("Give 0 to 31, or none."))
    if row.opted_out_until is not None and (row.opted_out_from is None or row.opted_out_until < row.opted_out_from):
        raise Invalid(asked, _("The opt-out ends before it begins."), _("Give its first day, and a later last one."))
    if row.opted_out_from is not None and row.rule_pack == "EU":
        raise Invalid(
            asked,
            _("The EU pack knows no opt-out."),
            _("Take the opt-out away, or choose the pack of a country that has one."),
        )


def _when(row: Absence, person: Person) -> dict[str, Any]:
    zone = ZoneInfo(person.zone)
    return {
        "starts_at": row.starts_at.astimezone(zone).isoformat(timespec="minutes"),
        "ends_at": row.ends_at.astimezone(zone).isoformat(timespec="minutes"),
    }
