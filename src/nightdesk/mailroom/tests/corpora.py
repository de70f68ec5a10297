"""Mails of other projects with what those expect of them, held against what we read. See mails/README.md."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from nightdesk.mailroom import mime
from nightdesk.mailroom.letter import Letter
from nightdesk.mailroom.reports import Report

MAILS = Path(__file__).parent / "mails"
HUMANS = ("groupwise_03.txt", "qmail_08.txt")
"""Of the bounces, those that a person wrote."""

NOT_COMPARED = {
    "note": "words for people",
    "must_not_raise": "asked of every mail",
    "cc_group": "a group's name without addresses: nobody to write to",
    "remote_mta": "which server refused it is not read; its words are",
    "reply_in_reply_to": "of an answer that is written, not of the mail",
    "reply_references": "of an answer that is written, not of the mail",
    "reply_subject": "of an answer that is written, not of the mail",
}
"""Expected values that are of no use here, and why."""


def bounces() -> list[Path]:
    return sorted((MAILS / "flufl.bounce" / "data").glob("*.txt"))


def odd() -> list[Path]:
    return sorted((MAILS / "mikel-mail").rglob("*.eml"))


def answers() -> list[Path]:
    return sorted((MAILS / "talon").rglob("*.eml"))


def expected(name: str) -> dict[str, Any]:
    """File -> what its project says of it."""
    found: dict[str, Any] = json.loads((MAILS / "expected" / f"{name}.json").read_text(encoding="utf-8"))["files"]
    return found


def known_deviations(name: str) -> dict[str, dict[str, str]]:
    """File -> field -> why we read it otherwise."""
    found = json.loads((MAILS / "deviations.json").read_text(encoding="utf-8"))[name]
    return {file: dict(fields) for file, fields in found.items()}


def deviations_of_a_bounce(wanted: dict[str, Any], reports: tuple[Report, ...]) -> Iterator[tuple[str, object, object]]:
    """(field, expected, read) of each that differs."""
    for field, actions in (("permanent", ("failed",)), ("temporary", ("delayed",))):
        found = sorted({one.recipient for one in reports if one.action in actions})
        if found != sorted(one.lower() for one in wanted[field]):
            yield field, wanted[field], found


def deviations_of_a_mail(
    wanted: dict[str, Any], letter: Letter, raw: bytes, reports: tuple[Report, ...]
) -> Iterator[tuple[str, object, object]]:
    """(field, expected, read) of each that differs."""
    tree = mime.take_apart(raw)
    names = [one.name for one in letter.attachments]
    sizes = [one.size for one in letter.attachments]
    report = reports[0] if reports else None
    simple: dict[str, object] = {
        "subject": letter.title,
        "message_id": letter.message_id,
        "in_reply_to": list(letter.in_reply_to),
        "references": list(letter.references),
        "body": letter.text,
        "attachments": names,
        "n_attachments": len(names),
        "content_type": letter.attachments[0].media_type if letter.attachments else "",
        "parts": len(tree.children),
        "first_part_parts": len(tree.children[0].children) if tree.children else 0,
        "multipart": letter.media_type.startswith("multipart/"),
        "structure": [tree.media_type, [one.media_type for one in tree.children]],
        "from_display": letter.from_name,
        "bounce": any(one.action == "failed" for one in reports),
        "action": report.action if report else "",
        "final_recipient": report.recipient if report else "",
        "status": report.status if report else "",
        "retryable": bool(report) and report.action == "delayed",
    }
    for field, value in wanted.items():
        if field in simple:
            same = simple[field]
            given = value
            if field == "body":
                same, given = letter.text.strip(), str(value).strip()
            elif field == "subject":
                given = " ".join(str(value).split())
            if same != given:
                yield field, value, simple[field]
        elif field == "from":
            if letter.from_address != value[0].lower():
                yield field, value, letter.from_address
        elif field in ("to", "cc"):
            missing = [one for one in value if one.lower() not in letter.to]
            if missing or (
                field == "to" and "cc" not in wanted and "note" not in wanted and len(value) != len(letter.to)
            ):
                yield field, value, letter.to
        elif field == "reply_to":
            if letter.reply_to != value[0].lower():
                yield field, value, letter.reply_to
        elif field == "date":
            if letter.when != datetime.fromisoformat(value):
                yield field, value, letter.when
        elif field == "sizes":
            known = [size for size in value if size is not None]
            if any(size not in sizes for size in known):
                yield field, value, sizes
        elif field == "attachments_regex":
            if not all(any(re.search(one, name) for name in names) for one in value):
                yield field, value, names
        elif field == "diagnostic":
            if report is None or str(value) not in report.reason:
                yield field, value, report.reason if report else ""
        elif field in ("sender", "envelope_from", "resent_from", "resent_to"):
            header = letter.header({"envelope_from": "return-path"}.get(field, field.replace("_", "-")))
            told = [value] if isinstance(value, str) else value
            if not all(one in header for one in told):
                yield field, value, header
        elif field == "to_group_addresses":
            if list(letter.to) != value:
                yield field, value, letter.to
        elif field == "first_inline":
            if not letter.attachments or letter.attachments[0].inline != value:
                yield field, value, [one.inline for one in letter.attachments]
        elif field not in NOT_COMPARED:
            raise AssertionError(f"nobody compares {field}")
