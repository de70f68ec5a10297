"""Every mail of the corpora by the real way: kept, read, handed on. None is lost and none stops the next."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.mailroom import actions
from nightdesk.mailroom.actions import TRIES, read_mail, receive_mail
from nightdesk.mailroom.handing import Arrived, Handler, Taken
from nightdesk.mailroom.html_safe import safe_html
from nightdesk.mailroom.html_text import text_of_html
from nightdesk.mailroom.letter import read_letter
from nightdesk.mailroom.models import Mail
from nightdesk.mailroom.own_words import own_words
from nightdesk.mailroom.quotes import pieces
from nightdesk.mailroom.reports import read_reports
from nightdesk.mailroom.tests.corpora import (
    HUMANS,
    MAILS,
    answers,
    bounces,
    deviations_of_a_bounce,
    deviations_of_a_mail,
    expected,
    known_deviations,
    odd,
)

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
ALL = [*bounces(), *odd(), *answers()]


@pytest.fixture
def arrivals(db: None, monkeypatch: pytest.MonkeyPatch) -> dict[UUID, Arrived]:
    """What reached whoever takes mail to a plain address of ours, by mail, once `come` has run."""
    took: dict[UUID, Arrived] = {}

    def take(arrived: Arrived, _key: str, _at: datetime) -> Taken:
        took[arrived.mail_id] = arrived
        return Taken("done", "taken")

    handlers = {"": Handler(take)}
    monkeypatch.setattr(actions, "BY_ADDRESS", handlers)
    monkeypatch.setattr("nightdesk.mailroom.queries.BY_ADDRESS", handlers)
    actions.add_address(address="desk@night.example", by=SCHEDULER, via=Door.CLI, at=AT)
    return took


def come(files: list[Path]) -> dict[Path, Mail]:
    """Each file comes as a mail and is read."""
    rows = {}
    for number, file in enumerate(files):
        at = AT + timedelta(seconds=number)
        how = {"by": SCHEDULER, "via": Door.EMAIL, "at": at}
        mail = receive_mail(way="lmtp", raw=file.read_bytes(), sender=None, recipients=["desk@night.example"], **how)
        read_mail(mail_id=mail.id, attempt=TRIES, **how)
        rows[file] = Mail.objects.get(id=mail.id)
    return rows


def test_no_mail_of_any_corpus_is_lost_or_stops_the_next(arrivals: dict[UUID, Arrived]) -> None:
    rows = come(ALL)
    assert len(rows) == len(ALL) == 233
    for file, row in rows.items():
        assert row.standing in ("done", "kept", "copy"), (file.name, row.error)
        assert bytes(row.raw) == file.read_bytes(), file.name
        if row.standing == "done":
            assert arrivals[row.id].raw == file.read_bytes()
        letter = read_letter(bytes(row.raw))
        # Nothing that was written is out of sight: where there is no text there is a file, or there was nothing.
        said = letter.text.strip() or letter.attachments or letter.title
        body = file.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[2].strip()
        assert said or not body, file.name
        assert "".join(piece.text for piece in pieces(letter.text)) == letter.text
        if letter.html:
            assert "<script" not in safe_html(letter.html, letter.attachments).html


def test_machines_are_found_and_no_person_is_taken_for_one(arrivals: dict[UUID, Arrived]) -> None:
    rows = come(bounces())
    machines = {file.name for file, row in rows.items() if row.automatic}
    assert {file.name for file in rows} - machines == set(HUMANS)  # 115 of 115; 113 are demanded
    reached = {file.name: arrivals[row.id] for file, row in rows.items() if row.id in arrivals}
    assert {name: bool(one.do_not_answer) for name, one in reached.items()} == {
        "groupwise_03.txt": False,
        "qmail_08.txt": True,
    }


def test_bounces_name_who_was_not_reached() -> None:
    wanted = expected("flufl.bounce")
    found: dict[str, set[str]] = {}
    for file in bounces():
        reports = read_reports(file.read_bytes())
        if file.name in wanted:
            for field, _wanted, _read in deviations_of_a_bounce(wanted[file.name], reports):
                found.setdefault(file.name, set()).add(field)
    assert len(wanted) == 116
    assert found == {file: set(fields) for file, fields in known_deviations("flufl.bounce").items()}


def test_odd_mails_say_what_their_project_says_of_them() -> None:
    wanted = expected("mikel-mail")
    found: dict[str, set[str]] = {}
    compared = 0
    for file in odd():
        name = str(file.relative_to(MAILS / "mikel-mail"))
        raw = file.read_bytes()
        compared += name in wanted
        for field, _wanted, _read in deviations_of_a_mail(
            wanted.get(name, {}), read_letter(raw), raw, read_reports(raw)
        ):
            found.setdefault(name, set()).add(field)
    assert compared == len(wanted) == 52
    assert found == {file: set(fields) for file, fields in known_deviations("mikel-mail").items()}


@pytest.mark.parametrize("file", answers(), ids=lambda file: file.stem)
def test_answers_are_in_sight_and_what_they_quote_is_folded(file: Path) -> None:
    letter = read_letter(file.read_bytes())
    if file.stem == "reply-quotations-share-block":
        assert own_words(letter.text).startswith("Hi Katharine.")
        return
    assert own_words(letter.text, (letter.from_name,)) == "Hello"
    shown = "".join(piece.text for piece in pieces(letter.text) if not piece.quoted)
    assert shown.strip().startswith("Hello")
    assert "test" not in shown.lower().replace("hello", "") or file.stem in ("sparrow",)


@pytest.mark.parametrize(
    "file", sorted((MAILS / "talon" / "fixtures" / "html_replies").glob("*.html")), ids=lambda file: file.stem
)
def test_quotes_in_html_are_folded_and_what_was_answered_is_in_sight(file: Path) -> None:
    html = file.read_text(encoding="utf-8")
    assert own_words(text_of_html(html)) == "Hi. I am fine."
    safe = safe_html(html).html
    shown = text_of_html(re.sub(r'<details class="quoted">.*?</details>', "", safe, flags=re.DOTALL))
    assert shown.startswith("Hi. I am fine.\n\nThanks,")
    assert "How are you" not in shown
    assert "How are you" in text_of_html(safe)
