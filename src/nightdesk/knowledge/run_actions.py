"""Verbs of runs: a procedure opened for a page or a ticket, its check-steps done or left out.

What is done stands in the journal about the subject, and in the story of its ticket.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.knowledge.markdown import plain, steps_of
from nightdesk.knowledge.models import Procedure, Run, SettledStep
from nightdesk.knowledge.registries import NOTE_STEP, brand_of

RUN_OPENED = kind("run.opened", gettext_lazy("{by} opened the procedure {procedure}, version {version}"))

_SAID = {
    "done": gettext_lazy("{procedure}, step {step} of {steps}: {words}"),
    "skipped": gettext_lazy("{procedure}, step {step} of {steps} left out: {words}"),
    "open": gettext_lazy("{procedure}, step {step} of {steps} is open again: {words}"),
}
STEP_DONE = kind("run.step_done", _SAID["done"])
STEP_SKIPPED = kind("run.step_skipped", _SAID["skipped"])
STEP_REOPENED = kind("run.step_reopened", _SAID["open"])
_KINDS = {"done": STEP_DONE, "skipped": STEP_SKIPPED, "open": STEP_REOPENED}


@transaction.atomic
def open_procedure(*, procedure_id: int, subject: tuple[str, str], by: Actor, via: Door, at: datetime) -> Run:
    """The published version is worked through for the subject, a page or a ticket of the same brand.

    While one is open for it, that one comes back. Raises Forbidden, NotFound, IllegalTransition (nothing is published).
    """
    row = Procedure.objects.select_for_update(no_key=True).filter(id=procedure_id).first()
    require(by, "open_procedure", row.brand_id if row else None)
    asked = _("You wanted to work through a procedure.")
    if row is None:
        raise NotFound(asked, _("There is no such procedure."), _("Look at the list."))
    if brand_of(*subject) != row.brand_id:
        raise NotFound(asked, _("There is no such page or ticket of this brand."), _("Open it from there."))
    known = Run.objects.filter(procedure=row, subject_kind=subject[0], subject_id=subject[1], finished_at=None).first()
    if known is not None:
        return known
    if row.published is None or row.retired_at is not None:
        raise IllegalTransition(asked, _("Nothing of it is published."), _("Publish it first."))
    run = Run.objects.create(
        procedure=row,
        version=row.published,
        subject_kind=subject[0],
        subject_id=subject[1],
        by_name=by.name[:120],
        at=at,
    )
    _record(RUN_OPENED, run, by, via, at)
    return run


@transaction.atomic
def settle_step(*, run_id: UUID, number: int, outcome: str, note: str = "", by: Actor, via: Door, at: datetime) -> Run:
    """That check-step was "done" or left out ("skipped", which needs a note), or is "open" again. The same changes nothing.

    Raises Forbidden, NotFound (no such run or step), and Invalid, also where it is opened again and so was the procedure.
    """
    run = _locked(run_id, "settle_step", by)
    steps = steps_of(run.version.body)
    step = next((each for each in steps if each.number == number), None)
    asked = _("Step %d of a procedure was to be settled.") % number
    if step is None:
        raise NotFound(asked, _("It has no such step."), _("Look at its steps."))
    note = " ".join(note.split())[:1000]
    if outcome not in ("open", *SettledStep.Outcome.values):
        raise Invalid(asked, _("A step is done, skipped or open."), _("Say one of these."))
    if outcome == SettledStep.Outcome.SKIPPED and not note:
        raise Invalid(asked, _("Nobody said why it is left out."), _("Write why, in a few words."))
    settled = run.settled.filter(number=number).first()
    if (settled.outcome if settled else "open") == outcome and (settled is None or settled.note == note):
        return run
    if settled is not None:
        settled.delete()
    if outcome != "open":
        SettledStep.objects.create(run=run, number=number, outcome=outcome, note=note, by_name=by.name[:120], at=at)
    _see_finished(run, len(steps), asked, at)
    facts = {"step": number, "steps": len(steps), "words": plain(step.text)}
    _record(_KINDS[outcome], run, by, via, at, text=note, **facts)
    said = _SAID[outcome].format(procedure=run.version.title, **facts)
    for note_step in NOTE_STEP:
        subject = (run.subject_kind, run.subject_id)
        note_step(subject, text=f"{said}. {note}" if note else said, run_id=run.id, by=by, via=via, at=at)
    return run


def _locked(run_id: UUID, verb: str, by: Actor) -> Run:
    runs = Run.objects.select_for_update(of=("self",)).select_related("procedure", "version")
    run = runs.filter(id=run_id).first()
    require(by, verb, run.procedure.brand_id if run else None)
    if run is None:
        raise NotFound(_("You asked for a procedure that was opened."), _("There is none."), _("Open it once more."))
    return run


def _see_finished(run: Run, steps: int, asked: str, at: datetime) -> None:
    """The run is finished when every step is settled, and not before."""
    finished = run.settled.count() == steps
    if finished != (run.finished_at is not None):
        run.finished_at = at if finished else None
        with unless_taken(asked, _("The procedure was opened anew since."), _("Work in the new one.")):
            run.save(update_fields=["finished_at"])


def _record(kind_of: str, run: Run, by: Actor, via: Door, at: datetime, *, text: str = "", **facts: Any) -> None:
    record(
        kind_of,
        subject=(run.subject_kind, run.subject_id),
        by=by,
        via=via,
        at=at,
        brand_id=run.procedure.brand_id,
        facts={"procedure": run.version.title, "version": run.version.number, "run": str(run.id), **facts},
        text=text,
    )
