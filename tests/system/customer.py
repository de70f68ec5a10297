"""A contact of the demo company's customer Harbour Foods who signs in, with something told, answered and known.

Run as `python -m tests.system.customer` with a stack's environment. Standard output has, as JSON, who signs in and ids.
"""

import json
import os
from typing import Any

PASSWORD = "correct horse battery"


def fill() -> dict[str, Any]:
    """See the module."""
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Actor, Door
    from nightdesk.customers import actions as customers
    from nightdesk.customers import contact_actions
    from nightdesk.customers.models import Customer
    from nightdesk.customers.queries import actor_of_contact
    from nightdesk.desk import actions as desk
    from nightdesk.desk import customer_actions, linking_actions
    from nightdesk.people.models import Person

    at = clock.now()
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    firm = Customer.objects.get(ref="HF-100")
    manager = Person.objects.get(name="Ines Duarte")
    customers.edit_customer(customer_id=firm.pk, changes={"service_manager_id": manager.pk}, **doing)

    def contact(name: str, standing: str) -> Any:
        email = f"{name.split()[0].lower()}@harbour.example"
        made = customers.make_contact(customer_id=firm.pk, name=name, email=email, role="Shops", **doing)
        made = contact_actions.invite_contact(contact_id=made.pk, standing=standing, **doing)
        joining = doing | {"by": Actor("contact", str(made.pk), name)}
        return contact_actions.join_portal(contact_id=made.pk, invite=made.invite, password=PASSWORD, **joining)

    kim, vera = contact("Kim Harbour", "manager"), contact("Vera Harbour", "viewer")
    line = firm.subscriptions.get(service__key="lines").service
    voice = firm.subscriptions.get(service__key="voice").service
    by_kim: dict[str, Any] = doing | {"by": actor_of_contact(kim)}
    told = desk.open_ticket(
        brand_id=firm.brand_id, title="Telephones crackle in the shop at Mill Lane",
        words=desk.Words("Since this morning every call crackles.\nThe other shops are fine."), contact_id=kim.pk,
        trust="verified", service_id=voice.pk, wakes=False, **by_kim,
    )  # fmt: skip
    dee = doing | {"by": Actor("person", str(manager.pk), "Ines Duarte", frozenset({(None, "desk")}))}
    desk.reply_to_customer(ticket_id=told.pk, words=desk.Words("Thank you. We look at the line today."), **dee)
    customer_actions.ask_for_manager(ticket_id=told.pk, why="It has been like this twice.", **by_kim)
    major = desk.open_ticket(brand_id=firm.brand_id, title="sw2 dead", service_id=line.pk, wakes=False, **doing)
    linking_actions.accept_major(ticket_id=major.pk, **doing)
    desk.reply_to_customer(
        ticket_id=major.pk,
        words=desk.Words("Sorry: internet lines at Dock Street are down. We are looking into it."),
        **dee,
    )
    new = customers.make_contact(customer_id=firm.pk, name="Nia Harbour", email="nia@harbour.example", **doing)
    new = contact_actions.invite_contact(contact_id=new.pk, standing="member", **doing)
    return {
        "email": kim.email, "ticket": str(told.pk), "number": told.number, "person": vera.pk,
        "join": f"/join/{new.pk}/{new.invite}",
    }  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    import django

    django.setup()
    print(json.dumps(fill()))
