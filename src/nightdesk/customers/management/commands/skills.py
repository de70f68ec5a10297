"""`nightdesk skills`: who knows what, and what one must know, as tables to change and give back."""

import csv
import io
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.csv_table import RowError
from nightdesk.base.refusals import NotFound
from nightdesk.customers.models import Customer, Service
from nightdesk.customers.need_actions import COLUMNS, import_skill_needs
from nightdesk.customers.need_queries import needs_of_brand
from nightdesk.people.models import Person, Skill
from nightdesk.people.skill_actions import import_person_skills, save_skill
from nightdesk.people.skill_list import read_skill_list
from nightdesk.people.skill_queries import levels, skills_of, words_for


class Command(BaseCommand):
    help = "Print who knows what, or what one must know, as CSV; take such a file in; name a skill."

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        listing = does.add_parser("list", help="people and their levels, as CSV")
        needing = does.add_parser("needs", help="what brands, services and customers need, as CSV")
        saving = does.add_parser("save", help="there is a skill with this key and name")
        saving.add_argument("key")
        saving.add_argument("name")
        importing = does.add_parser("import", help="read people and levels from a CSV file: all of it, or nothing")
        asking = does.add_parser("import-needs", help="read what one must know from a CSV file: all of it, or nothing")
        for each in (importing, asking):
            each.add_argument("file")
            each.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        for each in (listing, needing, saving, importing, asking):
            each.add_argument("--brand", metavar="SLUG", help="short name of the brand; needed where there are several")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises the refusals of the verbs, and NotFound for a brand or file that is not there."""
        brand = _brand_named(options["brand"])
        doing: dict[str, Any] = {"by": OPERATOR, "via": Door.CLI, "at": clock.now()}
        columns = list(skills_of([brand.pk]))
        match options["does"]:
            case "list":
                known = levels()
                people = Person.objects.filter(active=True).order_by("name", "id")
                rows = [
                    [person.pk, person.name, *(known[person.pk].get(skill.pk, "") for skill in columns)]
                    for person in people
                ]
                self._print(["person_id", "person", *(skill.key for skill in columns)], rows)
            case "needs":
                self._print(COLUMNS, _needs(brand))
            case "save":
                there = Skill.objects.filter(brand=brand, key=options["key"].lower()).first()
                made = save_skill(
                    brand_id=brand.pk,
                    key=options["key"],
                    name=options["name"],
                    skill_id=there.pk if there else None,
                    **doing,
                )
                self.stdout.write(_("%s is kept.") % made.name)
            case "import":
                listed = read_skill_list(_content(options["file"]), words_for(columns))
                result = import_person_skills(listed=listed, dry_run=options["dry_run"], **doing)
                told = [f"{person}, {skill}: {was} -> {now}" for person, skill, was, now in result.changed]
                self._told(told, result.errors, result.ignored, dry_run=options["dry_run"])
            case "import-needs":
                content = _content(options["file"])
                done = import_skill_needs(brand_id=brand.pk, content=content, dry_run=options["dry_run"], **doing)
                self._told(done.changed, done.errors, done.ignored, dry_run=options["dry_run"])

    def _print(self, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        self.stdout.write(text.getvalue(), ending="")

    def _told(
        self, changed: Sequence[str], errors: Sequence[RowError], ignored: Sequence[str], *, dry_run: bool
    ) -> None:
        for error in errors:
            self.stderr.write(f"{_('Line %d') % error.line}: {error.what}: {error.so} {error.do}")
        if ignored:
            self.stderr.write(_("Columns left out: %s.") % ", ".join(ignored))
        for line in changed:
            self.stdout.write(line)
        if errors:
            self.stdout.write(_("Nothing was written."))
        elif dry_run:
            self.stdout.write(_("This was a dry run: nothing was written."))


def _needs(brand: Brand) -> list[list[object]]:
    keys = dict(Skill.objects.values_list("pk", "key"))
    called = {
        "brand": {brand.pk: brand.slug},
        "service": dict(Service.objects.filter(brand=brand).values_list("pk", "key")),
        "customer": dict(Customer.objects.filter(brand=brand).values_list("pk", "ref")),
    }
    return [
        [kind, called[kind][number], keys[skill_id], level]
        for (kind, number), wanted in sorted(needs_of_brand(brand.pk).items())
        for skill_id, level in wanted.items()
    ]


def _brand_named(slug: str | None) -> Brand:
    brands = list(Brand.objects.order_by("slug"))
    found = [brand for brand in brands if slug in (None, brand.slug)]
    if len(found) != 1:
        raise NotFound(
            _("The brand %s was asked for.") % (slug or "-"),
            _("There is none with this short name, or several might be meant."),
            _("Give one of: %s.") % ", ".join(brand.slug for brand in brands),
        )
    return found[0]


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as unreadable:
        raise NotFound(
            _("The file %s was to be read.") % path, f"{unreadable.strerror}.", _("Give the path of a CSV file.")
        ) from unreadable
