"""The company, its clock, and the console as the program has it: its addresses and what stands around its views."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from nightdesk.base import clock
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.console import contact_test
from nightdesk.console.tests.company import NIGHT, Company
from tests.emptied import emptied_ledgers

__all__ = ["emptied_ledgers"]

AROUND = ["nightdesk.console.middleware.KnowTheReader", "nightdesk.console.middleware.AnswerRefusals"]
LOCK_OUT = "axes.middleware.AxesMiddleware"
CONTEXT = "nightdesk.console.context.every_page"


@pytest.fixture
def company(db, settings, monkeypatch) -> Iterator[Company]:
    settings.ROOT_URLCONF = "nightdesk.console.tests.addresses"
    settings.MIDDLEWARE = [
        *(each for each in settings.MIDDLEWARE if each not in (*AROUND, LOCK_OUT)),
        *AROUND,
        LOCK_OUT,
    ]
    (templates,) = settings.TEMPLATES
    options = templates["OPTIONS"]
    processors = [each for each in options["context_processors"] if each != CONTEXT]
    settings.TEMPLATES = [{**templates, "OPTIONS": {**options, "context_processors": [*processors, CONTEXT]}}]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setitem(ANSWER_VERBS, contact_test.CONFIRM, contact_test.confirm_by_answer)
    cache.clear()
    with clock.replaced_by(lambda: now["at"]):
        now = {"at": NIGHT}
        yield Company()
