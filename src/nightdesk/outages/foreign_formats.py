"""Carriers' own formats, read by circuit-maintenance-parser in another environment and another process.

It brings numpy and more, reads whatever anybody mails to us, and asks map services for time zones; so it is an extra, gets
only the mail, a limit of time and of memory, and no way out. Whatever it does, the mail is kept and shown to a person.
"""

import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from nightdesk.mailroom.decoding import one_line
from nightdesk.outages.maintnote import Impact, Maintnote, NoteObject, Problem, Status

PARSERS = (
    "aquacomms", "att", "aws", "bso", "cirion", "cogent", "colt", "crowncastle", "equinix", "flag", "globalcloudxchange",
    "google", "gtt", "hgc", "lumen", "megaport", "momentum", "netflix", "pccw", "retn", "seaborn", "sparkle", "summitig",
    "tata", "telstra", "telxius", "turkcell", "verizon", "vodafone", "windstream", "zayo",
)  # fmt: skip
"""Carriers whose own format it knows. Those that write MAINTNOTE need none."""

WITHIN_S = 20
SCRIPT = Path(__file__).parent / "foreign_parser.py"
NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there, so that nothing of a mail is asked about outside."""


class NotRead(Exception):
    """The mail could not be read by it; the words say why."""


def is_set_up() -> bool:
    """Whether its environment is there."""
    return bool(settings.CARRIER_PARSER) and Path(settings.CARRIER_PARSER).is_file()


def read_foreign(raw: bytes, parser: str) -> list[dict[str, Any]]:
    """What it makes of the mail: maintenances as it writes them. Raises NotRead."""
    if not is_set_up():
        raise NotRead("The parser of carriers' own formats is not set up (NIGHTDESK_CARRIER_PARSER).")
    if parser not in PARSERS:
        raise NotRead(f"There is no parser {parser!r}.")
    surroundings = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "http_proxy": NOWHERE, "https_proxy": NOWHERE}
    try:
        ran = subprocess.run(  # noqa: S603 - both are ours: the setting and one of PARSERS
            [settings.CARRIER_PARSER, "-I", str(SCRIPT), parser],
            input=raw,
            capture_output=True,
            timeout=WITHIN_S,
            env=surroundings,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise NotRead(f"The parser did not end within {WITHIN_S} s.") from None
    except OSError as error:
        raise NotRead(f"The parser did not begin: {error}.") from None
    try:
        answer = json.loads(ran.stdout)
        found = answer["maintenances"] if "error" not in answer else None
    except (ValueError, KeyError, TypeError):
        raise NotRead(f"The parser ended with {ran.returncode} and said nothing that can be read.") from None
    if found is None:
        raise NotRead(one_line(str(answer["error"]))[:400])
    return [one for one in found if isinstance(one, dict)]


def notes_of(found: Iterable[Mapping[str, Any]]) -> list[Maintnote]:
    """What the parser found as notes. Its own defaults ("0", 1) are taken for what they are: nothing was said."""
    return [_note_of(one) for one in found]


def _note_of(one: Mapping[str, Any]) -> Maintnote:
    uid = one_line(str(one.get("uid", "")))[:300]
    made_up = uid in ("0", "")
    problems = [Problem("assumed", "It came in the carrier's own format; circuit-maintenance-parser read it.")]
    objects, impacts = [], []
    for circuit in one.get("circuits") or ():
        name = one_line(str(circuit.get("circuit_id", "")))[:200]
        said = str(circuit.get("impact", ""))
        impact = next((known for known in Impact if known == said), None)
        if name:
            objects.append(NoteObject(name, impact))
            impacts.append(impact)
    starts_at, ends_at = _instant(one.get("start")), _instant(one.get("end"))
    if starts_at and ends_at and ends_at <= starts_at:
        problems.append(Problem("contradiction", "It ends when or before it begins."))
    status = str(one.get("status", ""))
    ref = one_line(str(one.get("maintenance_id", "")))[:200]
    number = one.get("sequence")
    organizer = str(one.get("organizer", "")).removeprefix("mailto:")
    return Maintnote(
        provider=one_line(str(one.get("provider", "")))[:500],
        account=one_line(str(one.get("account", "")))[:500],
        maintenance_ids=(ref,) if ref else (),
        status=next((known for known in Status if known == status), None),
        objects=tuple(objects),
        starts_at=starts_at,
        ends_at=ends_at,
        uid="" if made_up else uid,
        sequence=None if made_up or not isinstance(number, int) or number < 0 else number,
        stamped_at=_instant(one.get("stamp")),
        organizer=organizer if "@" in organizer else "",
        summary=one_line(str(one.get("summary", "")))[:500],
        problems=tuple(problems),
    )


def _instant(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return None
