"""A brand with a service and people, and an instant that only the test moves."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import HANDLERS
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Service
from nightdesk.knowledge import actions, briefing_actions, registries
from nightdesk.knowledge.models import Procedure
from nightdesk.people import actions as people
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person

START = datetime(2026, 11, 14, 3, 0, tzinfo=UTC)
STEPS = "Ring first, then look.\n\n- [ ] Ring the carrier\n- [ ] Look at **sw2**\n"


@dataclass
class Office:
    """See the module. `bo` and `al` are engineers, `mo` a manager; `at` is the present instant."""

    brand: Brand
    lines: Service
    mail: Service
    bo: Person
    al: Person
    mo: Person
    team: Team
    at: datetime = START
    things: dict[str, int] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    """To whom what was said, oldest first."""
    bodies: list[str] = field(default_factory=list)

    def doing(self, person: Person | None = None) -> dict[str, Any]:
        """By that person, or by Nightdesk."""
        return {"by": self.actor(person) if person else SCHEDULER, "via": Door.WEB, "at": self.at}

    def actor(self, person: Person) -> Actor:
        return actor_of_person(person.pk)

    def procedure(self, title: str = "Line is down", body: str = STEPS, **where: Any) -> Procedure:
        """A published procedure of Bo's."""
        row = actions.make_procedure(
            brand_id=self.brand.pk,
            title=title,
            body=body,
            where=where or None,
            **self.doing(self.bo),  # type: ignore[arg-type]
        )
        return actions.publish_procedure(procedure_id=row.pk, number=1, **self.doing())

    def thing(self, brand: Brand | None = None) -> tuple[str, str]:
        """Something that a procedure can be worked through for, as pages and tickets are."""
        subject = ("thing", uuid4().hex)
        self.things[subject[1]] = (brand or self.brand).pk
        return subject

    def later(self, span: timedelta) -> list[str]:
        """Time goes by, and the promises of this room that fall due are kept; what each did."""
        end, said = self.at + span, []
        while row := Promise.objects.filter(ended_at=None, due_at__lte=end, kind__in=OURS).order_by("due_at").first():
            self.at = max(self.at, row.due_at)
            with clock.replaced_by(lambda: self.at):
                said.append(HANDLERS[row.kind].run(row, self.at))
            Promise.objects.filter(id=row.id).update(ended_at=self.at, ended_as=Promise.Ending.KEPT)
        self.at = end
        return said

    def tell(self, person_ids: Collection[int], *, title: str, **more: Any) -> int:
        """Stands where the channels are; remembers whom something was said to."""
        names = dict(Person.objects.values_list("id", "name"))
        self.told += [(names[each], title) for each in person_ids]
        self.bodies.append(more["body"])
        return len(person_ids)


OURS = ("procedure.review", "procedure.tell", "briefing.remind", "briefing.joined")


@pytest.fixture
def office(db: None, monkeypatch: pytest.MonkeyPatch) -> Office:
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": START}
    brand = access.make_brand(name="Quay", slug="quay", **doing)
    lines = customers.make_service(brand_id=brand.pk, key="lines", name="Lines", **doing)
    mail = customers.make_service(brand_id=brand.pk, key="mail", name="Mail", **doing)
    made = {}
    for name, role in (("Bo", "engineer"), ("Al", "engineer"), ("Mo", "manager")):
        user = access.make_user(email=f"{name}@quay.example", name=name, brand_id=brand.pk, **doing)
        access.grant_role(user_id=user.pk, role=role, brand_id=brand.pk, **doing)
        person = people.make_person(name=name, user_id=user.pk, brand_id=brand.pk, **doing)
        made[name] = person
    team = people.make_team(brand_id=brand.pk, name="Night", **doing)
    people.set_team_members(
        team_id=team.pk, person_ids=[made["Bo"].pk, made["Al"].pk], manager_id=made["Mo"].pk, **doing
    )
    office = Office(brand, lines, mail, made["Bo"], made["Al"], made["Mo"], team)
    monkeypatch.setitem(registries.BRANDS_OF, "thing", office.things.get)
    monkeypatch.setattr(registries, "TELL", [office.tell])
    monkeypatch.setattr(actions, "TELL", [office.tell])
    monkeypatch.setattr(briefing_actions, "TELL", [office.tell])
    return office
