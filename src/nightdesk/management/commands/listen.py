"""`nightdesk listen`: take mail by SMTP and LMTP, until SIGTERM or SIGINT."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nightdesk.mailroom import listener


class Command(BaseCommand):
    help = (
        "Take mail where NIGHTDESK_MAIL_LISTEN and NIGHTDESK_LMTP_LISTEN say. `nightdesk serve` holds one up by itself."
    )
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        """Raises CommandError where nothing is set, or an address is taken."""
        if not listener.is_wanted():
            raise CommandError("Set NIGHTDESK_MAIL_LISTEN or NIGHTDESK_LMTP_LISTEN to where mail is to be taken.")
        try:
            asyncio.run(_until_told())
        except OSError as problem:
            raise CommandError(f"Mail cannot be taken there: {problem}") from None


async def _until_told() -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await listener.listen(listener.SMTP_AT, listener.LMTP_AT, stopping, listener.encryption())
