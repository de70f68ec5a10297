"""`nightdesk worker`: keep promises, send messages and seal the journal, until SIGTERM or SIGINT."""

import os
import signal
import socket
import threading
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.base import heap
from nightdesk.base.worker import Shift, work


class Command(BaseCommand):
    help = "Do what is due. Any number of these, on any number of hosts, share the work of one database."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        shift = Shift(f"{socket.gethostname()}:{os.getpid()}"[:120])
        for number in (signal.SIGTERM, signal.SIGINT):
            # In a thread of its own: the main thread may hold the very lock that stopping needs.
            signal.signal(number, lambda *_: threading.Thread(target=shift.stop).start())
        heap.settle()
        work(shift)
