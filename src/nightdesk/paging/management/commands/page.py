"""`nightdesk page TITLE --priority P1`: raise a page by hand."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.customers.priority import Priority
from nightdesk.paging import actions
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named
from nightdesk.paging.models import Policy


class Command(BaseCommand):
    help = "Raise a page by hand."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("title", help="in one line, what is wrong")
        parser.add_argument("--priority", choices=[str(priority) for priority in Priority], default="P1")
        parser.add_argument("--brand", help="slug of the brand; needed where there are several")
        parser.add_argument("--policy", help="name of the escalation policy; default: the brand's first")
        parser.add_argument("--as", dest="email", help="e-mail address of who raises it")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        brand, policy_id = brand_named(options["brand"]), None
        if options["policy"]:
            policy_id = Policy.objects.filter(brand=brand, name=options["policy"]).values_list("id", flat=True).first()
            if policy_id is None:
                asked, so = "A page was to be raised.", f"{brand.name} has no policy {options['policy']}."
                raise NotFound(asked, so, "Choose one of its policies.")
        page = actions.trigger_page(
            brand_id=brand.id,
            title=options["title"],
            priority=options["priority"],
            policy_id=policy_id,
            by=actor_named(options["email"]) if options["email"] else OPERATOR,
            via=Door.CLI,
            at=clock.now(),
        )
        if options["json"]:
            told = {"id": str(page.id), "code": page.code, "state": page.state, "unreached": page.unreached}
            self.stdout.write(json.dumps(told))
        elif page.unreached:
            self.stdout.write(f"Page {page.code} is raised, but NOBODY could be woken. It is tried again.")
        else:
            self.stdout.write(f"Page {page.code} is raised.")
