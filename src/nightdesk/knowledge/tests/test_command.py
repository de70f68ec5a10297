"""`nightdesk procedures`: in and out as Markdown files."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command

from nightdesk.base.refusals import NotFound
from nightdesk.knowledge.models import Procedure
from nightdesk.knowledge.tests.conftest import Office


def said(*words: str) -> tuple[str, str]:
    output, errors = io.StringIO(), io.StringIO()
    call_command("procedures", *words, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def test_a_folder_is_read_in_once_and_what_has_changed_is_a_new_version(office: Office, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "line-is-down.md").write_text("# A line is down\n\n- [ ] Ring the carrier\n", encoding="utf-8")
    (tmp_path / "below" / "mail_queue.md").write_text("Look at mx3.\n", encoding="utf-8")
    (tmp_path / "broken.md").write_bytes(b"\xff\xfe\x00")
    options = ("read", str(tmp_path), "--service", "lines", "--call", "alarm", "--publish")
    output, errors = said(*options)
    assert [line.rsplit(": ")[1] for line in output.splitlines()] == ["new", "new"]
    assert "broken.md: It is no text in UTF-8." in errors
    row = Procedure.objects.get(title="A line is down")
    assert row.published is not None
    assert (row.published.body, row.calls, row.services.get()) == ("- [ ] Ring the carrier", ["alarm"], office.lines)
    assert Procedure.objects.filter(title="Mail queue").exists()
    assert "as it was" in said(*options)[0]
    (tmp_path / "line-is-down.md").write_text("# a line is DOWN\n\nRing twice.\n", encoding="utf-8")
    assert "a new version" in said(*options)[0]
    row.refresh_from_db()
    assert (row.latest, row.published.number if row.published else 0, Procedure.objects.count()) == (2, 2, 2)


def test_what_was_written_out_reads_in_as_it_was(office: Office, tmp_path: Path) -> None:
    office.procedure("Straße gesperrt", body="Fahr **außen** herum.\n\n- [ ] anrufen")
    (written,) = said("write", str(tmp_path))[0].splitlines()
    assert Path(written).read_text(encoding="utf-8").startswith("# Straße gesperrt\n\nFahr")
    assert "as it was" in said("read", written)[0]


def test_they_are_listed_and_searched(office: Office) -> None:
    office.procedure("Line is down")
    office.procedure("Mail queue", body="Look at mx3.")
    assert "Line is down" in said("list")[0]
    output = said("list", "--search", "mx3", "--json")[0]
    assert "Mail queue" in output
    assert "Line is down" not in output


def test_a_brand_or_service_that_is_not_there_is_said(office: Office, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        said("list", "--brand", "pier")
    with pytest.raises(NotFound, match="has not all of them"):
        said("read", str(tmp_path), "--service", "none")
    assert "No such file" in said("read", str(tmp_path / "none.md"))[1]
