"""The database's primary is killed while two talk on our line: they talk on, and the next call is answered as before."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from nightdesk.lines.asterisk import dialplan
from tests.peers.two_servers import TwoServers, two_servers
from tests.phone.asterisk import SECRET, USER, Asterisk, new_folder, telephones_of
from tests.phone.company import FALLBACK_NUMBER, MAIN_NUMBER, SPEED
from tests.phone.room import LineProcess
from tests.phone.telephone import Telephone, speech_like
from tests.requires import requires
from tests.system.stack import ROOT, until

pytestmark = requires("postgresql", "asterisk", "baresip", "espeak-ng", "sox")

ENGINEER, CALLER, LATER = "eng1", "447700900101", "447700900102"
SET_UP = f"""
import django
django.setup()
from tests.phone.company import Company
company = Company()
company.line([company.engineer("Al", telephone="{ENGINEER}")])
"""
BOTH = {"NIGHTDESK_SECRET_KEY": "the same on every machine, and of no use to anybody"}


@dataclass
class Exchange:
    """`nightdesk line` with its Asterisk, on two PostgreSQL servers."""

    servers: TwoServers
    asterisk: Asterisk
    line: LineProcess
    telephones: list[Telephone] = field(default_factory=list)

    def telephone(self, name: str, **options: Any) -> Telephone:
        made = Telephone(self.asterisk.folder / f"phone-{name}", self.asterisk.sip, name, **options)
        self.telephones.append(made)
        return made.start()

    def calls(self) -> list[tuple[str, str, str]]:
        """(number, stage, how it ended) of each call, in their order."""
        with psycopg.connect(self.servers.url, connect_timeout=5) as db:
            return db.execute("SELECT number, state->>'stage', ended_as FROM calls_call ORDER BY came_at").fetchall()

    def stands(self, number: str, stage: str = "", ended: str = "") -> bool:
        """Whether the newest call of that number is there, or has ended so."""
        found = [call for call in self.calls() if call[0] == f"+{number}"]
        return bool(found) and (not stage or found[-1][1] == stage) and (not ended or found[-1][2] == ended)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Exchange]:
    with ExitStack() as held:
        servers = held.enter_context(two_servers())
        folder = new_folder()
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        plan = dialplan.extensions(
            [dialplan.LinePlan("Fall-back", [FALLBACK_NUMBER], [ENGINEER])],
            dialplan.Setting(recordings=str(folder / "spool/recording"), ring_s=6),
        )
        asterisk = Asterisk(folder, plan, telephones_of([ENGINEER]) | {name: f"+{name}" for name in (CALLER, LATER)})
        held.callback(asterisk.stop)
        asterisk.start()
        environment = _environment(servers, asterisk, str(tmp_path))
        subprocess.run([sys.executable, "-c", SET_UP], env=environment, cwd=ROOT, check=True, timeout=300)
        line = LineProcess(environment, folder / "line.log")
        held.callback(line.stop)
        line.start()
        made = Exchange(servers, asterisk, line)
        held.callback(lambda: [one.stop() for one in made.telephones])
        yield made


def _environment(servers: TwoServers, asterisk: Asterisk, state: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    return kept | BOTH | {
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "nightdesk.settings",
        "NIGHTDESK_STATE_DIR": state,
        "NIGHTDESK_DATABASE_URL": servers.url,
        "NIGHTDESK_ARI_URL": asterisk.url,
        "NIGHTDESK_ARI_USER": USER,
        "NIGHTDESK_ARI_SECRET": SECRET,
        "NIGHTDESK_ARI_TRUNK": "PJSIP/{digits}",
        "NIGHTDESK_SPEECH_SPEED": str(SPEED),
    }  # fmt: skip


def test_two_who_talk_talk_on_and_the_next_call_is_answered(here: Exchange) -> None:
    here.telephone(ENGINEER, answers="auto", says=speech_like(60, 1))
    caller = here.telephone(CALLER, says=speech_like(60, 2))
    caller.dial(MAIN_NUMBER)
    until(lambda: here.stands(CALLER, stage="talk"), 60, f"they talk (see {here.line.log})")
    here.servers.kill_primary()
    assert len(here.asterisk.channels()) == 2, "nothing of a call hangs on the database"
    here.servers.promote()
    assert len(here.asterisk.channels()) == 2
    caller.hang_up()
    until(lambda: here.stands(CALLER, ended="answered"), 60, f"its end is known (see {here.line.log})")
    later = here.telephone(LATER, says=speech_like(60, 3))
    later.dial(MAIN_NUMBER)
    until(lambda: here.stands(LATER, stage="talk"), 60, f"the next one is answered (see {here.line.log})")
    later.hang_up()
    until(lambda: here.stands(LATER, ended="answered"), 60, "and has ended")
    assert here.line.runs, "it is the process that was there before"
