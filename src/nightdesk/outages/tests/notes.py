"""The notices of the corpus, and what their project makes of them. See maintnotes/README.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nightdesk.mailroom.letter import read_letter
from nightdesk.outages.maintnote import Maintnote, notes_in_letter, read_maintnotes

NOTES = Path(__file__).parent / "maintnotes"


def files_read_here() -> list[Path]:
    """Those that hold a MAINTNOTE."""
    found = [path for path in NOTES.rglob("*") if path.is_file() and path.suffix in ("", ".eml")]
    return sorted(path for path in found if b"X-MAINTNOTE-PROVIDER" in path.read_bytes() or "ical_no" in path.name)


def read_file(path: Path) -> list[Maintnote]:
    raw = path.read_bytes()
    return list(notes_in_letter(read_letter(raw))) if path.suffix == ".eml" else read_maintnotes(raw.decode())


def expected(path: Path) -> list[dict[str, Any]] | None:
    """What their project makes of it; None where it refuses it."""
    for name in (f"{path.stem}_result.json", f"{path.stem}.json"):
        if (path.parent / name).is_file():
            found: list[dict[str, Any]] = json.loads((path.parent / name).read_text(encoding="utf-8"))
            return found
    return None


def deviations() -> dict[str, dict[str, str]]:
    """File -> field -> why we read it otherwise."""
    found: dict[str, dict[str, str]] = json.loads((NOTES / "deviations.json").read_text(encoding="utf-8"))
    return found


def as_theirs(note: Maintnote) -> dict[str, Any]:
    """Our note in their words: seconds since 1970, "NO-CHANGE" for no status, -1 for no number."""
    return {
        "account": note.account,
        "circuits": [{"circuit_id": one.id, "impact": str(note.impact_on(one))} for one in note.objects],
        "end": int(note.ends_at.timestamp()) if note.ends_at else None,
        "maintenance_id": note.maintenance_id,
        "organizer": f"mailto:{note.organizer}" if note.organizer else "unknown",
        "provider": note.provider,
        "sequence": -1 if note.sequence is None else note.sequence,
        "stamp": int(note.stamped_at.timestamp()) if note.stamped_at else None,
        "start": int(note.starts_at.timestamp()) if note.starts_at else None,
        "status": str(note.status or "NO-CHANGE"),
        "summary": note.summary,
        "uid": note.uid,
    }


def differences(wanted: dict[str, Any], note: Maintnote) -> Iterator[tuple[str, object, object]]:
    """(field, theirs, ours) of each that differs."""
    ours = as_theirs(note)
    for field, value in wanted.items():
        theirs = value
        if field == "circuits":
            theirs = [{"circuit_id": one["circuit_id"], "impact": one["impact"]} for one in value]
        if ours[field] != theirs:
            yield field, theirs, ours[field]
