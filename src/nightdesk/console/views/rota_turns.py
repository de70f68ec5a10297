"""The editor of a seat's turns: layers, who takes them in which order, at which hours; what that would be, before it is saved.

As the editor of policies it needs no script: each button sends the whole form. With one, the preview follows what is typed.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.base.refusals import IllegalTransition, Invalid, Refusal
from nightdesk.console.views.choices import people_choices
from nightdesk.console.views.month import day_ticks, picture, shades, stretches
from nightdesk.console.views.rota_names import all_names, end_in_words, month_of, seat_of, span_in_words
from nightdesk.console.views.staff import StaffRequest, done, form_page, may, posting
from nightdesk.people.models import Team
from nightdesk.rota import comparing, resolve
from nightdesk.rota.actions import set_layers, undo_layers
from nightdesk.rota.checking import RuleBlocks
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import drafted, last_change_of_layers, layers_mark, load_rota, plain_layers

MOST_LAYERS = 6
MOST_MEMBERS = 60
SPARE = 2
"""Empty places for one more member."""
TURNS_SHOWN = 8
CHANGES_SHOWN = 8
UNDO_FOR = timedelta(minutes=10)
WEEKDAYS = [
    (0, gettext_lazy("Mon")), (1, gettext_lazy("Tue")), (2, gettext_lazy("Wed")), (3, gettext_lazy("Thu")),
    (4, gettext_lazy("Fri")), (5, gettext_lazy("Sat")), (6, gettext_lazy("Sun")),
]  # fmt: skip
TURNS = [
    ("hour", gettext_lazy("hours")),
    ("day", gettext_lazy("days")),
    ("working_day", gettext_lazy("working days")),
    ("week", gettext_lazy("weeks")),
    ("month", gettext_lazy("months")),
]
_CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class WindowForm(forms.Form):
    """Hours of a layer; one without a day is left out."""

    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("On"), choices=WEEKDAYS, coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    opens = forms.TimeField(label=gettext_lazy("From"), required=False, widget=_CLOCK)
    closes = forms.TimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=_CLOCK,
        help_text=gettext_lazy("Not later than from: on the next day."),
    )

    def clean(self) -> dict[str, Any]:
        """Days have both times."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("weekdays"):
            for name in ("opens", "closes"):
                if values.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Give both times, such as 18:00 and 08:00."))
        return values


class LayerForm(forms.Form):
    """One layer but for its members, which are as many selects of one name, and its hours."""

    every = forms.IntegerField(label=gettext_lazy("A turn lasts"), min_value=1, max_value=1000, initial=1)
    turn = forms.ChoiceField(label=gettext_lazy("of these"), choices=TURNS, initial="week")
    first_day = forms.DateField(label=gettext_lazy("The first turn begins on"), widget=_DAY)
    at = forms.TimeField(label=gettext_lazy("at"), widget=_CLOCK, help_text=gettext_lazy("By the rota's clocks."))
    starts_on = forms.DateField(label=gettext_lazy("This layer holds from"), required=False, widget=_DAY)
    ends_on = forms.DateField(label=gettext_lazy("until"), required=False, widget=_DAY)
    nation = forms.CharField(
        label=gettext_lazy("Bank holidays off, of"),
        required=False,
        max_length=2,
        help_text=gettext_lazy("Two letters, such as GB. Empty: every day counts."),
        widget=forms.TextInput(attrs={"size": 3}),
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Working days"),
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        initial=[0, 1, 2, 3, 4],
    )


class Layer:
    """A layer as it stands in the form: `form`, `windows`, and `members` as chosen ("person:3")."""

    def __init__(self, number: int, plain: Mapping[str, Any] | None, post: QueryDict | None) -> None:
        self.number = number
        prefix = f"layer{number}"
        self.name = f"{prefix}-member"
        if post is not None:
            self.members = [value for value in post.getlist(self.name) if value][:MOST_MEMBERS]
            count = min(_number(post.get(f"{prefix}-windows", "0")), 12)
            self.form = LayerForm(post, prefix=prefix)
            self.windows = [WindowForm(post, prefix=f"{prefix}-window{place}") for place in range(count)]
        else:
            plain = plain or {}
            self.members = [f"{kind}:{id_}" for member in plain.get("members", ()) for kind, id_ in member.items()]
            day, _t, clock = str(plain.get("anchor", "")).partition("T")
            initial = {
                name: plain[name]
                for name in ("every", "turn", "starts_on", "ends_on", "nation", "weekdays")
                if name in plain
            }
            self.form = LayerForm(prefix=prefix, initial=initial | {"first_day": day, "at": clock})
            hours = [*plain.get("restrict", ()), {}]
            self.windows = [
                WindowForm(prefix=f"{prefix}-window{place}", initial=each) for place, each in enumerate(hours)
            ]

    def is_valid(self) -> bool:
        """Whether the forms are; members are looked at when the turns are set."""
        return all([self.form.is_valid(), *(window.is_valid() for window in self.windows)])

    def plain(self) -> dict[str, Any]:
        """As `rota.decide` reads a layer."""
        values = self.form.cleaned_data
        windows = [window.cleaned_data for window in self.windows if window.cleaned_data.get("weekdays")]
        return {
            "members": [{kind: int(id_)} for kind, _c, id_ in (member.partition(":") for member in self.members)],
            "anchor": f"{values['first_day']}T{values['at']:%H:%M}",
            "turn": values["turn"],
            "every": values["every"],
            "restrict": [
                {
                    "weekdays": sorted(each["weekdays"]),
                    "opens": f"{each['opens']:%H:%M}",
                    "closes": f"{each['closes']:%H:%M}",
                }
                for each in windows
            ],
            "weekdays": values["weekdays"] or [0, 1, 2, 3, 4],
            "nation": values["nation"],
            "starts_on": values["starts_on"],
            "ends_on": values["ends_on"],
        }

    def slots(self) -> list[str]:
        """What is chosen, and places for more."""
        return [*self.members, *([""] * SPARE)]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0


@form_page("set_layers")
def turns(request: StaffRequest, seat_key: str) -> HttpResponse:
    """The seat's layers, to be changed, and what they would come to."""
    seat = seat_of(request, seat_key)
    post = request.POST if request.method == "POST" else None
    asks = post.get("do", "save") if post is not None else ""
    layers = _filled_in(seat, post, asks, request.at)
    seen = post.get("seen", "") if post is not None else layers_mark(seat_key)
    reason = post.get("reason", "") if post is not None else ""
    problem: Refusal | None = None
    plan: resolve.Rota | None = None
    fits = [layer.is_valid() for layer in layers] if post is not None else []  # each says what is wrong with it
    if all(fits):
        try:
            plain = [layer.plain() for layer in layers] if post is not None else plain_layers(seat_key)
            plan = drafted(seat_key, plain)
            if asks == "save":
                set_layers(
                    seat_key=seat_key,
                    layers=plain,
                    seen=seen,
                    override_reason=reason,
                    by=request.actor,
                    via=Door.WEB,
                    at=request.at,
                )
                _keep_undo(request, seat)
                return done(request, "", "console:one_rota", seat.rota_id)
        except (Invalid, IllegalTransition, RuleBlocks) as refusal:
            problem = refusal
            seen = refusal.extra.get("mark", seen)
    elif asks == "save":
        problem = Invalid(
            _("The turns of %s were to be changed.") % seat.name,
            _("Something in the form does not fit; it is marked."),
            _("Mend it, and save once more. Nothing you filled in is lost."),
        )
    context = {
        "here": "rota",
        "seat": seat,
        "rota": seat.rota,
        "heading": _("Turns of {seat}").format(seat=seat.name),
        "layers": layers,
        "members": _member_choices(seat.rota.brand_id),
        "may_add": len(layers) < MOST_LAYERS,
        "seen": seen,
        "problem": problem,
        "theirs": isinstance(problem, IllegalTransition),
        "blocked": isinstance(problem, RuleBlocks) and may(request, "exempt_duty", seat.rota.brand_id),
        "reason": reason,
        **_preview(request, seat, plan, post),
    }
    name = "rota_turns_preview" if asks == "preview" and request.headers.get("HX-Request") else "rota_turns"
    return render(request, f"console/{name}.html", context)


def _filled_in(seat: Seat, post: QueryDict | None, asks: str, at: datetime) -> list[Layer]:
    """The layers as they stand in the form, after what the pressed button asks for: add, remove-2, up-2, down-2."""
    if post is None:
        return [Layer(number, plain, None) for number, plain in enumerate(plain_layers(seat.key), start=1)] or [
            Layer(1, _fresh(seat, at), None)
        ]
    count = min(_number(post.get("layers", "0")), MOST_LAYERS)
    order = list(range(1, count + 1))
    verb, _dash, digits = asks.partition("-")
    place = _number(digits) - 1
    if verb == "remove" and 0 <= place < len(order):
        del order[place]
    elif verb == "up" and 0 < place < len(order):
        order[place - 1], order[place] = order[place], order[place - 1]
    elif verb == "down" and 0 <= place < len(order) - 1:
        order[place + 1], order[place] = order[place], order[place + 1]
    kept = [Layer(new, None, _renumbered(post, old, new, asks)) for new, old in enumerate(order, start=1)]
    if verb == "add" and len(kept) < MOST_LAYERS:
        number = len(kept) + 1
        kept.append(Layer(number, None, _fresh_post(number, seat, at)))
    return kept


def _fresh(seat: Seat, at: datetime) -> dict[str, Any]:
    """A layer to begin with: from Monday, by the week."""
    today = at.astimezone(ZoneInfo(seat.rota.zone)).date()
    monday = today - timedelta(days=today.weekday())
    return {"members": [], "anchor": f"{monday}T09:00", "turn": "week", "every": 1}


def _fresh_post(number: int, seat: Seat, at: datetime) -> QueryDict:
    fresh = _fresh(seat, at)
    day, _t, clock = fresh["anchor"].partition("T")
    data = QueryDict(mutable=True)
    values = {"every": "1", "turn": "week", "first_day": day, "at": clock, "windows": "1"}
    for name, value in values.items():
        data[f"layer{number}-{name}"] = value
    data.setlist(f"layer{number}-weekdays", ["0", "1", "2", "3", "4"])
    return data


def _renumbered(post: QueryDict, old: int, new: int, asks: str) -> QueryDict:
    """What was filled in of layer `old`, as layer `new`'s; with one more place for hours where they were asked for."""
    data = QueryDict(mutable=True)
    before, after = f"layer{old}-", f"layer{new}-"
    for name, values in post.lists():
        if name.startswith(before):
            data.setlist(after + name.removeprefix(before), values)
    if asks == f"hours-{old}":
        data[f"{after}windows"] = str(_number(data.get(f"{after}windows", "0")) + 1)
    return data


def _member_choices(brand_id: int) -> list[tuple[str, str]]:
    teams = Team.objects.filter(brand=brand_id).order_by("name")
    return [
        *((f"person:{id_}", name) for id_, name in people_choices(brand_id)),
        *((f"team:{team.id}", _("whoever of {team} is signed in").format(team=team.name)) for team in teams),
    ]


def _preview(request: StaffRequest, seat: Seat, plan: resolve.Rota | None, post: QueryDict | None) -> dict[str, Any]:
    """What rota_turns_preview.html draws: the next turns, the month, what the clocks do, and what would change for whom."""
    zone = ZoneInfo(seat.rota.zone)
    this = request.at.astimezone(zone).date().replace(day=1)
    first = _asked_month(post.get("month", "") if post is not None else "", this)
    months = [(this + timedelta(days=31 * ahead)).replace(day=1) for ahead in range(12)]
    context: dict[str, Any] = {
        "months": [(each.isoformat(), date_format(each, "F Y")) for each in months],
        "month_asked": first.isoformat(),
        "drawn": plan is not None,
    }
    if plan is None:
        return context
    names = all_names()
    start, end = month_of(first, zone)
    own = resolve.Rota(
        plan.zone,
        tuple(each for each in plan.seats if each.key == seat.key),
        tuple(each for each in plan.overrides if each.seat == seat.key),
    )
    found = [(stretch, zone) for stretch in stretches(own, start, end)]
    gaps = sum(1 for stretch, _zone in found if stretch.who is None and not stretch.closed)
    changes = comparing.changes_of_plan(
        load_rota(seat.rota_id), plan, seat.key, request.at, request.at + timedelta(days=31)
    )
    return context | {
        "month": picture(
            name="draft",
            label=date_format(first, "F Y"),
            found=found,
            start=start,
            end=end,
            ticks=day_ticks(start, end, zone),
            at=request.at,
            name_of=names,
            mine=None,
            by_night=False,
            ground=shades(start, end, zone, seat.rota.brand.region),
        ),
        "gaps": gaps,
        "next_turns": [
            {
                "at": turn.start,
                "title": names(turn.member),
                "detail": _("until {time}").format(time=end_in_words(turn.start, turn.end, zone)),
            }
            for turn in resolve.next_turns(plan, seat.key, request.at, TURNS_SHOWN)
        ],
        "clock_changes": clock_changes(start, end, zone),
        "changes": [
            _("{span}: {now} instead of {was}").format(
                span=span_in_words(each.start, each.end, zone), now=_named(each.now, names), was=_named(each.was, names)
            )
            for each in changes[:CHANGES_SHOWN]
        ],
        "more_changes": max(0, len(changes) - CHANGES_SHOWN),
    }


def _named(member: Any, names: Any) -> str:
    return names(member) if member is not None else _("nobody")


def _asked_month(text: str, this: date) -> date:
    try:
        asked = date.fromisoformat(text).replace(day=1)
    except ValueError:
        return this
    return asked if this <= asked <= this + timedelta(days=400) else this


def clock_changes(start: datetime, end: datetime, zone: ZoneInfo) -> list[str]:
    """What the zone's clocks do in [`start`, `end`), in words: "Sun 25 Oct: clocks go back 60 minutes"."""
    found = []
    day = start
    while day < end:
        following = min(day + timedelta(days=1), end)
        was, now = (each.astimezone(zone).utcoffset() or timedelta(0) for each in (day, following))
        if was != now:
            minutes = int(abs(now - was).total_seconds() // 60)
            facts = {"day": date_format(following.astimezone(zone), "D j M"), "count": minutes}
            if now < was:
                found.append(
                    _("{day}: clocks go back {count} minutes, and a turn over that hour is longer").format(**facts)
                )
            else:
                found.append(
                    _("{day}: clocks go forward {count} minutes, and a turn over that hour is shorter").format(**facts)
                )
        day = following
    return found


# ---- The way back ---------------------------------------------------------------------------------------------------


def _keep_undo(request: StaffRequest, seat: Seat) -> None:
    entry = last_change_of_layers(seat.id)
    if entry is not None:
        request.session["rota-undo"] = {
            "rota": seat.rota_id,
            "text": _("The turns of {seat} are changed.").format(seat=seat.name),
            "entry": str(entry),
            "until": (request.at + UNDO_FOR).isoformat(),
        }


def undo_of(request: StaffRequest, rota_id: int) -> dict[str, Any] | None:
    """The way back from the last change of turns, for parts/undo.html, while it is fresh."""
    kept = request.session.get("rota-undo")
    if not kept or kept["rota"] != rota_id:
        return None
    until = datetime.fromisoformat(kept["until"])
    if until <= request.at:
        return None
    url = reverse("console:undo_layers", args=[kept["entry"]])
    return {"text": kept["text"], "url": url, "until_at": until, "fields": {}}


@posting("set_layers")
def undo(request: StaffRequest, entry_id: Any) -> HttpResponse:
    """The seat has its turns of before again."""
    seat = undo_layers(entry_id=entry_id, by=request.actor, via=Door.WEB, at=request.at)
    request.session.pop("rota-undo", None)
    return done(request, _("The turns are as they were before."), "console:one_rota", seat.rota_id)
