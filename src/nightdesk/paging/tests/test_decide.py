"""The promises of `decide`, over small worlds where the edges meet."""

import json
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.channels import registry
from nightdesk.paging import decide
from nightdesk.paging.decide import (
    EVERYBODY,
    LAST_RESORT,
    LONGEST_SNOOZE,
    MANAGER,
    Candidate,
    Contact,
    Cover,
    Delivery,
    OpenPage,
    Owned,
    Policy,
    Rule,
    State,
    Step,
    Storm,
    Target,
    Urgency,
    Verb,
    When,
    acknowledgement,
    after,
    alive_check,
    deliveries_for,
    first_ring_at,
    fold,
    hours_of,
    plan_next,
    policy_as_json,
    policy_from_json,
    ring_from,
    urgency_of,
)

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
HIGH, LOW = Urgency.HIGH, Urgency.LOW
NAMES = ("Al", "Bo", "Cy", "Di")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def seat(key: str) -> Target:
    return Target("seat", key)


def steps(*delays_and_keys: tuple[float, str], **rest) -> Policy:
    return Policy(tuple(Step(minutes(delay), (seat(key),)) for delay, key in delays_and_keys), **rest)


def on(**people: str):
    """Who is on: seat name to the names in it; the manager is Mo, and everybody is all of them."""
    held = {key: [Candidate(name) for name in names.split()] for key, names in people.items()}

    def resolve(target: Target) -> list[Candidate]:
        if target == MANAGER:
            return [Candidate("Mo")]
        if target == EVERYBODY:
            return [*dict.fromkeys(name for names in held.values() for name in names), Candidate("Mo")]
        return held.get(target.key, [])

    return resolve


# --- a page's life ---------------------------------------------------------------------------------------------------

ALLOWED = {
    State.TRIGGERED: set(Verb),
    State.ACKNOWLEDGED: set(Verb) - {Verb.FOLD},
    State.RESOLVED: {Verb.RESOLVE, Verb.NOTE},
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", Verb)
def test_every_pair_of_state_and_verb_is_allowed_or_refused_as_drawn(state, verb):
    left = after(state, verb, AT, AT + minutes(5))
    assert (left is not None) == (verb in ALLOWED[state])
    if left is None:
        return
    assert left.ring_at is None or left.voids
    assert left.ring_at is None or left.ring_at >= AT
    if state is State.RESOLVED:
        assert left == decide.After(State.RESOLVED, False, None)
    if verb is Verb.NOTE:
        assert left == decide.After(state, False, None)
    if left.state is State.RESOLVED and state is not State.RESOLVED:
        assert left.voids
        assert left.ring_at is None


def test_an_acknowledgement_voids_every_ring_and_a_second_one_voids_nothing():
    assert after(State.TRIGGERED, Verb.ACKNOWLEDGE, AT) == decide.After(State.ACKNOWLEDGED, True, None)
    assert after(State.ACKNOWLEDGED, Verb.ACKNOWLEDGE, AT) == decide.After(State.ACKNOWLEDGED, False, None)


@pytest.mark.parametrize(
    ("until", "rings_at"),
    [
        (AT + minutes(30), AT + minutes(30)),
        (AT, AT),
        (AT - minutes(1), AT),
        (None, AT),
        (AT + LONGEST_SNOOZE, AT + LONGEST_SNOOZE),
        (AT + timedelta(days=400), AT + LONGEST_SNOOZE),
    ],
)
def test_a_snooze_always_ends(until, rings_at):
    for state in (State.TRIGGERED, State.ACKNOWLEDGED):
        assert after(state, Verb.SNOOZE, AT, until) == decide.After(State.ACKNOWLEDGED, True, rings_at)


def test_the_first_acknowledgement_takes_the_page_and_others_are_told():
    assert acknowledgement(State.TRIGGERED, None, "Al") == "takes"
    assert acknowledgement(State.TRIGGERED, "Bo", "Al") == "takes"
    assert acknowledgement(State.ACKNOWLEDGED, "Al", "Al") == "has_it"
    assert acknowledgement(State.ACKNOWLEDGED, "Bo", "Al") == "taken"
    assert acknowledgement(State.RESOLVED, "Al", "Al") == "over"


# --- may it wake -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("urgency", Urgency)
@pytest.mark.parametrize("may_wake", [True, False])
@pytest.mark.parametrize("opens_in", [None, -1, 0, 1])
def test_only_a_high_page_that_may_wake_rings_before_the_opening(urgency, may_wake, opens_in):
    opens_at = None if opens_in is None else AT + minutes(opens_in)
    starts = ring_from(urgency, Cover(may_wake, opens_at), AT)
    waits = opens_in == 1 and not (urgency is HIGH and may_wake)
    assert starts == (AT + minutes(1) if waits else AT)


def test_an_alarm_of_unknown_severity_is_urgent():
    assert {name: urgency_of(name) for name in ("critical", "error", "warning", "info", None)} == {
        "critical": HIGH,
        "error": HIGH,
        "warning": LOW,
        "info": LOW,
        None: HIGH,
    }


# --- the ladder ------------------------------------------------------------------------------------------------------


def climb(policy: Policy, resolve, rings: int) -> list[tuple[float, tuple[str, ...]]]:
    """The first `rings` rings of a page that nobody takes: minutes after its start, and who."""
    at, number, told = first_ring_at(policy, AT), 0, []
    for _ in range(rings):
        ring = plan_next(policy, number, at, resolve)
        told.append(((at - AT) / minutes(1), ring.people))
        number, at = ring.next_rung, ring.next_at
    return told


def test_a_page_that_nobody_takes_climbs_to_everybody_and_stays_there():
    policy = steps((0, "one"), (10, "two"), repeat=1)
    assert climb(policy, on(one="Al", two="Bo"), 8) == [
        (0, ("Al",)),
        (10, ("Bo",)),
        (15, ("Al",)),
        (25, ("Bo",)),
        (30, ("Mo",)),
        (35, ("Al", "Bo", "Mo")),
        (45, ("Al", "Bo", "Mo")),
        (55, ("Al", "Bo", "Mo")),
    ]


def test_an_empty_step_is_passed_at_once_and_the_next_waits_its_own_time():
    policy = steps((0, "one"), (10, "empty"), (20, "three"), (5, "four"), repeat=0)
    assert climb(policy, on(one="Al", three="Cy", four="Di"), 3) == [(0, ("Al",)), (10, ("Cy",)), (15, ("Di",))]
    ring = plan_next(policy, 1, AT, on(one="Al", three="Cy"))
    assert (ring.people, ring.woke_nobody, ring.next_rung, ring.next_at) == (("Cy",), (1,), 3, AT + minutes(5))


def test_people_who_cannot_be_woken_are_told_and_the_next_are_rung_with_them():
    policy = steps((0, "one"), (10, "two"))

    def resolve(target):
        return [Candidate("Al", reachable=False)] if target == seat("one") else on(two="Bo Al")(target)

    ring = plan_next(policy, 0, AT, resolve)
    assert (ring.people, ring.woke_nobody, ring.reached) == (("Al", "Bo"), (0,), True)
    assert (ring.next_rung, ring.next_at) == (2, AT + minutes(5))


def test_where_there_is_nobody_at_all_it_says_so_and_tries_again():
    for number in (0, 3, 99):
        ring = plan_next(steps((0, "one")), number, AT, lambda _: [])
        assert (ring.people, ring.reached) == ((), False)
        assert ring.next_at == AT + minutes(10)
        assert ring.next_rung > number


def test_a_reassigned_page_rings_its_new_owner_first_and_then_goes_on_where_it_was():
    policy = steps((0, "one"), (10, "two"))
    ring = plan_next(policy, 1, AT, on(new="Cy", two="Bo"), first=[seat("new")])
    assert (ring.people, ring.next_rung, ring.next_at) == (("Cy",), 1, AT + minutes(10))
    gone = plan_next(policy, 1, AT, on(two="Bo"), first=[seat("new")])
    assert (gone.people, gone.next_rung) == (("Bo",), 2)


def test_a_policy_without_steps_begins_with_the_manager_at_once():
    assert climb(LAST_RESORT, on(one="Al"), 3) == [(0, ("Mo",)), (5, ("Al", "Mo")), (15, ("Al", "Mo"))]


# Four days around the night on which clocks go forward, on a grid of half hours, so that edges meet.
FORWARD = datetime(2026, 3, 27, tzinfo=UTC)
instants = st.integers(0, 4 * 48).map(lambda halves: FORWARD + halves * minutes(30))
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
calendars = st.builds(hours_of, st.just("Europe/London"), st.sets(st.integers(0, 6)), clocks, clocks)
whens = st.none() | st.builds(When, calendars, st.booleans(), st.none() | st.integers(1, 9))

targets = st.sampled_from([seat("a"), seat("b"), Target("person", "c"), Target("team", "d"), MANAGER, EVERYBODY])
policies = st.builds(
    Policy,
    st.lists(
        st.builds(
            Step, st.integers(0, 30).map(minutes), st.lists(targets, max_size=3).map(tuple), whens, st.booleans()
        ),
        max_size=3,
    ).map(tuple),
    st.integers(0, 2),
    st.integers(0, 10).map(minutes),
    st.integers(0, 10).map(minutes),
)
candidates = st.lists(
    st.builds(Candidate, st.sampled_from(NAMES), st.booleans(), st.booleans()),
    max_size=4,
    unique_by=lambda candidate: candidate.person,
)
worlds = st.fixed_dictionaries(
    dict.fromkeys([seat("a"), seat("b"), Target("person", "c"), Target("team", "d")], candidates)
    | {MANAGER: candidates, EVERYBODY: candidates}
)


@given(policies, worlds, st.integers(0, 12), st.lists(targets, max_size=2), instants)
def test_a_ring_rings_nobody_twice_and_at_any_hour_promises_the_next(policy, world, number, first, at):
    ring = plan_next(policy, number, at, world.__getitem__, first)
    assert len(set(ring.people)) == len(ring.people)
    assert at + decide.SHORTEST_WAIT <= ring.next_at <= at + decide.LONGEST_WAIT
    assert ring.next_rung >= number
    assert ring.next_rung > number or (first and ring.reached)
    assert not set(range(number, ring.next_rung)) - set(ring.woke_nobody) - {ring.next_rung - 1}
    assert {person for _key, person in ring.turns} <= set(ring.people)
    if not ring.reached:
        assert {one.person for one in world[EVERYBODY]} <= set(ring.people)
        assert not any(one.reachable for one in world[EVERYBODY]), "a wish for quiet loses no page"


@given(policies, instants)
def test_a_page_first_rings_by_a_step_of_the_hour_or_at_once(policy, at):
    due = first_ring_at(policy, at)
    counting = [step.delay for step in policy.steps if step.holds(at)]
    assert due - at == (counting[0] if counting else timedelta(0))


def climb_from(policy: Policy, at: datetime, resolve, rings: int) -> list[tuple[str, tuple[str, ...]]]:
    """The first rings of a page that starts at `at` and nobody takes: by London's clocks, and who."""
    due, number, told = first_ring_at(policy, at), 0, []
    for _ in range(rings):
        ring = plan_next(policy, number, due, resolve)
        told.append((f"{due.astimezone(ZoneInfo('Europe/London')):%H:%M}", ring.people))
        number, due = ring.next_rung, ring.next_at
    return told


OFFICE = hours_of("Europe/London", range(5), time(9), time(17))
BY_DAY, AT_NIGHT = When(OFFICE), When(OFFICE, inside=False)
DAY_AND_NIGHT = Policy(
    (
        Step(minutes(0), (seat("team"),), BY_DAY),
        Step(minutes(10), (seat("boss"),), BY_DAY),
        Step(minutes(2), (seat("holder"),), AT_NIGHT),
        Step(minutes(5), (seat("backup"),), AT_NIGHT),
    ),
    repeat=1,
    again_after=minutes(20),
)
CREW = on(team="Al Bo Cy", boss="Di", holder="Al", backup="Bo")


def test_by_day_the_whole_team_hears_of_it_and_by_night_only_the_holder():
    monday_noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert climb_from(DAY_AND_NIGHT, monday_noon, CREW, 5) == [
        ("12:00", ("Al", "Bo", "Cy")),
        ("12:10", ("Di",)),
        ("12:30", ("Al", "Bo", "Cy")),
        ("12:40", ("Di",)),
        ("13:00", ("Mo",)),
    ]
    assert climb_from(DAY_AND_NIGHT, AT, CREW, 6) == [
        ("03:02", ("Al",)),
        ("03:07", ("Bo",)),
        ("03:27", ("Al",)),
        ("03:32", ("Bo",)),
        ("03:52", ("Mo",)),
        ("04:12", ("Al", "Bo", "Cy", "Di", "Mo")),
    ]


def test_where_the_hour_changes_in_the_middle_of_the_ladder_the_rungs_to_come_are_those_of_the_new_hours():
    assert climb_from(DAY_AND_NIGHT, datetime(2026, 3, 2, 8, 55, tzinfo=UTC), CREW, 4) == [
        ("08:57", ("Al",)),
        ("09:02", ("Al", "Bo", "Cy")),  # the backup's rung is of the night, and it is day
        ("09:12", ("Di",)),
        ("09:32", ("Mo",)),
    ]
    assert climb_from(DAY_AND_NIGHT, datetime(2026, 3, 2, 16, 55, tzinfo=UTC), CREW, 3) == [
        ("16:55", ("Al", "Bo", "Cy")),
        ("17:05", ("Al",)),
        ("17:10", ("Bo",)),
    ]


def test_where_no_step_counts_the_manager_is_rung_at_once():
    never = Policy((Step(minutes(10), (seat("team"),), BY_DAY),))
    assert climb_from(never, AT, CREW, 2) == [("03:00", ("Mo",)), ("03:05", ("Al", "Bo", "Cy", "Di", "Mo"))]


IN_TURN = Policy((Step(minutes(0), (seat("team"),), None, True),), repeat=0)


def test_a_step_in_turn_rings_one_person_and_each_time_another():
    taken: dict[str, dict[str, datetime]] = {}
    rung = []
    for night in range(6):
        ring = plan_next(IN_TURN, 0, AT + timedelta(days=night), CREW, taken=taken)
        (turn,) = ring.turns
        taken.setdefault(turn[0], {})[turn[1]] = AT + timedelta(days=night)
        rung.append(ring.people)
    assert rung == [("Al",), ("Bo",), ("Cy",)] * 2


@given(st.lists(st.sets(st.sampled_from(NAMES), max_size=4), min_size=1, max_size=30))
def test_turns_are_fair_and_skip_who_cannot_be_woken_or_wants_quiet(nights):
    """Among those who can be woken the one rung longest ago is rung; so nobody has two turns while another has none."""
    taken: dict[str, datetime] = {}
    for number, away in enumerate(nights):
        at = AT + timedelta(days=number)

        def resolve(target: Target, away=away) -> list[Candidate]:
            return [
                Candidate(name, reachable=name not in away or name == "Al", left_alone=name in away) for name in NAMES
            ]

        ring = plan_next(IN_TURN, 0, at, resolve, taken={IN_TURN.steps[0].turn_key: taken})
        there = [name for name in NAMES if name not in away]
        if not there:
            assert not ring.turns
            continue
        ((_key, chosen),) = ring.turns
        assert ring.people == (chosen,)
        assert chosen in there
        assert all(taken.get(chosen, FIRST) <= taken.get(name, FIRST) for name in there)
        taken[chosen] = at


FIRST = AT - timedelta(days=1)


def test_whoever_wants_quiet_is_passed_over_until_nobody_else_is_left():
    policy = steps((0, "one"), (10, "two"), repeat=0)

    def resolve(target: Target) -> list[Candidate]:
        return [
            Candidate(one.person, left_alone=one.person == "Al") if one.person == "Al" else one
            for one in on(one="Al", two="Bo")(target)
        ]

    assert climb(policy, resolve, 4) == [(0, ("Bo",)), (5, ("Mo",)), (10, ("Bo", "Mo")), (20, ("Bo", "Mo"))]
    alone = plan_next(policy, 9, AT, lambda _: [Candidate("Al", left_alone=True), Candidate("Bo", reachable=False)])
    assert (alone.people, alone.reached) == (("Al", "Bo"), True)
    given_it = plan_next(policy, 0, AT, resolve, first=[seat("one")])
    assert given_it.people == ("Al",), "who is given a page by hand is rung"


# --- mornings and digests --------------------------------------------------------------------------------------------


@given(instants)
def test_a_morning_is_the_next_eight_o_clock_of_the_place(at):
    morning = decide.next_morning("Europe/London", at)
    assert at < morning <= at + timedelta(hours=25)
    assert f"{morning.astimezone(ZoneInfo('Europe/London')):%H:%M}" == "08:00"


@given(instants, st.sets(clocks, max_size=4))
def test_a_digest_is_sent_at_the_next_of_its_times_and_always_at_some(at, moments):
    due = decide.next_digest("Europe/London", moments, at)
    assert at < due <= at + timedelta(hours=25)
    local = due.astimezone(ZoneInfo("Europe/London"))
    skipped = local.date().isoformat() == "2026-03-29" and local.hour == 2  # shown first where clocks skipped the hour
    assert skipped or local.time() in (moments or {decide.MORNING})


def test_quiet_is_until_morning_by_night_and_short_by_day():
    assert decide.quiet_for("Europe/London", AT) == AT + timedelta(hours=5)
    assert decide.quiet_for("Europe/London", AT + timedelta(hours=9)) == AT + timedelta(hours=9, minutes=30)
    assert decide.quiet_for("Europe/London", AT + timedelta(hours=17)) == AT + timedelta(hours=29)


def test_what_is_left_till_morning_waits_over_a_weekend_and_a_change_of_clocks():
    friday_evening = datetime(2026, 3, 27, 22, tzinfo=UTC)
    left = after(State.TRIGGERED, Verb.DEFER, AT, decide.opening_after(OFFICE, "Europe/London", friday_evening))
    assert left == decide.After(State.TRIGGERED, True, datetime(2026, 3, 30, 8, tzinfo=UTC))
    assert decide.opening_after(None, "Europe/London", friday_evening) == datetime(2026, 3, 28, 8, tzinfo=UTC)


@settings(deadline=None)
@given(policies, worlds, st.lists(st.tuples(st.sampled_from([*Verb, "ring"]), st.integers(-5, 60)), max_size=12))
def test_whatever_happens_a_triggered_page_has_a_next_ring_and_a_taken_one_has_none_but_its_snooze(
    policy, world, happenings
):
    state, at, number = State.TRIGGERED, AT, 0
    promised = {first_ring_at(policy, AT)}
    snoozed = False
    for what, number_of_minutes in happenings:
        at += minutes(max(0, number_of_minutes))
        if what == "ring" and promised:
            at = max(at, min(promised))
            if state is State.ACKNOWLEDGED:
                left = after(state, Verb.WAKE_AGAIN, at)
                state, snoozed = left.state, False
            ring = plan_next(policy, number, at, world.__getitem__)
            number, promised = ring.next_rung, {ring.next_at}
            assert ring.next_at > at
        elif what != "ring" and (left := after(state, what, at, at + minutes(number_of_minutes))):
            promised = set() if left.voids else promised
            promised |= {left.ring_at} - {None}
            snoozed = what is Verb.SNOOZE or (snoozed and not left.voids)
            state = left.state
        assert len(promised) == (state is State.TRIGGERED or snoozed)


@given(policies)
def test_a_stamp_gives_the_same_policy_back(policy):
    assert policy_from_json(json.loads(json.dumps(policy_as_json(policy)))) == policy


@pytest.mark.parametrize(
    "stamp",
    [
        None,
        [],
        "x",
        {},
        {"steps": None, "repeat": 1, "again_after": 1, "nag_every": 1},
        {"steps": [{"delay": 0, "targets": [["cat", "x"]]}], "repeat": 1, "again_after": 1, "nag_every": 1},
        {"steps": [], "repeat": -1, "again_after": 1, "nag_every": 1},
        {"steps": [], "repeat": 1, "again_after": -1, "nag_every": 1},
        {"steps": [], "repeat": 1, "again_after": 1e300, "nag_every": 1},
        {"steps": [], "repeat": 1, "again_after": float("nan"), "nag_every": 1},
    ],
)
def test_a_broken_stamp_is_refused_by_one_kind_of_error(stamp):
    with pytest.raises(ValueError, match=r"\w"):
        policy_from_json(stamp)


# --- personal rules --------------------------------------------------------------------------------------------------

MOBILE, VOICE = Contact("mobile", "sms"), Contact("call", "voice")
MAIL, POCKET = Contact("mail", "email"), Contact("pocket", "pocket")


def rule(number: float, contact: Contact, urgency: Urgency = HIGH) -> Rule:
    return Rule(minutes(number), contact.key, urgency)


def sent(reach: decide.Reach) -> list[tuple[str, float]]:
    return [(delivery.contact, (delivery.due_at - AT) / minutes(1)) for delivery in reach.deliveries]


def test_rules_are_followed_in_the_order_due_and_nothing_is_sent_twice_at_once():
    rules = [rule(5, VOICE), rule(0, MOBILE), rule(0, MAIL), rule(0, MOBILE), rule(10, VOICE), rule(1, MAIL, LOW)]
    reach = deliveries_for(rules, [MOBILE, VOICE, MAIL], HIGH, AT)
    assert sent(reach) == [("mobile", 0), ("mail", 0), ("call", 5), ("call", 10)]
    assert reach.reachable


def test_someone_on_call_without_loud_rules_is_still_woken():
    for rules in ([], [rule(0, MAIL)], [rule(0, MOBILE, LOW)]):
        reach = deliveries_for(rules, [MAIL, MOBILE, VOICE], HIGH, AT)
        assert {("mobile", 0), ("call", 0)} <= set(sent(reach))
        assert reach.reachable


def test_without_a_loud_contact_that_works_everything_is_tried_and_the_next_is_rung():
    broken = Contact("mobile", "sms", working=False)
    reach = deliveries_for([rule(0, broken), rule(9, MAIL)], [broken, MAIL, POCKET], HIGH, AT)
    assert sent(reach) == [("mobile", 0), ("mail", 0), ("pocket", 0), ("mail", 9)]
    assert not reach.reachable
    assert sent(deliveries_for([], [broken], HIGH, AT)) == [("mobile", 0)]
    assert deliveries_for([], [MOBILE, MAIL], HIGH, AT, out_of_reach={"mobile"}) == decide.Reach(
        (Delivery("mail", AT),), False
    )


def by_night(number: float, contact: Contact, weekdays=range(7)) -> Rule:
    night = hours_of("Europe/London", weekdays, time(22), time(7))
    return Rule(minutes(number), contact.key, HIGH, night)


def test_a_rule_counts_in_its_hours_alone():
    rules = [by_night(0, MOBILE), by_night(2, VOICE), rule(0, MAIL)]
    assert sent(deliveries_for(rules, [MOBILE, VOICE, MAIL], HIGH, AT)) == [("mobile", 0), ("mail", 0), ("call", 2)]
    noon = AT + timedelta(hours=9)
    told = deliveries_for(rules, [MOBILE, VOICE, MAIL], HIGH, noon)
    assert [(one.contact, one.due_at - noon) for one in told.deliveries] == [
        ("mail", minutes(0)),
        ("mobile", minutes(0)),
        ("call", minutes(0)),
    ], "by day only the mail is left, so whatever is loud joins it"


def test_a_night_belongs_to_the_evening_on_which_it_began():
    saturday_night = [by_night(0, MOBILE, {5}), rule(0, VOICE)]
    assert sent(deliveries_for(saturday_night, [MOBILE, VOICE], HIGH, AT)) == [("mobile", 0), ("call", 0)]
    sunday_night = [by_night(0, MOBILE, {6}), rule(0, VOICE)]
    assert sent(deliveries_for(sunday_night, [MOBILE, VOICE], HIGH, AT)) == [("call", 0)]


def test_the_hours_of_a_rule_go_by_clocks_that_change():
    # Clocks in London went forward on 29 March 2026 at 01:00 UTC: seven in the morning was 06:00 UTC from then on.
    rules = [by_night(0, MOBILE), rule(9, VOICE)]
    for at, texted in (
        (datetime(2026, 3, 28, 6, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 5, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 6, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 6, 59, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 7, 0, tzinfo=UTC), False),
    ):
        contacts = [one.contact for one in deliveries_for(rules, [MOBILE, VOICE], HIGH, at).deliveries]
        assert ("mobile" in contacts) is texted, at


contacts = st.lists(
    st.builds(Contact, st.sampled_from("abcd"), st.sampled_from(["sms", "voice", "email", "pocket"]), st.booleans()),
    max_size=4,
    unique_by=lambda contact: contact.key,
)
rules = st.lists(
    st.builds(
        Rule,
        st.integers(-2, 9).map(minutes),
        st.sampled_from("abcde"),
        st.sampled_from(Urgency),
        st.none() | calendars,
    ),
    max_size=5,
)


@given(rules, contacts, st.sampled_from(Urgency), st.sets(st.sampled_from("abcd")), instants)
def test_at_any_hour_who_can_be_woken_is_and_low_urgency_is_never_loud(rules, contacts, urgency, out, at):
    reach = deliveries_for(rules, contacts, urgency, at, out_of_reach=out)
    channel = {contact.key: contact.channel for contact in contacts}
    usable = {contact.key for contact in contacts if contact.working and contact.key not in out}
    told = [delivery.contact for delivery in reach.deliveries]
    assert len(set(reach.deliveries)) == len(reach.deliveries)
    assert all(delivery.due_at >= at for delivery in reach.deliveries)
    assert list(reach.deliveries) == sorted(reach.deliveries, key=lambda delivery: delivery.due_at)
    if urgency is LOW:
        assert not any(channel[key] in decide.LOUD for key in told)
        assert reach.reachable == any(channel[key] not in decide.LOUD for key in usable)
    else:
        assert bool(told) == bool(contacts)
        assert reach.reachable == any(channel[key] in decide.LOUD for key in usable)
        assert reach.reachable == any(channel[key] in decide.LOUD for key in told if key in usable)


@given(
    rules,
    contacts,
    st.lists(st.builds(Rule, st.integers(0, 9).map(minutes), st.just("push"), st.sampled_from(Urgency)), max_size=3),
    st.booleans(),
)
def test_a_push_is_never_counted_on_to_wake_anybody(rules, contacts, push_rules, working):
    push = Contact("push", "push", working)
    without = deliveries_for(rules, contacts, HIGH, AT)
    with_it = deliveries_for([*rules, *push_rules], [*contacts, push], HIGH, AT)
    loud = {contact.key for contact in contacts if contact.channel in ("sms", "voice") and contact.working}
    assert with_it.reachable == without.reachable
    assert [one for one in with_it.deliveries if one.contact in loud] == [
        one for one in without.deliveries if one.contact in loud
    ]


def test_every_room_means_the_same_by_loud():
    assert (
        registry.LOUD
        == decide.LOUD
        == {driver.channel for driver in registry.CHANNELS.values() if driver.loud} | {"voice"}
    )


# --- signs of life ---------------------------------------------------------------------------------------------------


def owned(**changes) -> Owned:
    return Owned(**{"state": State.ACKNOWLEDGED, "priority": 1, "acknowledged_at": AT} | changes)


def test_a_sleeping_owner_is_rung_again_and_then_the_page_goes_on():
    assert alive_check(owned(), None, AT + minutes(14)) == decide.Alive("nothing", AT + minutes(15))
    assert alive_check(owned(), None, AT + minutes(15)) == decide.Alive("ask_owner", AT + minutes(20))
    asked = owned(asked_at=AT + minutes(15))
    assert alive_check(asked, None, AT + minutes(19)) == decide.Alive("nothing", AT + minutes(20))
    assert alive_check(asked, None, AT + minutes(20)) == decide.Alive("wake_again", None)
    assert after(State.ACKNOWLEDGED, Verb.WAKE_AGAIN, AT) == decide.After(State.TRIGGERED, True, AT)


def test_a_sign_of_life_buys_a_quarter_of_an_hour_each_time():
    asked = owned(asked_at=AT + minutes(15))
    assert alive_check(asked, AT + minutes(16), AT + minutes(20)) == decide.Alive("nothing", AT + minutes(31))
    assert alive_check(asked, AT + minutes(16), AT + minutes(31)).action == "ask_owner"
    assert alive_check(asked, AT + minutes(15), AT + minutes(20)).action == "wake_again"


def test_a_snooze_is_quiet_and_the_watch_goes_on_after_it():
    snoozed = owned(snoozed_until=AT + minutes(60))
    assert alive_check(snoozed, None, AT + minutes(30)) == decide.Alive("nothing", AT + minutes(75))


def test_a_sign_from_a_clock_that_runs_ahead_buys_no_more_than_one_from_now():
    assert alive_check(owned(), AT + timedelta(days=9), AT).check_at == AT + minutes(15)


@pytest.mark.parametrize("changes", [{"state": State.RESOLVED}, {"state": State.TRIGGERED}, {"priority": 2}])
def test_only_an_acknowledged_p1_is_watched(changes):
    assert alive_check(owned(**changes), None, AT + minutes(99)) == decide.Alive("nothing", None)


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(0, 200))
def test_a_watched_page_is_always_looked_at_again_or_rung(signs, until):
    """Walks a P1's watch as the worker does; without a sign nobody sleeps longer than twenty minutes."""
    page, now, heard = owned(), AT, AT
    while True:
        verdict = alive_check(page, heard, now)
        if verdict.action == "wake_again":
            assert now <= max(heard, AT) + minutes(20)
            break
        assert verdict.check_at > now
        if verdict.action == "ask_owner":
            page = owned(asked_at=now)
        now = verdict.check_at
        heard = max([heard, *(AT + minutes(sign) for sign in signs if AT + minutes(sign) <= now)])
        assert now <= AT + minutes(60 + 20)


# --- storms ----------------------------------------------------------------------------------------------------------


class Service:
    """A service's open pages as the table would hold them, and alarms that come one after the other."""

    def __init__(self, storm: Storm | None = None) -> None:
        self.storm, self.pages, self.keys, self.verdicts = storm or Storm(), {}, {}, []

    def alarm(self, key: str, at: datetime, urgency: Urgency = HIGH) -> None:
        verdict = fold(self.pages.get(self.keys.get(key)), urgency, list(self.pages.values()), at, self.storm)
        self.verdicts.append(verdict.verdict)
        if verdict.verdict == "own":
            new = UUID(int=len(self.verdicts))
            self.pages[new] = OpenPage(new, urgency, State.TRIGGERED, at)
            self.keys[key] = new
            return
        self.keys[key] = verdict.into
        into = self.pages[verdict.into]
        if verdict.verdict == "raise":
            state = after(into.state, Verb.RAISE, at).state
            self.pages[into.id] = OpenPage(into.id, urgency, state, into.started_at, into.folded_at)
        if verdict.verdict in ("repeat", "raise"):
            return
        self.pages[verdict.into] = OpenPage(into.id, into.urgency, into.state, into.started_at, at)
        for absorbed in verdict.absorbs:
            assert after(self.pages.pop(absorbed).state, Verb.FOLD, at).state is State.RESOLVED
            self.keys = {name: verdict.into if page == absorbed else page for name, page in self.keys.items()}

    def take(self, page: UUID) -> None:
        held = self.pages[page]
        self.pages[page] = OpenPage(held.id, held.urgency, State.ACKNOWLEDGED, held.started_at, held.folded_at)


def test_up_to_the_limit_each_alarm_is_a_page_and_one_more_makes_it_one():
    service = Service(Storm(limit=3))
    for number in range(3):
        service.alarm(f"key{number}", AT)
    assert len(service.pages) == 3
    service.alarm("key3", AT)
    assert service.verdicts == ["own", "own", "own", "gather"]
    assert len(service.pages) == 1
    assert set(service.keys) == {"key0", "key1", "key2", "key3"}
    assert set(service.keys.values()) == {UUID(int=1)}


def test_a_storm_of_three_thousand_alarms_is_exactly_one_page():
    service = Service()
    for number in range(3000):
        service.alarm(f"key{number}", AT + timedelta(milliseconds=10 * number))
    assert len(service.pages) == 1
    assert len(service.keys) == 3000
    assert set(service.keys.values()) == set(service.pages)


def test_the_window_is_half_open():
    def third(apart: timedelta) -> str:
        service = Service(Storm(limit=2, window=minutes(2)))
        service.alarm("a", AT)
        service.alarm("b", AT)
        service.alarm("c", AT + apart)
        return service.verdicts[-1]

    assert third(minutes(2)) == "own"
    assert third(minutes(2) - timedelta(microseconds=1)) == "gather"


def test_a_storm_is_over_when_no_alarm_came_for_a_window():
    for quiet, verdict in ((minutes(2), "own"), (minutes(2) - timedelta(microseconds=1), "join")):
        service = Service(Storm(limit=1, window=minutes(2)))
        service.alarm("a", AT)
        service.alarm("b", AT + minutes(1))
        service.alarm("c", AT + minutes(1) + quiet)
        assert service.verdicts == ["own", "gather", verdict]


def test_alarms_join_a_storm_while_it_lasts_even_when_it_is_acknowledged_and_page_anew_afterwards():
    service = Service(Storm(limit=1, window=minutes(2), lasts=minutes(5)))
    service.alarm("a", AT)
    service.alarm("b", AT)
    service.take(UUID(int=1))
    for number in range(1, 6):
        service.alarm(f"late{number}", AT + minutes(number))
    assert service.verdicts == ["own", "gather", "join", "join", "join", "join", "own"]


def test_a_storm_never_begins_in_a_page_that_somebody_has():
    service = Service(Storm(limit=1))
    service.alarm("a", AT)
    service.take(UUID(int=1))
    service.alarm("b", AT)
    service.alarm("c", AT)
    assert service.verdicts == ["own", "own", "gather"]
    assert service.keys["c"] == service.keys["b"] != service.keys["a"]


def test_the_same_key_is_the_same_page_however_many_times():
    service = Service(Storm(limit=1))
    for _ in range(9):
        service.alarm("a", AT)
    assert service.verdicts == ["own"] + ["repeat"] * 8


def test_an_alarm_that_comes_back_urgent_rings_even_where_somebody_took_it_as_a_warning():
    service = Service()
    service.alarm("disk", AT, LOW)
    service.take(UUID(int=1))
    service.alarm("disk", AT, LOW)
    service.alarm("disk", AT, HIGH)
    service.alarm("disk", AT, LOW)
    assert service.verdicts == ["own", "repeat", "raise", "repeat"]
    assert service.pages[UUID(int=1)].urgency is HIGH
    for state in (State.TRIGGERED, State.ACKNOWLEDGED):
        assert after(state, Verb.RAISE, AT) == decide.After(State.TRIGGERED, True, AT)


events = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 90), st.sampled_from(Urgency), st.booleans()), max_size=30
)


@given(events, st.integers(1, 4))
def test_no_alarm_is_lost_in_a_storm_or_hidden_in_a_page_of_less_urgency(events, limit):
    service, at, loudest = Service(Storm(limit=limit)), AT, {}
    for key, seconds, urgency, taken in events:
        at += timedelta(seconds=seconds)
        service.alarm(f"key{key}", at, urgency)
        loudest[f"key{key}"] = max(urgency, loudest.get(f"key{key}", LOW), key=lambda one: one is HIGH)
        if service.verdicts[-1] == "gather":
            assert service.pages[service.keys[f"key{key}"]].state is State.TRIGGERED
        if taken:
            service.take(service.keys[f"key{key}"])
    for key, urgency in loudest.items():
        page = service.pages[service.keys[key]]
        assert page.urgency is HIGH or urgency is LOW
