"""The verbs of cover: somebody drops out of a duty, the others are asked, the first who says yes has it.

Every verb holds the search's lock, so that of two answers at once one comes first; the database refuses a second yes
whatever happens here. Plan and token move through the verbs of `rota` and `duty`, in the same transaction.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import forbidden, may, require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.channels.actions import queue_message, supersede_deliveries
from nightdesk.duty import asking, cover_queries, decide
from nightdesk.duty.actions import AHEAD, accept_duty
from nightdesk.duty.cover_queries import LONGEST, Candidate
from nightdesk.duty.models import CoverAsk, CoverSearch
from nightdesk.duty.reaching import recipients
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person
from nightdesk.rota import resolve
from nightdesk.rota.actions import add_override
from nightdesk.rota.models import Override, Seat
from nightdesk.rota.queries import load_rota, load_seat

SOUGHT = kind("cover.sought", gettext_lazy("{by} sought cover for {seat}, {when}"))
ASKED = kind("cover.asked", gettext_lazy("{count} were asked to cover {seat}"))
TAKEN = kind("cover.taken", gettext_lazy("{person} covers {seat}, {when}"))
DECLINED = kind("cover.declined", gettext_lazy("{person} cannot cover {seat}"))
NOBODY = kind("cover.nobody", gettext_lazy("Nobody covers {seat}, {when}; the manager was told"))
CALLED_OFF = kind("cover.called_off", gettext_lazy("{by} called off the search for cover of {seat}"))

STEP = "cover.step"
"""Promise to ask the next one of a search, or to say that nobody will. Its subject is the search."""
TAKE, DECLINE = "cover.take", "cover.decline"
"""The answers yes and no; their subject is the search."""

PATIENCE = timedelta(minutes=5)
"""How long one person has before the next is asked as well, where nobody says otherwise."""
MOST_ASKED = 100


@transaction.atomic
def seek_cover(
    *,
    seat_key: str,
    starts_at: datetime,
    ends_at: datetime | None = None,
    instead_of_id: int | None = None,
    candidates: Sequence[Candidate] | None = None,
    together: bool = False,
    patience: timedelta = PATIENCE,
    deadline_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> CoverSearch:
    """People are asked to stand in for the seat over [`starts_at`, `ends_at`). Asking again for the same changes nothing.

    A duty that has begun is open from `at` on. Without `ends_at` it is for the rest of that turn, without `instead_of_id`
    for whoever is planned then. `candidates` are asked in their order, None: whom the rules allow, the cheapest for the
    plan first. Without `deadline_at` the manager hears of it at the start, or when each of them had `patience`, whichever
    is later, but before the end. Raises NotFound, Forbidden, and Invalid for a stretch that is over or nobody's.
    """
    seat = load_seat(seat_key)
    require(by, "seek_cover", seat.rota.brand_id)
    seat = Seat.objects.select_for_update(no_key=True).select_related("rota").get(id=seat.id)
    asked = _("Cover for %s was sought.") % seat.name
    rota = load_rota(seat.rota_id)
    starts_at = max(starts_at, at)
    ends_at = ends_at or resolve.next_change(rota, seat.key, starts_at)
    if ends_at is None or ends_at <= starts_at:
        raise Invalid(asked, _("It is not said until when, or it is over."), _("Give an end that is still to come."))
    if ends_at - starts_at > LONGEST:
        raise Invalid(asked, _("It is for more than a week."), _("Plan that time anew instead."))
    if instead_of_id is None:
        instead_of_id = _planned_person(rota, seat, starts_at)
    open_ = CoverSearch.objects.filter(seat=seat, state=CoverSearch.State.ASKING, starts_at__lt=ends_at)
    already = open_.filter(ends_at__gt=starts_at).first()
    if already is not None and already.instead_of_id == instead_of_id:
        return already
    if candidates is None:
        candidates = cover_queries.candidates(seat, starts_at, ends_at, instead_of_id, at)
    wanted = _fit(candidates, instead_of_id)
    if deadline_at is None:
        rounds = 1 if together else max(1, len(wanted))
        deadline_at = max(starts_at, at + patience * min(rounds, 6))
    deadline_at = min(deadline_at, ends_at)
    with unless_taken(asked, _("It is being sought already."), _("Look at that search.")):
        search = CoverSearch.objects.create(
            seat=seat,
            starts_at=starts_at,
            ends_at=ends_at,
            instead_of_id=instead_of_id,
            together=together,
            patience=patience,
            deadline_at=deadline_at,
            made_at=at,
            made_by=by.name[:120],
        )
    CoverAsk.objects.bulk_create(
        CoverAsk(search=search, person_id=one.person_id, position=place, cost=one.cost, why=one.why[:300])
        for place, one in enumerate(wanted)
    )
    facts = {"candidates": [one.person_id for one in wanted], "together": together}
    _record(SOUGHT, search, by, via, at, facts=facts)
    _look_again(search, at, at)
    return search


@transaction.atomic
def ask_for_cover(*, search_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Ask whoever comes next, or tell the manager that nobody will. The worker's part; says what came of it."""
    search = _lock(search_id)
    if search.state != CoverSearch.State.ASKING:
        return _("It is over.")
    asks = list(search.asks.select_related("person"))
    step = asking.next_step(
        [asking.Ask(one.person_id, one.asked_at, asking.Answer(one.answer) if one.answer else None) for one in asks],
        together=search.together,
        patience=search.patience,
        deadline_at=search.deadline_at,
        at=at,
    )
    if step.nobody:
        return _nobody(search, asks, by, via, at)
    now = [one for one in asks if one.person_id in step.ask]
    for one in now:
        one.asked_at = at
        one.save(update_fields=["asked_at"])
        _ask(search, one.person, at)
    if now:
        facts = {"count": len(now), "people": [one.person_id for one in now]}
        _record(ASKED, search, by, via, at, facts=facts)
    if step.look_at is not None:
        _look_again(search, step.look_at, at)
    names = ", ".join(one.person.name for one in now)
    return _("Asked: %s.") % names if names else _("Answers are awaited.")


@transaction.atomic
def take_cover(*, search_id: int, person_id: int | None = None, by: Actor, via: Door, at: datetime) -> CoverAsk:
    """The person (None: `by`) says yes. The first has it: plan and token are theirs, and the others are told.

    A later yes is noted as `late` and changes nothing else, nor does a second one of the same person. Only whoever was
    asked may, or for another person who may seek cover. Raises NotFound, Forbidden, IllegalTransition when it is over.
    """
    search = _lock(search_id)
    ask = _own_ask(search, person_id, "take_cover", by)
    asked = _("%(person)s was to cover %(seat)s.") % {"person": ask.person.name, "seat": search.seat.name}
    if ask.answer in (asking.Answer.YES, asking.Answer.LATE):
        return ask
    if search.state == CoverSearch.State.TAKEN:
        _answered(ask, asking.Answer.LATE, at)
        return ask
    if search.state == CoverSearch.State.CALLED_OFF or search.ends_at <= at:
        raise IllegalTransition(asked, _("It is not needed any more."), _("Nothing has to be done."))
    _answered(ask, asking.Answer.YES, at)
    _move(search, CoverSearch.State.TAKEN, at, taken_by=ask.person)
    _put_on(search, ask.person, at)
    _close(search, by, via, at)
    facts = {"person": ask.person.name, "person_id": ask.person_id}
    _record(TAKEN, search, by, via, at, facts=facts)
    _tell_the_rest(search, ask.person, at)
    return ask


@transaction.atomic
def turn_down_cover(*, search_id: int, person_id: int | None = None, by: Actor, via: Door, at: datetime) -> CoverAsk:
    """The person (None: `by`) says no; the next one is asked at once. Repeating it changes nothing.

    Raises as `take_cover`, and IllegalTransition for whoever has it: their duty is passed on as any other.
    """
    search = _lock(search_id)
    ask = _own_ask(search, person_id, "turn_down_cover", by)
    if ask.answer == asking.Answer.YES:
        raise IllegalTransition(
            _("%(person)s declined to cover %(seat)s.") % {"person": ask.person.name, "seat": search.seat.name},
            _("They have said yes, and it is theirs."),
            _("Pass the duty on, or seek cover again."),
        )
    if ask.answer is not None or search.state != CoverSearch.State.ASKING:
        return ask
    _answered(ask, asking.Answer.NO, at)
    _record(DECLINED, search, by, via, at, facts={"person": ask.person.name, "person_id": ask.person_id})
    _look_again(search, at, at)
    return ask


@transaction.atomic
def call_off_cover(*, search_id: int, by: Actor, via: Door, at: datetime) -> CoverSearch:
    """Nobody need stand in any more, and whoever was asked is told. Repeating it changes nothing.

    Raises NotFound, Forbidden, and IllegalTransition where somebody has it.
    """
    search = _lock(search_id)
    require(by, "seek_cover", search.seat.rota.brand_id)
    if search.state == CoverSearch.State.CALLED_OFF:
        return search
    if search.state == CoverSearch.State.TAKEN:
        assert search.taken_by is not None
        raise IllegalTransition(
            _("The search for cover of %s was called off.") % search.seat.name,
            _("%s has it.") % search.taken_by.name,
            _("Take back the change of the rota instead."),
        )
    _move(search, CoverSearch.State.CALLED_OFF, at)
    _close(search, by, via, at)
    _record(CALLED_OFF, search, by, via, at)
    _tell_the_rest(search, None, at)
    return search


def _lock(search_id: int) -> CoverSearch:
    """The search under its row lock. Raises NotFound."""
    row = CoverSearch.objects.select_for_update(of=("self",)).filter(id=search_id)
    search = row.select_related("seat__rota", "instead_of", "taken_by").first()
    if search is None:
        raise NotFound(_("A search for cover was named."), _("There is none."), _("Choose one of the list."))
    return search


def _own_ask(search: CoverSearch, person_id: int | None, verb: str, by: Actor) -> CoverAsk:
    """The line of the person (None: `by`'s own) in the search."""
    brand_id = search.seat.rota.brand_id
    require(by, verb, brand_id)
    for_whom = by.person_id if person_id is None else person_id
    if for_whom is None:
        raise Invalid(
            _("Cover for %s was answered.") % search.seat.name, _("It is not said for whom."), _("Name the person.")
        )
    if for_whom != by.person_id and not may(by, "seek_cover", brand_id):
        raise forbidden(by, "seek_cover")
    ask = search.asks.select_related("person").filter(person=for_whom).first()
    if ask is None or not ask.person.active:
        raise IllegalTransition(
            _("Cover for %s was answered.") % search.seat.name,
            _("That person was not asked."),
            _("Have a manager change the rota for a while."),
        )
    return ask


def _answered(ask: CoverAsk, answer: asking.Answer, at: datetime) -> None:
    ask.answer, ask.answered_at = answer, at
    ask.save(update_fields=["answer", "answered_at"])


def _fit(candidates: Iterable[Candidate], instead_of_id: int | None) -> list[Candidate]:
    """Each once, without whoever drops out and who is not here any more; at most MOST_ASKED."""
    found = {one.person_id: one for one in reversed([*candidates]) if one.person_id != instead_of_id}
    here = set(Person.objects.filter(id__in=found, active=True).values_list("id", flat=True))
    return [one for one in reversed(found.values()) if one.person_id in here][:MOST_ASKED]


def _planned_person(rota: resolve.Rota, seat: Seat, at: datetime) -> int | None:
    member = decide.planned(rota, seat.key, at)
    return member[1] if member is not None and member[0] == "person" else None


def _put_on(search: CoverSearch, person: Person, at: datetime) -> None:
    """The plan has `person` on from now, or from the start; the token, or the acceptance, is theirs."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER, "at": at}
    seat = search.seat
    rota = load_rota(seat.rota_id)
    starts_at = max(search.starts_at, at)
    change = resolve.next_change(rota, seat.key, starts_at)
    planned = decide.planned(rota, seat.key, starts_at)
    whole = change is None or change >= search.ends_at
    instead_of = search.instead_of_id if whole and planned == ("person", search.instead_of_id) else None
    if planned != ("person", person.id) or not whole:
        add_override(
            seat_key=seat.key,
            kind=Override.Kind.ADD if instead_of is None else Override.Kind.REPLACE,
            starts_at=starts_at,
            ends_at=search.ends_at,
            member_id=person.id,
            instead_of_id=instead_of,
            **doing,
        )
    if starts_at - at <= AHEAD:
        # Who says yes to it has accepted it: what has begun is theirs at once.
        accept_duty(seat_key=seat.key, turn_at=starts_at, person_id=person.id, **doing)


def _move(search: CoverSearch, state: CoverSearch.State, at: datetime, *, taken_by: Person | None = None) -> None:
    """The one place where a search's state is written; the caller holds its lock."""
    search.state, search.taken_by, search.ended_at = state, taken_by, at
    search.save(update_fields=["state", "taken_by", "ended_at"])


def _close(search: CoverSearch, by: Actor, via: Door, at: datetime) -> None:
    void_promises(("cover", search.id), at=at, kinds=[STEP])
    supersede_deliveries(subject=("cover", search.id), by=by, via=via, at=at)


def _look_again(search: CoverSearch, due_at: datetime, at: datetime) -> None:
    """One promise a search: the next step at `due_at`."""
    void_promises(("cover", search.id), at=at, kinds=[STEP])
    promise(
        STEP,
        subject=("cover", search.id),
        due_at=due_at,
        why=_("%s: somebody has to cover it") % search.seat.name,
        at=at,
        brand_id=search.seat.rota.brand_id,
    )


def _nobody(search: CoverSearch, asks: Sequence[CoverAsk], by: Actor, via: Door, at: datetime) -> str:
    """It is over without a yes: the managers hear of it, loudly. A yes that comes later still counts."""
    _move(search, CoverSearch.State.NOBODY, at)
    said_no = [one.person.name for one in asks if one.answer is not None]
    silent = [one.person.name for one in asks if one.asked_at is not None and one.answer is None]
    managers = cover_queries.managers(search.seat)
    _record(NOBODY, search, by, via, at, facts={"declined": len(said_no), "silent": len(silent)})
    for manager in managers:
        with translation.override(manager.language):
            body = " ".join(
                sentence
                for sentence in (
                    _("Cannot: %s.") % ", ".join(said_no) if said_no else "",
                    _("No answer: %s.") % ", ".join(silent) if silent else "",
                    _("Nobody could be asked.") if not asks else "",
                    _("Put somebody on in the rota, or seek cover again."),
                )
                if sentence
            )
            title = _("Nobody covers %(seat)s, %(when)s") % _words(search, manager)
            _send("cover.nobody", search, [manager], title, body, {}, at)
    names = ", ".join(manager.name for manager in managers)
    return _("Nobody will; told: %s.") % names if names else _("Nobody will, and there is no manager to tell.")


def _ask(search: CoverSearch, person: Person, at: datetime) -> None:
    with translation.override(person.language):
        facts = _words(search, person)
        # Never why somebody cannot.
        body = _("Can you cover %(seat)s, %(when)s? Reply 1 for yes, 0 for no, or open {link}") % facts
        title = _("Can you cover %(seat)s, %(when)s?") % facts
        answers = {"acknowledge": [TAKE, "cover", str(search.id)], "escalate": [DECLINE, "cover", str(search.id)]}
        _send("cover.ask", search, [person], title, body, answers, at, valid_until=search.ends_at)


def _tell_the_rest(search: CoverSearch, taker: Person | None, at: datetime) -> None:
    """Whoever was asked and has not declined need not answer. Whose duty changes is told of that by the rota's change."""
    asked = search.asks.filter(asked_at__isnull=False, answer=None).select_related("person")
    people = [one.person for one in asked]
    for person in people:
        with translation.override(person.language):
            facts = _words(search, person)
            if taker is None:
                title = _("%(seat)s, %(when)s, needs nobody any more") % facts
            else:
                title = _("%(name)s covers %(seat)s, %(when)s") % (facts | {"name": taker.name})
            _send("cover.told", search, [person], title, _("You need not answer. Thank you."), {}, at)


def _send(
    kind_: str,
    search: CoverSearch,
    people: Collection[Person],
    title: str,
    body: str,
    answers: dict[str, list[str]],
    at: datetime,
    *,
    valid_until: datetime | None = None,
) -> None:
    to = [one for person in people for one in recipients(person, at)]
    if not to:
        return
    queue_message(
        kind=kind_,
        subject=("cover", search.id),
        title=title,
        body=body,
        to=to,
        brand_id=search.seat.rota.brand_id,
        answers=answers,
        valid_until=valid_until,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def _words(search: CoverSearch, person: Person) -> dict[str, str]:
    """The seat and the stretch as `person`'s clock shows it."""
    return {"seat": search.seat.name, "when": _span(search, ZoneInfo(person.zone))}


def _span(search: CoverSearch, zone: ZoneInfo) -> str:
    first, last = search.starts_at.astimezone(zone), search.ends_at.astimezone(zone)
    until = date_format(last, "H:i") if first.date() == last.date() else date_format(last, "D H:i")
    return f"{date_format(first, 'D j M H:i')}–{until}"


def _record(
    kind_: str, search: CoverSearch, by: Actor, via: Door, at: datetime, *, facts: dict[str, Any] | None = None
) -> None:
    seat = search.seat
    about = {
        "seat": seat.name,
        "seat_key": seat.key,
        "when": _span(search, ZoneInfo(seat.rota.zone)),
        "starts_at": search.starts_at.isoformat(),
        "ends_at": search.ends_at.isoformat(),
        "instead_of": search.instead_of_id,
    }
    subject = ("cover", search.id)
    record(kind_, subject=subject, by=by, via=via, at=at, brand_id=seat.rota.brand_id, facts=about | (facts or {}))
