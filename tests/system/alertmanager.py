"""Debian's Alertmanager as a real sender: started on a free port with one webhook receiver and no waiting."""

import contextlib
import json
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.system.stack import free_port, until
from tools.system_parts import find_part

CONFIG = """
global:
  resolve_timeout: 5m
  smtp_require_tls: false
route:
  receiver: nightdesk
  group_by: ["..."]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: nightdesk
"""


class Alertmanager:
    """`fire` and `clear` post alerts to its API, as Prometheus does."""

    def __init__(self, url: str) -> None:
        self.url = url

    def fire(self, **labels: str) -> None:
        """An alert with these labels fires now; `summary` becomes an annotation."""
        self._post(labels, datetime.now(UTC) + timedelta(hours=1))

    def clear(self, **labels: str) -> None:
        """The same alert has ended."""
        self._post(labels, datetime.now(UTC))

    def _post(self, labels: dict[str, str], ends_at: datetime) -> None:
        summary = labels.pop("summary", "")
        alert = {
            "labels": labels,
            "annotations": {"summary": summary},
            "startsAt": (datetime.now(UTC) - timedelta(seconds=1)).isoformat(),
            "endsAt": ends_at.isoformat(),
        }
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps([alert]).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200


@contextlib.contextmanager
def alertmanager(receiver: str) -> Iterator[Alertmanager]:
    """A running Alertmanager with `receiver`, the YAML lines of its one receiver (indented by four)."""
    program = find_part("alertmanager")
    assert program is not None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="alertmanager-") as folder:
        config = Path(folder) / "alertmanager.yml"
        config.write_text(CONFIG + receiver)
        process = subprocess.Popen(
            [
                str(program),
                f"--config.file={config}",
                f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ]
        )
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _ready(url), 20, "Alertmanager is ready")
            yield Alertmanager(url)
        finally:
            process.terminate()
            process.wait(10)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
