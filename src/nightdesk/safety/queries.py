"""Reads of visits: who is out, who could watch, what is wrong with a visit, and its story as a reader may see it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base import vault
from nightdesk.channels.models import Route
from nightdesk.channels.registry import LOUD
from nightdesk.duty.queries import OnDuty, silent, who_is_on
from nightdesk.people.models import ContactMethod
from nightdesk.people.numbers import display
from nightdesk.safety import decide, duress
from nightdesk.safety.decide import Sign
from nightdesk.safety.models import SafetyCard, Site, Visit, VisitEvent

EMERGENCY = gettext_lazy("In danger, ring 999 or 112.")
WE_NEVER_RING = gettext_lazy(
    "In danger, ring 999 or 112. Nightdesk never rings them: it tells the watcher and the duty manager, and they do."
)
NOT_OVER = Q(state__in=[Visit.State.PLANNED, Visit.State.OUT])

EVENT_WORDS = {
    "declared": gettext_lazy("declared"),
    "began": gettext_lazy("on the way"),
    "edited": gettext_lazy("changed"),
    "watcher": gettext_lazy("another watcher"),
    "asked": gettext_lazy("asked whether they are well"),
    "rang": gettext_lazy("rung"),
    "watcher_told": gettext_lazy("watcher told"),
    "manager_told": gettext_lazy("duty manager told"),
    "taken": gettext_lazy("somebody has the alarm"),
    "note": gettext_lazy("wrote"),
    "help": gettext_lazy("asked for help"),
    "duress": gettext_lazy("gave the duress word"),
    "claimed": gettext_lazy("said that they are back, under duress"),
    "cancelled": gettext_lazy("called off"),
    "ended": gettext_lazy("back safe"),
    Sign.CHECK_IN: gettext_lazy("said that they are well"),
    Sign.VOUCHED: gettext_lazy("somebody spoke to them"),
    Sign.PAGE: gettext_lazy("did something about a page"),
    Sign.SIGNED_IN: gettext_lazy("signed in"),
    Sign.CALL: gettext_lazy("answered a call"),
    Sign.DOOR: gettext_lazy("used a door card"),
    Sign.TRACKER: gettext_lazy("was seen by a tracker"),
}
"""What each event is, in words; its time and who stand beside it."""
DURESS_KEY = "duress"
"""The purpose of the key that duress words are digested with."""
_HIDDEN_UNDER_DURESS = ("watcher_told", "manager_told", "taken")


def sites(brand_ids: Collection[int] | None) -> QuerySet[Site]:
    """The sites that are visited, of the brands (None: of all)."""
    rows = Site.objects.filter(retired_at=None).select_related("brand")
    return rows if brand_ids is None else rows.filter(brand__in=brand_ids)


def visits(brand_ids: Collection[int] | None = None) -> QuerySet[Visit]:
    """Visits with what is shown of them, those that are on first, then what is planned, then the newest."""
    rows = Visit.objects.select_related("brand", "site", "person", "companion", "watcher", "watcher_seat", "ticket")
    rows = rows if brand_ids is None else rows.filter(brand__in=brand_ids)
    first = Case(
        When(state=Visit.State.OUT, then=Value(0)),
        When(state=Visit.State.PLANNED, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return rows.order_by(first, "-leaves_at", "-id")


def open_visits(brand_ids: Collection[int] | None = None) -> QuerySet[Visit]:
    """Visits that are on or planned: nobody has said yet that they are back safe."""
    return visits(brand_ids).filter(NOT_OVER)


def has_open_visits(brand_id: int | None) -> bool:  # noqa: ARG001 - the hook's shape; a visitor may act in any brand
    """Whether anybody is out, so that what shows them awake is looked at."""
    return Visit.objects.filter(state=Visit.State.OUT).exists()


def visit_of(person_id: int | None) -> Visit | None:
    """The visit on which the person is now; None for none."""
    if person_id is None:
        return None
    rows = visits().filter(Q(person=person_id) | Q(companion=person_id), state=Visit.State.OUT)
    return rows.first()


def planned_of(person_id: int, until: datetime) -> Visit | None:
    """The next visit for which the person is to leave by `until`; None for none."""
    rows = visits().filter(Q(person=person_id) | Q(companion=person_id), state=Visit.State.PLANNED)
    return rows.filter(leaves_at__lte=until).order_by("leaves_at").first()


def person_with_badge(badge: str) -> int | None:
    """Whose badge it is; None for nobody's."""
    found = SafetyCard.objects.filter(badge=badge).exclude(badge="")
    return found.values_list("person_id", flat=True).first()


# --- Who watches -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether somebody can watch: the seat by which they can, or why not. `until`: when that duty ends, if it is known."""

    seat_key: str = ""
    until: datetime | None = None
    why_not: str = ""


def watcher_fit(
    watcher_id: int, people_ids: Collection[int], leaves_at: datetime, back_by_at: datetime, at: datetime
) -> Fit:
    """Whether the person can watch a visit over that time: on duty when it begins, by a seat that no visitor has meanwhile."""
    if watcher_id in people_ids:
        return Fit(why_not=_("They would watch themselves."))
    begins_at = max(leaves_at, at)
    on = who_is_on(begins_at, now=at)
    theirs = [each for each in on if each.person_id == watcher_id]
    if not theirs:
        return Fit(why_not=_("They are not on duty then."))
    later = who_is_on(max(back_by_at, begins_at), now=at)
    visitors = {each.seat_key for each in (*on, *later) if each.person_id in people_ids}
    free = [each for each in theirs if each.seat_key not in visitors]
    if not free:
        return Fit(why_not=_("They have the same seat as the visitor."))
    longest = max(free, key=lambda each: (each.until is None, each.until or begins_at))
    return Fit(longest.seat_key, longest.until)


def could_watch(people_ids: Collection[int], at: datetime, brand_ids: Collection[int] | None = None) -> list[OnDuty]:
    """Who is on duty now for the brands (None: for any) and is not among them, each once."""
    on = {
        each.person_id: each for each in who_is_on(at, brand_ids, now=at) if each.person_id not in (None, *people_ids)
    }
    return list(on.values())


# --- What is wrong with it -------------------------------------------------------------------------------------------


def today_of(visit: Visit) -> date:
    """The day on which it begins, by the visitor's clocks."""
    return visit.leaves_at.astimezone(ZoneInfo(visit.person.zone)).date()


def warnings_of(visit: Visit, at: datetime) -> list[str]:
    """What makes the visit less safe than it should be, in sentences; none for a visit that is over."""
    if visit.state not in (Visit.State.PLANNED, Visit.State.OUT):
        return []
    found = [warning] if (warning := assessment_warning(visit.site, today_of(visit))) else []
    if not visit.site.security_number:
        found.append(_("Nobody is named who would be rung at the site first."))
    if visit.site.needs_two and visit.companion_id is None:
        found.append(_("Two people should be there, and one is."))
    names = {person.pk: person.name for person in (*visit.people, visit.watcher)}
    for person_id in sorted(silent(list(names), at)):
        found.append(_("Nothing loud is known to reach {name}.").format(name=names[person_id]))
    if visit.state == Visit.State.OUT:
        fit = watcher_fit(visit.watcher_id, visit.people_ids, at, visit.back_by_at, at)
        if fit.why_not:
            found.append(_("{name} is to watch. {why}").format(name=visit.watcher.name, why=fit.why_not))
        elif fit.until is not None and fit.until < visit.back_by_at:
            found.append(
                _("{name} watches, and is on duty only until {time}.").format(
                    name=visit.watcher.name, time=f"{fit.until.astimezone(ZoneInfo(visit.person.zone)):%H:%M}"
                )
            )
    return found


def assessment_warning(site: Site, day: date) -> str:
    """What is wrong with the site's risk assessment on that day; "" for nothing."""
    if site.assessed_on is None:
        return _("No risk assessment of {site} is known.").format(site=site.name)
    if site.review_on is not None and site.review_on < day:
        return _("The risk assessment of {site} should have been looked at anew by {day}.").format(
            site=site.name, day=f"{site.review_on:%d %b %Y}"
        )
    return ""


# --- How they are reached --------------------------------------------------------------------------------------------


def numbers_of(person_ids: Collection[int], region: str) -> dict[int, list[str]]:
    """The telephone numbers of each as a reader in `region` dials them."""
    found: dict[int, list[str]] = {person_id: [] for person_id in person_ids}
    rows = ContactMethod.objects.filter(person__in=list(found), channel__in=LOUD).order_by("id")
    for person_id, address in rows.values_list("person_id", "address"):
        shown = display(address, region) if address.startswith("+") else address
        if shown not in found[person_id]:
            found[person_id].append(shown)
    return found


def has_voice() -> bool:
    """Whether telephones can be rung at all."""
    return Route.objects.filter(channel="voice", enabled=True).exists()


def gives_duress(person_id: int | None, words: str) -> bool:
    """Whether the person's duress word is in what they wrote."""
    card = SafetyCard.objects.filter(person=person_id or 0).first()
    if card is None or person_id is None or not card.duress_digest:
        return False
    return duress.is_said(vault.key_for(DURESS_KEY), person_id, bytes(card.duress_digest), words)


# --- Its story -------------------------------------------------------------------------------------------------------


def is_hidden_from(visit: Visit, reader_id: int | None) -> bool:
    """Whether this reader must not see that the duress word was given: whoever holds the visitor's telephone reads it too."""
    return visit.alarm == Visit.Alarm.DURESS and reader_id in visit.people_ids


def as_seen_by(visit: Visit, reader_id: int | None) -> Visit:
    """The visit as that reader is shown it; not to be saved."""
    if not is_hidden_from(visit, reader_id):
        return visit
    last = visit.events.filter(kind__in=("duress", Sign.CHECK_IN)).order_by("-at").values_list("at", flat=True).first()
    hidden = dict.fromkeys(
        ("asked_at", "rang_at", "watcher_at", "manager_at", "taken_at", "page_id", "manager_page_id")
    )
    told = {
        "alarm": Visit.Alarm.NONE,
        "taken_by": "",
        "sign": Sign.CHECK_IN,
        "sign_at": max(last or visit.leaves_at, visit.sign_at or visit.leaves_at),
    }
    if visit.claimed_at is not None:
        told |= {"state": Visit.State.ENDED, "ended_at": visit.claimed_at, "ended_by": visit.person.name}
    kept = {field.attname: getattr(visit, field.attname) for field in Visit._meta.concrete_fields}
    shown = Visit(**(kept | hidden | told))
    for name in ("brand", "site", "person", "companion", "watcher", "watcher_seat", "ticket"):
        if name in visit._state.fields_cache:
            setattr(shown, name, getattr(visit, name))
    return shown


def story(visit: Visit, reader_id: int | None) -> list[VisitEvent]:
    """What happened, oldest first, as that reader is shown it."""
    events: Iterable[VisitEvent] = visit.events.all()
    # The alarm may be over by now: what was hidden from the visitor stays so for as long as they are out.
    was_duress = visit.state == Visit.State.OUT and any(event.kind == "duress" for event in events)
    if not (was_duress and reader_id in visit.people_ids):
        return list(events)
    shown = []
    for event in events:
        if event.kind in _HIDDEN_UNDER_DURESS:
            continue
        if event.kind in ("duress", "claimed"):
            event.kind, event.words = ("ended" if event.kind == "claimed" else Sign.CHECK_IN.value), ""
        event.counted = True
        shown.append(event)
    return shown


def what_comes(visit: Visit, at: datetime) -> list[decide.Due]:
    """What happens next if nothing is heard; nothing where it is over or everybody is told."""
    if visit.state == Visit.State.PLANNED:
        watch = decide.Watch(visit.leaves_at, visit.back_by_at, visit.every, visit.grace)
        return decide.ladder(watch)
    if visit.state != Visit.State.OUT:
        return []
    return [due._replace(at=max(due.at, at)) for due in decide.ladder(visit.watch)]


def counts() -> tuple[int, int]:
    """How many visits are on, and about how many of them somebody is alarmed; drills left out."""
    out = Visit.objects.filter(state=Visit.State.OUT, drill=False)
    return out.count(), out.filter(~Q(alarm="") | Q(watcher_at__isnull=False)).count()


def in_alarm(visit: Visit) -> bool:
    """Whether somebody was told, or is to be, that something is wrong."""
    return visit.state == Visit.State.OUT and (visit.alarm != "" or visit.watcher_at is not None)
