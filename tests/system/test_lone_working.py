"""A site visit with the whole program running: texts by an SMSC that others wrote, calls by a switch to a telephone that rings.

Al goes alone, and Bo, who has the seat, watches. The voice provider is `tests.peers.twiml_peer` on an Asterisk of its own.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.peers.smpp_provider import SmppProvider
from tests.peers.twiml_peer import Number, TwimlPeer
from tests.phone.asterisk import Asterisk, new_folder
from tests.phone.switch import DIALPLAN, AsteriskSwitch
from tests.phone.telephone import Telephone
from tests.requires import requires
from tests.system.night import AL, AL_PHONE, BO, BO_PHONE, PAGER
from tests.system.stack import Stack, stack, until

pytestmark = requires("smpp", "asterisk", "baresip", "espeak-ng", "sox")
SITE = {
    "name": "Mill Lane",
    "address": "1 Mill Lane, Leeds",
    "security_name": "Gatehouse",
    "security_number": "020 7946 0123",
}
AL_RINGS = AL_PHONE.removeprefix("+")
SOON_S = 45


class Yard:
    """What stands around the visit: `texts` carries texts, `voice` calls, `telephone` is Al's."""

    def __init__(self, running: Stack, texts: SmppProvider, voice: TwimlPeer, telephone: Telephone) -> None:
        self.stack, self.texts, self.voice, self.telephone = running, texts, voice, telephone

    def texted(self, phone: str, words: str, count: int = 1) -> None:
        """Wait until so many texts with the words went there."""
        until(
            lambda: self._parts(phone, words) >= count, SOON_S, f"{phone} is texted {words!r}: {self.texts.submits()}"
        )

    def _parts(self, phone: str, words: str) -> int:
        sent = [one for one in self.texts.submits() if str(one.get("to", "")).lstrip("+") == phone.lstrip("+")]
        return sum(words in (one.get("text") or bytes.fromhex(one["hex"]).decode("latin-1")) for one in sent)

    def visit(self) -> dict[str, Any]:
        names = ("state", "asked_at", "rang_at", "watcher_at", "taken_by", "sign")
        (row,) = self.stack.rows(f"SELECT {', '.join(names)} FROM safety_visit")
        return dict(zip(names, row, strict=True))

    def goes_by(self, minutes: float) -> None:
        self.stack.jump(timedelta(minutes=minutes))


@pytest.fixture
def yard() -> Iterator[Yard]:
    folder = new_folder()
    asterisk = Asterisk(folder, DIALPLAN, {AL_RINGS: AL_PHONE})
    telephone = Telephone(folder / "al", asterisk.sip, AL_RINGS)
    try:
        asterisk.start()
        switch = AsteriskSwitch(asterisk, {AL_PHONE: f"PJSIP/{AL_RINGS}"})
        with SmppProvider() as texts, TwimlPeer(switch) as voice, stack() as running:
            voice.numbers = {PAGER: Number("")}
            account = {"account_sid": voice.account_sid, "from": PAGER, "base_url": voice.url, "ring_s": 6}
            calls = {"channel": "voice", "driver": "twilio_voice", "name": "telephone", "config": account}
            running.stage(
                people=[
                    {"name": "Bo Lindqvist", "email": BO, "phone": BO_PHONE},
                    {"name": "Al Moreau", "email": AL, "phone": AL_PHONE},
                ],
                routes=[
                    {"channel": "sms", "driver": "smpp", "name": "texts", "config": texts.route_settings},
                    calls | {"secrets": {"auth_token": voice.auth_token}},
                ],
                sites=[SITE],
                step_s=600,
                formats=[],
            )
            texts.seen("bind")
            telephone.start()
            yield Yard(running, texts, voice, telephone)
            assert voice.problems == []
    finally:
        telephone.stop()
        asterisk.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_silence_is_texted_rung_and_told_to_the_watcher_and_a_text_and_a_key_end_it(yard: Yard) -> None:
    said = yard.stack.cli(
        "visit", "go", "Mill Lane", "--who", "Al Moreau", "--watcher", "Bo Lindqvist", "--why", "Swap a card",
        "--travel", "60", "--work", "60", "--json",
    )  # fmt: skip
    (visit,) = json.loads(said)
    yard.goes_by(30)
    yard.texted(AL_PHONE, "Site visit Mill Lane: are you well?")
    yard.goes_by(10)
    yard.telephone.wait("CALL_INCOMING", seconds=SOON_S)
    assert yard.visit()["watcher_at"] is None, "the grace is theirs"
    yard.telephone.wait("CALL_CLOSED", seconds=SOON_S)  # nobody picks up

    yard.goes_by(5)
    yard.texted(BO_PHONE, "Nothing is heard of Al Moreau on a site visit")
    yard.texted(BO_PHONE, "Ring first: Gatehouse 020 7946 0123")
    (code,) = yard.stack.rows("SELECT code FROM paging_page WHERE state = 'triggered'")[0]
    yard.texts.say(BO_PHONE, f"ok {code}")
    until(lambda: yard.visit()["taken_by"] == "Bo Lindqvist", SOON_S, f"Bo has it: {yard.visit()}")
    yard.texts.say(AL_PHONE, "ok")
    until(lambda: yard.visit()["watcher_at"] is None, SOON_S, f"Al is well: {yard.visit()}")
    assert yard.visit()["sign"] == "check_in"
    yard.texted(BO_PHONE, "Al Moreau is safe")
    pages = "SELECT state FROM paging_page"
    until(lambda: yard.stack.rows(pages) == [("resolved",)], SOON_S, "the alarm is over")

    rang = len(yard.telephone.saw("CALL_INCOMING"))
    yard.goes_by(30)
    yard.texted(AL_PHONE, "Site visit Mill Lane: are you well?", 2)
    yard.goes_by(10)
    yard.telephone.wait("CALL_INCOMING", rang + 1, seconds=SOON_S)
    yard.telephone.accept()
    yard.telephone.wait("CALL_ESTABLISHED", seconds=SOON_S)
    until(lambda: any("Press 1 for: I am well" in text for text in heard(yard)), SOON_S, "the keys are said")
    yard.telephone.press("1")
    until(lambda: yard.visit()["rang_at"] is None, SOON_S, f"key 1 is a sign of life: {yard.visit()}")
    until(lambda: any(text.startswith("Thank you.") for text in heard(yard)), SOON_S, "they are thanked")

    yard.texts.say(AL_PHONE, "done")
    until(lambda: yard.visit()["state"] == "ended", SOON_S, f"the visit is over: {yard.visit()}")
    yard.goes_by(120)
    yard.texted(AL_PHONE, "The visit is closed")
    assert yard.stack.rows(pages) == [("resolved",)], "nobody else is woken"
    told = yard.stack.cli("visit", "show", visit["id"])
    steps = ["asked", "rang", "watcher_told", "taken", "check_in", "asked", "rang", "check_in", "ended"]
    kinds = [kind for (kind,) in yard.stack.rows("SELECT kind FROM safety_visitevent ORDER BY at, id")]
    assert [kind for kind in kinds if kind in steps] == steps, told


def heard(yard: Yard) -> list[str]:
    """All that was spoken to Al's telephone."""
    return [text for call in yard.voice.calls_to(AL_PHONE) for text in call.heard]
