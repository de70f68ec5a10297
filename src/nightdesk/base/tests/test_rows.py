"""Rows by the short way are the rows that Django would write and read."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from nightdesk.base import rows
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise, Worker

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def promise(**given) -> Promise:
    told = {
        "kind": "x.y",
        "lane": "plain",
        "due_at": AT,
        "created_at": AT,
        "why": '50 % of "it" isn\'t',
        "subject_kind": "x",
    }
    return Promise(**{"id": uuid7(AT), **told, **given})


def of(row: Promise) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_what_is_written_is_what_django_would_have_written():
    facts = {"people": ["Bo", "Zoë"], "at": None, "deep": {"n": 1.5}}
    ours, djangos = promise(facts=facts), promise(facts=facts)
    rows.insert([ours])
    djangos.save(force_insert=True)
    assert not ours._state.adding
    ours.why = "later"
    ours.save(update_fields=["why"])
    ours, djangos = Promise.objects.get(id=ours.id), Promise.objects.get(id=djangos.id)
    assert of(ours) | {"id": djangos.id, "why": djangos.why} == of(djangos)


def test_what_is_read_is_what_django_would_have_read_whatever_the_order_of_the_columns():
    made = [promise(facts={"number": number}, due_at=AT + timedelta(hours=number)) for number in range(3)]
    rows.insert(made)
    names = [field.column for field in Promise._meta.concrete_fields]
    for columns in (names, names[::-1]):
        sql = f"SELECT {', '.join(columns)} FROM base_promise WHERE id = ANY(%(ids)s) ORDER BY due_at"
        found = rows.fetch(Promise, sql, {"ids": [row.id for row in made]})
        assert [of(row) for row in found] == [of(row) for row in Promise.objects.order_by("due_at")]
        assert all(not row.get_deferred_fields() and not row._state.adding for row in found)
    assert model_to_dict(found[0]) == model_to_dict(Promise.objects.get(id=found[0].id))


def test_a_clash_is_an_error_unless_what_is_there_may_stay():
    first, second, third = promise(occurrence="one"), promise(occurrence="one", why="again"), promise(occurrence="two")
    rows.insert([first])
    rows.insert([second, third], unless_there=True)
    assert set(Promise.objects.values_list("id", flat=True)) == {first.id, third.id}
    with pytest.raises(IntegrityError):
        rows.insert([second])


def test_many_are_written_in_few_statements(monkeypatch):
    monkeypatch.setattr(rows, "AT_ONCE", 4)
    with CaptureQueriesContext(connection) as asked:
        rows.insert([promise() for _ in range(10)])
        rows.insert([])
    assert (len(asked), Promise.objects.count()) == (3, 10)


def test_rows_of_many_are_those_of_one_by_one():
    facts = {"people": ["Bo", 'Zoë "Z" \\'], "at": None, "deep": [{"n": 1.5}, "ü\n"]}
    more: dict[str, object] = {"facts": facts, "leased_at": AT, "leased_by": uuid7(AT), "attempt": 2, "brand_id": 7}
    ours, djangos = ([promise(**more) for _ in range(rows.FEW + 2)] for _ in range(2))
    rows.insert(ours)
    Promise.objects.bulk_create(djangos)

    def kept(made: list[Promise]) -> list[dict[str, object]]:
        return [of(row) | {"id": 0} for row in Promise.objects.filter(id__in=[one.id for one in made])]

    assert kept(ours) == kept(djangos)


class TestTogether:
    def test_there_is_one_statement_a_table(self):
        with CaptureQueriesContext(connection) as asked, transaction.atomic(savepoint=False), rows.together():
            for number in range(5):
                rows.insert([promise(occurrence=f"{number}")], unless_there=True)
                rows.insert([promise()])
                beat = Worker(id=uuid7(AT), name=f"{number}", started_at=AT, beat_at=AT)
                rows.insert([beat])
        assert Promise.objects.count() == 10
        tables = [query["sql"].split('"')[1] for query in asked.captured_queries if "INSERT" in query["sql"]]
        assert tables == ["base_promise", "base_promise", "base_worker"]

    def test_whoever_asks_for_a_table_finds_what_was_written(self):
        with rows.together():
            first = promise(kind="x.first")
            rows.insert([first])
            assert Promise.objects.filter(kind="x.first").exists()
            first.why = "otherwise"
            rows.change(first, ("why",))
            assert Promise.objects.get(id=first.id).why == "otherwise"
            many = [promise() for _ in range(5)]
            rows.insert(many)
            for number, one in enumerate(many):
                one.why, one.facts = f"{number}", {"n": number}
                rows.change(one, ("why", "facts"))
            many[0].why = "twice"
            rows.change(many[0], ("why", "facts"))
        kept = {row.id: (row.why, row.facts) for row in Promise.objects.all()}
        assert [kept[one.id] for one in many] == [("twice", {"n": 0}), *((f"{n}", {"n": n}) for n in range(1, 5))]

    def test_who_reads_a_table_has_that_one_written_and_who_writes_all(self):
        def written() -> set[str]:
            return {query["sql"].split('"')[1] for query in asked.captured_queries if "INSERT" in query["sql"]}

        with CaptureQueriesContext(connection) as asked, rows.together():
            rows.insert([promise()])
            rows.insert([Worker(id=uuid7(AT), name="it", started_at=AT, beat_at=AT)])
            assert Worker.objects.exists()
            assert written() == {"base_worker"}
            Worker.objects.update(beat_at=AT)
            assert written() == {"base_worker", "base_promise"}

    def test_of_one_row_the_last_word_stands_whichever_columns_were_named_before(self):
        row = promise(why="as it was")
        rows.insert([row])
        with rows.together():
            for why, facts, names in (("1", {}, ("why",)), ("2", {"n": 2}, ("why", "facts")), ("3", {}, ("why",))):
                row.why, row.facts = why, facts or row.facts
                rows.change(row, names)
        kept = Promise.objects.get(id=row.id)
        assert (kept.why, kept.facts) == ("3", {"n": 2})

    def test_what_writes_otherwise_finds_it_done_and_a_clash_is_told(self):
        first = promise(occurrence="one")

        def clash() -> None:
            with transaction.atomic(), rows.together():
                rows.insert([first])
                rows.insert([promise(occurrence="one")])
                Worker.objects.create(id=uuid7(AT), name="x", started_at=AT, beat_at=AT)

        with pytest.raises(IntegrityError):
            clash()
        assert not Promise.objects.exists()
        assert not Worker.objects.exists()

    def test_what_fails_inside_and_is_passed_over_spoils_the_whole(self):
        """Rows that wait are not known to be those of what failed."""

        def pass_over() -> None:
            rows.insert([promise()])
            with suppress(ZeroDivisionError), transaction.atomic():
                rows.insert([promise()])
                raise ZeroDivisionError

        def spoil() -> None:
            with transaction.atomic(), rows.together():
                pass_over()

        with pytest.raises(transaction.TransactionManagementError):
            spoil()
        assert not Promise.objects.exists()
        with transaction.atomic():  # and outside savepoints are what they were
            pass_over()
        assert Promise.objects.count() == 1
