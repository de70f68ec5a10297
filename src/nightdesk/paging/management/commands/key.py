"""`nightdesk key new NAME`: a key for a system that sends alarms. The secret is printed alone on the last line."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.paging import actions
from nightdesk.paging.formats import FORMATS
from nightdesk.paging.models import Policy

ADDRESSES = {"pagerduty_v2": "/v2/enqueue", "alertmanager": "/hooks/alertmanager/KEY", "generic": "/hooks/generic/KEY",
             "email": "alarm+KEY@ an address of ours"}  # fmt: skip


class Command(BaseCommand):
    help = "Make a key for a system that sends alarms."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["new"])
        parser.add_argument("name", help="what the sender is called, for example Prometheus")
        parser.add_argument("--brand", help="slug of the brand; needed where there are several")
        parser.add_argument("--format", choices=sorted(FORMATS), default="pagerduty_v2")
        parser.add_argument("--policy", help="name of the escalation policy; default: the brand's first")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        brand = brand_named(options["brand"])
        policies = Policy.objects.filter(brand=brand).order_by("id")
        policy = (policies.filter(name=options["policy"]) if options["policy"] else policies).first()
        if policy is None:
            raise NotFound(
                f"A key for {options['name']} was to be made.",
                f"{brand.name} has no such policy.",
                "Save an escalation policy first, or name one that there is.",
            )
        made, key = actions.make_integration(
            brand_id=brand.id,
            name=options["name"],
            format=options["format"],
            policy_id=policy.id,
            by=OPERATOR,
            via=Door.CLI,
            at=clock.now(),
        )
        address = ADDRESSES[made.format]
        if options["json"]:
            told = {"id": made.id, "name": made.name, "format": made.format, "address": address, "key": key}
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(f"{made.name} sends to {address}, and pages by {policy.name}. Its key, told this once:")
            self.stdout.write(key)


def brand_named(slug: str | None) -> Brand:
    """The brand of that slug, or the only one there is. Raises NotFound."""
    found = list(Brand.objects.filter(slug=slug) if slug else Brand.objects.all()[:2])
    if len(found) != 1:
        so = f"There is no brand {slug}." if slug else f"There are {'several' if found else 'none'}."
        raise NotFound("A brand was needed.", so, "Name one with --brand SLUG.")
    return found[0]
