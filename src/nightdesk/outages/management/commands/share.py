"""`nightdesk share punctuality` and `nightdesk share outage O-1042`: links that need no signing in."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.customers.models import Customer
from nightdesk.outages import link_actions
from nightdesk.outages.links import ARCHIVE_FOR, SHARED_FOR
from nightdesk.outages.models import Outage
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named


class Command(BaseCommand):
    help = "Print a link that shows one outage, or how punctual we are, to whoever has it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        outage = what.add_parser("outage", help="one outage")
        outage.add_argument("number", help="its number, such as O-1042")
        outage.add_argument(
            "--customer", default="", help="as it touches them (their reference); else as on the public page"
        )
        outage.add_argument("--days", type=int, default=SHARED_FOR.days)
        punctuality = what.add_parser("punctuality", help="when each outage was told and updated, and whether on time")
        punctuality.add_argument("--days", type=int, default=ARCHIVE_FOR.days)
        for each in (outage, punctuality):
            each.add_argument("--brand", help="slug of the brand; needed where there are several")
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
            each.add_argument("--json", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now(), "days": options["days"]}
        brand = brand_named(options["brand"])
        if options["what"] == "punctuality":
            address = link_actions.share_archive(brand_id=brand.pk, **doing)
        else:
            asked = f"Outage {options['number']} was to be shared."
            number = options["number"].upper().removeprefix("O-")
            row = Outage.objects.filter(brand=brand, number=int(number)).first() if number.isdecimal() else None
            customer = Customer.objects.filter(brand=brand, ref__iexact=options["customer"]).first()
            if row is None or (options["customer"] and customer is None):
                raise NotFound(
                    asked, "There is no such outage, or no such customer.", "Look at the number and the reference."
                )
            customer_id = customer.pk if customer is not None else None
            address = link_actions.share_outage(outage_id=row.pk, customer_id=customer_id, **doing)
        self.stdout.write(json.dumps({"address": address}) if options["json"] else address)
