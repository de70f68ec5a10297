"""`nightdesk take_over csv FILE --column number=ID`, `nightdesk take_over zammad URL --token-file FILE`; `--dry-run` first."""

import json
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.files import keep_file
from nightdesk.base.refusals import Invalid
from nightdesk.desk import moving, queries
from nightdesk.desk.actions import MOST_FILES
from nightdesk.desk.import_actions import Imported, import_tickets
from nightdesk.desk.moving import NotReadable, OldEntry, OldFile, OldTicket, Read
from nightdesk.mailroom.imap import MOST_BYTES as LARGEST_FILE
from nightdesk.paging.management.commands.key import brand_named

AT_ONCE = 500
"""Tickets of one transaction."""
A_PAGE = 100
TIMEOUT_S = 30.0
MOST_BYTES = 50_000_000
NOT_NOW = (401, 429, 502, 503, 504)
"""Answers of Zammad that say nothing of the file that was asked for: its ticket is left to the next run."""


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
        zammad = what.add_parser(
            "zammad",
            help="from Zammad, by its API",
            description=f"Tickets with their articles, tags, files of up to {LARGEST_FILE // 2**20} MB, and whom their public "
            "articles were copied to. What of it cannot be taken is told, with its ticket; what was taken is not read again, "
            "so that a run that was interrupted can be started again.",
        )
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
            peer = Zammad(options["url"], options["token_file"].read_text().strip())
            batches = _pages(peer, brand.pk, dry_run=options["dry_run"])
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
                total = Imported(
                    total.new + done.new,
                    total.there + done.there,
                    total.nobodys + done.nobodys,
                    total.files + done.files,
                )
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
            self.stdout.write(json.dumps(asdict(total) | {"faults": faults, "dry_run": options["dry_run"]}))
            return
        verb = "would be taken over" if options["dry_run"] else "were taken over"
        files = f" with {total.files} files" if total.files else ""
        self.stdout.write(f"{total.new} tickets{files} {verb}; {total.there} were there already.")
        if total.nobodys:
            self.stdout.write(f"Of {total.nobodys} the customer is not known here.")
        for where, why in faults:
            self.stdout.write(f"{where}: {why}")


@dataclass(frozen=True, slots=True)
class Zammad:
    """Where it is, and the token that it knows us by."""

    url: str
    token: str

    def ask(self, path: str, **asked: Any) -> Any:
        """What it answers in JSON. Raises NotReadable where it does not answer, or not so."""
        try:
            with self._answer(path, asked) as answer:
                return json.loads(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            raise _refused(path, error) from None
        except ValueError as error:
            raise _no_answer(path, error) from None

    def fetch(self, file: OldFile) -> OldFile:
        """The file, its bytes kept here. ValueError where it is too large, or Zammad will not give it; NotReadable where
        Zammad does not answer now.
        """
        try:
            with self._answer(file.place, {}) as answer:
                content = answer.read(LARGEST_FILE + 1)
                if len(content) > LARGEST_FILE:
                    raise ValueError(moving.too_large(LARGEST_FILE))
                if answer.length:
                    raise _no_answer(file.place, "It ends too soon.")
                name = file.name or answer.headers.get_filename() or ""
                kind = file.media_type or answer.headers.get_content_type()
        except urllib.error.HTTPError as error:
            if error.code in NOT_NOW:
                raise _refused(file.place, error) from None
            raise ValueError(f"Zammad was asked for it and answered {error.code}") from None
        return replace(file, name=name, media_type=kind, size=len(content), digest=keep_file(content))

    @contextmanager
    def _answer(self, path: str, asked: dict[str, Any]) -> Iterator[HTTPResponse]:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise Invalid(
                f"{self.url} was given.", "That is no address of the web.", "Give one that begins with https://."
            )
        request = urllib.request.Request(  # noqa: S310 - the scheme is looked at above
            f"{self.url.rstrip('/')}{path}?{urlencode(asked)}", headers={"Authorization": f"Token token={self.token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                yield answer
        except urllib.error.HTTPError:
            raise
        except (OSError, HTTPException) as error:
            raise _no_answer(path, error) from None


def _refused(path: str, error: urllib.error.HTTPError) -> NotReadable:
    return NotReadable(
        f"Zammad was asked for {path}.", f"It answered {error.code}.", "Look at the address and the token's rights."
    )


def _no_answer(path: str, why: object) -> NotReadable:
    return NotReadable(f"Zammad was asked for {path}.", f"{why}.", "See that it can be reached.")


def _pages(peer: Zammad, brand_id: int, *, dry_run: bool) -> Iterator[Read]:
    """All tickets with what hangs on them, page by page; of those that the brand has already, no more than the number. The
    bytes of their files are kept here, one after the other; in a dry run they are not asked for.

    Raises NotReadable where Zammad does not answer as it should.
    """
    own, page = None, 1
    try:
        own = {str(one["email"]).lower() for one in peer.ask("/api/v1/email_addresses")}
    except (NotReadable, KeyError, TypeError) as error:
        yield Read((), (("addresses of that desk", f"{error} Whom customers wrote to is left out."),))
    while True:
        rows = peer.ask("/api/v1/tickets", expand="true", page=page, per_page=A_PAGE)
        if not isinstance(rows, list):
            raise NotReadable("Tickets were asked for.", "The answer is no list.", "Look at the address and the token.")
        known = queries.known_numbers(brand_id, [str(row.get("number")) for row in rows if isinstance(row, dict)])
        tickets: list[OldTicket] = []
        faults: list[tuple[str, str]] = []
        for row in rows:
            try:
                if str(row["number"]).lower() in known:
                    tickets.append(moving.read_zammad(row, ()))
                    continue
                key = int(row["id"])
                articles = peer.ask(f"/api/v1/ticket_articles/by_ticket/{key}", expand="true")
                tags = peer.ask("/api/v1/tags", object="Ticket", o_id=key).get("tags", [])
                ticket, left = _with_files(peer, moving.read_zammad(row, articles, tags, own), dry_run=dry_run)
                tickets.append(ticket)
                faults += left
            except (moving.NotReadable, ValueError, KeyError, TypeError, AttributeError) as error:
                faults.append((f"ticket {row.get('number') if isinstance(row, dict) else page}", str(error)))
        yield Read(tuple(tickets), tuple(faults))
        if len(rows) < A_PAGE:
            return
        page += 1


def _with_files(peer: Zammad, ticket: OldTicket, *, dry_run: bool) -> tuple[OldTicket, list[tuple[str, str]]]:
    """The ticket with those of its files that can be taken, and the others, each with why not. Raises NotReadable."""
    entries: list[OldEntry] = []
    faults: list[tuple[str, str]] = []
    for entry in ticket.entries:
        files, left = moving.files_that_fit(entry.files, MOST_FILES, LARGEST_FILE)
        if not dry_run:
            asked, files = files, []
            for one in asked:
                try:
                    files.append(peer.fetch(one))
                except ValueError as error:
                    left.append((one, str(error)))
        entries.append(replace(entry, files=tuple(files)))
        faults += [(f"ticket {ticket.number}, file {one.name or one.place}", why) for one, why in left]
    return replace(ticket, entries=tuple(entries)), faults
