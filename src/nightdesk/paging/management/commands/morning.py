"""`nightdesk morning CODE --as EMAIL`: leave a page till the opening."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.paging import actions, queries
from nightdesk.paging.management.commands.ack import actor_named


class Command(BaseCommand):
    help = "Leave a page till the opening."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="the page's code, as its messages give it")
        parser.add_argument("--as", dest="email", required=True, help="e-mail address of who leaves it")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"])
        page = queries.page_by_code(options["code"], None)
        page = actions.defer_page(page_id=page.id, by=by, via=Door.CLI, at=clock.now())
        opens_at = page.rings_from.isoformat(timespec="minutes")
        if options["json"]:
            self.stdout.write(json.dumps({"id": str(page.id), "code": page.code, "rings_from": opens_at}))
        else:
            self.stdout.write(f"Page {page.code} waits until {opens_at}: {page.title}")
