"""Every MAINTNOTE of the corpus is read as its project expects, or each difference is explained."""

import pytest

from nightdesk.outages.tests.notes import NOTES, deviations, differences, expected, files_read_here, read_file

FILES = files_read_here()


def test_the_corpus_is_whole() -> None:
    assert len(FILES) == 18
    assert {path.parent.name for path in FILES} == {"arelion", "eunetworks", "ical"}
    assert (NOTES / "LICENSE").read_text(encoding="utf-8").strip().startswith("Apache License")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_is_read_as_expected(path: object) -> None:
    name = path.relative_to(NOTES).as_posix()  # type: ignore[attr-defined]
    known = deviations().get(name, {})
    wanted, notes = expected(path), read_file(path)  # type: ignore[arg-type]
    if wanted is None:
        # They refuse it whole; we read what is there, and say what is not.
        assert "refused" in known, name
        assert len(notes) == 1
        assert [one for one in notes[0].problems if one.kind == "missing"], name
        return
    assert len(notes) == len(wanted)
    found = {
        field: (theirs, ours)
        for one, note in zip(wanted, notes, strict=True)
        for field, theirs, ours in differences(one, note)
    }
    assert set(found) == set(known), found


def test_no_explanation_is_left_over() -> None:
    assert set(deviations()) <= {path.relative_to(NOTES).as_posix() for path in FILES}


def test_what_has_no_window_cannot_be_planned_by() -> None:
    usable = {path.name: all(note.is_usable for note in read_file(path)) for path in FILES}
    assert {name for name, can in usable.items() if not can} == {"ical_no_start", "ical_no_end"}
