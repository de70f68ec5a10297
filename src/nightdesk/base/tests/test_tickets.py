"""The address of a live stream opens exactly what was asked for, for a night."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from nightdesk.base.live import TicketRefused, read_ticket
from nightdesk.base.tickets import LASTS, live_key, live_url

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def test_it_opens_its_topics_from_the_pages_instant_on():
    address = urlsplit(live_url({"page", "page:7"}, at=AT))
    assert address.path == "/live"
    ticket = read_ticket(live_key(), parse_qs(address.query)["t"][0], AT)
    assert (ticket.topics, ticket.issued_at, ticket.expires_at) == ({"page", "page:7"}, AT, AT + LASTS)
    assert timedelta(hours=12) < LASTS < timedelta(hours=24)


def test_another_master_key_does_not_open_it(settings, request):
    sent = parse_qs(urlsplit(live_url({"page"}, at=AT)).query)["t"][0]
    settings.SECRET_KEY = "another key"
    live_key.cache_clear()  # as in another process
    request.addfinalizer(live_key.cache_clear)
    with pytest.raises(TicketRefused):
        read_ticket(live_key(), sent, AT)
