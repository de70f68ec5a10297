"""Carriers' own formats through circuit-maintenance-parser, and our notices read back by it. It stands in another environment."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nightdesk.mailroom.decoding import one_line
from nightdesk.outages import foreign_formats
from nightdesk.outages.foreign_formats import NotRead, notes_of, read_foreign
from nightdesk.outages.maintnote import Impact, Maintnote, NoteObject, Status, write_maintnote
from nightdesk.outages.tests.notes import NOTES, as_theirs
from nightdesk.outages.tests.test_maintnote import NOTE
from tests.requires import requires
from tools.system_parts import PARTS

ENVIRONMENT = PARTS["carriers"].command
CASES = [
    row.split("\t") for row in (NOTES / "INDEX.tsv").read_text(encoding="utf-8").splitlines() if row[:1] not in "#!"
]
MAILS = [(provider.lower(), NOTES / what.removeprefix("email="), NOTES / result) for provider, what, result in CASES
         if what.startswith("email=") and provider != "EUNetworks"]  # fmt: skip


@pytest.fixture
def set_up(settings: Any) -> None:
    settings.CARRIER_PARSER = ENVIRONMENT


FIRST = {parser: (parser, path, result) for parser, path, result in reversed(MAILS)}
"""One of each carrier; all of them with NIGHTDESK_CARRIERS=all."""
READ = MAILS if os.environ.get("NIGHTDESK_CARRIERS") == "all" else list(FIRST.values())


@requires("carriers")
@pytest.mark.parametrize(("parser", "path", "result"), READ, ids=lambda one: getattr(one, "name", one))
def test_a_carriers_own_format_becomes_notes(set_up: None, parser: str, path: Path, result: Path) -> None:
    notes = notes_of(read_foreign(path.read_bytes(), parser))
    wanted = json.loads(result.read_text(encoding="utf-8"))
    assert len(notes) == len(wanted) > 0
    for note, one in zip(notes, wanted, strict=True):
        ours = as_theirs(note)
        # AWS sends no id: theirs is a sum of window and circuits. Blanks within a name are one blank here.
        compared = {"account", "start", "end", "provider", "status", "maintenance_id"} & one.keys()
        for field in compared - ({"maintenance_id"} if parser == "aws" else set()):
            assert ours[field] == one[field], field
        wanted_circuits = [{**circuit, "circuit_id": one_line(circuit["circuit_id"])} for circuit in one["circuits"]]
        assert ours["circuits"] == wanted_circuits
        assert note.sequence is None, "theirs puts 1 where nothing was said"
        assert note.is_usable
        assert "circuit-maintenance-parser" in note.problems[0].words


@requires("carriers")
def test_what_it_cannot_read_is_said_in_words(set_up: None) -> None:
    with pytest.raises(NotRead, match=r"could not read|Error"):
        read_foreign(b"From: a@b.example\nSubject: Hello\nContent-Type: text/html\n\n<p>Nothing</p>\n", "zayo")
    with pytest.raises(NotRead, match="no parser"):
        read_foreign(b"", "../../bin/sh")


def pretends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, does: str) -> None:
    """Another program in the parser's place."""
    script = tmp_path / "pretends.py"
    script.write_text(does)
    monkeypatch.setattr(foreign_formats, "SCRIPT", script)
    settings.CARRIER_PARSER = sys.executable


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("while True: pass", "did not end within"),
        ("import os; os.abort()", "ended with"),
        ("print('no json')", "nothing that can be read"),
        ("print('[1]')", "nothing that can be read"),
        ("import sys; sys.exit(3)", "ended with 3"),
    ],
)
def test_whatever_it_does_it_ends_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, does: str, says: str
) -> None:
    pretends(tmp_path, monkeypatch, settings, does)
    monkeypatch.setattr(foreign_formats, "WITHIN_S", 0.5)
    with pytest.raises(NotRead, match=says):
        read_foreign(b"", "zayo")


def test_it_gets_no_more_memory_than_it_needs(tmp_path: Path) -> None:
    script = (
        Path(foreign_formats.SCRIPT)
        .read_text(encoding="utf-8")
        .replace("answer = main(sys.argv[1])", "answer = {'got': len(bytearray(4_000_000_000))}")
    )
    (tmp_path / "greedy.py").write_text(script)
    ran = subprocess.run([sys.executable, "-I", str(tmp_path / "greedy.py"), "zayo"], capture_output=True, check=False)
    assert b"MemoryError" in ran.stdout


def test_without_it_the_reason_says_what_to_set(settings: Any) -> None:
    settings.CARRIER_PARSER = ""
    with pytest.raises(NotRead, match="NIGHTDESK_CARRIER_PARSER"):
        read_foreign(b"", "zayo")


READ_BACK = """
import json, sys
from circuit_maintenance_parser import NotificationData, init_provider
for raw in json.load(sys.stdin):
    found = init_provider("genericprovider").get_maintenances(NotificationData.init_from_raw("ical", raw.encode()))
    print(json.dumps([json.loads(one.to_json()) for one in found]))
"""


@requires("carriers")
def test_our_notices_are_read_back_by_it_for_every_status() -> None:
    alone = replace(NOTE, objects=(NoteObject("line of Bakery"),), impact=Impact.NO_IMPACT)
    odd = replace(NOTE, account='Käse, "Brot"; und\\oder', summary="ü" * 90, ends_at=NOTE.starts_at + timedelta(days=3))
    notes: list[Maintnote] = [replace(one, status=status) for one in (NOTE, alone, odd) for status in Status]
    raw = json.dumps([write_maintnote(one).decode() for one in notes])
    ran = subprocess.run(
        [ENVIRONMENT, "-I", "-c", READ_BACK],
        input=raw.encode(),
        capture_output=True,
        check=True,
        env={"TZ": "Asia/Tokyo"},
    )
    answers = [json.loads(row) for row in ran.stdout.splitlines()]
    assert len(answers) == len(notes) == 18
    for note, (read,) in zip(notes, answers, strict=True):
        assert read == as_theirs(note)
