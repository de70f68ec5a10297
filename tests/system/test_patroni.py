"""docs/deploy/patroni.yml as it stands: a switchover, then a leader that dies, under a running web process and worker."""

import time

from tests.peers.patroni_pair import patroni_pair
from tests.requires import requires
from tests.system.night import BO_PHONE, night
from tests.system.stack import until
from tests.system.test_two_servers import Taken, alarms, sending, who_got

FEW = 10
WITHIN_S = 120.0


@requires("postgresql", "patroni", "etcd", "python-etcd")
def test_patroni_switches_over_and_takes_over_and_no_acknowledged_alarm_is_lost() -> None:
    with (
        patroni_pair() as pair,
        night(step_s=24 * 3600, storm_limit=100_000, NIGHTDESK_DATABASE_URL=pair.url) as here,
        sending(alarms(here.stack, here.staged["keys"]["generic"]), "patroni") as taken,
    ):
        _take_some(taken)
        pair.switch_over()
        until(lambda: pair.leader() == "db2", WITHIN_S, "the second one leads")
        _take_some(taken)
        until(pair.is_synchronous, WITHIN_S, "the first one follows it, and commits wait for that")
        pair.kill("db2")
        killed_at = time.time()
        until(lambda: pair.leader() == "db1", WITHIN_S, "the first one takes over by itself")
        print(f"\nit leads again {time.time() - killed_at:.0f} s after the other one died")
        _take_some(taken)
        names = {name for _, name in taken.acknowledged}
        until(lambda: not names - set(who_got(here, BO_PHONE)), WITHIN_S, "every acknowledged alarm rings Bo")
        here.stack.cli("journal", "verify")
        print(f"{len(names)} alarms acknowledged, {taken.refused} refused, 0 lost")


def _take_some(taken: Taken) -> None:
    before = len(taken.acknowledged)
    until(lambda: len(taken.acknowledged) >= before + FEW, WITHIN_S, "alarms are acknowledged")
