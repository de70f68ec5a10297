"""The company and its clock, which stands still."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.core.cache import cache
from django.test import override_settings

from nightdesk.base import clock
from nightdesk.console.tests.company import NIGHT, Company
from tests.standing import QUICK, made_once

standing_company = made_once(Company, at=NIGHT)


@pytest.fixture
def company(standing_company: Company, db: None) -> Iterator[Company]:
    cache.clear()
    with override_settings(**QUICK), clock.replaced_by(lambda: NIGHT):
        yield deepcopy(standing_company)
