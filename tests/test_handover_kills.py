"""The worker is killed (SIGKILL) when a duty is to pass: it passes once, at its hour, and is nobody's at no instant."""

import os
import signal
from datetime import timedelta

from tests.system.stack import stack, until

SOON = """
from datetime import timedelta
from nightdesk.access.models import Brand
from nightdesk.access import actions as access
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.duty import actions as duty
from nightdesk.people import actions as people
from nightdesk.rota import actions as rota
doing = {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}
brand = access.make_brand(name="Quayside", slug="quayside", **doing)
al, bo, cy = (people.make_person(name=name, brand_id=brand.id, **doing) for name in ("Al", "Bo", "Cy"))
seats = [{"key": key, "name": key.title(), "acceptance_required": key == "asked"} for key in ("passes", "asked")]
rota.make_rota(brand_id=brand.id, name="Nights", zone="UTC", seats=seats, **doing)
for key, who in (("passes", bo), ("asked", cy)):
    duty.set_first_holder(seat_key=key, person_id=al.id, **doing)
    starts_at = doing["at"] + timedelta(minutes=45)
    rota.add_override(
        seat_key=key, kind="add", starts_at=starts_at, ends_at=starts_at + timedelta(hours=8), member_id=who.id, **doing
    )
"""
HOLDS = """
SELECT person.name, hold.from_at, hold.until_at FROM duty_hold hold
JOIN people_person person ON person.id = hold.person_id JOIN rota_seat seat ON seat.id = hold.seat_id
WHERE seat.key = %s ORDER BY hold.from_at
"""
ENTRIES = "SELECT count(*) FROM journal_entry WHERE kind = %s"


def test_a_worker_killed_at_the_hour_passes_the_duty_once_and_asks_once() -> None:
    with stack(NIGHTDESK_DEMO="0") as running:
        running.cli("shell", "-c", SOON)
        planned = "SELECT due_at FROM base_promise WHERE kind = 'duty.turn' AND ended_at IS NULL"
        until(lambda: len(running.rows(planned)) == 2, 60, "both turns are promised")
        ((turn_at,), _other) = running.rows(planned)

        def kill_worker() -> None:
            os.kill(running.pid_of("worker"), signal.SIGKILL)

        running.jump(timedelta(minutes=45))
        kill_worker()
        until(lambda: running.rows(HOLDS, "passes")[-1][0] == "Bo", 60, "the duty that passes by itself has passed")
        until(lambda: running.rows("SELECT 1 FROM duty_nottaken"), 60, "nobody took the other")
        running.jump(timedelta(minutes=10))
        kill_worker()
        until(lambda: running.rows(ENTRIES, "duty.asked")[0][0], 60, "the ladder is climbed")

        (first, second) = running.rows(HOLDS, "passes")
        assert (first[0], first[2], second[0], second[1:]) == ("Al", turn_at, "Bo", (turn_at, None))
        ((name, _from_at, until_at),) = running.rows(HOLDS, "asked")
        assert (name, until_at) == ("Al", None)
        told = {kind: running.rows(ENTRIES, kind)[0][0] for kind in ("duty.began", "duty.not_taken", "duty.asked")}
        assert told == {"duty.began": 1, "duty.not_taken": 1, "duty.asked": 1}
