"""Debian's Kannel as a peer: bearerbox and smsbox on free ports, with handsets behind its `fake` SMSC, or bound to another.

A handset is a line on the connection that the fake SMSC makes: `from to text words`. Kannel confirms by itself what the
fake SMSC took, so a text that arrived has its receipt.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tests.peers import smpp_provider
from tests.peers.record import Record
from tests.peers.smpp_provider import SmppProvider
from tests.system.stack import free_port, until
from tools.system_parts import find_part

USER, PASSWORD = "nightdesk", "kannel pass"

_CONFIG = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = x
smsbox-port = {inside}
smsbox-interface = 127.0.0.1
log-file = "{folder}/bearerbox.log"
log-level = 0
box-allow-ip = "127.0.0.1"
dlr-storage = internal

{behind}
group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {inside}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
sendsms-chars = "0123456789 +-"
log-file = "{folder}/smsbox.log"
log-level = 0
mo-recode = true

group = sendsms-user
username = {user}
password = {password}
max-messages = 6
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{replies}&from=%q&to=%Q&text=%b&charset=%C&id=%I"
"""

_FAKE = """group = smsc
smsc = fake
smsc-id = fake
port = {smsc}
connect-allow-ip = "127.0.0.1"
"""
_SMPP = """group = smsc
smsc = smpp
smsc-id = smpp
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = {user}
smsc-password = {password}
system-type = ""
"""

_HEAD = re.compile(r"^\+?\d+ \+?\d+ (?:text|udh|ucs-2|data) ", re.MULTILINE)


@dataclass(frozen=True)
class Text:
    """A text that reached a handset; `received_at` in seconds since the epoch."""

    sender: str
    to: str
    body: str
    received_at: float


class Kannel:
    """A running Kannel. `url` is its sendsms; `texts` what reached the handsets."""

    def __init__(self, folder: Path, replies: str, provider: SmppProvider | None) -> None:
        self.folder = folder
        self._provider = provider
        self._ports = {name: free_port() for name in ("admin", "inside", "smsc", "sendsms")}
        self.url = f"http://127.0.0.1:{self._ports['sendsms']}/cgi-bin/sendsms"
        self.texts: Record[Text] = Record()
        self._boxes: list[subprocess.Popen[bytes]] = []
        self._line: socket.socket | None = None
        if provider is None:
            behind = _FAKE.format(smsc=self._ports["smsc"])
        else:
            behind = _SMPP.format(smsc=provider.port, user=smpp_provider.SYSTEM_ID, password=smpp_provider.PASSWORD)
        told = {"folder": folder, "replies": replies, "behind": behind, "user": USER, "password": PASSWORD}
        config = _CONFIG.format(**told, **self._ports)
        (folder / "kannel.conf").write_text(config)

    def start(self) -> None:
        """Both boxes are up and the handsets are connected."""
        self._start("bearerbox", "inside")
        if self._provider is None:
            self._line = until(lambda: self._connected("smsc"), 10, "the fake SMSC listens")
            threading.Thread(target=self._read, args=(self._line,), name="handsets", daemon=True).start()
        self._start("smsbox", "sendsms")

    def stop(self) -> None:
        if self._line is not None:
            self._line.close()
        for box in reversed(self._boxes):
            box.terminate()
            try:
                box.wait(5)
            except subprocess.TimeoutExpired:
                box.kill()
                box.wait()

    def reply(self, from_: str, to: str, body: str) -> None:
        """The handset texts back."""
        assert self._line is not None
        self._line.sendall(f"{from_} {to} text {body}\n".encode())

    def words(self) -> str:
        """The end of what both boxes logged."""
        logs = [self.folder / "bearerbox.log", self.folder / "smsbox.log"]
        return "\n".join(log.read_text(errors="replace")[-3000:] for log in logs if log.exists())

    def _start(self, name: str, port: str) -> None:
        command = find_part("kannel")
        assert command is not None
        box = subprocess.Popen(
            [str(command.parent / name), str(self.folder / "kannel.conf")],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._boxes.append(box)
        until(lambda: self._connected(port, keep=False), 10, f"{name} listens; {self.words()}")

    def _connected(self, port: str, *, keep: bool = True) -> socket.socket | bool:
        try:
            line = socket.create_connection(("127.0.0.1", self._ports[port]), timeout=2)
        except OSError:
            return False
        line.settimeout(None)
        if not keep:
            line.close()
            return True
        return line

    def _read(self, line: socket.socket) -> None:
        """The fake SMSC does not mask line ends within a text; each text comes whole, in one piece or more."""
        with contextlib.suppress(OSError):
            while told := line.recv(65_536).decode("utf-8", "replace"):
                begins = [found.start() for found in _HEAD.finditer(told)]
                for begin, end in zip(begins, [*begins[1:], len(told)], strict=True):
                    sender, to, kind, *rest = told[begin:end].removesuffix("\n").split(" ", 3)
                    self.texts.add(Text(sender, to, _body(kind, rest[0] if rest else ""), time.time()))


def _body(kind: str, rest: str) -> str:
    """What a line of the fake SMSC holds: plain text, UCS-2, or one part of a long text behind its header.

    Of a part it does not say how it is coded; UCS-2 in our alphabets has zeros, which no other coding has.
    """
    if kind == "text":
        return rest
    raw = unquote_to_bytes(rest.rpartition(" ")[2].replace("+", " "))
    return raw.decode("utf-16-be" if kind == "ucs-2" or b"\0" in raw else "utf-8", "replace")


@contextlib.contextmanager
def kannel(replies: str = "http://127.0.0.1:1/?", provider: SmppProvider | None = None) -> Iterator[Kannel]:
    """A started Kannel that calls `replies` (an address that ends in a query) with what handsets text; with a `provider`
    it is bound to that one and has no handsets of its own.
    """
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-kannel-"))
    if os.geteuid() == 0:
        folder.chmod(0o755)
    running = Kannel(folder, replies, provider)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
