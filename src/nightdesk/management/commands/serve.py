"""`nightdesk serve`: everything on this machine, held up until Ctrl-C."""

import http.client
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from nightdesk.base import env, postgres
from nightdesk.base.front import PortTaken, refuse_taken_port
from nightdesk.base.lock import Held, Lock
from nightdesk.base.processes import Child, Supervisor
from nightdesk.lines.asterisk import configured
from nightdesk.mailroom import listener

NIGHTDESK = (sys.executable, "-m", "nightdesk")


class Command(BaseCommand):
    help = (
        "Start the database (unless NIGHTDESK_DATABASE_URL names one), migrate it, and hold up web, worker, and the phone "
        "line and the way in for mail where they are set: what dies is started again. Ctrl-C stops all of it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", default=settings.DEMO, help="with the demo company (NIGHTDESK_DEMO)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Raises AlreadyServed, CannotStart and StepFailed, which `nightdesk.cli` tells."""
        state = env.state_dir()
        if not _is_served(state):  # if it is, the supervisor says so, which explains more than a port that is taken
            _refuse_taken_port()
        # Loading the demo migrates too: one process less to wait for.
        prepare = ("demo", "load") if options["demo"] else ("migrate", "--verbosity", "0")
        children = [Child(prepare[0], (*NIGHTDESK, *prepare), once=True)]
        # The worker first: whatever keeps the web process from getting ready, promises are kept.
        children.append(Child("worker", (*NIGHTDESK, "worker")))
        if listener.is_wanted():
            children.append(Child("listen", (*NIGHTDESK, "listen")))
        if configured.is_wanted():
            children.append(Child("line", (*NIGHTDESK, "line")))
        children.append(Child("web", (*NIGHTDESK, "web"), ready=self._when_web_answers()))
        Supervisor(children, state=state, database=postgres.of_state(state)).run()

    def _when_web_answers(self) -> Callable[[], bool]:
        """Whether the web process is ready; the first time it is, the address is printed."""

        def ready() -> bool:
            if not answers(settings.HOST, settings.PORT):
                return False
            self.stdout.write(f"Nightdesk answers at {settings.PUBLIC_URL}  (Ctrl-C stops it)")
            self.stdout.flush()
            return True

        return ready


def answers(host: str, port: int) -> bool:
    """Whether /readyz at `port` of our own `host` says yes. Raises OSError where nobody answers."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - what it stands for
    connection = http.client.HTTPConnection(reached, port, timeout=1.0)
    try:
        # Under the public name, as NIGHTDESK_ALLOWED_HOSTS may know no other.
        connection.request("GET", "/readyz", headers={"Host": urlsplit(settings.PUBLIC_URL).netloc})
        return connection.getresponse().status == 200
    except http.client.HTTPException as broken:
        raise ConnectionError(str(broken)) from broken
    finally:
        connection.close()


def _is_served(state: Path) -> bool:
    file = state / "serve.lock"
    try:
        if file.exists():
            Lock(file).free()
    except Held:
        return True
    return False


def _refuse_taken_port() -> None:
    """Raise CommandError where our address cannot be listened on, before anything is started."""
    try:
        refuse_taken_port(settings.HOST, settings.PORT)
    except PortTaken as taken:
        raise CommandError(f"{taken.strerror} NIGHTDESK_PORT names the port.") from None
    except OSError as problem:
        raise CommandError(
            f"{settings.HOST}:{settings.PORT} cannot be listened on ({problem.strerror}). "
            "NIGHTDESK_HOST and NIGHTDESK_PORT name another address."
        ) from None
