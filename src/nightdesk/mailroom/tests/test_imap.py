"""Mailboxes of Debian's dovecot, read: every message once, whatever happens to flags, passwords, UIDs and us."""

import imaplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, connection
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, ProtocolError

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import IllegalTransition
from nightdesk.base.worker import Shift
from nightdesk.mailroom import imap
from nightdesk.mailroom.actions import retry_mail, save_mailbox
from nightdesk.mailroom.models import Mail, Mailbox
from tests.peers.mail_servers import PASSWORD, Dovecot
from tests.requires import requires
from tests.system.stack import until

pytestmark = [pytest.mark.django_db(transaction=True), requires("dovecot")]
NOC, DESK = "noc@night.example", "desk@night.example"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with Dovecot([NOC, DESK]) as running:
        yield running


@pytest.fixture
def dovecot(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dovecot]:
    """With empty mailboxes."""
    for user in server.users:
        for file in server.folder_of(user).rglob("*"):
            if file.is_file():
                file.unlink()
    monkeypatch.setattr(imap, "PAUSES_S", (0.1,))
    monkeypatch.setattr(imap, "LOOKED_INTO_S", 0.1)
    yield server
    server.set_password(PASSWORD)


def box(dovecot: Dovecot, **more: Any) -> Mailbox:
    wanted = {"name": "noc", "host": "127.0.0.1", "port": dovecot.port, "security": "none", "user": NOC,
              "password": PASSWORD, "read_old": True} | more  # fmt: skip
    return save_mailbox(**wanted, by=SCHEDULER, via=Door.CLI, at=clock.now())


@contextmanager
def reading() -> Iterator[None]:
    """A worker's thread reads the mailboxes."""
    shift = Shift("test")

    def run() -> None:
        try:
            imap.read_mailboxes(shift)
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    before = set(threading.enumerate())
    thread.start()
    try:
        yield
    finally:
        shift.stop()
        thread.join(10)
        for reader in set(threading.enumerate()) - before - {thread}:
            reader.join(10)


def bodies() -> list[bytes]:
    return [bytes(mail.raw) for mail in Mail.objects.order_by("uid_validity", "uid")]


def came(count: int) -> None:
    until(
        lambda: Mail.objects.count() >= count,
        60,
        f"{count} mails; the mailboxes say {list(Mailbox.objects.values_list('problem', flat=True))}",
    )


def raw(number: int, body: str = "Hello.") -> bytes:
    return f"From: bo@example.net\r\nSubject: number {number}\r\n\r\n{body}\r\n".encode()


def test_what_lies_there_and_what_comes_is_kept_as_it_is_whatever_was_read_there(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.put(NOC, raw(1))
    with dovecot.session(NOC) as other:
        other.select()
        other.store("1", "+FLAGS", "\\Seen")  # somebody has read it already
    monkeypatch.setattr(
        imap, "LOOK_S", 600
    )  # longer than anybody waits here: what comes is told of, not found by looking
    box(dovecot, after="leave")
    with reading():
        came(1)
        dovecot.put(NOC, raw(2))
        came(2)
    assert bodies() == [raw(1), raw(2)]
    assert {mail.way for mail in Mail.objects.all()} == {"imap"}
    with dovecot.session(NOC) as other:
        other.select()
        assert other.search(None, "UNSEEN")[1] == [b"2"]


def test_what_comes_while_another_is_fetched_is_not_left_until_the_next_look(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server tells of it in its answer to the FETCH, and to nobody who idles afterwards."""
    keep = imap._Reader._keep

    def slowly(self: Any, server: IMAPClient, validity: int, uid: int) -> None:
        if uid == 1:
            dovecot.put(NOC, raw(2))
            until(lambda: "EXISTS" in str(server.noop()), 60, "the server tells of it, and not again")
        keep(self, server, validity, uid)

    monkeypatch.setattr(imap._Reader, "_keep", slowly)
    monkeypatch.setattr(imap, "LOOK_S", 600)
    dovecot.put(NOC, raw(1))
    box(dovecot, after="leave")
    with reading():
        came(2)
    assert bodies() == [raw(1), raw(2)]


def test_nothing_comes_twice_when_we_begin_anew(dovecot: Dovecot) -> None:
    box(dovecot)
    for number in range(5):
        dovecot.put(NOC, raw(number))
    with reading():
        came(5)
    dovecot.put(NOC, raw(5))
    with reading():
        came(6)
    assert Mail.objects.count() == 6
    with dovecot.session(NOC) as other:
        other.select()
        assert other.search(None, "UNSEEN")[1] == [b""]


def test_several_mailboxes_are_read_at_once_and_one_that_refuses_us_holds_up_no_other(dovecot: Dovecot) -> None:
    noc = box(dovecot)
    desk = box(dovecot, name="desk", user=DESK)
    shut = box(dovecot, name="shut", user=DESK, password="wrong")
    with reading():
        until(lambda: bool(Mailbox.objects.get(pk=shut.pk).problem), 60, "the refusal")
        for number in range(3):
            dovecot.put(NOC, raw(number))
            dovecot.put(DESK, raw(number, "To the desk."))
        came(6)
    assert Mail.objects.filter(mailbox=noc).count() == Mail.objects.filter(mailbox=desk).count() == 3
    assert not Mail.objects.filter(mailbox=shut).exists()


def test_a_new_mailbox_begins_with_what_comes_unless_its_old_mail_is_wanted(dovecot: Dovecot) -> None:
    dovecot.put(NOC, raw(1))
    made = box(dovecot, read_old=False)
    with reading():
        until(lambda: Mailbox.objects.get(id=made.id).looked_at, 60, "it is looked at")
        dovecot.put(NOC, raw(2))
        came(1)
    assert bodies() == [raw(2)]


def test_what_was_kept_is_moved_and_also_what_somebody_died_over(dovecot: Dovecot) -> None:
    dovecot.put(NOC, raw(1))
    box(dovecot, after="leave")
    with reading():
        came(1)
    made = Mailbox.objects.get()
    Mailbox.objects.filter(id=made.id).update(after="move", move_to="Nightdesk")  # as if killed before it was moved
    with reading():
        dovecot.put(NOC, raw(2))
        came(2)

        def moved() -> bool:
            with dovecot.session(NOC) as other:
                found = other.select("Nightdesk")
                return found == ("OK", [b"2"])

        until(moved, 10, "both are moved")
    assert Mail.objects.count() == 2


def test_uids_that_begin_anew_lose_nothing_and_copies_are_known_by_what_they_say(dovecot: Dovecot) -> None:
    box(dovecot, after="leave")
    with reading():
        dovecot.put(NOC, raw(1))
        came(1)
    dovecot.forget_uids(NOC)
    with reading():
        dovecot.put(NOC, raw(2))
        came(3)
    validities = list(Mail.objects.order_by("at").values_list("uid_validity", flat=True))
    assert len(set(validities)) == 2
    assert sorted(bodies()) == [raw(1), raw(1), raw(2)]


def test_a_wrong_password_is_told_and_the_right_one_mends_it(dovecot: Dovecot) -> None:
    made = box(dovecot, password="wrong")
    dovecot.put(NOC, raw(1))
    with reading():
        until(lambda: "user and password" in Mailbox.objects.get(id=made.id).problem, 60, "it is told")
        assert Mailbox.objects.get(id=made.id).problem_at is not None
        box(dovecot, mailbox_id=made.id)
        came(1)
        until(lambda: not Mailbox.objects.get(id=made.id).problem, 10, "it is mended")


def test_a_server_that_goes_away_is_found_again(dovecot: Dovecot) -> None:
    made = box(dovecot)
    with reading():
        dovecot.put(NOC, raw(1))
        came(1)
        dovecot.stop()
        until(lambda: Mailbox.objects.get(id=made.id).problem, 60, "its absence is told")
        dovecot.put(NOC, raw(2))
        dovecot.start()
        came(2)


@pytest.mark.parametrize(
    ("security", "trusted"), [("tls", True), ("starttls", True), ("tls", False), ("starttls", False)]
)
def test_the_way_there_is_encrypted_and_only_a_trusted_server_is_spoken_to(
    dovecot: Dovecot, security: str, trusted: bool
) -> None:
    port = dovecot.tls_port if security == "tls" else dovecot.port
    certificate = dovecot.certificate.read_text() if trusted else ""
    made = box(dovecot, security=security, port=port, certificate=certificate)
    dovecot.put(NOC, raw(1))
    with reading():
        if trusted:
            came(1)
        else:
            until(lambda: "certificate" in Mailbox.objects.get(id=made.id).problem.lower(), 60, "it is refused")
            assert not Mail.objects.exists()


def test_of_a_mail_above_the_limit_the_head_and_a_beginning_are_kept(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "MOST_BYTES", 5000)
    monkeypatch.setattr(imap, "BEGINNING", 1000)
    box(dovecot)
    dovecot.put(NOC, raw(1, "x" * 70 + "\r\n" + "y" * 9000))
    dovecot.put(NOC, raw(2))
    with reading():
        came(2)
    large = Mail.objects.get(cut=True)
    assert large.size > 9000
    assert bytes(large.raw).startswith(b"From: bo@example.net\r\nSubject: number 1\r\n\r\nxxx")
    assert len(large.raw) < 1200


def test_two_workers_keep_each_message_once(dovecot: Dovecot) -> None:
    box(dovecot)
    with reading(), reading():
        for number in range(20):
            dovecot.put(NOC, raw(number))
        came(20)
    assert len(set(bodies())) == Mail.objects.count() == 20


def test_a_server_without_idle_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "LOOK_S", 1)
    monkeypatch.setattr(imap, "PAUSES_S", (0.1,))
    with Dovecot([NOC], idles=False) as plain:
        box(plain)
        with reading():
            plain.put(NOC, raw(1))
            came(1)
            plain.put(NOC, raw(2))
            came(2)


def test_without_old_mail_uids_that_begin_anew_bring_none_of_it(dovecot: Dovecot) -> None:
    box(dovecot, after="leave", read_old=False)
    with dovecot.session(NOC) as other:
        other.append("INBOX", "", imaplib.Time2Internaldate(clock.now() - timedelta(days=400)), raw(1))
    with reading():
        until(lambda: Mailbox.objects.get().looked_at, 60, "it is looked at")
        dovecot.put(NOC, raw(2))
        came(1)
    dovecot.forget_uids(NOC)
    with reading():
        dovecot.put(NOC, raw(3))
        came(3)
    assert sorted(bodies()) == [raw(2), raw(2), raw(3)]


@pytest.mark.parametrize(
    "fault", [IMAPClientError("fetch failed: NO"), ProtocolError("unparsable"), DataError("x"), None]
)
def test_a_message_that_cannot_be_had_stops_none_and_stands_in_the_ledger(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    class Stumbles(IMAPClient):  # type: ignore[misc]
        def fetch(self, messages: list[int], data: list[str]) -> Any:
            if messages != [1] or data == ["RFC822.SIZE"]:
                return super().fetch(messages, data)
            if fault is not None:
                raise fault
            return {1: {b"SEQ": 1, b"BODY[]": None}}

    monkeypatch.setattr(imap, "IMAPClient", Stumbles)
    monkeypatch.setattr(imap, "GIVES_UP_AFTER", timedelta())
    monkeypatch.setattr(imap, "LOOK_S", 1)
    dovecot.put(NOC, raw(1))
    dovecot.put(NOC, raw(2))
    box(dovecot)
    with reading():
        came(2)
        until(lambda: not Mailbox.objects.get().problem, 60, "the mailbox is well")
    failed, kept = Mail.objects.get(uid=1), Mail.objects.get(uid=2)
    assert (failed.standing, bytes(failed.raw), bytes(kept.raw)) == ("failed", b"", raw(2))
    assert "did not give it" in failed.error
    with pytest.raises(IllegalTransition):
        retry_mail(mail_id=failed.pk, by=SCHEDULER, via=Door.CLI, at=clock.now())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("fault", [KeyError("what nobody thought of"), SystemExit()])
def test_whatever_happens_to_a_reader_is_told_and_it_reads_on(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    faults = [fault]
    log_in = imap._Reader._log_in

    def stumble(reader: Any, server: IMAPClient) -> None:
        if faults:
            raise faults.pop()
        log_in(reader, server)

    monkeypatch.setattr(imap._Reader, "_log_in", stumble)
    dovecot.put(NOC, raw(1))
    box(dovecot)
    with reading():
        came(1)
    assert not faults
