"""`nightdesk promises`: what will happen next, and what could not be done."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.base import clock
from nightdesk.base.models import Promise

_SHOWN = ("id", "kind", "lane", "subject_kind", "subject_id", "due_at", "why", "attempt", "failure", "ended_at")


class Command(BaseCommand):
    help = "Show open promises, the next one first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--due", action="store_true", help="only those that are due, or overdue")
        which.add_argument("--dead", action="store_true", help="those that were given up: the dead-letter list")
        parser.add_argument("--limit", type=int, default=100)
        parser.add_argument("--json", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        at = clock.now()
        if options["dead"]:
            rows = Promise.objects.filter(ended_as=Promise.Ending.DEAD).order_by("-ended_at", "id")
        else:
            rows = Promise.objects.filter(ended_at=None).order_by("due_at", "id")
        if options["due"]:
            rows = rows.filter(due_at__lte=at)
        limit = max(1, options["limit"])
        shown = list(rows[:limit])
        if options["json"]:
            facts = [{name: getattr(row, name) for name in _SHOWN} for row in shown]
            self.stdout.write(json.dumps(facts, default=_as_text, ensure_ascii=False))
            return
        for row in shown:
            failed = f"  FAILED {row.attempt} times: {row.failure.splitlines()[0]}" if row.failure else ""
            late = (
                f"  {(at - row.due_at).total_seconds():.1f} s overdue" if row.due_at <= at and not row.ended_at else ""
            )
            self.stdout.write(
                f"{row.due_at:%Y-%m-%d %H:%M:%S}  {row.kind}  {row.subject_kind} {row.subject_id}: {row.why}{late}{failed}"
            )
        if not shown:
            self.stdout.write("None.")
        elif len(shown) == limit:
            self.stdout.write(f"... perhaps more; --limit {2 * limit} shows them.")


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
