"""The spelling of a seal, which is for ever: a digest that was noted on paper must come out again."""

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from nightdesk.journal.digests import seal_digest

SAID = {
    "previous": bytes([1]) * 32,
    "month": date(2026, 11, 1),
    "from_xid": 700,
    "to_xid": 705,
    "count": 3,
    "root": bytes([2]) * 32,
    "sealed_at": datetime(2026, 11, 22, 3, 0, tzinfo=UTC),
}


def test_a_seal_is_the_digest_of_all_that_it_says_in_one_spelling():
    spelt = f'["{"01" * 32}","2026-11-01",700,705,3,"{"02" * 32}","2026-11-22T03:00:00.000000+00:00"]'
    assert seal_digest(**SAID) == hashlib.sha256(spelt.encode()).digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"previous": bytes(32)},
        {"month": date(2026, 12, 1)},
        {"from_xid": 699},
        {"to_xid": 706},
        {"count": 2},
        {"root": bytes(32)},
        {"sealed_at": datetime(2026, 11, 22, 3, 1, tzinfo=UTC)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_is_changed_in_a_seal_changes_its_digest(changed):
    assert seal_digest(**(SAID | changed)) != seal_digest(**SAID)


def test_the_zone_in_which_a_sealing_is_told_does_not_matter():
    told = SAID["sealed_at"].astimezone(timezone(timedelta(hours=5)))
    assert seal_digest(**(SAID | {"sealed_at": told})) == seal_digest(**SAID)
