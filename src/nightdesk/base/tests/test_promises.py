"""Promises: written once, kept once, undone when they were voided, put back when they failed, never forgotten."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from nightdesk.base import clock, leases, promises
from nightdesk.base.memory import remembered
from nightdesk.base.models import Promise, Worker
from nightdesk.base.promises import HANDLERS, Handler, back_off, gathered, keep, keep_many, promise, void_promises
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.base.tests.other_hands import Hand, another_connection, somebody_waits_for, until

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ANN, BEN = UUID(int=0xA), UUID(int=0xB)
PAGE = ("page", 7)


@pytest.fixture(autouse=True)
def frozen():
    with clock.replaced_by(lambda: AT):
        yield


@pytest.fixture
def handler(monkeypatch):
    """handler(run, ...) registers the kind "test.ring"."""
    monkeypatch.setattr(promises, "HANDLERS", HANDLERS)

    def register(run=lambda row, at: "rang", *, kind="test.ring", **how):
        monkeypatch.setitem(HANDLERS, kind, Handler(run, **how))

    register()
    return register


def made(**fields):
    fields = {"subject": PAGE, "due_at": AT, "why": "nobody has answered", "at": AT} | fields
    promise(fields.pop("kind", "test.ring"), **fields)
    return Promise.objects.order_by("-id")[0]


def claimed(worker=ANN, lane="plain"):
    return leases.claim(Promise, lane, 50, at=AT + timedelta(days=1), worker=worker)


def leave_a_mark():
    """Something that a handler writes: a row that anybody can count."""
    Worker.objects.create(id=uuid4(), name="mark", started_at=AT, beat_at=AT)


def handler_with_marks(handler):
    """A handler of single ones and of batches that writes down each; what it gives back says which stand written."""

    def write(row):
        Worker.objects.create(id=uuid4(), name=f"done {row.facts['n']}", started_at=AT, beat_at=AT)

    handler(lambda row, at: write(row) or "alone", run_many=lambda rows, at: [write(row) for row in rows] and None)
    return lambda: {int(name.split()[1]) for name in Worker.objects.values_list("name", flat=True)}


def marks():
    return Worker.objects.filter(name="mark").count()


@pytest.mark.django_db
class TestWriting:
    def test_a_promise_waits_in_the_lane_of_its_handler(self, handler):
        handler(lane="page")
        assert made(facts={"rung": 2}, cause=ANN, brand_id=3).lane == "page"
        row = Promise.objects.get()
        assert (row.subject_kind, row.subject_id, row.facts, row.cause, row.brand_id) == (
            "page",
            "7",
            {"rung": 2},
            ANN,
            3,
        )
        assert row.ended_at is None

    def test_the_same_occurrence_is_promised_once_even_after_it_was_kept(self, handler):
        made(occurrence="7:1")
        keep(*claimed())
        made(occurrence="7:1")
        assert Promise.objects.get().ended_as == "kept"

    def test_without_an_occurrence_each_is_its_own(self, handler):
        made()
        made()
        assert Promise.objects.count() == 2

    def test_a_kind_that_nobody_keeps_cannot_be_promised(self):
        with pytest.raises(KeyError):
            made(kind="test.unheard")

    def test_the_database_refuses_an_end_without_a_name(self, handler):
        row = made()
        with pytest.raises(IntegrityError), transaction.atomic():
            Promise.objects.filter(id=row.id).update(ended_at=AT)


@pytest.mark.django_db(transaction=True)
class TestWaking:
    def heard(self, ear):
        return [note.channel for note in ear.notifies(timeout=0.2, stop_after=5)]

    @pytest.fixture
    def ear(self):
        with another_connection() as other:
            other.autocommit = True
            other.execute("LISTEN nightdesk_wake")
            yield other

    def test_a_due_promise_wakes_the_workers_once_and_after_the_commit(self, handler, ear):
        with transaction.atomic():
            made()
            made()
            assert self.heard(ear) == []
        assert self.heard(ear) == ["nightdesk_wake"]

    def test_one_that_is_not_due_wakes_nobody(self, handler, ear):
        made(due_at=AT + timedelta(seconds=1))
        assert self.heard(ear) == []

    def test_what_is_rolled_back_wakes_nobody(self, handler, ear):
        with transaction.atomic():
            made()
            transaction.set_rollback(True)
        assert self.heard(ear) == []


@pytest.mark.django_db
class TestKeeping:
    def test_what_the_handler_did_and_the_promises_end_are_one(self, handler):
        handler(lambda row, at: leave_a_mark() or f"rang {row.subject_id} at {at:%H:%M}")
        made()
        keep(*claimed())
        row = Promise.objects.get()
        assert (row.ended_as, row.ended_at, row.outcome) == ("kept", AT, "rang 7 at 03:00")
        assert (row.leased_by, row.leased_at) == (None, None)
        assert marks() == 1

    def test_a_late_result_of_an_old_attempt_is_ignored(self, handler):
        handler(lambda row, at: leave_a_mark() or "")
        made()
        (old,) = claimed(ANN)
        Promise.objects.update(leased_by=None)
        (new,) = claimed(BEN)
        keep(old)
        assert marks() == 0
        assert Promise.objects.get().ended_at is None
        keep(new)
        assert marks() == 1
        keep(new)
        assert marks() == 1

    def test_an_attempt_that_is_overtaken_while_it_works_is_undone(self, handler):
        def slow(row, at):
            leave_a_mark()
            Promise.objects.update(attempt=row.attempt + 1)
            return ""

        handler(slow)
        made()
        keep(*claimed())
        assert marks() == 0
        assert Promise.objects.get().ended_at is None

    def test_a_failure_of_an_old_attempt_changes_nothing(self, handler):
        made()
        (row,) = claimed()
        Promise.objects.update(attempt=2, leased_by=BEN)
        promises._put_back(row, RuntimeError("late"))
        now = Promise.objects.get()
        assert (now.due_at, now.leased_by, now.failure) == (AT, BEN, "")

    def test_a_handler_that_voids_its_own_subjects_promises_still_ends_kept(self, handler):
        handler(lambda row, at: f"voided {void_promises(PAGE, at=at)}")
        first, other = made(), made()
        (row, _) = claimed()
        assert row.id == first.id
        keep(row)
        assert Promise.objects.get(id=first.id).ended_as == "kept"
        assert Promise.objects.get(id=first.id).outcome == "voided 1"
        assert Promise.objects.get(id=other.id).ended_as == "void"


@pytest.mark.django_db
class TestFailing:
    def fail(self, times=1):
        for _ in range(times):
            keep(*claimed())

    def broken(self, row, at):
        leave_a_mark()
        raise RuntimeError("no route to anybody")

    def test_what_it_did_is_undone_and_it_is_put_back_with_a_delay_that_grows(self, handler):
        handler(self.broken)
        made()
        waits = []
        for _ in range(7):
            self.fail()
            row = Promise.objects.get()
            waits.append((row.due_at - AT).total_seconds())
            assert row.failure == "RuntimeError: no route to anybody"
            assert (row.leased_by, row.ended_at) == (None, None)
        assert waits == [1, 2, 4, 8, 16, 30, 30]
        assert marks() == 0

    def test_the_delay_never_shrinks_and_never_passes_thirty_seconds(self):
        waits = [back_off(attempt) for attempt in range(1, 200)]
        assert waits == sorted(waits)
        assert waits[-1] == timedelta(seconds=30)

    def test_after_so_many_attempts_it_is_on_the_dead_letter_list(self, handler):
        handler(self.broken, give_up_after=3)
        made()
        self.fail(times=2)
        assert Promise.objects.get().ended_as is None
        self.fail()
        assert Promise.objects.get().ended_as == "dead"
        assert claimed() == []

    def test_none_is_given_up_for_what_is_wrong_with_the_database(self, handler):
        def full(_row, _at):
            raise OperationalError("could not extend file: No space left on device")

        handler(full, give_up_after=3)
        made()
        self.fail(times=10)
        row = Promise.objects.get()
        assert (row.ended_as, row.attempt) == (None, 0)
        assert "No space left" in row.failure

    def test_what_is_too_long_for_the_database_is_the_promises_own_fault(self, handler):
        def too_long(row, at):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT to_tsvector('simple', string_agg(n::text || 'abcdefgh', ' ')) FROM generate_series(1, 200000) n"
                )

        handler(too_long, give_up_after=3)
        made()
        self.fail(times=3)
        row = Promise.objects.get()
        assert (row.ended_as, "too long" in row.failure) == ("dead", True)

    def test_what_wakes_a_person_is_never_given_up(self, handler):
        handler(self.broken, give_up_after=None)
        made()
        Promise.objects.update(attempt=10_000)
        self.fail()
        assert Promise.objects.get().ended_as is None
        assert len(claimed()) == 1

    def test_a_kind_of_a_newer_version_waits_for_a_newer_worker(self, handler, monkeypatch):
        made()
        monkeypatch.delitem(HANDLERS, "test.ring")
        Promise.objects.update(attempt=100)
        self.fail()
        row = Promise.objects.get()
        assert (row.ended_as, row.due_at) == (None, AT + timedelta(seconds=30))

    def test_one_that_kills_each_worker_that_tries_it_is_given_up_untried(self, handler):
        handler(lambda row, at: leave_a_mark() or "", give_up_after=3)
        made()
        for _ in range(3):  # leased, and the worker died
            claimed()
            Promise.objects.update(leased_by=None)
        self.fail()
        row = Promise.objects.get()
        assert row.ended_as == "dead"
        assert "begun 3 times" in row.failure
        assert marks() == 0

    def test_a_poisonous_promise_does_not_stop_the_rest(self, handler):
        handler(lambda row, at: 1 / row.facts["by"])
        made(facts={"by": 0})
        made(facts={"by": 1})
        keep_many(claimed())
        assert list(Promise.objects.order_by("id").values_list("ended_as", "failure")) == [
            (None, "ZeroDivisionError: division by zero"),
            ("kept", ""),
        ]


@pytest.mark.django_db
class TestBatches:
    def test_a_kind_with_run_many_is_kept_in_one_go(self, handler):
        seen = []
        handler(run_many=lambda rows, at: seen.append([row.facts["n"] for row in rows]))
        for n in range(3):
            made(facts={"n": n})
        keep_many(claimed())
        assert seen == [[0, 1, 2]]
        assert set(Promise.objects.values_list("ended_as", flat=True)) == {"kept"}

    @pytest.mark.parametrize("voided", [{1}, {0, 1, 2}])
    def test_of_a_batch_only_what_is_still_wanted_is_done(self, handler, voided):
        done = handler_with_marks(handler)
        for n in range(3):
            made(facts={"n": n}, subject=("page", n))
        rows = claimed()
        for n in voided:
            void_promises(("page", n), at=AT)
        keep_many(rows)
        assert done() == {0, 1, 2} - voided
        assert {row.facts["n"] for row in Promise.objects.filter(ended_as="kept")} == {0, 1, 2} - voided

    def test_when_a_batch_fails_nothing_of_it_is_done_and_each_is_tried_alone(self, handler):
        def all_or_nothing(rows, at):
            leave_a_mark()
            raise RuntimeError("one of them is poisonous")

        handler(lambda row, at: leave_a_mark() or "alone", run_many=all_or_nothing)
        made()
        made()
        keep_many(claimed())
        assert set(Promise.objects.values_list("outcome", flat=True)) == {"alone"}
        assert marks() == 2

    def test_together_each_has_an_end_of_its_own_and_what_fails_stops_no_other(self, handler):
        def run(row, at):
            Worker.objects.create(id=uuid4(), name=f"mark {row.facts['n']}", started_at=AT, beat_at=AT)
            if row.facts["n"] == 1:
                raise ZeroDivisionError("one of them is poisonous")
            return f"did {row.facts['n']}"

        handler(run, together=3)
        for n in range(5):
            made(facts={"n": n})
        keep_many(claimed())
        assert sorted(Worker.objects.values_list("name", flat=True)) == ["mark 0", "mark 2", "mark 3", "mark 4"]
        kept = Promise.objects.filter(ended_as="kept").order_by("id")
        assert [row.outcome for row in kept] == ["did 0", "did 2", "did 3", "did 4"]
        poison = Promise.objects.get(ended_as=None)
        assert (poison.facts["n"], poison.leased_by, poison.failure) == (
            1,
            None,
            "ZeroDivisionError: one of them is poisonous",
        )

    @pytest.mark.parametrize("voided", [{1}, {0, 1, 2}])
    def test_together_only_what_is_still_wanted_is_done(self, handler, voided):
        def run(row, at):
            Worker.objects.create(id=uuid4(), name=f"mark {row.facts['n']}", started_at=AT, beat_at=AT)
            return ""

        handler(run, together=3)
        for n in range(3):
            made(facts={"n": n}, subject=("page", n))
        rows = claimed()
        for n in voided:
            void_promises(("page", n), at=AT)
        keep_many(rows)
        wanted = {0, 1, 2} - voided
        assert sorted(Worker.objects.values_list("name", flat=True)) == [f"mark {n}" for n in sorted(wanted)]
        assert {row.facts["n"] for row in Promise.objects.filter(ended_as="kept")} == wanted

    def test_together_what_is_remembered_is_asked_once_in_each_transaction(self, handler):
        asked = []
        question = remembered(lambda brand_id: asked.append(brand_id) or len(asked))
        handler(lambda row, at: f"{question(7)}", together=2)
        for _ in range(4):
            made()
        keep_many(claimed())
        assert list(Promise.objects.order_by("id").values_list("outcome", flat=True)) == ["1", "1", "2", "2"]
        assert [question(7), question(7)] == [3, 4]

    def test_what_is_gathered_is_written_once_and_in_order(self, django_assert_num_queries, handler):
        with django_assert_num_queries(1), gathered():
            for n in range(3):
                promise("test.ring", subject=PAGE, due_at=AT + timedelta(hours=1), why="", facts={"n": n}, at=AT)
        assert [row.facts["n"] for row in Promise.objects.order_by("id")] == [0, 1, 2]

    def test_a_batch_is_broken_off_between_two_when_the_worker_has_to_go(self, handler):
        left = iter([True, False])
        made()
        made()
        keep_many(claimed(), go_on=lambda: next(left))
        assert Promise.objects.filter(ended_as="kept").count() == 1
        assert Promise.objects.filter(ended_as=None, leased_by=ANN).count() == 1


@pytest.mark.django_db
class TestVoiding:
    def test_only_open_ones_of_that_subject_and_kind_are_ended(self, handler):
        handler(kind="test.alive")
        for subject, kind in [
            (PAGE, "test.ring"),
            (PAGE, "test.alive"),
            (("page", 70), "test.ring"),
            (("seat", 7), "test.ring"),
        ]:
            made(subject=subject, kind=kind)
        kept = made()
        Promise.objects.filter(id=kept.id).update(ended_at=AT, ended_as="kept")
        assert void_promises(PAGE, at=AT, kinds=["test.ring"]) == 1
        assert void_promises(PAGE, at=AT) == 1
        assert void_promises(PAGE, at=AT) == 0
        assert Promise.objects.filter(ended_as=None).count() == 2

    def test_a_promise_voided_after_it_was_leased_is_not_begun(self, handler):
        handler(lambda row, at: leave_a_mark() or "")
        made()
        (row,) = claimed()
        void_promises(PAGE, at=AT)
        keep(row)
        assert marks() == 0
        assert Promise.objects.get().ended_as == "void"


@pytest.mark.django_db(transaction=True)
def test_a_promise_voided_while_it_is_being_kept_undoes_what_was_done(handler):
    begun = threading.Event()

    def ring(row, at):
        leave_a_mark()
        begun.set()
        return "rang"

    with another_connection() as other:
        handler(ring)
        made()
        (row,) = claimed()
        other.execute("UPDATE base_promise SET ended_at = now(), ended_as = 'void' WHERE id = %s", [row.id])
        keeping = Hand(lambda: keep(row))
        until(lambda: begun.is_set() and somebody_waits_for(other))
        other.commit()
        keeping.result()
    assert marks() == 0
    assert Promise.objects.get().ended_as == "void"


@pytest.mark.django_db(transaction=True)
def test_if_voiding_is_taken_back_the_promise_is_kept_after_all(handler):
    with another_connection() as other:
        handler(lambda row, at: leave_a_mark() or "rang")
        made()
        (row,) = claimed()
        other.execute("UPDATE base_promise SET ended_at = now(), ended_as = 'void' WHERE id = %s", [row.id])
        keeping = Hand(lambda: keep(row))
        until(lambda: somebody_waits_for(other))
        other.rollback()
        keeping.result()
    assert marks() == 1
    assert Promise.objects.get().ended_as == "kept"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_in_the_middle_undoes_it_and_counts_nothing_as_kept(handler):
    def struck(row, at):
        leave_a_mark()
        with connection.cursor() as cursor, another_connection() as other:
            cursor.execute("SELECT pg_backend_pid()")
            other.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())
        leave_a_mark()
        return "rang"

    handler(struck)
    made()
    (row,) = claimed()
    keep(row)  # the database is back at once, so it is an ordinary failure
    assert marks() == 0
    after = Promise.objects.get()
    assert (after.ended_as, after.leased_by) == (None, None)
    assert after.failure != ""


@pytest.mark.django_db
class TestMoving:
    def test_an_open_one_is_due_at_another_time_without_a_row_more(self, handler):
        made()
        later = AT + timedelta(hours=1)
        assert promises.move_promise("test.ring", subject=PAGE, due_at=later)
        assert [row.due_at for row in Promise.objects.all()] == [later]
        assert not promises.move_promise("test.ring", subject=("page", 8), due_at=AT)
        assert not promises.move_promise("test.other", subject=PAGE, due_at=AT)

    def test_one_that_a_worker_has_in_hand_or_that_has_ended_counts_as_none(self, handler):
        made()
        (row,) = claimed()
        assert not promises.move_promise("test.ring", subject=PAGE, due_at=AT + timedelta(hours=1))
        keep(row)
        assert not promises.move_promise("test.ring", subject=PAGE, due_at=AT + timedelta(hours=1))
        assert Promise.objects.get().due_at == AT


@pytest.mark.django_db
class TestDeadLetters:
    def test_a_dead_one_can_be_tried_again_as_if_new(self, handler):
        row = made()
        Promise.objects.update(ended_at=AT, ended_as="dead", attempt=8, failure="RuntimeError: x")
        promises.retry_promise(row.id, at=AT)
        keep(*claimed())
        row.refresh_from_db()
        assert (row.ended_as, row.attempt, row.outcome) == ("kept", 1, "rang")

    @pytest.mark.parametrize("ending", [None, "kept", "void"])
    def test_only_a_dead_one_is_tried_again(self, handler, ending):
        row = made()
        Promise.objects.update(ended_at=AT if ending else None, ended_as=ending)
        with pytest.raises(IllegalTransition):
            promises.retry_promise(row.id, at=AT)
        assert Promise.objects.get().ended_as == ending

    @pytest.mark.parametrize("ending", [None, "dead", "void"])
    def test_one_that_was_not_kept_can_be_called_off_and_again(self, handler, ending):
        row = made()
        Promise.objects.update(ended_at=AT if ending else None, ended_as=ending)
        promises.void_promise(row.id, at=AT)
        assert promises.void_promise(row.id, at=AT).ended_as == "void"
        assert Promise.objects.get().ended_as == "void"

    def test_what_was_kept_cannot_be_called_off(self, handler):
        row = made()
        keep(*claimed())
        with pytest.raises(IllegalTransition):
            promises.void_promise(row.id, at=AT)

    def test_there_may_be_none(self):
        with pytest.raises(NotFound):
            promises.retry_promise(uuid4(), at=AT)
