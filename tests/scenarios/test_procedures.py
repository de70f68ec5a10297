"""Procedures where they are needed: on the page, in its story, and people told of what they should read."""

from datetime import timedelta

import pytest
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.base import clock
from nightdesk.base.refusals import NotFound
from nightdesk.desk.actions import open_ticket
from nightdesk.knowledge import actions, briefing_actions, queries, run_actions
from nightdesk.people.models import Person
from tests.world import World

STEPS = "- [ ] Ring the carrier\n- [ ] Look at sw2\n"


def signed_in(world: World, person: Person, role: str) -> Client:
    user = access.make_user(email=f"{person.name}@quay.example", name=person.name, **world.doing)
    access.grant_role(user_id=user.pk, role=role, brand_id=world.brand.pk, **world.doing)
    Person.objects.filter(id=person.pk).update(user=user)
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_whoever_is_woken_is_shown_what_to_do_and_each_step_stands_in_the_story(world: World) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    row = actions.make_procedure(
        brand_id=world.brand.pk, title="A switch is dark", body=STEPS, where={"calls": ["alarm"]}, **world.doing
    )
    actions.publish_procedure(procedure_id=row.pk, number=1, **world.doing)
    page = world.alarm("sw2 is dark")
    world.phone(bo).got("sw2 is dark")
    world.acknowledge(page, by=bo)
    client = signed_in(world, bo, "engineer")
    address = f"/pages/{page.id}"
    with clock.replaced_by(lambda: world.at):
        assert "A switch is dark" in client.get("/pocket/").content.decode()
        assert "Ring the carrier" in client.get(address).content.decode()
        about = {"about": f"page:{page.id}", "next": f"{address}#procedures"}
        answer = client.post(f"/knowledge/procedures/{row.pk}/open", about)
        assert answer["Location"] == f"{address}#procedures"
        (now,) = queries.runs_about(("page", page.id))
        for number, outcome, note in (("1", "done", ""), ("2", "skipped", "The door is locked")):
            step = {"number": number, "outcome": outcome, "note": note}
            assert client.post(f"/knowledge/runs/{now.run.id}/step", step).status_code == 302
        story = client.get(f"{address}?part=rail").content.decode()
    assert "Bo opened the procedure A switch is dark, version 1" in story
    assert "A switch is dark, step 1 of 2: Ring the carrier" in story
    assert "A switch is dark, step 2 of 2 left out: Look at sw2" in story
    assert "The door is locked" in story


def test_a_briefing_goes_out_by_mail_and_wakes_nobody_and_again_to_those_who_have_not_read_it(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    mails = {person.name: world.mail(person) for person in (bo, al)}
    briefing = briefing_actions.make_briefing(
        brand_id=world.brand.pk,
        title="New voice platform",
        body="Read it.",
        due_at=world.at + timedelta(days=7),
        team_ids=[world.team.pk],
        **world.doing,
    )
    world.minutes(1)
    for mail in mails.values():
        mail.got("New voice platform")
    client = signed_in(world, bo, "engineer")
    with clock.replaced_by(lambda: world.at):
        assert "A briefing waits for you: “New voice platform”" in client.get("/").content.decode()
        client.post(f"/knowledge/briefings/{briefing.pk}/read")
        assert "A briefing waits for you" not in client.get("/").content.decode()
    world.minutes(2 * 24 * 60)
    mails["Al"].got("Please read: New voice platform")
    briefing_actions.close_briefing(briefing_id=briefing.pk, **world.doing)
    world.minutes(9 * 24 * 60)


def test_the_owner_is_asked_to_look_through_a_procedure_when_it_is_due(world: World) -> None:
    bo = world.person("Bo")
    mail = world.mail(bo)
    row = actions.make_procedure(
        brand_id=world.brand.pk,
        title="Mail queue",
        body="Look.",
        where={"owner_id": bo.pk, "review_days": 1},
        **world.doing,
    )
    actions.publish_procedure(procedure_id=row.pk, number=1, **world.doing)
    world.minutes(23 * 60)
    mail.is_silent()
    world.minutes(2 * 60)
    mail.got("Please look through “Mail queue”")
    actions.retire_procedure(procedure_id=row.pk, **world.doing)


def test_a_procedure_is_worked_through_for_a_ticket_as_it_is_for_a_page(world: World) -> None:
    row = actions.make_procedure(brand_id=world.brand.pk, title="Password", body=STEPS, **world.doing)
    actions.publish_procedure(procedure_id=row.pk, number=1, **world.doing)
    ticket = open_ticket(brand_id=world.brand.pk, kind="request", title="I forgot my password", **world.doing)
    run = run_actions.open_procedure(procedure_id=row.pk, subject=("ticket", str(ticket.id)), **world.doing)
    run_actions.settle_step(run_id=run.id, number=1, outcome="done", note="Kim herself", **world.doing)
    (now,) = queries.runs_about(("ticket", ticket.id))
    assert [each.settled.note if each.settled else None for each in now.steps] == ["Kim herself", None]
    other = access.make_brand(name="Pier", slug="pier", **world.doing)
    theirs = actions.make_procedure(brand_id=other.pk, title="Theirs", body=STEPS, **world.doing)
    actions.publish_procedure(procedure_id=theirs.pk, number=1, **world.doing)
    for subject in (("ticket", str(ticket.id)), ("ticket", "1042"), ("page", str(ticket.id))):
        with pytest.raises(NotFound):
            run_actions.open_procedure(procedure_id=theirs.pk, subject=subject, **world.doing)
