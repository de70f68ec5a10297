"""`nightdesk procedures`: list them, read them in from Markdown files, write them out as such.

A file is one procedure: its first heading (`# Title`) is the title, else its name. One that the brand has under that title
gets a new version where the words differ, and reading the same files again changes nothing.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.text import slugify
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound, Refusal
from nightdesk.customers.models import Service
from nightdesk.knowledge import actions, queries
from nightdesk.knowledge.markdown import MOST
from nightdesk.knowledge.models import Procedure


class Command(BaseCommand):
    help = "List procedures, read them in from Markdown files, write them out as such."

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        listing = does.add_parser("list", help="which there are")
        listing.add_argument("--search", default="", metavar="WORDS", help="each word begins some word of it")
        listing.add_argument("--json", action="store_true")
        reading = does.add_parser("read", help="read Markdown files in; folders with all *.md below them")
        reading.add_argument("files", nargs="+", metavar="FILE")
        reading.add_argument(
            "--service", action="append", default=[], metavar="KEY", help="for this service; may be repeated"
        )
        reading.add_argument(
            "--call", action="append", default=[], metavar="KIND", help="for this kind of call; likewise"
        )
        reading.add_argument("--publish", action="store_true", help="show them at once; else they are drafts")
        writing = does.add_parser("write", help="write what is published to files in a folder")
        writing.add_argument("folder", metavar="FOLDER")
        for each in (listing, reading, writing):
            each.add_argument("--brand", metavar="SLUG", help="short name of the brand; needed where there are several")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises NotFound for a brand, service or file that is not there."""
        brand = _brand_named(options["brand"])
        rows = Procedure.objects.filter(brand=brand, retired_at=None).select_related("published")
        match options["does"]:
            case "list":
                self._list(list(queries.find_procedures(rows, options["search"])), as_json=options["json"])
            case "read":
                self._read(brand, options)
            case "write":
                self._write(rows.exclude(published=None), Path(options["folder"]))

    def _list(self, rows: list[Procedure], *, as_json: bool) -> None:
        told = [
            {"id": each.pk, "title": each.title, "published": each.published.number if each.published else None,
             "latest": each.latest}
            for each in rows
        ]  # fmt: skip
        if as_json:
            self.stdout.write(json.dumps(told))
            return
        for one in told:
            shown = f"version {one['published']}" if one["published"] else "draft"
            self.stdout.write(f"{one['id']:>6}  {shown:<12} {one['title']}")

    def _read(self, brand: Brand, options: dict[str, Any]) -> None:
        keys = options["service"]
        services = list(Service.objects.filter(brand=brand, key__in=keys))
        if len(services) != len(set(keys)):
            raise NotFound(
                _("Procedures were to be read in for services."),
                _("The brand has not all of them: %s.") % ", ".join(keys),
                _("Give their keys as they stand in the settings."),
            )
        where: actions.ProcedureChanges = {"calls": options["call"], "service_ids": [each.pk for each in services]}
        for file in _files(options["files"]):
            try:
                title, body = _parted(file)
                self.stdout.write(f"{file}: {_take(brand, title, body, where, publish=options['publish'])}")
            except Refusal as refusal:
                self.stderr.write(f"{file}: {refusal.so} {refusal.do}")

    def _write(self, rows: Any, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for each in rows:
            file = folder / f"{slugify(each.title)[:60] or 'procedure'}-{each.pk}.md"
            file.write_text(f"# {each.published.title}\n\n{each.published.body}\n", encoding="utf-8")
            self.stdout.write(str(file))


def _take(brand: Brand, title: str, body: str, where: actions.ProcedureChanges, *, publish: bool) -> str:
    """The file's procedure as a new one or as a new version; what was done."""
    doing: dict[str, Any] = {"by": OPERATOR, "via": Door.CLI, "at": clock.now()}
    row = Procedure.objects.filter(brand=brand, title__iexact=title, retired_at=None).first()
    why = _("read from a file")
    if row is None:
        row = actions.make_procedure(brand_id=brand.pk, title=title, body=body, why=why, where=where, **doing)
        number, done = 1, _("new")
    else:
        before = row.latest
        version = actions.save_procedure(procedure_id=row.pk, title=title, body=body, why=why, over=row.latest, **doing)
        number, done = version.number, _("as it was") if version.number == before else _("a new version")
    if publish:
        actions.publish_procedure(procedure_id=row.pk, number=number, **doing)
    return done


def _files(names: list[str]) -> Iterator[Path]:
    for name in names:
        path = Path(name)
        yield from sorted(path.rglob("*.md")) if path.is_dir() else [path]


def _parted(file: Path) -> tuple[str, str]:
    """Title and text of a file. Raises NotFound, and Invalid for one that is no text."""
    asked = _("The file %s was to be read.") % file
    try:
        with file.open("rb") as opened:
            text = opened.read(4 * MOST + 1).decode("utf-8-sig")
    except OSError as unreadable:
        raise NotFound(asked, f"{unreadable.strerror}.", _("Give the path of a Markdown file.")) from unreadable
    except UnicodeDecodeError as no_text:
        raise Invalid(asked, _("It is no text in UTF-8."), _("Save it as UTF-8.")) from no_text
    first, _newline, rest = text.lstrip().partition("\n")
    if first.startswith("# "):
        return first[2:].strip(), rest
    return file.stem.replace("-", " ").replace("_", " ").strip().capitalize(), text


def _brand_named(slug: str | None) -> Brand:
    found = list(Brand.objects.filter(slug=slug) if slug else Brand.objects.all()[:2])
    if len(found) != 1:
        so = _("There is no brand %s.") % slug if slug else _("There are several, or none.")
        raise NotFound(_("A brand was needed."), so, _("Name one with --brand SLUG."))
    return found[0]
