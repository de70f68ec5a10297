from datetime import UTC, datetime, timedelta

from nightdesk.base.buckets import Buckets

AT = datetime(2026, 8, 15, 3, 0, tzinfo=UTC)


def test_a_bucket_starts_full_and_fills_at_its_pace_and_not_above():
    buckets = Buckets(a_second=2, size=3)
    assert [buckets.take("a", AT) for _ in range(4)] == [True, True, True, False]
    later = AT + timedelta(seconds=1)
    assert [buckets.take("a", later) for _ in range(3)] == [True, True, False]
    much_later = AT + timedelta(hours=1)
    assert [buckets.take("a", much_later) for _ in range(4)] == [True, True, True, False]


def test_keys_do_not_share_a_bucket():
    buckets = Buckets(a_second=1, size=1)
    assert buckets.take("a", AT)
    assert buckets.take("b", AT)
    assert not buckets.take("a", AT)


def test_a_clock_that_is_set_back_neither_fills_nor_blocks():
    buckets = Buckets(a_second=1, size=2)
    assert buckets.take("a", AT)
    assert buckets.take("a", AT - timedelta(hours=1))
    assert not buckets.take("a", AT)


def test_the_least_used_are_forgotten_so_that_memory_is_bounded():
    buckets = Buckets(a_second=1, size=1, most=2)
    for key in ("a", "b", "c"):
        assert buckets.take(key, AT)
    assert not buckets.take("c", AT)
    assert buckets.take("a", AT), "forgotten, and full again"
