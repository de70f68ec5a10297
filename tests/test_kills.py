"""SIGKILL of worker, web or PostgreSQL at random moments during alarms: nothing that was accepted is lost.

`NIGHTDESK_KILLS` says how many kills (12), `NIGHTDESK_SEED` repeats a run; both are printed.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.system.night import BO, BO_PHONE, Night, night
from tests.system.stack import until

KILLS = int(os.environ.get("NIGHTDESK_KILLS", "12"))
SEED = int(os.environ.get("NIGHTDESK_SEED", str(random.SystemRandom().randrange(10**6))))
VICTIMS = ("worker", "web", "postgres")
IN_FLIGHT = 40
"""Messages that one worker may have handed over without having recorded it yet."""


@dataclass
class Evidence:
    """What was accepted (key -> when) and how long each kill kept alarms from getting through."""

    accepted: dict[str, float] = field(default_factory=dict)
    tried: int = 0
    recovered: list[tuple[str, float]] = field(default_factory=list)


def send_alarm(tonight: Night, seen: Evidence) -> bool:
    """One alarm as PagerDuty's clients send it; True when it was accepted. What was not is tried again by the caller."""
    seen.tried += 1
    key = f"kill-{SEED}-{seen.tried}"
    event = {
        "routing_key": tonight.staged["keys"]["pagerduty_v2"],
        "event_action": "trigger",
        "dedup_key": key,
        "payload": {"summary": f"alarm {key} rings", "source": f"host-{seen.tried}", "severity": "critical"},
    }
    with contextlib.suppress(OSError):
        status, _ = tonight.stack.post("/v2/enqueue", event)
        if status == 202:
            seen.accepted[key] = time.time()
            return True
    return False


def arrived(tonight: Night, key: str) -> bool:
    """Whether both the mail and the text about `key` have reached Bo."""
    words = f"alarm {key} rings"
    return bool(tonight.mails_to(BO, words) and tonight.texts_to(BO_PHONE, words))


def test_every_accepted_alarm_is_delivered_whatever_is_killed() -> None:
    print(f"\n{KILLS} kills, NIGHTDESK_SEED={SEED}")
    chance = random.Random(SEED)
    seen = Evidence()
    # Nobody answers here: the next step is a day off, so that whatever Bo gets twice is a repeat and not a ring.
    with night(step_s=24 * 3600) as tonight:
        for number in range(KILLS):
            victim = chance.choice(VICTIMS)
            for _ in range(chance.randrange(1, 6)):
                send_alarm(tonight, seen)
            time.sleep(chance.random() * 0.15)
            killed_at = time.monotonic()
            os.kill(tonight.stack.pid_of(victim), signal.SIGKILL)
            until(lambda: send_alarm(tonight, seen), 20, f"an alarm is accepted after kill {number} of {victim}")
            newest = list(seen.accepted)[-1]
            until(lambda: arrived(tonight, newest), 20, f"{newest} gets through after kill {number} of {victim}")  # noqa: B023
            seen.recovered.append((victim, time.monotonic() - killed_at))
        for key in seen.accepted:
            until(lambda: arrived(tonight, key), 20, f"{key} was accepted and did not arrive")  # noqa: B023
        check_the_books(tonight, seen)
    worst = max(seconds for _, seconds in seen.recovered)
    print(f"{len(seen.accepted)} accepted of {seen.tried} tried, 0 lost; slowest recovery {worst:.1f} s")
    assert worst < 10.0


def check_the_books(tonight: Night, seen: Evidence) -> None:
    """No accepted alarm without its journal rows; repeats carry the same id and are no more than were in flight."""
    written = Counter(
        title
        for (title,) in tonight.stack.rows(
            "SELECT p.title FROM journal_entry j JOIN paging_page p ON p.id::text = j.subject_id "
            "WHERE j.kind = 'page.triggered'"
        )
    )
    for key in seen.accepted:
        assert written[f"alarm {key} rings"] == 1, f"{key} has {written[f'alarm {key} rings']} journal rows"
    repeats = 0
    for key in seen.accepted:
        mails = tonight.mails_to(BO, f"alarm {key} rings")
        ids = {mail.message["Message-ID"] for mail in mails}
        assert len(ids) == 1, f"{key}: repeats with different ids {ids}"
        repeats += len(mails) - 1
    assert repeats <= KILLS * IN_FLIGHT
    print(f"{repeats} mails were repeated, each with its first id")
    until(lambda: tonight.stack.cli("journal", "verify"), 10, "the seals hold")
