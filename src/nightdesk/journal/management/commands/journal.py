"""`nightdesk journal`: what happened; `nightdesk journal verify`: whether the record is still what was sealed."""

import json
import re
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.journal import actions, queries

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    help = "Show what happened, newest first; or verify it against the seals, or drop a month that is over."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", nargs="?", choices=["show", "verify", "drop-month"], default="show")
        parser.add_argument("month", nargs="?", help="of drop-month: 2025-11")
        parser.add_argument(
            "--since", help="30m, 12h, 7d, 2w ago; or a date or instant in ISO 8601 (UTC if it has no zone)"
        )
        parser.add_argument("--kind", action="append", default=[], help='of show: "page.triggered", or "page." for all')
        parser.add_argument("--subject", help='of show: "page:ID"')
        parser.add_argument("--search", default="", help="of show: words")
        parser.add_argument("--limit", type=int, default=50)
        parser.add_argument("--kept", help="of verify: the digest of a seal that was noted elsewhere, in hexadecimal")
        parser.add_argument("--json", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        since = _since(options["since"], clock.now())
        if options["what"] == "verify":
            self._verify(since, options)
        elif options["what"] == "drop-month":
            self._drop(options["month"])
        else:
            self._show(since, options)

    def _show(self, since: datetime | None, options: dict[str, Any]) -> None:
        kind, colon, subject_id = (options["subject"] or "").partition(":")
        if options["subject"] and not colon:
            raise CommandError('Write the subject as KIND:ID, as in "page:0197...".')
        found = queries.search(
            text=options["search"],
            kinds=options["kind"],
            subject=(kind, subject_id) if colon else None,
            since=since,
            limit=options["limit"],
        )
        if options["json"]:
            self.stdout.write(json.dumps([asdict(line) for line in found.lines], default=str, ensure_ascii=False))
            return
        for line in found.lines:
            text = f": {line.text}" if line.text else " (text erased)" if line.text is None else ""
            self.stdout.write(f"{line.at:%Y-%m-%d %H:%M:%S}  {line.sentence}{text}  [{line.via}]")
        if found.after:
            self.stdout.write(f"... and more; --limit {options['limit'] * 2} shows them, or --since something later.")

    def _verify(self, since: datetime | None, options: dict[str, Any]) -> None:
        try:
            kept = bytes.fromhex(options["kept"]) if options["kept"] else None
        except ValueError:
            raise CommandError("--kept is a digest in hexadecimal digits, as `journal verify` prints it.") from None
        verified = queries.verify(since.date() if since else None, kept=kept)
        digest = verified.digest.hex() if verified.digest else ""
        if options["json"]:
            facts = asdict(verified) | {"digest": digest, "sound": verified.sound}
            self.stdout.write(json.dumps(facts, default=str))
        else:
            self.stdout.write(f"{verified.seals} seals, {verified.entries} entries read.")
            if verified.unsealed_since:
                self.stdout.write(
                    f"{verified.unsealed} entries are not sealed yet, since {verified.unsealed_since:%F %T}."
                )
            for month in verified.dropped:
                self.stdout.write(f"{month:%Y-%m} was dropped, which the journal records.")
            for broken in verified.broken:
                where = f"seal {broken.seal_id}" if broken.seal_id else "outside all seals"
                self.stdout.write(f"BROKEN: {broken.what}, {where}{f', {broken.month:%Y-%m}' if broken.month else ''}")
            self.stdout.write(f"Newest seal: {digest or 'none'}")
            self.stdout.write(
                "The record is what was sealed." if verified.sound else "The record is NOT what was sealed."
            )
        if not verified.sound:
            sys.exit(1)

    def _drop(self, month: str | None) -> None:
        try:
            first = date.fromisoformat(f"{month}-01")
        except ValueError:
            raise CommandError("Name the month to drop: nightdesk journal drop-month 2025-11") from None
        by = Actor("machine", "cli", "nightdesk journal")
        actions.drop_month(month=first, by=by, via=Door.CLI, at=clock.now())
        self.stdout.write(f"The entries of {month} are gone; their seals remain.")


def _since(given: str | None, at: datetime) -> datetime | None:
    """The instant that `--since` means at `at`."""
    if not given:
        return None
    if ago := re.fullmatch(r"(\d{1,6})([mhdw])", given):
        return at - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        raise CommandError(f"--since {given} is no time: write 30m, 12h, 7d, or 2026-11-22T03:00.") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
