"""Two machines on two PostgreSQL 15 servers: the primary is killed under load and the other takes over. Nothing is lost."""

import contextlib
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.peers.two_servers import two_servers
from tests.requires import requires
from tests.system.night import AL_PHONE, BO_PHONE, Night, night
from tests.system.stack import Stack, free_port, stack, until

OURS = "noc@night.example"
STEP_S = 6
"""Seconds after which an alarm that nobody took rings the next person: the promise that each alarm makes."""
BEFORE_S, AWAY_S, AFTER_S = 3.0, 2.0, 4.0
GAP_S = 1.0
BOTH = {"NIGHTDESK_SECRET_KEY": "the same on every machine, and of no use to anybody"}


@dataclass
class Taken:
    """What one sender was told: (when, what) of all that was acknowledged, and how much was refused."""

    acknowledged: list[tuple[float, str]] = field(default_factory=list)
    refused: int = 0

    def first_after(self, instant: float) -> float:
        """Seconds from `instant` to the next acknowledgement."""
        return min(at for at, _ in self.acknowledged if at >= instant) - instant


@contextlib.contextmanager
def sending(one: Callable[[str], bool], prefix: str) -> Iterator[Taken]:
    """`one` is called in a thread with a new name, some twenty times a second, until the end of the block."""
    taken, ended = Taken(), threading.Event()

    def send() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            name = f"{prefix}-{number:04d}"
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if one(name):
                    taken.acknowledged.append((time.time(), name))
                    continue
            taken.refused += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield taken
    finally:
        ended.set()
        thread.join(30)


def alarms(machine: Stack, key: str) -> Callable[[str], bool]:
    def one(name: str) -> bool:
        return machine.post(f"/hooks/generic/{key}", {"summary": f"router {name}.", "dedup_key": name})[0] == 202

    return one


def mails(port: int) -> Callable[[str], bool]:
    def one(name: str) -> bool:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "mo@customer.example", OURS, name
        mail["Message-ID"] = f"<{name}@customer.example>"
        mail.set_content("It is down again.")
        with smtplib.LMTP("127.0.0.1", port, timeout=10) as door:
            return not door.send_message(mail)

    return one


def who_got(here: Night, phone: str) -> Counter[str]:
    """How often each alarm rang at that phone."""
    texts = here.sms.messages.all(lambda text: text.to == phone and "router " in text.body)
    return Counter(text.body.partition("router ")[2].partition(".")[0] for text in texts)


@requires("postgresql")
def test_the_primary_is_killed_and_nothing_acknowledged_is_lost() -> None:
    lmtp = free_port()
    with (
        two_servers() as servers,
        night(
            step_s=STEP_S,
            storm_limit=10_000,
            NIGHTDESK_DATABASE_URL=servers.url,
            NIGHTDESK_LMTP_LISTEN=f"127.0.0.1:{lmtp}",
            **BOTH,
        ) as here,
        stack(NIGHTDESK_DATABASE_URL=servers.url, **BOTH) as other,
    ):
        here.stack.cli("shell", "-c", OWN_ADDRESS)
        key = here.staged["keys"]["generic"]
        with (
            sending(alarms(here.stack, key), "one") as at_one,
            sending(alarms(other, key), "two") as at_other,
            sending(mails(lmtp), "mail") as by_mail,
        ):
            time.sleep(BEFORE_S)
            servers.kill_primary()
            killed_at = time.time()
            time.sleep(AWAY_S)
            promoted_at = servers.promote()
            time.sleep(AFTER_S)
        everything = [*at_one.acknowledged, *at_other.acknowledged]
        names = {name for _, name in everything}
        assert [name for at, name in everything if killed_at + 0.05 < at < promoted_at] == []
        gaps = {
            "alarms at one": at_one.first_after(promoted_at),
            "alarms at the other": at_other.first_after(promoted_at),
            "mails": by_mail.first_after(promoted_at),
        }
        for phone in (BO_PHONE, AL_PHONE):
            until(lambda: not names - set(who_got(here, phone)), 60, f"every acknowledged alarm rings {phone}")  # noqa: B023
        kept = {title for (title,) in here.stack.rows("SELECT title FROM mailroom_mail")}
        assert {name for _, name in by_mail.acknowledged} <= kept
        pages = Counter(title for (title,) in here.stack.rows("SELECT title FROM paging_page"))
        assert {pages[f"router {name}."] for name in names} == {1}
        here.stack.cli("journal", "verify")
        for who, query in LISTENERS.items():
            until(lambda: len(here.stack.rows(IS_THERE, query)) == 2, 20, f"the {who} of both machines listens again")  # noqa: B023
        first_text = min(text.received_at for text in here.sms.messages.all(lambda t: t.received_at > promoted_at))
        repeats = sum((who_got(here, BO_PHONE) + who_got(here, AL_PHONE)).values()) - 2 * len(names)
        refused = at_one.refused + at_other.refused + by_mail.refused
        told = {what: round(gap, 2) for what, gap in {**gaps, "texts": first_text - promoted_at}.items()}
        print(
            f"\n{len(names)} alarms and {len(by_mail.acknowledged)} mails acknowledged, {refused} refused, 0 lost, "
            f"{repeats} texts repeated; seconds from the promotion to the first: {told}"
        )
        assert max(gaps.values()) <= GAP_S
        assert first_text - promoted_at <= 2 * GAP_S


LISTENERS = {"worker": "LISTEN %", "web process": "%FROM base_promise WHERE ended_as = 'dead'"}
"""Their last statement while they listen."""
IS_THERE = "SELECT pid FROM pg_stat_activity WHERE query LIKE %s"
OWN_ADDRESS = f"""
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.mailroom import actions
actions.add_address(
    address="{OURS}", brand_id=Brand.objects.get().id, by=SCHEDULER, via=Door.CLI, at=clock.now()
)
"""
