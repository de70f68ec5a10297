"""What is cleared away, and above all what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from nightdesk.base import clock, housekeeping, worker
from nightdesk.base.housekeeping import KEEP_ANSWERS, KEEP_ENDED, clear_away
from nightdesk.base.ids import uuid7
from nightdesk.base.models import IdempotentAnswer, Promise

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def ended(ending, ended_at, *, written_before=timedelta(days=1)):
    written = ended_at - written_before
    return Promise.objects.create(
        id=uuid7(written), kind="test.some", lane="plain", subject_kind="test", subject_id="1", due_at=written,
        created_at=written, ended_at=ended_at if ending else None, ended_as=ending,
    ).id  # fmt: skip


def answer(created_at):
    return IdempotentAnswer.objects.create(
        caller="t", key=str(created_at), fingerprint="", status=200, body="", created_at=created_at
    ).id


def test_kept_and_void_promises_go_after_thirty_days_and_not_before():
    moment = timedelta(microseconds=1)
    stays = {ended("kept", AT - KEEP_ENDED), ended("void", AT - timedelta(days=1))}
    stays.add(ended("kept", AT - timedelta(days=1), written_before=timedelta(days=400)))
    ended("kept", AT - KEEP_ENDED - moment)
    ended("void", AT - KEEP_ENDED - moment)
    assert clear_away(AT) == 2
    assert set(Promise.objects.values_list("id", flat=True)) == stays
    assert timedelta(days=30) == KEEP_ENDED


def test_dead_and_open_promises_never_go():
    stays = {ended("dead", AT - timedelta(days=4000)), ended(None, AT - timedelta(days=4000))}
    assert clear_away(AT) == 0
    assert set(Promise.objects.values_list("id", flat=True)) == stays


def test_old_answers_go():
    stays = answer(AT - KEEP_ANSWERS)
    answer(AT - KEEP_ANSWERS - timedelta(seconds=1))
    clear_away(AT)
    assert IdempotentAnswer.objects.get().id == stays


def test_it_is_done_in_batches_until_nothing_is_left(monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    made = []
    monkeypatch.setattr(housekeeping, "make_months", lambda tables, at: made.append((tables, at)))
    for _ in range(5):
        ended("kept", AT - timedelta(days=31))
    assert clear_away(AT) == 2
    shift = worker.Shift("test")
    monkeypatch.setattr(housekeeping, "EVERY", timedelta(0))
    monkeypatch.setattr(worker, "connection", Kept())
    cleared = []
    monkeypatch.setattr(
        housekeeping, "clear_away", lambda at: cleared.append(clear_away(at)) or cleared[-1] or shift.stop()
    )
    with clock.replaced_by(lambda: AT):
        housekeeping.hourly(("thing",))(shift)
    assert cleared == [2, 1, 0]
    assert made == [(("thing",), AT)]


class Kept:
    """The connection of the test's own transaction, which a runner must not close."""

    def close(self):
        pass
