"""`nightdesk line`: run the calls of the Asterisk beside us, until SIGTERM or SIGINT; `line dialplan` writes its files."""

import asyncio
import logging
import signal
import sys
import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection

from nightdesk.base import clock, heap
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import Refusal
from nightdesk.base.worker import SWITCH_S, database_time
from nightdesk.calls.actions import take_fallback_recording
from nightdesk.calls.divert_actions import check_divert
from nightdesk.calls.facts import line_called
from nightdesk.calls.models import Line, Telephone
from nightdesk.calls.runner import Runner
from nightdesk.lines.asterisk import configured, dialplan
from nightdesk.lines.asterisk.client import TakenOver
from nightdesk.lines.asterisk.fallen import Fallen
from nightdesk.lines.exchange import Words
from nightdesk.lines.speech import Speech, missing_programs

log = logging.getLogger(__name__)

LEAST_WORDS_S = 1.0
"""Seconds of sound below which nobody has said anything."""
LOCK = 5_110_112_101
"""Of PostgreSQL's advisory locks: whoever has it runs the calls. Others stand by, and take over when it ends."""
STAND_BY_S = 1.0
LOOK_S = 0.5
SORRY = (
    "We are sorry, nobody can be reached just now. Please say who you are, your number, and what happened, after the tone. "
    "We ring you back."
)


class Command(BaseCommand):
    help = (
        "Run the calls of the Asterisk that NIGHTDESK_ARI_URL names; `nightdesk serve` holds one up by itself. "
        "`line dialplan` prints what Asterisk has to be told."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = parser.add_subparsers(dest="word")
        plan = words.add_parser(
            "dialplan", help="print the parts for Asterisk's files; make them anew when lines change"
        )
        plan.add_argument(
            "part",
            nargs="?",
            default="extensions",
            choices=["extensions", "ari", "pjsip"],
            help="for which of its files",
        )
        plan.add_argument(
            "--recordings", default=dialplan.Setting().recordings, help="Asterisk's folder of recordings, as it sees it"
        )
        plan.add_argument("--no-prompt", action="store_true", help="the fall-back says nothing before its tone")
        check = words.add_parser("check", help="ring a line's number from outside, and say whether it leads to us")
        check.add_argument("line", type=int, help="the line's id")

    def handle(self, *_: Any, **options: Any) -> None:
        """Raises BadSetting, and CommandError where no Asterisk is named or another process has it."""
        if options["word"] == "dialplan":
            self.stdout.write(_dialplan(options["part"], options["recordings"], prompt=not options["no_prompt"]))
            return
        if options["word"] == "check":
            self.stdout.write(_checked(options["line"]))
            return
        if not configured.is_wanted():
            raise CommandError("Set NIGHTDESK_ARI_URL to the address of Asterisk's HTTP server.")
        heap.settle()
        sys.setswitchinterval(SWITCH_S)
        try:
            asyncio.run(_until_told())
        except* TakenOver:
            raise CommandError(
                "Another process has come to this Asterisk as the same application; it has the calls."
            ) from None


def _checked(line_id: int) -> str:
    """What came of a check, once it has ended. Raises CommandError where the line does not lead to us."""
    try:
        check = check_divert(line_id=line_id, by=SCHEDULER, via=Door.CLI, at=clock.now())
    except Refusal as refusal:
        raise CommandError(str(refusal)) from None
    while check.ended_at is None:
        time.sleep(LOOK_S)
        check.refresh_from_db()
    if not check.heard:
        raise CommandError(check.trouble)
    return "It leads to us: our greeting was heard."


def _dialplan(part: str, recordings: str, *, prompt: bool) -> str:
    if part == "ari":
        return dialplan.ari(configured.USER)
    names = list(Telephone.objects.order_by("name").values_list("name", flat=True))
    if part == "pjsip":
        return dialplan.pjsip(names)
    by_brand: dict[int | None, list[str]] = {}
    for name, brand_id in Telephone.objects.order_by("name").values_list("name", "brand_id"):
        by_brand.setdefault(brand_id, []).append(name)
    lines = [
        dialplan.LinePlan(
            line.name,
            [number for number in [*line.numbers, line.staff_number] if number],
            [*by_brand.get(line.brand_id, []), *by_brand.get(None, [])],
        )
        for line in Line.objects.filter(active=True).order_by("name")
    ]
    asks = str(asyncio.run(Speech().file_of(Words(SORRY))).with_suffix("")) if prompt else ""
    return dialplan.extensions(lines, dialplan.Setting(recordings=recordings, prompt=asks))


async def _until_told() -> None:
    """Run calls until a signal comes. Raises an ExceptionGroup of TakenOver where another process has come to Asterisk."""
    speech = Speech()
    exchange = configured.configured(speech, _taken)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    if missing := missing_programs():
        log.error("%s not installed: callers hear tones where texts would be spoken.", " and ".join(missing))
    for ready in (speech.ringing(), speech.music(), speech.trouble()):
        await ready  # now, and not while somebody waits
    turn = _Turn()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(turn.hold()), group.create_task(_run(turn, Runner(configured.NAME, exchange)))]
        await stopping.wait()
        for task in tasks:
            task.cancel()


async def _run(turn: "_Turn", runner: Runner) -> None:
    await turn.ours.wait()
    log.info("The phone line is run by this process; Asterisk is at %s.", configured.URL)
    await runner.run()


class _Turn:
    """Whose turn it is to run the calls: who holds a lock of the database. The clock of this process follows the database's."""

    def __init__(self) -> None:
        self.ours = asyncio.Event()
        self._held = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="turn")

    async def hold(self) -> None:
        """Until it is cancelled. A lock that is lost with the database is taken again; meanwhile the calls go on."""
        stands_by = False
        while True:
            try:
                if await asyncio.get_running_loop().run_in_executor(self._thread, self._look):
                    self.ours.set()
                elif not (self.ours.is_set() or stands_by):
                    stands_by = True
                    log.info("Another process runs the phone line; this one stands by.")
            except (DatabaseError, InterfaceError) as away:
                log.warning("The database is away: %s", " ".join(str(away).split()))
            await asyncio.sleep(STAND_BY_S)

    def _look(self) -> bool:
        try:
            clock.follow(database_time())
            if not self._held:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
                    self._held = bool(cursor.fetchone()[0])
        except (DatabaseError, InterfaceError):
            self._held = False
            connection.close()
            raise
        return self._held


async def _taken(fallen: Fallen) -> None:
    """What the fall-back recorded becomes a message, or a missed call; returns once that is written."""
    await asyncio.to_thread(_take, fallen)


def _take(fallen: Fallen) -> None:
    try:
        # A number that is no line's by now: somebody spoke all the same.
        line = line_called(fallen.called) or Line.objects.filter(active=True).order_by("pk").first()
        if line is None:
            raise LookupError(f"There is no line that could have what the fall-back took for {fallen.called}.")
        spoke = fallen.sound_s >= LEAST_WORDS_S
        take_fallback_recording(
            line_id=line.pk,
            number=fallen.number,
            file=fallen.file if spoke else "",
            seconds=fallen.seconds if spoke else 0.0,
            made_at=fallen.at,
            by=SCHEDULER,
            via=Door.PHONE,
            at=clock.now(),
        )
    except (DatabaseError, InterfaceError):
        connection.close()
        raise
