"""`nightdesk take_over csv FILE --column number=ID`, `nightdesk take_over zammad URL --token-file FILE`; `--dry-run` first."""

import json
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.desk import moving
from nightdesk.desk.import_actions import Imported, import_tickets
from nightdesk.desk.moving import NotReadable, OldTicket, Read
from nightdesk.paging.management.commands.key import brand_named

AT_ONCE = 500
"""Tickets of one transaction."""
A_PAGE = 100
TIMEOUT_S = 30.0
MOST_BYTES = 50_000_000


class Command(BaseCommand):
    help = "Take over tickets of another desk: from a CSV file, or from Zammad."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        csv = what.add_parser("csv", help="from a file, one ticket a row")
        csv.add_argument("file", type=Path)
        csv.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="MEANING=COLUMN",
            help=f"what a column means, where its name does not say so; meanings are {', '.join(moving.COLUMNS)}",
        )
        csv.add_argument(
            "--zone", default="", help="where instants without an offset were written; default: the brand's"
        )
        zammad = what.add_parser("zammad", help="from Zammad, by its API")
        zammad.add_argument("url", help="its address, for example https://help.example.net")
        zammad.add_argument("--token-file", type=Path, required=True, help="file with a token that may read tickets")
        for each in (csv, zammad):
            each.add_argument("--brand", help="slug of the brand; needed where there are several")
            each.add_argument("--dry-run", action="store_true", help="only say what would be done")
            each.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        brand = brand_named(options["brand"])
        if options["what"] == "csv":
            read = self._file(options["file"], options["column"], moving.zone_named(options["zone"] or brand.zone))
            batches: Iterator[Read] = iter([read])
        else:
            batches = _zammad(options["url"], options["token_file"].read_text().strip())
        total = Imported(0, 0, 0)
        faults: list[tuple[str, str]] = []
        for batch in batches:
            faults += batch.faults
            for start in range(0, len(batch.tickets), AT_ONCE):
                done = import_tickets(
                    brand_id=brand.pk,
                    tickets=batch.tickets[start : start + AT_ONCE],
                    dry_run=options["dry_run"],
                    by=OPERATOR,
                    via=Door.CLI,
                    at=clock.now(),
                )
                total = Imported(total.new + done.new, total.there + done.there, total.nobodys + done.nobodys)
                if not options["json"]:
                    self.stderr.write(f"{total.new + total.there} tickets ...")
        self._tell(total, faults, options)

    def _file(self, file: Path, columns: list[str], zone: ZoneInfo) -> Read:
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise NotReadable(
                "A file was to be read.", f"{error.strerror}: {file.name}.", "Name one that can be."
            ) from None
        return moving.read_csv(raw, moving.mapping_of(moving.read_header(raw), columns), zone)

    def _tell(self, total: Imported, faults: list[tuple[str, str]], options: dict[str, Any]) -> None:
        if options["json"]:
            told = {"new": total.new, "there": total.there, "nobodys": total.nobodys, "faults": faults}
            self.stdout.write(json.dumps(told | {"dry_run": options["dry_run"]}))
            return
        verb = "would be taken over" if options["dry_run"] else "were taken over"
        self.stdout.write(f"{total.new} tickets {verb}; {total.there} were there already.")
        if total.nobodys:
            self.stdout.write(f"Of {total.nobodys} the customer is not known here.")
        for where, why in faults:
            self.stdout.write(f"{where}: {why}")


def _zammad(url: str, token: str) -> Iterator[Read]:
    """All tickets with their articles, page by page. Raises NotReadable where Zammad does not answer as it should."""
    page = 1
    while True:
        rows = _ask(url, "/api/v1/tickets", {"expand": "true", "page": page, "per_page": A_PAGE}, token)
        if not isinstance(rows, list):
            raise NotReadable("Tickets were asked for.", "The answer is no list.", "Look at the address and the token.")
        tickets: list[OldTicket] = []
        faults: list[tuple[str, str]] = []
        for row in rows:
            try:
                key = int(row["id"])
                articles = _ask(url, f"/api/v1/ticket_articles/by_ticket/{key}", {"expand": "true"}, token)
                tags = _ask(url, "/api/v1/tags", {"object": "Ticket", "o_id": key}, token)
                tickets.append(moving.read_zammad(row, articles, tags.get("tags", [])))
            except (moving.NotReadable, ValueError, KeyError, TypeError, AttributeError) as error:
                faults.append((f"ticket {row.get('number') if isinstance(row, dict) else page}", str(error)))
        yield Read(tuple(tickets), tuple(faults))
        if len(rows) < A_PAGE:
            return
        page += 1


def _ask(url: str, path: str, asked: dict[str, Any], token: str) -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        raise Invalid(f"{url} was given.", "That is no address of the web.", "Give one that begins with https://.")
    request = urllib.request.Request(  # noqa: S310 - the scheme is looked at above
        f"{url.rstrip('/')}{path}?{urlencode(asked)}", headers={"Authorization": f"Token token={token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return json.loads(answer.read(MOST_BYTES))
    except urllib.error.HTTPError as error:
        raise NotReadable(
            f"Zammad was asked for {path}.", f"It answered {error.code}.", "Look at the address and the token's rights."
        ) from None
    except (OSError, ValueError) as error:
        raise NotReadable(f"Zammad was asked for {path}.", f"{error}.", "See that it can be reached.") from None
