"""People and skills as a table in a file: a line a person, a column a skill, the level in the field. Read into lines here;
nothing touches the database.

The columns are `person` (the name), `person_id` (goes before it), and one for each skill, by its key or its name. A field
holds 0 (or -) for not at all, and 1 to 3; an empty one says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightdesk.base.csv_table import BadField, RowError, cleaned, read_table, word

PERSON, PERSON_ID = "person", "person_id"
_LEVELS = {"0": 0, "-": 0, "1": 1, "2": 2, "3": 3}


@dataclass(frozen=True, slots=True)
class Line:
    """One person of the file: `levels` is skill id -> level."""

    line: int
    person: str
    person_id: int | None
    levels: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class SkillList:
    """What the file says. A line with an error is not among `lines`; `ignored` are headers that mean nothing here."""

    lines: Sequence[Line] = ()
    errors: Sequence[RowError] = ()
    ignored: Sequence[str] = ()


def read_skill_list(content: bytes, skills: Mapping[str, int]) -> SkillList:
    """The file, with the skills that there are: key or name -> id. Never raises for what a file holds."""
    columns = {word(name): str(skill_id) for name, skill_id in skills.items()}
    words = {"person": PERSON, "name": PERSON, "person_id": PERSON_ID, "id": PERSON_ID} | columns
    table = read_table(content, words, [PERSON, PERSON_ID, *dict.fromkeys(columns.values())], (PERSON, PERSON_ID))
    if isinstance(table, RowError):
        return SkillList(errors=[table])
    lines, errors = [], []
    for number, record in table.records():
        try:
            if isinstance(record, BadField):
                raise record
            lines.append(_line(number, record))
        except BadField as bad:
            errors.append(RowError(number, None, bad.what, bad.so, bad.do))
    return SkillList(lines, errors, table.ignored_columns)


def _line(number: int, record: Mapping[str, str]) -> Line:
    person, given = cleaned(record.get(PERSON, "")), record.get(PERSON_ID, "").strip()
    if given and not (given.isascii() and given.isdecimal() and len(given) < 18):
        raise BadField(given[:40], "It is no number of a person.", "Take it from the list that you downloaded.")
    if not person and not given:
        raise BadField("a line without a person", "Nobody is named.", "Give their name.")
    levels = {}
    for column, text in record.items():
        if column in (PERSON, PERSON_ID) or not text.strip():
            continue
        level = _LEVELS.get(cleaned(text))
        if level is None:
            raise BadField(text.strip()[:40], "It is no level.", "Write 0, 1, 2 or 3, or nothing.")
        levels[int(column)] = level
    return Line(number, person, int(given) if given else None, levels)
