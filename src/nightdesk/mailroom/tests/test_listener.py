"""Mail brought by SMTP and LMTP: 250 only after the commit, and each recipient gets the answer that is true for it."""

import asyncio
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.env import BadSetting
from nightdesk.base.models import Promise
from nightdesk.mailroom import listener
from nightdesk.mailroom.actions import add_address
from nightdesk.mailroom.models import Mail
from tests.peers.mail_servers import make_certificate
from tests.system.stack import free_port

pytestmark = pytest.mark.django_db(transaction=True)
NOC, OTHER = "noc@night.example", "desk@night.example"


class Doors:
    """Both ways in, in a loop of their own."""

    def __init__(self, encrypted: listener.Encryption | None = None) -> None:
        self.smtp, self.lmtp = free_port(), free_port()
        self._encrypted = encrypted
        self._stopping: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def both() -> None:
            self._stopping = asyncio.Event()
            places = f"127.0.0.1:{self.smtp}", f"127.0.0.1:{self.lmtp}"
            await listener.listen(*places, self._stopping, self._encrypted)

        self._loop.run_until_complete(both())

    def __enter__(self) -> "Doors":
        self._thread.start()
        for port in (self.smtp, self.lmtp):
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Doors]:
    for address in (NOC, OTHER):
        add_address(address=address, by=SCHEDULER, via=Door.CLI, at=clock.now())

    class Closing(listener.Gate):
        def close(self) -> None:
            def hang_up() -> None:
                connection.close()  # of the thread that it runs in

            for _thread in range(listener.AT_ONCE):
                self._threads.submit(hang_up).result(60)
            super().close()

    monkeypatch.setattr(listener, "Gate", Closing)
    monkeypatch.setattr(listener, "AT_ONCE", 1)
    certificate, key = make_certificate(tmp_path)
    with Doors(listener.Encryption(certificate, key)) as running:
        yield running


def smtp(doors: Doors) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", doors.smtp, timeout=60)


def lmtp(doors: Doors) -> smtplib.LMTP:
    return smtplib.LMTP("127.0.0.1", doors.lmtp)


RAW = b"Subject: hello\r\n\r\n.. a dot and \xff bytes\r\n" + b"x" * 5000 + b"\r\n"


def test_what_is_answered_with_250_is_in_the_database_byte_for_byte(doors: Doors) -> None:
    with smtp(doors) as session:
        session.sendmail("bo@example.net", [NOC, OTHER], RAW)
    mail = Mail.objects.get()
    assert bytes(mail.raw) == RAW
    assert (mail.way, mail.sender, mail.recipients, mail.peer) == ("smtp", "bo@example.net", [NOC, OTHER], "127.0.0.1")
    assert Promise.objects.get().kind == "mail.read"


def test_an_address_beyond_ascii_is_taken(doors: Doors) -> None:
    with smtp(doors) as session:
        session.ehlo()
        assert session.has_extn("smtputf8")
        session.sendmail("jürgen@example.net", [NOC], RAW, mail_options=["SMTPUTF8"])
    mail = Mail.objects.get()
    assert (mail.sender, bytes(mail.raw)) == ("jürgen@example.net", RAW)


def test_the_null_return_path_is_kept_apart_from_none(doors: Doors) -> None:
    with smtp(doors) as session:
        session.sendmail("", [NOC], RAW)
    assert Mail.objects.get().sender == ""


def test_addresses_that_are_none_of_ours_are_refused_one_by_one(doors: Doors) -> None:
    for connect in (smtp, lmtp):
        with connect(doors) as session:
            refused = session.sendmail("bo@example.net", [NOC, "al@night.example", "x@elsewhere.example"], RAW)
        assert {address: answer[0] for address, answer in refused.items()} == {
            "al@night.example": 550,
            "x@elsewhere.example": 550,
        }
    assert [mail.recipients for mail in Mail.objects.all()] == [[NOC], [NOC]]


def test_a_mail_above_the_limit_is_refused_when_it_is_announced_and_when_it_is_not(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = RAW + (b"y" * 70 + b"\r\n") * (listener.MOST_BYTES // 70)
    with smtp(doors) as session, pytest.raises(smtplib.SMTPSenderRefused) as announced:
        session.sendmail("bo@example.net", [NOC], large)
    assert announced.value.smtp_code == 552
    with smtp(doors) as session:
        session.ehlo()
        session.esmtp_features.pop("size")
        with pytest.raises(smtplib.SMTPDataError) as unannounced:
            session.sendmail("bo@example.net", [NOC], large)
        assert unannounced.value.smtp_code == 552
        session.sendmail("bo@example.net", [NOC], RAW)  # and the connection goes on
    assert Mail.objects.count() == 1


def answers_after_data(doors: Doors, raw: bytes, recipients: list[str]) -> list[int]:
    """LMTP by hand: smtplib reads one answer only. The codes behind the data, and behind the QUIT after them."""
    with socket.create_connection(("127.0.0.1", doors.lmtp), 10) as line:
        file = line.makefile("rb")

        def say(text: str) -> int:
            line.sendall(text.encode() + b"\r\n")
            return answer()

        def answer() -> int:
            while (told := file.readline())[3:4] == b"-":
                pass
            return int(told[:3])

        answer()
        say("LHLO test")
        say("MAIL FROM:<bo@example.net>")
        for recipient in recipients:
            say(f"RCPT TO:<{recipient}>")
        assert say("DATA") == 354
        line.sendall(raw + b".\r\n")
        codes = [answer() for _recipient in recipients]
        return [*codes, say("QUIT")]


def test_lmtp_has_an_answer_for_each_recipient_good_and_bad(doors: Doors) -> None:
    assert answers_after_data(doors, b"Subject: x\r\n\r\n", [NOC, OTHER]) == [250, 250, 221]
    large = (b"y" * 70 + b"\r\n") * (listener.MOST_BYTES // 70)
    assert answers_after_data(doors, large, [NOC, OTHER]) == [552, 552, 221]
    assert Mail.objects.count() == 1


def test_while_the_database_is_away_everybody_is_asked_to_come_again(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(listener, "receive_mail", away)
        with smtp(doors) as session, pytest.raises(smtplib.SMTPDataError) as later:
            session.sendmail("bo@example.net", [NOC], RAW)
        assert later.value.smtp_code == 451
        assert answers_after_data(doors, RAW, [NOC, OTHER]) == [451, 451, 221]
        patched.setattr(listener, "is_accepted", away)
        with smtp(doors) as session, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            session.sendmail("bo@example.net", [NOC], RAW)
        assert refused.value.recipients[NOC][0] == 451
    with smtp(doors) as session:
        session.sendmail("bo@example.net", [NOC], RAW)
    assert Mail.objects.count() == 1


def test_a_peer_gone_mad_is_slowed_down(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "PEERS", Buckets(a_second=0.001, size=2))
    with smtp(doors) as session:
        for _mail in range(2):
            session.sendmail("bo@example.net", [NOC], RAW)
        with pytest.raises(smtplib.SMTPDataError) as slowed:
            session.sendmail("bo@example.net", [NOC], RAW)
    assert slowed.value.smtp_code == 451
    assert Mail.objects.count() == 2


@pytest.mark.parametrize("place", ["nonsense", "127.0.0.1:", ":25x", "127.0.0.1:99999"])
def test_a_place_that_cannot_be_listened_on_is_named(place: str) -> None:
    with pytest.raises(BadSetting):
        asyncio.run(listener.listen(place, "", asyncio.Event()))


def test_the_way_is_encrypted_for_whoever_asks_and_a_renewed_certificate_counts_at_once(
    doors: Doors, tmp_path: Path
) -> None:
    for _time in range(2):
        context = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
        for kind, port in ((smtplib.SMTP, doors.smtp), (smtplib.LMTP, doors.lmtp)):
            with kind("localhost", port, timeout=60) as session:
                session.ehlo()
                assert session.has_extn("starttls")
                session.starttls(context=context)
                session.ehlo()
                assert session.sendmail("bo@example.net", [NOC], b"Subject: x\r\n\r\nHello") == {}
        make_certificate(tmp_path)
    assert Mail.objects.count() == 4


def test_a_certificate_that_cannot_be_read_stops_the_start_and_a_broken_new_one_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path)
    encrypted = listener.Encryption(certificate, key)
    before = encrypted.context()
    certificate.write_text("no certificate")
    assert encrypted.context() is before
    monkeypatch.setattr(listener, "CERTIFICATE", tmp_path / "missing.pem")
    with pytest.raises(BadSetting, match="NIGHTDESK_MAIL_CERTIFICATE"):
        listener.encryption()
