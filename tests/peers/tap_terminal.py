"""A paging terminal that speaks TAP 1.8 over TCP, written from the paper and not from our driver.

Its checksum is computed in another way than ours (as binary digits), and both are held against the published vector.
"""

import socketserver
import threading
from dataclasses import dataclass
from typing import Self

from tests.peers.record import Record

ENDS = {0x03: "ETX", 0x17: "ETB", 0x1F: "US"}


@dataclass(frozen=True)
class TapPage:
    """One transaction that the terminal took, and how many blocks it came in."""

    fields: tuple[str, ...]
    blocks: int
    password: str


def checksum_of(block: bytes) -> bytes:
    """The three characters of a block's sum, from the binary digits of its low twelve bits."""
    digits = format(sum(byte & 0b0111_1111 for byte in block) % 4096, "012b")
    return bytes(int("0011" + digits[at : at + 4], 2) for at in (0, 4, 8))


def unescaped(text: bytes) -> bytes:
    out, escape = bytearray(), False
    for byte in text:
        if escape:
            out.append(byte - 0x40)
        elif byte != 0x1A:
            out.append(byte)
        escape = byte == 0x1A and not escape
    return bytes(out)


def read_blocks(blocks: list[bytes]) -> list[str]:
    """The fields of a transaction in its blocks, as a terminal puts them together. AssertionError for a block that is none."""
    fields, begun = [], b""
    for number, block in enumerate(blocks):
        assert len(block) <= 256, len(block)
        assert block[0] == 0x02
        assert block.endswith(b"\r")
        framed, given = block[:-4], block[-4:-1]
        assert checksum_of(framed) == given, (checksum_of(framed), given)
        end, text = ENDS[framed[-1]], framed[1:-1]
        assert (end == "ETX") == (number == len(blocks) - 1), "ETX ends the last block and no other"
        whole, parting, rest = text.rpartition(b"\r")
        if parting:
            first, *others = whole.split(b"\r")
            fields += [begun + first, *others]
            begun = b""
        begun += rest
        assert bool(begun) == (end == "US"), "only US stands inside a field"
    return [unescaped(field).decode("ascii") for field in fields]


class TapTerminal:
    """Use it as a context manager. `parity` "even": seven bits with even parity, anything else is cut off.

    `answers` are what the next blocks get instead of an ACK: b"\\x15" (NAK), b"512 busy\\r\\x1e" and so on; `late` is said after
    the end of the call, before the good-bye; `prompt_after` is how many CR it takes to wake it.
    """

    host = "127.0.0.1"

    def __init__(
        self, *, password: str = "", parity: str = "", prompt_after: int = 1, code: bytes = b"211 Page accepted\r"
    ) -> None:
        self.pages: Record[TapPage] = Record()
        self.blocks: Record[bytes] = Record()
        self.password, self.parity, self.prompt_after, self.code = password, parity, prompt_after, code
        self.answers: list[bytes] = []
        self.log_ins: list[bytes] = []
        self.late = b""
        self.says_good_bye = True
        self.hangs = 0
        self.stopping = threading.Event()
        terminal = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _Call(terminal, self).run()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server((self.host, 0), Handler)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Call:
    def __init__(self, terminal: TapTerminal, handler: socketserver.StreamRequestHandler) -> None:
        self._terminal, self._in, self._out = terminal, handler.rfile, handler.wfile
        self._password = ""

    def run(self) -> None:
        terminal = self._terminal
        if terminal.hangs:
            terminal.hangs -= 1
            terminal.stopping.wait(20)
            return
        try:
            for _ in range(terminal.prompt_after):
                while self._byte() != 0x0D:
                    pass
            self._say(b"\r\nID=")
            if self._log_in():
                self._transactions()
        except (OSError, EOFError):
            return

    def _byte(self) -> int:
        byte = self._in.read(1)
        if not byte:
            raise EOFError
        if self._terminal.parity == "even":
            assert byte[0].bit_count() % 2 == 0, f"parity of {byte!r}"
        return byte[0] & 0x7F

    def _line(self) -> bytes:
        line = bytearray()
        while (byte := self._byte()) != 0x0D:
            line.append(byte)
        return bytes(line)

    def _say(self, text: bytes) -> None:
        if self._terminal.parity == "even":
            text = bytes(byte | (0x80 if byte.bit_count() % 2 else 0) for byte in text)
        self._out.write(text)

    def _log_in(self) -> bool:
        while True:
            said = self._line()
            if not said:
                continue  # another CR that was under way
            if self._terminal.log_ins:
                self._say(self._terminal.log_ins.pop(0))
                continue
            if said[:4] != b"\x1bPG1":
                self._say(b"\r508 PG1 expected\r\x15\r")
            elif said[4:].decode() != self._terminal.password:
                self._say(b"\r507 Password\r\x1b\x04\r")
                return False
            else:
                self._password = said[4:].decode()
                self._say(b"\r110 1.8\r\x06\r\x1b[p\r")
                return True

    def _transactions(self) -> None:
        taken: list[bytes] = []
        while True:
            first = self._byte()
            if first == 0x04:
                self._line()
                self._say(self._terminal.late)
                if self._terminal.says_good_bye:
                    self._say(b"115 Good-bye\r\x1b\x04\r")
                return
            assert first == 0x02, first
            block = bytearray([first])
            while block[-1] not in ENDS:
                block.append(self._byte())
            block += self._line() + b"\r"
            self._terminal.blocks.add(bytes(block))
            if self._terminal.answers and (answer := self._terminal.answers.pop(0)):
                self._say(answer + b"\r")
                continue
            taken.append(bytes(block))
            if ENDS[block[-5]] == "ETX":
                self._terminal.pages.add(TapPage(tuple(read_blocks(taken)), len(taken), self._password))
                taken = []
            self._say(self._terminal.code + b"\x06\r")
