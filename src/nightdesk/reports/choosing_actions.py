"""Verbs of comparisons: saved under a name, copied, deleted and had back; and which approach was chosen."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.reports import choosing_words
from nightdesk.reports.choosing_stored import BadInputs, as_plain, case_of, read_inputs
from nightdesk.reports.models import Comparison

SAVED = kind("comparison.saved", gettext_lazy("{by} saved the comparison of approaches {name}"))
DELETED = kind("comparison.deleted", gettext_lazy("{by} deleted the comparison of approaches {name}"))
RESTORED = kind("comparison.restored", gettext_lazy("{by} had the comparison of approaches {name} back"))
CHOSEN = kind("comparison.chosen", gettext_lazy("{by} chose {approach} in the comparison {name}, from {since} on"))


@transaction.atomic
def save_comparison(
    *,
    brand_id: int,
    comparison_id: UUID | None = None,
    name: str,
    inputs: Mapping[str, Any],
    by: Actor,
    via: Door,
    at: datetime,
) -> Comparison:
    """A comparison of the brand, new or changed; `inputs` in the plain values of `choosing_stored`, what is left out as usual.

    A choice that the new inputs do not have any more is taken back. Raises Forbidden, NotFound, and Invalid, whose `errors`
    say by input what is wrong.
    """
    require(by, "save_comparison", brand_id)
    row = _locked(comparison_id, brand_id) if comparison_id is not None else Comparison(brand_id=brand_id)
    row.name = one_line(name, 120, _("name"))
    row.inputs = _kept(inputs)
    row.saved_at, row.saved_by = at, by.name[:120]
    if row.chosen and row.chosen not in case_of(row.inputs).weeks:
        row.chosen, row.chosen_on = "", None
    return _saved(row, SAVED, {}, by, via, at)


@transaction.atomic
def copy_comparison(*, comparison_id: UUID, by: Actor, via: Door, at: datetime) -> Comparison:
    """A new one with the same inputs and nothing chosen, named as a copy. Raises Forbidden, NotFound."""
    of = _locked(comparison_id)
    require(by, "save_comparison", of.brand_id)
    taken = {each.lower() for each in _alive().filter(brand=of.brand_id).values_list("name", flat=True)}
    names = (_("{name} (copy {number})").format(name=of.name[:100], number=number) for number in range(2, 10_000))
    first = _("{name} (copy)").format(name=of.name[:100])
    name = next(each for each in (first, *names) if each.lower() not in taken)
    row = Comparison(brand_id=of.brand_id, name=name, inputs=of.inputs, saved_at=at, saved_by=by.name[:120])
    return _saved(row, SAVED, {"copied": str(of.pk)}, by, via, at)


@transaction.atomic
def delete_comparison(*, comparison_id: UUID, by: Actor, via: Door, at: datetime) -> Comparison:
    """It is in no list any more, and can be had back. Repeating it changes nothing. Raises Forbidden, NotFound."""
    row = _locked(comparison_id, deleted=True)
    require(by, "delete_comparison", row.brand_id)
    if row.deleted_at is not None:
        return row
    row.deleted_at = at
    return _saved(row, DELETED, {}, by, via, at)


@transaction.atomic
def restore_comparison(*, comparison_id: UUID, by: Actor, via: Door, at: datetime) -> Comparison:
    """A deleted one is back. Repeating it changes nothing. Raises Forbidden, NotFound, Invalid where its name was taken since."""
    row = _locked(comparison_id, deleted=True)
    require(by, "delete_comparison", row.brand_id)
    if row.deleted_at is None:
        return row
    row.deleted_at = None
    return _saved(row, RESTORED, {}, by, via, at)


@transaction.atomic
def choose_approach(
    *, comparison_id: UUID, approach: str, since: date | None = None, by: Actor, via: Door, at: datetime
) -> Comparison:
    """That approach, or combination, of the comparison is what is done, from the day `since` on (None: today); "" takes it back.

    Nothing is switched by it: what really happens from then on is held against it. Raises Forbidden, NotFound, Invalid.
    """
    row = _locked(comparison_id)
    require(by, "choose_approach", row.brand_id)
    names = case_of(row.inputs).weeks
    if approach and approach not in names:
        raise Invalid(
            _("The approach %r was chosen.") % approach[:60],
            _("The comparison has none of that name."),
            _("Choose one of %s.") % ", ".join(names),
        )
    row.chosen = approach
    row.chosen_on = (since or at.date()) if approach else None
    facts = {"approach": approach or "-", "since": row.chosen_on.isoformat() if row.chosen_on else "-"}
    return _saved(row, CHOSEN, facts, by, via, at)


def _kept(inputs: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return as_plain(read_inputs(inputs))
    except BadInputs as bad:
        raise choosing_words.refusal_of(bad) from bad


def _saved(row: Comparison, told: str, facts: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> Comparison:
    with unless_taken(
        _("A comparison named %s was to be kept.") % row.name,
        _("The brand has one of this name."),
        _("Change that one, or give another name."),
    ):
        if row._state.adding:
            row.save(force_insert=True)
        else:
            row.save(update_fields=["name", "inputs", "saved_at", "saved_by", "chosen", "chosen_on", "deleted_at"])
    subject = ("comparison", str(row.pk))
    record(told, subject=subject, by=by, via=via, at=at, brand_id=row.brand_id, facts={"name": row.name, **facts})
    return row


def _alive() -> Any:
    return Comparison.objects.filter(deleted_at=None)


def _locked(comparison_id: UUID, brand_id: int | None = None, *, deleted: bool = False) -> Comparison:
    rows = Comparison.objects if deleted else _alive()
    row: Comparison | None = rows.select_for_update().filter(pk=comparison_id).first()
    if row is None or (brand_id is not None and row.brand_id != brand_id):
        raise NotFound(
            _("A comparison of approaches was asked for."), _("There is none of that id."), _("Look at the list.")
        )
    return row
