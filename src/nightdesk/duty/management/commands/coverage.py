"""`nightdesk coverage`: what nobody on a shift will know, and who is new and on alone, weeks ahead."""

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.customers.need_queries import names_of
from nightdesk.duty.coverage_actions import check_coverage
from nightdesk.duty.coverage_queries import AHEAD, Covered, brands_to_look_at, coverage_of, in_words, names_in
from nightdesk.people.models import Person
from nightdesk.rota.coverage_queries import names_of_skills, scarce_skills


class Command(BaseCommand):
    help = "Say what nobody on a shift, nor the standby behind it, will know, or who is new and on alone, when, and who could."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--brand", metavar="SLUG", help="the short name of one brand; default: all of which anything is asked"
        )
        parser.add_argument("--days", type=int, default=AHEAD.days, help="how far ahead; default: %(default)s")
        parser.add_argument("--scarce", action="store_true", help="say instead what one person alone knows")
        parser.add_argument(
            "--tell", action="store_true", help="look as the worker does, and tell managers what is new"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises NotFound for a brand that is not there."""
        now = clock.now()
        for brand in _brands(options["brand"]):
            if options["tell"]:
                told = check_coverage(brand_id=brand.pk, by=OPERATOR, via=Door.CLI, at=now)
                self.stdout.write(f"{brand.name}: {told}")
            elif options["scarce"]:
                self._scarce(brand)
            else:
                covered = coverage_of(brand, now, timedelta(days=max(1, min(options["days"], 366))))
                self._print(covered, as_json=options["json"])

    def _print(self, covered: Covered, *, as_json: bool) -> None:
        if as_json:
            names = names_in(covered.holes)
            skills = names_of_skills({one.skill for hole in covered.holes for one in hole.lacking})
            for hole in covered.holes:
                told = {
                    "brand": covered.brand.slug,
                    "kind": hole.subject[0],
                    "name": names[hole.subject],
                    "from": hole.start.isoformat(),
                    "until": hole.end.isoformat(),
                    "lacking": [{"skill": skills[one.skill], "level": one.level} for one in hole.lacking],
                    "could": list(covered.could[hole]),
                }
                self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"{covered.brand.name}:")
        if not covered.holes:
            self.stdout.write("  " + _("every shift knows what it answers for"))
        for line in in_words(covered.holes, covered.brand.zone, covered.facts):
            self.stdout.write(f"  {line}")

    def _scarce(self, brand: Brand) -> None:
        rows = scarce_skills(brand.pk)
        skills = names_of_skills({each.skill for each in rows})
        people = dict(Person.objects.values_list("id", "name"))
        names = names_of({subject for each in rows for subject in each.subjects})
        for each in rows:
            who = people[each.person] if each.person is not None else _("nobody")
            needed = ", ".join(names[subject] for subject in each.subjects if subject in names)
            self.stdout.write(
                f"{brand.name}: {skills[each.skill]} ({each.level}): {who}" + (f"; {needed}" if needed else "")
            )


def _brands(slug: str | None) -> list[Brand]:
    if slug is None:
        return list(Brand.objects.filter(pk__in=brands_to_look_at()).order_by("name"))
    brand = Brand.objects.filter(slug=slug).first()
    if brand is None:
        raise NotFound(_("The brand %r was named.") % slug, _("There is none."), _("Name a brand by its short name."))
    return [brand]
