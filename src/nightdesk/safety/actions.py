"""The verbs of visits. Each holds the visit's lock, writes what happened, and promises the one step that comes next.

A visit is locked before a page; what pages tell of comes back later, by a promise.
"""

from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, forbidden, may, require, verbs_in
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.base.unique import unless_taken
from nightdesk.channels.actions import supersede_deliveries
from nightdesk.desk.models import Ticket
from nightdesk.duty.queries import holder
from nightdesk.journal.actions import erase_text, record
from nightdesk.journal.kinds import kind
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.paging.actions import resolve_page
from nightdesk.paging.models import Page
from nightdesk.people.locking import require_for
from nightdesk.people.models import Person
from nightdesk.rota.models import Seat
from nightdesk.safety import decide, queries, telling, wording
from nightdesk.safety.decide import DIRECT, Sign, State, Step, Verb
from nightdesk.safety.models import SafetyCard, Site, Visit, VisitEvent

DECLARED = kind("visit.declared", gettext_lazy("{by} declared a site visit of {people}; {watcher} watches"))
BEGAN = kind("visit.began", gettext_lazy("{people} left for a site; {watcher} watches"))
EDITED = kind("visit.edited", gettext_lazy("{by} changed a site visit of {people}"))
WATCHER_CHANGED = kind("visit.watcher", gettext_lazy("{watcher} watches the site visit of {people} from here on"))
SEEN = kind("visit.seen", gettext_lazy("A sign of life of {people}: {sign}"))
ASKED = kind("visit.asked", gettext_lazy("{people} asked whether they are well"))
RANG = kind("visit.rang", gettext_lazy("{people} did not answer, and were rung"))
WATCHER_TOLD = kind("visit.watcher-told", gettext_lazy("{watcher} told that {people} may be in danger"))
MANAGER_TOLD = kind("visit.manager-told", gettext_lazy("The duty manager told that {people} may be in danger"))
TAKEN = kind("visit.taken", gettext_lazy("{by} has the alarm about {people}"))
HELP = kind("visit.help", gettext_lazy("{by} asked for help for {people}"))
DURESS = kind("visit.duress", gettext_lazy("The duress word was given on the site visit of {people}"))
CLAIMED = kind("visit.claimed", gettext_lazy("Under duress it was said that {people} are back"))
NOTED = kind("visit.noted", gettext_lazy("{by} wrote from a site visit"))
ENDED = kind("visit.ended", gettext_lazy("{people} are back safe, says {by}"))
CANCELLED = kind("visit.cancelled", gettext_lazy("{by} called a site visit of {people} off"))
DROPPED = kind(
    "visit.records-dropped", gettext_lazy("{count} site visits are forgotten: where somebody was is personal")
)

WATCH = "safety.watch"
"""The promise of the one step that comes next of a visit."""
NOTE_PAGE, NOTE_CALL, FOLLOW_WATCH = "safety.note_page", "safety.note_call", "safety.follow_watch"
"""Follow-ups: something was done about a page; somebody answered a call; a seat has another holder."""

LONGEST_AHEAD = timedelta(days=31)
LONGEST_AWAY = timedelta(hours=24)
HELP_BEFORE = timedelta(hours=1)
"""HELP texted so long before they leave is about the visit: they are early, or on their way."""

EVENT_OF = {Step.ASK: "asked", Step.RING: "rang", Step.WATCHER: "watcher_told", Step.MANAGER: "manager_told"}
KIND_OF = {Step.ASK: ASKED, Step.RING: RANG, Step.WATCHER: WATCHER_TOLD, Step.MANAGER: MANAGER_TOLD}
SINCE_SIGN = ["asked_at", "rang_at", "watcher_at", "manager_at", "taken_at", "taken_by"]
"""The columns that a sign of life empties."""
ALARMED = ["alarm", "page", "manager_page"]


class NotAlone(Refusal):
    """A site that needs two people was to be visited by one."""

    code: ClassVar[str] = "visit-needs-two"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Nobody goes there alone"


class NoWatcher(Refusal):
    """Who was to watch cannot: they are not on duty, or have the visitor's own seat."""

    code: ClassVar[str] = "watcher-not-fit"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "They cannot watch this visit"


# --- From the declaration to the way home ----------------------------------------------------------------------------


@transaction.atomic
def declare_visit(
    *,
    site_id: int,
    person_id: int,
    watcher_id: int,
    why: str,
    travel_minutes: int,
    work_minutes: int,
    leaves_at: datetime | None = None,
    companion_id: int | None = None,
    ticket_id: UUID | None = None,
    every: timedelta = timedelta(minutes=30),
    grace: timedelta = timedelta(minutes=10),
    drill: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> Visit:
    """Somebody is to go to a site, from `leaves_at` (None: now) until the way back is over; it begins by itself then.

    `travel_minutes` each way. A drill is the same, marked as one, and may ask as often as every minute. `queries.warnings_of`
    says what should be better. Raises Forbidden (also where they are of other brands), NotFound, Invalid, NotAlone (the site
    needs two), NoWatcher, IllegalTransition (they are out already).
    """
    site = Site.objects.select_related("brand").filter(id=site_id, retired_at=None).first()
    asked = _("A site visit was to be declared.")
    if site is None:
        raise NotFound(asked, _("There is no such site."), _("Choose one of the list, or enter it first."))
    require(by, "declare_visit", site.brand_id)
    person, companion = _active(person_id, asked), _active(companion_id, asked) if companion_id else None
    for one in filter(None, (person, companion)):
        if by.person_id != one.pk:
            require_for(one, by, "declare_visit")
    _check_people(site, person, companion, asked)
    leaves_at = max(leaves_at or at, at)
    back_by_at = leaves_at + timedelta(minutes=2 * travel_minutes + work_minutes)
    _check_times(leaves_at, back_by_at, travel_minutes, work_minutes, asked, at)
    _check_waits(every, grace, drill, asked)
    row = Visit(
        brand=site.brand,
        site=site,
        person=person,
        companion=companion,
        watcher=_active(watcher_id, asked),
        ticket=_ticket(ticket_id, site.brand_id, asked),
        why=one_line(why, 300, _("reason")),
        travel_minutes=travel_minutes,
        work_minutes=work_minutes,
        every=every,
        grace=grace,
        drill=drill,
        declared_at=at,
        declared_by=by.name[:120],
        leaves_at=leaves_at,
        back_by_at=back_by_at,
    )
    row.watcher_seat = _watcher_seat(row, at, asked)
    row.save(force_insert=True)
    warnings = queries.warnings_of(row, at)
    _happened(row, "declared", by, via, at, words=" ".join(warnings))
    _record(DECLARED, row, by, via, at, text=f"{site.name}: {row.why}", warnings=len(warnings), drill=drill)
    if leaves_at <= at:
        return begin_visit(visit_id=row.pk, by=by, via=via, at=at)
    _plan(row, at)
    return row


@transaction.atomic
def begin_visit(*, visit_id: UUID, by: Actor, via: Door, at: datetime) -> Visit:
    """They are on their way, and are asked from now on. Repeating it changes nothing.

    Raises NotFound, Forbidden (only who goes, and staff), IllegalTransition (it is over, or they are out elsewhere).
    """
    row = _locked(visit_id, "declare_visit", by, own=True)
    asked = _("A site visit was to begin.")
    if row.state == Visit.State.OUT:
        return row
    late = at - row.leaves_at
    _move(row, Verb.BEGIN, asked)
    row.sign_at, row.sign = at, Sign.BEGAN
    if late < timedelta(0):  # they left sooner, and are back sooner
        row.leaves_at, row.back_by_at = at, row.back_by_at + late
    row.watcher_seat = _seat_now(row, at) or row.watcher_seat
    if queries.visit_of(row.person_id) or (row.companion_id and queries.visit_of(row.companion_id)):
        raise IllegalTransition(asked, _("They are out at another site."), _("End that visit first."))
    with unless_taken(asked, _("They are out at another site."), _("End that visit first.")):
        row.save(update_fields=["state", "sign_at", "sign", "leaves_at", "back_by_at", "watcher_seat"])
    _happened(row, "began", by, via, at)
    cause = _record(BEGAN, row, by, via, at)
    telling.tell_watcher(row, cause, at)
    _plan(row, at)
    return row


@transaction.atomic
def edit_visit(
    *,
    visit_id: UUID,
    watcher_id: int | None = None,
    back_by_at: datetime | None = None,
    every: timedelta | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Visit:
    """Another watcher, another time by which they are back, or another interval; what is None stays.

    Raises NotFound, Forbidden, Invalid, NoWatcher, IllegalTransition (it is over).
    """
    row = _locked(visit_id, "edit_visit", by, own=True)
    asked = _("A site visit was to be changed.")
    _see_open(row, asked)
    changed = []
    if back_by_at is not None and back_by_at != row.back_by_at:
        if not timedelta(0) < back_by_at - max(row.leaves_at, at) <= LONGEST_AWAY:
            raise Invalid(
                asked, _("They would be back before they leave, in the past, or after more than a day."), _("Give another time."),
                field="back_by_at",
            )  # fmt: skip
        row.back_by_at = back_by_at
        changed.append("back_by_at")
    if every is not None and every != row.every:
        _check_waits(every, row.grace, row.drill, asked)
        row.every = every
        changed.append("every")
    if watcher_id is not None and watcher_id != row.watcher_id:
        row.watcher = _active(watcher_id, asked)
        row.watcher_seat = _watcher_seat(row, at, asked)
        changed += ["watcher", "watcher_seat"]
    if not changed:
        return row
    row.save(update_fields=changed)
    _happened(row, "edited", by, via, at, words=", ".join(changed))
    cause = _record(EDITED, row, by, via, at, changed=changed)
    if "watcher" in changed and row.state == Visit.State.OUT:
        telling.tell_watcher(row, cause, at)
    _plan(row, at)
    return row


@transaction.atomic
def cancel_visit(*, visit_id: UUID, by: Actor, via: Door, at: datetime) -> Visit:
    """They do not go. Repeating it changes nothing. Raises NotFound, Forbidden, IllegalTransition (they are out, or back)."""
    row = _locked(visit_id, "cancel_visit", by, own=True)
    if row.state == Visit.State.CANCELLED:
        return row
    _move(row, Verb.CANCEL, _("A site visit was to be called off."))
    row.save(update_fields=["state"])
    _happened(row, "cancelled", by, via, at)
    _record(CANCELLED, row, by, via, at)
    _plan(row, at)
    return row


# --- Signs of life ---------------------------------------------------------------------------------------------------


@transaction.atomic
def check_in_visit(*, visit_id: UUID, words: str = "", by: Actor, via: Door, at: datetime) -> Visit:
    """Who is there says that they are well; with the duress word in `words` the opposite, and nobody can see that it was said.

    Of a visit that has not begun it says, whatever else, that they leave. Raises NotFound, Forbidden (only who is there),
    IllegalTransition.
    """
    row = _locked(visit_id, "check_in_visit", by, only_own=True)
    begins = row.state == Visit.State.PLANNED
    if begins:
        row = begin_visit(visit_id=row.pk, by=by, via=via, at=at)
    _see_out(row)
    if queries.gives_duress(by.person_id, words):
        _give_duress(row, by, via, at)
    elif not begins:
        _seen(row, Sign.CHECK_IN, at, by, via, at, words=words)
    return row


@transaction.atomic
def note_visit_words(*, visit_id: UUID, words: str, by: Actor, via: Door, at: datetime) -> Visit:
    """What they wrote that is no answer: it may be a cry for help, so it answers nothing, and whoever watches reads it at once.

    Raises NotFound, Forbidden, IllegalTransition.
    """
    row = _locked(visit_id, "check_in_visit", by, only_own=True)
    _see_out(row)
    if queries.gives_duress(by.person_id, words):
        _give_duress(row, by, via, at)
        return row
    text = " ".join(words.split())
    _happened(row, "note", by, via, at, words=text)
    telling.send_note(row, text[:600], _record(NOTED, row, by, via, at, text=text), at)
    return row


@transaction.atomic
def note_visit_sign(
    *,
    person_id: int | None = None,
    badge: str = "",
    sign: str,
    what: str = "",
    sign_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Visit | None:
    """Something shows that the person, or whoever has the badge, is awake, so they are not asked so soon; None where they are on
    no visit.

    `sign_at`: when it was, at the latest now. It does not end an alarm. Raises Forbidden, NotFound (nobody has it), Invalid
    (no such kind of sign).
    """
    own = by.person_id is not None and by.person_id == person_id
    if not own and brands_for(by, "note_visit_sign") == set():
        raise forbidden(by, "note_visit_sign")
    asked = _("A sign of life was told.")
    person = Person.objects.filter(id=person_id or queries.person_with_badge(badge) or 0).first()
    if person is None:
        raise NotFound(asked, _("Nobody is known by that."), _("Enter the badge at its person."))
    if not own:
        require_for(person, by, "note_visit_sign")
    if sign not in set(Sign) - DIRECT - {Sign.BEGAN}:
        raise Invalid(asked, _("There is no such kind: {sign}.").format(sign=sign[:20]), _("Give door or tracker."))
    found = queries.visit_of(person.pk)
    row = _locked(found.pk, None, by) if found is not None else None
    if row is None or row.state != Visit.State.OUT:
        return None
    _seen(row, Sign(sign), min(sign_at or at, at), by, via, at, words=what)
    return row


@transaction.atomic
def vouch_for_visitor(*, visit_id: UUID, words: str, by: Actor, via: Door, at: datetime) -> Visit:
    """`by`, who is not there, has made sure that they are well, and says in `words` how. It ends an alarm, of whatever kind.

    Raises NotFound, Forbidden (also for the visitor), Invalid (no words), IllegalTransition.
    """
    row = _locked(visit_id, "vouch_for_visitor", by)
    if by.person_id in row.people_ids:
        raise forbidden(by, "vouch_for_visitor")
    _see_out(row)
    if not words.strip():
        raise Invalid(
            _("You say that they are well."), _("It is not said how you know."), _("Write whom you spoke to."), field="words"
        )  # fmt: skip
    _vouched(row, words, by, via, at)
    return row


@transaction.atomic
def call_for_help(*, visit_id: UUID, words: str = "", by: Actor, via: Door, at: datetime) -> Visit:
    """Watcher and duty manager are told at once. Repeating it changes nothing. It rings nobody outside: not 999, not 112.

    Raises NotFound, Forbidden, IllegalTransition (the visit is over).
    """
    row = _locked(visit_id, "call_for_help", by, own=True)
    if row.state == Visit.State.PLANNED:
        if any(queries.visit_of(each) for each in row.people_ids):
            return _help_before_it_begins(row, words, by, via, at)
        row = begin_visit(visit_id=row.pk, by=by, via=via, at=at)
    _see_out(row)
    if row.alarm == Visit.Alarm.NONE:
        row.alarm = Visit.Alarm.HELP
        row.save(update_fields=["alarm"])
        _happened(row, "help", by, via, at, words=words)
        _record(HELP, row, by, via, at, text=words)
        _no_more_questions(row, via, at)
        _do_due(row, at)
    return row


@transaction.atomic
def end_visit(*, visit_id: UUID, words: str = "", by: Actor, via: Door, at: datetime) -> Visit:
    """They are back safe, and nothing is asked any more. Who is not one of them says in `words` how they know.

    Under duress, or with the duress word in `words`, only the visitor believes it. Repeating it changes nothing. Raises NotFound,
    Forbidden, Invalid, IllegalTransition (it has not begun).
    """
    row = _locked(visit_id, "end_visit", by, own=True)
    if row.state == Visit.State.ENDED:
        return row
    _see_out(row)
    theirs = by.person_id in row.people_ids
    if theirs and queries.gives_duress(by.person_id, words):
        _give_duress(row, by, via, at)
    if theirs and row.alarm == Visit.Alarm.DURESS:
        row.claimed_at = row.claimed_at or at
        row.save(update_fields=["claimed_at"])
        _happened(row, "claimed", by, via, at)
        _record(CLAIMED, row, by, via, at)
        _no_more_questions(row, via, at)
        return row
    if not theirs and not words.strip():
        raise Invalid(
            _("A site visit was to be ended."), _("It is not said how you know that they are back."),
            _("Write whom you spoke to."), field="words",
        )  # fmt: skip
    _move(row, Verb.END, _("A site visit was to be ended."))
    row.ended_at, row.ended_by = at, by.name[:120]
    row.save(update_fields=["state", "ended_at", "ended_by"])
    _happened(row, "ended", by, via, at, words=words)
    cause = _record(ENDED, row, by, via, at, text=words)
    _end_alarm(row, words or _("back safe"), cause, by, via, at)
    _plan(row, at)
    return row


# --- What falls due, and what follows --------------------------------------------------------------------------------


@transaction.atomic
def keep_watch(*, visit_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Do what is due of the visit: let it begin, ask, ring, tell the watcher, tell the duty manager; what was done, in words."""
    row = _locked(visit_id, None, by)
    del via
    if row.state == Visit.State.PLANNED and row.leaves_at <= at:
        if any(queries.visit_of(each) for each in row.people_ids):
            return _push_back(row, at)
        begin_visit(visit_id=row.pk, by=SCHEDULER, via=Door.WORKER, at=at)
        return "They are on their way."
    if row.state != Visit.State.OUT:
        return "It is over."
    return _do_due(row, at)


@transaction.atomic
def note_visit_page(*, page_id: UUID, entry_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Something was done about a page: somebody has an alarm of ours, or says that it is over; or it shows a visitor awake."""
    entry = Entry.objects.filter(id=entry_id).first()
    if entry is None:
        return "Nothing is known of it."
    row = Visit.objects.filter(Q(page=page_id) | Q(manager_page=page_id), state=Visit.State.OUT).first()
    if row is not None:
        row = _locked(row.pk, None, by)
        return _note_alarm_page(row, page_id, entry, via, at)
    if entry.by_kind == "person" and entry.by_id.isdecimal():
        seen = note_visit_sign(
            person_id=int(entry.by_id), sign=Sign.PAGE, sign_at=entry.at, by=SCHEDULER, via=Door(entry.via), at=at
        )
        return "A visitor is awake." if seen is not None else "They are on no visit."
    return "No person did it."


@transaction.atomic
def follow_watch(*, seat_id: int, by: Actor, via: Door, at: datetime) -> str:
    """The seat has another holder: who has it now watches the visits that it watched, unless they are on one themselves."""
    seat = Seat.objects.filter(id=seat_id).first()
    found = Visit.objects.filter(queries.NOT_OVER, watcher_seat=seat_id).values_list("id", flat=True)
    holder_id = holder(seat.key, at, now=at) if seat is not None else None
    changed = 0
    for visit_id in list(found):
        row = _locked(visit_id, None, by)
        if row.state != Visit.State.OUT or holder_id is None or holder_id in (row.watcher_id, *row.people_ids):
            continue
        row.watcher = Person.objects.get(id=holder_id)
        row.save(update_fields=["watcher"])
        _happened(row, "watcher", by, via, at, words=row.watcher.name)
        telling.tell_watcher(row, _record(WATCHER_CHANGED, row, by, via, at), at)
        changed += 1
    return f"{changed} visits have another watcher."


@transaction.atomic
def drop_visit_records(*, by: Actor = SCHEDULER, via: Door = Door.WORKER, at: datetime) -> int:
    """Visits that were over `NIGHTDESK_VISITS_KEPT` days ago are forgotten, with what the journal says of where they were; how
    many. Drills are kept as long as staff records.
    """
    over = Visit.objects.exclude(queries.NOT_OVER)
    old = over.filter(drill=False, back_by_at__lt=at - settings.VISITS_KEPT)
    old |= over.filter(drill=True, back_by_at__lt=at - settings.STAFF_RECORDS_KEPT)
    ids = list(old.order_by("back_by_at").values_list("id", flat=True)[:500])
    entries = Entry.objects.filter(subject_kind="visit", subject_id__in=[str(each) for each in ids]).values("id")
    for entry_id in list(PersonalText.objects.filter(entry_id__in=entries).values_list("entry_id", flat=True)):
        erase_text(entry_id=entry_id, by=by, via=via, at=at)
    Visit.objects.filter(id__in=ids).delete()
    if ids:
        record(DROPPED, subject=("visit", ""), by=by, via=via, at=at, facts={"count": len(ids)})
    return len(ids)


# --- Machinery -------------------------------------------------------------------------------------------------------


def _do_due(row: Visit, at: datetime) -> str:
    """Every step that is due has been done, and the next is promised."""
    did = []
    while (due := decide.next_due(row.watch)) is not None and due.at <= at:
        _step(row, due.step, at)
        did.append(due.step.value)
    _plan(row, at)
    return f"Done: {', '.join(did)}." if did else "Nothing was due: there was a sign of life."


def _step(row: Visit, step: Step, at: datetime) -> None:
    cause = _record(KIND_OF[step], row, SCHEDULER, Door.WORKER, at)
    _happened(row, EVENT_OF[step], SCHEDULER, Door.WORKER, at)
    fields = []
    match step:
        case Step.ASK:
            row.asked_at = at
            telling.ask(row, cause, at)
        case Step.RING:
            row.rang_at = at
            telling.ring(row, cause, at)
        case Step.WATCHER:
            row.watcher_at = at
            row.page = telling.alarm_watcher(row, cause, at)
            fields = ["page"]
        case Step.MANAGER:
            row.manager_at = at
            _leave_to_manager(row, at)
            row.manager_page = telling.alarm_manager(row, cause, at)
            fields = ["manager_page"]
    row.save(update_fields=[*SINCE_SIGN, *fields])


def _help_before_it_begins(row: Visit, words: str, by: Actor, via: Door, at: datetime) -> Visit:
    """Both are told of a visit that cannot begin, as whoever goes along is out elsewhere: its pages end as any page does."""
    _happened(row, "help", by, via, at, words=words)
    cause = _record(HELP, row, by, via, at, text=words)
    row.alarm = Visit.Alarm.HELP  # for the words of the pages; the visit itself is to begin as it was planned
    telling.alarm_watcher(row, cause, at)
    telling.alarm_manager(row, cause, at)
    return row


def _leave_to_manager(row: Visit, at: datetime) -> None:
    """The watcher's page, if nobody has it, goes on with the duty manager's: two pages would ring everybody twice. Where help was
    asked for both are told at once, and both ring.
    """
    page = Page.objects.filter(id=row.page_id, state=Page.State.TRIGGERED).first() if row.page_id else None
    if page is not None and row.alarm == Visit.Alarm.NONE:
        row.page = None
        row.save(update_fields=["page"])
        words = _("Nobody took it: the duty manager is rung.")
        resolve_page(page_id=page.pk, resolution=words, by=SCHEDULER, via=Door.WORKER, at=at)


def _seen(row: Visit, sign: Sign, sign_at: datetime, by: Actor, via: Door, at: datetime, *, words: str = "") -> None:
    """There is a sign of life; what it answers is called back, and the next question is promised."""
    watch = row.watch
    now = decide.heard(watch, sign, sign_at)
    counted = decide.answers(watch, sign)
    text = " ".join(words.split())
    _happened(row, sign, by, via, at, words=text, sign_at=sign_at if sign_at != at else None, counted=counted)
    cause = _record(SEEN, row, by, via, at, text=text, sign=str(queries.EVENT_WORDS[sign]), counted=counted)
    if sign is Sign.CHECK_IN:
        _no_more_questions(row, via, at)
    if now == watch:
        return
    row.sign_at, row.sign = now.sign_at, sign
    if watch.watcher_at is not None:
        _end_alarm(row, text or str(queries.EVENT_WORDS[sign]), cause, by, via, at)
    else:
        _no_more_questions(row, via, at)
    for name in SINCE_SIGN:
        setattr(row, name, "" if name == "taken_by" else None)
    row.save(update_fields=["sign_at", "sign", *SINCE_SIGN])
    _plan(row, at)


def _vouched(row: Visit, words: str, by: Actor, via: Door, at: datetime) -> None:
    row.alarm, row.claimed_at = Visit.Alarm.NONE, None
    row.save(update_fields=["alarm", "claimed_at"])
    _seen(row, Sign.VOUCHED, at, by, via, at, words=words)


def _give_duress(row: Visit, by: Actor, via: Door, at: datetime) -> None:
    """Whoever looks over their shoulder sees an ordinary check-in; watcher and duty manager are told at once."""
    SafetyCard.objects.filter(person=by.person_id).update(duress_used_at=at)
    again = row.alarm == Visit.Alarm.DURESS
    _happened(row, "duress", by, via, at)
    _no_more_questions(row, via, at)
    if again:
        return
    was_told = row.watcher_at is not None or row.alarm != Visit.Alarm.NONE
    row.alarm = Visit.Alarm.DURESS
    row.save(update_fields=["alarm"])
    _record(DURESS, row, by, via, at)
    if was_told:  # the steps are done, and must be done anew: what is known now is worse
        for page_id in filter(None, (row.page_id, row.manager_page_id)):
            resolve_page(page_id=page_id, resolution=_("It is worse now."), by=SCHEDULER, via=Door.WORKER, at=at)
        row.watcher_at, row.manager_at, row.taken_at, row.taken_by = None, None, None, ""
        row.page = row.manager_page = None
        row.save(update_fields=[*SINCE_SIGN, *ALARMED])
    _do_due(row, at)


def _note_alarm_page(row: Visit, page_id: UUID, entry: Entry, via: Door, at: datetime) -> str:
    """Only a person who is not there stops the ringing of help or duress: whoever has a visitor's telephone has their account."""
    if entry.kind not in ("page.acknowledged", "page.snoozed", "page.resolved"):
        return "Nothing changes by it."
    who = Actor("person" if entry.by_kind == "person" else "machine", entry.by_id, entry.by_name)
    if row.alarm != Visit.Alarm.NONE and (who.kind != "person" or who.person_id in row.people_ids):
        return _alarm_anew(row, page_id, via, at)
    if entry.kind == "page.snoozed":
        return "It rings again by itself."
    if entry.kind == "page.acknowledged":
        if row.taken_at is None:
            row.taken_at, row.taken_by = entry.at, entry.by_name
            row.save(update_fields=["taken_at", "taken_by"])
        _happened(row, "taken", who, Door(entry.via), at)
        _record(TAKEN, row, who, via, at)
        _plan(row, at)
        return f"{entry.by_name} has the alarm."
    if who.kind != "person":
        return _alarm_anew(row, page_id, via, at)
    if who.person_id in row.people_ids:
        _seen(row, Sign.CHECK_IN, entry.at, who, Door(entry.via), at)
        return "They say themselves that they are well."
    page = Page.objects.filter(id=page_id).first()
    if row.page_id == page_id:
        row.page = None
    else:
        row.manager_page = None
    row.save(update_fields=["page", "manager_page"])
    _vouched(row, (page.resolution if page else "") or _("ended the alarm"), who, Door(entry.via), at)
    return f"{entry.by_name} says that they are well."


def _alarm_anew(row: Visit, page_id: UUID, via: Door, at: datetime) -> str:
    """The page, which somebody silenced who may not, is over; another one rings."""
    is_watchers = row.page_id == page_id
    told = WATCHER_TOLD if is_watchers else MANAGER_TOLD
    cause = _record(DURESS if row.alarm == Visit.Alarm.DURESS else told, row, SCHEDULER, via, at)
    if is_watchers:
        row.page = telling.alarm_watcher(row, cause, at)
    else:
        row.manager_page = telling.alarm_manager(row, cause, at)
    row.save(update_fields=["page", "manager_page"])
    resolve_page(page_id=page_id, resolution=_("It rings anew."), by=SCHEDULER, via=via, at=at)
    return "It rings again: that did not end it."


def _end_alarm(row: Visit, how: str, cause: UUID, by: Actor, via: Door, at: datetime) -> None:
    """Pages of the alarm are over, nobody is asked, and whoever was told hears how it ended."""
    _no_more_questions(row, via, at)
    pages = [page_id for page_id in (row.page_id, row.manager_page_id) if page_id is not None]
    owners = list(Person.objects.filter(owned_pages__in=pages))
    told = row.watcher_at is not None
    row.page = row.manager_page = None
    row.alarm = Visit.Alarm.NONE
    row.save(update_fields=ALARMED)
    if told:
        supersede_deliveries(subject=("visit_alarm", row.pk), by=SCHEDULER, via=via, at=at)
    for page_id in pages:
        resolve_page(page_id=page_id, resolution=how[:500], by=SCHEDULER, via=via, at=at)
    if told:
        people = {person.pk: person for person in (row.watcher, *owners) if person.pk != by.person_id}
        telling.all_clear(row, people.values(), how, cause, at)


def _no_more_questions(row: Visit, via: Door, at: datetime) -> None:
    supersede_deliveries(subject=("visit", row.pk), by=SCHEDULER, via=via, at=at)


def _plan(row: Visit, at: datetime) -> None:
    """The one open promise of the visit is that of its next step; none where nothing comes."""
    due_at = row.leaves_at if row.state == Visit.State.PLANNED else None
    why = _("{name} leaves for a site then").format(name=wording.names(row))
    if row.state == Visit.State.OUT and (due := decide.next_due(row.watch)) is not None:
        due_at, why = due.at, _WHY[due.step].format(name=wording.names(row), watcher=row.watcher.name)
        if queries.is_hidden_from(row, row.person_id):
            why = _("A site visit is watched")
    subject = ("visit", row.pk)
    void_promises(subject, at=at, kinds=[WATCH])
    if due_at is not None:
        promise(WATCH, subject=subject, due_at=due_at, why=why, at=at, brand_id=row.brand_id)


_WHY = {
    Step.ASK: gettext_lazy("{name} is asked whether they are well, unless there is a sign of life before"),
    Step.RING: gettext_lazy("{name} has not answered, and is rung"),
    Step.WATCHER: gettext_lazy("{name} has not answered, and {watcher} is told"),
    Step.MANAGER: gettext_lazy("Nothing is heard of {name}, and the duty manager is told"),
}


def _push_back(row: Visit, at: datetime) -> str:
    """Who is still out elsewhere cannot leave; it is looked at again, and stays on Tonight as what did not begin."""
    promise(
        WATCH, subject=("visit", row.pk), due_at=at + timedelta(minutes=5), at=at, brand_id=row.brand_id,
        why=_("{name} is still out at another site").format(name=wording.names(row)),
    )  # fmt: skip
    return "They are still out at another site."


def _move(row: Visit, verb: Verb, asked: str) -> None:
    """The only writer of `state`; the caller holds the row's lock and saves it. Raises IllegalTransition."""
    moved = decide.TRANSITIONS.get((State(row.state), verb))
    if moved is None:
        raise IllegalTransition(asked, str(_IS[State(row.state)]), _("Look at the visit's page."))
    row.state = moved.value


_IS = {
    State.PLANNED: gettext_lazy("It has not begun."),
    State.OUT: gettext_lazy("They are out."),
    State.ENDED: gettext_lazy("They are back already."),
    State.CANCELLED: gettext_lazy("It was called off."),
}


def _locked(visit_id: UUID, verb: str | None, by: Actor, *, own: bool = False, only_own: bool = False) -> Visit:
    """The visit under its lock, if `by` may do `verb` to it. `own`: who is there may as well, with whatever role; `only_own`:
    nobody else. Raises NotFound, Forbidden.
    """
    rows = Visit.objects.select_for_update(of=("self",)).select_related(
        "brand", "site", "person", "companion", "watcher", "watcher_seat"
    )
    row = rows.filter(id=visit_id).first()
    if row is None:
        raise NotFound(_("A site visit was asked for."), _("There is none."), _("Look at the list of visits."))
    if verb is None or (own and by.kind == "scheduler"):
        return row
    theirs = by.person_id in row.people_ids and (by.scopes is None or verb in verbs_in(by.scopes))
    if not theirs and (only_own or not may(by, verb, row.brand_id)):
        raise forbidden(by, verb)
    if not own and not only_own:
        require(by, verb, row.brand_id)
    return row


def _see_open(row: Visit, asked: str) -> None:
    if row.state not in (Visit.State.PLANNED, Visit.State.OUT):
        raise IllegalTransition(asked, str(_IS[State(row.state)]), _("Declare another one."))


def _see_out(row: Visit) -> None:
    if row.state != Visit.State.OUT:
        raise IllegalTransition(
            _("Something was said about a site visit."), str(_IS[State(row.state)]), _("Declare a visit before you leave.")
        )  # fmt: skip


def _active(person_id: int | None, asked: str) -> Person:
    person = Person.objects.filter(id=person_id or 0, active=True).first()
    if person is None:
        raise NotFound(asked, _("There is no such person on the staff list."), _("Choose somebody who is."))
    return person


def _check_people(site: Site, person: Person, companion: Person | None, asked: str) -> None:
    if companion is not None and companion.pk == person.pk:
        raise Invalid(asked, _("One person cannot go with themselves."), _("Name somebody else."), field="companion")
    if site.needs_two and companion is None:
        raise NotAlone(
            asked,
            _("Nobody goes to {site} alone.").format(site=site.name),
            _("Name who goes along, or wait for somebody who can."),
            site=site.name,
        )


def _check_times(
    leaves_at: datetime, back_by_at: datetime, travel_minutes: int, work_minutes: int, asked: str, at: datetime
) -> None:
    if travel_minutes < 0 or work_minutes < 1 or back_by_at - leaves_at > LONGEST_AWAY:
        raise Invalid(
            asked,
            _("The times make no visit of up to a day."),
            _("Give minutes of travel each way, and of work."),
            field="work_minutes",
        )
    if leaves_at > at + LONGEST_AHEAD:
        raise Invalid(
            asked, _("That is more than a month ahead."), _("Declare it nearer to its time."), field="leaves_at"
        )


def _check_waits(every: timedelta, grace: timedelta, drill: bool, asked: str) -> None:
    shortest = decide.SHORTEST_IN_DRILL if drill else decide.SHORTEST_EVERY
    if not shortest <= every <= decide.LONGEST_EVERY or not (decide.SHORTEST_GRACE <= grace <= decide.LONGEST_GRACE):
        raise Invalid(
            asked,
            _("Check-ins are asked for every 5 minutes to 4 hours, with 1 to 60 minutes of grace."),
            _("Give such an interval and grace."),
            field="every",
        )


def _ticket(ticket_id: UUID | None, brand_id: int, asked: str) -> Ticket | None:
    if ticket_id is None:
        return None
    found = Ticket.objects.filter(id=ticket_id, brand=brand_id).first()
    if found is None:
        raise NotFound(asked, _("There is no such ticket."), _("Leave it out, or look it up."))
    return found


def _watcher_seat(row: Visit, at: datetime, asked: str) -> Seat | None:
    """The seat by which the watcher is on duty. Raises NoWatcher."""
    fit = queries.watcher_fit(row.watcher_id, row.people_ids, row.leaves_at, row.back_by_at, at)
    if fit.why_not:
        raise NoWatcher(
            asked,
            _("{name} cannot watch. {why}").format(name=row.watcher.name, why=fit.why_not),
            _("Choose somebody else who is on duty."),
            watcher=row.watcher.name,
        )
    return Seat.objects.filter(key=fit.seat_key).first()


def _seat_now(row: Visit, at: datetime) -> Seat | None:
    fit = queries.watcher_fit(row.watcher_id, row.people_ids, at, row.back_by_at, at)
    return Seat.objects.filter(key=fit.seat_key).first() if not fit.why_not else None


def _happened(
    row: Visit,
    kind_: str,
    by: Actor,
    via: Door,
    at: datetime,
    *,
    words: str = "",
    sign_at: datetime | None = None,
    counted: bool = True,
) -> None:
    VisitEvent.objects.create(
        visit=row, at=at, kind=kind_, by=by.name[:120], via=via, words=words[:300], sign_at=sign_at, counted=counted
    )


def _record(what: str, row: Visit, by: Actor, via: Door, at: datetime, *, text: str = "", **facts: object) -> UUID:
    """Its facts say who, never where: that is in `text`, which can be erased."""
    told = {"people": wording.names(row), "watcher": row.watcher.name, **facts}
    return record(what, subject=("visit", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=told, text=text)
