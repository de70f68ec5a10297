"""Plans of a rota: drafts being made, a draft with its gaps and what it costs whom, what changes, publishing; wishes."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Forbidden, NotFound
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import people_choices, people_within
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import as_csv, asked, one_page
from nightdesk.console.views.month import Stretch, day_ticks, names_of, picture
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within
from nightdesk.people.models import Person, Skill, Team
from nightdesk.rota import comparing, drafts, plan_actions, planner, planning, queries
from nightdesk.rota.models import Drafting, Plan, PlanWish, Rota, Seat

STATES = {
    Plan.State.MAKING: (gettext_lazy("is being made"), "sky"),
    Plan.State.DRAFT: (gettext_lazy("draft"), "accent"),
    Plan.State.PUBLISHED: (gettext_lazy("published"), "calm"),
    Plan.State.REPLACED: (gettext_lazy("replaced"), ""),
    Plan.State.DISCARDED: (gettext_lazy("discarded"), ""),
    Plan.State.FAILED: (gettext_lazy("failed"), "fire"),
}
WEEKDAYS = [
    (0, gettext_lazy("Mon")),
    (1, gettext_lazy("Tue")),
    (2, gettext_lazy("Wed")),
    (3, gettext_lazy("Thu")),
    (4, gettext_lazy("Fri")),
    (5, gettext_lazy("Sat")),
    (6, gettext_lazy("Sun")),
]
EFFORTS = {
    "quick": (gettext_lazy("Quick: seconds"), plan_actions.Effort(steps=50_000)),
    "usual": (gettext_lazy("Usual: up to a minute"), plan_actions.Effort(steps=200_000)),
    "long": (gettext_lazy("Thorough: minutes"), plan_actions.Effort(steps=1_000_000, solver=True)),
}
SHIFTS_SHOWN = 40
GAPS_EXPLAINED = 8
"""Gaps that the page explains; the others are named, each with the way to it."""
CHANGES_SHOWN = 30
"""Changes of one person that the page lists each way."""
SPARE_SHIFTS = 3
"""Empty lines that the form of a seat's shifts offers beyond those it has."""
LAST_MINUTE = 120_000_000
"""In the year 2198, as the planner counts."""


# ---- The plans of a rota ---------------------------------------------------------------------------------------------


class DraftForm(forms.Form):
    starts_on = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    effort = forms.ChoiceField(
        label=gettext_lazy("How hard to try"),
        choices=[(key, label) for key, (label, _effort) in EFFORTS.items()],
        widget=forms.RadioSelect,
        initial="usual",
        help_text=gettext_lazy("You see how far it is, and may stop it and keep the best so far."),
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"),
        min_value=0,
        max_value=2**31 - 1,
        initial=1,
        help_text=gettext_lazy("The same seed gives the same plan again; another one may find another."),
    )


class RepairForm(forms.Form):
    person = forms.TypedChoiceField(label=gettext_lazy("Who cannot"), coerce=int)
    since = forms.DateTimeField(
        label=gettext_lazy("From"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    until = forms.DateTimeField(
        label=gettext_lazy("Until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("By clocks in your own zone."),
    )

    def __init__(self, *args: Any, people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = [("", _("Choose")), *people]  # type: ignore[attr-defined]


@staff("read_plans")
def plans(request: StaffRequest, rota_id: int) -> HttpResponse:
    """Every plan of a rota, the newest first, and the way to a new one."""
    rota = _rota(request, rota_id)
    rows = Plan.objects.filter(rota=rota).annotate(count=Count("shifts")).order_by("-number")
    shown, pager = one_page(request, rows)
    first, last = _next_month(request.at, ZoneInfo(rota.zone))
    seats = list(Seat.objects.filter(rota=rota).select_related("team").order_by("position", "id"))
    plannable = bool(planning.planned_seats(rota))
    making = may(request, "make_draft", rota.brand_id)
    context = {
        "here": "rota",
        "rota": rota,
        "heading": _("Plans of {rota}").format(rota=rota.name),
        "crumbs": _crumbs(rota),
        "rows": [_plan_row(row) for row in shown],
        "pager": pager,
        "csv_url": reverse("console:plans_csv", args=[rota.id]),
        "seats": [_seat_row(seat) for seat in seats],
        "may_set": may(request, "set_shifts", rota.brand_id),
        "plannable": plannable,
        "form": DraftForm(initial={"starts_on": first, "last_day": last, "effort": "usual", "seed": 1})
        if making and plannable
        else None,
        "repair": RepairForm(people=people_choices(rota.brand_id), auto_id="repair-%s")
        if making and plannable
        else None,
    }
    return render(request, "console/plans.html", context)


@staff("read_plans")
def plans_csv(request: StaffRequest, rota_id: int) -> HttpResponse:
    """The same as a file."""
    rota = _rota(request, rota_id)
    header = ["number", "state", "starts_on", "ends_on", "gaps", "cost", "bound", "reproducible", "made_at", "made_by"]
    header += ["published_at", "published_by"]
    rows = Plan.objects.filter(rota=rota).order_by("-number")
    lines = ([len(row.gaps) if name == "gaps" else getattr(row, name) for name in header] for row in rows.iterator(500))
    return as_csv(f"plans-{rota.id}", header, lines)


@posting("make_draft")
def make(request: StaffRequest, rota_id: int) -> HttpResponse:
    """Have a plan made; its page shows how far it is."""
    rota = _rota(request, rota_id)
    values = checked(DraftForm(request.POST), _("You wanted to have a plan made."))
    plan = plan_actions.make_draft(
        rota_id=rota.id,
        starts_on=values["starts_on"],
        ends_on=values["last_day"] + timedelta(days=1),
        effort=EFFORTS[values["effort"]][1],
        seed=values["seed"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, "", "console:plan", plan.id)


@posting("make_draft")
def repair(request: StaffRequest, rota_id: int) -> HttpResponse:
    """Have the plan mended for somebody who cannot work, with as few changes as can be."""
    rota = _rota(request, rota_id)
    form = RepairForm(request.POST, people=people_choices(rota.brand_id))
    values = checked(form, _("You wanted to have a plan mended."))
    plan = plan_actions.draft_repair(
        rota_id=rota.id,
        person_id=values["person"],
        since_at=values["since"],
        until_at=values["until"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, "", "console:plan", plan.id)


def _plan_row(row: Plan) -> dict[str, Any]:
    label, tone = STATES[Plan.State(row.state)]
    details = [_days(row)]
    if row.state in (Plan.State.DRAFT, Plan.State.PUBLISHED, Plan.State.REPLACED):
        details.append(_gaps_in_words(len(row.gaps)))
        details.append(ngettext("{count} shift", "{count} shifts", row.count).format(count=row.count))  # type: ignore[attr-defined]
    if row.published_at is not None:
        details.append(_("published by {name}").format(name=row.published_by))
    return {
        "at": row.published_at or row.made_at,
        "title": _("Plan {number}").format(number=row.number),
        "url": reverse("console:plan", args=[row.id]),
        "detail": " · ".join(details),
        "tags": [{"text": str(label), "tone": tone}],
    }


def _seat_row(seat: Seat) -> dict[str, Any]:
    shifts = [
        _("{days} {opens}–{closes}").format(
            days=_weekdays(each["weekdays"]), opens=each["opens"], closes=each["closes"]
        )
        for each in seat.shifts
    ]
    text = "; ".join(shifts) or _("no shifts: planned by turns alone")
    if seat.shifts and seat.team:
        text = _("{shifts} · from {team}").format(shifts=text, team=seat.team.name)
    return {"seat": seat, "text": text, "url": reverse("console:seat_shifts", args=[seat.key])}


def _weekdays(days: Iterable[int]) -> str:
    chosen = set(days)
    if chosen == set(range(7)):
        return _("daily")
    if chosen == set(range(5)):
        return _("Mon–Fri")
    return ", ".join(str(label) for day, label in WEEKDAYS if day in chosen)


# ---- One plan --------------------------------------------------------------------------------------------------------


@staff("read_plans")
def plan(request: StaffRequest, plan_id: UUID) -> HttpResponse:
    """One plan: how far it is, or its month, gaps, what changes for whom, who carries what."""
    row = _plan(request, plan_id)
    context = _plan_context(request, row)
    if request.GET.get("part") == "progress" and row.state != Plan.State.MAKING:
        # The script swaps one part only; what is there now is another page.
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = request.path
        return answer
    return page_or_part(request, "plan", {"progress"}, context)


def _plan_context(request: StaffRequest, row: Plan) -> dict[str, Any]:
    label, tone = STATES[Plan.State(row.state)]
    making = may(request, "make_draft", row.rota.brand_id)
    context: dict[str, Any] = {
        "here": "rota",
        "plan": row,
        "rota": row.rota,
        "crumbs": [*_crumbs(row.rota), {"url": reverse("console:plans", args=[row.rota_id]), "label": _("Plans")}],
        "heading": _heading(row),
        "state": str(label),
        "tone": tone,
        "days": _days(row),
        "made": _made_in_words(row),
        "may_make": making,
        "may_publish": may(request, "publish_plan", row.rota.brand_id),
        "actions": _actions(row, making=making),
    }
    run = Drafting.objects.filter(plan=row).first()
    if row.state == Plan.State.MAKING:
        context["progress"] = _progress(run)
        return context
    if row.state == Plan.State.FAILED:
        context["failure"] = run.failure if run else ""
        return context
    zone = ZoneInfo(row.rota.zone)
    seats = {seat.id: seat for seat in Seat.objects.filter(rota=row.rota).order_by("position", "id")}
    names = names_of(dict(Person.objects.values_list("id", "name")), dict(Team.objects.values_list("id", "name")))
    start, end = drafts.span_of(row)
    context["month"] = _month(request, row, seats, names, start, end)
    gaps = [_gap(request, row, gap, seats, names, zone) for gap in row.gaps]
    context["gaps"], context["more_gaps"] = gaps[:GAPS_EXPLAINED], gaps[GAPS_EXPLAINED:]
    context["burdens"] = _burdens(row, names)
    changes = _changes(row, request.at)
    context["changes"] = _change_rows(row, changes, names, zone)
    context["changed"] = len(changes)
    context["csv_url"] = reverse("console:plan_csv", args=[row.id])
    context["findings"] = _findings(row, request.at, names, zone)
    context["blocked"] = any(each["blocks"] for each in context["findings"])
    shifts, pager = one_page(request, _shift_rows(request, row, seats, names), size=SHIFTS_SHOWN)
    context |= {"shifts": shifts, "pager": pager, "find": asked(request, "person")}
    return context


@staff("read_plans")
def plan_csv(request: StaffRequest, plan_id: UUID) -> HttpResponse:
    """Every shift of the plan."""
    row = _plan(request, plan_id)
    rows = row.shifts.select_related("seat", "person").order_by("starts_at", "seat__position", "id")
    header = ["seat", "person", "starts_at", "ends_at", "published"]
    lines = ([each.seat.key, each.person.name, each.starts_at, each.ends_at, each.published] for each in rows)
    return as_csv(f"plan-{row.number}", header, lines)


@staff("read_plans")
def burdens_csv(request: StaffRequest, plan_id: UUID) -> HttpResponse:
    """Who carries what in the plan."""
    row = _plan(request, plan_id)
    names = dict(Person.objects.values_list("id", "name"))
    header = ["person", "hours", "nights", "weekends", "holidays", "wishes_missed", "points"]
    lines = ([names.get(each.person_id, ""), *list(asdict(each).values())[1:]] for each in drafts.burdens(row))
    return as_csv(f"plan-{row.number}-people", header, lines)


def _heading(row: Plan) -> str:
    month = date_format(row.starts_on, "F")
    if row.state == Plan.State.MAKING:
        return _("Plan {number} is being made").format(number=row.number)
    if row.state == Plan.State.FAILED:
        return _("Plan {number} could not be made").format(number=row.number)
    gaps = len(row.gaps)
    if gaps:
        return ngettext("{month} has {count} gap", "{month} has {count} gaps", gaps).format(month=month, count=gaps)
    return _("{month} is covered").format(month=month)


def _progress(run: Drafting | None) -> dict[str, Any]:
    said = run.progress if run else {}
    steps, of = said.get("steps", 0), said.get("of", 0)
    if not said:
        text = _("It waits for a worker.") if run is None or run.leased_by is None else _("It begins.")
    else:
        gaps = _gaps_in_words(said.get("gaps", 0))
        text = _("Best so far: {gaps}, {cost} points.").format(gaps=gaps, cost=said.get("cost", 0))
    return {
        "done": min(steps, of),
        "of": max(of, 1),
        "text": text,
        "stopping": run is not None and run.stop_at is not None,
    }


def _made_in_words(row: Plan) -> list[dict[str, str]]:
    """How it was made, as terms and what they are."""
    how = row.made_with
    budget = how.get("budget", {})
    effort = ngettext("{count:,} step", "{count:,} steps", budget.get("steps", 0)).format(count=budget.get("steps", 0))
    if budget.get("seconds"):
        effort = _("{effort}, at most {seconds} s").format(effort=effort, seconds=budget["seconds"])
    facts = [
        (_("Asked by"), row.made_by),
        (_("Seed"), str(how.get("seed", ""))),
        (_("Effort"), effort),
        (_("Engine"), " ".join(str(how[name]) for name in ("engine", "version") if name in how)),
    ]
    if row.cost is not None:
        best = _(", and none costs less") if row.bound is not None and row.bound >= row.cost else ""
        bound = (
            _(", none costs less than {bound}").format(bound=row.bound) if row.bound is not None and not best else ""
        )
        facts.append((_("Cost"), _("{cost} points{more}").format(cost=row.cost, more=best or bound)))
    if "engine" in how:
        again = _("yes: the same seed, effort and rows give it again") if row.reproducible else _("no")
        facts.append((_("Reproducible"), again))
    if how.get("edited"):
        facts.append((_("Changed by hand"), ngettext("{n} time", "{n} times", how["edited"]).format(n=how["edited"])))
    if how.get("copied_from"):
        facts.append((_("Taken from"), _("Plan {number}").format(number=how["copied_from"])))
    return [{"term": term, "text": text} for term, text in facts if text]


def _actions(row: Plan, *, making: bool) -> list[dict[str, Any]]:
    if not making:
        return []
    found = []
    if row.state == Plan.State.MAKING:
        found.append({"label": _("Stop, and keep the best"), "url": reverse("console:stop_draft", args=[row.id])})
    if row.state in (Plan.State.PUBLISHED, Plan.State.REPLACED, Plan.State.DISCARDED):
        label = _("Take it as a draft again")
        found.append({"label": label, "url": reverse("console:copy_plan", args=[row.id])})
    if row.state in (Plan.State.MAKING, Plan.State.DRAFT, Plan.State.FAILED):
        found.append({"label": _("Discard it"), "url": reverse("console:discard_draft", args=[row.id])})
    return found


def _month(
    request: StaffRequest, row: Plan, seats: Mapping[int, Seat], names: Any, start: datetime, end: datetime
) -> dict[str, Any]:
    zone = ZoneInfo(row.rota.zone)
    drawn = [
        (Stretch(("person", each.person_id), seats[each.seat_id].name, each.starts_at, each.ends_at), zone)
        for each in row.shifts.order_by("starts_at", "seat")
    ]
    drawn += [
        (
            Stretch(
                None,
                seats[gap["seat_id"]].name,
                datetime.fromisoformat(gap["starts_at"]),
                datetime.fromisoformat(gap["ends_at"]),
            ),
            zone,
        )
        for gap in row.gaps
        if gap["kind"] == "seat" and gap["seat_id"] in seats
    ]
    month = picture(
        name="month",
        label=_days(row),
        found=drawn,
        start=start,
        end=end,
        ticks=day_ticks(start, end, zone),
        at=request.at,
        name_of=names,
        mine=("person", request.person.id) if request.person else None,
        by_night=False,
    )
    month["notes"] = []  # each gap is explained below
    return month


def _gap(
    request: StaffRequest, row: Plan, gap: Mapping[str, Any], seats: Mapping[int, Seat], names: Any, zone: ZoneInfo
) -> dict[str, Any]:
    """One gap: where it is, why each person cannot, and what asking those who could would cost."""
    seat = seats.get(gap["seat_id"])
    when = _stretch(gap, zone) if gap["starts_at"] else ""
    name = seat.name if seat else _("The plan")
    if gap["kind"] == "rule" and gap.get("person"):
        name = _("{name}: what stands already breaks a rule").format(name=names(("person", gap["person"])))
    elif gap["kind"] == "skill":
        name = _("{seat}: nobody knows {skill}").format(seat=name, skill=_skill(gap["skill"]))
    could = []
    for one in sorted(gap["could"], key=lambda each: (each["moves"], each["points"])):
        text = _("{name}: {points} points").format(name=names(("person", one["person"])), points=one["points"])
        if one["moves"]:
            more = ngettext("{count} duty of others moves", "{count} duties of others move", one["moves"])
            text = f"{text}, {more.format(count=one['moves'])}"
        could.append(text)
    verdict = ""
    if gap["kind"] == "rule":
        verdict = _("The planner adds nothing to it. What the rules say of them stands on their page.")
    elif gap["impossible"]:
        verdict = _("Impossible: everybody was tried on it, and nothing that breaks no rule came of it.")
    elif could:
        verdict = _("Asking one of these would close it; what it costs the plan:")
    elif gap["impossible"] is None and gap["people"]:
        verdict = _("Why not, person by person:")
    edit = ""
    if seat is not None and row.state == Plan.State.DRAFT and may(request, "make_draft", row.rota.brand_id):
        edit = _shift_url(row, seat, datetime.fromisoformat(gap["starts_at"]))
    return {
        "title": f"{name}, {when}" if when else name,
        "verdict": verdict,
        "could": could,
        "people": [
            {
                "name": names(("person", one["person"])),
                "why": drafts.in_words(one["words"], row.rota, seats) or _("not available"),
            }
            for one in gap["people"]
        ],
        "edit": edit,
    }


def _skill(key: str) -> str:
    skill = Skill.objects.filter(id=int(key)).first() if key.isdecimal() else None
    return skill.name if skill else key


def _burdens(row: Plan, names: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": names(("person", one.person_id)),
            "hours": f"{one.hours:.0f}",
            "nights": one.nights,
            "weekends": one.weekends,
            "holidays": one.holidays,
            "wishes": one.wishes_missed,
            "points": one.points,
        }
        for one in drafts.burdens(row)
    ]


def _changes(row: Plan, at: datetime) -> list[comparing.Change]:
    """What publishing it now would change; nothing for what is published or over."""
    if row.state != Plan.State.DRAFT:
        return []
    start, end = drafts.span_of(row)
    start = max(start, at)
    if end <= start:
        return []
    before = planning.spans_of(row.rota, start, end)
    after = planning.spans_with(row.rota, row.shifts.order_by("starts_at"), start, end)
    return comparing.changes(before, after)


def _change_rows(row: Plan, changes: list[comparing.Change], names: Any, zone: ZoneInfo) -> list[dict[str, Any]]:
    """For each person what they get and lose."""
    seats = dict(Seat.objects.filter(rota=row.rota).values_list("key", "name"))

    def line(one: comparing.Change) -> str:
        facts = {"starts_at": one.start.isoformat(), "ends_at": one.end.isoformat()}
        return f"{_stretch(facts, zone)} {seats.get(one.seat, one.seat)}"

    found = []
    for person_id, own in comparing.by_person(changes).items():
        found.append(
            {
                "name": names(("person", person_id)),
                "gets": [line(one) for one in own.gets[:CHANGES_SHOWN]],
                "loses": [line(one) for one in own.loses[:CHANGES_SHOWN]],
                "hours": f"{own.hours():+.0f} h",
            }
        )
    return sorted(found, key=lambda each: each["name"])


def _findings(row: Plan, at: datetime, names: Any, zone: ZoneInfo) -> list[dict[str, Any]]:
    """What the rules say of the plan, the gravest first."""
    if row.state != Plan.State.DRAFT:
        return []
    return [
        {
            "name": names(("person", one.person_id)),
            "tone": one.tone,
            "tag": one.tag,
            "blocks": one.blocks,
            "text": one.text,
            "when": date_format(one.start.astimezone(zone), "D j M"),
        }
        for one in drafts.findings(row, at)
    ]


def _shift_rows(request: StaffRequest, row: Plan, seats: Mapping[int, Seat], names: Any) -> list[dict[str, Any]]:
    """Every shift of the plan, those that nobody has among them, by time."""
    held = planning.shifts_in(row.id)
    editable = row.state == Plan.State.DRAFT and may(request, "make_draft", row.rota.brand_id)
    wanted = asked(request, "person")
    places = planning.places_of(row.rota, [seat for seat in seats.values() if seat.shifts], row.starts_on, row.ends_on)
    found = []
    for place in places:
        person = held.get(place.id)
        name = names(("person", person)) if person is not None else _("Nobody")
        if wanted and wanted.casefold() not in name.casefold():
            continue
        seat = seats[place.seat_id]
        found.append(
            {
                "at": place.shift.start,
                "title": name,
                "detail": _("{seat}, until {time}").format(
                    seat=seat.name, time=f"{place.shift.end.astimezone(ZoneInfo(row.rota.zone)):%H:%M}"
                ),
                "tags": [] if person is not None else [{"text": _("gap"), "tone": "fire"}],
                "url": _shift_url(row, seat, place.shift.start) if editable else "",
            }
        )
    return found


def _shift_url(row: Plan, seat: Seat, start: datetime) -> str:
    return reverse("console:draft_shift", args=[row.id, seat.key, planning.minute(start)])


@form_page("make_draft")
def draft_shift(request: StaffRequest, plan_id: UUID, seat_key: str, minute: int) -> HttpResponse:
    """One shift of a draft: who could have it, what that costs the plan, what the rules say; and giving it to them."""
    row = _plan(request, plan_id)
    seat = found(Seat.objects.filter(rota=row.rota, key=seat_key).select_related("team"), _("You asked for a seat."))
    start = planning.instant(min(minute, LAST_MINUTE))
    if request.method == "POST":
        who = request.POST.get("person", "")
        plan_actions.set_draft_shift(
            plan_id=row.id,
            seat_key=seat.key,
            starts_at=start,
            person_id=int(who) if who.isdecimal() else None,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("The draft is changed."), "console:plan", row.id)
    names = names_of(dict(Person.objects.values_list("id", "name")), {})
    problem, given = drafts.problem_of(row, request.at)
    slot = planning.slot_id(seat.id, start)
    now = planning.shifts_in(row.id).get(slot)
    ranked = planner.rank_people(problem, given, slot)
    could = {int(one.person): one for one in ranked}
    options = []
    for person_id in [*could, *sorted(planning.people_of([seat]) - could.keys())]:
        if person_id == now:
            continue
        option = could.get(person_id)
        others = option.moved if option else ()
        text = (
            _("against a rule, or not available")
            if option is None
            else _("{points} points").format(points=option.points)
        )
        if others:
            more = ngettext(
                "{count} duty of others moves with it", "{count} duties of others move with it", len(others)
            )
            text = f"{text}, {more.format(count=len(others))}"
        options.append(
            {"id": person_id, "name": names(("person", person_id)), "text": text, "fits": option is not None}
        )
    facts = {"starts_at": start.isoformat(), "ends_at": _end_of(problem, slot, start).isoformat()}
    context = {
        "here": "rota",
        "plan": row,
        "crumbs": [
            *_crumbs(row.rota),
            {"url": reverse("console:plan", args=[row.id]), "label": _("Plan {number}").format(number=row.number)},
        ],
        "heading": f"{seat.name}, {_stretch(facts, ZoneInfo(row.rota.zone))}",
        "holder": names(("person", now)) if now is not None else "",
        "options": options,
    }
    return render(request, "console/draft_shift.html", context)


def _end_of(problem: planner.Problem, slot: str, start: datetime) -> datetime:
    return next((planning.instant(one.end) for one in problem.slots if one.id == slot), start)


class PublishForm(forms.Form):
    reason = forms.CharField(max_length=300, required=False)


@posting("publish_plan")
def publish(request: StaffRequest, plan_id: UUID) -> HttpResponse:
    """It holds from now."""
    row = _plan(request, plan_id)
    values = checked(PublishForm(request.POST), _("You wanted to publish a plan."))
    plan_actions.publish_plan(
        plan_id=row.id, override_reason=values["reason"], by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("The plan is published, and whoever it touches is told."), "console:plan", row.id)


@posting("make_draft")
def stop(request: StaffRequest, plan_id: UUID) -> HttpResponse:
    """The best so far is enough."""
    row = _plan(request, plan_id)
    plan_actions.stop_draft(plan_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It stops, and keeps the best."), "console:plan", row.id)


@posting("make_draft")
def discard(request: StaffRequest, plan_id: UUID) -> HttpResponse:
    """Nobody wants it any more."""
    row = _plan(request, plan_id)
    plan_actions.discard_draft(plan_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The plan is discarded."), "console:plans", row.rota_id)


@posting("make_draft")
def copy(request: StaffRequest, plan_id: UUID) -> HttpResponse:
    """An earlier plan is a draft again."""
    row = _plan(request, plan_id)
    made = plan_actions.copy_plan(plan_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It is a draft again: look at what changes, then publish it."), "console:plan", made.id)


# ---- A seat's shifts -------------------------------------------------------------------------------------------------


class ShiftsForm(forms.Form):
    team = forms.TypedChoiceField(
        label=gettext_lazy("Whose people may have them"), coerce=int, required=False, empty_value=None
    )

    def __init__(self, *args: Any, teams: list[tuple[int, str]], shifts: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = [("", _("Nobody: it is planned by turns alone")), *teams]  # type: ignore[attr-defined]
        self.lines = len(shifts) + SPARE_SHIFTS
        clock: dict[str, Any] = {"widget": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"), "required": False}
        for number in range(self.lines):
            own = shifts[number] if number < len(shifts) else {"weekdays": [], "opens": None, "closes": None}
            self.fields[f"days{number}"] = forms.MultipleChoiceField(
                label=_("Shift {number}: days").format(number=number + 1),
                choices=WEEKDAYS,
                widget=forms.CheckboxSelectMultiple,
                required=False,
                initial=own["weekdays"],
            )
            self.fields[f"opens{number}"] = forms.TimeField(label=_("from"), initial=own["opens"], **clock)
            self.fields[f"closes{number}"] = forms.TimeField(label=_("until"), initial=own["closes"], **clock)

    def shifts(self) -> list[dict[str, Any]]:
        """Those that have days, as the verb takes them."""
        values = self.cleaned_data
        return [
            {
                "weekdays": [int(day) for day in values[f"days{number}"]],
                "opens": f"{values[f'opens{number}']:%H:%M}" if values[f"opens{number}"] else "",
                "closes": f"{values[f'closes{number}']:%H:%M}" if values[f"closes{number}"] else "",
            }
            for number in range(self.lines)
            if values[f"days{number}"]
        ]


@form_page("set_shifts")
def seat_shifts(request: StaffRequest, seat_key: str) -> HttpResponse:
    """What the planner fills of a seat."""
    rows = Seat.objects.filter(within(request.brands, "rota__brand_id"), key=seat_key).select_related("rota__brand")
    seat = found(rows, _("You asked for a seat of a rota."))
    teams = list(Team.objects.filter(brand=seat.rota.brand_id).order_by("name").values_list("id", "name"))
    lines = [dict(each) for each in seat.shifts]
    form = ShiftsForm(request.POST or None, teams=teams, shifts=lines, initial={"team": seat.team_id})
    if request.method == "POST":
        checked(form, _("You wanted to say which shifts a seat has."))
        plan_actions.set_shifts(
            seat_key=seat.key,
            team_id=form.cleaned_data["team"],
            shifts=form.shifts(),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("The shifts are kept."), "console:plans", seat.rota_id)
    context = {
        "here": "rota",
        "heading": _("Shifts of {seat}").format(seat=seat.name),
        "lead": _(
            "One person each. A shift that closes at or before it opens goes into the next day. Leave the days of a line "
            "empty to drop it."
        ),
        "crumbs": [
            *_crumbs(seat.rota),
            {"url": reverse("console:plans", args=[seat.rota_id]), "label": _("Plans")},
        ],
        "form": form,
        "label": _("Keep them"),
    }
    return render(request, "console/form.html", context)


# ---- Wishes ----------------------------------------------------------------------------------------------------------


class WishForm(forms.Form):
    wants = forms.ChoiceField(
        label=gettext_lazy("I would"),
        choices=[("avoid", gettext_lazy("rather not be on")), ("prefer", gettext_lazy("like to be on"))],
        widget=forms.RadioSelect,
        initial="avoid",
    )
    starts = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends = forms.DateTimeField(
        label=gettext_lazy("Until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("By clocks in your own zone."),
    )
    weight = forms.TypedChoiceField(
        label=gettext_lazy("How much it matters"),
        coerce=int,
        choices=[(1, gettext_lazy("a little")), (3, gettext_lazy("it does")), (9, gettext_lazy("very much"))],
        widget=forms.RadioSelect,
        initial=3,
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Only you and whoever plans for you read it."),
    )


@staff("note_wish")
def wishes(request: StaffRequest) -> HttpResponse:
    """My own wishes."""
    if request.person is None:
        raise Forbidden(
            _("You asked for your wishes."),
            _("Your account is nobody's on the staff list."),
            _("Ask an administrator."),
        )
    return _wishes(request, request.person)


@staff("note_wish")
def wishes_of(request: StaffRequest, person_id: int) -> HttpResponse:
    """Somebody's wishes: for themselves, and for whoever plans for them."""
    return _wishes(request, _wisher(request, person_id))


def _wisher(request: StaffRequest, person_id: int) -> Person:
    person = found(people_within(request.brands).filter(id=person_id), _("You asked for somebody's wishes."))
    if not queries.may_wish_for(request.actor, person):
        raise NotFound(
            _("You asked for the wishes of {name}.").format(name=person.name),
            _("They are for themselves and whoever plans for them."),
            _("Ask them."),
        )
    return person


def _wishes(request: StaffRequest, person: Person) -> HttpResponse:
    rows = PlanWish.objects.filter(person=person, ends_at__gt=request.at)
    mine = request.person is not None and request.person.id == person.id
    zone = ZoneInfo(person.zone)
    lines = []
    for row in rows:
        facts = {"starts_at": row.starts_at.isoformat(), "ends_at": row.ends_at.isoformat()}
        label = _("would like to be on") if row.wants == PlanWish.Wants.PREFER else _("would rather not be on")
        detail = " · ".join(part for part in (_stretch(facts, zone), row.note) if part)
        url = reverse("console:remove_plan_wish", args=[row.id])
        lines.append(
            {
                "at": row.starts_at,
                "title": label,
                "detail": detail,
                "tags": [{"text": _("weight {weight}").format(weight=row.weight), "tone": ""}],
                "actions": [{"label": _("Take it back"), "url": url}],
            }
        )
    context = {
        "here": "rota",
        "heading": _("My wishes") if mine else _("Wishes of {name}").format(name=person.name),
        "crumbs": [{"url": reverse("console:rota"), "label": _("Rotas")}],
        "rows": lines,
        "form": WishForm(initial={"wants": "avoid", "weight": 3}),
        "person": person,
    }
    return render(request, "console/wishes.html", context)


@posting("note_wish")
def add_wish(request: StaffRequest, person_id: int) -> HttpResponse:
    """One more."""
    person = _wisher(request, person_id)
    values = checked(WishForm(request.POST), _("You wanted to note a wish."))
    plan_actions.note_wish(
        person_id=person.id,
        starts_at=values["starts"],
        ends_at=values["ends"],
        wants=values["wants"],
        weight=values["weight"],
        note=values["note"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("The wish is noted: the next plan looks at it."), "console:wishes_of", person.id)


@posting("note_wish")
def remove_wish(request: StaffRequest, plan_wish_id: int) -> HttpResponse:
    """One less."""
    row = found(PlanWish.objects.filter(id=plan_wish_id), _("You asked for a wish."))
    person = _wisher(request, row.person_id)
    plan_actions.drop_wish(wish_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The wish is taken back."), "console:wishes_of", person.id)


# ---- Shared ----------------------------------------------------------------------------------------------------------


def _rota(request: StaffRequest, rota_id: int) -> Rota:
    rows = Rota.objects.filter(within(request.brands), id=rota_id).select_related("brand")
    return found(rows, _("You asked for a rota."))


def _plan(request: StaffRequest, plan_id: UUID) -> Plan:
    rows = Plan.objects.filter(within(request.brands, "rota__brand_id"), id=plan_id).select_related("rota__brand")
    return found(rows, _("You asked for a plan."))


def _crumbs(rota: Rota) -> list[dict[str, str]]:
    return [
        {"url": reverse("console:rota"), "label": _("Rotas")},
        {"url": reverse("console:one_rota", args=[rota.id]), "label": rota.name},
    ]


def _days(row: Plan) -> str:
    last = row.ends_on - timedelta(days=1)
    return _("{first} to {last}").format(first=date_format(row.starts_on, "j M"), last=date_format(last, "j M Y"))


def _stretch(facts: Mapping[str, Any], zone: ZoneInfo) -> str:
    start, end = (datetime.fromisoformat(facts[name]).astimezone(zone) for name in ("starts_at", "ends_at"))
    until = f"{end:%H:%M}" if start.date() == end.date() else date_format(end, "D H:i")
    return f"{date_format(start, 'D j M H:i')}–{until}"


def _gaps_in_words(count: int) -> str:
    return ngettext("{count} gap", "{count} gaps", count).format(count=count) if count else _("no gaps")


def _next_month(at: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """The first and last day of the month after this."""
    first = (at.astimezone(zone).date().replace(day=1) + timedelta(days=32)).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return first, following - timedelta(days=1)
