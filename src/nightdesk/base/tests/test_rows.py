"""Rows by the short way are the rows that Django would write and read."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from nightdesk.base import rows
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise

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
