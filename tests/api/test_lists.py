"""Lists in pages: whole, without doubles, in order, while rows come and go."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightdesk.access.models import Brand
from nightdesk.base.models import Promise
from tests.api.conftest import START, Caller, token_for
from tests.api.promised import promise_due
from tests.api.test_door import problem


def followed(caller: Caller, path: str, between: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """Every item of the list, by following `next`; `between` happens between two parts."""
    items, address = [], path
    while address:
        part = caller.get(address)
        items += part["items"]
        between()
        address = part["next"]
    return items


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dues=st.lists(st.integers(0, 3), max_size=12), limit=st.integers(1, 5), coming=st.lists(st.integers(-2, 5)))
def test_the_parts_together_are_the_whole_while_rows_come_and_go(
    brand: Brand, dues: list[int], limit: int, coming: list[int]
) -> None:
    Promise.objects.all().delete()
    caller = token_for(["read"])
    before = [str(promise_due(due).id) for due in dues]
    come = iter(coming)
    items = followed(
        caller,
        f"/promises?limit={limit}",
        lambda: [promise_due(due) for due in [next(come, None)] if due is not None] and None,
    )
    ids = [item["id"] for item in items]
    assert len(ids) == len(set(ids))
    assert set(before) <= set(ids)
    assert [(item["due_at"], UUID(item["id"])) for item in items] == sorted(
        (item["due_at"], UUID(item["id"])) for item in items
    )


def test_the_last_part_says_that_it_is_the_last(admin: Caller) -> None:
    for due in range(4):
        promise_due(due)
    first = admin.get("/promises?limit=2")
    assert first["next"]
    assert admin.get(first["next"])["next"] is None
    assert admin.get("/promises?limit=4")["next"] is None


def test_newest_first_means_that_what_comes_later_is_not_in_the_way(admin: Caller) -> None:
    for minutes in range(5):
        promise_due(minutes, ended_at=START + timedelta(minutes=minutes), ended_as="dead")
    first = admin.get("/promises?state=dead&limit=2")
    promise_due(9, ended_at=START + timedelta(minutes=9), ended_as="dead")
    rest = followed(admin, first["next"])
    assert [item["due_at"][14:16] for item in (*first["items"], *rest)] == ["04", "03", "02", "01", "00"]


@pytest.mark.parametrize("other", ["/promises?kind=x&cursor={}", "/promises?state=dead&cursor={}", "/brands?cursor={}"])
def test_a_cursor_belongs_to_its_list_and_filters(admin: Caller, other: str) -> None:
    promise_due(0), promise_due(1)
    cursor = admin.get("/promises?limit=1")["next"].split("cursor=")[1].split("&")[0]
    problem(admin("GET", other.format(cursor)), 422, "invalid")
    assert admin.get(f"/promises?limit=7&cursor={cursor}")["items"]  # how many is not part of it


@pytest.mark.parametrize("cursor", ["x", "eyJ9:1:2", "WyJ4Il0:1tR:abc", "%F0%9F%98%80", "a" * 1001])
def test_a_cursor_that_nobody_gave_out_is_refused(admin: Caller, cursor: str) -> None:
    problem(admin("GET", f"/promises?cursor={cursor}"), 422, "invalid")


def test_a_list_comes_as_csv_for_whoever_would_rather_have_that(admin: Caller) -> None:
    promise_due(0, why='=HYPERLINK("http://evil")\nline, two')
    promise_due(1, why="+447700900123")
    promise_due(2)
    response = admin("GET", "/promises?limit=2", Accept="text/csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [line["why"] for line in lines] == ['\'=HYPERLINK("http://evil")\nline, two', "+447700900123"]
    assert lines[0]["state"] == "open"
    assert lines[0]["brand_id"] == ""
    address = response["Link"].removeprefix("<").removesuffix('>; rel="next"')
    assert len(admin("GET", address, Accept="text/csv").content.decode().splitlines()) == 2


def test_json_is_what_everybody_else_gets(admin: Caller) -> None:
    for accept in ("*/*", "application/json, text/csv;q=0.5", "image/png", ""):
        assert admin("GET", "/promises", Accept=accept)["Content-Type"] == "application/json; charset=utf-8"


def test_a_brand_s_reader_sees_that_brand_s_rows_only(brand: Brand, other_brand: Brand) -> None:
    mine, _other, _nobodys = promise_due(0, brand_id=brand.pk), promise_due(1, brand_id=other_brand.pk), promise_due(2)
    caller = token_for(["read"], brand=brand)
    assert [item["id"] for item in caller.get("/promises")["items"]] == [str(mine.id)]
    problem(caller("GET", f"/promises/{_other.id}"), 404, "not-found")
    assert [item["slug"] for item in caller.get("/brands")["items"]] == ["acme"]
