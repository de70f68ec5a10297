"""A paging network that speaks SNPP (RFC 1861) at all three levels, and pagers that their owners read and answer.

Proved against Perl's Net::SNPP in test_snpp_network.py. The test says what an owner does: `reach`, `read`, `press`, `type_`.
"""

import itertools
import re
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from typing import Self

from tests.peers.record import Record

STAMP = "261103040500+00"
PAGER_ID = re.compile(r"[0-9A-Za-z._-]{4,}")


@dataclass
class Page:
    """One message that the network took. `choices` are the pager's buttons: code -> words."""

    pager: str
    text: str
    tag: str = ""
    passcode: str = ""
    two_way: bool = False
    by_data: bool = False
    options: dict[str, str] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    state: str = "queued"
    reply: str = ""
    killed: bool = False


class SnppNetwork:
    """Use it as a context manager; `host` and `port` say where it listens.

    `two_way` False: level 3 is not known (500). `one_way_pagers`: those that cannot answer. `user` and `password`: LOGI has
    to come first. `data` False: DATA is not known. `script(...)` meets the next sessions with trouble.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        two_way: bool = True,
        data: bool = True,
        user: str = "",
        password: str = "",
        one_way_pagers: tuple[str, ...] = (),
        unknown_pagers: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.pages: Record[Page] = Record()
        self.asked: Record[str] = Record()
        """Every line that came in, passwords left out."""
        self.two_way, self.data, self.user, self.password = two_way, data, user, password
        self.one_way_pagers, self.unknown_pagers = one_way_pagers, unknown_pagers
        self.tls = tls
        self.stopping = threading.Event()
        self._scripts: list[str] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        network = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _Session(network, self).run()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server((self.host, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def script(self, trouble: str) -> None:
        """Meet the next session with trouble: "closed" (421 for a greeting), "hang", "drop" (hangs up in the middle of it),
        or "COMMAND answer", such as "PAGE 550 Unknown", once for that command.
        """
        with self._lock:
            self._scripts.append(trouble)

    def next_script(self) -> str:
        with self._lock:
            return self._scripts.pop(0) if self._scripts else ""

    def keep(self, page: Page) -> None:
        if page.two_way:
            number = next(self._numbers)
            page.tag, page.passcode = f"{1000 + number}", f"{777000 + number}"
        self.pages.add(page)

    def find(self, tag: str, passcode: str) -> Page | None:
        return next((one for one in self.pages.all() if one.tag and (one.tag, one.passcode) == (tag, passcode)), None)

    # What the owner of a pager does

    def reach(self, page: Page) -> None:
        """The pager has rung."""
        page.state = "delivered"

    def read(self, page: Page) -> None:
        page.state = "read"

    def press(self, page: Page, code: str) -> None:
        """A button of the pager: one of the page's own choices."""
        assert code in page.choices, page.choices
        page.state, page.reply = "pressed", code

    def type_(self, page: Page, text: str) -> None:
        page.state, page.reply = "typed", text

    def expire(self, page: Page) -> None:
        page.state = "expired"

    def status(self, page: Page) -> str:
        """What MSTA answers."""
        at = f"{page.tag} {STAMP}"
        match page.state:
            case "queued":
                return f"960 {at} Queued for delivery"
            case "delivered" if page.options.get("ACKR") == "1":
                return f"860 {at} Delivered, awaiting read ack"
            case "delivered":
                return f"861 {at} Delivered, awaiting reply" if page.choices else f"880 {at} Delivered"
            case "read":
                return f"870 {at} Read, awaiting reply" if page.choices else f"881 {at} Delivered and read"
            case "pressed":
                return f"888 {at} {page.reply}"
            case "typed":
                return f"889 {at} {page.reply}"
        return f"780 {at} Message expired before delivery"


class _Session:
    def __init__(self, network: SnppNetwork, handler: socketserver.StreamRequestHandler) -> None:
        self._network, self._handler = network, handler
        self._fresh()
        self._logged_in = not network.user
        self._mishap = ""

    def _fresh(self) -> None:
        self._pagers: list[str] = []
        self._page = Page("", "")

    def run(self) -> None:
        self._mishap = self._network.next_script()
        try:
            if self._mishap == "closed":
                self._say("421 Gateway service unavailable")
                return
            self._say("220-Quayside paging\r\n220 SNPP gateway ready")
            while line := self._handler.rfile.readline(4096):
                if not self._take(line.decode("ascii").rstrip("\r\n")):
                    return
        except OSError:
            return

    def _say(self, text: str) -> None:
        self._handler.wfile.write(text.encode("ascii") + b"\r\n")

    def _take(self, line: str) -> bool:
        word, _blank, rest = line.partition(" ")
        verb = word[:4].upper()
        self._network.asked.add(f"LOGI {rest.split()[0]}" if verb == "LOGI" else f"{verb} {rest}".strip())
        if self._mishap == "hang":
            self._network.stopping.wait(20)
            return False
        if self._mishap == "drop" and verb in ("MESS", "DATA"):
            return False
        if self._mishap.startswith(f"{verb} "):
            answer, self._mishap = self._mishap[5:], ""
            self._say(answer)
            return not answer.startswith("421")
        if verb == "QUIT":
            self._say("221 OK, goodbye")
            return False
        self._say(self._answer(verb, rest))
        return True

    def _answer(self, verb: str, rest: str) -> str:
        if verb == "LOGI":
            self._logged_in = rest.split() == [self._network.user, self._network.password]
            return "250 Login accepted" if self._logged_in else "550 Invalid LoginID or password"
        if not self._logged_in:
            return "530 Please log in first"
        if verb in ("2WAY", "EXPT", "ACKR", "RTYP", "MCRE", "MSTA", "KTAG"):
            return self._level_three(verb, rest) if self._network.two_way else "500 Command not implemented"
        match verb:
            case "PAGE":
                return self._pager(rest)
            case "MESS":
                return self._text(rest, by_data=False)
            case "DATA" if self._network.data:
                self._say("354 Begin input; end with <CRLF>'.'<CRLF>")
                return self._text(self._lines(), by_data=True)
            case "LEVE" | "ALER" | "SUBJ" | "CALL":
                self._page.options[verb] = rest
                return f"250 {verb} accepted"
            case "RESE":
                self._fresh()
                return "250 RESET OK"
            case "SEND":
                return self._send()
            case "HELP":
                return "214 Level 1 commands:\r\n214     PAGEr\r\n250 End of help"
        return "500 Command not implemented"

    def _lines(self) -> str:
        lines = []
        while (line := self._handler.rfile.readline(4096).decode("ascii").rstrip("\r\n")) != ".":
            lines.append(line[1:] if line.startswith(".") else line)
        return "\n".join(lines)

    def _pager(self, rest: str) -> str:
        if not PAGER_ID.fullmatch(rest) or rest in self._network.unknown_pagers:
            return "550 Error, invalid pager ID"
        if self._page.two_way and rest in self._network.one_way_pagers:
            return "550 Pager not 2WAY capable"
        self._pagers.append(rest)
        return "850 Unit online; transaction accepted" if self._page.two_way else "250 Pager ID accepted"

    def _text(self, text: str, *, by_data: bool) -> str:
        if self._page.text:
            return "503 ERROR, message already entered"
        if not text:
            return "550 ERROR, invalid message"
        self._page.text, self._page.by_data = text, by_data
        return "250 Message OK"

    def _send(self) -> str:
        if not self._pagers or not self._page.text:
            return "503 Error, pager ID or message incomplete"
        page, pagers = self._page, self._pagers
        for pager in pagers:
            page.pager = pager
            self._network.keep(page)
        self._fresh()
        return f"960 {page.tag} {page.passcode} OK, message QUEUED for delivery" if page.two_way else "250 Message sent"

    def _level_three(self, verb: str, rest: str) -> str:
        if verb == "2WAY":
            if self._pagers or self._page.text:
                return "550 Standard transaction already underway, use RESEt"
            self._page.two_way = True
            return "250 OK, beginning 2-Way transaction"
        if verb in ("MSTA", "KTAG"):
            tag, _blank, passcode = rest.partition(" ")
            page = self._network.find(tag, passcode)
            if page is None:
                return "550 Unknown or illegal Message_Tag or Pass_Code"
            if verb == "MSTA":
                return self._network.status(page)
            page.killed = True
            return "250 OK, message tag purged"
        if not self._page.two_way:
            return "503 Begin with 2WAY"
        if verb == "MCRE":
            code, _blank, words = rest.partition(" ")
            if not re.fullmatch(r"\w\w", code) or not 0 < len(words) < 16:
                return "554 Error, failed"
            if code in self._page.choices:
                return "502 Error! Would duplicate previously entered MCResponse"
            self._page.choices[code] = words
            return "250 Response added to transaction"
        self._page.options[verb] = rest
        return f"250 {verb} accepted"
