"""Verbs of a rota and its seats as such: what they are called, in which order, by which rule. Whose turn it is stays.

That a seat goes is `duty`'s verb (`duty.seat_actions.remove_seat`): somebody holds its token.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.skill_queries import skills_of
from nightdesk.rota import queries, starting_points
from nightdesk.rota.actions import NewSeat, _with_lock, make_rota, set_layers
from nightdesk.rota.models import Rota, Seat, SeatSkill

ROTA_EDITED = kind("rota.edited", gettext_lazy("{by} changed the rota {rota}"))
SEAT_ADDED = kind("rota.seat_added", gettext_lazy("{by} gave the rota {rota} the seat {seat}"))
SEAT_EDITED = kind("rota.seat_edited", gettext_lazy("{by} changed the seat {seat}"))


@transaction.atomic
def start_rota(
    *,
    brand_id: int,
    name: str,
    zone: str,
    begin_with: str,
    person_ids: Sequence[int],
    team_id: int | None,
    first_day: date,
    by: Actor,
    via: Door,
    at: datetime,
) -> Rota:
    """A rota as the starting point `begin_with` lays it out, with these people in this order, from `first_day` on.

    Raises Forbidden, and Invalid for what does not fit: too few people, or a starting point that there is not.
    """
    require(by, "make_rota", brand_id)
    asked = _("A rota was to be made from a starting point.")
    known = starting_points.STARTING_POINTS.get(begin_with)
    if known is None:
        raise Invalid(asked, _("There is none called %r.") % begin_with[:40], _("Choose one of the list."))
    if len(person_ids) < known.least_people:
        raise Invalid(
            asked,
            _("It needs %(least)d people, and %(given)d were named.")
            % {"least": known.least_people, "given": len(person_ids)},
            _("Name more people, or start from another."),
        )
    if known.needs_team and team_id is None:
        raise Invalid(asked, _("No team was named."), _("Choose the team whose members take it."))
    seats = known.seats(list(person_ids), team_id, first_day)
    named: list[NewSeat] = [
        {"key": _free_key(name, seat.key), "name": seat.name, "acceptance_required": seat.acceptance_required}
        for seat in seats
    ]
    rota = make_rota(brand_id=brand_id, name=name, zone=zone, seats=named, by=by, via=via, at=at)
    for made, seat in zip(named, seats, strict=True):
        if seat.layers:
            set_layers(seat_key=made["key"], layers=seat.layers, by=by, via=via, at=at)
    return rota


@transaction.atomic
def edit_rota(*, rota_id: int, changes: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> Rota:
    """Changes `name` and `swaps` (which swaps a manager approves). The zone stays: every turn is written in it.

    Repeating it changes nothing. Raises NotFound, Forbidden, Invalid.
    """
    asked = _("The rota %s was to be changed.") % rota_id
    rota = Rota.objects.select_for_update(no_key=True).filter(id=rota_id).first()
    if rota is None:
        raise NotFound(asked, _("There is none."), _("Choose one of the rotas."))
    require(by, "edit_rota", rota.brand_id)
    wanted = dict(changes)
    if "name" in wanted:
        wanted["name"] = one_line(wanted["name"], 80, _("name"))
    if "swaps" in wanted and wanted["swaps"] not in Rota.Swaps.values:
        raise Invalid(asked, _("There is no such rule for swaps."), _("Give free, warned or approved."))
    if unknown := wanted.keys() - {"name", "swaps"}:
        raise Invalid(asked, _("A rota's %s cannot be changed.") % ", ".join(sorted(unknown)), _("Make another rota."))
    told = {name: value for name, value in wanted.items() if getattr(rota, name) != value}
    if not told:
        return rota
    facts = {"rota": rota.name, "before": {name: getattr(rota, name) for name in told}, "after": told}
    for name, value in told.items():
        setattr(rota, name, value)
    rota.version = uuid4()
    rota.save(update_fields=[*told, "version"])
    record(ROTA_EDITED, subject=("rota", rota.id), by=by, via=via, at=at, brand_id=rota.brand_id, facts=facts)
    return rota


@transaction.atomic
def add_seat(
    *, rota_id: int, name: str, key: str = "", acceptance_required: bool = False, by: Actor, via: Door, at: datetime
) -> Seat:
    """One more seat of the rota, at its end, without turns as yet. Without a `key` it gets one from its name.

    Raises NotFound, Forbidden, Invalid for a key that is taken or no slug.
    """
    rota = Rota.objects.select_for_update(no_key=True).filter(id=rota_id).first()
    if rota is None:
        raise NotFound(
            _("A seat of the rota %s was asked for.") % rota_id, _("There is none."), _("Choose one of the rotas.")
        )
    require(by, "add_seat", rota.brand_id)
    name = one_line(name, 80, _("name"))
    key = key.strip().lower() or _free_key(rota.name, name)
    try:
        validate_slug(key)
    except ValidationError as bad:
        raise Invalid(
            _("The key %r was given for a seat.") % key[:60],
            _("It may hold letters, digits, - and _ only."),
            _("Give one such as first-line."),
        ) from bad
    last = rota.seats.aggregate(last=Max("position"))["last"]
    with unless_taken(
        _("A seat with the key %s was asked for.") % key[:60], _("There is one."), _("Choose another key.")
    ):
        seat = Seat.objects.create(
            rota=rota,
            key=one_line(key, 50, _("key")),
            name=name,
            position=0 if last is None else last + 1,
            acceptance_required=acceptance_required,
        )
    rota.version = uuid4()
    rota.save(update_fields=["version"])
    facts = {"rota": rota.name, "seat": seat.name, "seat_key": seat.key, "acceptance_required": acceptance_required}
    record(SEAT_ADDED, subject=("seat", seat.id), by=by, via=via, at=at, brand_id=rota.brand_id, facts=facts)
    return seat


@transaction.atomic
def edit_seat(*, seat_key: str, changes: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> Seat:
    """Changes `name`, `acceptance_required` (it passes only when the next holder accepts), `position` (its place among the
    rota's seats, from 0; the others make room) and `skills`: what whoever has it must know (skill id -> level and whether
    it is a must), all of them. Its key stays: policies and calendars name it.

    Repeating it changes nothing. Raises NotFound, Forbidden, Invalid.
    """
    seat = queries.load_seat(seat_key)
    require(by, "edit_seat", seat.rota.brand_id)
    seat = _with_lock(seat)
    asked = _("The seat %s was to be changed.") % seat.name
    wanted = dict(changes)
    if unknown := wanted.keys() - {"name", "acceptance_required", "position", "skills"}:
        raise Invalid(asked, _("A seat's %s cannot be changed.") % ", ".join(sorted(unknown)), _("Add another seat."))
    if "name" in wanted:
        wanted["name"] = one_line(wanted["name"], 80, _("name"))
    position = wanted.pop("position", None)
    moved = position is not None and _put_at(seat, int(position))
    skills = wanted.pop("skills", None)
    needed, needs = _set_skills(asked, seat, skills) if skills is not None else ({}, {})
    told = {name: value for name, value in wanted.items() if getattr(seat, name) != value}
    if not told and not moved and needed == needs:
        return seat
    facts: dict[str, Any] = {"rota": seat.rota.name, "seat": seat.name, "seat_key": seat.key}
    facts |= {
        "before": {name: getattr(seat, name) for name in told} | ({"skills": needed} if needed != needs else {}),
        "after": told | ({"position": position} if moved else {}) | ({"skills": needs} if needed != needs else {}),
    }
    for name, value in told.items():
        setattr(seat, name, value)
    if told:
        seat.save(update_fields=list(told))
    seat.rota.version = uuid4()
    seat.rota.save(update_fields=["version"])
    record(SEAT_EDITED, subject=("seat", seat.id), by=by, via=via, at=at, brand_id=seat.rota.brand_id, facts=facts)
    return seat


def _set_skills(
    asked: str, seat: Seat, wanted: Mapping[int, tuple[int, bool]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the seat needed and what it needs from now on, for the journal: key of a skill -> level, and whether it is a must."""
    known = {skill.pk: skill.key for skill in skills_of([seat.rota.brand_id])}
    for skill_id, (level, _must) in wanted.items():
        if skill_id not in known:
            raise Invalid(asked, _("The skill %s is none of this brand's.") % skill_id, _("Choose one of the list."))
        if level not in (1, 2, 3):
            raise Invalid(asked, _("There is no level %d.") % level, _("Give 1, 2 or 3."))
    before = queries.skills_of_seat(seat)
    if before != wanted:
        SeatSkill.objects.filter(seat=seat).delete()
        SeatSkill.objects.bulk_create(
            SeatSkill(seat=seat, skill_id=skill_id, level=level, hard=hard)
            for skill_id, (level, hard) in wanted.items()
        )
    needed, needs = (
        {known[skill_id]: [level, hard] for skill_id, (level, hard) in each.items()} for each in (before, wanted)
    )
    return needed, needs


def _put_at(seat: Seat, position: int) -> bool:
    """Number the rota's seats anew, with this one at its place; whether anything moved."""
    others = [each for each in queries.seats_on(seat.rota_id) if each.id != seat.id]
    before = [each.id for each in queries.seats_on(seat.rota_id)]
    others.insert(max(0, min(position, len(others))), seat)
    for place, each in enumerate(others):
        if each.position != place:
            each.position = place
            each.save(update_fields=["position"])
    return [each.id for each in others] != before


def _free_key(rota_name: str, seat_name: str) -> str:
    """A slug that no seat has yet, from the two names."""
    words = starting_points.slug(f"{rota_name} {seat_name}")[:44].strip("-") or "seat"
    taken = set(Seat.objects.filter(key__startswith=words).values_list("key", flat=True))
    return next(
        key for number in range(1, 10_000) if (key := words if number == 1 else f"{words}-{number}") not in taken
    )
