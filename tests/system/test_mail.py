"""Mail both ways, all of it real: Nightdesk, postfix and dovecot. Bo answers from a mailbox, machines raise alarms by mail."""

import contextlib
import os
import random
import signal
import smtplib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage, Message
from typing import Any

import pytest

from tests.peers.mail_servers import PASSWORD, Dovecot, Postfix, can_run_postfix
from tests.requires import requires
from tests.system.stack import Stack, free_port, stack, until

pytestmark = [
    requires("postfix", "dovecot"),
    pytest.mark.skipif(not can_run_postfix(), reason="postfix' master starts only as root"),
]
BO, GONE, NOC = "bo@quayside.example", "gone@quayside.example", "noc@quayside.example"
SEED = int(os.environ.get("NIGHTDESK_SEED", str(random.SystemRandom().randrange(10**6))))


@dataclass
class Post:
    """Who carries mail here; `staged` as in `tests.system.night`."""

    stack: Stack
    dovecot: Dovecot
    postfix: Postfix
    staged: dict[str, Any]

    def alarm(self, words: str) -> None:
        """Monitoring says so by HTTP."""
        body = {"summary": words, "dedup_key": words, "source": words, "severity": "critical"}
        status, _ = self.stack.post(f"/hooks/generic/{self.staged['keys']['generic']}", body)
        assert status == 202

    def got(self, words: str, *, count: int = 1) -> Message:
        """The newest of at least `count` mails in Bo's mailbox whose subject holds `words`."""

        def found() -> list[Message]:
            return [mail for mail in self.dovecot.mails(BO) if words in str(mail["Subject"])]

        until(lambda: len(found()) >= count, 20, f"Bo has {words!r}: {[m['Subject'] for m in self.dovecot.mails(BO)]}")
        return found()[-1]

    def page(self, words: str) -> tuple[str, str | None]:
        """(state, owner's name) of the page about `words`."""
        query = (
            "SELECT p.state, o.name FROM paging_page p LEFT JOIN people_person o ON o.id = p.owner_id "
            "WHERE p.title LIKE %s ORDER BY p.started_at DESC LIMIT 1"
        )
        return self.stack.rows(query, f"%{words}%")[0]  # type: ignore[return-value]

    def standing(self, title: str) -> str:
        """What became of the mail with that subject."""
        rows = self.stack.rows("SELECT standing FROM mailroom_mail WHERE title = %s", title)
        return str(rows[0][0]) if rows else ""

    def is_read(self, title: str) -> str:
        """Wait until the mail with that subject has come in and was read; what became of it."""
        return str(until(lambda: self.standing(title).replace("waiting", ""), 20, f"{title!r} is read"))


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    smtp, lmtp = free_port(), free_port()
    hand_on = {"night.example": f"lmtp:inet:127.0.0.1:{lmtp}", "door.example": f"smtp:[127.0.0.1]:{smtp}"}
    with (
        Dovecot([BO, NOC]) as dovecot,
        Postfix(dovecot, hand_on) as postfix,
        stack(
            NIGHTDESK_MAIL_LISTEN=f"127.0.0.1:{smtp}",
            NIGHTDESK_LMTP_LISTEN=f"127.0.0.1:{lmtp}",
            NIGHTDESK_MAIL_FROM="Nightdesk <pager@night.example>",
        ) as running,
    ):
        mailbox = {"name": "noc", "host": "127.0.0.1", "port": dovecot.port, "security": "none", "user": NOC}
        staged = running.stage(
            people=[
                {"name": "Bo Lindqvist", "email": BO, "phone": "+447700900101"},
                {"name": "Cy Gone", "email": GONE, "phone": "+447700900102"},
            ],
            smtp={"host": "127.0.0.1", "port": postfix.port, "receipts": True},
            step_s=3600,
            storm_limit=1000,
            formats=["generic", "email"],
            addresses=["@night.example", NOC],
            mailboxes=[mailbox | {"password": PASSWORD}],
            ignored="of many",
        )
        until(
            lambda: running.rows("SELECT 1 FROM mailroom_mailbox WHERE looked_at IS NOT NULL"), 20, "noc is looked at"
        )
        yield Post(running, dovecot, postfix, staged)


def test_bo_answers_ok_and_nobody_and_nothing_else_does(post: Post) -> None:
    post.alarm("db is down")
    mail = post.got("db is down")
    answer_to = str(mail["Reply-To"])
    assert answer_to.startswith("page+")
    assert str(mail["Return-Path"]).startswith("<bounce+")

    away = "Automatic reply: db is down"
    post.postfix.send(BO, answer_to, away, "I am away; ok?", Auto_Submitted="auto-replied")
    assert post.is_read(away) == "kept"
    post.postfix.send("mallory@elsewhere.example", answer_to, "Re: forged", "ok")
    assert post.is_read("Re: forged") == "kept"
    assert post.page("db is down") == ("triggered", None)

    quoted = "ok\n\nBo Lindqvist\n+44 20 7946 0000\n\nOn Tue, 3 Nov 2026 at 04:01 Nightdesk wrote:\n> db is down\n"
    post.postfix.send(BO, answer_to, "Re: db is down", quoted)
    assert post.is_read("Re: db is down") == "done"
    assert post.page("db is down") == ("acknowledged", "Bo Lindqvist")
    assert "You have it" in str(post.got("You have it")["Subject"])
    vias = post.stack.rows("SELECT via FROM journal_entry WHERE kind = 'page.acknowledged'")
    assert vias == [("email",)]


def test_an_answer_without_the_address_is_found_by_what_it_answers(post: Post) -> None:
    post.alarm("router is down")
    mail = post.got("router is down")
    post.postfix.send(BO, "pager@night.example", "no such address", "ok")  # refused: nobody takes plain mail there
    post.postfix.send(BO, NOC, "Re: router is down", "ok", In_Reply_To=str(mail["Message-ID"]))
    assert post.is_read("Re: router is down") == "done"
    assert post.page("router is down")[0] == "acknowledged"
    until(
        lambda: any("no such address" in str(one) for one in post.dovecot.mails(BO)), 20, "the refusal comes back to Bo"
    )


def test_what_is_not_understood_is_said_once_and_noted(post: Post) -> None:
    post.alarm("fan is loud")
    answer_to = str(post.got("fan is loud")["Reply-To"])
    for number in range(2):
        post.postfix.send(BO, answer_to, f"Re: fan {number}", "who wrote this?")
        assert post.is_read(f"Re: fan {number}") == "done"
    post.postfix.send(BO, answer_to, "Re: fan last", "ok")
    post.is_read("Re: fan last")
    post.got("You have it: fan is loud")
    helps = [one for one in post.dovecot.mails(BO) if "not understood" in str(one["Subject"])]
    assert len(helps) == 1
    assert post.page("fan is loud")[0] == "acknowledged"


def test_a_mailbox_that_has_the_mail_says_so_and_one_that_is_gone_is_marked(post: Post) -> None:
    post.alarm("disk is full")
    post.got("disk is full")
    state = (
        "SELECT d.state FROM channels_delivery d JOIN channels_message m ON m.id = d.message_id WHERE m.title LIKE %s"
    )
    until(
        lambda: post.stack.rows(f"{state} AND d.address = %s", "%disk is full%", BO) == [("delivered",)],
        20,
        "the receipt is in the ledger",
    )
    post.stack.cli(
        "ack", post.stack.rows("SELECT code FROM paging_page WHERE title = 'disk is full'")[0][0], "--as", BO
    )
    to_cy = {"to_person_id": post.staged["people"][1]}
    token = post.stack.cli("token", "new", "t", "--scope", "admin", "--user", BO).splitlines()[-1]
    page_id = post.stack.rows("SELECT id FROM paging_page WHERE title = 'disk is full'")[0][0]
    bearer = {"Authorization": f"Bearer {token}"}
    status, said = post.stack.post(f"/api/v1/pages/{page_id}/reassign", to_cy, **bearer)
    assert status == 200, said
    broken = "SELECT broken_why FROM people_contactmethod WHERE address = %s AND broken_at IS NOT NULL"
    until(lambda: post.stack.rows(broken, GONE), 30, "the dead address is marked at its person")
    assert post.stack.rows("SELECT state FROM channels_delivery WHERE address = %s", GONE) == [("failed",)]
    # The next ring goes only by what works.
    status, said = post.stack.post(
        "/api/v1/pages", {"brand_id": post.staged["brand"], "title": "later", "priority": "P1"}, **bearer
    )
    assert status == 201, said
    later = post.stack.rows("SELECT id FROM paging_page WHERE title = 'later'")[0][0]
    post.stack.cli("ack", post.stack.rows("SELECT code FROM paging_page WHERE title = 'later'")[0][0], "--as", BO)
    status, said = post.stack.post(f"/api/v1/pages/{later}/reassign", to_cy, **bearer)
    assert status == 200, said
    query = "SELECT DISTINCT channel FROM channels_delivery WHERE subject_id = %s AND recipient_id = %s"
    assert post.stack.rows(query, str(later), str(to_cy["to_person_id"])) == [("sms",)]


@pytest.mark.parametrize("place", ["alarm+{key}@night.example", "noc+alarm+{key}@quayside.example"])
def test_an_alarm_by_mail_pages_and_its_end_resolves(post: Post, place: str) -> None:
    to = place.format(key=post.staged["keys"]["email"])
    what = f"backup of {place[:3]}"
    post.postfix.send("backup@quayside.example", to, f"PROBLEM: {what}", "It failed.", Auto_Submitted="auto-generated")
    post.got(what)
    assert post.page(what)[0] == "triggered"
    post.postfix.send(
        "backup@quayside.example", to, f"RECOVERY: {what}", "All is well.", Auto_Submitted="auto-generated"
    )
    until(lambda: post.page(what)[0] == "resolved", 20, "it is over")


def test_mail_can_be_fed_from_a_pipe(post: Post, tmp_path: Any) -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "backup@quayside.example", "CRITICAL: fed by hand"
    mail.set_content("x")
    file = tmp_path / "a.eml"
    file.write_bytes(mail.as_bytes())
    key = post.staged["keys"]["email"]
    post.stack.cli("mail", "read", str(file), "--to", f"alarm+{key}@night.example")
    post.got("fed by hand")
    assert "fed by hand" in post.stack.cli("mail", "list", "--search", "fed by hand")


def test_nothing_is_lost_and_nothing_doubled_whatever_is_killed_while_mail_comes(post: Post) -> None:
    count, kills = 120, 6
    print(f"\n{count} mails, {kills} kills, NIGHTDESK_SEED={SEED}")
    chance = random.Random(SEED)
    key = post.staged["keys"]["email"]
    places = (f"alarm+{key}@night.example", f"noc+alarm+{key}@quayside.example")
    moments = sorted(chance.sample(range(count), kills))
    with smtplib.SMTP("127.0.0.1", post.postfix.port) as session:
        for number in range(count):
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = "m@quayside.example", places[number % 2], f"{number} of many"
            mail["Message-ID"] = f"<many-{SEED}-{number}@quayside.example>"
            mail.set_content("x")
            session.sendmail("m@quayside.example", [places[number % 2]], mail.as_bytes())
            if number in moments:
                with contextlib.suppress(ProcessLookupError, LookupError):
                    os.kill(post.stack.pid_of(chance.choice(("worker", "listen"))), signal.SIGKILL)
            time.sleep(0.02)
    mails = "SELECT message_id, count(*) FROM mailroom_mail WHERE message_id LIKE %s AND standing = 'done' GROUP BY 1"
    pattern = f"many-{SEED}-%"
    until(lambda: len(post.stack.rows(mails, pattern)) == count, 90, "every mail is read")
    assert {times for _id, times in post.stack.rows(mails, pattern)} == {1}
    raws = "SELECT headers->>'Subject', count(*) FROM paging_rawalarm WHERE headers->>'Subject' LIKE '%% of many' GROUP BY 1"
    alarms = dict(post.stack.rows(raws))
    assert len(alarms) == count
    assert set(alarms.values()) == {1}
    copies = post.stack.rows(
        "SELECT count(*) FROM mailroom_mail WHERE message_id LIKE %s AND standing = 'copy'", pattern
    )
    print(f"{copies[0][0]} mails came twice, and were known")
