"""Whatever people do and however late the worker is: a duty is always somebody's, and only one person's."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightdesk.base.models import Promise
from nightdesk.base.refusals import IllegalTransition, Refusal
from nightdesk.duty import actions, handover_actions, queries, sections
from nightdesk.duty.models import Hold, Note, NotTaken, Offer
from nightdesk.duty.note import Section, Shift
from nightdesk.duty.tests.nights import DAY, HOUR, MINUTE, Nights, wired

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIX = NOON + 6 * HOUR


@pytest.fixture(autouse=True)
def wiring() -> Iterator[None]:
    with wired():
        yield


def al_and_bo(*, required: bool = True) -> Nights:
    """Al has the seat; from six on it is Bo's turn, and so on by the day."""
    nights = Nights(NOON - HOUR)
    nights.rota(required=required)
    nights.first("Al")
    nights.layers(nights.daily("Al", "Bo"))
    nights.at = NOON
    return nights


NAMES = ("Al", "Bo", "Cy")
WHO = st.sampled_from(NAMES)
EVENTS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([MINUTE, 20 * MINUTE, 5 * HOUR, DAY]), st.booleans()),
    st.tuples(st.sampled_from(["accept", "take", "refuse", "yes", "no", "write"]), WHO, WHO),
    st.tuples(st.just("pass"), WHO, WHO),
)


def happens(nights: Nights, what: str, who: str, whom: str) -> None:
    """One of them does something, or is refused."""
    by = nights.by(who)
    turn_at = queries.handing(sections_seat(), nights.at).turn_at or nights.at
    with suppress(Refusal), transaction.atomic():
        match what:
            case "accept":
                actions.accept_duty(seat_key="night", turn_at=turn_at, **by)
            case "take":
                actions.take_duty(seat_key="night", **by)
            case "refuse":
                handover_actions.refuse_turn(seat_key="night", turn_at=turn_at, **by)
            case "yes":
                handover_actions.accept_offer(seat_key="night", **by)
            case "no":
                handover_actions.refuse_offer(seat_key="night", **by)
            case "write":
                handover_actions.write_note(seat_key="night", words=f"{who} at {nights.at}", left_out=[], **by)
            case "pass":
                actions.pass_duty(seat_key="night", to_person_id=nights.person(whom), **by)


def sections_seat() -> Any:
    return Hold.objects.select_related("seat__rota").latest("id").seat


@settings(deadline=None, max_examples=8, database=None)
@given(required=st.booleans(), events=st.lists(EVENTS, min_size=1, max_size=12))
@example(required=True, events=[("wait", DAY, True), ("take", "Bo", "Bo"), ("pass", "Bo", "Cy"), ("yes", "Cy", "Cy")])
@example(required=True, events=[("refuse", "Bo", "Bo"), ("wait", 5 * HOUR, False), ("wait", 5 * HOUR, False)])
def test_in_any_order_of_events_the_duty_is_held_by_exactly_one_and_never_falls_between_two(
    required: bool, events: list[tuple[Any, Any, Any]]
) -> None:
    with transaction.atomic():
        nights = al_and_bo(required=required)
        for name in NAMES:
            nights.person(name)
        for what, first, second in events:
            if what == "wait":
                nights.until(nights.at + first, late=7 * MINUTE if second else 0 * MINUTE)
            else:
                happens(nights, what, first, second)
            nights.work()
            holds = list(Hold.objects.filter(seat__key="night").order_by("from_at", "id"))
            assert holds[0].from_at == NOON - HOUR
            assert [hold.until_at for hold in holds[:-1]] == [hold.from_at for hold in holds[1:]]
            assert holds[-1].until_at is None
            open_ladder = NotTaken.objects.filter(ended_at=None).exists()
            if not open_ladder:
                assert not Promise.objects.filter(kind="duty.chase", ended_at=None).exists()
            assert Promise.objects.filter(kind="duty.lapse", ended_at=None).count() == (
                Offer.objects.filter(ended_at=None).count()
            )
            closed = Note.objects.filter(closed_at__isnull=False)
            assert closed.count() == len(holds) - 1, "each handover has its note"
            assert all(note.copies for note in closed), "and the note its copy"
        transaction.set_rollback(True)


def test_a_section_that_fails_keeps_nobody_from_taking_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(shift: Shift) -> Section:
        raise ZeroDivisionError(shift.seat_key)

    monkeypatch.setattr(sections, "SECTIONS", [breaks])
    nights = al_and_bo()
    nights.accept("Bo", SIX)
    nights.until(SIX)
    assert nights.holder() == "Bo"
    copy = queries.copies_of(Note.objects.get(closed_at__isnull=False))[-1]
    assert "could not be read" in copy.text


def test_whoever_accepted_a_day_ahead_reads_the_note_that_was_drafted_since() -> None:
    nights = al_and_bo()
    nights.accept("Bo", SIX)
    nights.until(SIX - 20 * MINUTE)
    handover_actions.write_note(seat_key="night", words="Mind the UPS", left_out=[], **nights.by("Al"))
    nights.accept("Bo", SIX)
    nights.accept("Bo", SIX)
    nights.until(SIX)
    first, second = queries.copies_of(Note.objects.get(closed_at__isnull=False))
    assert (first.kind, second.kind) == ("duty.accepted", "duty.note_read")
    assert "Mind the UPS" not in first.text
    assert "Mind the UPS" in second.text


def test_what_is_left_out_is_not_handed_on_and_what_is_watched_is_until_it_is_ticked_off() -> None:
    nights = al_and_bo()
    items = [
        handover_actions.add_watch_item(seat_key="night", words=words, **nights.by("Al")) for words in ("Fan", "Door")
    ]
    handover_actions.write_note(seat_key="night", words="", left_out=[f"watch/{items[0].pk}"], **nights.by("Al"))
    handover_actions.tick_watch_item(item_id=items[1].pk, **nights.by("Bo"))
    nights.accept("Bo", SIX)
    nights.until(SIX)
    copy = queries.copies_of(Note.objects.get(closed_at__isnull=False))[-1]
    assert copy.text == ""
    assert [item.words for item in items[0].seat.watch_items.filter(ticked_at=None)] == ["Fan"]


def test_only_the_holder_writes_on_the_note_or_a_manager() -> None:
    nights = al_and_bo()
    with pytest.raises(IllegalTransition, match="Al has the duty"):
        handover_actions.write_note(seat_key="night", words="Mine", left_out=[], **nights.by("Bo"))
    handover_actions.write_note(seat_key="night", words="Ours", left_out=[], **nights.by("Bo", "manager"))


def test_a_seat_may_have_its_own_time_for_the_note() -> None:
    nights = al_and_bo()
    handover_actions.save_handover_rules(seat_key="night", note_minutes=90, **nights.by("Al", "manager"))
    assert Promise.objects.get(kind="duty.draft", ended_at=None).due_at == SIX - 90 * MINUTE


def test_somebody_who_refused_does_not_get_it_where_it_would_pass_by_itself() -> None:
    nights = al_and_bo(required=False)
    handover_actions.refuse_turn(seat_key="night", turn_at=SIX, reason="Ill", **nights.by("Bo"))
    nights.until(SIX + HOUR)
    assert nights.holder() == "Al"
    assert NotTaken.objects.get(ended_at=None).turn_at == SIX
