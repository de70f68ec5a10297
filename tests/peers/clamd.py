"""Debian's clamd with one signature of our own, in a folder of its own; it ends with the test."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.stack import free_port, until
from tools.system_parts import find_part

VIRUS = b"NIGHTDESK-TEST-VIRUS-THAT-HARMS-NOBODY"
CALLED = "Nightdesk.Test.UNOFFICIAL"
LARGEST = 2 * 2**20


class Clamd:
    """`socket_address` and `tcp_address` are what NIGHTDESK_SCANNER takes."""

    def __init__(self) -> None:
        self.folder = Path(
            tempfile.mkdtemp(prefix="nightdesk-clamd-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        )
        self.port = free_port()
        self.socket_address = f"clamd://{self.folder}/clamd.ctl"
        self.tcp_address = f"clamd://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        signatures = self.folder / "db"
        signatures.mkdir()
        (signatures / "ours.ndb").write_text(f"Nightdesk.Test:0:*:{VIRUS.hex()}\n")
        settings = {
            "DatabaseDirectory": signatures, "LocalSocket": self.folder / "clamd.ctl", "TCPSocket": self.port,
            "TCPAddr": "127.0.0.1", "Foreground": "yes", "StreamMaxLength": LARGEST, "TemporaryDirectory": self.folder,
            "PidFile": self.folder / "clamd.pid", "LogFile": self.folder / "clamd.log",
        }  # fmt: skip
        config = self.folder / "clamd.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        program = find_part("clamd")
        assert program is not None
        self.process = subprocess.Popen(
            [program, "--config-file", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until((self.folder / "clamd.ctl").exists, 60, "clamd listens")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
