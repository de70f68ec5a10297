"""Verbs of the plan. Each takes the rota's lock, gives it a new version, and says in the journal whom the change brings on
now (`was`, `now`), which duty goes by when it looks after the tokens, and for whom it changes what of the next 48 hours
(`soon`), which duty tells them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.fields import zone as as_zone
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person, Team
from nightdesk.rota import checking, comparing, decide, queries, resolve
from nightdesk.rota.models import Layer, LayerMember, Override, Rota, Seat
from nightdesk.rota.newcomers import refuse_left_alone

ROTA_MADE = kind("rota.made", gettext_lazy("{by} made the rota {rota}"))
LAYERS_SET = kind("rota.layers_set", gettext_lazy("{by} changed the turns of {seat}"))
OVERRIDE_ADDED = kind("rota.override_added", gettext_lazy("{by} changed who is on {seat} for a while"))
OVERRIDE_CANCELLED = kind("rota.override_cancelled", gettext_lazy("{by} took back a change of who is on {seat}"))

PLAN_CHANGED = (LAYERS_SET, OVERRIDE_ADDED, OVERRIDE_CANCELLED, "rota.turns_imported")
"""Kinds after which somebody else may be planned for a seat. Their subject is the seat."""

SOON = timedelta(hours=48)
"""Of changes within so long, those whom they concern are told."""


class NewSeat(TypedDict, total=False):
    """A seat to make: `key` (a slug, unique in the installation) and `name` must be there."""

    key: str
    name: str
    acceptance_required: bool


@transaction.atomic
def make_rota(
    *, brand_id: int, name: str, zone: str, seats: Sequence[NewSeat], by: Actor, via: Door, at: datetime
) -> Rota:
    """A rota with its seats in this order, without turns as yet. Raises Forbidden, and Invalid for what does not fit."""
    require(by, "make_rota", brand_id)
    if not seats:
        raise Invalid(
            _("A rota without a seat was asked for."), _("Nobody could be on."), _("Give it one seat or more.")
        )
    rota = Rota.objects.create(brand_id=brand_id, name=one_line(name, 80, _("name")), zone=as_zone(zone))
    for position, seat in enumerate(seats):
        key = seat.get("key", "").strip().lower()
        try:
            validate_slug(key)
        except ValidationError as bad:
            raise Invalid(
                _("The key %r was given for a seat.") % key[:60],
                _("It may hold letters, digits, - and _ only."),
                _("Give one such as first-line."),
            ) from bad
        with unless_taken(
            _("A seat with the key %s was asked for.") % key[:60], _("There is one."), _("Choose another key.")
        ):
            Seat.objects.create(
                rota=rota,
                key=one_line(key, 50, _("key")),
                name=one_line(seat.get("name", ""), 80, _("name")),
                position=position,
                acceptance_required=bool(seat.get("acceptance_required", False)),
            )
    facts = {"rota": rota.name, "zone": rota.zone, "seats": [seat.get("key") for seat in seats]}
    record(ROTA_MADE, subject=("rota", rota.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return rota


@transaction.atomic
def set_layers(
    *,
    seat_key: str,
    layers: Sequence[Mapping[str, Any]],
    seen: str | None = None,
    override_reason: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Seat:
    """The seat's turns come from these layers (as in `decide`, lowest first), in place of those it had.

    Who was on does not change by it: that is duty's record. `seen`: the mark (`queries.layers_mark`) of the layers that
    whoever sets these has read; where the seat has others by now, nothing is done. Raises NotFound, Forbidden, Invalid for
    a layer that cannot be, or a member who is not there or no longer active, IllegalTransition for others by now,
    RuleBlocks for what a rule of working time blocks in the weeks to come, unless `override_reason` says why it should
    stand, and NewcomerAlone, whatever the reason.
    """
    seat = _lock_seat(seat_key, by, "set_layers")
    _put_layers(seat, layers, seen, {}, by, via, at, override_reason)
    return seat


@transaction.atomic
def undo_layers(*, entry_id: UUID, by: Actor, via: Door, at: datetime) -> Seat:
    """The seat has the layers again that the change in this journal entry took away. Repeating it changes nothing.

    Raises NotFound, Forbidden, and IllegalTransition where the layers have been changed again since.
    """
    entry = Entry.objects.filter(id=entry_id, kind=LAYERS_SET).first()
    asked = _("A change of turns was to be undone.")
    if entry is None:
        raise NotFound(asked, _("There is none of that number."), _("Choose one of the seat's changes."))
    if "before" not in entry.facts:
        raise IllegalTransition(asked, _("What was before it is not known."), _("Set the turns by hand."))
    seat = _lock_seat(entry.facts["seat_key"], by, "set_layers")
    before = entry.facts["before"]
    if decide.mark_of(queries.plain_layers(seat.key)) == decide.mark_of(before):
        return seat
    _put_layers(seat, before, decide.mark_of(entry.facts["layers"]), {"undoes": str(entry.id)}, by, via, at)
    return seat


def _put_layers(
    seat: Seat,
    layers: Sequence[Mapping[str, Any]],
    seen: str | None,
    facts: dict[str, Any],
    by: Actor,
    via: Door,
    at: datetime,
    override_reason: str = "",
) -> None:
    """The caller holds the rota's lock."""
    was = queries.load_rota(seat.rota_id)
    before = queries.plain_layers(seat.key)
    if seen is not None and seen != decide.mark_of(before):
        raise _changed_meanwhile(seat)
    read = decide.read_layers(layers)
    members = [decide.read_members(plain) for plain in layers]
    _check_members({member for each in members for member in each})
    new = {id_ for each in members for kind_, id_ in each if kind_ == "person"}
    look = _look(seat, at, at + checking.CHECKED_AHEAD, at, new)
    seat.layers.all().delete()
    for position, (layer, plain) in enumerate(zip(read, layers, strict=True)):
        row = Layer.objects.create(seat=seat, position=position, **_columns(layer, decide.read_nation(plain)))
        LayerMember.objects.bulk_create(
            LayerMember(layer=row, position=place, **{f"{kind_}_id": id_})
            for place, (kind_, id_) in enumerate(members[position])
        )
    facts |= {"layers": [_shown(plain) for plain in layers], "before": [_shown(plain) for plain in before]}
    _plan_changed(LAYERS_SET, seat, was, facts, by, via, at, look=look, override_reason=override_reason)
    refuse_left_alone(seat.rota_id, was, at, at + checking.CHECKED_AHEAD, at)


def _changed_meanwhile(seat: Seat) -> IllegalTransition:
    last = Entry.objects.filter(kind=LAYERS_SET, subject_kind="seat", subject_id=str(seat.id)).order_by("-id").first()
    by, at = (last.by_name, last.at.isoformat(timespec="minutes")) if last else (_("Somebody"), _("a moment ago"))
    return IllegalTransition(
        _("The turns of %s were to be changed.") % seat.name,
        _("%(by)s changed them at %(at)s, after you had opened them.") % {"by": by, "at": at},
        _("Look at what they are now, then save yours over them, or leave them."),
        mark=decide.mark_of(queries.plain_layers(seat.key)),
    )


@transaction.atomic
def add_override(
    *,
    seat_key: str,
    kind: str,
    starts_at: datetime,
    ends_at: datetime,
    member_id: int | None = None,
    instead_of_id: int | None = None,
    override_reason: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Override:
    """Over [`starts_at`, `ends_at`) a person comes on (add), goes off (remove), or takes another's place (replace).

    One that was to start before `at` starts at `at`: what has been does not change. Raises NotFound, Forbidden, and
    Invalid for persons that do not fit the kind or are not active, and for an end that is not after the start or is over;
    RuleBlocks for what a rule of working time blocks, unless `override_reason` says why it should stand; NewcomerAlone,
    whatever the reason.
    """
    seat = _lock_seat(seat_key, by, "add_override")
    asked = _("A change of the seat %s was asked for.") % seat.name
    if kind not in Override.Kind.values:
        raise Invalid(asked, _("There is no kind %r.") % kind[:20], _("Give add, remove or replace."))
    if (member_id is None) != (kind == Override.Kind.REMOVE) or (instead_of_id is None) != (kind == Override.Kind.ADD):
        raise Invalid(
            asked,
            _("The persons do not fit the kind."),
            _("Give who comes on for add, who goes off for remove, and both for replace."),
        )
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise Invalid(asked, _("An instant has no zone."), _("Give its offset, for example +01:00 or Z."))
    if member_id is not None and member_id == instead_of_id:
        raise Invalid(asked, _("The same person comes on and goes off."), _("Name two persons."))
    starts_at = max(starts_at, at)
    if ends_at <= starts_at:
        raise Invalid(
            asked, _("It would be over before it begins."), _("Let it end later than it starts, and than now.")
        )
    return _put_override(
        seat, kind, starts_at, ends_at, member_id, instead_of_id, by, via, at, override_reason=override_reason
    )


def _put_override(
    seat: Seat,
    kind: str,
    starts_at: datetime,
    ends_at: datetime,
    member_id: int | None,
    instead_of_id: int | None,
    by: Actor,
    via: Door,
    at: datetime,
    cause: UUID | None = None,
    override_reason: str = "",
    by_rules: bool = True,
) -> Override:
    """For verbs that end in an override, of a seat from `_with_lock`: they have checked their facts and who may. Without
    `by_rules` they hold it against the rules, and look for newcomers alone, themselves, when all that belongs together stands.

    Raises NotFound and Invalid for persons who are not there or no longer active, RuleBlocks and NewcomerAlone as `add_override`.
    """
    _check_members({("person", id_) for id_ in (member_id,) if id_ is not None})
    if instead_of_id is not None and not Person.objects.filter(id=instead_of_id).exists():
        raise _no_member("person", instead_of_id)
    was = queries.load_rota(seat.rota_id)
    new = {member_id} if member_id is not None else set()
    look = _look(seat, starts_at, ends_at, at, new) if by_rules else None
    override = Override.objects.create(
        seat=seat,
        kind=kind,
        starts_at=starts_at,
        ends_at=ends_at,
        member_id=member_id,
        instead_of_id=instead_of_id,
        created_at=at,
    )
    facts = {
        "override": override.id,
        "kind": kind,
        "member": member_id,
        "instead_of": instead_of_id,
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
    }
    _plan_changed(OVERRIDE_ADDED, seat, was, facts, by, via, at, cause, look=look, override_reason=override_reason)
    if by_rules:
        refuse_left_alone(seat.rota_id, was, starts_at, ends_at, at)
    return override


@transaction.atomic
def cancel_override(*, override_id: int, of_its_own: bool = False, by: Actor, via: Door, at: datetime) -> Override:
    """The rest of the override does not happen: all of it, or from `at` on if it has begun. Repeating changes nothing.

    `of_its_own`: the program takes back what it had put there, and what was planned before stands again, whoever that is.
    Else raises NewcomerAlone where somebody new would be on alone again; and NotFound, Forbidden, and IllegalTransition for one
    that is over.
    """
    seat_key = Override.objects.filter(id=override_id).values_list("seat__key", flat=True).first()
    if seat_key is None:
        raise NotFound(
            _("The override %s was to be cancelled.") % override_id, _("There is none."), _("Choose one of the seat's.")
        )
    seat = _lock_seat(seat_key, by, "cancel_override")
    override = Override.objects.get(id=override_id)
    if override.cancelled_at is not None:
        return override
    if override.ends_at <= at:
        raise IllegalTransition(
            _("The override %s was to be cancelled.") % override_id,
            _("It ended at %s.") % override.ends_at.isoformat(timespec="minutes"),
            _("Nothing has to be done: it is over."),
        )
    was = queries.load_rota(seat.rota_id)
    facts = {"override": override.id, "ends_at": override.ends_at.isoformat()}
    override.cancelled_at = at
    until = override.ends_at
    if override.starts_at < at:
        override.ends_at = at
    override.save(update_fields=["cancelled_at", "ends_at"])
    _plan_changed(OVERRIDE_CANCELLED, seat, was, facts, by, via, at)
    if not of_its_own:
        refuse_left_alone(seat.rota_id, was, max(override.starts_at, at), until, at)
    return override


def _lock_seat(seat_key: str, by: Actor, verb: str) -> Seat:
    seat = queries.load_seat(seat_key)
    require(by, verb, seat.rota.brand_id)
    return _with_lock(seat)


def _with_lock(seat: Seat) -> Seat:
    """The seat, with the lock on its rota: plans change one after the other."""
    seat.rota = Rota.objects.select_for_update(no_key=True).get(id=seat.rota_id)
    return seat


def _look(seat: Seat, start: datetime, end: datetime, at: datetime, new: set[int]) -> checking.Look:
    """What there is to say, before the plan of the seat changes, of the `new` and of who is on somewhere in `[start, end)`."""
    people = checking.people_of(queries.load_rota(seat.rota_id), seat.key, start, end)
    return checking.look(people | new, start, end, at)


def _plan_changed(
    kind_: str,
    seat: Seat,
    was: resolve.Rota,
    facts: dict[str, Any],
    by: Actor,
    via: Door,
    at: datetime,
    cause: UUID | None = None,
    look: checking.Look | None = None,
    override_reason: str = "",
) -> UUID:
    """The rota, whose plan was `was`, has a new version; the journal says what that changes now and soon.

    It is held against the rules where somebody may be on who was not when there was the first `look`.
    """
    seat.rota.version = uuid4()
    seat.rota.save(update_fields=["version"])
    now = queries.load_rota(seat.rota_id)
    if look is not None:
        people = checking.people_of(now, seat.key, look.start, look.end)
        news = checking.refuse_or_note(
            look, seat=seat, people=people, override_reason=override_reason, by=by, via=via, at=at
        )
        facts |= {"findings": checking.as_facts(news)}
    facts |= {
        "rota": seat.rota.name,
        "seat": seat.name,
        "seat_key": seat.key,
        "was": resolve.scheduled(was, at).get(seat.key),
        "now": resolve.scheduled(now, at).get(seat.key),
        "soon": [
            {"from": each.start.isoformat(), "until": each.end.isoformat(), "was": each.was, "now": each.now}
            for each in comparing.changes_of_plan(was, now, seat.key, at, at + SOON)
        ],
    }
    about: dict[str, Any] = {"subject": ("seat", seat.id), "brand_id": seat.rota.brand_id, "facts": facts}
    return record(kind_, by=by, via=via, at=at, cause=cause, **about)


def _check_members(members: set[queries.Member]) -> None:
    for kind_, id_ in sorted(members):
        if kind_ == "team":
            if not Team.objects.filter(id=id_).exists():
                raise _no_member("team", id_)
            continue
        person = Person.objects.filter(id=id_).first()
        if person is None:
            raise _no_member("person", id_)
        if not person.active:
            raise Invalid(
                _("%s was to be on.") % person.name, _("They no longer work here."), _("Name somebody who does.")
            )


def _no_member(kind_: str, id_: int) -> Invalid:
    return Invalid(
        _("The %(kind)s %(id)s was named.") % {"kind": kind_, "id": id_}, _("There is none."), _("Name one.")
    )


def _columns(layer: resolve.Layer, nation: str) -> dict[str, Any]:
    """The layer's values as its row keeps them, in the one spelling that `decide` reads."""
    return {
        "anchor": layer.anchor.isoformat(timespec="minutes"),
        "turn": layer.turn.value,
        "every": layer.every,
        "restrict": [
            {
                "weekdays": sorted(window.weekdays),
                "opens": window.opens.isoformat(timespec="minutes"),
                "closes": window.closes.isoformat(timespec="minutes"),
            }
            for window in layer.restrict
        ],
        "weekdays": sorted(layer.weekdays),
        "nation": nation,
        "starts_on": layer.starts_on,
        "ends_on": layer.ends_on,
    }


def _shown(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A layer for the journal's facts, which are JSON."""
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in plain.items()}
