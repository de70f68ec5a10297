"""SIGKILL of worker, web or PostgreSQL at random moments while alarms go out by every channel: nothing accepted is lost.

`NIGHTDESK_KILLS` says how many kills (6), `NIGHTDESK_SEED` repeats a run; both are printed.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from tests.requires import requires
from tests.system.everyway import CHANNELS, NAMES_IT, Everyway, everyway
from tests.system.stack import until

pytestmark = requires("smpp")
KILLS = int(os.environ.get("NIGHTDESK_KILLS", "6"))
SEED = int(os.environ.get("NIGHTDESK_SEED", str(random.SystemRandom().randrange(10**6))))
VICTIMS = ("worker", "web", "postgres")
REPEATS_AFTER = frozenset({"worker", "postgres"})
"""Of whom a kill may leave it open whether a message is out. The web server hands nothing over."""
LATER = timedelta(minutes=10)
"""Every receipt is due by then."""


@dataclass
class Evidence:
    """What was accepted (keys, in their order), and how long each kill kept alarms from getting through.

    `unrecorded`: (key, channel) of what was accepted and is not known to be handed over, as far as has been looked;
    `in_flight`: how many kills met each of these.
    """

    accepted: list[str] = field(default_factory=list)
    tried: int = 0
    recovered: list[tuple[str, float]] = field(default_factory=list)
    unrecorded: set[tuple[str, str]] = field(default_factory=set)
    in_flight: Counter[tuple[str, str]] = field(default_factory=Counter)


def send_alarm(tonight: Everyway, seen: Evidence) -> bool:
    """One alarm; True when it was accepted. What was not is tried again by the caller, as another one."""
    seen.tried += 1
    key = f"kill-{SEED}-{seen.tried}"
    with contextlib.suppress(OSError):
        status, _ = tonight.stack.post("/v2/enqueue", tonight.alarm(key))
        if status == 202:
            seen.accepted.append(key)
            seen.unrecorded |= {(key, channel) for channel in CHANNELS}
            return True
    return False


def still_unrecorded(tonight: Everyway, seen: Evidence) -> set[tuple[str, str]]:
    """Look at the ledger: what `seen.unrecorded` is now."""
    seen.unrecorded -= {(key, channel) for key, channel, is_known, _ in tonight.ledger() if is_known}
    return seen.unrecorded


def kill(tonight: Everyway, seen: Evidence, victim: str) -> None:
    """Whatever was not recorded just before may be out all the same, and go out once more."""
    os.kill(tonight.stack.pid_of(victim), signal.SIGKILL)
    if victim in REPEATS_AFTER:
        seen.in_flight.update(seen.unrecorded)


def test_every_accepted_alarm_goes_out_by_every_channel_whatever_is_killed() -> None:
    print(f"\n{KILLS} kills, NIGHTDESK_SEED={SEED}")
    chance = random.Random(SEED)
    seen = Evidence()
    with everyway() as tonight:
        for number in range(KILLS):
            victim = chance.choice(VICTIMS)
            still_unrecorded(tonight, seen)
            for _ in range(chance.randrange(1, 6)):
                send_alarm(tonight, seen)
            time.sleep(chance.random() * 0.15)
            killed_at = time.monotonic()
            kill(tonight, seen, victim)
            until(lambda: send_alarm(tonight, seen), 20, f"an alarm is accepted after kill {number} of {victim}")
            newest = seen.accepted[-1]
            until(lambda: not tonight.missing(newest), 20, f"{newest} gets through after kill {number} of {victim}")  # noqa: B023
            seen.recovered.append((victim, time.monotonic() - killed_at))
        for key in seen.accepted:
            until(lambda: not tonight.missing(key), 20, f"{key} was accepted and did not arrive everywhere")  # noqa: B023
        check_the_books(tonight, seen)
    worst = max(seconds for _, seconds in seen.recovered)
    print(f"{len(seen.accepted)} accepted of {seen.tried} tried, 0 lost; slowest recovery {worst:.1f} s")
    assert worst < 15.0


def check_the_books(tonight: Everyway, seen: Evidence) -> None:
    """Each accepted alarm has one journal row and one delivery a channel, and none of these stays open for ever.

    A repeat was in flight at a kill, and has the first one's name where the protocol carries one.
    """
    until(
        lambda: not still_unrecorded(tonight, seen),
        30,
        "what died with a worker is handed over once more, and recorded",
    )
    written = Counter(
        title
        for (title,) in tonight.stack.rows(
            "SELECT p.title FROM journal_entry j JOIN paging_page p ON p.id::text = j.subject_id "
            "WHERE j.kind = 'page.triggered'"
        )
    )
    repeats = Counter[str]()
    for key in seen.accepted:
        assert written[f"alarm {key} rings"] == 1, f"{key} has {written[f'alarm {key} rings']} journal rows"
        for channel, came in tonight.arrivals(key).items():
            names = {one.name for one in came}
            assert len(names) == 1, f"{key} by {channel}: repeats with different names {names}"
            assert all(names) == (channel in NAMES_IT), f"{key} by {channel}: {names}"
            assert len(came) <= 1 + seen.in_flight[key, channel], f"{key} by {channel} came {len(came)} times"
            repeats[channel] += len(came) - 1
    print(f"{repeats.total()} of {seen.in_flight.total()} that were in flight were repeated: {dict(+repeats)}")
    rows = Counter((key, channel) for key, channel, _, _ in tonight.ledger())
    assert {rows[key, channel] for key in seen.accepted for channel in CHANNELS} == {1}
    tonight.stack.jump(LATER)
    until(lambda: not any(is_open for _, _, _, is_open in tonight.ledger()), 30, "every delivery has an end")
    tonight.stack.cli("journal", "verify")
