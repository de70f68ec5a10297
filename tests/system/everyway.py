"""A night in which every alarm goes out to Bo by every channel at once, each to a peer that speaks its provider's protocol.

Nobody answers: Al is a day off, nothing is rung twice on purpose. So whatever comes twice is a repeat.
"""

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.peers.chat_server import ChatMessage, ChatServer
from tests.peers.mail_sink import Mail, MailSink
from tests.peers.push_service import Browser, Push, PushService
from tests.peers.receiver import Receiver
from tests.peers.record import Record
from tests.peers.smpp_provider import PASSWORD, SmppProvider
from tests.peers.snpp_network import Page, SnppNetwork
from tests.peers.voice_provider import Call, VoiceProvider
from tests.system.night import AL, AL_PHONE, BO, BO_PHONE, PAGER
from tests.system.stack import Stack, stack

CHANNELS = ("email", "sms", "voice", "pager", "chat", "webhook", "push")
NAMES_IT = frozenset({"email", "voice", "webhook", "push"})
"""Channels whose protocol carries a name of ours for the message, so that a repeat can be told."""
BO_PAGER = "4477001"
STORM = 10_000
_WORDS = re.compile(r"alarm (\S+) rings")
_NOTHING = ("", "")


@dataclass(frozen=True)
class Arrival:
    """An alarm's message at a peer, at an instant in seconds since the epoch; `name` is ours for it, "" where none goes along."""

    at: float
    name: str


class Everyway:
    """`staged` is what the stage made. An alarm has a key, one word that is in the text of all its messages."""

    def __init__(self, running: Stack, staged: dict[str, Any], peers: Mapping[str, "_Peer"]) -> None:
        assert tuple(peers) == CHANNELS
        self.stack, self.staged, self._peers = running, staged, peers
        self._seen = dict.fromkeys(CHANNELS, 0)
        self._arrived: dict[str, dict[str, list[Arrival]]] = {channel: defaultdict(list) for channel in CHANNELS}

    def alarm(self, key: str) -> dict[str, Any]:
        """The alarm as PagerDuty's clients send it."""
        return {
            "routing_key": self.staged["keys"]["pagerduty_v2"],
            "event_action": "trigger",
            "dedup_key": key,
            "payload": {"summary": f"alarm {key} rings", "source": f"host-{key}", "severity": "critical"},
        }

    def arrivals(self, key: str) -> dict[str, list[Arrival]]:
        """By channel what has come of the alarm up to now, the oldest first."""
        for channel, peer in self._peers.items():
            with contextlib.suppress(psycopg.OperationalError):  # the database is away: it is looked at the next time
                for at, item in peer.record.since(self._seen[channel]):
                    found, name = peer.read(item)
                    self._seen[channel] += 1
                    if found:
                        self._arrived[channel][found].append(Arrival(at, name))
        return {channel: list(self._arrived[channel].get(key, ())) for channel in CHANNELS}

    def missing(self, key: str) -> list[str]:
        """The channels by which nothing of the alarm has come yet."""
        return [channel for channel, came in self.arrivals(key).items() if not came]

    def ledger(self) -> list[tuple[str, str, bool, bool]]:
        """(key, channel, whether it is known what came of it, whether it is still open) of every delivery that rings.

        It is known once a hand-over is recorded, or a receipt that came before that has ended it.
        """
        rows = self.stack.rows(
            "SELECT m.title, d.channel, coalesce(d.accepted_at, d.ended_at) IS NOT NULL, d.ended_at IS NULL "
            "FROM channels_delivery d JOIN channels_message m ON m.id = d.message_id WHERE m.kind = 'page.rung'"
        )
        return [(_key_in(title), *rest) for title, *rest in rows]


@dataclass(frozen=True)
class _Peer:
    """`read` gives the key of the alarm that an item of `record` is about ("" for none), and our name for the message."""

    record: Record[Any]
    read: Callable[[Any], tuple[str, str]]


def _key_in(text: str) -> str:
    found = _WORDS.search(text)
    return found[1] if found else ""


@contextlib.contextmanager
def everyway(*, on_disk: bool = False) -> Iterator[Everyway]:
    """The night, staged; it needs npm's `smpp` (see `tests.requires`). Program and peers are gone afterwards."""
    with contextlib.ExitStack() as peers:
        mails, chat = peers.enter_context(MailSink()), peers.enter_context(ChatServer())
        smsc, network = peers.enter_context(SmppProvider()), peers.enter_context(SnppNetwork())
        voice = peers.enter_context(VoiceProvider(numbers=(PAGER,)))
        hook, push = peers.enter_context(Receiver()), peers.enter_context(PushService())
        running = peers.enter_context(stack(on_disk=on_disk))
        browser = push.browser()
        bo = {"name": "Bo Lindqvist", "email": BO, "phone": BO_PHONE, "device": browser.subscription}
        ways = [("voice", BO_PHONE), ("pager", BO_PAGER), ("chat", "ops:bo"), ("webhook", hook.url)]
        staged = running.stage(
            people=[bo | {"ways": ways}, {"name": "Al Moreau", "email": AL, "phone": AL_PHONE}],
            smtp={"host": mails.host, "port": mails.port},
            routes=_routes(smsc, voice, network, chat),
            push_here=True,
            step_s=24 * 3600,
            storm_limit=STORM,
            formats=["pagerduty_v2"],
        )

        def called(call: Call) -> tuple[str, str]:
            """It rings before it speaks, so that the ledger is asked what about."""
            name = parse_qs(urlsplit(call.url).query)["d"][0]
            return _title_of(running, name) if call.to == BO_PHONE else "", name

        def paged(page: Page) -> tuple[str, str]:
            network.reach(page)  # the pager is switched on
            return _key_in(page.text) if page.pager == BO_PAGER else "", ""

        yield Everyway(
            running,
            staged,
            {
                "email": _Peer(mails.mails, _mailed),
                "sms": _Peer(smsc.events, _texted),
                "voice": _Peer(voice.calls, called),
                "pager": _Peer(network.pages, paged),
                "chat": _Peer(chat.messages, _said),
                "webhook": _Peer(hook.requests, _hooked),
                "push": _Peer(push.pushes, lambda pushed: _pushed(pushed, browser)),
            },
        )


def _routes(smsc: SmppProvider, voice: VoiceProvider, network: SnppNetwork, chat: ChatServer) -> list[dict[str, Any]]:
    texts = {name: value for name, value in smsc.route_settings.items() if name != "password"}
    calls = {"base_url": voice.url, "account_sid": voice.account_sid, "from": PAGER, "redials": 0}
    url = f"ntfy://{chat.token}@127.0.0.1:{chat.port}/{{target}}"
    ways = [
        ("sms", "smpp", texts, {"password": PASSWORD}),
        ("voice", "twilio_voice", calls, {"auth_token": voice.auth_token}),
        ("pager", "snpp", {"host": network.host, "port": network.port}, {}),
        ("chat", "apprise", {"service": "ops", "allow_private": True}, {"url": url}),
        ("webhook", "webhook", {"allow_private": True}, {"secret": "signs every request"}),
    ]
    return [
        {"channel": channel, "driver": driver, "name": driver, "config": config, "secrets": secrets}
        for channel, driver, config, secrets in ways
    ]


def _title_of(running: Stack, delivery_id: str) -> str:
    rows = running.rows(
        "SELECT m.title FROM channels_message m JOIN channels_delivery d ON d.message_id = m.id WHERE d.id = %s",
        delivery_id,
    )
    return _key_in(rows[0][0])


def _mailed(mail: Mail) -> tuple[str, str]:
    return (_key_in(mail.message["Subject"]), mail.message["Message-ID"]) if BO in mail.recipients else _NOTHING


def _texted(event: dict[str, Any]) -> tuple[str, str]:
    taken = event["event"] == "submit" and event["status"] == 0 and event["to"] == BO_PHONE.removeprefix("+")
    return (_key_in(event["text"]), "") if taken else _NOTHING


def _said(message: ChatMessage) -> tuple[str, str]:
    return (_key_in(message.title), "") if message.room == "bo" else _NOTHING


def _hooked(request: tuple[str, dict[str, str], bytes]) -> tuple[str, str]:
    _path, headers, body = request
    told = json.loads(body)
    return (_key_in(told["title"]), headers["X-Nightdesk-Delivery"]) if told["kind"] == "page.rung" else _NOTHING


def _pushed(push: Push, browser: Browser) -> tuple[str, str]:
    told = push.told(browser)
    return (_key_in(told["title"]), told["token"]) if told["kind"] == "page.rung" else _NOTHING
