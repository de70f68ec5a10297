"""What every test gets; the suite's database is `tests/database.py`."""

import os
from typing import Any

import pytest

from tests import database, schema

pytest_plugins = ["tests.plugin"]


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """What is read in here is kept, and `migrate` then looks whether anything is missing. The server goes with it all."""
    return not database.OUTSIDE


@pytest.fixture(scope="session")
def django_db_createdb() -> bool:
    return database.OUTSIDE


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,  # noqa: ARG001 - it names the database
    django_db_blocker: Any,
) -> None:
    """The database of this process, which waits long: read in, where the server is ours."""
    from django.db import connection

    # The first request of a process loads every page there is, inside its test's transaction, beside others that do.
    options = connection.settings_dict["OPTIONS"]
    options["options"] += " -c idle_in_transaction_session_timeout=600000"
    if database.OUTSIDE:
        return
    name = connection.creation._get_test_db_name()
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    with django_db_blocker.unblock():
        connection.close()
    schema.read_in(os.environ["NIGHTDESK_DATABASE_URL"].replace("/nightdesk?", f"/{name}?"))
