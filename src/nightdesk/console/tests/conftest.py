"""The company and its clock, which stands still."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from nightdesk.base import clock
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.console import contact_test
from nightdesk.console.tests.company import NIGHT, Company
from tests.emptied import emptied_ledgers

__all__ = ["emptied_ledgers"]


@pytest.fixture
def company(db, settings, monkeypatch) -> Iterator[Company]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # By address and name together, and kept in the database: a stranger who guesses keeps nobody out.
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip"}
    settings.AXES_LOCKOUT_TEMPLATE = "429.html"
    monkeypatch.setitem(ANSWER_VERBS, contact_test.CONFIRM, contact_test.confirm_by_answer)
    cache.clear()
    with clock.replaced_by(lambda: now["at"]):
        now = {"at": NIGHT}
        yield Company()
