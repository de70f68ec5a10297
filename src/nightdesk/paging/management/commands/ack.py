"""`nightdesk ack CODE --as EMAIL`: take a page for a person."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.models import User
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.paging import actions, queries
from nightdesk.people.queries import actor_of_user


class Command(BaseCommand):
    help = "Take a page."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="the page's code, as its messages give it")
        parser.add_argument("--as", dest="email", required=True, help="e-mail address of who takes it")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"])
        page = queries.page_by_code(options["code"], None)
        page = actions.acknowledge_page(page_id=page.id, by=by, via=Door.CLI, at=clock.now())
        if options["json"]:
            self.stdout.write(
                json.dumps({"id": str(page.id), "code": page.code, "state": page.state, "owner": by.name})
            )
        else:
            self.stdout.write(f"{by.name} has page {page.code}: {page.title}")


def actor_named(email: str) -> Actor:
    """The person who logs in with this address. Raises NotFound."""
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise NotFound(f"{email} was to act.", "Nobody logs in with that address.", "Give the address of an account.")
    return actor_of_user(user)
