"""`nightdesk import_customers FILE --brand SLUG`: customers, contacts, contracts and numbers from a CSV file."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.customers.actions import ImportResult, apply_import
from nightdesk.customers.csv_import import COLUMNS, ImportPlan, plan_import


class Command(BaseCommand):
    help = f"Import customers from a CSV file. Columns, of which only the first is needed: {', '.join(COLUMNS)}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file to read")
        parser.add_argument("--brand", metavar="SLUG", required=True, help="short name of the brand they buy from")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, print what was done and which lines were left out. Raises NotFound for the file and the brand."""
        brand = Brand.objects.filter(slug=options["brand"]).first()
        if brand is None:
            raise NotFound(
                _("The brand %s was asked for.") % options["brand"],
                _("There is none with this short name."),
                _("Give one of: %s.") % ", ".join(Brand.objects.order_by("slug").values_list("slug", flat=True)),
            )
        try:
            content = Path(options["file"]).read_bytes()
        except OSError as unreadable:
            raise NotFound(
                _("The file %s was to be read.") % options["file"],
                f"{unreadable.strerror}.",
                _("Give the path of a CSV file."),
            ) from unreadable
        plan = plan_import(content, brand.region)
        result = apply_import(
            brand_id=brand.pk, plan=plan, dry_run=options["dry_run"], by=OPERATOR, via=Door.CLI, at=clock.now()
        )
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(result), "ignored_columns": plan.ignored_columns}))
        else:
            self._print(plan, result)

    def _print(self, plan: ImportPlan, result: ImportResult) -> None:
        for error in result.errors:
            place = _("Line %d") % error.line + (f", {error.column}" if error.column else "")
            self.stderr.write(f"{place}: {error.what}: {error.so} {error.do}")
        if plan.ignored_columns:
            self.stderr.write(_("Columns left out: %s.") % ", ".join(plan.ignored_columns))
        for what, count in result.counts.items():
            self.stdout.write(f"{what:<14}{count.new:>7} new{count.changed:>7} changed{count.same:>7} same")
        if result.dry_run:
            self.stdout.write(_("This was a dry run: nothing was written."))
