"""How long until the log-in page answers: a fresh clone (environment, database, demo company), and the next starts.

The fresh clone is made with `git clone` of this repository's HEAD, `make run` and a home folder of its own; the package
index should be warm, since what is measured is Nightdesk and not the network.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from bench.figure import at_most, median
from tests.system.stack import free_port

ROOT = Path(__file__).resolve().parents[1]


def seconds_until_log_in(clone: Path, home: Path) -> float:
    """Start `make run` in `clone`; the seconds until /account/login/ answers. It is stopped again."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTDESK_", "PYTHON"))}
    start = time.monotonic()
    run = subprocess.Popen(
        ["make", "run"],
        cwd=clone,
        env=environment | {"HOME": str(home), "NIGHTDESK_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/account/login/", timeout=2) as answer:
                    assert answer.status == 200
                    return time.monotonic() - start
            except OSError:
                assert run.poll() is None, "make run ended by itself"
                assert time.monotonic() - start < 300, "no log-in page within 300 s"
                time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGINT)
        run.wait(30)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-clone-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        clone, home = folder / "clone", folder / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        first = seconds_until_log_in(clone, home)
        again = [seconds_until_log_in(clone, home) for _ in range(5)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    at_most("start_first", first, "s to the log-in page, fresh clone", 90).keep()
    at_most("start_again", median(again), "s to the log-in page, median of 5", 5).keep()


if __name__ == "__main__":
    main()
