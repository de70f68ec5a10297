import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.actors import SCHEDULER, Actor
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.base.tests.other_hands import Hand, another_connection, until, waiting_for
from nightdesk.channels.models import Delivery
from nightdesk.customers import actions as customers
from nightdesk.desk import actions, bulk_actions, decide, linking_actions, queries, supplier_actions
from nightdesk.desk.actions import ProofNeeded, Words
from nightdesk.desk.models import Entry, Lesson, MessageId, Party, Surge, Ticket, TicketPage, Watch
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import MORNING, Provider, leave_only_the_index
from nightdesk.knowledge.actions import make_procedure
from nightdesk.knowledge.models import Proposal
from nightdesk.paging import actions as paging
from nightdesk.paging.models import Page
from tests.world import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def there():
    return Provider()


def merge(there, ticket, into, who=None):
    return linking_actions.merge_ticket(ticket_id=ticket.pk, into_id=into.pk, **there.doing_as(who or there.dee))


def solve(there, ticket):
    said = {"what_was_wrong": "A digger", "what_was_done": "Spliced", "what_to_do": "Nothing"}
    return actions.resolve_ticket(ticket_id=ticket.pk, **said, **there.doing_as(there.dee))


def texts(ticket):
    return [entry.text for entry in queries.story_of(ticket) if entry.text]


class TestMerging:
    def test_the_story_goes_on_in_the_survivor_and_so_does_what_is_written_to_the_other(self, there):
        one, two = there.ticket(said="first"), there.ticket(said="second", copies=[("rod@acme.example", "Rod")])
        there.minutes(1)
        merge(there, two, one)
        landed = actions.take_message(ticket_id=two.pk, words=Words("third"), **there.doing_as(there.cleo))
        assert landed == one
        assert texts(one) == ["first", "second", "third"]
        assert set(Party.objects.filter(ticket=one).values_list("address", flat=True)) == {
            "cleo@acme.example",
            "rod@acme.example",
        }

    def test_it_is_undone_to_what_was_before_but_for_what_was_said_since(self, there):
        one, two = there.ticket(said="first"), there.ticket(said="second", copies=[("rod@acme.example", "Rod")])
        inner = there.ticket(said="inner")
        merge(there, inner, two)
        merge(there, two, one)
        assert texts(one) == ["first", "second", "inner"]
        actions.take_message(ticket_id=two.pk, words=Words("third"), **there.doing_as(there.cleo))
        linking_actions.unmerge_ticket(ticket_id=two.pk, **there.doing_as(there.dee))
        one.refresh_from_db()
        two.refresh_from_db()
        assert (texts(one), texts(two)) == (["first", "third"], ["second", "inner"])
        assert not Party.objects.filter(ticket=one, address="rod@acme.example").exists()
        assert Promise.objects.filter(subject_id=str(two.pk), kind=actions.NEXT_STEP, ended_at=None).count() == 1

    def test_one_who_was_removed_there_is_not_brought_back(self, there):
        one, two = there.ticket(), there.ticket(copies=[("rod@acme.example", "Rod")])
        actions.set_party(ticket_id=one.pk, address="rod@acme.example", role="removed", **there.doing_as(there.dee))
        merge(there, two, one)
        assert Party.objects.get(ticket=one, address="rod@acme.example").role == "removed"

    def test_customers_never_read_each_other(self, there):
        _bolt, ben = there.customer("Bolt", "ben@bolt.example")
        other = there.ticket(contact_id=ben.pk, by=SCHEDULER)
        with pytest.raises(Invalid):
            merge(there, there.ticket(), other)

    def test_what_makes_no_sense_is_refused(self, there):
        one, two, three = there.ticket(), there.ticket(), there.ticket()
        with pytest.raises(Invalid):
            merge(there, one, one)
        merge(there, two, one)
        with pytest.raises(IllegalTransition):
            merge(there, two, three)
        with pytest.raises(IllegalTransition):
            merge(there, three, two)
        with pytest.raises(IllegalTransition):
            linking_actions.unmerge_ticket(ticket_id=three.pk, **there.doing_as(there.dee))
        with pytest.raises(Forbidden):
            merge(there, three, one, who=there.cleo)

    def test_what_is_open_goes_on_in_nothing_that_is_over_or_a_major_incident(self, there):
        ticket, over, major = there.ticket(), there.ticket(), there.ticket()
        solve(there, over)
        linking_actions.propose_major(ticket_id=major.pk, why="Many", **there.doing_as(there.dee))
        with pytest.raises(IllegalTransition, match="nobody would see"):
            merge(there, ticket, over)
        for one, other in ((ticket, major), (major, ticket)):
            with pytest.raises(Invalid, match="major incident"):
                merge(there, one, other)
        merge(there, over, ticket)

    def test_a_survivor_that_knew_no_customer_is_theirs_and_whoever_watches_goes_on_doing_so(self, there, client):
        ours = actions.open_ticket(brand_id=there.brand.pk, title="Odd", **there.doing_as(there.dee))
        theirs = there.ticket()
        actions.watch_ticket(ticket_id=theirs.pk, person_id=there.eve.pk, **there.doing_as(there.eve))
        merge(there, theirs, ours)
        ours.refresh_from_db()
        assert (ours.customer, ours.contact, ours.requester_name) == (there.acme, there.cleo, "Cleo")
        assert Party.objects.get(ticket=ours).role == "requester"
        assert Watch.objects.get(ticket=ours).person == there.eve
        linking_actions.unmerge_ticket(ticket_id=theirs.pk, **there.doing_as(there.dee))
        ours.refresh_from_db()
        assert (ours.customer, ours.contact, ours.requester_name) == (None, None, "")
        assert not Watch.objects.filter(ticket=ours).exists()
        assert not Party.objects.filter(ticket=ours).exists()

    def test_who_asked_for_access_is_still_to_be_made_sure_of(self, there):
        one, two = there.ticket(), there.ticket(needs_proof=True)
        merge(there, two, one)
        with pytest.raises(ProofNeeded):
            solve(there, one)
        actions.prove_identity(ticket_id=one.pk, how="call_back", **there.doing_as(there.dee))
        merge(there, there.ticket(needs_proof=True), one)
        with pytest.raises(ProofNeeded):
            solve(there, one)

    def test_what_was_solved_and_is_taken_apart_again_closes_by_itself(self, there):
        one, two = there.ticket(), there.ticket()
        solve(there, two)
        merge(there, two, one)
        assert not Promise.objects.filter(kind=actions.CLOSE, ended_at=None).exists()
        linking_actions.unmerge_ticket(ticket_id=two.pk, **there.doing_as(there.dee))
        due = Promise.objects.get(kind=actions.CLOSE, subject_id=str(two.pk), ended_at=None).due_at
        assert due == there.at + timedelta(days=5)

    def test_nothing_of_it_falls_due_any_more(self, there):
        one, two = there.ticket(), there.ticket()
        merge(there, two, one)
        assert not Promise.objects.filter(subject_id=str(two.pk), ended_at=None, kind=actions.NEXT_STEP).exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_merge_crosswise_at_once_do_not_wait_in_a_circle():
    there = Provider()
    one, two = there.ticket(), there.ticket()

    def try_it(a, b):
        try:
            return merge(there, a, b).pk
        except IllegalTransition:
            return None

    hands = [Hand(lambda: try_it(one, two)), Hand(lambda: try_it(two, one))]
    assert [hand.result() for hand in hands].count(None) == 1
    assert Ticket.objects.filter(merged_into__isnull=False).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_who_see_it_at_once_one_gathers_those_who_ask():
    there = Provider()
    tickets = []
    for name in "ABCD":
        customer, contact = there.customer(name, f"{name.lower()}@x.example")
        customers.make_subscription(customer_id=customer.pk, service_id=there.service.pk, **there.doing)
        tickets.append(there.ticket(contact_id=contact.pk, **there.doing_as(there.dee)))
    with another_connection() as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"desk_surge_{there.brand.pk}"])
        look = [lambda one=one: linking_actions.gather_surge(ticket_id=one.pk, **there.doing) for one in tickets[2:]]
        hands = [Hand(each) for each in look]
        until(lambda: waiting_for(other) == 2)
        other.rollback()
    assert [hand.result() for hand in hands]
    assert (Surge.objects.count(), Page.objects.count()) == (1, 1)
    assert Ticket.objects.filter(parent=Surge.objects.get().ticket_id).count() == 4


class TestSplitting:
    def test_what_was_said_goes_to_a_ticket_of_its_own_and_comes_back(self, there):
        ticket = there.ticket(said="The line is slow")
        actions.take_message(ticket_id=ticket.pk, words=Words("And my bill is wrong"), **there.doing_as(there.cleo))
        bill = Entry.objects.get(text="And my bill is wrong")
        new = linking_actions.split_ticket(
            ticket_id=ticket.pk, entry_ids=[bill.pk], title="Bill", **there.doing_as(there.dee)
        )
        assert (texts(ticket), texts(new)) == (["The line is slow"], ["And my bill is wrong"])
        assert (new.customer, new.split_from) == (there.acme, ticket)
        linking_actions.rejoin_ticket(ticket_id=new.pk, **there.doing_as(there.dee))
        assert texts(ticket) == ["The line is slow", "And my bill is wrong"]
        new.refresh_from_db()
        assert new.merged_into == ticket

    def test_whoever_is_written_to_no_more_is_not_by_what_is_split_off(self, there):
        ticket = there.ticket()
        there.minutes(1)
        actions.take_message(ticket_id=ticket.pk, words=Words("And this"), **there.doing_as(there.cleo))
        gone = {"ticket_id": ticket.pk, "address": "cleo@acme.example", "role": "removed"}
        actions.set_party(**gone, **there.doing_as(there.dee))
        said = Entry.objects.filter(ticket=ticket, kind="message_in").last()
        new = linking_actions.split_ticket(
            ticket_id=ticket.pk, entry_ids=[said.pk], title="This", **there.doing_as(there.dee)
        )
        assert [one.role for one in new.parties.all()] == ["removed"]

    def test_nothing_everything_and_what_is_elsewhere_cannot_be_split_off(self, there):
        ticket, other = there.ticket(), there.ticket()
        own = Entry.objects.get(ticket=ticket, kind="message_in").pk
        foreign = Entry.objects.get(ticket=other, kind="message_in").pk
        for wrong in ([], [own], [own, foreign]):
            with pytest.raises(Invalid):
                linking_actions.split_ticket(
                    ticket_id=ticket.pk, entry_ids=wrong, title="x", **there.doing_as(there.dee)
                )

    def test_an_answer_to_the_mail_that_went_finds_it_there_and_after_it_came_back_here(self, there):
        post = Post(there)
        ticket = post.ticket(post.write("Cleo <cleo@acme.example>"))
        second = post.write("Cleo <cleo@acme.example>", f"Re: [{there.brand.slug}#{ticket.number}]", "And the bill?")
        assert post.ticket(second) == ticket
        bill = Entry.objects.get(mail=second)
        new = linking_actions.split_ticket(
            ticket_id=ticket.pk, entry_ids=[bill.pk], title="Bill", **there.doing_as(there.dee)
        )
        own_id = MessageId.objects.get(entry=bill, whose="theirs").message_id
        third = post.write("Cleo <cleo@acme.example>", "Re: hello", "Well?", In_Reply_To=f"<{own_id.strip('<>')}>")
        assert post.ticket(third) == new
        linking_actions.rejoin_ticket(ticket_id=new.pk, **there.doing_as(there.dee))
        assert MessageId.objects.get(message_id=own_id).ticket == ticket

    def test_who_asked_for_access_is_still_to_be_made_sure_of(self, there):
        ticket = there.ticket(needs_proof=True)
        actions.take_message(ticket_id=ticket.pk, words=Words("And mine"), **there.doing_as(there.cleo))
        second = Entry.objects.get(text="And mine")
        new = linking_actions.split_ticket(
            ticket_id=ticket.pk, entry_ids=[second.pk], title="Mine", **there.doing_as(there.dee)
        )
        with pytest.raises(ProofNeeded):
            solve(there, new)


class TestMajorIncidents:
    @pytest.fixture
    def major(self, there):
        parent = actions.open_ticket(brand_id=there.brand.pk, title="Fibre is down", **there.doing_as(there.dee))
        linking_actions.propose_major(ticket_id=parent.pk, why="Many ask", **there.doing_as(there.dee))
        return linking_actions.accept_major(ticket_id=parent.pk, **there.doing_as(there.dee))

    def under(self, there, major, **more):
        child = there.ticket(**more)
        return linking_actions.add_child(ticket_id=child.pk, parent_id=major.pk, **there.doing_as(there.dee))

    def test_each_reads_one_private_update_in_their_own_words(self, there, major):
        _bolt, ben = there.customer("Bolt", "ben@bolt.example")
        self.under(there, major, service_id=there.service.pk)
        self.under(there, major, contact_id=ben.pk, by=SCHEDULER)
        told = linking_actions.tell_children(
            ticket_id=major.pk, text="{name}, {number}: we work on {service}.", **there.doing_as(there.dee)
        )
        assert told == 2
        said = set(Entry.objects.filter(kind="message_out").values_list("text", flat=True))
        assert said == {"Cleo, #1002: we work on Fibre.", "Ben, #1003: we work on your services."}
        sent = Delivery.objects.filter(recipient_kind="contact").values_list("address", flat=True)
        assert sorted(sent) == ["ben@bolt.example", "cleo@acme.example"]

    def test_an_unknown_word_is_refused_before_anybody_reads_it(self, there, major):
        self.under(there, major)
        with pytest.raises(Invalid):
            linking_actions.tell_children(ticket_id=major.pk, text="{nmae}!", **there.doing_as(there.dee))
        assert not Entry.objects.filter(kind="message_out").exists()

    def test_the_end_is_told_to_each_and_closing_is_left_to_them(self, there, major):
        child = self.under(there, major)
        said = {"what_was_wrong": "A digger", "what_was_done": "Spliced", "what_to_do": "Nothing"}
        actions.resolve_ticket(ticket_id=major.pk, **said, **there.doing_as(there.dee))
        child.refresh_from_db()
        assert (child.state, child.what_was_done) == ("resolved", "Spliced")
        actions.close_ticket(ticket_id=major.pk, **there.doing_as(there.dee))
        child.refresh_from_db()
        assert child.state == "resolved"

    def test_while_it_is_only_proposed_nothing_follows(self, there):
        parent = there.ticket()
        linking_actions.propose_major(ticket_id=parent.pk, why="Perhaps", **there.doing_as(there.dee))
        child = self.under(there, parent)
        actions.start_ticket(ticket_id=parent.pk, **there.doing_as(there.dee))
        child.refresh_from_db()
        assert child.state == "new"

    def test_one_callers_answer_is_not_waited_for_by_the_others(self, there, major):
        child = self.under(there, major)
        actions.start_ticket(ticket_id=major.pk, **there.doing_as(there.dee))
        step = {"next_step": "Look again", "next_step_at": there.at + timedelta(hours=1)}
        actions.wait_ticket(ticket_id=major.pk, reason="awaiting_caller", **step, **there.doing_as(there.dee))
        child.refresh_from_db()
        assert child.state == "in_progress"

    def test_its_children_wait_for_what_it_waits_for_and_go_on_with_it(self, there, major):
        child = self.under(there, major)
        own = self.under(there, major)
        by = there.doing_as(there.dee)

        def states():
            child.refresh_from_db()
            return child.state, child.pending_reason

        step = {"next_step": "Look again", "next_step_at": there.at + timedelta(hours=1)}
        actions.reply_to_customer(ticket_id=major.pk, words=Words("We look."), **by)
        assert states() == ("in_progress", "")
        actions.wait_ticket(ticket_id=major.pk, reason="awaiting_change", **step, **by)
        assert (*states(), child.next_step) == ("pending", "awaiting_change", "Look again")
        actions.start_ticket(ticket_id=major.pk, **by)
        assert states() == ("in_progress", "")
        carrier = supplier_actions.save_supplier(brand_id=there.brand.pk, name="Carrier", **there.doing)
        row = supplier_actions.open_supplier_ticket(ticket_id=major.pk, supplier_id=carrier.pk, **by)
        assert states() == ("pending", "awaiting_supplier")
        supplier_actions.close_supplier_ticket(supplier_ticket_id=row.pk, **by)
        assert states() == ("in_progress", "")
        actions.wait_ticket(ticket_id=own.pk, reason="awaiting_caller", **step, **by)
        actions.wait_ticket(ticket_id=major.pk, reason="awaiting_caller", **step, **by)
        actions.start_ticket(ticket_id=major.pk, **by)
        own.refresh_from_db()
        assert own.pending_reason == "awaiting_caller", "its own caller is still waited for"

    def test_what_is_taken_back_of_it_is_taken_back_of_its_children(self, there, major):
        child = self.under(there, major)
        bulk = bulk_actions.change_tickets(ticket_ids=[major.pk], verb="start", values={}, **there.doing_as(there.dee))
        child.refresh_from_db()
        assert child.state == "in_progress"
        bulk_actions.undo_change(bulk_id=bulk.pk, **there.doing_as(there.dee))
        for one in (child, major):
            one.refresh_from_db()
            assert one.state == "new"

    def test_rejecting_it_lets_its_children_go(self, there, major):
        child = self.under(there, major)
        linking_actions.reject_major(ticket_id=major.pk, why="Two things", **there.doing_as(there.dee))
        child.refresh_from_db()
        assert child.parent is None

    def test_no_major_incident_stands_under_another(self, there, major):
        other = there.ticket()
        linking_actions.propose_major(ticket_id=other.pk, why="x", **there.doing_as(there.dee))
        with pytest.raises(Invalid):
            linking_actions.add_child(ticket_id=other.pk, parent_id=major.pk, **there.doing_as(there.dee))


class TestWhatWasFoundOut:
    def escalated(self, there):
        ticket = there.ticket()
        actions.escalate_functionally(
            ticket_id=ticket.pk, team_id=there.network.pk, why="Too deep", **there.doing_as(there.dee)
        )
        return ticket

    def test_comes_back_to_whoever_escalated_it_who_confirms_it(self, there):
        ticket = self.escalated(there)
        back = linking_actions.return_answer(ticket_id=ticket.pk, answer="Reboot the ONT", **there.doing_as(there.eve))
        assert (back.assignee, back.level, back.next_step) == (there.dee, "1", "Tell the user, and see that it works")
        lesson = queries.lessons_of(there.dee.pk).get()
        with pytest.raises(NotFound):
            linking_actions.confirm_lesson(lesson_id=lesson.pk, **there.doing_as(there.eve))
        linking_actions.confirm_lesson(lesson_id=lesson.pk, **there.doing_as(there.dee))
        assert not queries.lessons_of(there.dee.pk).exists()

    def test_or_is_proposed_for_a_procedure_whose_owner_decides(self, there):
        ticket = self.escalated(there)
        linking_actions.return_answer(ticket_id=ticket.pk, answer="Reboot the ONT", **there.doing_as(there.eve))
        lesson = queries.lessons_of(there.dee.pk).get()
        row = make_procedure(brand_id=there.brand.pk, title="Dark line", body="- [ ] Ask", **there.doing_as(there.max))
        change = linking_actions.Change(row.pk, "- [ ] Ask\n- [ ] Reboot the ONT", "It helped.", over=1)
        for _twice in range(2):
            linking_actions.confirm_lesson(lesson_id=lesson.pk, change=change, **there.doing_as(there.dee))
        proposal = Proposal.objects.get()
        assert (proposal.subject_id, proposal.by_person_id) == (str(ticket.pk), there.dee.pk)
        lesson.refresh_from_db()
        assert (lesson.proposed, lesson.confirmed_at) == (str(proposal.pk), there.at)

    def test_a_resolution_by_somebody_else_is_a_lesson_too(self, there):
        ticket = self.escalated(there)
        said = {"what_was_wrong": "ONT hung", "what_was_done": "Rebooted", "what_to_do": "Nothing"}
        actions.resolve_ticket(ticket_id=ticket.pk, **said, **there.doing_as(there.max))
        assert Lesson.objects.get().person == there.dee


def alarms(there):
    """What raises a page of the brand's monitoring."""
    policy = paging.save_policy(brand_id=there.brand.pk, name="P", policy=paging.decide.LAST_RESORT, **there.doing)
    integration, _key = paging.make_integration(
        brand_id=there.brand.pk, name="mon", format="generic", policy_id=policy.pk, **there.doing
    )

    def raise_one(title="Link down", priority="P2", component="core1"):
        page = paging.trigger_page(
            brand_id=there.brand.pk, title=title, priority=priority, component=component, **there.doing
        )
        Page.objects.filter(pk=page.pk).update(integration=integration)
        return page

    return raise_one


@pytest.mark.django_db(transaction=True)
def test_two_alarms_of_one_part_at_once_have_one_ticket():
    there = Provider()
    page = alarms(there)
    pages = [page(), page()]
    with another_connection() as other:
        other.execute("LOCK TABLE desk_ticketpage IN EXCLUSIVE MODE")
        take = [lambda one=one: linking_actions.take_page(page_id=one.pk, **there.doing) for one in pages]
        hands = [Hand(each) for each in take]
        until(lambda: waiting_for(other) > 0 and blocked() == 2)
        other.rollback()
    assert [hand.result() for hand in hands] == ["It belongs to ticket #1001."] * 2


def blocked():
    """How many sessions of this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
        return cursor.fetchone()[0]


class TestAlarms:
    @pytest.fixture
    def page(self, there):
        return alarms(there)

    def take(self, there, page):
        return linking_actions.take_page(page_id=page.pk, **there.doing)

    def test_make_a_ticket_that_the_desk_owns_and_that_rings_nobody_again(self, there, page):
        first = page()
        self.take(there, first)
        ticket = TicketPage.objects.get(page=first).ticket
        assert (ticket.title, ticket.trust, ticket.priority, ticket.owner) == ("Link down", "machine", 2, there.desk)
        assert Page.objects.count() == 1
        self.take(there, first)
        assert Ticket.objects.count() == 1

    def test_of_the_same_part_join_the_open_ticket(self, there, page):
        first, second, elsewhere = page(), page(), page(component="core2")
        for one in (first, second, elsewhere):
            self.take(there, one)
        assert TicketPage.objects.get(page=first).ticket == TicketPage.objects.get(page=second).ticket
        assert Ticket.objects.count() == 2

    def test_join_what_their_ticket_was_merged_into(self, there, page):
        first, second = page(), page()
        self.take(there, first)
        ours = actions.open_ticket(brand_id=there.brand.pk, title="Core", **there.doing_as(there.dee))
        merge(there, TicketPage.objects.get(page=first).ticket, ours)
        self.take(there, second)
        assert TicketPage.objects.get(page=second).ticket == ours

    def test_of_low_priority_make_none_unless_the_brand_wants_it(self, there, page):
        self.take(there, page(priority="P4"))
        assert not Ticket.objects.exists()
        actions.save_desk_rules(brand_id=there.brand.pk, fields={"tickets_from_pages": "all"}, **there.doing)
        self.take(there, page(priority="P4"))
        assert Ticket.objects.count() == 1

    def test_that_end_untouched_resolve_their_ticket(self, there, page):
        first = page()
        self.take(there, first)
        paging.resolve_page(page_id=first.pk, **there.doing)
        linking_actions.note_page_over(page_id=first.pk, **there.doing)
        assert Ticket.objects.get().state == "resolved"

    def test_that_somebody_took_leave_the_ticket_to_them(self, there, page):
        first = page()
        self.take(there, first)
        paging.acknowledge_page(page_id=first.pk, **there.doing_as(there.eve))
        linking_actions.note_page_taken(page_id=first.pk, **there.doing)
        paging.resolve_page(page_id=first.pk, **there.doing_as(there.eve))
        linking_actions.note_page_over(page_id=first.pk, **there.doing)
        ticket = Ticket.objects.get()
        assert (ticket.state, ticket.assignee) == ("in_progress", there.eve)

    def test_what_was_paged_for_a_ticket_makes_no_second_one(self, there):
        ticket = there.ticket()
        page = paging.trigger_page(
            brand_id=there.brand.pk, title="x", priority="P1", details={"ticket": str(ticket.pk)}, **there.doing
        )
        self.take(there, page)
        assert TicketPage.objects.get(page=page).ticket == ticket


class TestManyWhoAskAtOnce:
    def asks(self, there, name, minutes=1):
        there.minutes(minutes)
        customer, contact = there.customer(name, f"{name.lower()}@x.example")
        customers.make_subscription(customer_id=customer.pk, service_id=there.service.pk, **there.doing)
        ticket = there.ticket(contact_id=contact.pk, **there.doing_as(there.dee))
        there.work()
        ticket.refresh_from_db()
        return ticket

    def test_who_says_so_in_a_ticket_that_was_solved_or_long_quiet_is_one_of_them(self, there):
        solved, quiet, talks = (self.asks(there, name, 20) for name in "ABD")
        said = {"what_was_wrong": "A", "what_was_done": "B", "what_to_do": "C"}
        actions.resolve_ticket(ticket_id=solved.pk, **said, **there.doing_as(there.dee))
        actions.reply_to_customer(ticket_id=quiet.pk, words=Words("We look."), **there.doing_as(there.dee))
        there.minutes(60 * 25)
        actions.reply_to_customer(ticket_id=talks.pk, words=Words("Is it slow?"), **there.doing_as(there.dee))
        new = self.asks(there, "C")
        for ticket in (talks, solved, quiet):
            assert not Page.objects.exists(), "one of them only answered us"
            there.minutes(1)
            said_by = Actor("contact", str(ticket.contact_id), "They")
            actions.take_message(ticket_id=ticket.pk, words=Words("It is down", said_by=said_by), **there.doing)
            there.work()
        assert Page.objects.get().title == "3 customers at once: Fibre"
        gathered = set(Ticket.objects.filter(parent=Surge.objects.get().ticket_id))
        assert gathered == {solved, quiet, new}

    def test_the_third_customer_within_ten_minutes_proposes_a_major_incident_and_pages(self, there):
        first, second = self.asks(there, "A"), self.asks(there, "B", 4)
        assert not Page.objects.exists()
        third = self.asks(there, "C", 4)
        assert Page.objects.get().title == "3 customers at once: Fibre"
        parent = third.parent
        assert parent.major_proposed
        for one in (first, second):
            one.refresh_from_db()
            assert one.parent == parent

    def test_who_comes_later_joins_it_and_nobody_is_paged_again(self, there):
        for name in "ABC":
            self.asks(there, name)
        fourth = self.asks(there, "D", 30)
        assert fourth.parent.major_proposed
        assert Page.objects.count() == 1

    def test_who_asked_lately_is_found_by_an_index(self, there):
        ticket = self.asks(there, "A")
        leave_only_the_index("ticket_contacted")
        with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
            cursor.execute("SET LOCAL enable_seqscan = off")
            queries.contacts_lately(ticket, decide.SURGE_WITHIN)
            (sql,) = [one["sql"] for one in asked if "contacted_at" in one["sql"]]
            cursor.execute(f"EXPLAIN {sql}")
            assert "ticket_contacted" in str(cursor.fetchall())

    def test_the_same_customer_three_times_is_one(self, there):
        customers.make_subscription(customer_id=there.acme.pk, service_id=there.service.pk, **there.doing)
        for _ in range(3):
            there.minutes(1)
            there.ticket()
            there.work()
        assert not Page.objects.exists()

    def test_too_far_apart_is_none(self, there):
        for name in "ABC":
            self.asks(there, name, 6)
        assert not Page.objects.exists()


small_contacts = st.lists(
    st.builds(
        decide.Contacted,
        customer=st.integers(1, 4),
        about=st.dictionaries(
            st.tuples(st.sampled_from(["part", "service"]), st.integers(1, 2)), st.integers(0, 3), max_size=3
        ),
        at=st.integers(-15, 1).map(lambda minutes: MORNING + timedelta(minutes=minutes)),
    ),
    max_size=8,
)


@given(small_contacts)
def test_what_is_shared_is_what_enough_customers_asked_about_in_time(contacts):
    things = [(kind, number) for kind in ("part", "service") for number in (1, 2)]
    counted = {
        one: len({c.customer for c in contacts if one in c.about and -10 < (c.at - MORNING).total_seconds() / 60 <= 0})
        for one in things
    }
    for kind in ("", "part"):
        thing = decide.shared_thing(contacts, MORNING, kind=kind)
        of_kind = [count for one, count in counted.items() if kind in ("", one[0])]
        if thing is None:
            assert max(of_kind) < 3
        else:
            assert counted[thing] == max(of_kind) >= 3


def test_of_what_all_share_the_nearest_is_meant():
    about = [{("part", 1): 1, ("part", 2): 2}, {("part", 1): 1, ("part", 2): 2}, {("part", 1): 1, ("part", 2): 2}]
    contacts = [decide.Contacted(number, one, MORNING) for number, one in enumerate(about)]
    assert decide.shared_thing(contacts, MORNING) == ("part", 1)


@given(st.text("{}nameservicetitle ", max_size=40), st.text("{}name", max_size=10))
def test_what_a_customer_is_called_is_never_read_as_a_word_in_braces(text, name):
    theirs = {"name": name, "number": "#1", "service": "S", "title": "T"}
    said = decide.in_their_words(text, **theirs)
    if not decide.unknown_words(text):
        pieces = re.split(r"(\{[^{}]*\})", text)
        assert said == "".join(theirs[one[1:-1]] if one[:1] == "{" and one[-1:] == "}" else one for one in pieces)


def test_the_follow_ups_reach_the_desk_through_the_worker():
    with world(MORNING) as here:
        bo = here.person("Bo")
        here.escalate((0, bo))
        actions.save_desk_rules(brand_id=here.brand.pk, fields={}, **here.doing)
        page = here.alarm("db down")
        here.phone(bo).got("db down")
        ticket = TicketPage.objects.get(page=page).ticket
        assert ticket.title == "db down"
        here.acknowledge(page, by=bo)
        ticket.refresh_from_db()
        assert (ticket.state, ticket.assignee) == ("in_progress", bo)
