"""One clock, the database's; and in tests only the test moves it."""

from datetime import UTC, datetime, timedelta

import pytest

from nightdesk.base import clock

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def offset_put_back(monkeypatch):
    monkeypatch.setattr(clock, "_offset", timedelta(0))


def test_a_host_whose_clock_is_wrong_reads_the_databases_time():
    correction = clock.follow(datetime.now(UTC) + timedelta(minutes=7))
    assert timedelta(minutes=6, seconds=59) < correction <= timedelta(minutes=7)
    assert abs(clock.now() - datetime.now(UTC) - timedelta(minutes=7)) < timedelta(seconds=1)


def test_a_replaced_clock_is_not_moved_by_a_worker_that_follows_the_database():
    with clock.replaced_by(lambda: AT):
        assert clock.follow(AT + timedelta(hours=1)) == timedelta(0)
        assert clock.now() == AT
        assert clock.seconds() == AT.timestamp()


def test_after_the_block_the_clock_is_what_it_was():
    clock.follow(datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(RuntimeError), clock.replaced_by(lambda: AT), clock.replaced_by(lambda: AT + timedelta(1)):
        raise RuntimeError
    assert clock.now() > datetime.now(UTC) + timedelta(minutes=59)
