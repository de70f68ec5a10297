"""Give a staged night a switch with customers behind it, from JSON on standard input; run as `tests.system.stage` is.

Wanted: `customers` (each a list of [name, e-mail, mobile or ""]), `cut` (indices of customers whose mail runs over their line),
`signs_in` (the index of one whose first contact has an account with the password `PASSWORD`), `line` (a phone line's number),
`behind` (key of another part -> indices of customers behind that one).
Made: a part `dock-sw2`, a service, a subscription a customer, a holding statement and the rule that sends it by itself; every
fifth customer has the highest contract.
"""

import json
import os
import sys
from datetime import date
from typing import Any

PASSWORD = "correct horse battery"
STATEMENT = "We are looking into a fault at {{ what }}."


def stage(wanted: dict[str, Any]) -> dict[str, Any]:
    """Make it all; the ids of the customers, in their order."""
    from nightdesk.access.models import Brand
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Actor, Door
    from nightdesk.calls.models import Line
    from nightdesk.customers import actions as customers
    from nightdesk.customers import contact_actions
    from nightdesk.customers.models import Contact
    from nightdesk.desk import actions as desk
    from nightdesk.outages import actions as outages
    from nightdesk.outages import part_actions as parts
    from nightdesk.outages.needs_text import Wanted

    at = clock.now()
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    brand = Brand.objects.get()
    desk.save_desk_rules(brand_id=brand.pk, fields={}, **doing)
    switch = parts.save_part(
        brand_id=brand.pk, key="dock-sw2", name="Switch 2", kind="device", public_name="Dock Street", **doing
    )
    line = customers.make_service(brand_id=brand.pk, key="line", name="Internet line", **doing)
    hours = customers.make_hours(
        brand_id=brand.pk,
        fields={"name": "Office", "zone": "Europe/London", "week": [[["09:00", "17:30"]]] * 5 + [[], []]},
        **doing,
    )
    behind = {number: key for key, numbers in wanted.get("behind", {}).items() for number in numbers}
    for key in set(behind.values()):
        parts.save_part(brand_id=brand.pk, key=key, name=key, kind="device", **doing)
    ids = []
    for number, contacts in enumerate(wanted["customers"]):
        made = customers.make_customer(brand_id=brand.pk, name=f"Customer {number}", ref=f"C-{number}", **doing)
        customers.make_contract(
            customer_id=made.pk,
            name="Basic",
            hours_id=hours.pk,
            out_of_hours="full" if number % 5 == 0 else "nothing",
            valid_from=date(2020, 1, 1),
            targets={},
            **doing,
        )
        bought = customers.make_subscription(customer_id=made.pk, service_id=line.pk, label=f"L-{number}", **doing)
        parts.save_needs(owner=("subscription", bought.pk), needs=[Wanted((behind.get(number, "dock-sw2"),))], **doing)
        for name, email, mobile in contacts:
            contact = customers.make_contact(customer_id=made.pk, name=name, email=email, **doing)
            if mobile:  # as it stands once the code that was sent there has come back
                Contact.objects.filter(pk=contact.pk).update(mobile=mobile, mobile_verified_at=at, texted_at_night=True)
        if number in wanted.get("cut", ()):
            parts.save_reach(customer_id=made.pk, channel="email", subscription_ids=[bought.pk], **doing)
        if number == wanted.get("signs_in"):
            first = Contact.objects.filter(customer=made).earliest("id")
            invited = contact_actions.invite_contact(contact_id=first.pk, standing="manager", **doing)
            joining = doing | {"by": Actor("contact", str(first.pk), first.name)}
            contact_actions.join_portal(contact_id=first.pk, invite=invited.invite, password=PASSWORD, **joining)
        ids.append(made.pk)
    if "line" in wanted:
        number = wanted["line"]
        Line.objects.create(brand=brand, name="Support", numbers=[number], shown_number=number, pager_number=number)
    template = outages.save_statement_template(
        brand_id=brand.pk, name="Hold", goes_to="investigating", holding=True, texts={"en-gb": STATEMENT}, **doing
    )
    outages.save_confirm_rule(
        brand_id=brand.pk,
        part_ids=[switch.pk],
        template_id=template.pk,
        after_s=5,
        public=True,
        public_title="Lines in Dock Street",
        **doing,
    )
    return {"customers": ids}


def main() -> None:
    """Read, make, tell."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    import django

    django.setup()
    print(json.dumps(stage(json.load(sys.stdin))))


if __name__ == "__main__":
    main()
