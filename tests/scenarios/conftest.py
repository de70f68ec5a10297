"""Each story gets a world of its own."""

from collections.abc import Iterator

import pytest

from tests.world import World
from tests.world import world as new_world


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with new_world() as here:
        yield here
