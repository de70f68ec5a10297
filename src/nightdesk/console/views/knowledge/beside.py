"""What is known, shown beside a page, a ticket or a call: what to do, step by step, and what to say.

`beside` gives what console/parts/procedures.html draws; any screen of a subject (kind, id) includes it with that.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from nightdesk.base.actors import Door
from nightdesk.console.views.knowledge.procedures import rendered
from nightdesk.console.views.staff import StaffRequest, done, found, may, may_somewhere, posting, within
from nightdesk.knowledge import queries, run_actions
from nightdesk.knowledge.markdown import plain, steps_of
from nightdesk.knowledge.models import Procedure, Run


def beside(
    request: StaffRequest,
    subject: tuple[str, object] | None,
    *,
    service_id: int | None,
    kinds_of_call: Collection[str],
    brand_id: int,
    component: str = "",
    back: str,
) -> dict[str, Any]:
    """What fits the subject and what was opened for it; `back` is the address of the page that shows it. Without a subject
    there is nowhere that steps could land, and what fits is only read.

    {"runs", "fits", "sayings", "changes": title of each that one may propose a change of, by its address, "back", "any",
    "write_url"}; nothing where the reader may not read it.
    """
    about = f"{subject[0]}:{subject[1]}" if subject else ""
    known: dict[str, Any] = {"runs": [], "fits": [], "sayings": [], "back": f"{back}#procedures"}
    if may(request, "read_procedures", brand_id):
        runs = queries.runs_about((subject[0], str(subject[1]))) if subject else []
        opened = {each.run.procedure_id for each in runs if each.run.finished_at is None}
        fits = queries.procedures_for(service_id, kinds_of_call, brand_id, component)
        known["runs"] = [_run(request, each, brand_id) for each in runs]
        known["fits"] = [
            _fit(request, each, about, first=not runs and place == 0)
            for place, each in enumerate(row for row in fits if row.pk not in opened)
        ]
    if may(request, "read_sayings", brand_id):
        known["sayings"] = queries.sayings_for(
            service_id, {"call" if kind == "alarm" else kind for kind in kinds_of_call}, brand_id
        )
    either = [*known["runs"], *known["fits"]]
    known["changes"] = {each["propose_url"]: each["title"] for each in either if each["propose_url"]}
    known["any"] = bool(known["runs"] or known["fits"] or known["sayings"])
    known["write_url"] = reverse("console:new_procedure") if may_somewhere(request, "make_procedure") else ""
    return known


def _run(request: StaffRequest, now: queries.RunNow, brand_id: int) -> dict[str, Any]:
    return {
        "id": now.run.id,
        "title": now.run.version.title,
        "url": reverse("console:procedure_version", args=[now.run.procedure_id, now.run.version.number]),
        "html": rendered(now.run.version.body),
        "by": now.run.by_name,
        "at": now.run.at,
        "done": now.done,
        "of": len(now.steps),
        "open": now.run.finished_at is None,
        "settle_url": reverse("console:settle_step", args=[now.run.id])
        if may(request, "settle_step", brand_id)
        else "",
        "propose_url": _propose_url(
            request, now.run.procedure_id, f"{now.run.subject_kind}:{now.run.subject_id}", brand_id
        ),
        "steps": [
            {"number": each.step.number, "text": plain(each.step.text), "settled": each.settled} for each in now.steps
        ],
    }


def _fit(request: StaffRequest, each: Procedure, about: str, *, first: bool) -> dict[str, Any]:
    assert each.published is not None
    steps = len(steps_of(each.published.body))
    opens = steps and about and may(request, "open_procedure", each.brand_id)
    return {
        "id": each.pk,
        "title": each.title,
        "html": rendered(each.published.body),
        "url": reverse("console:procedure", args=[each.pk]),
        "steps": steps,
        "open_url": reverse("console:open_procedure", args=[each.pk]) if opens else "",
        "about": about,
        "first": first,
        "propose_url": _propose_url(request, each.pk, about, each.brand_id),
    }


def _propose_url(request: StaffRequest, procedure_id: int, about: str, brand_id: int) -> str:
    """Where the reader proposes a change of it; "" where they may not."""
    if not may(request, "propose_change", brand_id):
        return ""
    url = reverse("console:propose_change", args=[procedure_id])
    return f"{url}?about={about}" if about else url


@posting("open_procedure")
def open_procedure(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """Work through it for the page or ticket that `about` names: "page:ID"."""
    row = found(Procedure.objects.filter(within(request.brands), id=procedure_id), _("You asked for a procedure."))
    kind, _colon, subject_id = request.POST.get("about", "").partition(":")
    subject = (kind[:30], subject_id[:60])
    run = run_actions.open_procedure(
        procedure_id=row.pk, subject=subject, by=request.actor, via=Door.WEB, at=request.at
    )
    text = _("“{title}” is open here, step by step.").format(title=run.version.title)
    return done(request, text, "console:procedure", row.pk)


@posting("settle_step")
def settle_step(request: StaffRequest, run_id: UUID) -> HttpResponse:
    """A step is done, left out, or open again."""
    rows = Run.objects.filter(within(request.brands, "procedure__brand_id"), id=run_id)
    run = found(rows, _("You asked for a procedure that was opened."))
    number = request.POST.get("number", "")
    run_actions.settle_step(
        run_id=run.id,
        number=int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 0,
        outcome=request.POST.get("outcome", "")[:10],
        note=request.POST.get("note", ""),
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("Noted."), "console:procedure", run.procedure_id)
