"""Set a stack's database up through the verbs, from JSON on standard input; what was made goes to standard output.

Run as `python -m tests.system.stage` with the stack's environment. Wanted: `people` (name, email, phone), `smtp` (host,
port), `sms` (base_url, account_sid, auth_token, from), `step_s`, `formats`, `storm_limit`, `text_after_s`, `push_here`
(push services on loopback may be called); `routes` (channel, driver, name, config, position) beside those two; `loud` (the
channel of their phones: sms); of a person `ways` (channel, address) that are used at once as well, and `device`, what a
browser of theirs that takes pushes says of its subscription; of mail that comes in `addresses`, `mailboxes` (what
`save_mailbox` takes) and `ignored` (words of subjects); `customers` (name, e-mail of a contact), `desk` (the address of
its queue) and `believed` (whose Authentication-Results count); `sites` (fields of each). The first person holds the seat and
is rung at once, the second is the next step.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any

PASSWORD = "correct horse battery"


def stage(wanted: dict[str, Any]) -> dict[str, Any]:
    """Make it all; keys of integrations by format, ids of people, and the password they log in with."""
    from nightdesk.access import actions as access
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Door
    from nightdesk.channels import actions as channels
    from nightdesk.customers import actions as customers
    from nightdesk.desk import actions as desk
    from nightdesk.duty import actions as duty
    from nightdesk.mailroom import actions as mailroom
    from nightdesk.paging import actions as paging
    from nightdesk.paging import decide
    from nightdesk.paging.formats import email_rules
    from nightdesk.people import actions as people
    from nightdesk.people.queries import actor_of_person
    from nightdesk.rota import actions as rota
    from nightdesk.safety import site_actions

    at = clock.now()
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    brand = access.make_brand(name="Quayside Networks", slug="quayside", **doing)
    ids = []
    for person in wanted["people"]:
        user = access.make_user(
            email=person["email"], name=person["name"], password=PASSWORD, brand_id=brand.id, **doing
        )
        access.grant_role(user_id=user.id, role="engineer", brand_id=brand.id, **doing)
        made = people.make_person(name=person["name"], user_id=user.id, brand_id=brand.id, **doing)
        text = people.add_contact_method(
            person_id=made.id, channel=wanted.get("loud", "sms"), address=person["phone"], **doing
        )
        mail = people.add_contact_method(person_id=made.id, channel="email", address=person["email"], **doing)
        more = [
            people.add_contact_method(person_id=made.id, channel=channel, address=address, **doing)
            for channel, address in person.get("ways", [])
        ]
        for method in (text, mail, *more):
            people.confirm_contact_method(method_id=method.id, **doing)
        people.set_notify_rules(
            person_id=made.id,
            rules=[
                people.RuleWanted("high", mail.id),
                people.RuleWanted("high", text.id, timedelta(seconds=wanted.get("text_after_s", 0))),
                *(people.RuleWanted("high", method.id) for method in more),
                *([people.RuleWanted("low", mail.id)] if "desk" in wanted else []),
            ],
            **doing,
        )
        ids.append(made.id)
    team = people.make_team(brand_id=brand.id, name="Engineers", manager_id=ids[-1], **doing)
    people.set_team_members(team_id=team.id, person_ids=ids, manager_id=ids[-1], **doing)
    rota.make_rota(
        brand_id=brand.id,
        name="Nights",
        zone="Europe/London",
        seats=[{"key": "night", "name": "Night duty", "acceptance_required": False}],
        **doing,
    )
    duty.set_first_holder(seat_key="night", person_id=ids[0], **doing)
    if "smtp" in wanted:
        mail_server = wanted["smtp"] | {"security": "none"}
        channels.save_route(channel="email", driver="email", name="mail", config=mail_server, **doing)
    texts = None
    if "sms" in wanted:
        texts = channels.save_route(
            channel="sms", driver="twilio", name="texts", config=wanted["sms"], position=1, **doing
        )
    routes = {
        route["name"]: channels.save_route(**{"position": 2, **route}, **doing).id for route in wanted.get("routes", [])
    }
    if wanted.get("push_here"):
        channels.save_route(channel="push", driver="push", name="push", config={"allow_private": True}, **doing)
    for person_id, person in zip(ids, wanted["people"], strict=True):
        if "device" in person:
            own = doing | {"by": actor_of_person(person_id)}
            channels.add_device(person_id=person_id, label="Chrome on Linux", **person["device"], **own)
    step = timedelta(seconds=wanted["step_s"])
    policy = paging.save_policy(
        brand_id=brand.id,
        name="Night ladder",
        policy=decide.Policy(
            steps=(
                decide.Step(timedelta(0), (decide.Target("seat", "night"),)),
                decide.Step(step, tuple(decide.Target("person", str(other)) for other in ids[1:])),
            )
        ),
        **doing,
    )
    keys = {}
    for kind in wanted["formats"]:
        _integration, keys[kind] = paging.make_integration(
            brand_id=brand.id,
            name=f"monitoring by {kind}",
            format=kind,
            policy_id=policy.id,
            team_id=team.id,
            may_wake=["P1", "P2", "P3"],
            storm_limit=wanted.get("storm_limit", 5),
            **doing,
        )
    for address in wanted.get("addresses", ()):
        mailroom.add_address(address=address, brand_id=brand.id, **doing)
    for mailbox in wanted.get("mailboxes", ()):
        mailroom.save_mailbox(**mailbox, brand_id=brand.id, **doing)
    if "believed" in wanted:
        mailroom.save_front(way="lmtp", authserv_id=wanted["believed"], **doing)
    for name, email in wanted.get("customers", ()):
        customer = customers.make_customer(brand_id=brand.id, name=name, ref=name.upper(), **doing)
        customers.make_contact(customer_id=customer.id, name=name, email=email, **doing)
    for site in wanted.get("sites", ()):
        site_actions.add_site(brand_id=brand.id, fields=site, **doing)
    if "desk" in wanted:
        rules = {"owner_id": team.id, "surveys": wanted.get("surveys", False)}
        desk.save_desk_rules(brand_id=brand.id, fields=rules, **doing)
        desk.save_queue(brand_id=brand.id, name="Support", address=wanted["desk"], **doing)
    if "ignored" in wanted:
        rule = email_rules.Rule((email_rules.Condition("subject", "contains", wanted["ignored"]),), "ignore")
        paging.save_mail_rules(integration_id=_integration.id, rules=[rule], **doing)
    return {
        "brand": brand.id,
        "people": ids,
        "keys": keys,
        "password": PASSWORD,
        "texts": texts and texts.id,
        "routes": routes,
    }


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    django.setup()
    json.dump(stage(json.load(sys.stdin)), sys.stdout)
