"""The plan, read from its rows once a change and kept in memory, and what `resolve` says of it.

A member is ("person", id) or ("team", id). What is kept goes by the rota's `version`, which is read each time: a change by
another process is seen at once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import F, Q
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, may
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotFound
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person
from nightdesk.rota import decide, resolve
from nightdesk.rota.models import Layer, LayerMember, Override, PlannedShift, Rota, Seat, SeatSkill, Swap

Member: TypeAlias = tuple[str, int]

_kept: dict[int, tuple[UUID, resolve.Rota]] = {}


def load_rota(rota_id: int) -> resolve.Rota:
    """The rota as `resolve` reads it, with its seats in order. Raises NotFound."""
    loaded = load_rotas([rota_id])
    if rota_id not in loaded:
        raise _no_rota(rota_id)
    return loaded[rota_id]


def load_rotas(rota_ids: Collection[int] | None = None) -> dict[int, resolve.Rota]:
    """Those of the rotas that exist (None: all), by id: one query where nothing has changed, seven where something has."""
    rotas = Rota.objects.all() if rota_ids is None else Rota.objects.filter(id__in=rota_ids)
    versions = dict(rotas.order_by().values_list("id", "version"))
    loaded: dict[int, resolve.Rota] = {}
    while versions:
        for rota_id, version in versions.items():
            kept = _kept.get(rota_id)
            if kept is not None and kept[0] == version:
                loaded[rota_id] = kept[1]
        missing = versions.keys() - loaded.keys()
        if not missing:
            break
        read = _read_rotas(missing)
        # A change may have been committed between two of those queries: only what was whole counts.
        now = dict(Rota.objects.filter(id__in=missing).order_by().values_list("id", "version"))
        for rota_id, plan in read.items():
            if now.get(rota_id) == versions[rota_id]:
                loaded[rota_id] = plan
                _kept[rota_id] = (versions[rota_id], plan)
        versions = {rota_id: version for rota_id, version in now.items() if rota_id not in loaded}
    return loaded


def read_afresh(rota_id: int) -> resolve.Rota:
    """The rota as its rows are in this transaction, which may yet be rolled back: nothing of it is kept."""
    return _read_rotas([rota_id])[rota_id]


def load_seat(seat_key: str) -> Seat:
    """The seat with its rota and brand. Raises NotFound, also for one that was removed."""
    try:
        return Seat.objects.select_related("rota__brand").get(key=seat_key, removed_at=None)
    except Seat.DoesNotExist:
        raise no_seat(seat_key) from None


def scheduled(at: datetime, rota_ids: Collection[int] | None = None) -> dict[str, Member | None]:
    """Who should hold each seat of the rotas (None: of all) at `at`, by seat key; None where nobody is planned."""
    planned: dict[str, Any] = {}
    for rota in load_rotas(rota_ids).values():
        planned |= resolve.scheduled(rota, at)
    return planned


def turns(seat_key: str, start: datetime, end: datetime) -> list[resolve.Turn]:
    """`resolve.turns` of the seat. Raises NotFound."""
    return resolve.turns(_plan_of(seat_key), seat_key, start, end)


def next_turns(seat_key: str, after: datetime, count: int = 8) -> list[resolve.Turn]:
    """`resolve.next_turns` of the seat. Raises NotFound."""
    return resolve.next_turns(_plan_of(seat_key), seat_key, after, count)


def plain_layers(seat_key: str) -> list[dict[str, Any]]:
    """The seat's layers in plain values, lowest first, as `set_layers` takes them. Raises NotFound."""
    seat = load_seat(seat_key)
    layers = list(Layer.objects.filter(seat=seat).order_by("position", "id"))
    members = _members_of(layers)
    return [_plain(layer, members.get(layer.id, [])) for layer in layers]


def layers_mark(seat_key: str) -> str:
    """The mark of the seat's layers, for `set_layers`: that these are the ones that were read. Raises NotFound."""
    return decide.mark_of(plain_layers(seat_key))


def drafted(seat_key: str, layers: Sequence[Mapping[str, Any]]) -> resolve.Rota:
    """The rota as it would be if the seat had these layers (as in `decide`). Raises NotFound, Invalid."""
    rota = _plan_of(seat_key)
    read = decide.read_layers(layers)
    seats = tuple(replace(seat, layers=read) if seat.key == seat_key else seat for seat in rota.seats)
    return replace(rota, seats=seats)


def last_change_of_layers(seat_id: int) -> UUID | None:
    """The journal's entry of the last change of the seat's layers."""
    entries = Entry.objects.filter(kind="rota.layers_set", subject_kind="seat", subject_id=str(seat_id))
    return entries.order_by("-id").values_list("id", flat=True).first()


def overrides(seat_key: str, start: datetime, end: datetime) -> list[Override]:
    """The seat's overrides that are in force somewhere in `[start, end)`, in order."""
    return list(
        _in_force(Override.objects.filter(seat__key=seat_key, starts_at__lt=end, ends_at__gt=start))
        .select_related("member", "instead_of")
        .order_by("starts_at", "id")
    )


def may_wish_for(by: Actor, person: Person) -> bool:
    """Whether `by` may read and write the person's wishes: they themselves, and who plans for one of their teams."""
    if by.person_id == person.id:
        return brands_for(by, "note_wish") != set()
    brands = person.teams.values_list("brand_id", flat=True)
    return any(may(by, "make_draft", brand_id) for brand_id in brands) or may(by, "make_draft", None)


def open_swaps(rota_id: int, at: datetime) -> list[Swap]:
    """The rota's swaps that wait for somebody's word, or are to come, by their beginning."""
    rows = Swap.objects.filter(Q(seat__rota=rota_id) | Q(back_seat__rota=rota_id), ends_at__gt=at)
    waiting = rows.filter(state__in=[Swap.State.ASKED, Swap.State.ACCEPTED])
    return list(waiting.select_related("seat", "back_seat", "asked_by", "asked").order_by("starts_at", "id").distinct())


def skills_of_seat(seat: Seat) -> dict[int, tuple[int, bool]]:
    """Skill id -> level, and whether whoever has the seat must know it (else they should)."""
    rows = SeatSkill.objects.filter(seat=seat).order_by("skill_id")
    return {row.skill_id: (row.level, row.hard) for row in rows}


def seats_on(rota_id: int) -> list[Seat]:
    """The rota's seats, in order, without those that were removed."""
    return list(Seat.objects.filter(rota=rota_id, removed_at=None).select_related("rota").order_by("position", "id"))


def no_seat(seat_key: str) -> NotFound:
    """The refusal for a seat that does not exist."""
    return NotFound(
        _("The seat %r was named.") % seat_key[:60], _("There is none."), _("Choose one of a rota's seats.")
    )


def _no_rota(rota_id: int) -> NotFound:
    return NotFound(_("The rota %s was named.") % rota_id, _("There is none."), _("Choose one of the rotas."))


def _plan_of(seat_key: str) -> resolve.Rota:
    rota_id = Seat.objects.filter(key=seat_key, removed_at=None).values_list("rota_id", flat=True).first()
    if rota_id is None:
        raise no_seat(seat_key)
    return load_rota(rota_id)


def _read_rotas(rota_ids: Iterable[int]) -> dict[int, resolve.Rota]:
    rotas = list(Rota.objects.filter(id__in=list(rota_ids)))
    seats = list(Seat.objects.filter(rota__in=rotas, removed_at=None).order_by("position", "id"))
    layers = list(Layer.objects.filter(seat__in=seats).order_by("position", "id"))
    members = _members_of(layers)
    layers_of: dict[int, list[resolve.Layer]] = {}
    for layer in layers:
        # Between two of these queries the layers may have been replaced; `load_rotas` then reads again.
        if layer.id in members:
            layers_of.setdefault(layer.seat_id, []).append(decide.read_layer(_plain(layer, members[layer.id])))
    shifts_of: dict[int, list[resolve.Shift]] = {}
    for shift in PlannedShift.objects.filter(seat__in=seats, published=True).order_by("starts_at"):
        published = resolve.Shift(shift.starts_at, shift.ends_at, ("person", shift.person_id))
        shifts_of.setdefault(shift.seat_id, []).append(published)
    keys = {seat.id: seat.key for seat in seats}
    overrides_of: dict[int, list[resolve.Override]] = {}
    for override in _in_force(Override.objects.filter(seat__in=seats)).select_related("seat"):
        overrides_of.setdefault(override.seat.rota_id, []).append(_override(override, keys[override.seat_id]))
    seats_of: dict[int, list[resolve.Seat]] = {}
    for seat in seats:
        resolved = resolve.Seat(
            seat.key, seat.name, tuple(layers_of.get(seat.id, ())), tuple(shifts_of.get(seat.id, ()))
        )
        seats_of.setdefault(seat.rota_id, []).append(resolved)
    return {
        rota.id: resolve.Rota(rota.zone, tuple(seats_of.get(rota.id, ())), tuple(overrides_of.get(rota.id, ())))
        for rota in rotas
    }


def _members_of(layers: list[Layer]) -> dict[int, list[dict[str, int]]]:
    found: dict[int, list[dict[str, int]]] = {}
    rows = LayerMember.objects.filter(layer__in=layers).order_by("layer", "position")
    for layer_id, person_id, team_id in rows.values_list("layer_id", "person_id", "team_id"):
        found.setdefault(layer_id, []).append({"person": person_id} if person_id is not None else {"team": team_id})
    return found


def _plain(layer: Layer, members: list[dict[str, int]]) -> dict[str, Any]:
    return {
        "members": members,
        "anchor": layer.anchor,
        "turn": layer.turn,
        "every": layer.every,
        "restrict": layer.restrict,
        "weekdays": layer.weekdays,
        "nation": layer.nation,
        "starts_on": layer.starts_on,
        "ends_on": layer.ends_on,
    }


def _in_force(overrides: Any) -> Any:
    return overrides.filter(Q(cancelled_at=None) | Q(cancelled_at__gt=F("starts_at")))


def _override(row: Override, seat_key: str) -> resolve.Override:
    return resolve.Override(
        seat=seat_key,
        kind=resolve.OverrideKind(row.kind),
        start=row.starts_at,
        end=row.ends_at,
        order=row.id,
        member=("person", row.member_id) if row.member_id is not None else None,
        instead_of=("person", row.instead_of_id) if row.instead_of_id is not None else None,
    )
