"""The verbs of service figures: days are added up, desks are a supplier's, and a report goes out by mail."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.calls.models import Line
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.channels.mail_form import MailForm
from nightdesk.desk.models import Supplier
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import ContactMethod, Person, Team
from nightdesk.reports import figure_mail
from nightdesk.reports.definitions import FIGURES, PERSONAL
from nightdesk.reports.figure_queries import cells_of, may_read, next_mail, period_before
from nightdesk.reports.models import DeskSupplier, FigureDay, FigureMail, FigureMonth, Rolled

DESK_SUPPLIED = kind("figures.desk_supplied", gettext_lazy("{by} said who runs the desk of {team}: {supplier}"))
MAIL_SAVED = kind("figures.mail_saved", gettext_lazy("{by} set the report of figures {name}"))
MAIL_SENT = kind("figures.mail_sent", gettext_lazy("The report of figures {name} went to {people} people"))

MAIL = "figures.mail"
"""A report of figures falls due."""


@transaction.atomic
def roll_figures(
    *, brand_id: int, days: Collection[date], by: Actor = SCHEDULER, via: Door = Door.WORKER, at: datetime
) -> int:
    """What happened on these local days of the brand is added up anew, in place of what was; how many cells that made.

    Nothing is journalled: what it writes says nothing that is not on record elsewhere. Raises Forbidden.
    """
    require(by, "roll_figures", brand_id)
    del via
    # One at a time a brand, so that two of them do not write a day twice.
    Rolled.objects.get_or_create(brand_id=brand_id, defaults={"rolled_at": at})
    rolled = Rolled.objects.select_for_update().get(brand_id=brand_id)
    brand = Brand.objects.get(pk=brand_id)
    rows = []
    for first, last in _stretches(days):
        for (figure, day, dimension, value), tally in cells_of(brand, first, last, at).items():
            rows.append(
                FigureDay(
                    brand=brand,
                    figure=figure,
                    dimension=dimension,
                    value=value,
                    day=day,
                    cases=tally.cases,
                    hits=tally.hits,
                    total=tally.total,
                    waiting=tally.waiting,
                    bucket_at=list(tally.buckets),
                    bucket_count=list(tally.buckets.values()),
                )
            )
    FigureDay.objects.filter(brand=brand, day__in=days).delete()
    FigureDay.objects.bulk_create(rows, batch_size=1000)
    _sum_months(rolled, days, at.astimezone(ZoneInfo(brand.zone)).date())
    return len(rows)


def _sum_months(rolled: Rolled, days: Collection[date], today: date) -> None:
    """Each month that is over, and in which a day changed or that never was summed, is what its days add up to."""
    until = today.replace(day=1)
    months = {month for day in days if (month := day.replace(day=1)) < until}
    kept = FigureDay.objects.filter(brand=rolled.brand_id, day__lt=until)
    if rolled.months_until is not None:
        kept = kept.filter(day__gte=rolled.months_until)
    if rolled.months_until is None or rolled.months_until < until:
        months |= set(kept.dates("day", "month"))
        Rolled.objects.filter(pk=rolled.pk).update(months_until=until)
    if not months:
        return
    FigureMonth.objects.filter(brand=rolled.brand_id, month__in=months).delete()
    with connection.cursor() as cursor:
        for month in sorted(months):
            cursor.execute(_MONTH, {"brand": rolled.brand_id, "month": month, "personal": list(PERSONAL)})


_MONTH = """
INSERT INTO reports_figuremonth
    (brand_id, figure, dimension, value, month, cases, hits, total, waiting, bucket_at, bucket_count)
WITH days AS (
    SELECT figure, dimension, value, cases, hits, total, waiting, bucket_at, bucket_count FROM reports_figureday
    WHERE brand_id = %(brand)s AND day >= %(month)s AND day < %(month)s::date + interval '1 month'
      AND dimension <> ALL (%(personal)s)
), spread AS (
    SELECT figure, dimension, value, array_agg(at ORDER BY at) AS bucket_at, array_agg(many ORDER BY at) AS bucket_count
    FROM (
        SELECT figure, dimension, value, b.at, sum(b.many)::bigint AS many
        FROM days, unnest(bucket_at, bucket_count) AS b (at, many) GROUP BY figure, dimension, value, b.at
    ) each GROUP BY figure, dimension, value
)
SELECT %(brand)s, figure, dimension, value, %(month)s, cases, hits, total, waiting,
       coalesce(bucket_at, '{}'), coalesce(bucket_count, '{}')
FROM (
    SELECT figure, dimension, value, sum(cases)::bigint AS cases, sum(hits)::bigint AS hits, sum(total)::bigint AS total,
           sum(waiting)::bigint AS waiting
    FROM days GROUP BY figure, dimension, value
) sums LEFT JOIN spread USING (figure, dimension, value)
"""


@transaction.atomic
def note_rolled(
    *, brand_id: int, since: date, to_xid: int, by: Actor = SCHEDULER, via: Door = Door.WORKER, at: datetime
) -> None:
    """All of the brand's days from `since` on are added up, by what was journalled before transaction `to_xid`."""
    require(by, "roll_figures", brand_id)
    del via
    Rolled.objects.filter(brand_id=brand_id).update(since=since, to_xid=to_xid, rolled_at=at)


def _stretches(days: Collection[date]) -> list[tuple[date, date]]:
    """The days as (first, last) of those that follow each other, at most a week each."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] == timedelta(days=1) and day - found[-1][0] < timedelta(days=7):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


@transaction.atomic
def save_desk_supplier(
    *, team_id: int, supplier_id: int | None, line_id: int | None = None, by: Actor, via: Door, at: datetime
) -> DeskSupplier | None:
    """The team's desk is run by the supplier, None: by ourselves. Calls that `line_id` passes outside are the team's.

    Days that are added up already stay as they were until they are counted again. Raises Forbidden, NotFound, Invalid.
    """
    team = Team.objects.select_related("brand").filter(pk=team_id).first()
    require(by, "save_desk_supplier", team.brand_id if team else None)
    asked = _("It was said who runs a team's desk.")
    if team is None:
        raise NotFound(asked, _("There is no such team."), _("Choose one of the list."))
    if supplier_id is None:
        DeskSupplier.objects.filter(team=team).delete()
        row, name = None, _("ourselves")
    else:
        supplier = Supplier.objects.filter(pk=supplier_id, brand=team.brand).first()
        if supplier is None:
            raise NotFound(asked, _("This brand has no such supplier."), _("Enter the supplier first."))
        if line_id is not None:
            if not Line.objects.filter(pk=line_id, brand=team.brand).exists():
                raise NotFound(asked, _("This brand has no such phone line."), _("Choose one of the list."))
            if DeskSupplier.objects.filter(line_id=line_id).exclude(team=team).exists():
                raise Invalid(
                    asked, _("That line's outside service is another team's."), _("Take it from that one first.")
                )
        row, _is_new = DeskSupplier.objects.update_or_create(
            team=team, defaults={"supplier": supplier, "line_id": line_id}
        )
        name = supplier.name
    facts = {"team": team.name, "supplier": name}
    record(DESK_SUPPLIED, subject=("team", team.pk), by=by, via=via, at=at, brand_id=team.brand_id, facts=facts)
    return row


@transaction.atomic
def save_figure_mail(
    *,
    brand_id: int,
    name: str,
    every: str,
    at_minute: int = 480,
    people: Sequence[int] = (),
    figures: Sequence[str] = (),
    active: bool = True,
    mail_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> FigureMail:
    """The report goes out from now on as it says, to these people of ours; the next one is promised. `figures` empty: all.

    Raises Forbidden, NotFound, Invalid: for who is none of the brand's people, and for one who may not read figures.
    """
    require(by, "save_figure_mail", brand_id)
    asked = _("A report of figures by mail was set.")
    if not name.strip() or every not in FigureMail.Every or not 0 <= at_minute < 1440:
        raise Invalid(asked, _("It needs a name, a week or a month, and a time of the day."), _("Fill in all three."))
    if unknown := [key for key in figures if key not in FIGURES]:
        raise Invalid(asked, _("There is no figure %s.") % unknown[0][:40], _("Choose from the list of figures."))
    wanted = list(Person.objects.filter(pk__in=people, active=True).select_related("user"))
    if not wanted or len(wanted) != len(set(people)):
        raise Invalid(
            asked, _("It goes to nobody, or to somebody who is none of ours."), _("Choose people from the list.")
        )
    for person in wanted:
        if not may_read(person, brand_id):
            raise Invalid(asked, _("%s may not read this brand's figures.") % person.name, _("Give them a role first."))
    if mail_id is None:
        row = FigureMail(brand_id=brand_id)
    else:
        found = FigureMail.objects.select_for_update().filter(pk=mail_id, brand_id=brand_id).first()
        if found is None:
            raise NotFound(asked, _("There is no such report."), _("Look at the list."))
        row = found
    row.name, row.every, row.at_minute, row.active = name.strip()[:80], every, at_minute, active
    row.figures = [key for key in FIGURES if key in figures]
    with unless_taken(asked, _("There is one of that name."), _("Give it another name.")):
        if mail_id is None:
            row.save(force_insert=True)
        else:
            row.save(update_fields=["name", "every", "at_minute", "active", "figures"])
    row.people.set(wanted)
    record(
        MAIL_SAVED, subject=("figure_mail", row.pk), by=by, via=via, at=at, brand_id=brand_id, facts={"name": row.name}
    )
    _promise_next(row, at)
    return row


@transaction.atomic
def send_figure_mail(*, mail_id: int, by: Actor = SCHEDULER, via: Door = Door.WORKER, at: datetime) -> str:
    """The report about the week or month before goes to all who may still read it; the next one is promised.

    Returns what was done. Raises Forbidden.
    """
    row = FigureMail.objects.select_for_update().select_related("brand").filter(pk=mail_id, active=True).first()
    if row is None:
        return _("It is not wanted any more.")
    require(by, "send_figure_mail", row.brand_id)
    first, last = period_before(row, at)
    people = [
        person for person in row.people.select_related("user").filter(active=True) if may_read(person, row.brand_id)
    ]
    addresses = _addresses(people)
    cause = record(
        MAIL_SENT,
        subject=("figure_mail", row.pk),
        by=by,
        via=via,
        at=at,
        brand_id=row.brand_id,
        facts={"name": row.name, "people": len(addresses)},
    )
    for person in people:
        if person.pk not in addresses:
            continue
        with translation.override(person.language):
            letter = figure_mail.letter(row.brand, row.figures, row.name, first, last, at)
        queue_message(
            kind="figures.report",
            subject=("figure_mail", row.pk),
            title=letter.title,
            body=letter.text,
            to=[Recipient("person", person.pk, "email", addresses[person.pk], at)],
            brand_id=row.brand_id,
            cause=cause,
            lane="bulk",
            mail=MailForm(html=letter.html),
            by=by,
            via=via,
            at=at,
        )
    _promise_next(row, at)
    return _("It went to {count} people.").format(count=len(addresses))


def _promise_next(row: FigureMail, at: datetime) -> None:
    void_promises(("figure_mail", row.pk), at=at, kinds=[MAIL])
    if row.active:
        promise(
            MAIL,
            subject=("figure_mail", row.pk),
            due_at=next_mail(row, at),
            why=_("the report of figures {name} is due").format(name=row.name),
            at=at,
            brand_id=row.brand_id,
        )


def _addresses(people: Sequence[Person]) -> dict[int, str]:
    """Where each reads mail: their confirmed address, else the one that they log in with."""
    found = {person.pk: person.user.email for person in people if person.user is not None and person.user.email}
    methods = ContactMethod.objects.filter(
        person__in=people, channel="email", verified_at__isnull=False, broken_at=None
    ).order_by("-pk")
    return found | dict(methods.values_list("person_id", "address"))
