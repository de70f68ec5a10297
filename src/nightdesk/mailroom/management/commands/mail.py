"""`nightdesk mail`: what came in, reading a mail again, and taking one from a file or a pipe."""

import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.mailroom import actions
from nightdesk.mailroom.imap import MOST_BYTES
from nightdesk.mailroom.models import Mail
from nightdesk.mailroom.queries import LOOKED_THROUGH, Filters, is_accepted, mails

COME_AGAIN, NO_SUCH_USER, TOO_LARGE = 75, 67, 69
"""What postfix' pipe and other mail servers make of a status: sysexits.h."""


class Command(BaseCommand):
    help = "List the mail that came in, have one read again, or take one from a file or a pipe."

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="what", required=True)
        listed = kinds.add_parser("list", help="the newest mails first")
        listed.add_argument("--standing", choices=Mail.Standing.values)
        listed.add_argument(
            "--search", default="", help=f"a Message-ID, or words of one of the newest {LOOKED_THROUGH}"
        )
        listed.add_argument("--limit", type=int, default=50)
        listed.add_argument("--json", action="store_true")
        retry = kinds.add_parser("retry", help="read a mail again that failed or was only kept")
        retry.add_argument("id", type=UUID)
        retry.add_argument("--as-persons", action="store_true", help="whatever looks like a machine in it")
        read = kinds.add_parser("read", help="take a mail: a file, or - for standard input")
        read.add_argument("file")
        read.add_argument("--from", dest="sender", help="the envelope's sender; empty for the null return path")
        read.add_argument(
            "--to", action="append", default=[], help="an envelope's recipient; may be given several times"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        {"list": self._list, "retry": self._retry, "read": self._read}[options["what"]](options)

    def _list(self, options: dict[str, Any]) -> None:
        rows = mails(Filters(text=options["search"], standing=options["standing"] or ""))[: options["limit"]]
        if options["json"]:
            names = ("id", "at", "way", "from_address", "title", "standing", "outcome", "error")
            told = [{name: str(getattr(row, name)) for name in names} for row in rows]
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for row in rows:
            self.stdout.write(
                f"{row.at:%Y-%m-%d %H:%M:%S}  {row.standing:<7}  {row.id}  {row.from_address}: {row.title}"
            )
            if row.outcome or row.error:
                self.stdout.write(f"    {row.outcome or row.error}")

    def _retry(self, options: dict[str, Any]) -> None:
        as_persons = options["as_persons"]
        actions.retry_mail(mail_id=options["id"], as_persons=as_persons, by=OPERATOR, via=Door.CLI, at=clock.now())
        self.stdout.write("It is read again.")

    def _read(self, options: dict[str, Any]) -> None:
        """Ends with a status that a mail server understands: 75 come again, 67 no such address, 69 too large."""
        if options["file"] == "-":
            raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            try:
                with open(options["file"], "rb") as file:
                    raw = file.read(MOST_BYTES + 1)
            except OSError as problem:
                raise NotFound("A mail was to be read.", f"{options['file']}: {problem.strerror}.", "") from None
        if len(raw) > MOST_BYTES:
            self.stderr.write("The mail is larger than NIGHTDESK_MAIL_LIMIT_MB allows.")
            sys.exit(TOO_LARGE)
        try:
            strangers = [address for address in options["to"] if not is_accepted(address)]
            if strangers:
                self.stderr.write(f"No such address here: {', '.join(strangers)}")
                sys.exit(NO_SUCH_USER)
            mail = actions.receive_mail(
                way="pipe",
                raw=raw,
                sender=options["sender"],
                recipients=options["to"],
                by=OPERATOR,
                via=Door.CLI,
                at=clock.now(),
            )
        except (DatabaseError, InterfaceError) as away:
            self.stderr.write(f"The database is away: {' '.join(str(away).split())}")
            sys.exit(COME_AGAIN)
        self.stdout.write(str(mail.id))
