"""The door's limits, with a WSGI application in real threads and no server."""

import asyncio
import json
import threading

import pytest

from nightdesk.base import wsgi_door
from nightdesk.base.wsgi_door import WsgiDoor


class Request:
    """One POST whose body comes in `parts`; after them the sender is silent. It takes answers while `taking` is set."""

    def __init__(self, *parts: bytes, headers=(), path="/", more=False) -> None:
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "http_version": "1.1",
            "headers": list(headers),
        }
        self.parts = list(parts)
        self.more = more
        self.taking = asyncio.Event()
        self.taking.set()
        self.answer = []

    async def receive(self):
        if not self.parts:
            await asyncio.Event().wait()
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": self.more or bool(self.parts)}

    async def send(self, message):
        await self.taking.wait()
        self.answer.append(message)

    async def go(self, door: WsgiDoor) -> None:
        await door(self.scope, self.receive, self.send)

    @property
    def status(self) -> int:
        return self.answer[0]["status"]

    @property
    def code(self) -> str:
        return json.loads(self.answer[1]["body"])["code"]


def quiet(environ, start_response):
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


async def until(claim) -> None:
    async with asyncio.timeout(30):
        while not claim():
            await asyncio.sleep(0.01)


def test_the_longest_prefix_gives_the_limit():
    door = WsgiDoor(quiet, max_body=1, larger_bodies={"/up/": 10, "/up/big/": 100})
    assert [door.body_limit(path) for path in ("/", "/up", "/up/a", "/up/big/a")] == [1, 1, 10, 100]


def test_whoever_comes_when_all_places_are_taken_is_told_to_come_again():
    async def story():
        gate = threading.Event()

        def slow(environ, start_response):
            gate.wait(30)
            return quiet(environ, start_response)

        door = WsgiDoor(slow, threads=1, max_waiting=1)
        inside = [Request(b"a"), Request(b"b")]
        tasks = [asyncio.create_task(request.go(door)) for request in inside]
        await until(lambda: door.at_work == 2)
        late = Request(b"c")
        await late.go(door)
        assert (late.status, late.code) == (503, "busy")
        assert (b"retry-after", b"2") in late.answer[0]["headers"]
        gate.set()
        await asyncio.gather(*tasks)
        assert [request.status for request in inside] == [200, 200]
        assert door.at_work == 0

    asyncio.run(story())


def test_bodies_together_may_not_fill_the_memory_and_give_their_room_back():
    async def story():
        door = WsgiDoor(quiet, max_body=100, max_held=150)
        waiting = Request(b"x" * 100, more=True)
        task = asyncio.create_task(waiting.go(door))
        await until(lambda: door._held == 100)
        refused = Request(b"y" * 60)
        async with asyncio.timeout(30):  # the whole body is here: nothing to wait for before the answer
            await refused.go(door)
        assert (refused.status, refused.code) == (503, "busy")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        again = Request(b"y" * 60)
        await again.go(door)
        assert (again.status, door._held) == (200, 0)

    asyncio.run(story())


def test_a_sender_that_falls_silent_is_refused_and_takes_no_thread(monkeypatch):
    monkeypatch.setattr(wsgi_door, "BODY_STALL_SECONDS", 0.01)

    async def story():
        door = WsgiDoor(quiet)
        silent = Request(b"half", more=True)
        await silent.go(door)
        assert (silent.status, silent.code) == (408, "body_too_slow")

    asyncio.run(story())


def test_a_client_that_stops_reading_does_not_keep_the_thread(monkeypatch):
    monkeypatch.setattr(wsgi_door, "SEND_STALL_SECONDS", 0.05)

    async def story():
        def long(environ, start_response):
            start_response("200 OK", [])
            return (b"x" for _ in range(100))

        door = WsgiDoor(long, threads=1)
        stuck = Request(b"")
        stuck.taking.clear()
        async with asyncio.timeout(30):
            await stuck.go(door)
            other = Request(b"")
            await other.go(door)
        assert (other.status, door.at_work) == (200, 0)

    asyncio.run(story())


@pytest.mark.parametrize("declared", [b"101", b"99999999999999999999"])
def test_a_declared_length_over_the_limit_is_refused_unread(declared):
    async def story():
        request = Request(b"x", headers=[(b"content-length", declared), (b"expect", b"100-continue")])
        await request.go(WsgiDoor(quiet, max_body=100))
        assert (request.status, request.code) == (413, "body_too_large")
        assert request.parts == [b"x"]

    asyncio.run(story())
