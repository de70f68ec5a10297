"""What all tests of a file stand on, made once and committed: it takes seconds. What a test does to it is undone with the test.

standing_firms = made_once(Firms, at=MORNING)

@pytest.fixture
def firms(standing_firms: Firms, db: None) -> Firms:
    return deepcopy(standing_firms)
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from nightdesk.base import clock
from tests.emptied import empty_tables

QUICK = {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}
"""Settings under which passwords cost no time."""


def made_once(make: Callable[[], Any], *, at: datetime) -> Any:
    """A fixture of a file: what `make` made while the clock stood at `at`. One test of the file may commit: it comes last."""

    @pytest.fixture(scope="module")
    def standing(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
        with django_db_blocker.unblock(), override_settings(**QUICK), clock.replaced_by(lambda: at):
            made = make()
        yield made
        with django_db_blocker.unblock():
            empty_tables()

    return standing
