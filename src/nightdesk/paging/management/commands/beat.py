"""`nightdesk beat NAME`: say that a heartbeat was heard; `--start` that it begins, `--fail` that it failed."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.paging import heartbeat_actions, queries
from nightdesk.paging.management.commands.key import brand_named


class Command(BaseCommand):
    help = "Say that a heartbeat was heard."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the heartbeat is called, whatever its case")
        parser.add_argument("--brand", help="slug of the brand, where several have one of that name")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--start", dest="what", action="store_const", const="start", help="it begins")
        what.add_argument("--fail", dest="what", action="store_const", const="fail", help="it failed")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        brand_id = brand_named(options["brand"]).id if options["brand"] else None
        row = heartbeat_actions.note_beat(
            heartbeat_id=queries.heartbeat_named(options["name"], brand_id).pk,
            what=options["what"] or "ok",
            sender="nightdesk beat",
            by=OPERATOR,
            via=Door.CLI,
            at=clock.now(),
        )
        if options["json"]:
            late_at = row.late_at.isoformat() if row.late_at else None
            self.stdout.write(json.dumps({"id": row.pk, "name": row.name, "state": row.state, "late_at": late_at}))
        elif row.late_at is not None:
            self.stdout.write(f"{row.name} is {row.state}; it is late from {row.late_at:%a %d %b %H:%M:%S} UTC on.")
        else:
            self.stdout.write(f"{row.name} is {row.state}.")
