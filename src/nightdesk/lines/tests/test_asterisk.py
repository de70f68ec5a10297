"""The driver for Asterisk without one: what it asks for exists in ARI, names lead back, sound is measured, words have files."""

import asyncio
import re
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.lines import exchange, sound, speech
from nightdesk.lines.asterisk import client, dialplan, fallen, known
from nightdesk.lines.asterisk import exchange as driver
from nightdesk.lines.exchange import Words
from tests.phone.rest_api import events, operations
from tests.requires import requires

ASKED = re.compile(
    r'ask\(\s*"(GET|POST|DELETE)"(?: if [^,]+ else "(GET|POST|DELETE)")?,\s*f?"([^"]+)"(.*?)\)', re.DOTALL
)
EVENTS = re.compile(r'case ((?:"\w+"(?: \| )?)+)')


def asked_for() -> list[tuple[str, str, set[str]]]:
    """(method, path as ARI writes it, names of parameters) of every request that the driver makes."""
    found = []
    for module in (driver, fallen):
        text = Path(module.__file__ or "").read_text()
        for match in ASKED.finditer(text):
            path = re.sub(r"\{[^}]+\}|PJSIP", "{}", match[3])
            names = set(re.findall(r"(\w+)=", match[4])) - {"safe"}
            found += [(method, f"/{path}", names) for method in (match[1], match[2]) if method]
    return found


@requires("asterisk")
@pytest.mark.parametrize(
    ("method", "path", "names"),
    asked_for(),
    ids=lambda given: " ".join(sorted(given))[:60] if isinstance(given, set) else given,
)
def test_every_request_is_one_that_asterisk_describes(method: str, path: str, names: set[str]) -> None:
    known_here = operations()
    assert (method, path) in known_here
    assert names <= known_here[method, path]


@requires("asterisk")
def test_every_event_that_is_acted_on_is_one_that_asterisk_describes() -> None:
    text = Path(driver.__file__ or "").read_text().split("def _take(self", 1)[1].split("def _entered", 1)[0]
    named = {name for match in EVENTS.finditer(text) for name in re.findall(r'"(\w+)"', match[1])}
    assert len(named) >= 9
    assert named <= events()
    assert {"RESTRequest", "RESTResponse", "ApplicationReplaced"} <= events()


@given(st.sampled_from(["caller", "e1", "e12", "l1", "out", "b1", "d2"]), st.sampled_from(["m1", "message-2", "a_b"]))
def test_whatever_is_named_after_a_call_leads_back_to_it(leg: str, name: str) -> None:
    call = known.Call(uuid4())
    assert known.read_channel(call.channel_of(leg)) == (call.id, leg)
    assert known.read_recording(call.recording_of(leg, name)) == (call.id, leg, name)
    assert known.read_channel(call.recording_of(leg, name)) is None


SOME_ID = "870fbd50-e70f-4661-b0a3-67a9c7685611"


@pytest.mark.parametrize(
    "foreign", ["", "nightdesk-1795.3", "PJSIP/eng1-0001", SOME_ID, f"{SOME_ID}.", f"x{SOME_ID}.e1"]
)
def test_what_is_not_ours_is_nobody_s(foreign: str) -> None:
    assert known.read_channel(foreign) is None


@pytest.mark.parametrize(
    ("leg", "cause", "why"),
    [
        ({"rang": True}, 17, "busy"),
        ({"rang": True}, 21, "busy"),
        ({"rang": True}, 19, "no_answer"),
        ({"rang": True}, 16, "no_answer"),
        ({}, 16, "unreachable"),
        ({}, 20, "unreachable"),
        ({}, 34, "unreachable"),
        ({"rang": True}, 34, "failed"),
        ({"up": True}, 16, "hung_up"),
        ({"up": True, "ours": True}, 16, "ordered"),
    ],
)
def test_why_a_leg_has_gone(leg: dict[str, bool], cause: int, why: exchange.Why) -> None:
    assert known.Leg("e1", "channel", **leg).why_gone(cause) == why  # type: ignore[arg-type]


def test_who_rings_off_unanswered_has_rung_off() -> None:
    assert known.Leg(exchange.CALLER, "channel").why_gone(127) == "hung_up"


def test_playbacks_of_a_leg_have_names_that_are_known_before() -> None:
    leg = known.Leg("e1", "c.e1")
    assert {leg.next_playback() for _ in range(10)} == set(leg.possible_playbacks())


@given(st.floats(0.1, 3), st.floats(0, 2))
def test_sound_is_told_from_silence(loud_s: float, silent_s: float) -> None:
    samples = [0] * round(silent_s * sound.RATE) + [8000, -8000] * round(loud_s * sound.RATE / 2)
    length = sound.measure(sound.as_wav(samples))
    assert length.seconds == pytest.approx(loud_s + silent_s, abs=0.01)
    assert length.sound_s == pytest.approx(loud_s, abs=0.05)


@pytest.mark.parametrize("content", [b"", b"-", b"RIFF1234WAVE", sound.as_wav([0] * 100)[:30]])
def test_what_is_no_sound_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(sound.NoSound):
        sound.measure(content)


def test_a_recording_whose_writer_was_killed_is_as_long_as_what_there_is() -> None:
    """Asterisk writes the lengths into the head when it closes the file."""
    whole = sound.as_wav([8000, -8000] * 4000)
    torn = whole[:4] + (36).to_bytes(4, "little") + whole[8:40] + bytes(4) + whole[44:]
    assert sound.measure(torn).seconds == 0
    assert sound.mended(torn) == whole
    for as_it_is in (whole, b"", b"RIFF", sound.as_wav([]), b"x" * 60):
        assert sound.mended(as_it_is) == as_it_is


def test_tones_are_as_long_as_wanted() -> None:
    assert sound.measure(sound.tones(sound.RINGING, 12.5)).seconds == 12.5


LINES = [
    dialplan.LinePlan("Main; ring", ["+442079460000", "+442079460009"], ["al-desk", "bo-desk"]),
    dialplan.LinePlan("Other", ["+442079460100"], []),
]


def test_a_dialplan_hands_over_every_number_and_rings_each_line_s_people_without_us() -> None:
    made = dialplan.extensions(LINES, dialplan.Setting(recordings="/spool", prompt="/say/sorry"))
    assert "Stasis(nightdesk,in,${EXTEN},${CALLERID(num-pres)})" in made
    assert "exten => +442079460009,1,Set(NIGHTDESK_RING=PJSIP/al-desk&PJSIP/bo-desk)  ; Main, ring" in made
    assert "exten => +442079460100,1,Set(NIGHTDESK_RING=)  ; Other" in made
    assert "exten => _[+0-9]!,1,Set(NIGHTDESK_RING=PJSIP/al-desk&PJSIP/bo-desk)" in made
    assert 'GotoIf($["${STASISSTATUS}" = "FAILED"]?nightdesk-fallback,${EXTEN},1)' in made
    assert "Playback(/say/sorry)" in made
    assert f"TIMEOUT(absolute)={dialplan.LONGEST_S}" in made


def test_what_the_fall_back_records_is_named_as_we_look_for_it() -> None:
    named = "nightdesk-fallback-1795691511-+442079460000-+447700900123-nightdesk-1795691511.2"
    found = fallen._NAME.fullmatch(named)
    assert found is not None
    assert (found["called"], found["number"], found["at"]) == ("+442079460000", "+447700900123", "1795691511")
    withheld = fallen._NAME.fullmatch("nightdesk-fallback-1795691511-s--nightdesk-1795691511.2")
    assert withheld is not None
    assert withheld["number"] == ""


def test_what_asterisk_asks_for_beside_is_complete() -> None:
    assert "[al-desk]" in dialplan.pjsip(["al-desk"])
    assert "websocket_write_timeout" in dialplan.ari("nightdesk")


@requires("espeak-ng", "sox")
def test_words_are_spoken_once_and_kept(tmp_path: Path) -> None:
    async def speak() -> None:
        made = speech.Speech(tmp_path)
        words = Words("Good evening.", "en-GB")
        assert not await made.is_made(words)
        first, again = await asyncio.gather(made.file_of(words), made.file_of(words))
        assert first == again
        assert await made.is_made(words)
        assert sound.measure(first.read_bytes()).sound_s > 0.4
        assert await made.file_of(Words("Guten Abend.", "de-DE")) != first
        assert await made.file_of(Words("Bonsoir.", "xx-XX")) != await made.trouble(), (
            "a voice that nobody has: the usual one"
        )

    asyncio.run(speak())


def test_without_the_programs_callers_hear_the_tones_of_trouble_and_not_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def speak() -> None:
        made = speech.Speech(tmp_path / "speech")
        assert speech.missing_programs() == ["espeak-ng", "sox"]
        file = await made.file_of(Words("Good evening."))
        assert file == await made.trouble()
        assert sound.measure(file.read_bytes()).sound_s > 0.5
        assert not await made.is_made(Words("Good evening.")), "it is tried again once they are there"

    asyncio.run(speak())


def test_without_a_connection_nothing_is_asked() -> None:
    async def ask() -> None:
        with pytest.raises(client.Away):
            await client.Ari("http://127.0.0.1:1", "nobody", "secret").ask("GET", "channels")

    asyncio.run(ask())
