"""`nightdesk tickets list`, `show 1042`, `find WORDS`, `open TITLE`, and the verbs of a ticket, such as `note 1042 WORDS`."""

import json
import sys
from argparse import ArgumentParser
from datetime import datetime
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.customers.models import Customer
from nightdesk.desk import actions, linking_actions, queries
from nightdesk.desk.actions import File, Words
from nightdesk.desk.decide import OPEN, ContactKind, PendingReason
from nightdesk.desk.finding import Reader, find_tickets
from nightdesk.desk.models import Entry, Link, Queue, Ticket
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.paging.management.commands.key import brand_named
from nightdesk.people.models import Person, Team

SHOWN = 50
BELONGS = (
    *("link", "unlink", "merge", "unmerge", "split", "rejoin", "propose-major", "accept-major", "reject-major"),
    *("put-under", "take-out", "tell-all", "answer"),
)
"""Words of the verbs of `linking_actions`."""


class Command(BaseCommand):
    help = "Tickets: list, show, find and open them, and do what is done about them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        shown = what.add_parser("list", help="the newest; of open ones the most urgent")
        shown.add_argument("--state", choices=["open", *Ticket.State.values], default="open")
        shown.add_argument("--queue", help="name of the queue")
        shown.add_argument("--customer", help="number of the customer")
        shown.add_argument("--mine", action="store_true", help="those of whoever asks")
        find = what.add_parser("find", help="by words, number and filters, as in the search box")
        find.add_argument("words", nargs="+")
        opened = what.add_parser("open", help="open one; its text on standard input or with --text")
        opened.add_argument("title")
        opened.add_argument("--kind", choices=Ticket.Kind.values, default="incident")
        opened.add_argument("--customer", help="number of the customer")
        opened.add_argument("--from", dest="address", default="", help="e-mail address of who asks")
        opened.add_argument("--queue", help="name of the queue")
        for axis in ("impact", "urgency"):
            opened.add_argument(f"--{axis}", choices=["high", "medium", "low"], default="medium")
        opened.add_argument("--tag", action="append", default=[])
        opened.add_argument("--text", help="what they said; - reads standard input")
        opened.add_argument("--file", action="append", default=[], type=Path, help="attach it")
        verbs = {
            "show": what.add_parser("show", help="one ticket and the story so far"),
            "story": what.add_parser("story", help="all that was said and done"),
            "reply": what.add_parser("reply", help="write to the customer"),
            "note": what.add_parser("note", help="write a note among ourselves"),
            "message": what.add_parser("message", help="take down what the customer said"),
            "assign": what.add_parser("assign", help="give it to a person, a team or both"),
            "escalate": what.add_parser("escalate", help="have a team that knows more work on it"),
            "raise": what.add_parser("raise", help="bring it before a manager"),
            "start": what.add_parser("start", help="work on it begins, or goes on"),
            "wait": what.add_parser("wait", help="wait for somebody"),
            "next": what.add_parser("next", help="say what happens next"),
            "resolve": what.add_parser("resolve", help="it is solved"),
            "close": what.add_parser("close", help="what was resolved is over"),
            "cancel": what.add_parser("cancel", help="it was none"),
            "reopen": what.add_parser("reopen", help="it is in progress again"),
            "link": what.add_parser("link", help="link it with another"),
            "unlink": what.add_parser("unlink", help="they are linked so no more"),
            "merge": what.add_parser("merge", help="it goes on in another"),
            "unmerge": what.add_parser("unmerge", help="it is one of its own again"),
            "split": what.add_parser("split", help="a new one has some of what was said"),
            "rejoin": what.add_parser("rejoin", help="what was split off is put back"),
            "propose-major": what.add_parser("propose-major", help="it may be a major incident"),
            "accept-major": what.add_parser("accept-major", help="it is a major incident"),
            "reject-major": what.add_parser("reject-major", help="it is none, or no more"),
            "put-under": what.add_parser("put-under", help="it is part of a major incident"),
            "take-out": what.add_parser("take-out", help="it is about something else"),
            "tell-all": what.add_parser("tell-all", help="write to all under a major incident, in each one's words"),
            "answer": what.add_parser("answer", help="give what was found back to the engineer who had escalated it"),
        }
        for each in verbs.values():
            each.add_argument("number", help="1042, or slug#1042 where several brands have one of that number")
        for name in ("link", "unlink", "merge", "put-under"):
            verbs[name].add_argument("other", help="number of the other one")
        for name in ("link", "unlink"):
            verbs[name].add_argument("--kind", choices=Link.Kind.values, default="related")
        verbs["split"].add_argument("title", help="what the new one is about")
        verbs["split"].add_argument("--entry", action="append", required=True, type=UUID, help="its id in story --json")
        for name in ("tell-all", "answer"):
            verbs[name].add_argument("text")
        for name in ("reply", "note", "message"):
            verbs[name].add_argument("text", help="- reads standard input")
            verbs[name].add_argument("--file", action="append", default=[], type=Path, help="attach it")
        verbs["reply"].add_argument("--wait", action="store_true", help="it waits for their answer")
        verbs["reply"].add_argument(
            "--by-phone", action="store_true", help="they have heard it already, and nothing is sent"
        )
        for name in ("reply", "resolve"):
            verbs[name].add_argument("--why-now", default="", help="why it is not held till the opening")
        for name in ("reply", "resolve"):
            verbs[name].add_argument("--contact", default="", choices=[*ContactKind], help="why level 2 or 3 writes")
        verbs["assign"].add_argument("--to", help="name or e-mail address of the person")
        verbs["raise"].add_argument("--to", help="likewise; else the team's manager")
        verbs["assign"].add_argument("--team", help="name of the team")
        verbs["escalate"].add_argument("--team", required=True, help="name of the team")
        for name in ("escalate", "raise", "cancel", "reopen", "propose-major", "reject-major"):
            verbs[name].add_argument("--why", required=True)
        verbs["wait"].add_argument("--for", dest="reason", required=True, choices=[*PendingReason])
        for name in ("wait", "next"):
            verbs[name].add_argument("step", help="what happens next")
            verbs[name].add_argument("--by", dest="until", required=True, help="by when: 2026-11-14T09:00Z")
        verbs["resolve"].add_argument("--wrong", required=True, help="what was wrong")
        verbs["resolve"].add_argument("--done", required=True, help="what was done")
        verbs["resolve"].add_argument("--do", dest="to_do", required=True, help="what the customer should do")
        verbs["resolve"].add_argument("--untold", action="store_true", help="do not tell the customer")
        for each in (shown, find, opened, *verbs.values()):
            each.add_argument("--brand", help="slug of the brand; needed where there are several")
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
            each.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        match options["what"]:
            case "list":
                self._tell(_listed(options, by), options)
            case "find":
                reader = Reader(_readable(by), by.person_id)
                hits = find_tickets(" ".join(options["words"]), reader, limit=SHOWN, typing=False).hits
                self._tell([hit.ticket for hit in hits], options)
            case "open":
                self._tell([_opened(options, doing)], options)
            case "show":
                self._show(_numbered(options, by), options)
            case "story":
                self._story(_numbered(options, by), options)
            case verb:
                ticket = _numbered(options, by)
                if verb in BELONGS:
                    _bring_together(verb, ticket, options, doing)
                else:
                    _do(verb, ticket, options, doing)
                self._tell([Ticket.objects.get(id=ticket.id)], options)

    def _tell(self, tickets: list[Ticket], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps([_fields(one) for one in tickets], ensure_ascii=False))
            return
        for one in tickets:
            told = one.state.replace("_", " ")
            if one.is_open and one.next_step_at is not None:
                told += f"; {one.next_step}, by {one.next_step_at:%a %d %b %H:%M} UTC"
            self.stdout.write(f"#{one.number}  P{one.priority}  {one.title}: {told}")
        if not tickets:
            self.stdout.write("There are none.")

    def _show(self, ticket: Ticket, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(_fields(ticket) | {"story_so_far": queries.story_so_far(ticket)}))
        else:
            self.stdout.write(queries.story_so_far(ticket))

    def _story(self, ticket: Ticket, options: dict[str, Any]) -> None:
        entries = list(queries.story_of(ticket))
        if options["json"]:
            self.stdout.write(json.dumps([_entry(one) for one in entries], ensure_ascii=False))
            return
        for one in entries:
            said = " ".join(one.text.split()) or json.dumps(one.facts)
            self.stdout.write(f"{one.at:%d %b %H:%M} {one.by_name}, {one.kind.replace('_', ' ')}: {said}")


def _do(verb: str, ticket: Ticket, options: dict[str, Any], doing: dict[str, Any]) -> None:
    """The verb of that word."""
    on: dict[str, Any] = {"ticket_id": ticket.id, **doing}
    match verb:
        case "reply":
            actions.reply_to_customer(
                words=_words(options), contact_kind=options["contact"], why_now=options["why_now"], by_phone=options["by_phone"],
                then="wait" if options["wait"] else "", **on,
            )  # fmt: skip
        case "note":
            actions.note_ticket(words=_words(options), **on)
        case "message":
            actions.take_message(words=_words(options), **on)
        case "assign":
            person, team = _person(options["to"]), _team(options["team"], ticket)
            actions.assign_ticket(person_id=person, team_id=team, **on)
        case "escalate":
            team = _team(options["team"], ticket)
            assert team is not None
            actions.escalate_functionally(team_id=team, why=options["why"], **on)
        case "raise":
            actions.escalate_hierarchically(why=options["why"], person_id=_person(options["to"]), **on)
        case "start":
            actions.start_ticket(**on)
        case "wait":
            step = {"next_step": options["step"], "next_step_at": _instant(options["until"])}
            actions.wait_ticket(reason=options["reason"], **step, **on)
        case "next":
            actions.set_next_step(next_step=options["step"], next_step_at=_instant(options["until"]), **on)
        case "resolve":
            actions.resolve_ticket(
                what_was_wrong=options["wrong"], what_was_done=options["done"], what_to_do=options["to_do"],
                contact_kind=options["contact"], why_now=options["why_now"], tell=not options["untold"], **on,
            )  # fmt: skip
        case "close":
            actions.close_ticket(**on)
        case "cancel":
            actions.cancel_ticket(why=options["why"], **on)
        case "reopen":
            actions.reopen_ticket(why=options["why"], **on)


def _bring_together(verb: str, ticket: Ticket, options: dict[str, Any], doing: dict[str, Any]) -> None:
    """The verb of that word, of those by which tickets belong together."""
    on: dict[str, Any] = {"ticket_id": ticket.id, **doing}
    if "other" in options:
        other_id = _numbered(options | {"number": options["other"]}, doing["by"]).id
    match verb:
        case "link":
            linking_actions.link_tickets(other_id=other_id, kind=options["kind"], **on)
        case "unlink":
            linking_actions.unlink_tickets(other_id=other_id, kind=options["kind"], **on)
        case "merge":
            linking_actions.merge_ticket(into_id=other_id, **on)
        case "unmerge":
            linking_actions.unmerge_ticket(**on)
        case "split":
            linking_actions.split_ticket(entry_ids=options["entry"], title=options["title"], **on)
        case "rejoin":
            linking_actions.rejoin_ticket(**on)
        case "propose-major":
            linking_actions.propose_major(why=options["why"], **on)
        case "accept-major":
            linking_actions.accept_major(**on)
        case "reject-major":
            linking_actions.reject_major(why=options["why"], **on)
        case "put-under":
            linking_actions.add_child(parent_id=other_id, **on)
        case "take-out":
            linking_actions.remove_child(**on)
        case "tell-all":
            linking_actions.tell_children(text=options["text"], **on)
        case "answer":
            linking_actions.return_answer(answer=options["text"], **on)


def _readable(by: Actor) -> set[int] | None:
    """The brands whose tickets they may read. Raises Forbidden where there is none."""
    brands = brands_for(by, "read_tickets")
    if brands is not None and not brands:
        raise forbidden(by, "read_tickets")
    return brands


def _listed(options: dict[str, Any], by: Actor) -> list[Ticket]:
    rows = Ticket.objects.select_related("brand", "assignee")
    if (brands := _readable(by)) is not None:
        rows = rows.filter(brand__in=brands)
    if options["brand"]:
        rows = rows.filter(brand=brand_named(options["brand"]))
    if options["queue"]:
        rows = rows.filter(queue__name__iexact=options["queue"])
    if options["customer"]:
        rows = rows.filter(customer__ref__iexact=options["customer"])
    if options["mine"]:
        rows = rows.filter(assignee=by.person_id)
    if options["state"] == "open":
        rows = rows.filter(state__one_of=OPEN, merged_into=None).order_by("priority", "opened_at")
    else:
        rows = rows.filter(state=options["state"]).order_by("-opened_at", "-id")
    return list(rows[:SHOWN])


def _numbered(options: dict[str, Any], by: Actor) -> Ticket:
    """The ticket of that number. Raises NotFound."""
    slug, _hash, number = options["number"].strip("[]").rpartition("#")
    rows = (
        Ticket.objects.filter(number=int(number)) if number.isdecimal() and len(number) < 19 else Ticket.objects.none()
    )
    if (brands := _readable(by)) is not None:
        rows = rows.filter(brand__in=brands)
    if slug or options["brand"]:
        rows = rows.filter(brand__slug=slug or options["brand"])
    found = list(rows.select_related("brand", "customer")[:2])
    if len(found) != 1:
        raise NotFound(
            f"Ticket {options['number']} was asked for.",
            "Several brands have one of that number." if found else "There is none that you may see.",
            "Name its brand with --brand SLUG." if found else "Look at the list.",
        )
    return found[0]


def _opened(options: dict[str, Any], doing: dict[str, Any]) -> Ticket:
    brand = brand_named(options["brand"])
    contact = queries.contact_at(options["address"], brand.pk) if options["address"] else None
    words = _words(options) if options["text"] or options["file"] else None
    return actions.open_ticket(
        brand_id=brand.pk,
        title=options["title"],
        kind=options["kind"],
        words=words,
        customer_id=_id_of(
            Customer, "customer", options["customer"], brand_id=brand.pk, ref__iexact=options["customer"]
        ),
        contact_id=contact.pk if contact else None,
        requester_address=options["address"],
        queue_id=_id_of(Queue, "queue", options["queue"], brand_id=brand.pk, name__iexact=options["queue"]),
        impact=options["impact"],
        urgency=options["urgency"],
        tags=options["tag"],
        **doing,
    )


def _words(options: dict[str, Any]) -> Words:
    text = sys.stdin.read() if options["text"] == "-" else options["text"] or ""
    try:
        files = [
            File(one.name, guess_type(one.name)[0] or "application/octet-stream", one.read_bytes())
            for one in options["file"]
        ]
    except OSError as error:
        raise Invalid(
            "A file was to be attached.", f"{error.filename}: {error.strerror}.", "Name one that is there."
        ) from None
    return Words(text, files=files)


def _type_of(file: Path) -> str:
    return guess_type(file.name)[0] or "application/octet-stream"


def _person(named: str | None) -> int | None:
    if not named:
        return None
    rows = Person.objects.filter(active=True)
    rows = rows.filter(user__email__iexact=named) if "@" in named else rows.filter(name__iexact=named)
    found = list(rows.values_list("id", flat=True)[:2])
    if len(found) != 1:
        so = "There are several of that name." if found else "There is nobody active of that name."
        raise NotFound(f"{named} was to have a ticket.", so, "Give their e-mail address.")
    return found[0]


def _team(named: str | None, ticket: Ticket) -> int | None:
    return _id_of(Team, "team", named, brand_id=ticket.brand_id, name__iexact=named)


def _id_of(model: Any, what: str, named: str | None, **which: Any) -> int | None:
    """The id of the row that `which` says; None where none was named. Raises NotFound."""
    if not named:
        return None
    found: int | None = model.objects.filter(**which).values_list("id", flat=True).first()
    if found is None:
        raise NotFound(
            f"The {what} {named} was named.", "The brand has none of that name.", f"Choose a {what} that it has."
        )
    return found


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid("A time was given.", f"{text} is no instant with its zone.", "Write it as 2026-11-14T09:00Z.")
    return at


def _fields(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": str(ticket.id),
        "number": ticket.number,
        "tag": ticket.tag,
        "state": ticket.state,
        "priority": f"P{ticket.priority}",
        "title": ticket.title,
        "assignee": ticket.assignee.name if ticket.assignee else None,
        "next_step": ticket.next_step,
        "next_step_at": ticket.next_step_at.isoformat() if ticket.next_step_at else None,
        "opened_at": ticket.opened_at.isoformat(),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": str(entry.id), "at": entry.at.isoformat(), "kind": entry.kind, "public": entry.public,
        "by": entry.by_name, "text": entry.text, "facts": entry.facts,
    }  # fmt: skip
