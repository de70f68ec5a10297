"""What a virus scanner says of a file: ClamAV's clamd by its INSTREAM command, or a hook of one's own over HTTP.

The setting NIGHTDESK_SCANNER names it: `clamd:///run/clamav/clamd.ctl`, `clamd://10.0.0.5:3310`, or an http(s) address, to
which the bytes are posted and which answers `{"verdict": "clean"}` or `{"verdict": "refused", "found": "Eicar"}`.
"""

import json
import socket
import struct
import urllib.request
from urllib.error import URLError
from urllib.parse import urlsplit

PATIENCE_S = 30.0
"""Within this the worker's lease must not end; a scanner that takes longer is asked again."""
CHUNK = 64 * 1024


class ScannerAway(Exception):
    """The scanner said nothing that counts; the file stays unscanned, and is scanned later."""


def scan(content: bytes, scanner: str) -> str:
    """What was found in the bytes; "" for nothing. Raises ScannerAway."""
    try:
        found = _ask_clamd(content, scanner) if scanner.startswith("clamd:") else _ask_hook(content, scanner)
    except (OSError, URLError, ValueError) as error:
        raise ScannerAway(f"{type(error).__name__}: {error}"[:300]) from error
    return found[:200]


def _ask_clamd(content: bytes, scanner: str) -> str:
    """Source: clamd(8), INSTREAM: chunks with their length as four octets in network order, ended by one of none."""
    place = urlsplit(scanner)
    if place.hostname:
        line = socket.create_connection((place.hostname, place.port or 3310), timeout=PATIENCE_S)
    else:
        line = socket.socket(socket.AF_UNIX)
    with line:
        line.settimeout(PATIENCE_S)
        if not place.hostname:
            line.connect(place.path)
        line.sendall(b"zINSTREAM\0")
        try:
            for start in range(0, len(content), CHUNK):
                part = content[start : start + CHUNK]
                line.sendall(struct.pack("!L", len(part)) + part)
            line.sendall(struct.pack("!L", 0))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough, and says why
        said = b""
        while not said.endswith(b"\0") and (more := line.recv(4096)) and len(said) < 65536:
            said += more
    answer = said.rstrip(b"\0\n").decode(errors="replace")
    if answer == "stream: OK":
        return ""
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        return answer.removeprefix("stream: ").removesuffix(" FOUND")
    if "size limit exceeded" in answer:
        return "larger than the scanner takes"
    raise ValueError(f"clamd said {answer[:200]!r}")


def _ask_hook(content: bytes, scanner: str) -> str:
    request = urllib.request.Request(  # noqa: S310 - the operator's own address, http or https
        scanner, data=content, headers={"Content-Type": "application/octet-stream"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
        told = json.loads(answer.read(65536))
    verdict = told.get("verdict") if isinstance(told, dict) else None
    if verdict == "clean":
        return ""
    if verdict == "refused":
        return str(told.get("found") or "something")
    raise ValueError("the hook gave no verdict")
