"""Mails kept, read, handed on: once, in the right hands, and none lost over another."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from nightdesk.base import clock, promises
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import IllegalTransition, Invalid
from nightdesk.mailroom import actions, handing, queries
from nightdesk.mailroom.actions import TRIES, add_address, receive_mail, retry_mail, save_mailbox
from nightdesk.mailroom.automatic import OUR_HEADER
from nightdesk.mailroom.handing import Arrived, Handler, Taken, our_mark
from nightdesk.mailroom.models import Mail, Mailbox
from nightdesk.mailroom.queries import address_for, how_it_does, is_accepted

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
HOW: dict[str, Any] = {"by": SCHEDULER, "via": Door.EMAIL, "at": AT}


class Room:
    """A mailroom with a handler of each kind, and what reached them."""

    def __init__(self) -> None:
        self.at = AT
        self.took: list[tuple[str, str, str]] = []
        self.breaks = 0

    def handler(self, name: str) -> Handler:
        def take(arrived: Arrived, key: str, at: datetime) -> Taken:
            self.took.append((name, key, arrived.letter.title))
            if self.breaks:
                self.breaks -= 1
                Mailbox.objects.create(name="half done", host="x", user="x", set_up_at=at)
                raise ZeroDivisionError("a fault of ours")
            return Taken("done", f"{name} took it.", ("thing", key))

        return Handler(take, knows=lambda key: key != "unknown", from_machines=name == "alarm")

    def thread(self, arrived: Arrived, at: datetime) -> Taken | None:
        if "ours@night.example" not in arrived.letter.thread:
            return None
        self.took.append(("thread", "ours@night.example", arrived.letter.title))
        return Taken("done", "thread took it.")

    def come(self, to: str, title: str = "Hello", *, sender: str | None = "bo@example.net", **more: Any) -> Mail:
        """A mail comes by SMTP; it is not read yet."""
        self.at += timedelta(seconds=1)
        headers = {"From": "Bo <bo@example.net>", "To": "somebody@elsewhere.example", "Subject": title,
                   "Message-ID": f"<{self.at.timestamp()}@example.net>"} | more.pop("headers", {})  # fmt: skip
        raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value) + "\r\nHello.\r\n"
        return receive_mail(
            way="smtp", raw=raw.encode(), sender=sender, recipients=[to], **(HOW | {"at": self.at} | more)
        )

    def read(self, mail: Mail) -> Mail:
        """The worker keeps the promises that are due, as often as they are put back."""
        for _attempt in range(12):
            row = Promise.objects.filter(subject_id=str(mail.id), ended_at=None).first()
            if row is None:
                break
            row.attempt += 1
            row.save(update_fields=["attempt"])
            promises.keep(row)
            self.at += timedelta(minutes=1)
        mail.refresh_from_db()
        return mail

    def comes_and_is_read(self, to: str, title: str = "Hello", **more: Any) -> Mail:
        return self.read(self.come(to, title, **more))


@pytest.fixture
def room(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    made = Room()
    monkeypatch.setattr(handing, "BY_ADDRESS", {})
    handlers = {word: made.handler(word or "desk") for word in ("page", "alarm", "bounce", "")}
    for where in (handing, actions):
        monkeypatch.setattr(where, "BY_ADDRESS", handlers)
        monkeypatch.setattr(where, "BY_THREAD", [made.thread])
    monkeypatch.setattr("nightdesk.mailroom.queries.BY_ADDRESS", handlers)
    with clock.replaced_by(lambda: made.at):
        add_address(address="@night.example", **HOW)
        add_address(address="noc@example.com", **HOW)
        yield made


@pytest.mark.parametrize(
    ("to", "took"),
    [
        ("page+abc@night.example", ("page", "abc")),
        ("alarm+k1@night.example", ("alarm", "k1")),
        ("noc+alarm+k1@example.com", ("alarm", "k1")),
        ("Page+ABC@Night.Example", ("page", "abc")),
        ("noc@example.com", ("desk", "noc")),
        ("noc+friday@example.com", ("desk", "noc")),
    ],
)
def test_a_mail_reaches_whoever_its_address_means(room: Room, to: str, took: tuple[str, str]) -> None:
    mail = room.comes_and_is_read(to)
    assert (mail.standing, mail.outcome) == ("done", f"{took[0]} took it.")
    assert room.took == [(*took, "Hello")]
    assert (mail.subject_kind, mail.subject_id) == ("thing", took[1])


def test_where_there_is_no_envelope_the_header_says_for_whom_it_is(room: Room) -> None:
    mail = room.come("", headers={"To": "Night <alarm+k1@night.example>"})
    Mail.objects.filter(id=mail.id).update(recipients=[])
    room.read(mail)
    assert room.took == [("alarm", "k1", "Hello")]


def test_an_answer_is_found_by_its_thread_before_the_plain_address_counts(room: Room) -> None:
    room.comes_and_is_read("noc@example.com", headers={"References": "<x@y> <ours@night.example> <z@y>"})
    assert [took[0] for took in room.took] == ["thread"]


@pytest.mark.parametrize("header", [{"Auto-Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"Return-Path": "<>"}])
def test_a_machines_mail_is_an_alarm_and_never_an_answer(room: Room, header: dict[str, str]) -> None:
    sender = None if "Return-Path" in header else "bo@example.net"
    kept = room.comes_and_is_read("page+abc@night.example", headers=header, sender=sender)
    assert (kept.standing, room.took) == ("kept", [])
    assert "no answer" in kept.outcome
    room.comes_and_is_read("alarm+k1@night.example", headers=header, sender=sender)
    assert room.took == [("alarm", "k1", "Hello")]


def test_a_mail_of_ours_that_comes_back_does_nothing_at_all(room: Room) -> None:
    mail = room.comes_and_is_read("alarm+k1@night.example", headers={OUR_HEADER: our_mark()})
    assert (mail.standing, room.took) == ("kept", [])
    room.comes_and_is_read("alarm+k1@night.example", headers={OUR_HEADER: "another installation"})
    assert len(room.took) == 1


def test_the_same_mail_twice_is_acted_on_once_and_to_another_address_again(room: Room) -> None:
    same = {"Message-ID": "<same@example.net>"}
    room.comes_and_is_read("alarm+k1@night.example", headers=same)
    copy = room.comes_and_is_read("alarm+k1@night.example", headers=same)
    assert copy.standing == "copy"
    assert copy.subject_id == "k1"
    room.comes_and_is_read("alarm+k2@night.example", headers=same)
    assert [key for _name, key, _title in room.took] == ["k1", "k2"]


def test_two_alarms_that_say_the_same_without_an_id_are_two(room: Room) -> None:
    for _time in range(2):
        room.comes_and_is_read("alarm+k1@night.example", headers={"Message-ID": ""})
    assert len(room.took) == 2


def test_what_somebody_stumbles_over_is_tried_again_and_leaves_nothing_half_done(room: Room) -> None:
    room.breaks = TRIES - 1
    mail = room.comes_and_is_read("page+abc@night.example")
    assert (mail.standing, len(room.took)) == ("done", TRIES)
    assert not Mailbox.objects.exists()


def test_a_poisonous_mail_is_kept_with_its_error_and_stops_no_other(room: Room) -> None:
    room.breaks = 100
    poison = room.comes_and_is_read("page+abc@night.example")
    assert (poison.standing, poison.error) == ("failed", "ZeroDivisionError: a fault of ours")
    assert bytes(poison.raw)
    assert not Mailbox.objects.exists()
    room.breaks = 0
    assert room.comes_and_is_read("page+def@night.example").standing == "done"
    retry_mail(mail_id=poison.id, **(HOW | {"at": room.at}))
    assert room.read(poison).standing == "done"
    with pytest.raises(IllegalTransition):
        retry_mail(mail_id=poison.id, **(HOW | {"at": room.at}))


def test_a_mail_is_not_given_up_for_a_disk_that_is_full(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = room.come("page+abc@night.example")

    def full(*_: object, **__: object) -> None:
        raise OperationalError("could not extend file: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(actions, "_hand_on", full)
        assert room.read(mail).standing == "waiting"  # after more tries than any other mail is given
    assert room.read(mail).standing == "done"


def test_a_mail_that_killed_every_reader_is_not_read_for_ever(room: Room) -> None:
    mail = room.come("page+abc@night.example")
    Promise.objects.filter(subject_id=str(mail.id)).update(attempt=actions.BEGUN_AT_MOST)
    assert room.read(mail).standing == "failed"
    assert room.took == []


def test_reading_a_mail_twice_changes_nothing(room: Room) -> None:
    mail = room.comes_and_is_read("page+abc@night.example")
    assert actions.read_mail(mail_id=mail.id, **HOW) == mail.outcome
    assert len(room.took) == 1


def test_a_message_of_a_mailbox_is_kept_once(room: Room) -> None:
    box = save_mailbox(name="noc", host="mail.example.com", user="noc", password="x", **HOW)
    got = [
        receive_mail(way="imap", raw=b"Subject: x\n\n", mailbox=box, uid_validity=validity, uid=uid, **HOW)
        for validity, uid in ((1, 1), (1, 1), (1, 2), (2, 1))
    ]
    assert got[0].id == got[1].id
    assert Mail.objects.count() == Promise.objects.filter(kind="mail.read").count() == 3


def test_only_addresses_that_somebody_takes_are_accepted_at_the_door(room: Room) -> None:
    for good in ("page+abc@night.example", "noc@example.com", "noc+alarm+k@example.com", "postmaster@night.example"):
        assert is_accepted(good), good
    handing.BY_ADDRESS.pop("")
    for bad in (
        "page+unknown@night.example",
        "bo@elsewhere.example",
        "al@example.com",
        "nobody@night.example",
        "",
        "@",
    ):
        assert not is_accepted(bad), bad


def test_nobodys_mail_is_kept_and_says_so(room: Room) -> None:
    mail = room.comes_and_is_read("bo@elsewhere.example")
    assert (mail.standing, room.took) == ("kept", [])
    assert "Nobody here" in mail.outcome


def test_answers_are_asked_for_at_an_address_of_ours_or_nowhere(room: Room) -> None:
    assert address_for("page", "abc", None) == "page+abc@night.example"
    assert address_for("page", "abc", None, []) == ""


def test_an_address_is_ours_once_and_a_strange_one_is_refused(room: Room) -> None:
    again = add_address(address="NOC@example.com", **HOW)
    assert again.address == "noc@example.com"
    with pytest.raises(Invalid):
        add_address(address="noc+x@example.com", **HOW)


def test_a_mailbox_says_how_it_does(room: Room) -> None:
    box = save_mailbox(name="noc", host="mail.example.com", user="noc", password="secret", **HOW)
    assert b"secret" not in bytes(box.password)
    assert how_it_does(box, AT)[0] == ""
    assert how_it_does(box, AT + timedelta(minutes=5))[0] == "fire"
    actions.note_mailbox(mailbox_id=box.id, problem="no such user", **HOW)
    box.refresh_from_db()
    assert how_it_does(box, AT) == ("fire", "no such user")
    actions.note_mailbox(mailbox_id=box.id, problem="", **HOW)
    box.refresh_from_db()
    assert how_it_does(box, AT)[0] == "calm"
    changed = save_mailbox(mailbox_id=box.id, name="noc", host="mail.example.com", user="other", **HOW)
    assert bytes(changed.password) == bytes(box.password)
    with pytest.raises(Invalid):
        save_mailbox(name="noc", host="x", user="y", **HOW)


def test_words_are_looked_for_in_the_newest_of_the_days_chosen_and_an_id_in_all(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, *between, new = (room.comes_and_is_read("noc@example.com", f"Fan {number}") for number in range(4))
    monkeypatch.setattr(queries, "LOOKED_THROUGH", 2)
    found = [mail.title for mail in queries.mails(queries.Filters(text="fan"))]
    assert found == ["Fan 3", "Fan 2"]
    assert list(queries.mails(queries.Filters(text="fan", until=new.at))) == between[::-1]
    assert list(queries.mails(queries.Filters(text=f"<{old.message_id}>"))) == [old]
