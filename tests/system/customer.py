"""A contact of the demo company's customer Harbour Foods who signs in, with something told, answered and known.

Run as `python -m tests.system.customer` with a stack's environment. Standard output has, as JSON, who signs in and ids.
"""

import json
import os
from datetime import timedelta
from typing import Any

PASSWORD = "correct horse battery"
STATUS_HOST = "status.localhost"


def fill() -> dict[str, Any]:
    """See the module."""
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Actor, Door
    from nightdesk.channels.actions import save_route
    from nightdesk.customers import actions as customers
    from nightdesk.customers import contact_actions
    from nightdesk.customers.models import Customer
    from nightdesk.customers.queries import actor_of_contact
    from nightdesk.desk import actions as desk
    from nightdesk.desk import customer_actions
    from nightdesk.outages import actions as outages
    from nightdesk.outages import unsubscribe_actions
    from nightdesk.outages.models import Part
    from nightdesk.people.models import Person

    at = clock.now()
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    save_route(channel="push", driver="push", name="push", config={"allow_private": True}, **doing)
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
    max_, pia = contact("Max Harbour", "member"), contact("Pia Harbour", "viewer")
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
    of_max = desk.open_ticket(
        brand_id=firm.brand_id, title="The till at the pier stays dark", words=desk.Words("It has power."),
        contact_id=max_.pk, trust="verified", wakes=False, **doing | {"by": actor_of_contact(max_)},
    )  # fmt: skip
    part = Part.objects.get(brand=firm.brand, key="sw2")
    outages.save_outage_rules(brand_id=firm.brand_id, fields={"status_hosts": [STATUS_HOST]}, **doing)
    ended = _outage(
        firm.brand_id, part.pk, "Short cut in the power at Dock Street", doing | {"at": at - timedelta(days=3)}
    )
    _say(ended.pk, "It works again. We are sorry.", "resolved", doing | {"at": at - timedelta(days=3, minutes=-41)})
    outage = _outage(firm.brand_id, part.pk, "Fault at Dock Street", doing)
    noc = customers.make_contact(customer_id=firm.pk, name="Night desk", email="noc@harbour.example", **doing)
    unsubscribe_actions.leave_notices(contact_id=noc.pk, **doing)
    new = customers.make_contact(customer_id=firm.pk, name="Nia Harbour", email="nia@harbour.example", **doing)
    new = contact_actions.invite_contact(contact_id=new.pk, standing="member", **doing)
    return {
        "email": kim.email, "ticket": str(told.pk), "number": told.number, "person": vera.pk,
        "member": max_.email, "with_passkey": pia.email, "colleagues": str(of_max.pk),
        "join": f"/join/{new.pk}/{new.invite}", "outage": str(outage.pk), "outage_name": outage.name, "brand": firm.brand.slug,
    }  # fmt: skip


def _outage(brand_id: int, part_id: int, title: str, doing: dict[str, Any]) -> Any:
    """The part is down, customers and everybody are told so."""
    from nightdesk.outages import actions

    made = actions.propose_outage(brand_id=brand_id, title="sw2 dead", parts={part_id: 3}, **doing)
    actions.edit_outage(outage_id=made.pk, fields={"public": True, "public_title": title}, **doing)
    actions.confirm_outage(outage_id=made.pk, **doing)
    _say(made.pk, "Sorry: internet lines at Dock Street are down. We are looking into it.", "investigating", doing)
    return made


def _say(outage_id: Any, text: str, state: str, doing: dict[str, Any]) -> None:
    from nightdesk.outages import actions

    actions.write_update(outage_id=outage_id, state=state, texts={"en-gb": text}, **doing)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    import django

    django.setup()
    print(json.dumps(fill()))
