"""Where telephones ring: an Asterisk, and the process `nightdesk line` that may be killed."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.phone.asterisk import Asterisk
from tests.phone.telephone import Telephone
from tests.system.stack import ROOT, until

THERE = "Asterisk is there"
"""What it says once it is connected and knows of every call."""
STANDS_BY = "this one stands by"


class LineProcess:
    """`nightdesk line`, which may be killed and started again. Killed it says nothing to anybody."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment, self.log = environment, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It runs, and has taken over what Asterisk has."""
        before = self.came_to_asterisk
        self.stand_by()
        self.comes(before + 1)

    def stand_by(self) -> None:
        """It runs; whether it has the calls is another matter."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nightdesk", "line"], env=self.environment, cwd=ROOT, stdout=out, stderr=out
            )

    @property
    def came_to_asterisk(self) -> int:
        """How often it has been connected, and known of every call."""
        return self.log.read_text(errors="replace").count(THERE) if self.log.exists() else 0

    def comes(self, count: int) -> None:
        """Wait until it has been connected so often."""
        until(lambda: self.came_to_asterisk >= count, 60, f"nightdesk line is there (see {self.log})")

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def cli(self, *words: str) -> str:
        """What `nightdesk WORDS` prints, on the same database."""
        done = subprocess.run(
            [sys.executable, "-m", "nightdesk", *words], env=self.environment, cwd=ROOT, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    def kill(self) -> None:
        """SIGKILL, and wait until it has gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Room:
    """What a story needs. Telephones that it asks for are ended with it."""

    def __init__(self, asterisk: Asterisk, line: LineProcess) -> None:
        self.asterisk, self.line = asterisk, line
        self.telephones: list[Telephone] = []

    def telephone(self, user: str, **options: Any) -> Telephone:
        """A telephone of ours, or of a customer whom we may ring; it is registered when this comes back."""
        place = self.asterisk.folder / f"{user}-{len(list(self.asterisk.folder.iterdir()))}"
        made = Telephone(place, self.asterisk.sip, user, **options)
        self.telephones.append(made)
        return made.start()

    def caller(self, number: str, **options: Any) -> Telephone:
        """Somebody who rings us by way of the carrier."""
        return self.telephone(number, register=False, **options)

    def records(self) -> bool:
        """Whether Asterisk keeps what somebody says at this moment."""
        return any(file.stat().st_size > 44 for file in self.asterisk.spool.iterdir())

    def is_quiet(self) -> bool:
        """Whether Asterisk has no call."""
        return not self.asterisk.channels()
