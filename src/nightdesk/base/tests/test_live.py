"""Tickets and the hub, without a server."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import live
from nightdesk.base.live import Hub, Ticket, TicketRefused, make_ticket, read_ticket

KEY = b"a key for tests, 32 bytes long.."
AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
topics = st.sets(st.text(min_size=1, max_size=20).filter(str.isprintable), min_size=1, max_size=5)


class Client:
    """The two ends of an ASGI request. `send` waits while `blocked` is set, as a full socket does."""

    def __init__(self) -> None:
        self.text = ""
        self.status = 0
        self.left = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.free.wait()
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()

    def changes(self) -> list[str]:
        return [line.removeprefix("data: ") for line in self.text.splitlines() if line.startswith("data: ")]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def listen(hub: Hub, *names: str, issued_at: datetime | None = LATER, expires_at: datetime = LATER):
    client = Client()
    ticket = Ticket(frozenset(names), expires_at, issued_at)
    return client, asyncio.create_task(hub.stream(ticket, client.receive, client.send))


class Clock:
    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()


def open_hub(clock: Clock | None = None, **more) -> Hub:
    hub = Hub(clock=clock or Clock(), **more)
    hub.open()
    return hub


@given(names=topics)
def test_a_ticket_says_what_was_put_in_it(names):
    ticket = read_ticket(KEY, make_ticket(KEY, names, LATER, issued_at=AT), AT)
    assert ticket == Ticket(frozenset(names), LATER, AT)


@given(names=topics, data=st.data())
def test_a_ticket_with_any_letter_changed_opens_nothing(names, data):
    good = make_ticket(KEY, names, LATER)
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.characters().filter(lambda letter: letter != good[place]))
    with pytest.raises(TicketRefused, match="not valid"):
        read_ticket(KEY, good[:place] + other + good[place + 1 :], AT)


@given(st.text())
def test_nonsense_is_refused_and_nothing_worse(text):
    with pytest.raises(TicketRefused):
        read_ticket(KEY, text, AT)


def test_a_ticket_ends_at_its_instant_and_not_after_it():
    ticket = make_ticket(KEY, ["a"], LATER)
    assert read_ticket(KEY, ticket, LATER - timedelta(microseconds=1)).topics == {"a"}
    with pytest.raises(TicketRefused, match="expired"):
        read_ticket(KEY, ticket, LATER)


@pytest.mark.parametrize("names", [[], [""], ["two\nlines"], ["nul\0"], ["x" * 9000]])
def test_topics_that_would_break_a_stream_get_no_ticket(names):
    with pytest.raises(ValueError, match="topic"):
        make_ticket(KEY, names, LATER)


def test_a_blocked_listener_hears_each_topic_once_when_it_can_again():
    async def story():
        hub = open_hub()
        client, task = listen(hub, "a", "b", issued_at=AT + timedelta(minutes=1))
        await settle()
        client.free.clear()
        for _ in range(1000):
            hub.publish(["a", "b", "unheard"])
            await asyncio.sleep(0)
        client.free.set()
        await settle()
        client.left.set()
        await task
        # Once for the send that was under way when the socket filled, once for all that came meanwhile.
        assert client.changes() in (["a", "b"], ["a", "b", "a", "b"])
        assert hub.streams == 0
        assert hub._by_topic == {}

    asyncio.run(story())


def test_publishing_from_another_thread_wakes_the_loop():
    async def story():
        hub = open_hub()
        client, task = listen(hub, "a", issued_at=AT + timedelta(minutes=1))
        await settle()
        await asyncio.to_thread(hub.publish, ["a"])
        await settle()
        assert client.changes() == ["a"]
        client.left.set()
        await task

    asyncio.run(story())


@pytest.mark.parametrize(
    ("issued_at", "told"),
    [
        (None, ["old", "recent"]),  # the page's age is unknown
        (AT - timedelta(seconds=1), ["old", "recent"]),  # older than this process: what it missed is not known
        (AT + timedelta(minutes=20), ["recent"]),
        (AT + timedelta(minutes=30, seconds=4), ["recent"]),  # within the slack
        (AT + timedelta(minutes=31), []),
    ],
)
def test_a_stream_starts_with_what_its_page_may_have_missed(issued_at, told):
    async def story():
        clock = Clock()
        hub = open_hub(clock)
        clock.at = AT + timedelta(minutes=10)
        hub.publish(["old"])
        clock.at = AT + timedelta(minutes=30)
        hub.publish(["recent"])
        client, task = listen(hub, "old", "recent", issued_at=issued_at)
        await settle()
        assert client.changes() == told
        client.left.set()
        await task

    asyncio.run(story())


@pytest.mark.parametrize(
    ("topic", "issued_at", "told"),
    [
        ("b", AT + timedelta(minutes=11), True),  # forgotten, and the page is older than what was forgotten last
        ("b", AT + timedelta(minutes=11, seconds=live.ISSUE_SLACK_SECONDS), True),  # at its very instant
        ("b", AT + timedelta(minutes=11, seconds=6), False),
        ("a", AT + timedelta(minutes=11, seconds=6), True),  # changed early, and again later: remembered by the later
    ],
)
def test_what_the_hub_has_forgotten_counts_as_missed(monkeypatch, topic, issued_at, told):
    monkeypatch.setattr(live, "REMEMBERED_TOPICS", 2)

    async def story():
        clock = Clock()
        hub = open_hub(clock)
        for minute, name in enumerate("abac", start=10):
            clock.at = AT + timedelta(minutes=minute)
            hub.publish([name])
        client, task = listen(hub, topic, issued_at=issued_at)
        await settle()
        assert client.changes() == ([topic] if told else [])
        client.left.set()
        await task

    asyncio.run(story())


def test_a_quiet_stream_shows_a_sign_of_life(monkeypatch):
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)

    async def story():
        hub = open_hub()
        client, task = listen(hub, "a", issued_at=AT + timedelta(minutes=1))
        async with asyncio.timeout(30):
            while ": still here\n\n" not in client.text:
                await asyncio.sleep(0.01)
        client.left.set()
        await task

    asyncio.run(story())


def test_a_client_that_takes_nothing_is_let_go(monkeypatch):
    monkeypatch.setattr(live, "STALL_SECONDS", 0.01)

    async def story():
        hub = open_hub()
        client, task = listen(hub, "a")
        client.free.clear()
        async with asyncio.timeout(30):
            await task
        assert hub.streams == 0

    asyncio.run(story())


def test_a_full_or_closing_hub_sends_people_away_for_a_while():
    async def story():
        hub = open_hub(max_streams=1)
        first, task = listen(hub, "a")
        await settle()
        second, refused = listen(hub, "a")
        await refused
        hub.close()
        await task
        third, refused = listen(hub, "a")
        await refused
        assert (first.status, second.status, third.status) == (200, 503, 503)
        assert first.text.endswith("event: end\ndata: shutdown\n\n")

    asyncio.run(story())


def test_a_bare_string_is_not_taken_letter_by_letter():
    with pytest.raises(TypeError):
        Hub().publish("page")
