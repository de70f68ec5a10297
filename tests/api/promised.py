"""Promises that nobody keeps, for lists to show."""

from datetime import timedelta
from typing import Any

from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from tests.api.conftest import START


def promise_due(minutes: int, *, brand_id: int | None = None, why: str = "ring", **more: Any) -> Promise:
    return Promise.objects.create(
        id=uuid7(START),
        lane="plain",
        kind="test.ring",
        subject_kind="page",
        subject_id="1",
        due_at=START + timedelta(minutes=minutes),
        created_at=START,
        why=why,
        brand_id=brand_id,
        **more,
    )
