"""Every address of the program, asked as somebody who takes messages for one client: what opens is known here, and says nothing
of customers, of how anybody is reached, or of another brand.

The addresses are those of the URLconf, so that a new one is walked without being named here.
"""

import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers.models import Contact, Customer
from nightdesk.people import actions as people
from nightdesk.people.models import ContactMethod
from tests.api.conftest import START
from tests.api.world import world_of
from tests.test_walk import OPEN_TO_ALL, SHUT, every_address, text_of

OPENS = re.compile(
    r"^/($|find$|bureau/|pages(/|\.csv)|outages(/|\.csv)|rota(/|\.csv)|maintenance(/|\.csv)|knowledge/(sayings|briefings)|people/me|pocket"
    r"|load|worked|push|devices?/|digest|pay|people/\d+/digest)"
)
"""What the role `bureau` may open: the desk, pages (proof of delivery), approved words, who is on, their own ways."""


@pytest.fixture
def operator(db: None) -> tuple[Client, dict[str, Any], dict[str, Any]]:
    """Signed in with the one role in the first of two brands; the things of both."""
    doing: dict[str, Any] = {"by": OPERATOR, "via": Door.CLI, "at": START}
    mine, theirs = (access.make_brand(name=name, slug=name.lower(), **doing) for name in ("Acme", "Zeppelin"))
    user = access.make_user(email="ola@bureau.example", name="Ola", **doing)
    access.grant_role(user_id=user.pk, role="bureau", brand_id=mine.pk, **doing)
    people.make_person(name="Ola", user_id=user.pk, brand_id=mine.pk, **doing)
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client, world_of(mine), world_of(theirs)


def secrets_of(brand: str) -> set[str]:
    """Names of customers and contacts of the brand, and every way to reach its people."""
    of = Brand.objects.get(slug=brand)
    found = set(Customer.objects.filter(brand=of).values_list("name", flat=True))
    contacts = Contact.objects.filter(customer__brand=of)
    found |= set(contacts.values_list("phone", flat=True)) | set(contacts.values_list("email", flat=True))
    ways = ContactMethod.objects.filter(person__teams__brand=of)
    return {one for one in found | set(ways.values_list("address", flat=True)) if len(one) > 3}


def test_somebody_who_takes_messages_opens_what_they_need_and_reads_of_nobody_how_they_are_reached(
    operator: tuple[Client, dict[str, Any], dict[str, Any]],
) -> None:
    client, mine, theirs = operator
    guesses = {"int": 1, "uuid": UUID(int=7), "slug": "x", "str": "x", "path": "x"}
    told_of = secrets_of("acme") | secrets_of("zeppelin") | {"Zeppelin", "zeppelin"}
    wrong = []
    opened = set()
    with clock.replaced_by(lambda: START):
        for address in every_address():
            if address.route.startswith("/api/") or address.of_a_customer:
                continue  # asked as every role in tests/api/test_roles.py, and as every customer in tests/test_walk.py
            for whose in (mine, theirs):
                things = whose | {
                    "client_id": whose["bureau_client_id"],
                    "message_id": whose["bureau_message_id"],
                    "number": 1,
                }
                values = {name: things.get(name, guesses[kind]) for kind, name in address.parameters}
                path = address.filled(values)
                answer = client.get(path)
                if answer.status_code >= 500:
                    wrong.append(f"{path} broke: {answer.status_code}")
                if answer.status_code in SHUT or OPEN_TO_ALL.match(path):
                    continue
                opened.add(address.route)
                if not OPENS.match(path):
                    wrong.append(f"{path} is open to the bureau")
                # A page may be about a customer, and says whom.
                known = {"Bakery acme"} if re.match(r"^/($|pages|pocket)", path) else set()
                wrong += [f"{path} tells of {word}" for word in told_of - known if word in text_of(answer)]
                if whose is theirs and "<" in address.route and things.keys() & values.keys() - {"number"}:
                    wrong.append(f"{path} is another brand's, and opens")
    assert wrong == [], "\n".join(wrong)
    assert {"/bureau/", "/bureau/messages/<uuid:message_id>", "/bureau/clients/<int:client_id>"} <= opened
