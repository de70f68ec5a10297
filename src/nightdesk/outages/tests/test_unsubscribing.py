"""One click in a mail ends a public subscription, by the same door as every list's."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client

from nightdesk.access.models import Brand
from nightdesk.channels.links import make_unsubscribe_link
from nightdesk.outages.models import Subscriber

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)


@pytest.fixture
def reader() -> Subscriber:
    cache.clear()
    brand = Brand.objects.create(name="Quayside", slug=f"q-{uuid4().hex[:6]}")
    return Subscriber.objects.create(
        brand=brand, email="al@harbour.example", secret=uuid4().hex, asked_at=AT, confirmed_at=AT
    )


def url(subscriber_id: object) -> str:
    return "/u/" + make_unsubscribe_link(f"subscriber:{subscriber_id}").rpartition("/u/")[2]


def test_a_look_ends_nothing_and_names_nobody(reader: Subscriber) -> None:
    page = Client().get(url(reader.pk)).content.decode()
    reader.refresh_from_db()
    assert "Quayside" in page
    assert reader.email not in page
    assert reader.ended_at is None


def test_a_click_ends_it_once(reader: Subscriber) -> None:
    for _ in range(2):
        assert Client().post(url(reader.pk), {"List-Unsubscribe": "One-Click"}).status_code == 200
    ended_at = Subscriber.objects.get(pk=reader.pk).ended_at
    assert ended_at is not None


@pytest.mark.parametrize("stranger", [10**9, "x", "-1", ""])
def test_who_is_none_is_refused(stranger: object) -> None:
    cache.clear()
    assert Client().post(url(stranger)).status_code == 404
