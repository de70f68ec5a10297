"""A world whose second site is this same database, looked at through the letters that would go between two."""

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.world import World
from tests.world import world as new_world


@pytest.fixture(autouse=True)
def _numbers_go_on_as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """Following moves what numbers rows from, which no rollback takes back."""
    if "world" not in request.fixturenames and request.node.get_closest_marker("django_db") is None:
        yield
        return
    request.getfixturevalue("db")
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema()")
        before = cursor.fetchall()
    yield
    with connection.cursor() as cursor:
        for name, last in before:
            cursor.execute("SELECT setval(%s, %s, %s)", [name, last or 1, last is not None])


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with new_world() as here:
        yield here
