"""Two brands with something of every kind in each, made once for a file: fixtures for a file that says

standing_worlds, worlds, brand, other_brand, world, other_world = standing.ALL
"""

from copy import deepcopy
from typing import Any

import pytest

from nightdesk.access.models import Brand
from tests.api.conftest import START
from tests.api.world import keep_spoken, two_worlds
from tests.standing import made_once

standing_worlds = made_once(two_worlds, at=START)


@pytest.fixture
def worlds(standing_worlds: dict[str, Any], db: None) -> dict[str, Any]:
    made = deepcopy(standing_worlds)
    for brand in (made["brand"], made["other_brand"]):
        keep_spoken(brand)
    return made


@pytest.fixture
def brand(worlds: dict[str, Any]) -> Brand:
    made: Brand = worlds["brand"]
    return made


@pytest.fixture
def other_brand(worlds: dict[str, Any]) -> Brand:
    made: Brand = worlds["other_brand"]
    return made


@pytest.fixture
def world(worlds: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = worlds["world"]
    return made


@pytest.fixture
def other_world(worlds: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = worlds["other_world"]
    return made


ALL = standing_worlds, worlds, brand, other_brand, world, other_world
