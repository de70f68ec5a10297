"""The firms and their clock, which stands still unless the test moves `firms.at`."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.core.cache import cache
from django.test import override_settings

from nightdesk.base import clock
from nightdesk.portal.tests.firms import MORNING, Firms
from tests.standing import QUICK, made_once

standing_firms = made_once(Firms, at=MORNING)


@pytest.fixture
def firms(standing_firms: Firms, db: None) -> Iterator[Firms]:
    cache.clear()
    firms = deepcopy(standing_firms)
    with override_settings(**QUICK), clock.replaced_by(lambda: firms.at):
        yield firms
