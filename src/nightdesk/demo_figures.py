"""Quayside's last five weeks in figures: each day's calls, tickets that are over, what customers thought; an outside desk."""

from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.calls.models import Call, Line
from nightdesk.customers.models import Customer
from nightdesk.desk.models import Survey, Ticket
from nightdesk.desk.supplier_actions import save_supplier
from nightdesk.knowledge import briefing_actions
from nightdesk.people import actions as people
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person
from nightdesk.reports.figure_actions import save_desk_supplier, save_figure_mail
from nightdesk.reports.tasks import roll_brand

ZONE = ZoneInfo("Europe/London")
DAYS = 35
BEFORE = "before"
"""The exchange of calls that no flow here went through."""
FIRST_NUMBER = 300
"""Of the old tickets; those of today have higher ones."""
TITLES = ("No dial tone at the second desk", "Slow in the afternoon", "A password was forgotten", "The router blinks red",
          "Please move our line to the new office", "Mail comes back")  # fmt: skip


def count_up(brand: Brand, at: datetime, doing: dict[str, Any]) -> None:
    """The weeks have been, and are added up."""
    random = Random(7)  # noqa: S311 - a story, the same each time
    outside = _outside_desk(brand, at, doing)
    ours = list(Person.objects.filter(teams__name="Desk", teams__brand=brand).order_by("pk"))
    _calls(brand, at, random, ours, outside)
    _tickets(brand, at, random)
    manager = Person.objects.get(name__startswith="Ines")
    save_figure_mail(brand_id=brand.pk, name="Week in figures", every="week", people=[manager.pk], **doing)
    roll_brand(brand, at)


def _outside_desk(brand: Brand, at: datetime, doing: dict[str, Any]) -> list[Person]:
    """Two of Answerwell's people answer in the evening; one of them has read what they must know."""
    taken = [people.make_person(name=name, brand_id=brand.pk, **doing) for name in ("Rhona Blair", "Tomos Pugh")]
    team = people.make_team(brand_id=brand.pk, name="Evening desk", **doing)
    people.set_team_members(team_id=team.pk, person_ids=[one.pk for one in taken], manager_id=taken[0].pk, **doing)
    supplier = save_supplier(brand_id=brand.pk, name="Answerwell", email="desk@answerwell.example", **doing)
    save_desk_supplier(team_id=team.pk, supplier_id=supplier.pk, **doing)
    briefing = briefing_actions.make_briefing(
        brand_id=brand.pk,
        title="How we answer for Quayside in the evening",
        body="Say who you are. Ask for the circuit. Never promise a time that is not in the outage's statement.",
        due_at=at + timedelta(days=7),
        team_ids=[team.pk],
        **doing,
    )
    briefing_actions.confirm_briefing(briefing_id=briefing.pk, **doing | {"by": actor_of_person(taken[0].pk)})
    return taken


def _calls(brand: Brand, at: datetime, random: Random, ours: list[Person], outside: list[Person]) -> None:
    line = Line.objects.get(brand=brand, name="Support")
    customers = list(Customer.objects.filter(brand=brand).order_by("pk"))
    rows = []
    for back in range(1, DAYS + 1):
        day = (at - timedelta(days=back)).astimezone(ZONE).date()
        for _call in range(6 if day.weekday() >= 5 else 14):
            hour = random.choice((7, 9, 9, 10, 11, 14, 15, 16, 19, 20, 21, 2))
            came_at = datetime(
                day.year, day.month, day.day, hour, random.randrange(60), random.randrange(60), tzinfo=ZONE
            )
            evening = hour >= 18
            by_whom = random.choice(outside if evening else ours)
            waits = random.choice((3, 4, 6, 8, 9, 11, 15, 24) if evening else (2, 3, 4, 5, 6, 8, 9, 10, 11, 14))
            gave_up = random.random() < 0.04
            customer = random.choice([*customers, None])
            rows.append(
                Call(
                    id=uuid7(came_at),
                    line=line,
                    exchange=BEFORE,
                    number=f"+4420794601{random.randrange(40, 90)}",
                    called=line.numbers[0],
                    came_at=came_at,
                    customer=customer,
                    answered_at=None if gave_up else came_at + timedelta(seconds=waits),
                    answered_by="" if gave_up else "desk",
                    answered_person=None if gave_up else by_whom,
                    ended_at=came_at + timedelta(minutes=random.randrange(1, 9)),
                    ended_as="abandoned" if gave_up else "answered",
                )
            )
    Call.objects.bulk_create(rows)


def _tickets(brand: Brand, at: datetime, random: Random) -> None:
    teams = {team.name: team for team in Team.objects.filter(brand=brand)}
    customers = list(Customer.objects.filter(brand=brand).order_by("pk"))
    tickets, surveys = [], []
    for number in range(70):
        opened_at = at - timedelta(days=1 + number * (DAYS - 1) / 70, minutes=random.randrange(600))
        outside = number % 4 == 3
        done_at = opened_at + timedelta(minutes=random.choice((25, 50, 90, 240, 1400)) * (2 if outside else 1))
        ticket = Ticket(
            id=uuid7(opened_at),
            brand=brand,
            number=FIRST_NUMBER - number,
            kind="incident",
            state="closed",
            title=random.choice(TITLES),
            customer=random.choice(customers),
            trust="verified",
            impact="low",
            urgency="low",
            priority=4,
            owner=teams["Desk"],
            team=teams["Evening desk" if outside else "Desk"],
            came_by="mail",
            opened_at=opened_at,
            changed_at=done_at,
            first_response_at=opened_at + timedelta(minutes=random.randrange(4, 45)),
            resolved_at=done_at,
            closed_at=done_at + timedelta(days=1),
            reopened=int(random.random() < 0.08),
            what_was_wrong="A setting.",
            what_was_done="It was set right.",
            what_to_do="Nothing.",
        )
        tickets.append(ticket)
        if number % 2:
            score = random.choice((2, 3, 4, 5) if outside else (3, 4, 5, 5))
            surveys.append(
                Survey(
                    ticket=ticket,
                    brand=brand,
                    address="somebody@customer.example",
                    digest=f"{number:064x}",
                    team=ticket.team,
                    asked_at=done_at,
                    score=score,
                    answered_at=done_at + timedelta(hours=1),
                )
            )
    Ticket.objects.bulk_create(tickets)
    Survey.objects.bulk_create(surveys)
