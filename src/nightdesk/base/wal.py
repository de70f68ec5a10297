"""Every write of our own PostgreSQL, handed out as it happens: of this going back to any moment is made.

PostgreSQL runs as another user than we do where we are root, who may read neither our keys nor our folders. So it puts each
segment, synced, into a folder of its own; the worker seals it from there (room keeping).
"""

import shlex
from pathlib import Path

from nightdesk.base import env

KEPT_DAYS = env.integer(
    "NIGHTDESK_BACKUP_WAL_DAYS", 0, "Days for which our own PostgreSQL can go back to any moment; 0: none.",
    least=0, most=31,
)  # fmt: skip
SEGMENT_EVERY_S = 60
"""No write is handed out later than this: what a lost disk takes with it."""


def options(spool: Path) -> dict[str, str]:
    """What PostgreSQL is told, so that each segment lies whole in `spool`, or not at all. One that is there already stays."""
    folder = shlex.quote(str(spool)).replace("%", "%%")
    there, part = f"{folder}/%f", f"{folder}/.%f"
    copied = f"dd if=%p of={part} bs=1048576 conv=fsync 2>/dev/null && mv {part} {there} && sync {folder}"
    command = f"test -e {there} || {{ {copied}; }}"
    return {"archive_mode": "on", "archive_timeout": str(SEGMENT_EVERY_S), "archive_command": command}
