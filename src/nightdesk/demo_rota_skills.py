"""What Quayside's people know, what one must know for its services and customers, and somebody who is new."""

from datetime import datetime, timedelta
from typing import Any

from nightdesk.access.models import Brand
from nightdesk.customers.models import Customer, Service
from nightdesk.customers.need_actions import set_skill_needs
from nightdesk.duty.pairing_actions import pair_newcomer
from nightdesk.outages.part_actions import save_part
from nightdesk.outages.way_actions import save_way_parts
from nightdesk.people import actions as people
from nightdesk.people import skill_actions
from nightdesk.people.models import ContactMethod, Person, Team

SKILLS = {
    "routing": "Routing and lines",
    "mail": "Mail cluster",
    "voice": "Telephone platform",
    "dns": "DNS",
    "german": "German on the phone",
    "lifts": "Lift alarms",
}
LEVELS = {
    "Amara Okafor": {"routing": 3, "mail": 2, "voice": 2, "dns": 2, "german": 2},
    "Jonas Weber": {"routing": 3, "mail": 2, "voice": 1, "dns": 2, "german": 3},
    "Priya Nair": {"routing": 2, "mail": 3, "voice": 3, "dns": 2, "lifts": 3},
    "Mikael Lind": {"routing": 2, "mail": 2, "voice": 2, "dns": 1, "german": 1, "lifts": 1},
    "Ines Duarte": {"routing": 2, "mail": 1},
    "Noor Haddad": {"routing": 1, "mail": 1, "german": 2},
}
NEEDS = {"lines": {"routing": 2}, "mail": {"mail": 2}, "voice": {"voice": 2}, "dns": {"dns": 2}}
"""What one must know for a service. With Nordkai's German it leaves one kind of week without somebody who knows it."""


def teach_company(brand: Brand, at: datetime, doing: dict[str, Any]) -> None:
    """Levels, needs, a newcomer beside whoever has the night, and a mobile number that hangs on its operator's network."""
    skills = {
        key: skill_actions.save_skill(brand_id=brand.pk, key=key, name=name, **doing) for key, name in SKILLS.items()
    }
    team = Team.objects.get(brand=brand, name="Night engineers")
    new = people.make_person(name="Noor Haddad", brand_id=brand.pk, **doing)
    newcomers = people.make_team(brand_id=brand.pk, name="Newcomers", manager_id=team.manager_id, **doing)
    people.set_team_members(team_id=newcomers.pk, person_ids=[new.pk], manager_id=team.manager_id, **doing)
    people.add_contact_method(person_id=new.pk, channel="email", address="noor@quayside.example", **doing)
    ids = dict(Person.objects.values_list("name", "pk"))
    for name, levels in LEVELS.items():
        for key, level in levels.items():
            skill_actions.set_person_skill(person_id=ids[name], skill_id=skills[key].pk, level=level, **doing)
    services = dict(Service.objects.filter(brand=brand).values_list("key", "pk"))
    for key, wanted in NEEDS.items():
        needs = {skills[skill].pk: level for skill, level in wanted.items()}
        set_skill_needs(of=("service", services[key]), needs=needs, **doing)
    nordkai = Customer.objects.get(brand=brand, ref="NL-104")
    set_skill_needs(of=("customer", nordkai.pk), needs={skills["german"].pk: 2}, **doing)
    skill_actions.begin_as_newcomer(person_id=new.pk, **doing)
    pair_newcomer(newcomer_id=new.pk, seat_key="night", starts_at=at, ends_at=at + timedelta(days=28), **doing)
    operator = save_part(
        brand_id=brand.pk, key="mobile-north", name="Mobile network North", kind="shared", provider="North", **doing
    )
    number = ContactMethod.objects.get(person=ids["Amara Okafor"], channel="sms")
    save_way_parts(method_id=number.pk, part_ids=[operator.pk], **doing)
