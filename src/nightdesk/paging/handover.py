"""What paging has to say in a handover note: open pages, what is kept quiet, and what woke the last holder."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from nightdesk.channels.models import Delivery
from nightdesk.channels.registry import LOUD
from nightdesk.duty.models import Hold
from nightdesk.duty.note import Line, Section, Shift
from nightdesk.paging import decide, queries
from nightdesk.paging.models import Page, Policy
from nightdesk.people.models import Person
from nightdesk.rota.models import Seat

SOON = timedelta(hours=4)
LOOKED_AT = 200
"""Pages of a shift that are looked through for who was woken by them."""


def open_pages(shift: Shift) -> Section:
    """Pages that are not resolved: who has each, or that nobody has."""
    lines = []
    for page in queries.open_pages({shift.brand_id}):
        who = _("{name} has it").format(name=page.owner.name) if page.owner else _("nobody has it")
        told = f"P{page.priority} {page.title} · {who}"
        lines.append(Line(str(page.id), told, page.snoozed_until, ("page", str(page.id))))
    return Section("pages", _("Open pages"), tuple(lines))


def kept_quiet(shift: Shift) -> Section:
    """Silences that hold and end within the turn or soon, and planned work that is on or begins within it."""
    brands = {shift.brand_id}
    ahead = max(shift.until - shift.at, SOON)
    lines = [
        Line(str(work.id), _("Planned work: {title}").format(title=work.title), work.from_at, None)
        if work.from_at > shift.at
        else Line(str(work.id), _("Planned work is on: {title}").format(title=work.title), work.until_at, None)
        for work in queries.work_now(brands, shift.at, ahead)
    ]
    lines += [
        Line(f"silence-{row.pk}", _("Kept quiet: {what}").format(what=queries.told_of(row)), row.until_at)
        for row in queries.silences_now(brands, shift.at)
        if row.work_id is None
    ]
    return Section("quiet", _("Kept quiet, and planned"), tuple(lines))


def woke(shift: Shift) -> Section:
    """The pages that rang the holder since they have the seat, and who took each."""
    if shift.holder_id is None:
        return Section("woke", "")
    first = _first_rings([shift.brand_id], [shift.holder_id], shift.since, shift.at)
    lines = [
        Line(str(page.id), f"{localtime(rang_at):%H:%M} {_taken(page)}", None, ("page", str(page.id)))
        for page, rang_at in first
    ]
    return Section("woke", _("What woke the last holder"), tuple(lines))


def happened_at(seats: Collection[int], person_id: int, since: datetime, until: datetime) -> list[str]:
    """What rang whoever stood in for that person at these seats, a line a page: for the summary when they are back."""
    brands = list(Seat.objects.filter(id__in=seats).values_list("rota__brand_id", flat=True))
    others = [person.id for person in Person.objects.filter(active=True).exclude(id=person_id)]
    keys = set(Seat.objects.filter(id__in=seats).values_list("key", flat=True))
    return [
        f"{localtime(rang_at):%H:%M} {_taken(page)}"
        for page, rang_at in _first_rings(brands, others, since, until)
        if any(target.key in keys for step in queries.ladder_of(page).steps for target in step.targets)
    ]


def next_in_escalation(seat: Seat, at: datetime) -> list[int]:  # noqa: ARG001 - the hook's shape
    """Who comes after the seat in the brand's policies, in their order: the people behind the next step of each."""
    found: list[int] = []
    for policy in Policy.objects.filter(brand_id=seat.rota.brand_id).order_by("id"):
        steps = decide.policy_from_json(policy.stamp).steps
        for step, after in pairwise(steps):
            if any(target.kind == "seat" and target.key == seat.key for target in step.targets):
                found += [person for target in after.targets for person in _behind(target)]
    return list(dict.fromkeys(found))


def _behind(target: decide.Target) -> list[int]:
    if target.kind == "person":
        return [int(target.key)] if target.key.isdecimal() else []
    if target.kind == "seat":
        holds = Hold.objects.filter(seat__key=target.key, until_at=None)
        return list(holds.values_list("person_id", flat=True))
    return []


def _first_rings(
    brands: Sequence[int], people: Sequence[int], since: datetime, until: datetime
) -> list[tuple[Page, datetime]]:
    """Pages that a loud way of one of `people` carried in [`since`, `until`], with the first time, in that order."""
    pages = Page.objects.filter(brand_id__in=brands, shadow=False).exclude(resolved_at__lt=since)
    by_id = {str(page.id): page for page in pages.select_related("owner").order_by("-started_at")[:LOOKED_AT]}
    rows = Delivery.objects.filter(
        subject_kind="page",
        subject_id__in=list(by_id),
        recipient_kind="person",
        recipient_id__in=[str(person) for person in people],
        channel__in=LOUD,
        due_at__gte=since,
        due_at__lte=until,
        accepted_at__isnull=False,
    )
    first: dict[str, datetime] = {}
    for subject_id, at in rows.order_by("accepted_at").values_list("subject_id", "accepted_at"):
        if at is not None:
            first.setdefault(subject_id, at)
    return [(by_id[subject_id], at) for subject_id, at in first.items()]


def _taken(page: Page) -> str:
    who = _("{name} took it").format(name=page.owner.name) if page.owner else _("nobody took it")
    return f"P{page.priority} {page.title} · {who}"
