"""What the ways to reach our own people run over, and the warning when a fault, or planned work, cuts one off on duty."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import NotFound
from nightdesk.channels.actions import supersede_deliveries
from nightdesk.channels.registry import LOUD
from nightdesk.duty import actions as duty
from nightdesk.duty.coverage_queries import span_in_words
from nightdesk.duty.queries import on_between
from nightdesk.journal.kinds import kind
from nightdesk.outages.models import Part, WayPart, WayWarning, Work
from nightdesk.outages.way_queries import Cut, cuts, has_ways
from nightdesk.paging.decide import Urgency
from nightdesk.paging.queries import would_be_sent
from nightdesk.paging.telling import tell_loudly, tell_quietly
from nightdesk.people.actions import _method, _record
from nightdesk.people.models import ContactMethod, Person, Team

WAY_PARTS_SET = kind("person.way_parts_set", gettext_lazy("{by} said what {person}'s {channel} runs over: {parts}"))
WAY_CUT = kind("person.way_cut", gettext_lazy("{person} cannot be reached by {channel}, and is {seat}: {why}"))
WAY_BACK = kind("person.way_back", gettext_lazy("The warning about {person}'s {channel} is withdrawn"))

CHECK = "outages.ways"
"""Promise to see whether anybody who is on duty, or soon will be, has a way cut off."""

AHEAD = timedelta(hours=24)
AGAIN = timedelta(hours=6)
"""How long until it is looked again while something is cut, or will be: others may have come on."""


@transaction.atomic
def save_way_parts(*, method_id: int, part_ids: Collection[int], by: Actor, via: Door, at: datetime) -> list[Part]:
    """The contact method runs over these parts, and no others: while one of them is down it reaches nobody, and another way is
    used. One's own needs only `edit_own_contacts`. Repeating it changes nothing. Raises Forbidden, NotFound.
    """
    method, person = _method(method_id, by, "save_way_parts", own=True)
    parts = list(Part.objects.filter(pk__in=part_ids, retired_at=None).order_by("key"))
    if missing := set(part_ids) - {part.pk for part in parts}:
        raise NotFound(
            _("It was to be said what a way to reach %s runs over.") % person.name,
            _("There is no part %s in use.") % min(missing),
            _("Look at the list of parts."),
        )
    before = set(WayPart.objects.filter(method=method).values_list("part_id", flat=True))
    wanted = {part.pk for part in parts}
    if before != wanted:
        WayPart.objects.filter(method=method, part__in=before - wanted).delete()
        WayPart.objects.bulk_create(WayPart(method=method, part_id=part_id) for part_id in wanted - before)
        names = ", ".join(part.key for part in parts) or _("nothing of ours")
        _record(WAY_PARTS_SET, person, by, via, at, channel=method.channel, method=method.pk, parts=names)
    return parts


@transaction.atomic
def check_ways(*, by: Actor, via: Door, at: datetime) -> str:
    """Whoever is on duty within a day, and has a way that is cut off then, is warned, and so are their managers: once a way and
    cause. What can be used again is withdrawn. Promises to look again. Says what came of it.
    """
    # Before anything is read: what is promised from here on follows from something that may not have been seen.
    void_promises(("ways", "all"), at=at, kinds=[CHECK])
    end = at + AHEAD + datetime.resolution  # what begins just then is looked at now
    found = cuts(at, end)
    on = on_between(at, end) if found else {}
    hit: dict[tuple[int, object], tuple[Cut, str]] = {}
    for cut in found:
        for seat, begins, ends in on.get(cut.person_id, ()):
            if cut.overlaps(begins, ends):
                hit.setdefault((cut.method_id, cut.cause_id), (cut, seat.name))
    open_rows = list(
        WayWarning.objects.select_for_update(of=["self"]).filter(withdrawn_at=None).select_related("method__person")
    )
    for row in open_rows:
        if (row.method_id, row.cause_id) not in hit:
            row.withdrawn_at = at
            row.save(update_fields=["withdrawn_at"])
            supersede_deliveries(subject=("way", row.pk), by=by, via=via, at=at)
            _record(WAY_BACK, row.method.person, by, via, at, channel=row.method.channel, method=row.method_id)
    known = {(row.method_id, row.cause_id) for row in open_rows}
    new = [hit[key] for key in hit if key not in known]
    for cut, seat_name in new:
        _warn(cut, seat_name, by, via, at)
    # Whether somebody can be woken at all is duty's to say.
    touched = {cut.person_id for cut, _seat in new} | {row.method.person_id for row in open_rows if row.withdrawn_at}
    for person_id in sorted(touched):
        why = _("a way to reach them was cut off, or works again")
        promise(duty.REACH, subject=("person", person_id), due_at=at, why=why, at=at)
    _promise_look(found, at)
    return _("%(new)d new, %(all)d in all.") % {"new": len(new), "all": len(hit)}


def _warn(cut: Cut, seat_name: str, by: Actor, via: Door, at: datetime) -> None:
    method = ContactMethod.objects.select_related("person").get(pk=cut.method_id)
    row = WayWarning.objects.create(method=method, cause_kind=cut.cause_kind, cause_id=cut.cause_id, raised_at=at)
    channel, number = method.channel, method.pk
    _record(WAY_CUT, method.person, by, via, at, channel=channel, method=number, seat=seat_name, why=cut.why)
    others = _others(method.person, method, max(cut.start, at))
    loud = any(each.channel in LOUD for each in others)
    managers = Person.objects.filter(
        id__in=Team.objects.filter(members=method.person).values("manager"), active=True
    ).exclude(pk=method.person.pk)
    for reader in [method.person, *managers]:
        with translation.override(reader.language):
            title, body = _words(cut, method, seat_name, others, reader, at)
        brand_id = _brand_of(method.person)
        if brand_id is None:
            continue
        about = {"kind": "way.cut", "subject": ("way", row.pk), "title": title, "body": body, "brand_id": brand_id}
        doing = {"by": SCHEDULER, "via": Door.WORKER, "at": at}
        if loud or cut.start > at:
            tell_quietly([reader.pk], **about, **doing)  # type: ignore[arg-type]
        else:
            tell_loudly([reader.pk], answers={}, code="", **about, **doing)  # type: ignore[arg-type]


def _others(person: Person, but: ContactMethod, at: datetime) -> list[ContactMethod]:
    """What a page would be sent by at `at`, in order, without the one that is cut."""
    methods = [method for method, _due_at in would_be_sent(person, Urgency.HIGH, at) if method.pk != but.pk]
    return list(dict.fromkeys(methods))


def _words(
    cut: Cut, method: ContactMethod, seat_name: str, others: Sequence[ContactMethod], reader: Person, at: datetime
) -> tuple[str, str]:
    zone = ZoneInfo(reader.zone)
    when = _("now") if cut.start <= at else _("from %s on") % f"{cut.start.astimezone(zone):%a %H:%M}"
    if cut.start > at and cut.end is not None:
        when = span_in_words(cut.start, cut.end, zone)
    said = {"name": method.person.name, "way": f"{method.channel} {method.address}", "when": when, "seat": seat_name}
    if reader.pk == method.person.pk:
        title = _("You cannot be reached by %(way)s %(when)s") % said
    else:
        title = _("%(name)s, %(seat)s, cannot be reached by %(way)s %(when)s") % said
    used = ", ".join(dict.fromkeys(f"{each.channel} {each.address}".strip() for each in others))
    body = _("Because of %s.") % cut.why + " "
    body += _("Pages go by %s instead.") % used if used else _("There is no other way: put somebody else on.")
    return title, body


def _brand_of(person: Person) -> int | None:
    return Team.objects.filter(members=person).order_by("pk").values_list("brand_id", flat=True).first()


def _promise_look(found: Sequence[Cut], at: datetime) -> None:
    """Look again when planned work comes near, begins and ends; and while something is cut now and then."""
    if not has_ways(None):
        return
    works = Work.objects.filter(
        state__in=[Work.State.ANNOUNCED, Work.State.IN_PROGRESS], parts__isnull=False
    ).distinct()
    looks = [
        edge
        for from_at, until_at in works.values_list("from_at", "until_at")
        for edge in (from_at - AHEAD, from_at, until_at)
    ]
    looks += [at + AGAIN] if found else []
    due_at = min((look for look in looks if look > at), default=None)
    if due_at is not None:
        why = _("whether whoever is on duty can be reached by all their ways")
        promise(CHECK, subject=("ways", "all"), due_at=due_at, why=why, at=at)
