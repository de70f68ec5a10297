"""The second site's verbs: what it makes of a look at the main site, and what it does while it speaks for it."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import void_promises
from nightdesk.base.refusals import Refusal
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.duty.actions import DRAFT, TURN, replan_seat
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.journal.models import Entry
from nightdesk.paging.actions import MOVES, acknowledge_page, carry_on_page, let_go_page, resolve_page, trigger_page
from nightdesk.paging.models import Page
from nightdesk.paging.queries import who_is_ours
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person
from nightdesk.rota.models import Seat
from nightdesk.standby import decide, following, queries
from nightdesk.standby.decide import Effect, Event, State, Watch
from nightdesk.standby.merge import Held, move
from nightdesk.standby.models import Copied, WatchRow
from nightdesk.standby.sections import tables

log = logging.getLogger(__name__)

TOOK_OVER = kind(
    "standby.took-over", gettext_lazy("The main site has not been heard well since {since}; this one speaks for it")
)
LET_GO = kind("standby.let-go", gettext_lazy("The main site is back, and has what was done here"))
DRILL_PAGED = kind("standby.drill-paged", gettext_lazy("{person} was paged for a drill"))

SUBJECT = ("site", "main")
DRILL_LASTS = timedelta(minutes=10)


@transaction.atomic
def note_look(*, event: Event, problem: str = "", by: Actor, via: Door, at: datetime) -> tuple[Effect, ...]:
    """The watch stands as after `event`; what is to be done. Taking over is done here, in this transaction."""
    row = _locked(at)
    watch, effects = decide.after(queries.watch_of(row), event, at, timedelta(seconds=row.silent_after_s))
    _move(row, watch)
    row.problem = problem[:300]
    row.save(update_fields=["state", "since", "heard_at", "problem"])
    if Effect.TAKE_OVER in effects:
        _take_over(row, by, via, at)
    elif row.state == State.RETURNING and row.page_id is not None:
        page_id, row.page_id = row.page_id, None
        row.save(update_fields=["page_id"])
        _quietly(lambda: resolve_page(page_id=page_id, resolution=_("It is back."), by=by, via=via, at=at))
    return effects


def _move(row: WatchRow, watch: Watch) -> None:
    """The only writer of `state`; the caller holds the row's lock, and saves it."""
    row.state, row.since, row.heard_at = watch.state, watch.since, watch.heard_at


def _locked(at: datetime) -> WatchRow:
    """The watch under its lock; it begins by taking the main site for well."""
    WatchRow.objects.get_or_create(id=1, defaults={"since": at, "heard_at": at, "handed_until": at})
    return WatchRow.objects.select_for_update().get(id=1)


def _take_over(row: WatchRow, by: Actor, via: Door, at: datetime) -> None:
    """Whoever has the duty is told that Nightdesk is away; what is open rings on here, where the main site left it."""
    since = row.heard_at
    record(TOOK_OVER, subject=SUBJECT, by=by, via=via, at=at, facts={"since": since.isoformat(timespec="seconds")})
    row.page_id = _quietly(lambda: _say_away(since, by, at))
    row.save(update_fields=["page_id"])
    open_ones = Page.objects.exclude(state=Page.State.RESOLVED).filter(folded_into=None)
    # A drill's page is for whoever agreed to it: nobody else of the ladder is woken.
    pages = [page for page in open_ones if page.pk != row.page_id and not page.details.get("drill")]
    own = queries.next_rings(pages)
    for page in pages:
        told = row.open_pages.get(str(page.pk), {})
        _quietly(lambda page=page, told=told: _ring_on(page, own.get(str(page.pk)), told, by, via, at))
    for seat in Seat.objects.all():
        _quietly(lambda seat=seat: replan_seat(seat_id=seat.pk, changed_at=at, at_once=False, by=by, via=via, at=at))


def _ring_on(page: Page, own_at: datetime | None, told: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    due_at = own_at or (datetime.fromisoformat(told["due_at"]) if "due_at" in told else at)
    carry_on_page(page_id=page.pk, rung=page.rung, rings=page.rings, due_at=max(due_at, at), by=by, via=via, at=at)


def _say_away(since: datetime, by: Actor, at: datetime) -> UUID | None:
    """Page whoever is rung for Nightdesk itself."""
    brand, policy_id = who_is_ours()
    if brand is None:
        return None
    title = _("Nightdesk itself is away since {time} UTC").format(time=f"{since:%H:%M:%S}")
    page = trigger_page(
        brand_id=brand,
        title=title,
        priority="P1",
        policy_id=policy_id,
        details={"site": "second"},
        by=by,
        via=Door.STANDBY,
        at=at,
    )
    return page.pk


@transaction.atomic
def let_go(*, by: Actor, via: Door, at: datetime) -> None:
    """The main site rings for its pages again, and hands on the duty."""
    WatchRow.objects.select_for_update().get(id=1)
    for page in Page.objects.exclude(state=Page.State.RESOLVED).exclude(details__contains=queries.DRILL):
        let_go_page(page_id=page.pk, by=by, via=via, at=at)
    for seat_id in Seat.objects.values_list("pk", flat=True):
        void_promises(("seat", seat_id), at=at, kinds=[TURN, DRAFT])
    record(LET_GO, subject=SUBJECT, by=by, via=via, at=at)


@transaction.atomic
def follow_main(*, answer: Mapping[str, Any], size_bytes: int, whole: bool, by: Actor, via: Door, at: datetime) -> int:
    """The main site's rows are ours; how many came. Raises django.db.Error where they do not fit, and nothing changes."""
    del by, via
    row = queries.watch_row(at)
    # Whoever takes a page just now waits for this lock, or we for theirs: what is not at the main site yet is not undone.
    list(Page.objects.exclude(state=Page.State.RESOLVED).select_for_update().values_list("pk"))
    new = Entry.objects.filter(subject_kind="page", kind__in=MOVES, at__gte=row.handed_until or row.since)
    kept = {"paging.Page": set(new.values_list("subject_id", flat=True))}
    count = following.apply_changes(answer["changed"], whole=whole, kept=kept)
    _note_answer(answer, size_bytes, followed=True)
    return count


@transaction.atomic
def note_misfit(*, problem: str, by: Actor, via: Door, at: datetime) -> None:
    """What came could not be taken over: whoever looks at the second site reads it there."""
    del by, via
    row = _locked(at)
    row.problem = f"A snapshot did not fit: {problem}"[:300]
    row.save(update_fields=["problem"])


@transaction.atomic
def note_untaken(*, problem: str, by: Actor, via: Door, at: datetime) -> None:
    """The main site answers, and has not taken what was done here; how the watch stands does not change by that."""
    del by, via
    row = _locked(at)
    row.problem = f"What was done here did not go over: {problem}"[:300]
    row.save(update_fields=["problem"])


@transaction.atomic
def meet_pages(*, answer: Mapping[str, Any], size_bytes: int, by: Actor, via: Door, at: datetime) -> None:
    """While we speak for a main site whose door still takes alarms: what is new there rings here, what is over there is over."""
    before = set(queries.watch_row(at).open_pages)
    _note_answer(answer, size_bytes, followed=False)
    changed = answer["changed"].get("paging.Page")
    if changed is not None:
        alarms = [row for rows in answer["changed"].get("paging.Alarm", {"rows": {}})["rows"].values() for row in rows]
        for row in (row for rows in changed["rows"].values() for row in rows):
            told = answer["pages"].get(row["id"], {})
            _quietly(lambda row=row, told=told: _meet(row, told, alarms, by, via, at))
    copied = {one for ids in Copied.objects.filter(section="paging.Page").values_list("ids", flat=True) for one in ids}
    # A page met while alone was never copied: that it was told of is all that says it was the main site's.
    known = copied | before
    for page in Page.objects.filter(id__in=known - answer["pages"].keys()).exclude(state=Page.State.RESOLVED):
        _quietly(lambda page=page: resolve_page(page_id=page.pk, by=by, via=via, at=at))


def _meet(
    row: Mapping[str, Any], told: Mapping[str, Any], alarms: list[Any], by: Actor, via: Door, at: datetime
) -> None:
    page = Page.objects.filter(pk=row["id"]).first()
    changed = datetime.fromisoformat(told["changed_at"]) if "changed_at" in told else at
    theirs = Held(row["state"], changed, row["owner_id"], row["rung"], row["rings"], row["resolution"])
    mine = queries.held(page, queries.changed_at([page])[str(page.pk)]) if page is not None else None
    match move(mine, theirs):
        case "insert":
            following.insert_rows(tables()["paging.Page"], [row], unless_there=True)
            own = [alarm for alarm in alarms if alarm["page_id"] == row["id"]]
            following.insert_rows(tables()["paging.Alarm"], own, unless_there=True)
            due_at = max(datetime.fromisoformat(told["due_at"]), at) if "due_at" in told else at
            carry_on_page(
                page_id=UUID(row["id"]), rung=row["rung"], rings=row["rings"], due_at=due_at, by=by, via=via, at=at
            )
        case "acknowledge" if theirs.owner is not None:
            acknowledge_page(page_id=UUID(row["id"]), by=actor_of_person(theirs.owner), via=via, at=at)
        case "resolve":
            resolve_page(page_id=UUID(row["id"]), resolution=theirs.resolution, by=by, via=via, at=at)
        case _:
            pass  # how far it was rung is ours to know: the main site rings nobody just now


def _quietly(do: Any) -> Any:
    """What `do` returns. One page that cannot be seen to must not stop the rest: whatever is wrong with it, it stays as it is,
    and None is returned.
    """
    try:
        with transaction.atomic():
            return do()
    except (Refusal, DatabaseError) as error:
        log.warning("Something of it could not be done, and the rest goes on: %s", " ".join(str(error).split()))
    except Exception:
        log.exception("Something of it could not be done, and the rest goes on")
    return None


def _note_answer(answer: Mapping[str, Any], size_bytes: int, *, followed: bool) -> None:
    row = WatchRow.objects.select_for_update().get(id=1)
    row.silent_after_s = answer["silent_after_s"]
    row.open_pages = answer["pages"]
    if followed:
        row.snapshot_at, row.snapshot_bytes = datetime.fromisoformat(answer["at"]), size_bytes
    row.save(update_fields=["silent_after_s", "open_pages", "snapshot_at", "snapshot_bytes"])


@transaction.atomic
def note_test_asked(*, by: Actor, via: Door, at: datetime) -> bool:
    """Whether a test page is due to be asked for; then it counts as asked."""
    del by, via
    row = _locked(at)
    if row.asked_test_at is not None and at - row.asked_test_at < decide.TEST_EVERY:
        return False
    row.asked_test_at = at
    row.save(update_fields=["asked_test_at"])
    return True


@transaction.atomic
def note_handed_back(*, until_at: datetime, pages: list[str], let_go: bool, by: Actor, via: Door, at: datetime) -> None:
    """What was done here until then is at the main site; with `let_go` it rings for those pages from here on."""
    row = WatchRow.objects.select_for_update().get(id=1)
    row.handed_until = until_at
    if row.drill.get("report"):
        row.drill = {}
    row.save(update_fields=["handed_until", "drill"])
    if let_go:
        for page in Page.objects.filter(id__in=pages).exclude(details__contains=queries.DRILL):
            let_go_page(page_id=page.pk, by=by, via=via, at=at)


# --- Drills ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def see_to_drill(*, wanted: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    """The person who agreed is paged here, by our own providers; once they answered, or after a while, it is written what came
    of it. Repeating it changes nothing.
    """
    row = _locked(at)
    if wanted and row.drill.get("id") != wanted["id"]:
        person = Person.objects.filter(pk=wanted["person"]).first()
        brand = Brand.objects.order_by("id").first()
        if person is None or brand is None:
            return
        page = trigger_page(
            brand_id=brand.pk,
            title=_("Drill of the second site: please take this page"),
            priority="P1",
            details={"drill": True, "site": "second"},
            first_person_id=person.pk,
            by=by,
            via=Door.STANDBY,
            at=at,
        )
        void_promises(("page", page.pk), at=at)  # nobody but who agreed is woken for a drill
        record(DRILL_PAGED, subject=("drill", wanted["id"]), by=by, via=via, at=at, facts={"person": person.name})
        row.drill = {"id": wanted["id"], "page": str(page.pk), "at": at.isoformat()}
        row.save(update_fields=["drill"])
    elif row.drill.get("page") and "report" not in row.drill:
        began = datetime.fromisoformat(row.drill["at"])
        page = Page.objects.get(pk=row.drill["page"])
        if page.state == Page.State.TRIGGERED and at - began < DRILL_LASTS:
            return
        row.drill |= {"report": _report(page, began)}
        row.save(update_fields=["drill"])
        resolve_page(page_id=page.pk, resolution=_("The drill is over."), by=by, via=via, at=at)


def _report(page: Page, began: datetime) -> dict[str, Any]:
    tried = [
        {
            "channel": each.channel,
            "state": each.state,
            "took_ms": _since(began, each.accepted_at),
            "delivered_ms": _since(began, each.delivered_at),
            "route": Attempt.objects.filter(delivery_id=each.pk)
            .order_by("at")
            .values_list("route_name", flat=True)
            .last()
            or "",
        }
        for each in Delivery.objects.filter(subject_kind="page", subject_id=str(page.pk)).order_by("due_at")
    ]
    return {"tried": tried, "acknowledged_ms": _since(began, page.acknowledged_at)}


def _since(began: datetime, then: datetime | None) -> int | None:
    return None if then is None else round((then - began).total_seconds() * 1000)
