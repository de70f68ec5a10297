"""The verbs of silences and of planned work, which keeps its own parts quiet by silences of its own.

A silence that ends is closed first, under its row's lock; only then, in a transaction after that, what still fires under it
pages. Whoever puts an alarm under a silence shares that lock, so none can slip in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import forbidden, may, require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.customers.models import Service
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.paging import queries, silencing
from nightdesk.paging.actions import page_silenced_alarms, quiet_page, resolve_page, trigger_page
from nightdesk.paging.beats import zone_named
from nightdesk.paging.models import Integration, Page, PlannedWork, Policy, Silence
from nightdesk.paging.telling import tell_quietly
from nightdesk.people.models import Person

SILENCE_MADE = kind("silence.made", gettext_lazy("{by} keeps quiet: {what}, until {until}"))
SILENCE_ENDED = kind("silence.ended", gettext_lazy("{what} is no longer kept quiet; {firing} alarms still fire"))
SILENCE_ENDING = kind("silence.ending", gettext_lazy("{what} is kept quiet only until {until}; {firing} alarms fire"))
WORK_PLANNED = kind("work.planned", gettext_lazy("{by} planned {title}, until {until}"))
WORK_STARTED = kind("work.started", gettext_lazy("{title} has begun"))
WORK_EXTENDED = kind("work.extended", gettext_lazy("{by} extended {title} until {until}"))
WORK_COMPLETED = kind("work.completed", gettext_lazy("{title} is done"))
WORK_CANCELLED = kind("work.cancelled", gettext_lazy("{by} cancelled {title}"))
WORK_OVERRAN = kind("work.overran", gettext_lazy("{title} was to be done, and nobody has said that it is"))

END, RELEASE, SOON = "silence.end", "silence.release", "silence.soon"
BEGIN, OVERRUN = "work.begin", "work.overrun"
SOON_BEFORE = timedelta(minutes=15)
SOON_FROM = timedelta(minutes=45)
"""A silence shorter than this needs no word that it ends."""
RELEASED_AT_ONCE = 200
OVERRUN_PRIORITY = "P2"


@transaction.atomic
def make_silence(
    *,
    brand_id: int,
    matcher: silencing.Matcher,
    from_at: datetime | None = None,
    until_at: datetime,
    reason: str,
    by: Actor,
    via: Door,
    at: datetime,
) -> Silence:
    """Alarms that fit are kept and counted, and ring nobody, until `until_at`; those that still fire then page.

    Pages that ring already go on (`silence_page` quiets one). Raises Forbidden (also for what wakes people of whole
    systems, which a manager must ask for), NotFound, BadSilence, Invalid (no reason).
    """
    require(by, "make_silence", brand_id)
    if silencing.needs_manager(matcher) and not may(by, "silence_widely", brand_id):
        raise forbidden(by, "silence_widely")
    from_at = max(from_at or at, at)
    silencing.check_silence(matcher, from_at, until_at, at)
    if not reason.strip():
        raise Invalid(
            "Alarms were to be kept quiet.", "No reason was given.", "Say why, for whoever looks at it later."
        )
    _check_own(brand_id, Integration, matcher.integration)
    _check_own(brand_id, Service, matcher.service)
    return _make(brand_id, matcher, from_at, until_at, reason, None, by, via, at)


@transaction.atomic
def silence_page(
    *, page_id: UUID, until_at: datetime, reason: str = "", by: Actor, via: Door, at: datetime
) -> tuple[Silence, Page]:
    """The page rings no more, and its alarms, and others of the same part from the same sender, are kept quiet.

    What still fires at `until_at` pages anew. Raises as `make_silence` does, and IllegalTransition for a page that is
    over, or was raised by hand.
    """
    page = queries.page(page_id, None)
    require(by, "silence_page", page.brand_id)
    page = page.folded_into or page
    if page.integration_id is None:
        raise IllegalTransition(
            f"Page {page.code} was to be kept quiet.",
            "A person raised it, and no machine.",
            "Resolve it, or put it off.",
        )
    alarms = queries.facts_of_alarms(page)
    matcher = silencing.matcher_of_page(page.integration_id, page.service_id, page.title.replace("*", " "), alarms)
    if silencing.needs_manager(matcher) and not may(by, "silence_widely", page.brand_id):
        raise forbidden(by, "silence_widely")
    silencing.check_silence(matcher, at, until_at, at)
    words = reason.strip() or _("from page %(code)s") % {"code": page.code}
    silence = _make(page.brand_id, matcher, at, until_at, words, None, by, via, at)
    page = quiet_page(page_id=page.id, silence_id=silence.pk, until_at=until_at, by=by, via=via, at=at)
    return silence, page


@transaction.atomic
def end_silence(*, silence_id: int, by: Actor, via: Door, at: datetime) -> Silence:
    """It holds no more; what still fires under it pages a moment later. Repeating it changes nothing.

    Raises Forbidden, NotFound.
    """
    row = Silence.objects.select_for_update().filter(id=silence_id).first()
    if row is None:
        raise NotFound("A silence was to end.", "There is no such silence.", "Look at the list of them.")
    require(by, "end_silence", row.brand_id)
    _end(row, by, via, at)
    return row


@transaction.atomic
def expire_silence(*, silence_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Its time is over, if that has not been put off. Returns what was done."""
    row = Silence.objects.select_for_update().filter(id=silence_id, ended_at=None).first()
    if row is None or row.until_at > at:
        return _("Nothing was to be done.")
    _end(row, by, via, at)
    return _("It ended.")


@transaction.atomic
def release_silence(*, silence_id: int, by: Actor, via: Door, at: datetime) -> str:
    """What still fires under the silence, which has ended, pages. Returns what was done."""
    count = 0
    while found := page_silenced_alarms(silence_id=silence_id, most=RELEASED_AT_ONCE, by=by, via=via, at=at):
        count += found
        if found < RELEASED_AT_ONCE:
            break
    return _("%(count)d alarms still fired.") % {"count": count}


@transaction.atomic
def warn_of_silence(*, silence_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Whoever made it is told, quietly, that it ends soon. Returns what was done."""
    row = Silence.objects.select_related("person").filter(id=silence_id, ended_at=None).first()
    if row is None or row.person is None or row.until_at <= at:
        return _("There was nobody to tell.")
    firing = queries.kept_quiet([row.pk])[row.pk].firing
    until = f"{row.until_at.astimezone(ZoneInfo(row.person.zone)):%H:%M}"
    facts = {"what": queries.told_of(row), "until": until, "firing": firing}
    entry = _record(row, SILENCE_ENDING, facts, by, via, at)
    title = _("Quiet only until %(until)s: %(what)s") % facts
    body = _("%(firing)d alarms still fire under it, and page when it ends.") % facts
    told = tell_quietly(
        [row.person.pk],
        kind="silence.ending",
        subject=("silence", row.pk),
        title=title,
        body=body,
        brand_id=row.brand_id,
        cause=entry,
        by=by,
        via=via,
        at=at,
    )
    return _("Told %(count)d.") % {"count": told}


# --- Planned work ----------------------------------------------------------------------------------------------------


@transaction.atomic
def plan_work(
    *,
    brand_id: int,
    title: str,
    from_at: datetime,
    until_at: datetime,
    service_ids: Sequence[int] = (),
    parts: Sequence[str] = (),
    person_id: int | None = None,
    policy_id: int | None = None,
    attended: bool = True,
    weekly: bool = False,
    zone: str = "UTC",
    by: Actor,
    via: Door,
    at: datetime,
) -> PlannedWork:
    """The work keeps its services and parts quiet from `from_at` to `until_at`. If nobody says by then that it is done,
    `person_id` is paged and then the policy (without one the brand's first); not so where it is not `attended`.

    `weekly`: the next is planned when this begins. Raises Forbidden, NotFound, BadSilence, BadSchedule, Invalid.
    """
    require(by, "plan_work", brand_id)
    silencing.check_work(from_at, until_at, at)
    title, zone = " ".join(title.split())[:200], zone_named(zone).key
    asked = "Work was to be planned."
    parts = [" ".join(part.split())[:200] for part in parts if part.strip()]
    if not title:
        raise Invalid(asked, "It has no title.", "Say in one line what is done.")
    if not (service_ids or parts):
        raise Invalid(asked, "Nothing says what it touches.", "Name services, or machines and parts.")
    if vague := [part for part in parts if not silencing.is_narrow(silencing.Matcher(part=part))]:
        raise Invalid(asked, f"{vague[0]!r} could be anything.", "Write more of the name.")
    services = list(Service.objects.filter(brand_id=brand_id, id__in=service_ids))
    if len(services) != len(set(service_ids)):
        raise NotFound(asked, "The brand has no such service.", "Choose one of its own.")
    _check_own(brand_id, Policy, policy_id)
    if person_id is not None and not Person.objects.filter(id=person_id, active=True).exists():
        raise NotFound(asked, "There is no such active person.", "Choose somebody else.")
    work = PlannedWork(
        brand_id=brand_id,
        title=title,
        parts=parts,
        from_at=from_at,
        until_at=until_at,
        person_id=person_id,
        policy_id=policy_id,
        attended=attended,
        weekly=weekly,
        zone=zone,
    )
    return _plan(work, services, by, via, at)


@transaction.atomic
def start_work(*, work_id: UUID, by: Actor, via: Door, at: datetime) -> PlannedWork:
    """It is in progress; before its time too, and then its silences hold from now on. Repeating it changes nothing.

    Raises Forbidden, NotFound, IllegalTransition (it has ended).
    """
    work = _locked_work(work_id, "start_work", by)
    _start(work, by, via, at)
    return work


@transaction.atomic
def extend_work(*, work_id: UUID, until_at: datetime, by: Actor, via: Door, at: datetime) -> PlannedWork:
    """It lasts until `until_at`, and its parts are quiet so long; the page that said it had overrun is over.

    Raises Forbidden, NotFound, IllegalTransition (it has ended), BadSilence.
    """
    work = _locked_work(work_id, "extend_work", by)
    silencing.check_work(work.from_at, until_at, at)
    if until_at <= work.until_at:
        raise silencing.BadSilence(
            f"{work.title} was to be extended.", "It lasts longer already.", "Give a later end, or say that it is done."
        )
    work.until_at, work.extended, work.overran_at = until_at, work.extended + 1, None
    work.save(update_fields=["until_at", "extended", "overran_at"])
    void_promises(("work", work.pk), at=at, kinds=(OVERRUN,))
    held: set[silencing.Matcher] = set()
    for row in Silence.objects.select_for_update(of=("self",)).filter(work=work).order_by("-ended_at", "id"):
        if row.ended_at is None:
            row.until_at = until_at
            row.save(update_fields=["until_at"])
            void_promises(("silence", row.pk), at=at, kinds=(END,))
            _promise_end(row, at)
        elif queries.matcher_of(row) not in held:
            _make(work.brand_id, queries.matcher_of(row), at, until_at, work.title, work, by, via, at)
        held.add(queries.matcher_of(row))
    queries.forget_silences(work.brand_id)
    _promise_overrun(work, at)
    _record_work(work, WORK_EXTENDED, by, via, at)
    _page_is_over(work, at)
    return work


@transaction.atomic
def complete_work(*, work_id: UUID, by: Actor, via: Door, at: datetime) -> PlannedWork:
    """It is done, and its parts may ring from now on. Repeating it changes nothing.

    Raises Forbidden, NotFound, IllegalTransition (it was cancelled).
    """
    work = _locked_work(work_id, "complete_work", by)
    if work.state != PlannedWork.State.COMPLETED:
        _finish(work, PlannedWork.State.COMPLETED, WORK_COMPLETED, by, via, at)
    return work


@transaction.atomic
def cancel_work(*, work_id: UUID, series: bool = False, by: Actor, via: Door, at: datetime) -> PlannedWork:
    """It is not done, and its parts may ring. Of weekly work the next is planned all the same, but with `series` none.

    Raises Forbidden, NotFound, IllegalTransition (it is done).
    """
    work = _locked_work(work_id, "cancel_work", by)
    if series and work.weekly:
        work.weekly = False
        work.save(update_fields=["weekly"])
        later = PlannedWork.objects.select_for_update().filter(series=work.series, ended_at=None).exclude(id=work.pk)
        for other in later.order_by("id"):
            other.weekly = False
            other.save(update_fields=["weekly"])
            _finish(other, PlannedWork.State.CANCELLED, WORK_CANCELLED, by, via, at)
    if work.state != PlannedWork.State.CANCELLED:
        if work.state == PlannedWork.State.PLANNED:
            _plan_next(work, at)
        _finish(work, PlannedWork.State.CANCELLED, WORK_CANCELLED, by, via, at)
    return work


@transaction.atomic
def begin_work(*, work_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The time that was planned for it has come. Returns what was done."""
    work = _locked_work(work_id, None, by)
    if work.state != PlannedWork.State.PLANNED:
        return _("Nothing was to be done: it is %(state)s.") % {"state": work.state}
    _start(work, by, via, at)
    return _("It began.")


@transaction.atomic
def check_work(*, work_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Its time is over: what is not attended is done by that, and else somebody is paged. Returns what was done."""
    work = _locked_work(work_id, None, by)
    if work.ended_at is not None or work.until_at > at or work.overran_at is not None:
        return _("Nothing was to be done.")
    if not work.attended:
        _finish(work, PlannedWork.State.COMPLETED, WORK_COMPLETED, by, via, at)
        return _("It is over.")
    zone = ZoneInfo(work.zone)
    title = _("Planned work has overrun: %(title)s, until %(until)s") % {
        "title": work.title,
        "until": f"{work.until_at.astimezone(zone):%H:%M %Z}",
    }
    work.page = trigger_page(
        brand_id=work.brand_id,
        title=title,
        priority=OVERRUN_PRIORITY,
        policy_id=work.policy_id,
        first_person_id=work.person_id,
        details={"planned_work": str(work.pk)},
        by=by,
        via=via,
        at=at,
    )
    work.overran_at = at
    work.save(update_fields=["page", "overran_at"])
    _record_work(work, WORK_OVERRAN, by, via, at)
    return _("Nobody had said that it is done: somebody is paged.")


def _move_work(work: PlannedWork, state: PlannedWork.State, at: datetime) -> None:
    """The only writer of planned work's state; the caller holds the row's lock."""
    if work.ended_at is not None:
        raise IllegalTransition(
            f"{work.title} was to be {state.label.lower()}.",
            f"It is {work.get_state_display().lower()}.",
            "Plan it anew.",
        )
    work.state = state
    work.ended_at = at if state in (PlannedWork.State.COMPLETED, PlannedWork.State.CANCELLED) else None
    work.save(update_fields=["state", "ended_at"])


def _plan(work: PlannedWork, services: Iterable[Service], by: Actor, via: Door, at: datetime) -> PlannedWork:
    work.id = uuid7(at)
    work.series = work.series or work.id
    work.made_by, work.created_at, work.planned_until_at = by.name, at, work.until_at
    work.save(force_insert=True)
    work.services.set(services)
    matchers = [silencing.Matcher(service=service.pk) for service in services]
    matchers += [silencing.Matcher(part=part) for part in work.parts]
    for matcher in matchers:
        _make(work.brand_id, matcher, max(work.from_at, at), work.until_at, work.title, work, by, via, at)
    why = _("%(title)s begins") % {"title": work.title}
    _promise(BEGIN, ("work", work.pk), work.from_at, why, at, work.brand_id)
    _promise_overrun(work, at)
    _record_work(work, WORK_PLANNED, by, via, at)
    return work


def _plan_next(work: PlannedWork, at: datetime) -> None:
    if not work.weekly:
        return
    from_at, until_at = _week_after(work, at)
    following = PlannedWork(
        series=work.series,
        brand_id=work.brand_id,
        title=work.title,
        parts=work.parts,
        from_at=from_at,
        until_at=until_at,
        person_id=work.person_id,
        policy_id=work.policy_id,
        attended=work.attended,
        weekly=True,
        zone=work.zone,
    )
    _plan(following, list(work.services.all()), SCHEDULER, Door.WORKER, at)


def _week_after(work: PlannedWork, at: datetime) -> tuple[datetime, datetime]:
    """When weekly work comes next: the first of its weeks that is not over at `at`."""
    from_at, until_at = work.from_at, work.planned_until_at
    while True:
        from_at, until_at = silencing.week_after(from_at, until_at, ZoneInfo(work.zone))
        if until_at > at:
            return from_at, until_at


def _start(work: PlannedWork, by: Actor, via: Door, at: datetime) -> None:
    if work.state == PlannedWork.State.IN_PROGRESS:
        return
    _move_work(work, PlannedWork.State.IN_PROGRESS, at)
    void_promises(("work", work.pk), at=at, kinds=(BEGIN,))
    _plan_next(work, at)
    if at < work.from_at:
        Silence.objects.filter(work=work, ended_at=None).update(from_at=at)
        queries.forget_silences(work.brand_id)
    _record_work(work, WORK_STARTED, by, via, at)


def _finish(work: PlannedWork, state: PlannedWork.State, what: str, by: Actor, via: Door, at: datetime) -> None:
    _move_work(work, state, at)
    void_promises(("work", work.pk), at=at)
    for row in Silence.objects.select_for_update().filter(work=work, ended_at=None).order_by("id"):
        _end(row, by, via, at)
    _record_work(work, what, by, via, at)
    _page_is_over(work, at)


def _page_is_over(work: PlannedWork, at: datetime) -> None:
    if work.page_id is not None:
        resolve_page(page_id=work.page_id, by=SCHEDULER, via=Door.WORKER, at=at)


def _locked_work(work_id: UUID, verb: str | None, by: Actor) -> PlannedWork:
    """The work under its row's lock, if `by` may do `verb` to it (None: a promise that is kept asks nobody)."""
    found = PlannedWork.objects.select_for_update().filter(id=work_id).first()
    if found is None:
        raise NotFound("Planned work was asked for.", "There is none with this number.", "Look at the list of it.")
    if verb is not None:
        require(by, verb, found.brand_id)
    return found


def _record_work(work: PlannedWork, what: str, by: Actor, via: Door, at: datetime) -> None:
    facts = {
        "title": work.title,
        "from": work.from_at.isoformat(timespec="minutes"),
        "until": work.until_at.isoformat(timespec="minutes"),
    }
    record(what, subject=("work", work.pk), by=by, via=via, at=at, brand_id=work.brand_id, facts=facts)


def _promise_overrun(work: PlannedWork, at: datetime) -> None:
    why = _("%(title)s is to be done by then") % {"title": work.title}
    _promise(OVERRUN, ("work", work.pk), work.until_at, why, at, work.brand_id)


# --- What both need --------------------------------------------------------------------------------------------------


def _make(
    brand_id: int,
    matcher: silencing.Matcher,
    from_at: datetime,
    until_at: datetime,
    reason: str,
    work: PlannedWork | None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Silence:
    row = Silence(
        brand_id=brand_id,
        work=work,
        integration_id=matcher.integration,
        service_id=matcher.service,
        part=matcher.part,
        summary=matcher.summary,
        priorities=list(matcher.priorities),
        from_at=from_at,
        until_at=until_at,
        reason=" ".join(reason.split())[:300],
        made_by=by.name,
        person_id=by.person_id,
        created_at=at,
    )
    row.save(force_insert=True)
    queries.forget_silences(brand_id)
    if work is None:  # planned work says itself what it does
        facts = {"what": queries.told_of(row), "until": until_at.isoformat(timespec="minutes"), "reason": row.reason}
        _record(row, SILENCE_MADE, facts, by, via, at)
        if by.person_id is not None and until_at - from_at >= SOON_FROM:
            why = _("to say that it ends soon")
            _promise(SOON, ("silence", row.pk), until_at - SOON_BEFORE, why, at, brand_id)
    _promise_end(row, at)
    return row


def _end(row: Silence, by: Actor, via: Door, at: datetime) -> None:
    if row.ended_at is not None:
        return
    row.ended_at = at
    row.save(update_fields=["ended_at"])
    void_promises(("silence", row.pk), at=at)
    queries.forget_silences(row.brand_id)
    _promise(RELEASE, ("silence", row.pk), at, _("what still fires pages now"), at, row.brand_id)
    firing = queries.kept_quiet([row.pk])[row.pk].firing
    _record(row, SILENCE_ENDED, {"what": queries.told_of(row), "firing": firing}, by, via, at)


def _promise_end(row: Silence, at: datetime) -> None:
    why = _("%(what)s is quiet until then; what still fires pages") % {"what": queries.told_of(row)}
    _promise(END, ("silence", row.pk), row.until_at, why, at, row.brand_id)


def _promise(kind_: str, subject: tuple[str, object], due_at: datetime, why: str, at: datetime, brand_id: int) -> None:
    promise(kind_, subject=subject, due_at=due_at, why=why, at=at, brand_id=brand_id)


def _record(row: Silence, what: str, facts: Mapping[str, object], by: Actor, via: Door, at: datetime) -> UUID:
    return record(what, subject=("silence", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=dict(facts))


def _check_own(brand_id: int, model: type[Integration | Service | Policy], number: int | None) -> None:
    if number is not None and not model._default_manager.filter(id=number, brand_id=brand_id).exists():
        name = model._meta.verbose_name
        raise NotFound("Something was named.", f"The brand has no such {name}.", "Choose one of its own.")
