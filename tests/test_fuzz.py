"""No bytes from outside trip a parser up: real samples, spoilt at random. `make fuzz` tries many more, and names the worst."""

import logging
import os
from collections.abc import Iterator

import pytest

from tests import fuzz
from tests.fuzz import TARGETS, Target, TooSlow, faults_of, spoilt

CASES = int(os.environ.get("FUZZ_CASES", "40"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_spoilt_sample_is_read_or_refused_in_time_and_memory(target: Target) -> None:
    assert faults_of(target, range(CASES)) == []


def test_a_parser_that_fails_hangs_or_swallows_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "WITHIN_S", 0.2)
    monkeypatch.setattr(fuzz, "MEMORY_BYTES", 20_000_000)

    def hang(_raw: bytes) -> None:
        try:
            while True:
                pass
        except Exception:  # a parser that keeps what it can
            return

    def swell(_raw: bytes) -> int:
        return len(b"\1" * 40_000_000)

    for read, told in ((lambda raw: raw[10**9], "IndexError"), (hang, TooSlow.__name__), (swell, "MB")):
        (fault,) = faults_of(Target("x", lambda: [b"abc"], read), [7])
        assert told in fault
    assert faults_of(Target("x", lambda: [b"abc"], int, (ValueError,)), range(20)) == []


def test_a_case_is_known_by_its_number_and_most_are_no_sample() -> None:
    mail = TARGETS[0]
    assert [spoilt(mail, number) for number in range(30)] == [spoilt(mail, number) for number in range(30)]
    assert sum(spoilt(mail, number) in mail.samples() for number in range(30)) < 10


def test_an_organizer_of_one_endless_word_holds_nobody_up() -> None:
    """`make fuzz` found it: half a minute of the processor for a notice of 40 kB."""
    lines = ("BEGIN:VCALENDAR", "BEGIN:VEVENT", f"ORGANIZER:mailto{'x' * 150_000}", "END:VEVENT", "END:VCALENDAR")
    endless = "\r\n".join(lines).encode()
    calendar = next(target for target in TARGETS if target.name == "icalendar")
    assert faults_of(Target("icalendar", lambda: [endless], calendar.read), [0]) == []
