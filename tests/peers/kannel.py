"""Kannel as Debian sets it up, in a folder of its own: bearerbox bound to one SMSC, smsbox with its HTTP door."""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.peers.smpp_provider import PASSWORD, SYSTEM_ID
from tools.system_parts import find_part


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


@contextlib.contextmanager
def kannel(smsc_port: int) -> Iterator[str]:
    """The address of its sendsms; nothing is set but ports, log-ins and where the SMSC is."""
    bearerbox = find_part("kannel")
    assert bearerbox is not None, "kannel is not installed"
    admin, boxes, sendsms = _free_port(), _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="kannel-") as folder:
        config = Path(folder) / "kannel.conf"
        config.write_text(
            f"group = core\nadmin-port = {admin}\nadmin-password = bar\nsmsbox-port = {boxes}\n"
            f"box-allow-ip = 127.0.0.1\nlog-file = {folder}/bearerbox.log\nlog-level = 3\n\n"
            "group = smsc\nsmsc = smpp\nsmsc-id = npm\nhost = 127.0.0.1\n"
            f"port = {smsc_port}\ntransceiver-mode = true\nsmsc-username = {SYSTEM_ID}\nsmsc-password = {PASSWORD}\n"
            'system-type = ""\n\n'
            f"group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sendsms}\n"
            f"log-file = {folder}/smsbox.log\nlog-level = 3\n\n"
            "group = sendsms-user\nusername = t\npassword = t\nmax-messages = 3\n"
        )
        running: list[subprocess.Popen[bytes]] = []
        try:
            for command, port in ((bearerbox, boxes), (bearerbox.with_name("smsbox"), sendsms)):
                quiet = subprocess.DEVNULL
                running.append(subprocess.Popen([str(command), str(config)], cwd=folder, stdout=quiet, stderr=quiet))
                end = time.monotonic() + 20
                while not _listens(port):
                    assert time.monotonic() < end, f"{command.name} does not listen"
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{sendsms}/cgi-bin/sendsms"
        finally:
            for process in reversed(running):
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
