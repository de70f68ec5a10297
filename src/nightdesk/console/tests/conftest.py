"""The company and its clock, which stands still."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.core.cache import cache
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from nightdesk.base import clock
from nightdesk.console.tests.company import NIGHT, Company
from tests.emptied import empty_tables

QUICK = {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}


@pytest.fixture(scope="module")
def standing_company(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Company]:
    """Made once for all tests of a file, and committed: it takes seconds. What a test does to it is undone with the test."""
    with django_db_blocker.unblock(), override_settings(**QUICK), clock.replaced_by(lambda: NIGHT):
        made = Company()
    yield made
    with django_db_blocker.unblock():
        empty_tables()


@pytest.fixture
def company(standing_company: Company, db: None) -> Iterator[Company]:
    cache.clear()
    with override_settings(**QUICK), clock.replaced_by(lambda: NIGHT):
        yield deepcopy(standing_company)
