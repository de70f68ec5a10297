"""Walk the line: a call as anybody, to any line, at any time of any day, without a telephone. Nothing is written or rung.

What is shown is decided by `calls.flow` itself, from the facts of that instant; only what people do is supposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.refusals import Invalid
from nightdesk.calls import flow
from nightdesk.calls.callers import Who, who_has_number
from nightdesk.calls.facts import Asked, facts_of
from nightdesk.calls.models import Line
from nightdesk.calls.simulate import CallerDoes, Moment, Telephone, walk
from nightdesk.console.views.calls.shown import tabs_of
from nightdesk.console.views.calls.walk_words import event_words, write_words
from nightdesk.console.views.choices import people_within
from nightdesk.console.views.lists import as_csv, csv_url
from nightdesk.console.views.staff import StaffRequest, staff, within
from nightdesk.customers.models import Contact, Customer, Peer
from nightdesk.lines import exchange
from nightdesk.people.numbers import e164

AT_HOME = "%Y-%m-%dT%H:%M"
PIN = "000000"
"""What is keyed in the walk for a PIN that is right."""
DESK_TAKES_S = 8

DOES: Mapping[str, tuple[Any, Telephone]] = {
    "answers": (gettext_lazy("Answers after 5 s, and takes it"), Telephone(5)),
    "slowly": (gettext_lazy("Answers after 20 s, and takes it"), Telephone(20)),
    "nobody": (gettext_lazy("Lets it ring, or sleeps on"), Telephone(None)),
    "machine": (gettext_lazy("Voicemail answers after 5 s"), Telephone(5, presses="")),
    "declines": (gettext_lazy("Declines by key 2"), Telephone(5, presses="2")),
    "busy": (gettext_lazy("Is busy"), Telephone(state="busy")),
    "off": (gettext_lazy("Is off, or out of coverage"), Telephone(state="unreachable")),
}
"""What may happen at a telephone that is rung."""
RANKS = {
    "queue": gettext_lazy("in the queue"),
    "holder": gettext_lazy("holds the duty"),
    "backup": gettext_lazy("backup"),
    "signed_in": gettext_lazy("signed in"),
    "network": gettext_lazy("knows the skill"),
}
ASKS = ("line", "caller", "pin", "staff_number", "at")
"""Who rings what, when: what everybody fills in."""
NOTHING = ("", gettext_lazy("Nothing"))


class WalkForm(forms.Form):
    """Which line is rung, by whom, when, and what the caller does."""

    line = forms.ChoiceField(label=gettext_lazy("Line"))
    staff_number = forms.BooleanField(label=gettext_lazy("By its number for staff"), required=False)
    caller = forms.CharField(
        label=gettext_lazy("Who rings"),
        required=False,
        max_length=120,
        help_text=gettext_lazy(
            "A phone number, a customer, a contact, AS64500 for a network, or one of ours. Left out: number withheld."
        ),
    )
    pin = forms.BooleanField(label=gettext_lazy("From a number that nobody knows, keying their PIN"), required=False)
    at = forms.DateTimeField(
        label=gettext_lazy("When"),
        required=False,
        help_text=gettext_lazy("Any day, past or to come. Left out: now."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=AT_HOME),
        input_formats=[AT_HOME, "%Y-%m-%dT%H:%M:%S"],
    )
    status = forms.ChoiceField(
        label=gettext_lazy("Told of an outage, they press"),
        required=False,
        choices=[
            NOTHING,
            ("1", gettext_lazy("1, texts about it")),
            ("2", gettext_lazy("2, it is something else")),
            ("3", gettext_lazy("3, leave a message")),
        ],
    )
    not_covered = forms.ChoiceField(
        label=gettext_lazy("Told that the hour is not covered"),
        required=False,
        choices=[
            NOTHING,
            ("1", gettext_lazy("1, a call-out at its price")),
            ("2", gettext_lazy("2, leave a message")),
        ],
    )
    waiting = forms.ChoiceField(
        label=gettext_lazy("Told where their message stands"),
        required=False,
        choices=[
            NOTHING,
            ("1", gettext_lazy("1, add to it")),
            ("2", gettext_lazy("2, cancel it")),
            ("3", gettext_lazy("3, it is something else")),
        ],
    )
    ours = forms.ChoiceField(
        label=gettext_lazy("One of ours, while it rings"),
        required=False,
        choices=[
            ("", gettext_lazy("Waits for the duty engineer")),
            ("1", gettext_lazy("Star, their PIN, hears the open pages and takes the first")),
            ("4", gettext_lazy("Star, their PIN, leaves a note for the journal")),
        ],
    )
    menu = forms.CharField(label=gettext_lazy("In the menu, they press"), required=False, max_length=1)
    says = forms.ChoiceField(
        label=gettext_lazy("Asked for a message, they"),
        required=False,
        choices=[
            ("", gettext_lazy("Speak for 12 s and keep it")),
            ("again", gettext_lazy("Speak, hear it, say it again")),
            ("cancel", gettext_lazy("Speak, and cancel it")),
            ("silent", gettext_lazy("Say nothing")),
            ("declines", gettext_lazy("Decline to be recorded")),
        ],
    )
    patience = forms.IntegerField(
        label=gettext_lazy("They ring off after seconds"), required=False, min_value=1, max_value=3600
    )

    def __init__(self, *args: Any, lines: QuerySet[Line], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = {str(line.pk): line for line in lines}
        several = len({line.brand_id for line in lines}) > 1
        self.fields["line"].choices = [  # type: ignore[attr-defined]
            (str(line.pk), f"{line.brand.name}: {line.name}" if several else line.name) for line in lines
        ]

    def keys(self) -> list[tuple[str, str]]:
        """What the caller presses, by stage."""
        values = self.cleaned_data
        keys = [(stage, values[stage]) for stage in ("status", "not_covered", "waiting", "menu") if values.get(stage)]
        keys += [("pin", f"{PIN}#")] if values["pin"] or values["ours"] else []
        keys += [("hunt", "*"), ("read_out", values["ours"])] if values["ours"] else []
        if values["says"] == "declines":
            keys.append(("message", "2"))
        keys += {"again": [("review", "2"), ("review", "1")], "cancel": [("review", "3")]}.get(
            values["says"], [("review", "1")]
        )
        return keys


@dataclass(frozen=True, slots=True)
class Supposed:
    """A walk that was asked for: whose, when, and what came of it."""

    line: Line
    number: str
    who: Who
    at: datetime
    facts: flow.Facts
    moments: Sequence[Moment]


@staff("read_lines")
def walk_line(request: StaffRequest) -> HttpResponse:
    """Choose who rings which line when, and see what would happen, and why."""
    lines = Line.objects.filter(within(request.brands), active=True).select_related("brand", "hours")
    wanted = "line" in request.GET
    form = WalkForm(request.GET if wanted else None, lines=lines, initial={"at": request.at})
    supposed = _supposed(request, form) if wanted and form.is_valid() else None
    context = {
        "here": "calls",
        "tabs": tabs_of(request, "walk_line"),
        "heading": _heading(supposed) if supposed is not None else _("Walk the line"),
        "asks": [form[name] for name in ASKS],
        "does": [field for field in form if field.name not in ASKS],
        "opened": any(request.GET.get(name) for name in request.GET if name not in ASKS),
        "lines": bool(lines),
    }
    if supposed is not None:
        context |= {
            "who": _who(supposed),
            "phones": [_phone(request, one) for one in supposed.facts.candidates] + _bureau(request, supposed.line),
            "story": [_told(one, supposed) for one in supposed.moments if _is_news(one)],
            "csv_url": csv_url(request, reverse("console:walk_line_csv")),
        }
    return render(request, "console/walk_line.html", context)


@staff("read_lines")
def walk_line_csv(request: StaffRequest) -> HttpResponse:
    """The same walk as a file, moment by moment."""
    lines = Line.objects.filter(within(request.brands), active=True).select_related("brand", "hours")
    form = WalkForm(request.GET, lines=lines)
    supposed = _supposed(request, form) if form.is_valid() else None
    rows = [_csv_row(one, supposed.facts) for one in supposed.moments] if supposed is not None else []
    return as_csv("walk", ["after_s", "what", "stage", "heard", "rung", "why", "written"], rows)


def _csv_row(one: Moment, facts: flow.Facts) -> list[object]:
    written = " ".join(text for write in one.written if (text := write_words(write, facts)))
    said = (" ".join(one.heard), " ".join(one.rung), " ".join(one.why), written)
    return [round(one.after_s, 1), event_words(one, facts), one.stage, *said]


# --- The walk --------------------------------------------------------------------------------------------------------


def _supposed(request: StaffRequest, form: WalkForm) -> Supposed | None:
    """The walk that the form asks for; None where it names nobody, which the form says then."""
    values = form.cleaned_data
    line = form.lines[values["line"]]
    at = values["at"] or request.at
    try:
        number, who = _caller(line, values["caller"], request.brands)
    except Invalid as refusal:
        form.add_error("caller", f"{refusal.so} {refusal.do}")
        return None
    called = line.staff_number if values["staff_number"] and line.staff_number else next(iter(line.numbers), "")
    if values["staff_number"] and not line.staff_number:
        form.add_error("staff_number", _("This line has no number for staff."))
        return None
    shown, known = ("", Who()) if values["pin"] else (number, who)
    asked = Asked(line, called, shown, known, at, request.at)
    facts = facts_of(asked)

    def who_is_it(before: flow.Facts, look: flow.Look) -> tuple[flow.Known, flow.Facts]:
        now_known = replace(who, known_by="pin") if look.pin else asked.who
        believed = not look.pin or who != Who()
        fresh = facts_of(replace(asked, who=now_known if believed else asked.who, skill=look.skill))
        return flow.Known(believed, tries_left=2), replace(fresh, at=before.at)

    does = {one.to: _does(request, f"phone_{one.person_id}") for one in facts.candidates}
    if line.bureau_number:
        does[line.bureau_number] = _does(request, "bureau")
    caller = CallerDoes(
        form.keys(),
        speaks_s={"silent": 0, "": 12}.get(values["says"], 12),
        rings_off_after_s=values["patience"],
    )
    also: list[tuple[float, flow.Event]] = []
    if values["pin"] and facts.caller.kind == "unknown" and not facts.line.staff:
        also.append((4, exchange.Key(exchange.CALLER, "*")))
    moments = walk(
        exchange.Came(exchange.CALLER, called, shown),
        facts,
        telephones=does,
        caller=caller,
        who_is_it=who_is_it,
        asked=also,
    )
    return Supposed(line, number, who, at, facts, moments)


def _does(request: StaffRequest, name: str) -> Telephone:
    return DOES.get(request.GET.get(name, ""), DOES["answers"])[1]


def _caller(line: Line, typed: str, brands: set[int] | None) -> tuple[str, Who]:
    """The number that is shown, and whose it is. Raises Invalid where nobody, or more than one, is meant."""
    typed = typed.strip()
    if not typed:
        return "", Who()
    if typed.upper().startswith("AS") and typed[2:].isdigit():
        peer = Peer.objects.filter(brand=line.brand_id, as_number=int(typed[2:])).first()
        if peer is None:
            raise _nobody(typed)
        return str(next(iter(peer.noc_phones), "")), Who(peer=peer, known_by="number")
    if typed[0] in "+0123456789(":
        number = e164(typed, line.country)
        return number, who_has_number(line.brand_id, number)
    return _by_name(line, typed, brands)


def _by_name(line: Line, typed: str, brands: set[int] | None) -> tuple[str, Who]:
    contacts = list(
        Contact.objects.filter(
            name__iexact=typed, customer__brand=line.brand_id, customer__active=True, left_at=None
        ).select_related("customer")[:2]
    )
    customers = list(Customer.objects.filter(brand=line.brand_id, active=True, name__icontains=typed)[:2])
    exactly = [one for one in customers if one.name.lower() == typed.lower()]
    people = list(people_within(brands).filter(active=True, name__iexact=typed)[:2])
    found: list[tuple[str, Who]] = [
        *((one.phone or "", Who(one.customer, one, known_by="number")) for one in contacts),
        *(("", Who(one, known_by="number")) for one in (exactly or customers)),
        *(("", Who(person=one, known_by="number")) for one in people),
    ]
    if not found:
        raise _nobody(typed)
    if len(found) > 1:
        raise Invalid(
            _("“{typed}” was to ring.").format(typed=typed),
            _("More than one is called so."),
            _("Write the whole name, or the number."),
        )
    return found[0]


def _nobody(typed: str) -> Invalid:
    return Invalid(
        _("“{typed}” was to ring.").format(typed=typed),
        _("Nobody is called so."),
        _("Write a name as it stands in Customers or People, or a phone number."),
    )


# --- As it is shown --------------------------------------------------------------------------------------------------


def _heading(supposed: Supposed) -> str:
    """What became of the call, in one sentence."""
    moments = supposed.moments
    written = [(one.after_s, write) for one in moments for write in one.written]
    ended = next((str(write.about["as"]) for _after, write in written if write.what == "ended"), "")
    woken = {write.about["person_id"] for _after, write in written if write.what == "woken"}
    names = {one.person_id: one.name for one in supposed.facts.candidates}
    match ended:
        case "answered":
            after_s, write = next((at, write) for at, write in reversed(written) if write.what == "answered")
            by = {"bureau": _("The bureau"), "desk": _("The desk")}.get(
                str(write.about["by"]), names.get(write.about["person_id"], _("Somebody"))
            )
            said = _("{who} has the caller after {seconds} s").format(who=by, seconds=round(after_s))
        case "message":
            said = _("A message is left")
        case "heard_outage":
            said = _("They hear of the outage, and nobody is rung")
        case _:
            said = str(ENDED.get(ended, _("The call goes on")))
    rung = any(one.rung for one in moments)
    if woken:
        woke = ngettext("{number} person is woken", "{number} people are woken", len(woken)).format(number=len(woken))
        return f"{said}; {woke}"
    return said if rung or ended == "heard_outage" else _("{said}, and nobody is rung").format(said=said)


ENDED = {
    "missed": gettext_lazy("A missed call is noted"),
    "cancelled": gettext_lazy("They call it off"),
    "abandoned": gettext_lazy("They ring off unanswered"),
    "not_covered": gettext_lazy("They are told that nobody is there"),
    "refused": gettext_lazy("They are refused"),
    "failed": gettext_lazy("The call fails"),
    "read_out": gettext_lazy("Open pages are read out"),
}


def _who(supposed: Supposed) -> list[tuple[str, str]]:
    """What was known of the caller and the line at that instant."""
    facts, caller = supposed.facts, supposed.facts.caller
    kinds = {
        "unknown": _("nobody whom we know"),
        "customer": _("a customer"),
        "peer": _("a network that we exchange traffic with"),
        "staff": _("one of ours"),
    }
    rows = [(_("Caller"), f"{caller.name} ({kinds[caller.kind]})" if caller.name else kinds[caller.kind])]
    zone = ZoneInfo(facts.zone)
    rows.append((_("At"), f"{supposed.at.astimezone(zone):%a %d %b %Y %H:%M} {supposed.at.astimezone(zone).tzname()}"))
    rows.append((_("Line"), _("within its hours") if facts.line.open_now else _("out of its hours")))
    if caller.kind == "customer":
        rows.append((_("Covered now"), _("yes") if caller.covered else _("no")))
        rows.append((_("May wake somebody"), _("yes") if caller.may_wake else _("no")))
        rows.append((_("Live answer by night"), _("bought") if caller.live else _("not bought")))
    rows += [(_("Known outage"), outage.words) for outage in caller.outages]
    if caller.waiting is not None:
        rows.append((_("Message that waits"), caller.waiting.says))
    return rows


def _phone(request: StaffRequest, one: flow.Candidate) -> dict[str, Any]:
    """Somebody who could be rung: what is so of them, and what they are supposed to do."""
    tags = [{"text": str(RANKS[one.rank]), "tone": ""}]
    tags.append({"text": _("awake"), "tone": "calm"} if one.awake else {"text": _("asleep"), "tone": ""})
    if one.fixing:
        tags.append({"text": _("is fixing an outage"), "tone": "accent"})
    if not one.reachable:
        tags.append({"text": _("not registered"), "tone": "fire"})
    where = _("outside, must press 1") if one.outside else _("registers with us")
    name = f"phone_{one.person_id}"
    return {"name": name, "label": one.name, "detail": f"{one.to} · {where}", "tags": tags, **_choice(request, name)}


def _bureau(request: StaffRequest, line: Line) -> list[dict[str, Any]]:
    """The outside bureau, where the line has one."""
    if not line.bureau_number:
        return []
    detail = f"{line.bureau_number} · {_('outside, must press 1')}"
    return [{"name": "bureau", "label": _("The bureau"), "detail": detail, "tags": [], **_choice(request, "bureau")}]


def _choice(request: StaffRequest, name: str) -> dict[str, Any]:
    value = request.GET.get(name, "answers")
    return {"options": [{"value": key, "label": label, "chosen": key == value} for key, (label, _t) in DOES.items()]}


def _is_news(one: Moment) -> bool:
    """Whether the moment says anything: that words are over, or a telephone stops, is none."""
    return bool(one.heard or one.rung or one.written or one.why) or isinstance(one.event, exchange.PickedUp)


def _told(one: Moment, supposed: Supposed) -> dict[str, Any]:
    facts = supposed.facts
    at = supposed.at.astimezone(ZoneInfo(facts.zone)) + timedelta(seconds=one.after_s)
    written = [text for write in one.written if (text := write_words(write, facts))]
    tone = "calm" if any(write.what in ("answered", "message") for write in one.written) else ""
    if any(write.what == "woken" for write in one.written):
        tone = "accent"
    return {
        "at": f"{at:%H:%M:%S}",
        "after_s": f"{one.after_s:.0f}",
        "what": event_words(one, facts),
        "why": list(one.why),
        "heard": _heard(one),
        "written": written,
        "tone": tone,
    }


def _heard(one: Moment) -> list[tuple[str, str]]:
    """Who hears what: (leg's name, words)."""
    found: dict[str, list[str]] = {}
    for words in one.heard:
        leg, _colon, text = words.partition(": ")
        found.setdefault(leg, []).append(text)
    names = one.state.memory.get("who", {})
    return [
        (
            _("The caller hears")
            if leg == exchange.CALLER
            else _("{name} hears").format(name=names.get(leg, {}).get("name") or _("The bureau")),
            " ".join(texts),
        )
        for leg, texts in found.items()
    ]
