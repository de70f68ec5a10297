"""An alarm rings the telephone: nobody answers, a mailbox answers, and then key 1 takes the page."""

from collections.abc import Iterator

import pytest

from tests.peers.voice_provider import MAILBOX, NO_ANSWER, TAKES_IT, Callee, VoiceProvider
from tests.system.night import AL, AL_PHONE, BO, BO_PHONE, PAGER
from tests.system.stack import Stack, stack, until

ACCOUNT = "AC" + "3" * 32
REDIAL_S = 2


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Stack, VoiceProvider, str]]:
    with VoiceProvider(account_sid=ACCOUNT, auth_token="secret", numbers=(PAGER,)) as peer, stack() as nightdesk:
        staged = nightdesk.stage(
            people=[
                {"name": "Bo Lindqvist", "email": BO, "phone": BO_PHONE},
                {"name": "Al Moreau", "email": AL, "phone": AL_PHONE},
            ],
            loud="voice",
            routes=[
                {
                    "channel": "voice",
                    "driver": "twilio_voice",
                    "name": "telephone",
                    "config": {
                        "base_url": peer.url,
                        "account_sid": ACCOUNT,
                        "from": PAGER,
                        "redial_after_s": REDIAL_S,
                    },
                    "secrets": {"auth_token": "secret"},
                }
            ],
            step_s=120,
            formats=["generic"],
        )
        yield nightdesk, peer, staged["keys"]["generic"]
        assert peer.problems == []
        assert {status for _, status in peer.answers} == {200}


def alarm(nightdesk: Stack, key: str, words: str) -> None:
    status, answer = nightdesk.post(f"/hooks/generic/{key}", {"summary": words, "severity": "critical"})
    assert status // 100 == 2, answer


def page(nightdesk: Stack, words: str) -> str:
    rows = nightdesk.rows("SELECT state FROM paging_page WHERE title LIKE %s", f"%{words}%")
    return str(rows[0][0]) if rows else ""


def test_it_rings_until_somebody_presses_a_key(running: tuple[Stack, VoiceProvider, str]) -> None:
    nightdesk, peer, key = running
    peer.next(NO_ANSWER, MAILBOX, TAKES_IT, to=BO_PHONE)
    alarm(nightdesk, key, "core router at Mill Lane does not answer")
    first, second, third = peer.calls.wait(3, lambda call: call.to == BO_PHONE, 30)
    assert third.ended.wait(60)
    assert page(nightdesk, "Mill Lane") == "acknowledged"
    assert (first.heard, second.heard) == ([], []), "a mailbox is told nothing"
    assert "core router at Mill Lane does not answer" in third.heard[0]
    assert "You have it" in third.heard[1]
    assert second.received_at - first.received_at >= REDIAL_S
    told = nightdesk.rows(
        "SELECT a.outcome, a.reason FROM channels_attempt a JOIN channels_delivery d ON d.id = a.delivery_id "
        "WHERE d.channel = 'voice' AND a.is_receipt AND a.reason <> '' ORDER BY a.at"
    )
    assert told == [("failed", "no answer"), ("failed", "a mailbox answered"), ("delivered", "key 1")]
    assert nightdesk.rows("SELECT state FROM channels_delivery WHERE channel = 'voice'") == [("delivered",)]
    assert peer.calls_to(AL_PHONE) == []


def test_taken_by_another_way_the_ringing_stops(running: tuple[Stack, VoiceProvider, str]) -> None:
    nightdesk, peer, key = running
    before = len(peer.calls.all())
    peer.next(Callee(presses=("1",), ring_s=20), to=BO_PHONE)
    alarm(nightdesk, key, "mail queue grows on mx3")
    call = peer.calls.wait(before + 1, seconds=10)[-1]
    until(lambda: call.status == "ringing", 10, "it rings")
    until(lambda: nightdesk.rows("SELECT 1 FROM channels_delivery WHERE provider_id = %s", call.sid), 10, "it is known")
    code = str(nightdesk.rows("SELECT code FROM paging_page WHERE title LIKE %s", "%mx3%")[0][0])
    nightdesk.cli("ack", code, "--as", AL)
    assert call.cancelled.wait(60), "the provider was asked to stop it"
    assert call.ended.wait(60)
    assert call.heard == []
    assert page(nightdesk, "mx3") == "acknowledged"
