"""The planner's own rules are no second opinion: what it gives out, `law` has nothing against."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.rota import law
from nightdesk.rota.planner import Barred, Budget, Person, Problem, Rules, Slot, solve
from nightdesk.rota.planner.tests.small_world import FIRST, duty, minute, shift, weeks

DAYS = 14
KEPT = {law.Rule.DAILY_REST, law.Rule.WEEKLY_REST, law.Rule.NIGHTS_RUNNING, law.Rule.RECOVERY}
"""What a plan may not owe rest for, or be warned of, though the law would let it pass."""


def instant(minutes: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)


def span_of(slot: Slot) -> law.Span:
    return law.Span(instant(slot.start), instant(slot.end), key=slot.seat)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(4, 7),
    st.sampled_from(("N", "AN", "MAN")),
    st.lists(st.integers(0, DAYS - 4), max_size=3),
    st.lists(st.integers(-20, -2), max_size=6, unique=True),
    st.integers(0, 99),
)
def test_law_has_nothing_against_what_is_planned(number, kinds, leaves, history, seed):
    away = {index % number: at for index, at in enumerate(leaves)}
    people = tuple(
        Person(
            f"P{each}",
            barred=(Barred(minute(away[each]), minute(away[each] + 3), "leave"),) if each in away else (),
            worked=tuple(duty(day, "A") for day in sorted(history)) if each == 0 else (),
        )
        for each in range(number)
    )
    slots = tuple(shift(day, kind) for day in range(DAYS) for kind in kinds)
    problem = Problem(FIRST, FIRST + DAYS, people, slots, rules=Rules(rest_windows=weeks(DAYS)))
    by_id = {slot.id: slot for slot in slots}
    result = solve(problem, Budget(steps=1500), seed=seed)
    assert result.given
    for person in people:
        worker = law.Worker(
            zone="UTC",
            known_since=date.fromordinal(FIRST) - timedelta(weeks=17),
            night_assessed_on=date.fromordinal(FIRST),
            modified_nights=True,
            away=tuple(law.Away(instant(bar.start), instant(bar.end)) for bar in person.barred),
        )
        mine = [span_of(by_id[each.slot]) for each in result.given if each.person == person.id]
        done = [law.Span(instant(each.start), instant(each.end), key="done") for each in person.worked]
        found = law.check(worker, [*done, *mine], instant(minute(0)), instant(minute(DAYS)))
        before = law.check(worker, done, instant(minute(0)), instant(minute(DAYS)))
        new = law.new_findings(before, found)
        assert not [each for each in new if each.severity is law.Severity.BLOCK or each.rule in KEPT]
