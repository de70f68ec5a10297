"""A telephony provider that speaks Twilio's language, `nightdesk web` that takes its web hooks, and everybody's telephones."""

import contextlib
import subprocess
import sys
import time
import urllib.request
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.calls.models import Call
from nightdesk.people.models import Person
from tests.peers.twiml_peer import TwimlPeer
from tests.phone.asterisk import Asterisk
from tests.phone.company import Company
from tests.phone.telephone import Telephone, likeness
from tests.system.stack import ROOT, until

ACME = "+447700900103"
MOBILES = {"Al": "+447700900111", "Bo": "+447700900112", "Cy": "+447700900113"}
SAME = 0.95


def named(number: str) -> str:
    """Under which name a telephone with that number registers."""
    return number.removeprefix("+")


class WebProcess:
    """`nightdesk web`, which may be killed and started again."""

    def __init__(self, url: str, environment: dict[str, str], log: Path) -> None:
        self.url, self.log = url, log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nightdesk", "web"], env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )

    def answers(self) -> None:
        """Wait until it is ready."""
        until(lambda: answers(self.url), 60, f"nightdesk web answers (see {self.log})")

    def kill(self) -> None:
        """SIGKILL, and wait until it has gone: whoever asks is refused."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        until(lambda: not answers(self.url), 10, "nobody answers")

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)


class Story:
    """A company whose line is a provider's number, and telephones of everybody."""

    def __init__(self, company: Company, peer: TwimlPeer, carrier: Asterisk) -> None:
        self.company, self.peer, self.carrier = company, peer, carrier
        self.telephones: list[Telephone] = []
        self.old = {file.name for file in self.recordings()}

    def recordings(self) -> list[Path]:
        return list((self.carrier.folder / "spool/recording").rglob("record-*"))

    def telephone(self, number: str, **options: Any) -> Telephone:
        place = self.carrier.folder / f"phone-{len(list(self.carrier.folder.iterdir()))}"
        made = Telephone(place, self.carrier.sip, named(number), **options)
        self.telephones.append(made)
        return made.start()

    def said_to(self, number: str) -> list[str]:
        return [text for call in self.peer.calls.values() if number in (call.to, call.from_) for text in call.heard]


def answers(url: str) -> bool:
    """Whether the web process is ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def engineers(story: Story, *names: str, **line: Any) -> list[Person]:
    """Al, Bo and whoever else is named, in that order; Acme is a customer."""
    people = [story.company.engineer(name, mobile=MOBILES[name]) for name in ("Al", "Bo", *names)]
    story.company.line(people, **line)
    story.company.customer("Acme", ACME)
    return people


def takes(story: Story, call: Call, telephone: Telephone, leg: str) -> None:
    """Whoever picked up is asked for a key, and presses it."""
    story.company.asks_for_key(call, leg)
    press_until(telephone, "1", lambda: now(call).state["legs"].get(leg) == "up")


def now(call: Call) -> Call:
    return Call.objects.get(pk=call.pk)


def press_until(telephone: Telephone, key: str, so: Callable[[], bool]) -> None:
    """Press it, and again where nothing comes of it, as people do."""
    for _ in range(4):
        telephone.press(key)
        with contextlib.suppress(AssertionError):
            until(so, 8, "something comes of it")
            return
    until(so, 1, f"something comes of key {key}")


def in_talk(story: Story, count: int) -> None:
    """Wait until the provider has so many in one room."""

    def so() -> bool:
        rows = [row.split() for row in story.carrier.cli("bridge show all").splitlines()[1:]]
        return sum(int(row[2]) for row in rows if len(row) > 2) == count

    until(so, 20, f"{count} hear each other: {story.carrier.cli('bridge show all')}")


def both_talk(story: Story, seconds: float) -> None:
    """Wait until two telephones have been joined for so long: a busy machine loses packets, and of ten seconds two are whole."""
    until(lambda: len(story.carrier.channels()) == 2, 15, "two are left")
    joined = time.monotonic()
    until(lambda: time.monotonic() - joined >= seconds, seconds + 5, "they talk")


def recording_since(story: Story, seconds: float) -> bool:
    """Whether somebody is being recorded for so long by now."""
    return any(file.stat().st_size > seconds * 16000 for file in story.recordings() if file.name not in story.old)


def shared(said: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    """The greatest likeness of any two seconds of what was heard with anything of what was said."""
    return max(likeness(heard[begin : begin + 16000], said) for begin in range(0, len(heard) - 16000, 8000))


def is_whole(heard: Callable[[], NDArray[np.int16]]) -> bool:
    """Whether the telephone has written down what it heard."""
    try:
        return len(heard()) > 8000
    except wave.Error:
        return False
