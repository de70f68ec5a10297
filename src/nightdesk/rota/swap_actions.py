"""Swaps: one asks another to take a turn, and may take one of theirs in return. Both say yes, a manager where the rota's rule
wants it, and in the transaction that settles it the swap becomes overrides.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import forbidden, may, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person
from nightdesk.rota import checking, law_wording, queries, swapping
from nightdesk.rota.actions import _put_override, _with_lock
from nightdesk.rota.models import Override, Rota, Seat, Swap
from nightdesk.rota.newcomers import refuse_left_alone
from nightdesk.rota.swapping import Share

SWAP_ASKED = kind("rota.swap_asked", gettext_lazy("{asked_by} asked {asked} to take {what}"))
SWAP_ACCEPTED = kind("rota.swap_accepted", gettext_lazy("{asked} will take {what} if a manager approves"))
SWAP_DONE = kind("rota.swap_done", gettext_lazy("{asked} takes {what} from {asked_by}"))
SWAP_DECLINED = kind("rota.swap_declined", gettext_lazy("{asked} will not take {what}"))
SWAP_REFUSED = kind("rota.swap_refused", gettext_lazy("{by} refused that {asked} takes {what}"))
SWAP_CANCELLED = kind("rota.swap_cancelled", gettext_lazy("That {asked} takes {what} is not asked any more"))

STEPS = (SWAP_ASKED, SWAP_ACCEPTED, SWAP_DONE, SWAP_DECLINED, SWAP_REFUSED, SWAP_CANCELLED)

LAPSE = "rota.lapse_swap"
"""Promise to end a swap that nobody settled before its turn began. Its subject is the swap."""

_ENDED = {Swap.State.DECLINED: SWAP_DECLINED, Swap.State.REFUSED: SWAP_REFUSED, Swap.State.CANCELLED: SWAP_CANCELLED}


@transaction.atomic
def ask_swap(
    *,
    seat_key: str,
    starts_at: datetime,
    ends_at: datetime,
    asked_id: int,
    back_seat_key: str = "",
    back_starts_at: datetime | None = None,
    back_ends_at: datetime | None = None,
    asked_by_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Swap:
    """The other is asked to take the seat over [`starts_at`, `ends_at`), and gives what lies in `back_*`, or nothing.

    For somebody else (`asked_by_id`) only who may change the plan. Asking the same again gives the swap that waits. Raises
    NotFound, Forbidden, Invalid for times or persons that do not fit, IllegalTransition where the turns are not theirs to give.
    """
    seat = queries.load_seat(seat_key)
    require(by, "ask_swap", seat.rota.brand_id)
    asker_id = by.person_id if asked_by_id is None else asked_by_id
    words = _("A swap of %s was asked for.") % seat.name
    if asker_id is None:
        raise Invalid(words, _("It is not said whose turn it is."), _("Name the person."))
    if asker_id != by.person_id and not may(by, "add_override", seat.rota.brand_id):
        raise forbidden(by, "add_override")
    asker, other = _person(asker_id, words), _person(asked_id, words)
    if asker.id == other.id:
        raise Invalid(words, _("It is theirs already."), _("Ask somebody else."))
    back = queries.load_seat(back_seat_key) if back_seat_key else None
    if back is not None and back.rota.brand_id != seat.rota.brand_id:
        raise Invalid(words, _("The seat in return is of another brand."), _("Choose one of the same brand."))
    starts_at = max(_aware(starts_at, words), at)
    given = _span(words, starts_at, ends_at)
    returned = None
    if back is not None:
        if back_starts_at is None or back_ends_at is None:
            raise Invalid(words, _("It is not said when the turn in return is."), _("Give its beginning and its end."))
        returned = _span(words, max(_aware(back_starts_at, words), at), back_ends_at)
    same = Swap.objects.filter(seat=seat, asked_by=asker, asked=other, starts_at=given[0], ends_at=given[1])
    waiting = same.filter(state__in=[Swap.State.ASKED, Swap.State.ACCEPTED]).first()
    if waiting is not None:
        return waiting
    swap = Swap(
        seat=seat,
        starts_at=given[0],
        ends_at=given[1],
        back_seat=back,
        back_starts_at=returned[0] if returned else None,
        back_ends_at=returned[1] if returned else None,
        asked_by=asker,
        asked=other,
        asked_at=at,
    )
    _check_turns(swap, words)
    swap.save(force_insert=True)
    begins = min([swap.starts_at, *([swap.back_starts_at] if swap.back_starts_at else [])])
    promise(
        LAPSE,
        subject=("swap", swap.pk),
        due_at=max(begins, at) if begins > at else swap.ends_at,
        why=_("%s: the turn begins that was to be swapped") % seat.name,
        at=at,
        brand_id=seat.rota.brand_id,
    )
    record(SWAP_ASKED, by=by, via=via, at=at, **_about(swap))
    return swap


@transaction.atomic
def accept_swap(*, swap_id: int, by: Actor, via: Door, at: datetime) -> Swap:
    """The one who was asked says yes. Then it is done, or waits for a manager where the rota's rule wants one.

    Repeating it changes nothing. Raises NotFound, Forbidden, and IllegalTransition when it is over,
    another's to say, or the turns are others' by now.
    """
    swap, asked = _lock_swap(swap_id, by, "accept_swap")
    _check_whose(swap, swap.asked, asked, by)
    if swap.state in (Swap.State.ACCEPTED, Swap.State.DONE):
        return swap
    _check_open(swap, asked, at)
    _check_turns(swap, asked)
    waits = swapping.NEEDS_MANAGER[swap.seat.rota.swaps]
    point = transaction.savepoint()
    worries = _carry_out(swap, asked, "", by, via, at)
    if may(by, "approve_swap", swap.seat.rota.brand_id) or not waits(worries):
        transaction.savepoint_commit(point)
        return swap
    transaction.savepoint_rollback(point)
    swap.refresh_from_db(fields=["state", "settled_at", "why"])
    swap.why = " ".join(worries)[:200]
    _move(swap, Swap.State.ACCEPTED, asked, None)
    record(SWAP_ACCEPTED, by=by, via=via, at=at, **_about(swap))
    return swap


@transaction.atomic
def approve_swap(*, swap_id: int, override_reason: str = "", by: Actor, via: Door, at: datetime) -> Swap:
    """A manager lets happen what both agreed on. Repeating it changes nothing.

    Raises NotFound, Forbidden, IllegalTransition when the other has not said yes, or the turns are others' by now, and
    RuleBlocks unless `override_reason` says why what a rule blocks should stand.
    """
    swap, asked = _lock_swap(swap_id, by, "approve_swap")
    if swap.state == Swap.State.DONE:
        return swap
    _check_open(swap, asked, at)
    if swap.state != Swap.State.ACCEPTED:
        raise IllegalTransition(
            asked, _("%s has not said yes.") % swap.asked.name, _("Wait for it, or change the plan.")
        )
    _check_turns(swap, asked)
    _carry_out(swap, asked, override_reason, by, via, at)
    return swap


@transaction.atomic
def decline_swap(*, swap_id: int, by: Actor, via: Door, at: datetime) -> Swap:
    """The one who was asked says no. Repeating it changes nothing. Raises NotFound, Forbidden, IllegalTransition."""
    swap, asked = _lock_swap(swap_id, by, "accept_swap")
    _check_whose(swap, swap.asked, asked, by)
    if swap.state == Swap.State.ACCEPTED:  # yes, and then no: the manager has nothing to approve any more
        return _end(swap, Swap.State.CANCELLED, asked, "", by, via, at)
    return _end(swap, Swap.State.DECLINED, asked, "", by, via, at)


@transaction.atomic
def refuse_swap(*, swap_id: int, why: str = "", by: Actor, via: Door, at: datetime) -> Swap:
    """A manager does not let it happen, and says why. Repeating it changes nothing. Raises NotFound, Forbidden,
    IllegalTransition."""
    swap, asked = _lock_swap(swap_id, by, "approve_swap")
    return _end(swap, Swap.State.REFUSED, asked, why, by, via, at)


@transaction.atomic
def cancel_swap(*, swap_id: int, by: Actor, via: Door, at: datetime) -> Swap:
    """Whoever asked does not ask any more. Repeating it changes nothing. Raises NotFound, Forbidden, IllegalTransition."""
    swap, asked = _lock_swap(swap_id, by, "ask_swap")
    _check_whose(swap, swap.asked_by, asked, by)
    return _end(swap, Swap.State.CANCELLED, asked, "", by, via, at)


@transaction.atomic
def lapse_swap(*, swap_id: int, by: Actor, via: Door, at: datetime) -> str:
    """The turn begins and nobody has settled the swap: it is off. Says what came of it; repeating it changes nothing."""
    swap = Swap.objects.select_for_update().filter(pk=swap_id).first()
    if swap is None or not swapping.TRANSITIONS[swap.state]:
        return _("It is settled.")
    swap.why = _("Nobody settled it before the turn began.")
    _move(swap, Swap.State.CANCELLED, "", at)
    record(SWAP_CANCELLED, by=by, via=via, at=at, **_about(swap))
    return _("It is off: nobody settled it in time.")


def _carry_out(swap: Swap, asked: str, override_reason: str, by: Actor, via: Door, at: datetime) -> list[str]:
    """The swap is done, and both its parts are overrides; what the rules say of it when both stand, in sentences for anybody.

    Raises RuleBlocks for what they block, and NewcomerAlone.
    """
    shares = _shares(swap)
    both = {swap.asked_id, swap.asked_by_id}
    start, end = min(share.start for share in shares), max(share.end for share in shares)
    look = checking.look(both, start, end, at)
    _move(swap, Swap.State.DONE, asked, at)
    cause = record(SWAP_DONE, by=by, via=via, at=at, **_about(swap))
    seats = {seat.key: seat for seat in (swap.seat, swap.back_seat) if seat is not None}
    plans = queries.load_rotas({seat.rota_id for seat in seats.values()})
    made = []
    for share in shares:
        span = (max(share.start, at), share.end)
        persons = (share.taker, share.giver)
        seat = _with_lock(seats[share.seat_key])
        made.append(_put_override(seat, Override.Kind.REPLACE, *span, *persons, by, via, at, cause, by_rules=False))
    swap.overrides.set(made)
    void_promises(("swap", swap.pk), at=at, kinds=[LAPSE])
    for rota_id, was in plans.items():
        refuse_left_alone(rota_id, was, max(start, at), end, at)
    news = checking.refuse_or_note(
        look, seat=swap.seat, people=both, override_reason=override_reason, by=by, via=via, at=at
    )
    names = {swap.asked_id: swap.asked.name, swap.asked_by_id: swap.asked_by.name}
    return [law_wording.say(finding, names[person_id], swap.seat.rota.zone) for person_id, finding in news]


def _end(swap: Swap, state: str, asked: str, why: str, by: Actor, via: Door, at: datetime) -> Swap:
    if swap.state == state:
        return swap
    swap.why = why.strip()[:200]
    _move(swap, state, asked, at)
    void_promises(("swap", swap.pk), at=at, kinds=[LAPSE])
    record(_ENDED[Swap.State(state)], by=by, via=via, at=at, **_about(swap))
    return swap


def _move(swap: Swap, state: str, asked: str, settled_at: datetime | None) -> None:
    """The one place where a swap's state changes; the caller holds its lock."""
    if state not in swapping.TRANSITIONS[swap.state]:
        so = _("It is %s already.") % Swap.State(swap.state).label.lower()
        raise IllegalTransition(asked, so, _("Nothing has to be done."), state=swap.state)
    swap.state = state
    swap.settled_at = settled_at
    swap.save(update_fields=["state", "settled_at", "why"])


def _lock_swap(swap_id: int, by: Actor, verb: str) -> tuple[Swap, str]:
    """The swap, locked after its rotas, and the words for what was asked."""
    known = Swap.objects.select_related("seat__rota", "back_seat").filter(pk=swap_id).first()
    if known is None:
        raise NotFound(_("The swap %s was named.") % swap_id, _("There is none."), _("Choose one that waits."))
    require(by, verb, known.seat.rota.brand_id)
    rota_ids = {known.seat.rota_id, *([known.back_seat.rota_id] if known.back_seat else [])}
    rotas = {
        rota.id: rota for rota in Rota.objects.select_for_update(no_key=True).filter(id__in=rota_ids).order_by("id")
    }
    swap = (
        Swap.objects.select_for_update(of=("self",))
        .select_related("seat", "back_seat", "asked_by", "asked")
        .get(pk=swap_id)
    )
    for seat in (swap.seat, swap.back_seat):
        if seat is not None:
            seat.rota = rotas[seat.rota_id]
    return swap, _("That %(asked)s takes %(what)s from %(by)s was to be settled.") % _named(swap)


def _check_whose(swap: Swap, person: Person, asked: str, by: Actor) -> None:
    if by.person_id != person.id and not may(by, "add_override", swap.seat.rota.brand_id):
        raise IllegalTransition(asked, _("It is for %s to say.") % person.name, _("Ask them, or a manager."))


def _check_open(swap: Swap, asked: str, at: datetime) -> None:
    if not swapping.TRANSITIONS[swap.state]:
        so = _("It is %s.") % Swap.State(swap.state).label.lower()
        raise IllegalTransition(asked, so, _("Nothing has to be done."), state=swap.state)
    if swap.ends_at <= at:
        raise IllegalTransition(asked, _("That turn is over."), _("Nothing has to be done."))


def _check_turns(swap: Swap, asked: str) -> None:
    """Raises IllegalTransition where a turn is not the giver's to give, NotFound where its seat is gone."""
    seats = {seat.key: seat for seat in (swap.seat, swap.back_seat) if seat is not None}
    names = dict(Person.objects.filter(id__in={swap.asked_id, swap.asked_by_id}).values_list("id", "name"))
    for share in _shares(swap):
        seat = seats[share.seat_key]
        if seat.removed_at is not None:
            raise queries.no_seat(seat.key)
        other = swapping.others_turn(queries.load_rota(seat.rota_id), share)
        if other is not None:
            raise IllegalTransition(
                asked,
                _("%(name)s is not planned as %(seat)s for all of it: not from %(time)s on.")
                % {"name": names[share.giver], "seat": seat.name, "time": _local(other.start, seat)},
                _("Choose a turn that is theirs."),
            )


def _shares(swap: Swap) -> list[Share]:
    shares = [Share(swap.seat.key, swap.starts_at, swap.ends_at, swap.asked_by_id, swap.asked_id)]
    if swap.back_seat is not None:
        assert swap.back_starts_at is not None
        assert swap.back_ends_at is not None
        back = Share(swap.back_seat.key, swap.back_starts_at, swap.back_ends_at, swap.asked_id, swap.asked_by_id)
        shares.append(back)
    return shares


def _about(swap: Swap) -> dict[str, Any]:
    named = _named(swap)
    facts = {
        "asked_by": named["by"],
        "asked_by_id": swap.asked_by_id,
        "asked": named["asked"],
        "asked_id": swap.asked_id,
        "what": named["what"],
        "why": swap.why,
        "seat_key": swap.seat.key,
        "starts_at": swap.starts_at.isoformat(),
        "ends_at": swap.ends_at.isoformat(),
    }
    return {"subject": ("swap", swap.pk), "brand_id": swap.seat.rota.brand_id, "facts": facts}


def _named(swap: Swap) -> dict[str, str]:
    what = f"{swap.seat.name}, {_local(swap.starts_at, swap.seat)}"
    return {"by": swap.asked_by.name, "asked": swap.asked.name, "what": what}


def _local(at: datetime, seat: Seat) -> str:
    return f"{at.astimezone(ZoneInfo(seat.rota.zone)):%Y-%m-%d %H:%M}"


def _person(person_id: int, asked: str) -> Person:
    person = Person.objects.filter(id=person_id).first()
    if person is None:
        raise NotFound(asked, _("There is no person %s.") % person_id, _("Name one of the staff."))
    if not person.active:
        raise Invalid(asked, _("%s no longer works here.") % person.name, _("Name somebody who does."))
    return person


def _aware(at: datetime, asked: str) -> datetime:
    if at.tzinfo is None:
        raise Invalid(asked, _("An instant has no zone."), _("Give its offset, for example +01:00 or Z."))
    return at


def _span(asked: str, starts_at: datetime, ends_at: datetime) -> tuple[datetime, datetime]:
    if _aware(ends_at, asked) <= starts_at:
        raise Invalid(
            asked, _("It would be over before it begins."), _("Let it end later than it starts, and than now.")
        )
    return starts_at, ends_at
