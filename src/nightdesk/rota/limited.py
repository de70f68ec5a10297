"""The planner as a process that cannot hurt whoever started it: `python -m nightdesk.rota.limited MEGABYTES`.

It may have that much memory, is the first to be ended where memory runs short, is polite to whatever wakes people, and
dies with the worker that started it. Then it is the planner's own process (`python -m nightdesk.rota.planner`).
"""

import contextlib
import ctypes
import os
import resource
import runpy
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NICE = 10


def main(megabytes: int) -> None:
    """Bind this process, and become the planner."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that was said
        sys.exit(1)
    # Until it is ready to answer with the best so far, being told to stop must not end it; it is told again.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1024 * 1024,) * 2)
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900")
    sys.argv = ["nightdesk.rota.planner"]
    runpy.run_module("nightdesk.rota.planner", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
