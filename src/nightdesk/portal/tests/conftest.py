"""The firms and their clock, which stands still unless the test moves `firms.at`."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from nightdesk.base import clock
from nightdesk.portal.tests.firms import MORNING, Firms


@pytest.fixture
def firms(db, settings) -> Iterator[Firms]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    made: list[Firms] = []
    with clock.replaced_by(lambda: made[0].at if made else MORNING):
        made.append(Firms())
        yield made[0]
