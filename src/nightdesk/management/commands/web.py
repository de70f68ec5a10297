"""`nightdesk web`: the pages, the API and the live streams, until SIGTERM or SIGINT."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from nightdesk.asgi import build
from nightdesk.base import heap
from nightdesk.base.front import PortTaken, serve


class Command(BaseCommand):
    help = "Answer HTTP in this process. The database has to be there; `nightdesk serve` sees to that by itself."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="address to listen on (NIGHTDESK_HOST)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on (NIGHTDESK_PORT)")

    def handle(self, *_: Any, **options: Any) -> None:
        application = build()
        heap.settle()
        try:
            serve(application, options["host"], options["port"])
        except PortTaken as taken:
            raise CommandError(taken.strerror or str(taken)) from None
