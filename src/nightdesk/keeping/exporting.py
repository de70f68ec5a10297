"""Everything a company owns, and all that concerns one person, in formats that any program reads.

One zip: `README.md` says what each file and column is; `tables/NAME.csv` (the company) or `rows/NAME.json` (a person);
`mails/ID.eml` as they came; `recordings/ID.wav`; `files/DIGEST`; `journal.jsonl` with `seals.jsonl`, by which the entries can
be checked without us.
"""

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models import QuerySet

from nightdesk.base import files
from nightdesk.calls.models import Message, Recording
from nightdesk.desk.models import Attachment
from nightdesk.journal.models import Entry, PersonalText, Seal
from nightdesk.keeping.traces import Subject, rows_about
from nightdesk.mailroom.models import Mail

LEFT_OUT_TABLES = frozenset(
    {"base_idempotentanswer", "base_worker", "base_promise", "journal_entry", "journal_seal", "journal_personaltext"}
)
"""Machinery, and what is written in a form of its own."""
LEFT_OUT_APPS = frozenset({"sessions", "contenttypes", "auth", "axes", "mfa", "account", "messages", "admin"})
SECRETS = frozenset(
    {"password", "digest_of_key", "secrets", "sealed", "secret", "client_secret", "refresh_token", "lookup", "invite"}
    | {
        "mobile_check",
        "p256dh",
        "endpoint",
        "serial",
        "proof",
        "session_key",
        "channels_device.auth",
        "channels_contactendpoint.auth",
    }
)
"""Columns that open something, in any table or in one. Whoever takes their data elsewhere sets new ones there."""
_BATCH = 500


def export_company(path: Path, *, at: datetime, told: Callable[[str], None]) -> dict[str, int]:
    """Write the zip at `path`; returns how many rows each table had. Raises FileExistsError, OSError."""
    with _zip(path) as out:
        counts = {}
        for model in _models():
            told(model._meta.db_table)
            counts[model._meta.db_table] = _table(out, model)
        told("journal")
        counts["journal"] = _journal(out, Entry.objects.all())
        _lines(out, "seals.jsonl", (_seal_facts(seal) for seal in Seal.objects.order_by("id").iterator(_BATCH)))
        told("mails and files")
        counts["mails"] = _mails(out, Mail.objects.all())
        counts["recordings"] = _recordings(out, Recording.objects.all())
        counts["files"] = _files(out, Attachment.objects.values_list("digest", flat=True).distinct())
        out.writestr(
            "README.md",
            _readme(_title("Everything that this installation knows", at), _models(), counts, "tables/{}.csv"),
        )
    return counts


def export_person(path: Path, subject: Subject, *, at: datetime, told: Callable[[str], None]) -> dict[str, int]:
    """Write the zip at `path` with all that concerns one person; returns how many rows of each table. Raises as `export_company`.

    Whoever hands it over looks through it first: what others said of them, or they of others, stands in it too.
    """
    with _zip(path) as out:
        counts: dict[str, int] = {}
        written = []
        for model, rows in rows_about(subject):
            name = model._meta.db_table
            told(name)
            if model is Entry:
                counts["journal"] = _journal(out, rows)
                continue
            if model is Mail:
                counts["mails"] = _mails(out, rows)
            if model is Message:
                counts["recordings"] = _recordings(out, Recording.objects.filter(pk__in=rows.values("recording")))
            if model._meta.app_label in LEFT_OUT_APPS:
                continue
            facts = [_facts(row) for row in rows.iterator(_BATCH)]
            out.writestr(f"rows/{name}.json", json.dumps(facts, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
            counts[name] = len(facts)
            written.append(model)
        title = _title(f"What is known of {subject.name} ({subject.kind} {subject.id})", at)
        out.writestr("README.md", _readme(title, written, counts, "rows/{}.json"))
    return counts


def _title(what: str, at: datetime) -> str:
    return f"{what}, as of {at:%Y-%m-%d %H:%M} UTC"


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A new zip that has its name only once it is whole."""
    if path.exists():
        raise FileExistsError(f"{path} is there already.")
    draft = path.with_name(f"{path.name}.unfinished")
    draft.unlink(missing_ok=True)
    try:
        # For our eyes alone from the first byte on, whatever the umask.
        with (
            open(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w+b") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as out,
        ):
            yield out
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


def see_one_instant() -> None:
    """What the transaction reads from here on is the database of one instant. To be called before it has read anything."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def _models() -> list[type[models.Model]]:
    found = [each for each in apps.get_models(include_auto_created=True) if each._meta.app_label not in LEFT_OUT_APPS]
    return sorted(
        (each for each in found if each._meta.db_table not in LEFT_OUT_TABLES), key=lambda each: each._meta.db_table
    )


def columns(model: type[models.Model]) -> list["models.Field[Any, Any]"]:
    """The columns that are written: all but what opens something, and bytes, which stand in files of their own."""
    return [
        each for each in model._meta.concrete_fields
        if not {each.name, f"{model._meta.db_table}.{each.name}"} & SECRETS
        and not (each.name == "digest" and "token" in model._meta.db_table)
        and not isinstance(each, models.BinaryField)
    ]  # fmt: skip


def _table(out: zipfile.ZipFile, model: type[models.Model]) -> int:
    names = [each.attname for each in columns(model)]
    count = 0
    with out.open(f"tables/{model._meta.db_table}.csv", "w", force_zip64=True) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(names)
        for row in model._base_manager.order_by("pk").values_list(*names).iterator(_BATCH):
            writer.writerow([_plain(value) for value in row])
            count += 1
        text.flush()
        text.detach()
    return count


def _plain(value: Any) -> str:
    """As it stands in a CSV: an instant in ISO 8601, a structure as JSON, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    return str(value)


def _facts(row: models.Model) -> dict[str, Any]:
    return {each.attname: getattr(row, each.attname) for each in columns(type(row))}


def _lines(out: zipfile.ZipFile, name: str, facts: Iterable[dict[str, Any]]) -> int:
    count = 0
    with out.open(name, "w", force_zip64=True) as raw:
        for each in facts:
            raw.write(json.dumps(each, cls=DjangoJSONEncoder, ensure_ascii=False).encode() + b"\n")
            count += 1
    return count


def _journal(out: zipfile.ZipFile, rows: QuerySet[Entry]) -> int:
    """Entry by entry, with its words and their salt where they were not erased: sha256(salt + text) is its commitment."""

    def facts() -> Iterator[dict[str, Any]]:
        batch: list[Entry] = []
        for row in rows.order_by("id").iterator(_BATCH):
            batch.append(row)
            if len(batch) == _BATCH:
                yield from _entries(batch)
                batch = []
        yield from _entries(batch)

    return _lines(out, "journal.jsonl", facts())


def _entries(batch: list[Entry]) -> Iterator[dict[str, Any]]:
    words = {each.entry_id: each for each in PersonalText.objects.filter(entry_id__in=[row.id for row in batch])}
    for row in batch:
        said = words.get(row.id)
        facts = {each.attname: getattr(row, each.attname) for each in Entry._meta.concrete_fields}
        facts["commitment"] = bytes(row.commitment).hex() if row.commitment else None
        yield facts | ({"text": said.text, "salt": bytes(said.salt).hex()} if said else {})


def _seal_facts(seal: Seal) -> dict[str, Any]:
    facts = {each.attname: getattr(seal, each.attname) for each in Seal._meta.concrete_fields}
    return {
        name: bytes(value).hex() if isinstance(value, bytes | memoryview) else value for name, value in facts.items()
    }


def _mails(out: zipfile.ZipFile, rows: QuerySet[Mail]) -> int:
    count = 0
    for key, raw in rows.values_list("pk", "raw").iterator(50):
        if raw:
            out.writestr(f"mails/{key}.eml", bytes(raw))
            count += 1
    return count


def _recordings(out: zipfile.ZipFile, rows: QuerySet[Recording]) -> int:
    return sum(_copied(out, f"recordings/{row.pk}.wav", row.digest) for row in rows.filter(deleted_at=None))


def _files(out: zipfile.ZipFile, digests: Iterable[str]) -> int:
    return sum(_copied(out, f"files/{digest}", digest) for digest in digests if digest)


def _copied(out: zipfile.ZipFile, name: str, digest: str) -> bool:
    try:
        out.writestr(name, files.read_file(digest))
    except FileNotFoundError:
        return False
    return True


def _readme(title: str, told: Iterable[type[models.Model]], counts: dict[str, int], place: str) -> str:
    lines = [f"# {title}", "", (__doc__ or "").split("\n\n", 1)[1].strip(), ""]
    lines += [
        "Instants are ISO 8601 in UTC, telephone numbers E.164. What opens something (passwords, keys, tokens) is left out."
    ]
    lines += [
        "",
        "| what | how many |",
        "| --- | --- |",
        *(f"| {name} | {count} |" for name, count in counts.items()),
        "",
    ]
    for model in told:
        lines += [f"## {place.format(model._meta.db_table)}", "", " ".join((model.__doc__ or "").split()), ""]
        for each in columns(model):
            points = f", points to {each.related_model._meta.db_table}" if each.related_model else ""
            lines.append(
                f"- `{each.attname}`: {each.get_internal_type()}{points}{f'. {each.help_text}' if each.help_text else ''}"
            )
        lines.append("")
    return "\n".join(lines)
