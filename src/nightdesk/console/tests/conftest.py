"""The company and its clock, which stands still."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from nightdesk.base import clock
from nightdesk.console.tests.company import NIGHT, Company


@pytest.fixture
def company(db, settings) -> Iterator[Company]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    with clock.replaced_by(lambda: now["at"]):
        now = {"at": NIGHT}
        yield Company()
