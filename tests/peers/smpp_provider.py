"""SMSCs that others have written: npm's `smpp` and Perl's Net::SMPP, each driven by lines of JSON over its own pipes."""

import itertools
import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.record import Record
from tools.system_parts import find_part

HERE = Path(__file__).parent
PAGER = "+447700900999"
SYSTEM_ID, PASSWORD = "nightdesk", "secret"


class SmppProvider:
    """A running SMSC on loopback; `events` is all that it saw, as dictionaries with "event".

    `settings` are those of tests/peers/smsc.js; the Perl one knows some of them. Use it as a context manager.
    """

    def __init__(self, kind: str = "npm", *, tls: tuple[Path, Path] | None = None, **settings: Any) -> None:
        """`tls`: the files of a key and its certificate."""
        self._kind, self._tls, self._settings = kind, tls, settings
        self.events: Record[dict[str, Any]] = Record()
        self._numbers = itertools.count(1)
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = self.events.one(lambda event: event["event"] == "listening", 15)["port"]
        if self._settings:
            self.set(**self._settings)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._reader.join(5)

    def _command(self) -> list[str]:
        if self._kind == "perl":
            return ["perl", str(HERE / "smsc.pl")]
        library = find_part("smpp")
        assert library is not None, "npm's smpp is not here"
        files = [str(file) for file in self._tls] if self._tls else []
        return ["node", str(HERE / "smsc.js"), str(library.parent), *files]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.add(json.loads(line))

    @property
    def route_settings(self) -> dict[str, Any]:
        """What a route to it is set up with."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "system_id": SYSTEM_ID,
            "password": PASSWORD,
            "source": PAGER,
        }

    def set(self, **settings: Any) -> None:
        """Change its settings; comes back when they hold."""
        self._order({"set": settings})

    def script(self, *answers: int | str) -> None:
        """How it treats the next submits: a status, "silent", "drop" or "nack"."""
        self.set(script=list(answers))

    def do(self, what: str, **more: Any) -> None:
        """An order of tests/peers/smsc.js, to every session."""
        self._order({"do": what, **more})

    def say(self, sender: str, text: str | bytes, *, to: str = PAGER, **more: Any) -> None:
        """A handset texts; `text` is latin-1 where it is no octets."""
        octets = text.encode("latin-1") if isinstance(text, str) else text
        self.do("say", **{"from": sender.removeprefix("+"), "to": to.removeprefix("+"), "hex": octets.hex(), **more})

    def _order(self, order: dict[str, Any]) -> None:
        number = next(self._numbers)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**order, "number": number}) + "\n")
        self._process.stdin.flush()
        self.events.one(lambda event: event["event"] == "done" and event.get("number") == number)

    def seen(self, what: str, count: int = 1, seconds: float = 60.0, **like: Any) -> list[dict[str, Any]]:
        """The events of that name with those values, as soon as there are `count`."""

        def fits(event: dict[str, Any]) -> bool:
            return event["event"] == what and all(event.get(name) == value for name, value in like.items())

        return self.events.wait(count, fits, seconds)

    def submits(self) -> list[dict[str, Any]]:
        """Every submit_sm up to now that was taken."""
        return self.events.all(lambda event: event["event"] == "submit" and event["status"] == 0)
