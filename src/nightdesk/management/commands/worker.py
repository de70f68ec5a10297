"""`nightdesk worker`: keep promises, send messages and seal the journal, until SIGTERM or SIGINT."""

import logging
import os
import signal
import socket
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from nightdesk.base import clock, heap
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.worker import SWITCH_S, Shift, database_time, work
from nightdesk.standby.actions import RETURN_WITHIN, hold_for_second_site

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Do what is due. Any number of these, on any number of hosts, share the work of one database."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        shift = Shift(f"{socket.gethostname()}:{os.getpid()}"[:120])
        for number in (signal.SIGTERM, signal.SIGINT):
            # In a thread of its own: the main thread may hold the very lock that stopping needs.
            signal.signal(number, lambda *_: threading.Thread(target=shift.stop).start())
        heap.settle()
        sys.setswitchinterval(SWITCH_S)
        wait_for_second_site()
        work(shift)


def wait_for_second_site() -> None:
    """What rings waits a moment for what the second site did, where it has spoken for us. Without a database it need not."""
    try:
        clock.follow(database_time())
        held = hold_for_second_site(by=SCHEDULER, via=Door.WORKER, at=clock.now())
    except DatabaseError as error:
        log.warning("The second site was not asked about: %s", " ".join(str(error).split()))
    else:
        if held:
            log.warning("%s rings wait up to %s s for the second site", held, RETURN_WITHIN.seconds)
