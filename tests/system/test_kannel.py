"""A page goes out through Debian's Kannel, its receipt comes back by dlr-url, and the reply by get-url takes it."""

from collections.abc import Iterator

import pytest

from tests.peers.kannel import PASSWORD, USER, Kannel, kannel
from tests.requires import requires
from tests.system.night import AL, AL_PHONE, BO, BO_PHONE, PAGER
from tests.system.stack import Stack, stack, until

pytestmark = requires("kannel")
SECRET = "what only Kannel knows"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Stack, Kannel, str]]:
    with (
        stack() as nightdesk,
        kannel(f"{nightdesk.url}/providers/http/1/sms?secret={SECRET.replace(' ', '+')}") as peer,
    ):
        staged = nightdesk.stage(
            people=[
                {"name": "Bo Lindqvist", "email": BO, "phone": BO_PHONE},
                {"name": "Al Moreau", "email": AL, "phone": AL_PHONE},
            ],
            routes=[
                {
                    "channel": "sms",
                    "driver": "http_sms",
                    "name": "kannel",
                    "config": {"address": peer.url, "user": USER, "from": PAGER},
                    "secrets": {"password": PASSWORD, "reply_secret": SECRET},
                }
            ],
            step_s=60,
            formats=["generic"],
        )
        assert staged["routes"] == {"kannel": 1}, "the address of Kannel's service was made up before"
        yield nightdesk, peer, staged["keys"]["generic"]


def of_page(nightdesk: Stack, words: str, what: str) -> str:
    rows = nightdesk.rows(
        f"SELECT {what} FROM paging_page p JOIN channels_delivery d ON d.subject_id = p.id::text "
        "WHERE p.title LIKE %s AND d.channel = 'sms' ORDER BY d.created_at LIMIT 1",
        f"%{words}%",
    )
    return str(rows[0][0]) if rows else ""


def alarm(nightdesk: Stack, key: str, words: str) -> None:
    status, answer = nightdesk.post(f"/hooks/generic/{key}", {"summary": words, "severity": "critical"})
    assert status // 100 == 2, answer


def test_a_page_arrives_is_known_to_have_arrived_and_is_taken_by_reply(running: tuple[Stack, Kannel, str]) -> None:
    nightdesk, peer, key = running
    alarm(nightdesk, key, "sw2 at Dock Street does not answer")
    text = peer.texts.one(lambda text: "Dock Street" in text.body, 10)
    assert (text.sender, text.to) == (PAGER, BO_PHONE)
    until(lambda: of_page(nightdesk, "Dock Street", "d.state") == "delivered", 10, f"the receipt is in; {peer.words()}")
    peer.reply(BO_PHONE, PAGER, "ok")
    until(lambda: of_page(nightdesk, "Dock Street", "p.state") == "acknowledged", 10, "Bo took it by text")
    said = peer.texts.one(lambda text: "You have it" in text.body, 10)
    assert said.to == BO_PHONE
    kept = nightdesk.rows("SELECT convert_from(raw, 'UTF8') FROM channels_inbound")
    assert not [raw for (raw,) in kept if "Kannel knows" in raw or "Kannel+knows" in raw]


def test_signs_that_gsm_lacks_arrive_whole(running: tuple[Stack, Kannel, str]) -> None:
    nightdesk, peer, key = running
    alarm(nightdesk, key, "Größe 日本 ist weg")
    until(lambda: [text for text in peer.texts.all() if "日本" in text.body], 10, "the text is UCS-2")
    until(lambda: of_page(nightdesk, "日本", "d.state") == "delivered", 10, "the receipt is in")
    nightdesk.rows("SELECT 1")
    peer.reply(BO_PHONE, PAGER, "ok")
    until(lambda: of_page(nightdesk, "日本", "p.state") == "acknowledged", 10, "Bo took it by text")
