"""`nightdesk who`: who is on, now or at another time."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.duty.queries import OnDuty, who_is_on


class Command(BaseCommand):
    help = "Say who is on duty in every seat, and who comes next."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", help="an instant with its offset, such as 2026-01-05T18:00+00:00; default: now")
        parser.add_argument("--brand", help="the short name of one brand")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = clock.now()
        at = now if options["at"] is None else _instant(options["at"])
        brand_ids = None if options["brand"] is None else {_brand(options["brand"]).id}
        duties = who_is_on(at, brand_ids, now=now)
        if options["json"]:
            self.stdout.write(json.dumps([_plain(duty) for duty in duties], indent=2))
            return
        if not duties:
            self.stdout.write(_("There is no seat."))
        for duty in duties:
            self.stdout.write(_line(duty))


def _instant(text: str) -> datetime:
    asked = _("The time %r was asked for.") % text
    try:
        at = datetime.fromisoformat(text)
    except ValueError as bad:
        raise Invalid(asked, _("It cannot be read."), _("Write it as 2026-01-05T18:00Z.")) from bad
    if at.tzinfo is None:
        raise Invalid(asked, _("It has no offset."), _("Write it as 2026-01-05T18:00Z."))
    return at


def _brand(slug: str) -> Brand:
    brand = Brand.objects.filter(slug=slug).first()
    if brand is None:
        raise NotFound(_("The brand %r was named.") % slug, _("There is none."), _("Name a brand by its short name."))
    return brand


def _plain(duty: OnDuty) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(duty).items()}


def _line(duty: OnDuty) -> str:
    line = f"{duty.rota_name} / {duty.seat_name}: {duty.person_name or _('nobody')}"
    if not duty.held and duty.person_name:
        line += " " + _("(planned)")
    if duty.until is not None:
        line += " " + _("until %s") % duty.until.isoformat(timespec="minutes")
    if duty.next_person_name:
        line += ", " + _("then %s") % duty.next_person_name
        line += " " + _("(accepted)") if duty.next_accepted else ""
    return line
