"""The law held against the plan: what is known of people and their time is read here, and `law` says what it thinks of it.

Every verb that puts somebody on goes through `look` before and `refuse_or_note` after the change, in one transaction.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import Refusal
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Absence, Person, PersonSkill, Restriction, Terms
from nightdesk.rota import law, law_wording, queries, resolve
from nightdesk.rota.law import Finding, Severity, Span, Worker
from nightdesk.rota.models import LayerMember, Override, PlannedShift, Seat, SeatSkill, Worked

CHECKED_AHEAD = timedelta(weeks=8)
"""How far a plan without an end is looked at."""
BEHIND = timedelta(weeks=2)
"""How much of what was planned is read besides what was worked, for the rest before the first duty looked at."""

EXEMPTED = kind("rota.exempted", gettext_lazy("{by} let stand what a rule blocks on {seat}: {reason}"))


class RuleBlocks(Refusal):
    """Somebody would be on who must not be."""

    code = "rule-blocks"
    status = 409
    title = "A rule of working time says no"


@dataclass(frozen=True, slots=True)
class Look:
    """What there was to say before a change. `findings` by person."""

    start: datetime
    end: datetime
    at: datetime
    findings: Mapping[int, list[Finding]]


def workers(person_ids: Collection[int], at: datetime) -> dict[int, Worker]:
    """What `law` must know of each of them; those who do not exist are left out. The number of queries does not grow."""
    people = Person.objects.in_bulk(list(person_ids))
    terms = {row.person_id: row for row in Terms.objects.filter(person__in=people)}
    longest = timedelta(weeks=max(law.REFERENCE_WEEKS) + 1)
    away: dict[int, list[law.Away]] = defaultdict(list)
    for row in Absence.objects.filter(person__in=people, cancelled_at=None, ends_at__gt=at - longest):
        excluded = row.kind in (Absence.Kind.LEAVE, Absence.Kind.SICKNESS)
        away[row.person_id].append(law.Away(row.starts_at, row.ends_at, excluded))
    limits: dict[int, list[law.Limit]] = defaultdict(list)
    for limit in Restriction.objects.filter(person__in=people, cancelled_at=None):
        limits[limit.person_id].append(law.Limit(law.Cannot(limit.kind), limit.starts_on, limit.ends_on))
    skills: dict[int, dict[str, int]] = defaultdict(dict)
    for person_id, skill_id, level in PersonSkill.objects.filter(person__in=people).values_list(
        "person_id", "skill_id", "level"
    ):
        skills[person_id][str(skill_id)] = level
    return {
        person_id: _worker(
            person,
            terms.get(person_id) or Terms(person=person),
            tuple(away[person_id]),
            tuple(limits[person_id]),
            skills[person_id],
        )
        for person_id, person in people.items()
    }


def _worker(
    person: Person,
    terms: Terms,
    away: tuple[law.Away, ...],
    limits: tuple[law.Limit, ...],
    skills: Mapping[str, int],
) -> Worker:
    return Worker(
        zone=person.zone,
        pack=law.PACKS.get(terms.rule_pack, law.GB),
        employed_on=terms.employed_on,
        known_since=terms.hours_known_since,
        reference_weeks=terms.reference_weeks,
        weekly_hours=float(terms.weekly_hours),
        opted_out=(terms.opted_out_from, terms.opted_out_until) if terms.opted_out_from is not None else None,
        young_until=terms.under_18_until,
        night_assessed_on=terms.night_assessed_on,
        modified_nights=terms.continuous_service,
        most_nights_a_month=terms.max_nights_a_month,
        away=away,
        limits=limits,
        skills=skills,
    )


def spans(person_ids: Collection[int], until: datetime, at: datetime) -> dict[int, list[Span]]:
    """All that each worked, as far back as an average may reach, and all that they are planned for until `until`.

    What is over comes from the record of work; what is on or to come from the plan of every rota that they are in.
    """
    found: dict[int, list[Span]] = {person_id: [] for person_id in person_ids}
    since = at - timedelta(weeks=max(law.REFERENCE_WEEKS) + 1)
    worked = Worked.objects.filter(person__in=found, ends_at__gt=since, struck_at=None).select_related("seat")
    for row in worked:
        found[row.person_id].append(span_of(row))
    kinds = seat_kinds()
    for rota in queries.load_rotas(_rotas_of(found)).values():
        for seat in rota.seats:
            for span, person_id in planned_spans(rota, seat, kinds[seat.key], at, until):
                if person_id in found:
                    found[person_id].append(span)
    return found


def span_of(row: Worked) -> Span:
    """A record of work as `law` takes it."""
    is_duty = row.kind in (Worked.Kind.PLANNED, Worked.Kind.STANDBY)
    return Span(
        row.starts_at,
        row.ends_at,
        counts=row.kind != Worked.Kind.STANDBY,
        planned=is_duty,
        said=row.seat is None or row.seat.counts_at is not None,
        key=row.seat.key if row.seat is not None else "",
        place=str(row.seat.rota_id) if row.seat is not None else "",
    )


def check_people(person_ids: Collection[int], start: datetime, end: datetime, at: datetime) -> dict[int, list[Finding]]:
    """What there is to say of the duties of each in `[start, end)`, as the plan stands."""
    of = workers(person_ids, at)
    known = spans(of, end, at)
    return {person_id: law.check(worker, known[person_id], start, end) for person_id, worker in of.items()}


def check_proposed(
    proposed: Mapping[int, Iterable[Span]],
    start: datetime,
    end: datetime,
    at: datetime,
    *,
    instead_of: Collection[str] = (),
) -> dict[int, list[Finding]]:
    """As `check_people`, as if these people had these duties too.

    In `[start, end)` the seats `instead_of` are planned by the proposal alone: what the plan gives them there is cut away.
    """
    of = workers(proposed.keys(), at)
    known = spans(of, end, at)
    return {
        person_id: law.check(
            worker,
            [*_outside(known[person_id], start, end, instead_of), *proposed[person_id]],
            start,
            end,
        )
        for person_id, worker in of.items()
    }


def _outside(known: Iterable[Span], start: datetime, end: datetime, keys: Collection[str]) -> Iterable[Span]:
    for span in known:
        if not (span.planned and span.key in keys) or span.end <= start or span.start >= end:
            yield span
            continue
        for since, until in ((span.start, start), (end, span.end)):
            if since < until:
                yield replace(span, start=since, end=until)


# --- Around a change --------------------------------------------------------------------------------------------------


def look(person_ids: Collection[int], start: datetime, end: datetime, at: datetime) -> Look:
    """What there is to say of them now; taken before a change, and held against what there is after it."""
    return Look(start, end, at, check_people(person_ids, start, end, at))


def refuse_or_note(
    before: Look,
    *,
    seat: Seat,
    people: Collection[int],
    override_reason: str,
    by: Actor,
    via: Door,
    at: datetime,
) -> list[tuple[int, Finding]]:
    """What the change brought, by person: of that, a block is refused, and all else given back for who asked to read.

    With `override_reason` a block stands as an exemption, by that name and for that reason. `people` are those who are on
    now; those whom `before` did not look at are taken to have had nothing against them. Raises RuleBlocks; Forbidden for
    a reason of somebody who may not exempt.
    """
    news = [
        (person_id, finding)
        for person_id, after in check_people(set(people) | set(before.findings), before.start, before.end, at).items()
        for finding in law.new_findings(before.findings.get(person_id, ()), after)
    ]
    blocks = [(person_id, finding) for person_id, finding in news if finding.severity is Severity.BLOCK]
    if not blocks:
        return news
    names = dict(Person.objects.filter(id__in={person_id for person_id, _found in blocks}).values_list("id", "name"))
    if not override_reason.strip():
        first = [law_wording.say(finding, names[person_id], seat.rota.zone) for person_id, finding in blocks[:3]]
        more = _("And %d more like it.") % (len(blocks) - 3) if len(blocks) > 3 else ""
        raise RuleBlocks(
            _("A change of the plan of %s was asked for.") % seat.name,
            " ".join([*first, more]).strip(),
            _("Choose somebody else, or another time. Who has the right may let it stand, and say why."),
            rules=sorted({law_wording.public(finding) for _person, finding in blocks}),
        )
    require(by, "exempt_duty", seat.rota.brand_id)
    reason = one_line(override_reason, 200, _("reason"))
    for person_id, found in groupby(blocks, key=lambda block: block[0]):
        findings = [finding for _person, finding in found]
        exemption = seat.exemptions.create(
            person_id=person_id,
            starts_at=min(finding.start for finding in findings),
            ends_at=max(finding.end for finding in findings),
            rules=sorted({finding.rule for finding in findings}),
            reason=reason,
            made_by=by.name,
            made_at=at,
        )
        facts = {
            "exemption": exemption.id,
            "seat": seat.name,
            "person": names[person_id],
            "rules": sorted({law_wording.public(finding) for finding in findings}),
            "reason": reason,
        }
        record(EXEMPTED, subject=("seat", seat.id), by=by, via=via, at=at, brand_id=seat.rota.brand_id, facts=facts)
    return news


def as_facts(news: Iterable[tuple[int, Finding]]) -> list[dict[str, Any]]:
    """The findings for the journal, which colleagues read: nothing in it says why somebody is not available."""
    return [
        {
            "person": person_id,
            "rule": law_wording.public(finding),
            "severity": finding.severity,
            "starts_at": finding.start.isoformat(),
            "ends_at": finding.end.isoformat(),
            "owed_minutes": int(finding.owed / timedelta(minutes=1)),
        }
        for person_id, finding in news
    ]


def people_of(rota: resolve.Rota, seat_key: str, start: datetime, end: datetime) -> set[int]:
    """Who is planned for the seat somewhere in `[start, end)`; teams are nobody in particular."""
    return {
        turn.member[1]
        for turn in resolve.turns(rota, seat_key, start, end)
        if isinstance(turn.member, tuple) and turn.member[0] == "person"
    }


# --- What is planned --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeatKind:
    """How a seat's time counts, what one must know for it, and its rota."""

    counts: bool
    said: bool
    needs: tuple[tuple[str, int], ...]
    place: str

    def span(self, start: datetime, end: datetime, key: str) -> Span:
        """A duty on such a seat."""
        return Span(start, end, self.counts, True, self.said, key, self.needs, self.place)


def seat_kinds() -> dict[str, SeatKind]:
    """Of every seat, by key."""
    needs: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for seat_id, skill_id, level in SeatSkill.objects.filter(hard=True).values_list("seat_id", "skill_id", "level"):
        needs[seat_id].append((str(skill_id), level))
    return {
        seat.key: SeatKind(
            seat.counts == Seat.Counts.ALL, seat.counts_at is not None, tuple(needs[seat.id]), str(seat.rota_id)
        )
        for seat in Seat.objects.all()
    }


def _rotas_of(person_ids: Collection[int]) -> set[int]:
    """The rotas in whose plan one of them may be."""
    ids = list(person_ids)
    in_layers = LayerMember.objects.filter(person__in=ids).values_list("layer__seat__rota_id", flat=True)
    in_overrides = Override.objects.filter(Q(member__in=ids) | Q(instead_of__in=ids))
    in_shifts = PlannedShift.objects.filter(person__in=ids, published=True)
    return {
        *in_layers,
        *in_overrides.values_list("seat__rota_id", flat=True),
        *in_shifts.values_list("seat__rota_id", flat=True),
    }


def planned_spans(
    rota: resolve.Rota, seat: resolve.Seat, of: SeatKind, at: datetime, until: datetime
) -> Iterable[tuple[Span, int]]:
    """The turns that are on at `at` or come after it, each whole, and whose they are."""
    if until <= at:
        return
    for turn in resolve.turns(rota, seat.key, at - BEHIND, until + timedelta(days=1)):
        if turn.end <= at or turn.start >= until or not isinstance(turn.member, tuple) or turn.member[0] != "person":
            continue
        yield of.span(turn.start, turn.end, seat.key), turn.member[1]
