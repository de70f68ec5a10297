"""Out of reach for a while: the duty stays, what would ring rings whoever stands behind, and on return one summary says
what happened.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.matrix import forbidden, may, require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.duty import decide, queries
from nightdesk.duty.actions import _lock_person
from nightdesk.duty.models import Away, Hold
from nightdesk.duty.reaching import all_ways, local, recipients
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person
from nightdesk.rota.models import Seat

WENT_AWAY = kind("duty.away", gettext_lazy("{person} is out of reach until {until}; {others} stand in"))
CAME_BACK = kind("duty.back", gettext_lazy("{person} is in reach again"))

BACK = "duty.back"
"""Promise to end somebody's being out of reach; its subject is the person."""
LINES_SAID = 8

HAPPENED: list[Callable[[Collection[int], int, datetime, datetime], list[str]]] = []
"""What rang at these seats while that person was out of reach, in lines; filled by `nightdesk.wiring`."""


@transaction.atomic
def go_out_of_reach(*, until_at: datetime, person_id: int | None = None, by: Actor, via: Door, at: datetime) -> Away:
    """What rings the person's seats (None: `by`'s) rings whoever stands behind each, until `until_at`; the duty stays theirs.

    They are told who stands in for whom. Said again, the end moves. For another person only who may set a holder.

    Raises NotFound, Forbidden; Invalid for an end that is over or more than `decide.LONGEST_AWAY` away; IllegalTransition
    where the person holds no seat, or nobody stands behind one of them.
    """
    person = _whose(person_id, by, "go_out_of_reach")
    asked = _("%(person)s is out of reach until %(until)s.") % {
        "person": person.name,
        "until": local(until_at, person),
    }
    if until_at <= at:
        raise Invalid(asked, _("That is over."), _("Give a time to come, such as 18:40."), field="until")
    if until_at - at > decide.LONGEST_AWAY:
        raise Invalid(
            asked, _("That is more than 12 hours from now."), _("Pass the duty to somebody instead."), field="until"
        )
    standing_in = _who_stands_in(person, asked, at)
    row = Away.objects.filter(person=person, ended_at=None).first()
    if row is not None and row.until_at == until_at:
        return row
    if row is None:
        row = Away.objects.create(person=person, from_at=at, until_at=until_at)
    else:
        row.until_at = until_at
        row.save(update_fields=["until_at"])
    void_promises(("person", person.id), at=at, kinds=[BACK])
    brand_id = standing_in[0][0].rota.brand_id
    others = ", ".join(dict.fromkeys(other.name for _seat, other in standing_in))
    entry = record(
        WENT_AWAY,
        subject=("person", person.id),
        by=by,
        via=via,
        at=at,
        brand_id=brand_id,
        facts={
            "person": person.name,
            "person_id": person.id,
            "until": until_at.isoformat(timespec="minutes"),
            "others": others,
            "seats": {seat.key: other.id for seat, other in standing_in},
        },
    )
    promise(
        BACK,
        subject=("person", person.id),
        due_at=until_at,
        why=_("%(person)s is in reach again; until then %(others)s stand in")
        % {"person": person.name, "others": others},
        at=at,
        facts={"away": row.pk},
        cause=entry,
        brand_id=brand_id,
    )
    for seat, other in standing_in:
        _tell_backup(seat, other, person, until_at, at)
    return row


@transaction.atomic
def come_back(*, person_id: int | None = None, by: Actor, via: Door, at: datetime) -> Away | None:
    """The person (None: `by`) is in reach again, and is sent one summary of what happened meanwhile.

    None, and nothing is changed, where they are in reach. Raises NotFound, Forbidden.
    """
    person = _whose(person_id, by, "go_out_of_reach")
    row = Away.objects.filter(person=person, ended_at=None).first()
    if row is not None:
        _end(row, person, by, via, at)
    return row


@transaction.atomic
def end_away(*, away_id: int, by: Actor, via: Door, at: datetime) -> str:
    """The time is over for which somebody was out of reach. Says what came of it."""
    row = Away.objects.filter(id=away_id, ended_at=None).first()
    if row is None or row.until_at > at:
        return _("They are in reach already, or have said a later time.")
    person = Person.objects.select_for_update(no_key=True).get(id=row.person_id)
    _end(row, person, by, via, at)
    return _("%s is in reach again.") % person.name


def _whose(person_id: int | None, by: Actor, verb: str) -> Person:
    wanted = person_id if person_id is not None else by.person_id
    if wanted is None:
        raise Invalid(_("Somebody is out of reach."), _("It is not said who."), _("Name the person."))
    person = _lock_person(wanted)
    brands: set[int | None] = {seat.rota.brand_id for seat in queries.held_by(person.id)}
    for brand_id in brands or {None}:
        if person.id != by.person_id and not may(by, "set_first_holder", brand_id):
            raise forbidden(by, "set_first_holder")
        if person.id == by.person_id and brand_id is not None:
            require(by, verb, brand_id)
    return person


def _who_stands_in(person: Person, asked: str, at: datetime) -> list[tuple[Seat, Person]]:
    """Each of the person's seats, and whom it rings meanwhile. Raises IllegalTransition where that is nobody."""
    seats = sorted(queries.held_by(person.id), key=lambda seat: seat.id)
    if not seats:
        raise IllegalTransition(
            asked, _("They are not on duty, so nothing rings them by a seat."), _("Nothing has to be done.")
        )
    found = []
    for seat in seats:
        people = queries.behind(seat, at)
        away = {*queries.away_at(at, people), person.id}
        other = decide.who_rings(person.id, people, away)
        if other is None or other == person.id:
            raise IllegalTransition(
                asked,
                _("Nobody who is in reach stands behind %s.") % seat.name,
                _("Pass the duty to somebody, or ask a manager to name a seat that stands behind it."),
            )
        found.append((seat, Person.objects.get(id=other)))
    return found


def _end(row: Away, person: Person, by: Actor, via: Door, at: datetime) -> None:
    row.ended_at = min(at, row.until_at) if row.until_at > row.from_at else at
    row.save(update_fields=["ended_at"])
    void_promises(("person", person.id), at=at, kinds=[BACK])
    held = Hold.objects.filter(Q(until_at=None) | Q(until_at__gt=row.from_at), person=person, from_at__lt=row.ended_at)
    seats = list(Seat.objects.filter(holds__in=held).select_related("rota").distinct())
    brand_id = seats[0].rota.brand_id if seats else None
    lines = _what_happened(seats, person, row)
    facts = {"person": person.name, "person_id": person.id, "pages": len(lines)}
    entry = record(CAME_BACK, subject=("person", person.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    with translation.override(person.language), timezone.override(ZoneInfo(person.zone)):
        lines = _what_happened(seats, person, row)
        if lines:
            title = ngettext(
                "While you were out of reach: %d page", "While you were out of reach: %d pages", len(lines)
            ) % len(lines)
        else:
            title = _("While you were out of reach, nothing rang")
        more = [_("and %d more") % (len(lines) - LINES_SAID)] if len(lines) > LINES_SAID else []
        to = all_ways(person, at, loud=False)
        if to:
            queue_message(
                kind="duty.summary",
                subject=("person", person.id),
                title=title,
                body="\n".join(lines[:LINES_SAID] + more),
                to=to,
                brand_id=brand_id,
                cause=entry,
                lane="urgent",
                by=SCHEDULER,
                via=Door.WORKER,
                at=at,
            )


def _what_happened(seats: list[Seat], person: Person, row: Away) -> list[str]:
    until = row.ended_at or row.until_at
    ids = [seat.id for seat in seats]
    return [line for source in HAPPENED for line in source(ids, person.id, row.from_at, until)] if ids else []


def _tell_backup(seat: Seat, other: Person, person: Person, until_at: datetime, at: datetime) -> None:
    with translation.override(other.language):
        facts = {"seat": seat.name, "person": person.name, "until": local(until_at, other)}
        title = _("You stand in for %(seat)s until %(until)s") % facts
        body = _("%(person)s is out of reach. What pages %(seat)s rings you; the duty stays theirs.") % facts
        to: list[Recipient] = recipients(other, at)
        if to:
            queue_message(
                kind="duty.stand_in",
                subject=("person", person.id),
                title=title,
                body=body,
                to=to,
                brand_id=seat.rota.brand_id,
                valid_until=until_at,
                by=SCHEDULER,
                via=Door.WORKER,
                at=at,
            )
