"""`nightdesk call list`, `messages`, `ringing`, `story ID`; of what a caller left `back ID`, `outcome ID WORDS`, and more."""

import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.calls import actions, asking_actions, queries
from nightdesk.calls.models import Call, Message
from nightdesk.paging.management.commands.ack import actor_named

SHOWN = 50
LOOKED_AT = 2000
"""Among so many of the newest an id's last digits are looked for."""


class Command(BaseCommand):
    help = "The phone line: calls, whose telephone rings now, what callers left, and ringing them back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        each = {
            "list": what.add_parser("list", help="the newest calls"),
            "ringing": what.add_parser("ringing", help="whose telephones ring at this moment"),
            "messages": what.add_parser("messages", help="what callers left and nobody has closed"),
            "story": what.add_parser("story", help="what happened in a call, and why"),
            "back": what.add_parser("back", help="ring back: your telephone first, then the caller's"),
            "outcome": what.add_parser("outcome", help="say how a call-back ended"),
            "close": what.add_parser("close", help="nobody rings back, and why"),
            "cancel": what.add_parser("cancel", help="the caller wants no call-back any more"),
        }
        each["list"].add_argument("--running", action="store_true", help="those that go on now")
        each["messages"].add_argument("--all", action="store_true", help="those that are over too")
        for name in ("story", "back", "outcome", "close", "cancel"):
            each[name].add_argument("id", help="the id, or its last digits as they are listed")
        each["outcome"].add_argument("words")
        each["close"].add_argument("--why", required=True)
        for parser_of_one in each.values():
            parser_of_one.add_argument("--as", dest="email", help="e-mail address of who does it")
            parser_of_one.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        brands = _readable(by)
        match options["what"]:
            case "list":
                calls = queries.calls(brands)
                calls = calls.filter(ended_at=None) if options["running"] else calls
                self._tell([_call(one) for one in calls[:SHOWN]], options)
            case "ringing":
                self._tell([_leg(one) for one in queries.ringing_now(brands)], options)
            case "messages":
                rows = queries.messages(brands)
                rows = rows if options["all"] else rows.filter(ended_at=None)
                self._tell([_message(one) for one in rows[:SHOWN]], options)
            case "story":
                call = _ending(queries.calls(brands), options["id"], "call")
                self._tell([_event(one) for one in queries.events_of(call.pk)], options)
            case verb:
                message = _ending(queries.messages(brands), options["id"], "message")
                done = _do(verb, message.pk, options, doing)
                self._tell([_call(done) if isinstance(done, Call) else _message(done)], options)

    def _tell(self, rows: list[dict[str, Any]], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
            return
        for row in rows:
            self.stdout.write("  ".join(str(value) for value in row.values() if value not in ("", None)))
        if not rows:
            self.stdout.write("There are none.")


def _do(verb: str, message_id: UUID, options: dict[str, Any], doing: dict[str, Any]) -> Call | Message:
    match verb:
        case "back":
            return asking_actions.call_back(message_id=message_id, **doing)
        case "outcome":
            words = sys.stdin.read() if options["words"] == "-" else options["words"]
            return actions.note_outcome(message_id=message_id, outcome=words, **doing)
        case "close":
            return actions.close_message(message_id=message_id, why=options["why"], **doing)
        case _:
            return actions.cancel_message(message_id=message_id, **doing)


def _readable(by: Actor) -> set[int] | None:
    """The brands whose calls they may read. Raises Forbidden where there is none."""
    brands = brands_for(by, "read_calls")
    if brands is not None and not brands:
        raise forbidden(by, "read_calls")
    return brands


def _ending(rows: Any, digits: str, what: str) -> Any:
    """The one of the newest rows whose id is `digits`, or ends so. Raises NotFound, also for several."""
    wanted = digits.replace("-", "").lower()
    found = [one for one in rows[:LOOKED_AT] if one.pk.hex.endswith(wanted)] if wanted else []
    if len(found) != 1:
        so = "There is none." if not found else f"There are {len(found)}."
        raise NotFound(f"The {what} {digits} was asked for.", so, "Give the id, or more of its last digits.")
    return found[0]


def _call(one: Call) -> dict[str, Any]:
    who = one.contact or one.customer or one.peer or one.person
    return {
        "id": str(one.pk)[-8:],
        "came_at": f"{one.came_at:%Y-%m-%dT%H:%MZ}",
        "line": one.line.name,
        "number": one.number or "withheld",
        "who": who.name if who is not None else "",
        "answered_by": one.answered_person.name if one.answered_person is not None else one.answered_by,
        "ended_as": one.ended_as or "running",
    }


def _leg(one: Any) -> dict[str, Any]:
    since = one.ringing_at or one.ordered_at
    return {
        "who": one.person.name if one.person is not None else one.to,
        "to": one.to,
        "since": f"{since:%H:%M:%SZ}",
        "line": one.call.line.name,
        "call": str(one.call_id)[-8:],
    }


def _message(one: Message) -> dict[str, Any]:
    who = one.contact or one.customer or one.peer
    return {
        "id": str(one.pk)[-8:],
        "taken_at": f"{one.taken_at:%Y-%m-%dT%H:%MZ}",
        "kind": one.kind,
        "state": one.state,
        "number": one.number or "withheld",
        "who": who.name if who is not None else "",
        "call_back_by": f"{one.call_back_by:%Y-%m-%dT%H:%MZ}" if one.call_back_by is not None else "",
        "text": one.text or one.outcome,
    }


def _event(one: Any) -> dict[str, Any]:
    return {
        "at": f"{one.at:%H:%M:%SZ}",
        "event": one.event["is"],
        "leg": one.event.get("leg", ""),
        "why": " ".join(one.why),
        "trouble": one.trouble,
    }
