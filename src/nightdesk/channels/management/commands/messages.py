"""`nightdesk messages`: what was sent to whom and what became of it; `messages ID` reads one, `--resend` sends it again."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.channels import actions, queries
from nightdesk.channels.models import Attempt, Delivery, Message


class Command(BaseCommand):
    help = "What was sent, to whom, and what became of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", nargs="?", default="", help="one message: what it says, and every try")
        parser.add_argument("--search", default="", help="part of the title or the address, or the whole code")
        parser.add_argument("--state", choices=Delivery.State.values, help="only those in this state")
        parser.add_argument("--channel", default="", help="only those by this channel")
        parser.add_argument("--limit", type=int, default=50, help="how many, the newest first (50)")
        parser.add_argument("--resend", action="store_true", help="send the message ID again, to the same address")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        if options["id"]:
            self._one(_delivery(options["id"]), options)
            return
        if options["resend"]:
            raise Invalid("A message was to be sent again.", "None was named.", "Give its id: nightdesk messages ID.")
        wanted = queries.Filters(
            words=options["search"],
            channel=options["channel"],
            states=[options["state"]] if options["state"] else (),
        )
        rows = list(queries.deliveries(wanted)[: max(1, options["limit"])])
        said = queries.messages_of({row.message_id for row in rows})
        if options["json"]:
            self.stdout.write(json.dumps([_told(row, said.get(row.message_id)) for row in rows]))
            return
        for row in rows:
            message = said.get(row.message_id)
            self.stdout.write(
                f"{row.id}  {row.created_at:%Y-%m-%d %H:%M:%S}  {row.state:<14} {row.channel:<8} {row.address}  "
                f"{queries.words_to(row, message)[0] if message else ''}"
            )
        if not rows:
            self.stdout.write("No message is like that.")

    def _one(self, row: Delivery, options: dict[str, Any]) -> None:
        if options["resend"]:
            row = actions.resend_message(
                delivery_id=row.id, month=row.month, by=SCHEDULER, via=Door.CLI, at=clock.now()
            )
        message = Message.objects.filter(id=row.message_id).first()
        tried = queries.tries_of(row)
        if options["json"]:
            self.stdout.write(json.dumps(_told(row, message) | {"tries": [_try(each) for each in tried]}))
            return
        self.stdout.write(f"{row.id}\n{row.channel} {row.address}: {row.state} {row.reason}".rstrip())
        if message is not None:
            self.stdout.write("\n".join(part for part in queries.words_to(row, message) if part))
        for each in tried:
            what = "receipt" if each.is_receipt else "try"
            self.stdout.write(
                f"  {each.at:%H:%M:%S} {what} {each.route_name}: {each.outcome} ({each.took_ms} ms) {each.reason}".rstrip()
            )


def _delivery(text: str) -> Delivery:
    try:
        found = Delivery.objects.filter(id=UUID(text)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"The message {text} was asked for.", "There is none.", "nightdesk messages lists them.")
    return found


def _told(row: Delivery, message: Message | None) -> dict[str, Any]:
    title, body = queries.words_to(row, message) if message else (None, None)
    instants = {name: getattr(row, name) for name in ("created_at", "due_at", "accepted_at", "delivered_at", "read_at")}
    return {
        "id": str(row.id),
        "title": title,
        "body": body,
        "channel": row.channel,
        "address": row.address,
        "state": row.state,
        "reason": row.reason,
        "provider_id": row.provider_id,
        **{name: at.isoformat() if at else None for name, at in instants.items()},
    }


def _try(each: Attempt) -> dict[str, Any]:
    return {
        "at": each.at.isoformat(),
        "is_receipt": each.is_receipt,
        "route": each.route_name,
        "outcome": each.outcome,
        "took_ms": each.took_ms,
        "reason": each.reason,
        "provider_id": each.provider_id,
    }
