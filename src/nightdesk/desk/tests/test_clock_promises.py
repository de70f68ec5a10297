from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Refusal
from nightdesk.channels.models import Delivery
from nightdesk.customers import actions as customers
from nightdesk.desk import actions, clock_queries
from nightdesk.desk import linking_actions as linking
from nightdesk.desk.actions import Words
from nightdesk.desk.clock import Missing, Standing
from nightdesk.desk.clock_rules import BadClockRules
from nightdesk.desk.models import Entry, Ticket
from nightdesk.desk.tests.provider import MORNING, NIGHT, Provider
from nightdesk.journal.models import Entry as JournalEntry
from nightdesk.paging import actions as paging
from nightdesk.paging.models import Page

pytestmark = pytest.mark.django_db

TARGETS = {
    "P1": {"respond": "PT30M", "fix": "PT4H"},
    "P2": {"respond": "PT1H", "fix": "PT8H"},
    "P3": {"respond": "PT4H", "fix": "PT16H"},
}
PRESSING = {"impact": "high", "urgency": "high"}


@pytest.fixture
def there():
    return Provider(targets=TARGETS)


def clocks(there, ticket):
    ticket.refresh_from_db()
    return clock_queries.clocks_of([ticket], there.at)[ticket.pk]


def promised(ticket):
    """When the warning and the breach are promised, as hours and minutes; None where they are not."""
    rows = Promise.objects.filter(
        subject_id=str(ticket.pk), ended_at=None, kind__in=(clock_queries.WARN, clock_queries.BREACH)
    )
    due = {row.kind: (row.facts["clock"], f"{row.due_at:%a %H:%M}") for row in rows}
    assert len(rows) == len(due)
    return due.get(clock_queries.WARN), due.get(clock_queries.BREACH)


def tell(there, ticket):
    return actions.tell_clocks(ticket_id=ticket.pk, by=SCHEDULER, via=Door.WORKER, at=there.at)


def reply(there, ticket, then="", **more):
    return actions.reply_to_customer(
        ticket_id=ticket.pk, words=Words("We look."), then=then, **more, **there.doing_as(there.dee)
    )


def resolve(there, ticket):
    said = {"what_was_wrong": "A bent fibre", "what_was_done": "We straightened it", "what_to_do": "Nothing"}
    return actions.resolve_ticket(ticket_id=ticket.pk, **said, **there.doing_as(there.dee))


def heard(person):
    return Delivery.objects.filter(address=person.contact_methods.get().address).count()


class TestReading:
    def test_the_story_of_a_ticket_says_how_its_clocks_stand(self, there):
        ticket = there.ticket()
        assert clocks(there, ticket).update.missing is Missing.ANSWER_FIRST
        there.minutes(30)
        reply(there, ticket, then="wait")
        there.minutes(60)
        respond, update, fix = clocks(there, ticket)
        assert (respond.standing, respond.elapsed) == (Standing.MET, timedelta(minutes=30))
        assert (update.standing, fix.standing) == (Standing.PAUSED, Standing.PAUSED)
        actions.take_message(ticket_id=ticket.pk, words=Words("Since nine."), **there.doing_as(there.cleo))
        there.minutes(30)
        _respond, update, fix = clocks(there, ticket)
        assert (update.standing, update.elapsed) == (Standing.RUNNING, timedelta(minutes=30))
        assert fix.elapsed == timedelta(hours=1)

    def test_a_machines_words_and_those_for_ourselves_are_no_answer(self, there):
        ticket = there.ticket()
        automatic = Words("We got it.", automatic=True)
        actions.reply_to_customer(ticket_id=ticket.pk, words=automatic, **there.doing_as(there.dee))
        actions.note_ticket(ticket_id=ticket.pk, words=Words("Odd."), **there.doing_as(there.dee))
        assert clocks(there, ticket).respond.done_at is None

    def test_an_answer_that_is_held_till_the_opening_is_heard_then(self):
        there = Provider(NIGHT, targets=TARGETS)
        ticket = there.ticket()
        reply(there, ticket)
        assert clocks(there, ticket).respond.done_at is None
        there.minutes(7 * 60)
        assert clocks(there, ticket).respond.done_at == datetime(2026, 3, 3, 9, tzinfo=UTC)

    def test_what_a_colleague_opened_owes_no_answer(self, there):
        ticket = there.ticket(contact_id=None, customer_id=there.acme.pk, **there.doing_as(there.dee))
        assert clocks(there, ticket).respond.missing is Missing.NOT_ASKED

    def test_whoever_takes_down_what_they_said_they_are_owed_an_answer(self, there):
        by_dee, cleo = there.doing_as(there.dee), Actor("contact", str(there.cleo.pk), "Cleo")
        calls = there.ticket(**by_dee)
        forwarded = there.ticket(words=Words("Fwd", said_by=cleo), **by_dee)
        left_a_message = there.ticket(words=Words("Ring me", said_by=cleo), by=SCHEDULER)
        for ticket in (calls, forwarded, left_a_message):
            assert clocks(there, ticket).respond.due_at == there.at + timedelta(hours=4)
            assert (ticket.customer_wrote_at, ticket.contacted_at) == (there.at, there.at)
        resolve(there, calls)
        actions.take_message(ticket_id=calls.pk, words=Words("No", said_by=cleo), **there.doing)
        assert clocks(there, calls).respond.standing is Standing.MET, "asked and answered at the same instant"
        there.minutes(30)
        resolve(there, calls)
        there.minutes(30)
        actions.take_message(ticket_id=calls.pk, words=Words("No", said_by=cleo), **there.doing)
        assert clocks(there, calls).respond.due_at == there.at + timedelta(hours=4)

    def test_another_priority_and_kind_of_work_count_from_the_beginning(self, there):
        ticket = there.ticket(work_type="fault")
        there.minutes(60)
        edited = {**PRESSING, "work_type": "install"}
        actions.edit_ticket(ticket_id=ticket.pk, fields=edited, **there.doing_as(there.dee))
        fix = clocks(there, ticket).fix
        assert (fix.due_at, fix.since) == (MORNING + timedelta(hours=4), MORNING)
        ticket.refresh_from_db()
        before = clock_queries.clocks_of([ticket], MORNING + timedelta(minutes=30))[ticket.pk].fix
        assert before.target.duration == timedelta(hours=16)

    def test_words_spoken_on_what_was_merged_into_it_count(self, there):
        ticket, other = there.ticket(), there.ticket()
        there.minutes(10)
        reply(there, other)
        Ticket.objects.filter(pk=other.pk).update(merged_into=ticket)
        assert clocks(there, ticket).respond.done_at == there.at
        assert {one.missing for one in clocks(there, other)} == {Missing.MERGED}

    def test_a_list_is_read_in_four_queries(self, there):
        tickets = [there.ticket() for _ in range(5)]
        for ticket in tickets[1:]:
            reply(there, ticket)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            found = clock_queries.clocks_of(tickets, there.at)
        assert len(found) == 5
        assert len(asked) == 4  # what was merged in, what happened, contracts, rules


class TestPromises:
    def test_the_next_warning_and_the_next_breach_are_promised_and_move_with_the_story(self, there):
        ticket = there.ticket()
        assert promised(ticket) == (("respond", "Tue 13:00"), ("respond", "Tue 14:00"))
        there.minutes(30)
        reply(there, ticket)
        assert promised(ticket) == (("update", "Tue 16:30"), ("update", "Wed 10:00"))
        there.minutes(30)
        reply(there, ticket, then="wait")
        assert promised(ticket) == (None, None)
        there.minutes(60 * 24)
        actions.take_message(ticket_id=ticket.pk, words=Words("Since nine."), **there.doing_as(there.cleo))
        assert promised(ticket) == (("update", "Wed 17:00"), ("update", "Thu 10:30"))
        resolve(there, ticket)
        assert promised(ticket) == (None, None)

    def test_another_priority_moves_them(self, there):
        ticket = there.ticket()
        there.minutes(5)
        actions.edit_ticket(ticket_id=ticket.pk, fields=PRESSING, **there.doing_as(there.dee))
        assert promised(ticket) == (("respond", "Tue 10:15"), ("respond", "Tue 10:30"))

    def test_without_a_contract_nothing_is_promised(self, there):
        ticket = there.ticket(contact_id=None, **{**there.doing_as(there.cleo), "by": Actor("caller", "", "Somebody")})
        assert promised(ticket) == (None, None)
        fields = {"customer_id": there.acme.pk}
        actions.edit_ticket(ticket_id=ticket.pk, fields=fields, **there.doing_as(there.dee))
        assert promised(ticket) == (("respond", "Tue 13:00"), ("respond", "Tue 14:00"))

    def test_whatever_verbs_are_done_in_whatever_order_the_promises_are_those_of_the_story(self, there):
        """No verb forgets them: after each, what is promised is what the history says."""
        chance = Random(7)
        done = 0
        for _ in range(6):
            ticket = there.ticket()
            for _ in range(10):
                until = there.at + timedelta(minutes=chance.randrange(1, 300))
                while due := sorted(due for due, _ in clock_queries.clock_promises(ticket).values() if due <= until):
                    there.at = max(there.at, due[0])
                    tell(there, ticket)
                there.at = until
                verb = chance.choice(VERBS)
                try:
                    verb(there, ticket)
                except Refusal:
                    continue
                done += 1
                ticket.refresh_from_db()
                wanted = {}
                for event in reversed(clock_queries.clock_events(ticket, there.at)):
                    kind = clock_queries.WARN if event.telling == "warning" else clock_queries.BREACH
                    wanted[kind] = (event.due_at, event.key)
                assert clock_queries.clock_promises(ticket) == wanted
        assert done > 25


def _edit(there, ticket, **fields):
    actions.edit_ticket(ticket_id=ticket.pk, fields=fields, **there.doing_as(there.dee))


VERBS = [
    reply,
    lambda there, ticket: reply(there, ticket, then="wait"),
    lambda there, ticket: actions.take_message(
        ticket_id=ticket.pk, words=Words("Hello?"), **there.doing_as(there.cleo)
    ),
    lambda there, ticket: actions.start_ticket(ticket_id=ticket.pk, **there.doing_as(there.dee)),
    lambda there, ticket: actions.wait_ticket(
        ticket_id=ticket.pk,
        reason="awaiting_caller",
        next_step="Ask",
        next_step_at=there.at + timedelta(days=1),
        **there.doing_as(there.dee),
    ),
    lambda there, ticket: _edit(there, ticket, impact="high", urgency="high"),
    lambda there, ticket: _edit(there, ticket, impact="medium", urgency="medium"),
    lambda there, ticket: _edit(there, ticket, work_type="install"),
    lambda there, ticket: actions.escalate_functionally(
        ticket_id=ticket.pk, team_id=there.network.pk, why="A fibre", **there.doing_as(there.dee)
    ),
    resolve,
    lambda there, ticket: actions.reopen_ticket(ticket_id=ticket.pk, why="No", **there.doing_as(there.cleo)),
    lambda there, ticket: actions.cancel_ticket(ticket_id=ticket.pk, why="None", **there.doing_as(there.dee)),
    tell,
]


class TestTelling:
    def test_whoever_works_on_it_is_warned_once_and_the_next_is_promised(self, there):
        ticket = there.ticket()
        actions.assign_ticket(ticket_id=ticket.pk, person_id=there.eve.pk, **there.doing_as(there.dee))
        before = heard(there.eve), heard(there.dee)
        there.minutes(3 * 60)
        assert tell(there, ticket) == "the answer to the customer is nearly due"
        assert (heard(there.eve), heard(there.dee)) == (before[0] + 1, before[1])
        assert promised(ticket) == (("fix", "Wed 13:30"), ("respond", "Tue 14:00"))
        assert tell(there, ticket) == "Nothing was to be done."
        assert heard(there.eve) == before[0] + 1
        entry = Entry.objects.get(ticket=ticket, kind="system")
        assert entry.text == "the answer to the customer is nearly due. It is due at 03 Mar 14:00 UTC."
        assert not entry.public

    def test_the_desk_hears_of_what_is_late_and_the_record_says_so(self, there):
        ticket = there.ticket()
        actions.assign_ticket(ticket_id=ticket.pk, person_id=there.eve.pk, **there.doing_as(there.dee))
        there.minutes(4 * 60)
        before = heard(there.eve), heard(there.dee)
        assert tell(there, ticket) == "the answer to the customer is late"
        assert (heard(there.eve), heard(there.dee)) == (before[0] + 1, before[1] + 1)
        entry = JournalEntry.objects.get(kind="ticket.clock-breached")
        assert (entry.facts["clock"], entry.subject_id) == ("respond", str(ticket.pk))
        assert promised(ticket) == (("fix", "Wed 13:30"), ("fix", "Wed 17:30"))

    def test_what_was_answered_meanwhile_is_not_told(self, there):
        ticket = there.ticket()
        there.minutes(3 * 60)
        reply(there, ticket)
        assert tell(there, ticket) == "Nothing was to be done."
        assert not JournalEntry.objects.filter(kind__startswith="ticket.clock").exists()

    def test_another_priority_is_another_promise_and_is_told_anew(self, there):
        ticket = there.ticket()
        there.minutes(4 * 60)
        tell(there, ticket)
        actions.edit_ticket(ticket_id=ticket.pk, fields=PRESSING, **there.doing_as(there.dee))
        assert "late" in tell(there, ticket)
        assert JournalEntry.objects.filter(kind="ticket.clock-breached").count() == 3


class TestPaging:
    def test_what_presses_pages_once_as_its_deadline_comes_near(self):
        there = Provider(NIGHT, targets=TARGETS, may_wake=["P1", "P2"])
        ticket = there.ticket(impact="high", urgency="medium", wakes=False)
        there.minutes(45)
        assert tell(there, ticket) == "the answer to the customer is nearly due"
        page = Page.objects.get()
        assert (page.priority, page.title) == (2, "#1001 the answer to the customer is nearly due: The line is slow")
        there.minutes(15)
        assert tell(there, ticket) == "the answer to the customer is late"
        assert Page.objects.count() == 1
        person = there.doing_as(there.eve)
        paging.acknowledge_page(page_id=page.pk, **person)
        paging.resolve_page(page_id=page.pk, **person)
        there.minutes(6 * 60)
        tell(there, ticket)
        assert Page.objects.count() == 2

    def test_nobody_is_woken_for_what_waits_or_for_a_stranger(self):
        there = Provider(NIGHT, targets=TARGETS, may_wake=["P1"])
        first = there.ticket(impact="high", urgency="medium", wakes=False)
        stranger = there.ticket(**PRESSING, wakes=False, trust="unverified")
        queue = actions.save_queue(brand_id=there.brand.pk, name="Moves", waits_for_day=True, **there.doing)
        moves = there.ticket(**PRESSING, wakes=False, queue_id=queue.pk)
        there.minutes(6 * 60)
        assert tell(there, first) == "Nothing was to be done."
        for ticket in (stranger, moves):
            assert "late" in tell(there, ticket)
        assert not Page.objects.exists()


class TestTicketsThatBelongTogether:
    def test_what_was_answered_on_one_is_answered_on_the_other_until_they_are_parted_again(self, there):
        survivor, other = there.ticket(), there.ticket()
        there.minutes(30)
        reply(there, other)
        told, owed = promised(other), promised(survivor)
        linking.merge_ticket(ticket_id=other.pk, into_id=survivor.pk, **there.doing_as(there.dee))
        assert (promised(survivor), promised(other)) == (told, (None, None))
        linking.unmerge_ticket(ticket_id=other.pk, **there.doing_as(there.dee))
        assert (promised(survivor), promised(other)) == (owed, told)

    def test_what_a_customer_asked_is_owed_on_the_ticket_of_ours_that_it_is_merged_into(self, there):
        asked = there.ticket()
        there.minutes(30)
        ours = there.ticket(contact_id=None, customer_id=there.acme.pk, **there.doing_as(there.dee))
        owed = promised(asked)
        linking.merge_ticket(ticket_id=asked.pk, into_id=ours.pk, **there.doing_as(there.dee))
        assert promised(ours) == owed == (("respond", "Tue 13:00"), ("respond", "Tue 14:00"))
        there.minutes(30)
        reply(there, ours)
        assert clocks(there, ours).respond.elapsed == timedelta(hours=1)
        linking.unmerge_ticket(ticket_id=asked.pk, **there.doing_as(there.dee))
        assert clocks(there, ours).respond.missing is Missing.NOT_ASKED

    def test_what_a_customer_asked_is_owed_on_the_ticket_that_it_is_split_off_to(self, there):
        ticket = there.ticket()
        reply(there, ticket)
        there.minutes(5)
        actions.take_message(ticket_id=ticket.pk, words=Words("And the bill?"), **there.doing_as(there.cleo))
        bill = Entry.objects.get(text="And the bill?")
        new = linking.split_ticket(
            ticket_id=ticket.pk, entry_ids=[bill.pk], title="The bill", **there.doing_as(there.dee)
        )
        assert clocks(there, new).respond.standing is Standing.RUNNING

    def test_words_that_are_split_off_are_spoken_where_they_went(self, there):
        ticket = there.ticket()
        owed = promised(ticket)
        there.minutes(30)
        answer = reply(there, ticket)
        told = promised(ticket)
        new = linking.split_ticket(
            ticket_id=ticket.pk, entry_ids=[answer.pk], title="Something else", **there.doing_as(there.dee)
        )
        assert promised(ticket) == owed
        assert promised(new)[1][0] == "update"
        linking.rejoin_ticket(ticket_id=new.pk, **there.doing_as(there.dee))
        assert (promised(ticket), promised(new)) == (told, (None, None))


class TestContractsThatChange:
    def test_what_is_promised_follows(self, there):
        ticket, theirs = there.ticket(), Provider(targets=TARGETS).ticket()
        there.work()
        contract = there.acme.contracts.get()
        changed = {"targets": {"P3": {"respond": "PT2H"}}}
        customers.edit_contract(contract_id=contract.pk, changes=changed, **there.doing)
        there.work()
        assert promised(ticket) == (("respond", "Tue 11:30"), ("respond", "Tue 12:00"))
        customers.edit_hours(hours_id=there.hours.pk, changes={"week": [[["10:00", "11:00"]]] * 7}, **there.doing)
        there.work()
        assert promised(ticket) == (("respond", "Wed 10:30"), ("respond", "Wed 11:00"))
        assert promised(theirs) == (("respond", "Tue 13:00"), ("respond", "Tue 14:00"))

    def test_a_brands_own_rules_move_what_is_promised_some_tickets_at_a_time(self, there, monkeypatch):
        monkeypatch.setattr(actions, "RECOUNTED_TOGETHER", 2)
        tickets = [there.ticket() for _ in range(3)]
        clocks = {"warn": {"lead": "PT2H"}, "pauses": {"respond": ["awaiting_supplier"]}}
        actions.save_desk_rules(brand_id=there.brand.pk, fields={"clocks": clocks}, **there.doing)
        there.work()
        assert [promised(ticket)[0] for ticket in tickets] == [("respond", "Tue 12:00")] * 3

    def test_rules_that_mean_nothing_are_refused(self, there):
        fields = {"clocks": {"pauses": {"fix": ["awaiting_lunch"]}}}
        with pytest.raises(BadClockRules):
            actions.save_desk_rules(brand_id=there.brand.pk, fields=fields, **there.doing)
