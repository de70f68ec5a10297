"""The filters without the belt: asked as the program itself, which sees every row."""

import pytest

from nightdesk.access.models import Token
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact
from nightdesk.desk.models import Entry
from nightdesk.portal import belt, queries
from nightdesk.portal.tests.firms import MORNING, Firms
from tests.standing import made_once

standing_firms = made_once(lambda: Firms().tell(), at=MORNING)


def reader(contact: Contact) -> Contact:
    return Contact.objects.select_related("customer__brand").get(pk=contact.pk)


def test_every_list_of_the_pages_is_ones_own_without_the_belt_too(firms: Firms):
    assert not belt.is_worn()
    for firm in firms.all:
        for one in firm.contacts:
            contact_actions.make_contact_token(contact_id=one.pk, name="till", **firms.as_(one))
    for firm in firms.all:
        me = reader(firm.manager)
        assert {each.customer_id for each in queries.services_of(me)} == {firm.customer.pk}
        assert {each.pk for each in queries.people_of(me)} == {one.pk for one in firm.contacts}
        assert {each.contact_id for each in queries.tokens_of(me)} == {me.pk}
        assert {each.pk for each in queries.tickets_of(me)} == {each.pk for each in firm.tickets.values()}
    assert Token.objects.count() == 9


@pytest.mark.parametrize(("rule", "whole"), [("own", False), ("managers_all", False), ("all", True)])
def test_the_filter_keeps_the_companys_rule_without_the_belt_too(firms: Firms, rule: str, whole: bool):
    ours = firms.bakery
    contact_actions.set_company_rule(customer_id=ours.customer.pk, sees=rule, **firms.doing)
    me = reader(ours.viewer)
    every = {each.pk for each in ours.tickets.values()}
    assert {each.pk for each in queries.tickets_of(me)} == (every if whole else {ours.tickets["viewer"].pk})


def test_no_note_is_in_a_story_without_the_belt_too(firms: Firms):
    ticket = firms.bakery.tickets["member"]
    assert Entry.objects.filter(ticket=ticket, kind="note").exists()
    story = queries.story_of(ticket, firms.at)
    assert [each.kind for each in story if not each.public] == []
    assert "SECRET" not in "".join(each.text for each in story)
