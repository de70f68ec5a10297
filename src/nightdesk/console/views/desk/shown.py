"""Tickets as the screen shows them: their state in words, a row of the queue, a story as a rail."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.console.templatetags.times import age_text, clock
from nightdesk.console.views.desk.words import CONTACT_WORDS, LEVEL_WORDS, STATE_WORDS, WAITING_WORDS
from nightdesk.console.views.staff import StaffRequest, found, may_somewhere, within
from nightdesk.console.views.stories import DOORS
from nightdesk.desk.models import Attachment, Bulk, Entry, Queue, Ticket
from nightdesk.desk.worklist import Row
from nightdesk.people.models import Person, Team
from nightdesk.people.numbers import display

SHOWN_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What a browser may show inside our pages; of anything else it could make more than a picture."""
UNDO_SHOWN = timedelta(minutes=2)
LONG_TEXT = 1500
"""Beyond so many characters a message is folded."""


def one(request: StaffRequest, ticket_id: UUID) -> Ticket:
    """The ticket, if its brand is the reader's. Raises NotFound."""
    rows = Ticket.objects.filter(within(request.brands), id=ticket_id)
    # Its parent, and where it goes on, are read where there are any: each has more columns than all these.
    related = ("brand", "customer", "contact", "service", "team", "assignee", "queue", "owner")
    return found(rows.select_related(*related), _("You asked for a ticket."))


def state_words(ticket: Ticket | Row) -> str:
    """ "Waiting on the customer"."""
    if ticket.merged_into_id is not None:
        return _("Merged")
    if ticket.pending_reason:
        return str(WAITING_WORDS.get(ticket.pending_reason, ticket.pending_reason))
    return str(STATE_WORDS[ticket.state])


def state_tone(ticket: Ticket | Row) -> str:
    """Amber where a person is needed, green where it is answered."""
    if ticket.state == Ticket.State.NEW:
        return "accent"
    return "" if ticket.is_open else "calm"


def who_has(ticket: Ticket) -> str:
    """Whoever works on it; nobody yet."""
    if ticket.assignee is not None:
        return ticket.assignee.name
    return ticket.team.name if ticket.team is not None else ""


def ticket_row(ticket: Row, at: datetime) -> dict[str, Any]:
    """What desk_rows.html draws."""
    whose = ticket.customer or ticket.requester_name or ticket.requester_address
    late = ticket.is_open and ticket.next_step_at is not None and ticket.next_step_at < at
    return {
        "id": ticket.id,
        "url": reverse("console:ticket", args=[ticket.id]),
        "title": ticket.title,
        "choose": _("Choose #{number}").format(number=ticket.number),
        "priority": f"P{ticket.priority}",
        "burning": ticket.priority == 1 and ticket.is_open,
        "about": " · ".join(filter(None, (f"#{ticket.number}", whose, ticket.queue))),
        "who": ticket.assignee or ticket.team or "",
        "step": ticket.next_step,
        "step_at": ticket.next_step_at,
        "late": age_text((at - ticket.next_step_at).total_seconds()) if late and ticket.next_step_at else "",
        "changed_at": ticket.changed_at,
        "state": state_words(ticket),
        "tone": state_tone(ticket),
        "tags": ticket.tags,
        "major": ticket.major,
    }


def undo_of(request: StaffRequest) -> dict[str, Any] | None:
    """The way back from what the reader did last, for parts/undo.html, while it is fresh."""
    kept = request.session.get("desk-undo")
    kept_at = datetime.fromisoformat(kept["at"]) if kept else None
    if kept_at is not None and request.at - kept_at > UNDO_SHOWN:
        kept_at = None
    if request.person is None or not may_somewhere(request, "undo_change"):
        return None
    last = Bulk.objects.filter(person=request.person).order_by("-at").first()
    if kept and kept_at is not None and (last is None or last.at < kept_at):
        return {"text": kept["text"], "url": kept["url"], "until_at": kept_at + UNDO_SHOWN, "fields": {}}
    if last is None or last.undone_at is not None or not last.rows:
        return None
    if request.at - last.at > UNDO_SHOWN:
        return None
    if len(last.rows) == 1:
        text = _("#{number}: {what}.").format(number=last.rows[0]["number"], what=last.what)
    else:
        text = ngettext("{count} ticket: {what}.", "{count} tickets: {what}.", len(last.rows)).format(
            count=len(last.rows), what=last.what
        )
    return {
        "text": text,
        "url": reverse("console:undo_change", args=[last.id]),
        "until_at": last.at + UNDO_SHOWN,
        "fields": {"next": request.path if request.GET.get("part") else request.get_full_path()},
    }


def keep_undo(request: StaffRequest, text: str, url: str) -> None:
    """The way back of what is no change of columns, such as a merge, for the undo bar of the next pages."""
    request.session["desk-undo"] = {"text": text, "url": url, "at": request.at.isoformat()}


def outcome_of(bulk: Bulk) -> str:
    """What a press did, for the line that says so: how many, and which refused and why."""
    done = len(bulk.rows)
    if done == 1:
        text = _("#{number}: {what}.").format(number=bulk.rows[0]["number"], what=bulk.what)
    elif done:
        text = ngettext("{count} ticket: {what}.", "{count} tickets: {what}.", done).format(count=done, what=bulk.what)
    else:
        text = _("Nothing changed.")
    refused = [f"#{each['number']}: {each['why']}" for each in bulk.refused[:5]]
    more = len(bulk.refused) - len(refused)
    if refused:
        text = f"{text} {_('Left as they were:')} {' '.join(refused)}"
    if more > 0:
        text = f"{text} {ngettext('and {count} more', 'and {count} more', more).format(count=more)}"
    return text


# --- The story -------------------------------------------------------------------------------------------------------


class Names:
    """Names of people, teams and queues by id, each kind asked for once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        people, teams, queues = set(), set(), set()
        for entry in entries:
            facts = entry.facts
            people |= {facts.get("assignee"), *facts.get("mentions", ())}
            teams.add(facts.get("team"))
            changes = facts.get("changes") or {}
            people |= set(changes.get("assignee", ())) | set(changes.get("assignee_id", ()))
            teams |= set(changes.get("team", ())) | set(changes.get("team_id", ()))
            queues |= set(changes.get("queue_id", ()))
        self.people = dict(Person.objects.filter(id__in=people - {None}).values_list("id", "name"))
        self.teams = dict(Team.objects.filter(id__in=teams - {None}).values_list("id", "name"))
        self.queues = dict(Queue.objects.filter(id__in=queues - {None}).values_list("id", "name"))


def story_items(entries: Sequence[Entry], ticket: Ticket, *, sees_mail: bool) -> list[dict[str, Any]]:
    """What desk_story.html draws of entries, newest first: what was said each by itself, other things folded together.

    {"kind": "in", "out", "call" or "note", ...} or {"kind": "folded", "at", "lines": [{"at", "text", "by"}]}.
    """
    names = Names(entries)
    items: list[dict[str, Any]] = []
    spoken = [
        entry for entry in entries if entry.kind in SAID and entry.kind != Entry.Kind.NOTE and not entry.automatic
    ]
    # What a customer said last and nobody has answered is what a person is needed for.
    waits = spoken[0].id if spoken and ticket.is_open and spoken[0].kind != Entry.Kind.MESSAGE_OUT else None
    for entry in entries:
        if entry.kind in SAID:
            tone = "accent" if entry.id == waits else "calm" if entry.kind == Entry.Kind.MESSAGE_OUT else ""
            items.append({"tone": tone, **_said(entry, ticket, names, sees_mail=sees_mail)})
            continue
        line = {"at": entry.at, "text": _happened(entry, names), "by": entry.by_name, "tone": _tone(entry)}
        if not line["text"]:
            continue
        if items and items[-1]["kind"] == "folded":
            items[-1]["lines"].append(line)
        else:
            items.append({"kind": "folded", "at": entry.at, "lines": [line], "tone": line["tone"]})
    return items


SAID = {
    Entry.Kind.MESSAGE_IN: "in",
    Entry.Kind.MESSAGE_OUT: "out",
    Entry.Kind.CALL: "call",
    Entry.Kind.NOTE: "note",
}


def _said(entry: Entry, ticket: Ticket, names: Names, *, sees_mail: bool) -> dict[str, Any]:
    facts = entry.facts
    notes = []
    if entry.automatic:
        notes.append(_("automatic"))
    if entry.contact_kind:
        notes.append(str(CONTACT_WORDS.get(entry.contact_kind, entry.contact_kind)))
    if facts.get("by_phone"):
        notes.append(_("said on the telephone"))
    if facts.get("level") in ("2", "3"):
        notes.append(str(LEVEL_WORDS[facts["level"]]))
    if told := [names.people[one] for one in facts.get("mentions", ()) if one in names.people]:
        notes.append(_("for {names}").format(names=", ".join(told)))
    if entry.ticket_id != ticket.id:
        notes.append(_("from #{number}").format(number=entry.ticket.number))
    held = datetime.fromisoformat(facts["held_until"]) if facts.get("held_until") else None
    files = list(entry.attachments.all())
    return {
        "kind": SAID[Entry.Kind(entry.kind)],
        "id": entry.id,
        "at": entry.at,
        "by": entry.by_name,
        "via": str(DOORS.get(entry.via, "")) if entry.via != Door.WORKER else "",
        "notes": " · ".join(notes),
        "held": clock(held, entry.at) if held is not None else "",
        "text": entry.text.strip(),
        "long": len(entry.text) > LONG_TEXT,
        "has_html": bool(entry.html),
        "mail": entry.mail_id if sees_mail else None,
        "files": [_file(each) for each in files if not _is_picture(each)],
        "pictures": [_file(each) for each in files if _is_picture(each)],
    }


def _is_picture(each: Attachment) -> bool:
    return each.media_type in SHOWN_IMAGES and each.scan != Attachment.Scan.REFUSED


def _file(each: Attachment) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "size": size_text(each.size),
        "refused": each.scan == Attachment.Scan.REFUSED,
        "scan": str(SCAN_WORDS.get(Attachment.Scan(each.scan), "")),
    }


SCAN_WORDS = {
    Attachment.Scan.WAITING: gettext_lazy("being looked at"),
    Attachment.Scan.REFUSED: gettext_lazy("refused by the scanner"),
}


def phone_text(number: str, region: str) -> str:
    """A number on record as people of the brand's region write it; as it is, where it cannot be read."""
    try:
        return display(number, region) if number else ""
    except Invalid:
        return number


def size_text(size: int) -> str:
    """ "38 kB"."""
    if size < 1000:
        return _("{count} bytes").format(count=size)
    return _("{count} kB").format(count=size // 1000) if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _tone(entry: Entry) -> str:
    if entry.facts.get("escalation"):
        return "accent"
    return "calm" if entry.facts.get("to") in ("resolved", "closed") else ""


def _happened(entry: Entry, names: Names) -> str:
    """A move or a change as a sentence without its subject."""
    facts = entry.facts
    if facts.get("undone"):
        return _("Taken back: {what}").format(what=_moved(facts, names) or _changed(facts, names))
    if entry.kind == Entry.Kind.MOVED:
        return _moved(facts, names)
    if entry.kind == Entry.Kind.CHANGED:
        return _changed(facts, names)
    return entry.text or _linked(facts)


def _moved(facts: Mapping[str, Any], names: Names) -> str:
    to = facts.get("to", "")
    why = facts.get("why", "")
    if not to or to not in STATE_WORDS:
        return ""
    if not facts.get("from"):
        return _("Opened, P{priority}").format(priority=facts.get("priority"))
    person, team = names.people.get(facts.get("assignee", 0)), names.teams.get(facts.get("team", 0))
    if facts.get("returned"):
        text = _("The answer came back to {name}").format(name=person or "")
    elif facts.get("escalation") == "functional":
        text = _("Escalated to {team}, {level}").format(
            team=person or team, level=LEVEL_WORDS.get(facts.get("level", ""), "")
        )
    elif to == "assigned" and (person or team):
        text = _("Given to {name}").format(name=person or team)
    elif facts.get("reason"):
        text = str(WAITING_WORDS.get(facts["reason"], facts["reason"]))
    elif facts.get("from") in ("resolved", "closed") and to == "in_progress":
        text = _("Reopened")
    else:
        text = str(STATE_WORDS[to])
    return f"{text}: {why}" if why else text


COLUMN_WORDS = {
    "title": gettext_lazy("title"),
    "kind": gettext_lazy("kind"),
    "impact": gettext_lazy("impact"),
    "urgency": gettext_lazy("urgency"),
    "priority": gettext_lazy("priority"),
    "service_id": gettext_lazy("service"),
    "subscription_id": gettext_lazy("circuit"),
    "customer_id": gettext_lazy("customer"),
    "contact_id": gettext_lazy("contact"),
    "queue_id": gettext_lazy("queue"),
    "tags": gettext_lazy("tags"),
    "work_type": gettext_lazy("kind of work"),
    "needs_proof": gettext_lazy("proof needed"),
    "night_ok": gettext_lazy("for a quiet hour"),
    "night_why": gettext_lazy("why it suits a quiet hour"),
    "next_step": gettext_lazy("next step"),
    "assignee": gettext_lazy("given to"),
    "team": gettext_lazy("team"),
}
LEFT_OUT = ("customer_id", "contact_id", "service_id", "subscription_id")
"""Columns whose ids say nothing; that they changed is said all the same."""


def _changed(facts: Mapping[str, Any], names: Names) -> str:
    if facts.get("escalation") == "hierarchic":
        return _("Brought before {name}: {why}").format(name=facts.get("name", ""), why=facts.get("why", ""))
    if facts.get("proved"):
        how = _("a call back") if facts["proved"] == "call_back" else _("a named approver")
        return _("Made sure who asked, by {how}: {said}").format(how=how, said=facts.get("said", ""))
    if facts.get("major") in MAJOR_WORDS:
        return str(MAJOR_WORDS[facts["major"]]).format(why=facts.get("why", ""))
    said = []
    for name, (before, after) in (facts.get("changes") or {}).items():
        label = str(COLUMN_WORDS.get(name, name.removesuffix("_id").replace("_", " ")))
        if name in LEFT_OUT:
            said.append(label)
        else:
            said.append(f"{label} {_value(name, before, names)} → {_value(name, after, names)}".replace("  ", " "))
    text = ", ".join(said)
    return text[:1].upper() + text[1:]


def _value(name: str, value: Any, names: Names) -> str:
    if value in (None, "", []):
        return "–"
    if name == "priority":
        return f"P{value}"
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    known = {"queue_id": names.queues, "assignee": names.people, "assignee_id": names.people, "team": names.teams}
    return str(known.get(name, {}).get(value, value))


MAJOR_WORDS = {
    "proposed": gettext_lazy("It may be a major incident: {why}"),
    "accepted": gettext_lazy("It is a major incident"),
    "rejected": gettext_lazy("It is no major incident: {why}"),
}
LINKED_WORDS = {
    "other": gettext_lazy("Linked with #{number}"),
    "split_into": gettext_lazy("#{number} was split off"),
    "split_from": gettext_lazy("Split from #{number}"),
    "merged": gettext_lazy("#{number} goes on here"),
    "merged_into": gettext_lazy("Goes on in #{number}"),
    "unmerged": gettext_lazy("#{number} is one of its own again"),
    "unmerged_from": gettext_lazy("One of its own again, out of #{number}"),
    "rejoined": gettext_lazy("#{number} is part of it again"),
    "parent": gettext_lazy("Put under the major incident #{number}"),
    "left": gettext_lazy("Taken out of the major incident #{number}"),
}


def _linked(facts: Mapping[str, Any]) -> str:
    for name, words in LINKED_WORDS.items():
        if facts.get(name):
            return str(words).format(number=facts[name])
    return ""


def when_and_words(entry: Entry) -> str:
    """ "10:42 Cleo: It crawls since nine", for choosing among what was said."""
    words = " ".join(entry.text.split())
    return f"{localtime(entry.at):%d %b %H:%M} {entry.by_name}: {words[:80]}{'…' if len(words) > 80 else ''}"


def day_and_hour(instant: datetime) -> str:
    """For a form field of the kind datetime-local."""
    return f"{localtime(instant):%Y-%m-%dT%H:%M}"
