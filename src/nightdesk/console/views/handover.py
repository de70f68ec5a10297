"""Handover: what one must know to take a seat over, and one button; past handovers as they were accepted."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.matrix import brands_for
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.checked import checked
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box
from nightdesk.console.views.staff import StaffRequest, done, found, may, may_somewhere, posting, staff, within
from nightdesk.console.views.subjects import url_of
from nightdesk.duty import away_actions, handover_actions, sections
from nightdesk.duty.actions import AHEAD
from nightdesk.duty.decide import when_back
from nightdesk.duty.models import Hold, Note, WatchItem
from nightdesk.duty.note import Section, name_of, read_text
from nightdesk.duty.queries import Handing, copies_of, handing, handings, needing_a_look, note_before, past_notes
from nightdesk.rota.models import Seat
from nightdesk.rota.standby_actions import set_standby

DOORS = {
    Door.WEB: gettext_lazy("on the web"),
    Door.LINK: gettext_lazy("by the link"),
    Door.SMS: gettext_lazy("by text"),
    Door.PHONE: gettext_lazy("by a key on the telephone"),
    Door.EMAIL: gettext_lazy("by email"),
    Door.PUSH: gettext_lazy("by a notification"),
    Door.PAGER: gettext_lazy("by pager"),
    Door.API: gettext_lazy("by the API"),
    Door.CLI: gettext_lazy("by the command line"),
    Door.WORKER: gettext_lazy("by itself"),
}


@staff("read_handover")
def all_handovers(request: StaffRequest) -> HttpResponse:
    """Every seat, and how its handover stands."""
    rows = [handover_row(each) for each in handings(request.brands, request.at)]
    waiting = sum(1 for row in rows if row["waits"])
    if not rows:
        heading = _("There is nothing to hand over")
    elif waiting:
        heading = ngettext("{count} duty waits to be taken", "{count} duties wait to be taken", waiting)
        heading = heading.format(count=waiting)
    else:
        heading = _("Every duty is where it should be")
    context = {"here": "rota", "heading": heading, "rows": rows}
    return page_or_part(request, "handovers", {"list"}, context)


def handover_row(each: Handing) -> dict[str, Any]:
    """One seat, for plain_list.html."""
    return {
        "title": each.seat.name,
        "url": reverse("console:handover", args=[each.seat.key]),
        "detail": " · ".join([state_of(each), each.seat.rota.name]),
        "tags": tags_of(each),
        "actions": [],
        "waits": each.not_taken is not None,
    }


def state_of(each: Handing) -> str:
    """The handover of a seat in one sentence."""
    holder = each.hold.person.name if each.hold is not None else _("nobody")
    names = ", ".join(person.name for person in each.people) or _("nobody")
    if each.offer is not None:
        return _("{giver} passes it to {name}, who has not accepted").format(
            giver=each.offer.giver.name, name=each.offer.to.name
        )
    if each.not_taken is not None:
        return _("{name} should have it since {time}; {holder} still has it").format(
            name=names, time=_clock(each.not_taken.turn_at), holder=holder
        )
    if each.turn_at is None:
        return _("{holder} has it, and nobody else comes").format(holder=holder)
    return _("{holder} has it until {time}, then {name}").format(
        holder=holder, time=_clock(each.turn_at), name=each.accepted.name if each.accepted else names
    )


def tags_of(each: Handing) -> list[dict[str, str]]:
    """What is to be seen of it at a glance."""
    tags = []
    if each.away is not None:
        text = _("Out of reach until {time}").format(time=f"{localtime(each.away.until_at):%H:%M}")
        if each.rings is not None:
            text = _("{text}: {name} is rung").format(text=text, name=each.rings.name)
        tags.append({"text": text, "tone": "accent"})
    if each.not_taken is not None:
        names = ", ".join(person.name for person in each.asked)
        tags.append({"text": _("Asked: {names}").format(names=names) if names else _("Not taken"), "tone": "accent"})
    elif each.accepted is not None:
        tags.append({"text": _("Accepted"), "tone": "calm"})
    elif each.note is not None and each.turn_at is not None and each.note.turn_at == each.turn_at:
        asks = each.seat.acceptance_required or len(each.people) > 1
        tags.append({"text": _("Asked") if asks else _("Note ready"), "tone": "sky"})
    if each.refused:
        names = ", ".join(person.name for person in each.refused)
        tags.append({"text": _("{names} will not").format(names=names), "tone": "accent"})
    return tags


def handover_warnings(request: StaffRequest) -> list[dict[str, Any]]:
    """For Tonight: what nobody has taken, what the reader is to take, who is out of reach; see warning_list.html."""
    if not may_somewhere(request, "read_handover"):
        return []
    found_rows = []
    for seat in needing_a_look(brands_for(request.actor, "read_handover")):
        each = handing(seat, request.at)
        me = request.person
        told = ", ".join(tag["text"] for tag in tags_of(each))
        text = f"{seat.name}: {state_of(each)}" + (f" ({told})" if told else "")
        mine = me is not None and me in each.people and each.accepted is None
        if each.not_taken is None and each.offer is None and each.away is None and not mine:
            continue
        label = _("Read the note") if mine else _("Look at it")
        url = reverse("console:handover", args=[seat.key])
        found_rows.append({"tone": "accent", "text": text, "url": url, "label": label})
    return found_rows


def _clock(instant: datetime) -> str:
    return date_format(instant.astimezone(get_current_timezone()), "D H:i")


def _seat(request: StaffRequest, seat_key: str) -> Seat:
    rows = Seat.objects.filter(within(request.brands, "rota__brand_id"), key=seat_key).select_related("rota__brand")
    return found(rows, _("You asked for a handover."))


@staff("read_handover")
def handover(request: StaffRequest, seat_key: str) -> HttpResponse:
    """What one must know to take this seat over, and the button that does."""
    seat = _seat(request, seat_key)
    each = handing(seat, request.at)
    mine = _is_mine(request, each)
    told = sections.written(seat, each.note, each.hold, request.at, whole=mine)
    context = {
        "here": "rota",
        "seat": seat,
        "heading": _heading(request, each),
        "state": state_of(each),
        "tags": tags_of(each),
        "sections": [_shown(request, section, each.note, sort=mine) for section in told],
        "take": _take(request, each),
        "can_say_no": _can_say_no(request, each),
        "writing": {"words": each.note.words if each.note else ""} if mine else None,
        "watching": may(request, "add_watch_item", seat.rota.brand_id),
        "away": _away(request, each),
        "standby_form": StandbyForm(
            seat=seat, initial={"standby": seat.standbys.values_list("key", flat=True).first() or ""}
        ),
        "minutes": int(note_before(seat).total_seconds() // 60),
        "may_set": may(request, "save_handover_rules", seat.rota.brand_id),
        "crumbs": [
            {"url": reverse("console:rota"), "label": _("Rotas")},
            {"url": reverse("console:one_rota", args=[seat.rota_id]), "label": seat.rota.name},
        ],
    }
    return page_or_part(request, "handover", {"note"}, context)


def _is_mine(request: StaffRequest, each: Handing) -> bool:
    return each.hold is not None and request.person is not None and each.hold.person_id == request.person.id


def _heading(request: StaffRequest, each: Handing) -> str:
    me = request.person
    seat = each.seat.name
    if each.offer is not None and me is not None and each.offer.to_id == me.id:
        return _("{giver} passes you {seat}").format(giver=each.offer.giver.name, seat=seat)
    if each.not_taken is not None and me in each.people:
        return _("{seat} waits for you").format(seat=seat)
    if each.not_taken is not None:
        return _("Nobody has taken {seat}").format(seat=seat)
    if each.turn_at is None:
        return _("{seat}: the note").format(seat=seat)
    time = _clock(each.turn_at)
    if me is not None and each.accepted == me:
        return _("{seat} is yours from {time}").format(seat=seat, time=time)
    if me in each.people:
        return _("You take {seat} at {time}").format(seat=seat, time=time)
    if _is_mine(request, each):
        return _("You hand {seat} over at {time}").format(seat=seat, time=time)
    return _("{seat} is handed over at {time}").format(seat=seat, time=time)


def _take(request: StaffRequest, each: Handing) -> dict[str, Any] | None:
    """The one button: I take it. None where there is nothing for the reader to take."""
    me, seat = request.person, each.seat
    if me is None or not may(request, "accept_duty", seat.rota.brand_id):
        return None
    button = {"label": _("I take it"), "main": True, "verb": "acknowledge", "key": "a"}
    if each.offer is not None and each.offer.to_id == me.id:
        return button | {"url": reverse("console:accept_offer", args=[seat.key])}
    here = reverse("console:handover", args=[seat.key])
    if me in each.people and not _is_mine(request, each) and each.turn_at is not None:
        if each.accepted == me or each.turn_at - request.at > AHEAD:
            return None
        fields = {"turn_at": each.turn_at.isoformat(), "next": here}
        return button | {"url": reverse("console:accept_duty", args=[seat.key]), "fields": fields}
    if each.not_taken is not None and (me in each.asked or may(request, "set_first_holder", seat.rota.brand_id)):
        if _is_mine(request, each):
            return None
        return button | {"url": reverse("console:take_duty", args=[seat.key]), "fields": {"next": here}}
    return None


def _can_say_no(request: StaffRequest, each: Handing) -> str:
    """Where the reader says that they will not take it; "" where that is not theirs to say."""
    me = request.person
    if me is None or _is_mine(request, each) or not may(request, "refuse_turn", each.seat.rota.brand_id):
        return ""
    if each.offer is not None and each.offer.to_id == me.id:
        return reverse("console:refuse_offer", args=[each.seat.key])
    if each.turn_at is not None and (me in each.people or me in each.asked) and me not in each.refused:
        return reverse("console:refuse_turn", args=[each.seat.key, each.turn_at.isoformat()])
    return ""


def _shown(request: StaffRequest, section: Section, note: Note | None, *, sort: bool) -> dict[str, Any]:
    """One section, for handover_note.html; `sort`: the reader may leave lines out."""
    out = set(note.left_out) if note is not None else set()
    own = section.key == "words"
    return {
        "title": section.title,
        "key": section.key,
        "more": section.more,
        "sort": sort and not own,
        "own": own,
        "lines": [
            {
                "name": name_of(section, line),
                "text": line.text,
                "url": url_of(*line.about) if line.about else "",
                "due_at": line.due_at,
                "late": line.due_at is not None and line.due_at < request.at,
                "out": name_of(section, line) in out,
                "tick": reverse("console:tick_watch_item", args=[line.key]) if section.key == "watch" else "",
            }
            for line in section.lines
        ],
    }


def _away(request: StaffRequest, each: Handing) -> dict[str, str] | None:
    """What the holder is offered about being out of reach."""
    if not _is_mine(request, each) or not may(request, "go_out_of_reach", each.seat.rota.brand_id):
        return None
    if each.away is not None:
        return {"back": reverse("console:in_reach_again", args=[each.seat.key])}
    return {"away": reverse("console:go_out_of_reach", args=[each.seat.key])}


# ---- What is done there ---------------------------------------------------------------------------------------------


class NoteForm(forms.Form):
    words = forms.CharField(max_length=4000, required=False)

    def left_out(self, names: list[str]) -> list[str]:
        """The lines that stand in `names` and are not ticked."""
        return [name for name in names if name not in self.data.getlist("kept")]  # type: ignore[attr-defined]


class WatchForm(forms.Form):
    words = forms.CharField(label=gettext_lazy("What to watch"), max_length=300)


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=1000, required=False)


class AwayForm(forms.Form):
    until = forms.CharField(label=gettext_lazy("Until"), max_length=8)


class StandbyForm(forms.Form):
    standby = forms.ChoiceField(label=gettext_lazy("Seat that stands behind"), required=False)

    def __init__(self, *args: Any, seat: Seat, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Seat.objects.filter(rota__brand=seat.rota.brand_id).exclude(id=seat.id).select_related("rota")
        choices = [(each.key, f"{each.name} · {each.rota.name}") for each in others]
        self.fields["standby"].choices = [("", _("None")), *choices]  # type: ignore[attr-defined]


class MinutesForm(forms.Form):
    minutes = forms.IntegerField(label=gettext_lazy("Minutes before"), min_value=1, max_value=720)


@posting("write_note")
def write(request: StaffRequest, seat_key: str) -> HttpResponse:
    """The holder's words, and what need not be handed on."""
    _seat(request, seat_key)
    form = NoteForm(request.POST)
    words = checked(form, _("You wrote on a note."))["words"]
    left_out = form.left_out(request.POST.getlist("line"))
    handover_actions.write_note(
        seat_key=seat_key, words=words, left_out=left_out, by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("It stands in the note."), "console:handover", seat_key)


@posting("add_watch_item")
def watch(request: StaffRequest, seat_key: str) -> HttpResponse:
    """One more thing to keep an eye on."""
    _seat(request, seat_key)
    words = checked(WatchForm(request.POST), _("You wanted something watched."))["words"]
    handover_actions.add_watch_item(seat_key=seat_key, words=words, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Whoever has it keeps an eye on that."), "console:handover", seat_key)


@posting("tick_watch_item")
def tick(request: StaffRequest, item_id: int) -> HttpResponse:
    """Nobody need watch it any more."""
    rows = WatchItem.objects.filter(within(request.brands, "seat__rota__brand_id"), id=item_id).select_related("seat")
    item = found(rows, _("You ticked something off."))
    handover_actions.tick_watch_item(item_id=item.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Ticked off."), "console:handover", item.seat.key)


@posting("accept_duty")
def take_offer(request: StaffRequest, seat_key: str) -> HttpResponse:
    """I take what was passed to me."""
    _seat(request, seat_key)
    handover_actions.accept_offer(seat_key=seat_key, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You are on duty now."), "console:handover", seat_key)


@posting("refuse_turn")
def decline_offer(request: StaffRequest, seat_key: str) -> HttpResponse:
    """I do not take what was passed to me."""
    _seat(request, seat_key)
    reason = checked(ReasonForm(request.POST), _("You said no."))["reason"]
    handover_actions.refuse_offer(seat_key=seat_key, reason=reason, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("They are told, and keep it."), "console:handover", seat_key)


@posting("refuse_turn")
def decline(request: StaffRequest, seat_key: str, turn_at: str) -> HttpResponse:
    """I will not take that turn."""
    _seat(request, seat_key)
    reason = checked(ReasonForm(request.POST), _("You said no."))["reason"]
    handover_actions.refuse_turn(
        seat_key=seat_key,
        turn_at=_instant(turn_at),
        reason=reason,
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("Whoever has it keeps it, and others are told."), "console:handover", seat_key)


def _instant(text: str) -> datetime:
    try:
        instant: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Invalid(_("You said no to a turn."), _("That is no instant with a zone."), _("Go back to the note."))
    return instant


@posting("go_out_of_reach")
def leave(request: StaffRequest, seat_key: str) -> HttpResponse:
    """Out of reach for a while."""
    seat = _seat(request, seat_key)
    text = checked(AwayForm(request.POST), _("You are out of reach for a while."))["until"]
    zone = ZoneInfo(request.person.zone if request.person else seat.rota.zone)
    until_at = when_back(text, zone, request.at)
    if until_at is None:
        raise Invalid(_("You are out of reach until {text}.").format(text=text), _("That is no time."), _("Say 18:40."))
    away_actions.go_out_of_reach(until_at=until_at, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Others are rung until then. The duty stays yours."), "console:handover", seat_key)


@posting("go_out_of_reach")
def back(request: StaffRequest, seat_key: str) -> HttpResponse:
    """In reach again."""
    _seat(request, seat_key)
    away_actions.come_back(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You are rung again, and are sent what happened."), "console:handover", seat_key)


@posting("save_handover_rules")
def set_minutes(request: StaffRequest, seat_key: str) -> HttpResponse:
    """When the note is drafted."""
    _seat(request, seat_key)
    minutes = checked(MinutesForm(request.POST), _("You said when the note is drafted."))["minutes"]
    handover_actions.save_handover_rules(
        seat_key=seat_key, note_minutes=minutes, by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("From the next turn on."), "console:handover", seat_key)


@posting("set_standby")
def stand_behind(request: StaffRequest, seat_key: str) -> HttpResponse:
    """Which seat stands behind this one."""
    seat = _seat(request, seat_key)
    form = StandbyForm(request.POST, seat=seat)
    standby = checked(form, _("You said which seat stands behind this one."))["standby"]
    set_standby(seat_key=seat_key, standby_key=standby or None, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("That holds from now on."), "console:handover", seat_key)


# ---- Past handovers -------------------------------------------------------------------------------------------------

HOW = {
    Hold.How.SET: gettext_lazy("put on duty"),
    Hold.How.ACCEPTED: gettext_lazy("accepted"),
    Hold.How.AUTOMATIC: gettext_lazy("by itself"),
    Hold.How.PASSED: gettext_lazy("passed by hand"),
    Hold.How.TAKEN: gettext_lazy("taken"),
}


def _chosen(request: StaffRequest, seat: Seat) -> QuerySet[Note]:
    rows = past_notes(seat)
    if text := asked(request, "q"):
        rows = rows.filter(hold__person__name__icontains=text)
    return rows


@staff("read_handover")
def past(request: StaffRequest, seat_key: str) -> HttpResponse:
    """Every handover of the seat, the newest first."""
    seat = _seat(request, seat_key)
    here, pager = one_page(request, _chosen(request, seat))
    filtered = clear_url(request)
    context = {
        "here": "rota",
        "seat": seat,
        "heading": _("How {seat} was handed over").format(seat=seat.name),
        "rows": [
            {
                "at": note.closed_at,
                "title": note.hold.person.name if note.hold else "",
                "url": reverse("console:past_handover", args=[note.pk]),
                "detail": str(HOW[Hold.How(note.hold.how)]) if note.hold else "",
                "tags": [],
            }
            for note in here
        ],
        "pager": pager,
        "filters": [search_box(asked(request, "q"), _("Who took it"))],
        "clear_url": filtered,
        "csv_url": csv_url(request, reverse("console:past_handovers_csv", args=[seat.key])),
        "crumbs": _crumbs(seat),
    }
    return render(request, "console/past_handovers.html", context)


def _crumbs(seat: Seat) -> list[dict[str, str]]:
    return [
        {"url": reverse("console:rota"), "label": _("Rotas")},
        {"url": reverse("console:handover", args=[seat.key]), "label": _("{seat}: handover").format(seat=seat.name)},
    ]


@staff("read_handover")
def past_csv(request: StaffRequest, seat_key: str) -> HttpResponse:
    """The same rows as a file."""
    seat = _seat(request, seat_key)
    rows = (
        [note.pk, seat.key, note.closed_at, note.hold.person.name, note.hold.how, note.turn_at]
        for note in _chosen(request, seat)[:EXPORTED]
        if note.hold is not None
    )
    return as_csv("handovers", ["id", "seat", "at", "person", "how", "turn_at"], rows)


@staff("read_handover")
def past_one(request: StaffRequest, note_id: int) -> HttpResponse:
    """One handover: the note as it was accepted, by whom and how."""
    rows = Note.objects.filter(within(request.brands, "seat__rota__brand_id"), id=note_id, closed_at__isnull=False)
    note = found(rows.select_related("seat__rota", "hold__person"), _("You asked for a past handover."))
    assert note.hold is not None
    context = {
        "here": "rota",
        "note": note,
        "heading": _("{name} took {seat}").format(name=note.hold.person.name, seat=note.seat.name),
        "how": HOW[Hold.How(note.hold.how)],
        "copies": [
            {
                "at": copy.at,
                "by": copy.by,
                "via": str(DOORS.get(Door(copy.via), copy.via)),
                "sections": read_text(copy.text),
            }
            for copy in copies_of(note)
        ],
        "crumbs": [
            *_crumbs(note.seat),
            {"url": reverse("console:past_handovers", args=[note.seat.key]), "label": _("Past handovers")},
        ],
    }
    return render(request, "console/past_handover.html", context)
