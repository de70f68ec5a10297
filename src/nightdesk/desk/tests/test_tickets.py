from datetime import timedelta
from itertools import product

import pytest
from django.db import IntegrityError, transaction

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.base.tests.other_hands import Hand, another_connection, somebody_waits_for, until
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact
from nightdesk.customers.queries import numbers_on_record
from nightdesk.desk import actions, decide, linking_actions, queries, supplier_actions
from nightdesk.desk.actions import KindOfContactNeeded, ProofNeeded, StoryMovedOn, Words
from nightdesk.desk.models import Attachment, Entry, TeamRule, Ticket, Watch
from nightdesk.desk.tasks import put_back_tickets
from nightdesk.desk.tests.provider import MORNING, NIGHT, Provider
from nightdesk.journal.models import Entry as JournalEntry
from nightdesk.paging.models import Page
from nightdesk.people import actions as people

pytestmark = pytest.mark.django_db


@pytest.fixture
def there():
    return Provider()


def resolve(there, ticket, who=None, **more):
    said = {"what_was_wrong": "A bent fibre", "what_was_done": "We straightened it", "what_to_do": "Nothing"}
    return actions.resolve_ticket(ticket_id=ticket.pk, **{**said, **more}, **there.doing_as(who or there.dee))


def told(there, person):
    """What that person was told by mail, as titles."""
    address = person.contact_methods.get().address
    return [row.message_id for row in Delivery.objects.filter(address=address)]


class TestOpening:
    def test_it_has_a_number_a_priority_an_owner_and_a_next_step(self, there):
        ticket = there.ticket()
        assert ticket.number == 1001
        assert (ticket.priority, ticket.owner, ticket.state) == (3, there.desk, "new")
        assert ticket.customer == there.acme
        assert ticket.next_step
        assert ticket.next_step_at > there.at
        assert there.story(ticket) == [("moved", ""), ("message_in", "It crawls since nine.")]
        assert there.ticket().number == 1002

    def test_impact_and_urgency_give_the_priority_by_the_brands_own_table(self, there):
        changed = {"priorities": {"low": {"low": "P4"}}}
        actions.save_desk_rules(brand_id=there.brand.pk, fields=changed, **there.doing)
        assert there.ticket(impact="low", urgency="low").priority == 4
        assert there.ticket(impact="high", urgency="high").priority == 1

    def test_brands_count_for_themselves(self, there):
        other = Provider()
        assert (there.ticket().number, other.ticket().number) == (1001, 1001)

    @pytest.mark.parametrize(
        "wrong", [{"title": " "}, {"kind": "problem"}, {"impact": "huge"}, {"next_step": "x", "next_step_at": NIGHT}]
    )
    def test_what_makes_no_sense_is_refused(self, there, wrong):
        with pytest.raises(Invalid):
            there.ticket(**wrong)
        assert not Ticket.objects.exists()

    def test_what_is_another_brands_is_refused(self, there):
        other = Provider()
        for wrong in ({"contact_id": other.cleo.pk}, {"service_id": other.service.pk}):
            with pytest.raises((NotFound, Forbidden)):
                there.ticket(**wrong, by=there.doing["by"])

    def test_a_contact_opens_none_for_another_company(self, there):
        _bolt, ben = there.customer("Bolt", "ben@bolt.example")
        with pytest.raises(Forbidden):
            actions.open_ticket(brand_id=there.brand.pk, title="x", customer_id=there.acme.pk, **there.doing_as(ben))

    def test_files_are_kept_with_what_they_came_with(self, there):
        words = Words("See the picture", files=[actions.File("a.png", "image/png", b"\x89PNG")])
        ticket = there.ticket(words=words)
        (file,) = Attachment.objects.filter(entry__ticket=ticket)
        assert (file.name, file.size, file.entry.kind) == ("a.png", 4, "message_in")


class TestWhoIsWoken:
    def test_at_night_what_the_contract_lets_wake_pages_the_engineer(self):
        there = Provider(NIGHT, out_of_hours="full", may_wake=["P1"])
        there.ticket(impact="high", urgency="high")
        assert Page.objects.get().title == "#1001 The line is slow"

    def test_what_it_does_not_name_waits_for_the_morning(self):
        there = Provider(NIGHT, out_of_hours="full", may_wake=["P1"])
        ticket = there.ticket()
        assert not Page.objects.exists()
        assert ticket.next_step_at.hour == 9

    def test_a_contact_who_may_not_call_at_night_wakes_nobody_then_and_pages_by_day_as_others_do(self):
        there = Provider(NIGHT, out_of_hours="full", may_wake=["P1"], targets={"P1": {"respond": "PT30M"}})
        Contact.objects.filter(pk=there.cleo.pk).update(may_call=False)
        there.cleo.refresh_from_db()
        ticket = there.ticket(impact="high", urgency="high")
        assert ticket.next_step_at.hour == 9
        there.minutes(40)
        actions.tell_clocks(ticket_id=ticket.pk, **there.doing)
        assert not Page.objects.exists()
        there.at = MORNING
        there.ticket("By day", impact="high", urgency="high")
        assert Page.objects.get().title == "#1002 By day"

    def test_a_stranger_wakes_nobody(self):
        there = Provider(NIGHT, out_of_hours="full", may_wake=["P1"])
        there.ticket(impact="high", urgency="high", trust="unverified")
        assert not Page.objects.exists()


class TestWhoGetsIn:
    def test_a_customers_words_ask_for_proof_that_an_agent_may_take_off_and_a_queue_asks_for_all(self, there):
        asked = there.ticket("Help", said="Hello,\nplease reset my MFA, I have a new phone.")
        assert asked.needs_proof
        assert there.story(asked)[1][1].startswith("“reset my MFA”: it may change who gets in")
        actions.edit_ticket(ticket_id=asked.pk, fields={"needs_proof": False}, **there.doing_as(there.dee))
        assert not there.ticket(said="It asks for my password, and then the page is white.").needs_proof
        queue = actions.save_queue(brand_id=there.brand.pk, name="Access", needs_proof=True, **there.doing)
        assert there.ticket(queue_id=queue.pk).needs_proof

    def test_a_number_that_whoever_has_the_account_put_there_lately_is_called_back_for_nothing(self, there):
        ticket = there.ticket(needs_proof=True)
        customers.edit_contact(
            contact_id=there.cleo.pk, changes={"phone": "+447700900666"}, by=SCHEDULER, via=Door.CLI, at=there.at
        )
        Contact.objects.filter(pk=there.cleo.pk).update(
            phone_said_at=there.at, mobile="+447700900667", mobile_verified_at=there.at
        )
        with pytest.raises(Invalid, match="on record for a week"):
            actions.prove_identity(ticket_id=ticket.pk, how="call_back", **there.doing_as(there.dee))
        there.minutes(7 * 24 * 60)
        cleo = Contact.objects.get(pk=there.cleo.pk)
        assert numbers_on_record(cleo, there.at) == ["+447700900666", "+447700900667"]
        actions.prove_identity(ticket_id=ticket.pk, how="call_back", **there.doing_as(there.dee))


class TestAMessage:
    def test_ends_the_wait_for_the_caller(self, there):
        ticket = there.ticket()
        there.minutes(5)
        actions.reply_to_customer(
            ticket_id=ticket.pk, words=Words("Since when?"), then="wait", **there.doing_as(there.dee)
        )
        ticket.refresh_from_db()
        assert (ticket.state, ticket.pending_reason) == ("pending", "awaiting_caller")
        there.minutes(5)
        actions.take_message(ticket_id=ticket.pk, words=Words("Nine."), **there.doing_as(there.cleo))
        ticket.refresh_from_db()
        assert (ticket.state, ticket.next_step) == ("in_progress", "Answer what they wrote")

    def test_of_a_machine_moves_nothing(self, there):
        ticket = there.ticket()
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("?"), then="wait", **there.doing_as(there.dee))
        machine = Words("I am away.", automatic=True)
        actions.take_message(ticket_id=ticket.pk, words=machine, **there.doing_as(there.cleo))
        ticket.refresh_from_db()
        assert ticket.state == "pending"
        assert there.story(ticket)[-1] == ("message_in", "I am away.")

    def test_reopens_what_was_resolved_and_counts_it(self, there):
        ticket = resolve(there, there.ticket())
        actions.take_message(ticket_id=ticket.pk, words=Words("No."), **there.doing_as(there.cleo))
        ticket.refresh_from_db()
        assert (ticket.state, ticket.reopened, ticket.resolved_at) == ("in_progress", 1, None)

    def test_long_after_the_closing_opens_a_ticket_that_follows(self, there):
        asked = there.ticket(needs_proof=True)
        actions.prove_identity(ticket_id=asked.pk, how="call_back", **there.doing_as(there.dee))
        ticket = resolve(there, asked)
        actions.close_ticket(ticket_id=ticket.pk, **there.doing_as(there.dee))
        there.minutes(60 * 24 * 15)
        new = actions.take_message(ticket_id=ticket.pk, words=Words("Again!"), **there.doing_as(there.cleo))
        assert new.pk != ticket.pk
        assert (new.needs_proof, new.proved_at) == (True, None), "who asks now is to be made sure of anew"
        assert new.links.get().other == ticket
        ticket.refresh_from_db()
        assert ticket.state == "closed"

    def test_whoever_works_on_it_is_told(self, there):
        ticket = there.ticket()
        actions.assign_ticket(ticket_id=ticket.pk, person_id=there.dee.pk, **there.doing_as(there.max))
        before = len(told(there, there.dee))
        actions.take_message(ticket_id=ticket.pk, words=Words("Hello?"), **there.doing_as(there.cleo))
        assert len(told(there, there.dee)) == before + 1


class TestWritingToTheCustomer:
    def test_begins_the_work_and_is_the_first_response(self, there):
        ticket = there.ticket()
        there.minutes(7)
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("We look."), **there.doing_as(there.dee))
        ticket.refresh_from_db()
        assert (ticket.state, ticket.assignee, ticket.first_response_at) == ("in_progress", there.dee, there.at)
        assert Delivery.objects.get(subject_kind="ticket", recipient_kind="contact").address == "cleo@acme.example"

    def test_the_second_line_says_why_and_the_desk_is_told(self, there):
        ticket = there.ticket()
        with pytest.raises(KindOfContactNeeded):
            actions.reply_to_customer(ticket_id=ticket.pk, words=Words("?"), **there.doing_as(there.eve))
        with pytest.raises(KindOfContactNeeded):
            actions.reply_to_customer(
                ticket_id=ticket.pk, words=Words("?"), contact_kind="site_visit", **there.doing_as(there.eve)
            )
        assert not told(there, there.dee)
        entry = actions.reply_to_customer(
            ticket_id=ticket.pk, words=Words("Which port?"), contact_kind="question", **there.doing_as(there.eve)
        )
        assert (entry.contact_kind, entry.facts["level"]) == ("question", "2")
        assert len(told(there, there.dee)) == 1

    def test_the_second_line_that_tells_the_end_tells_the_desk(self, there):
        kinds = {"level": "2", "contact_kinds": ["resolution"]}
        actions.save_team_rule(team_id=there.network.pk, **kinds, **there.doing)
        said = {"what_was_wrong": "ONT hung", "what_was_done": "Rebooted", "what_to_do": "Nothing"}
        actions.resolve_ticket(ticket_id=there.ticket().pk, **said, **there.doing_as(there.eve))
        assert len(told(there, there.dee)) == 1

    def test_a_team_of_which_nothing_is_said_is_behind_the_desk_where_others_have_rules(self, there):
        fay = there.person("Fay", "engineer")
        field = there.team("Field", fay)
        ticket = there.ticket()
        with pytest.raises(KindOfContactNeeded):
            actions.reply_to_customer(ticket_id=ticket.pk, words=Words("Hi"), **there.doing_as(fay))
        assert (queries.level_of_team(field.pk), queries.level_of_team(there.desk.pk)) == ("2", "1")
        TeamRule.objects.all().delete()
        assert queries.level_of_team(field.pk) == "1"
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("Hi"), **there.doing_as(fay))

    def test_at_night_it_is_held_till_the_opening_unless_they_say_why(self):
        there = Provider(NIGHT)
        ticket = there.ticket()
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("We look."), **there.doing_as(there.dee))
        held = Delivery.objects.get(recipient_kind="contact")
        assert (held.due_at - there.at) == timedelta(hours=7)
        actions.reply_to_customer(
            ticket_id=ticket.pk, words=Words("Now."), why_now="their shop is down", **there.doing_as(there.dee)
        )
        assert Delivery.objects.filter(recipient_kind="contact", due_at=there.at).count() == 1

    def test_what_is_told_at_the_end_is_held_likewise(self):
        there = Provider(NIGHT)
        answer = {"what_was_wrong": "An optic.", "what_was_done": "Changed.", "what_to_do": "Nothing."}
        ended = actions.resolve_ticket(ticket_id=there.ticket().pk, **answer, **there.doing_as(there.dee))
        assert ended.first_response_at == there.at + timedelta(hours=7)
        pressing = there.ticket().pk
        actions.resolve_ticket(
            ticket_id=pressing, **answer, why_now="they asked to be rung", **there.doing_as(there.dee)
        )
        due = (
            Delivery.objects.filter(recipient_kind="contact")
            .order_by("created_at", "id")
            .values_list("due_at", flat=True)
        )
        assert list(due) == [there.at + timedelta(hours=7), there.at]
        entry = Entry.objects.get(ticket=pressing, kind="message_out")
        assert entry.facts["why_now"] == "they asked to be rung"

    def test_what_somebody_who_left_had_goes_on(self, there):
        ticket, watched = there.ticket(), there.ticket("Another")
        actions.watch_ticket(ticket_id=watched.pk, person_id=there.dee.pk, **there.doing_as(there.dee))
        people.set_team_members(
            team_id=there.desk.pk, person_ids=[there.dee.pk, there.max.pk], manager_id=None, **there.doing
        )
        for one, team in ((ticket, there.desk.pk), (there.ticket("A third"), None)):
            actions.assign_ticket(ticket_id=one.pk, person_id=there.dee.pk, team_id=team, **there.doing_as(there.max))
        Delivery.objects.all().delete()
        people.deactivate_person(person_id=there.dee.pk, **there.doing)
        promised = Promise.objects.get(kind="ticket.put_back", ended_at=None)
        assert put_back_tickets(promised, there.at) == "2 tickets were put back."
        assert put_back_tickets(promised, there.at) == "0 tickets were put back."
        assert not Ticket.objects.exclude(assignee=None).exists()
        actions.pass_next_step(ticket_id=ticket.pk, **(there.doing | {"at": there.at + timedelta(days=9)}))
        actions.take_message(ticket_id=watched.pk, words=Words("And?"), **there.doing_as(there.cleo))
        told = Delivery.objects.filter(recipient_kind="person").values_list("recipient_id", flat=True)
        assert set(told) == {str(there.max.pk)}
        assert len(told) == 4

    def test_two_agents_at_once_the_later_hears_of_the_first(self, there):
        ticket = there.ticket()
        seen = Entry.objects.filter(ticket=ticket).latest("id").pk
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("A"), seen_id=seen, **there.doing_as(there.dee))
        with pytest.raises(StoryMovedOn):
            actions.reply_to_customer(ticket_id=ticket.pk, words=Words("B"), seen_id=seen, **there.doing_as(there.max))

    def test_one_who_was_removed_gets_nothing_more(self, there):
        ticket = there.ticket(copies=[("rod@acme.example", "Rod")])
        actions.set_party(ticket_id=ticket.pk, address="ROD@acme.example", role="removed", **there.doing_as(there.dee))
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("Hi"), **there.doing_as(there.dee))
        sent = Delivery.objects.filter(recipient_kind="contact").values_list("address", flat=True)
        assert list(sent) == ["cleo@acme.example"]

    def test_a_note_never_leaves(self, there):
        ticket = there.ticket()
        entry = actions.note_ticket(ticket_id=ticket.pk, words=Words("They are rude."), **there.doing_as(there.dee))
        assert not entry.public
        assert not Delivery.objects.filter(recipient_kind="contact").exists()
        with pytest.raises(ValueError, match="not public"), transaction.atomic():
            actions.send_to_parties(ticket=ticket, entry=entry, send_at=there.at, **there.doing)
        with pytest.raises(IntegrityError), transaction.atomic():
            Entry.objects.filter(pk=entry.pk).update(public=True)


class TestEscalating:
    def test_to_the_second_line_keeps_the_desk_as_owner_and_tells_the_story(self, there):
        ticket = there.ticket()
        actions.escalate_functionally(
            ticket_id=ticket.pk, team_id=there.network.pk, why="Needs the router", **there.doing_as(there.dee)
        )
        ticket.refresh_from_db()
        assert (ticket.owner, ticket.team, ticket.level) == (there.desk, there.network, "2")
        assert ticket.first_engineer == there.dee
        assert len(told(there, there.eve)) == 1
        assert "It crawls since nine." in queries.story_so_far(ticket)

    def test_to_a_manager_changes_nobody_and_is_told(self, there):
        ticket = there.ticket()
        actions.escalate_hierarchically(ticket_id=ticket.pk, why="Too slow", **there.doing_as(there.dee))
        ticket.refresh_from_db()
        assert (ticket.team, ticket.assignee) == (None, None)
        assert Watch.objects.get(ticket=ticket).person == there.max
        assert len(told(there, there.max)) == 1

    @pytest.mark.parametrize("verb", ["escalate_functionally", "escalate_hierarchically"])
    def test_without_a_reason_is_refused(self, there, verb):
        more = {"team_id": there.network.pk} if verb == "escalate_functionally" else {}
        with pytest.raises(Invalid):
            getattr(actions, verb)(ticket_id=there.ticket().pk, why=" ", **more, **there.doing_as(there.dee))


class TestHandingOver:
    @pytest.mark.parametrize("verb", ["assign", "escalate", "raise", "supplier"])
    def test_whoever_it_comes_to_reads_the_story_so_far_and_need_not_ask(self, there, verb):
        ticket = there.ticket(said="It crawls since nine, the lamp is red.")
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("Which lamp?"), **there.doing_as(there.dee))
        there.minutes(1)
        by = there.doing_as(there.dee)
        match verb:
            case "assign":
                actions.assign_ticket(ticket_id=ticket.pk, person_id=there.eve.pk, **by)
            case "escalate":
                actions.escalate_functionally(ticket_id=ticket.pk, team_id=there.network.pk, why="Too deep", **by)
            case "raise":
                actions.escalate_hierarchically(ticket_id=ticket.pk, why="Too slow", **by)
            case "supplier":
                carrier = supplier_actions.save_supplier(brand_id=there.brand.pk, name="Carrier", **there.doing)
                row = supplier_actions.open_supplier_ticket(ticket_id=ticket.pk, supplier_id=carrier.pk, **by)
                there.minutes(60 * 24)
                supplier_actions.pass_chase(supplier_ticket_id=row.pk, **there.doing)
        body = Message.objects.filter(kind="ticket.told").latest("at", "id").body
        for part in ("The line is slow", "For Acme, Cleo", "the lamp is red.", "Dee: Which lamp?", "Next: "):
            assert part in body, part

    def test_a_team_that_gets_it_is_told_with_the_first_words_and_the_newest(self, there):
        ticket = there.ticket(said="The lamp is red.")
        for number in range(14):
            there.minutes(1)
            words = Words(f"Word {number}. " + "x" * 550)
            actions.note_ticket(ticket_id=ticket.pk, words=words, **there.doing_as(there.dee))
        actions.assign_ticket(ticket_id=ticket.pk, team_id=there.network.pk, **there.doing_as(there.dee))
        assert len(told(there, there.eve)) == 1
        body = Message.objects.filter(kind="ticket.told").latest("at", "id").body
        assert "The lamp is red." in body
        assert "Word 13." in body

    def test_whoever_watches_or_is_named_in_a_note_hears_of_what_comes_and_no_longer_once_they_stop(self, there):
        ticket = there.ticket()

        def says(text):
            there.minutes(1)
            before = len(told(there, there.eve)), len(told(there, there.max))
            actions.take_message(ticket_id=ticket.pk, words=Words(text), **there.doing_as(there.cleo))
            return len(told(there, there.eve)) - before[0], len(told(there, there.max)) - before[1]

        assert says("Hello?") == (0, 0)
        actions.watch_ticket(ticket_id=ticket.pk, person_id=there.eve.pk, **there.doing_as(there.eve))
        actions.note_ticket(
            ticket_id=ticket.pk, words=Words("@Max look"), mentions=[there.max.pk], **there.doing_as(there.dee)
        )
        assert len(told(there, there.max)) == 1, "who is named is told at once"
        assert says("Anybody?") == (1, 1)
        actions.unwatch_ticket(ticket_id=ticket.pk, person_id=there.eve.pk, **there.doing_as(there.eve))
        assert says("Well?") == (0, 1)


class TestStates:
    def test_resolving_asks_for_all_three_and_tells_the_customer(self, there):
        ticket = there.ticket()
        for missing in ("what_was_wrong", "what_was_done", "what_to_do"):
            with pytest.raises(Invalid):
                resolve(there, ticket, **{missing: ""})
        resolve(there, ticket)
        assert "We straightened it" in there.story(ticket)[-1][1]
        assert Delivery.objects.filter(recipient_kind="contact").count() == 1

    def test_what_is_resolved_closes_by_itself_unless_somebody_speaks(self, there):
        ticket = resolve(there, there.ticket())
        due = Promise.objects.get(kind=actions.CLOSE, ended_at=None).due_at
        assert due == there.at + timedelta(days=5)
        assert actions.expire_ticket(ticket_id=ticket.pk, **there.doing) == "Nothing was to be done."
        there.at = due
        actions.expire_ticket(ticket_id=ticket.pk, **there.doing)
        ticket.refresh_from_db()
        assert ticket.state == "closed"

    def test_a_late_next_step_is_told_to_whoever_works_on_it(self, there):
        ticket = there.ticket()
        there.at = ticket.next_step_at
        actions.pass_next_step(ticket_id=ticket.pk, **there.doing)
        assert len(told(there, there.dee)) == 1

    def test_who_gets_in_is_changed_only_once_it_is_sure_who_asked(self, there):
        ticket = there.ticket(kind="request", needs_proof=True)
        with pytest.raises(ProofNeeded):
            resolve(there, ticket)
        actions.prove_identity(ticket_id=ticket.pk, how="call_back", **there.doing_as(there.dee))
        assert resolve(there, ticket).state == "resolved"

    def test_only_whoever_may_approve_there_does(self, there):
        ticket = there.ticket(kind="request", needs_proof=True)
        ada = customers.make_contact(customer_id=there.acme.pk, name="Ada", **there.doing)
        _bolt, ben = there.customer("Bolt", "ben@bolt.example")
        Contact.objects.exclude(pk=ada.pk).update(may_authorise=True)

        def prove(who):
            return actions.prove_identity(
                ticket_id=ticket.pk, how="approver", approver_id=who, **there.doing_as(there.dee)
            )

        for wrong in (None, ada.pk, ben.pk, there.cleo.pk):
            with pytest.raises(Invalid):
                prove(wrong)
        Contact.objects.filter(pk=ada.pk).update(may_authorise=True)
        assert prove(ada.pk).proved_at == there.at

    def test_without_a_number_on_record_calling_back_proves_nothing(self, there):
        ticket = there.ticket(kind="request", needs_proof=True)
        Contact.objects.update(phone="")
        with pytest.raises(Invalid):
            actions.prove_identity(ticket_id=ticket.pk, how="call_back", **there.doing_as(there.dee))

    def test_whoever_may_change_a_title_cannot_do_without_the_proof(self, there):
        ticket = there.ticket(kind="request", needs_proof=True)
        with pytest.raises(Forbidden):
            actions.edit_ticket(ticket_id=ticket.pk, fields={"needs_proof": False}, **there.doing_as(there.eve))
        actions.prove_identity(ticket_id=ticket.pk, how="call_back", **there.doing_as(there.dee))
        ada = customers.make_contact(customer_id=there.acme.pk, name="Ada", **there.doing)
        actions.edit_ticket(ticket_id=ticket.pk, fields={"contact_id": ada.pk}, **there.doing_as(there.eve))
        with pytest.raises(ProofNeeded):
            resolve(there, ticket)

    @pytest.mark.parametrize(("state", "verb"), list(product(decide.State, decide.Verb)))
    def test_every_verb_in_every_state_does_what_the_table_says(self, there, state, verb):
        ticket = there.ticket()
        pending = "awaiting_supplier" if state == "pending" else ""
        told = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
        Ticket.objects.filter(pk=ticket.pk).update(state=state, pending_reason=pending, closed_at=there.at, **told)
        by = there.doing_as(there.dee)
        step = {"next_step": "Ask them", "next_step_at": there.at + timedelta(hours=1)}
        do = {
            "assign": lambda: actions.assign_ticket(ticket_id=ticket.pk, person_id=there.eve.pk, **by),
            "start": lambda: actions.start_ticket(ticket_id=ticket.pk, **by),
            "resume": lambda: actions.start_ticket(ticket_id=ticket.pk, **by),
            "wait": lambda: actions.wait_ticket(ticket_id=ticket.pk, reason="awaiting_supplier", **step, **by),
            "resolve": lambda: resolve(there, ticket),
            "close": lambda: actions.close_ticket(ticket_id=ticket.pk, **by),
            "cancel": lambda: actions.cancel_ticket(ticket_id=ticket.pk, why="spam", **by),
            "reopen": lambda: actions.reopen_ticket(ticket_id=ticket.pk, why="again", **by),
        }[verb]
        also = {("pending", "assign"): "pending", ("in_progress", "start"): "in_progress"}
        also |= {("in_progress", "resume"): "in_progress", ("closed", "close"): "closed"}
        also |= {(one, "resume"): "in_progress" for one in ("new", "assigned")}
        expected = decide.after(state, verb) or also.get((state, verb))
        if expected is None:
            with pytest.raises(IllegalTransition):
                do()
        else:
            do()
        ticket.refresh_from_db()
        assert ticket.state == (expected or state)

    def test_an_open_ticket_without_a_next_step_cannot_be(self, there):
        ticket = there.ticket()
        with pytest.raises(IntegrityError), transaction.atomic():
            Ticket.objects.filter(pk=ticket.pk).update(next_step="")


def test_every_verb_leaves_one_entry_in_the_journal(there):
    ticket = there.ticket()
    count = JournalEntry.objects.filter(subject_kind="ticket").count()
    assert count == 1
    actions.start_ticket(ticket_id=ticket.pk, **there.doing_as(there.dee))
    actions.edit_ticket(ticket_id=ticket.pk, fields={"urgency": "high"}, **there.doing_as(there.dee))
    actions.note_ticket(ticket_id=ticket.pk, words=Words("x"), **there.doing_as(there.dee))
    kinds = JournalEntry.objects.filter(subject_kind="ticket").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["ticket.opened", "ticket.moved", "ticket.edited", "ticket.noted"]


def test_strangers_and_other_brands_staff_do_nothing(there):
    ticket, other = there.ticket(), Provider()
    for by in (other.doing_as(other.dee)["by"], Actor("caller", "x@y.example", "X")):
        with pytest.raises(Forbidden):
            actions.note_ticket(ticket_id=ticket.pk, words=Words("x"), by=by, via=Door.WEB, at=there.at)


@pytest.mark.django_db(transaction=True)
def test_tickets_opened_at_once_have_numbers_of_their_own():
    there = Provider()
    hands = [Hand(lambda: there.ticket().number) for _ in range(6)]
    numbers = sorted(hand.result() for hand in hands)
    assert numbers == list(range(1001, 1007))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_resolve_at_once_one_is_told_that_it_is_done():
    there = Provider()
    ticket = there.ticket()

    def one():
        try:
            return resolve(there, ticket).state
        except IllegalTransition:
            return "refused"

    with another_connection() as other:
        other.execute("SELECT id FROM desk_ticket WHERE id = %s FOR UPDATE", [ticket.pk])
        hands = [Hand(one), Hand(one)]
        until(lambda: somebody_waits_for(other))
        other.rollback()
    assert sorted(hand.result() for hand in hands) == ["refused", "resolved"]
    assert Entry.objects.filter(ticket=ticket, kind="message_out").count() == 1


def at_once(ticket, *works):
    """What each comes to, where all of them waited for the ticket; a refusal by its code."""

    def tried(work):
        try:
            return work()
        except Refusal as refused:
            return refused.code

    with another_connection() as other:
        other.execute("SELECT id FROM desk_ticket WHERE id = %s FOR UPDATE", [ticket.pk])
        hands = [Hand(lambda work=work: tried(work)) for work in works]
        until(lambda: somebody_waits_for(other))
        other.rollback()
    return [hand.result() for hand in hands]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_answer_at_once_the_second_reads_first_what_the_other_wrote():
    there = Provider()
    ticket = there.ticket()
    seen = Entry.objects.filter(ticket=ticket).latest("id").pk
    there.minutes(1)

    def answer(who):
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words(who), seen_id=seen, **there.doing_as(there.dee))
        return "sent"

    told = at_once(ticket, lambda: answer("First"), lambda: answer("Second"))
    assert sorted(told) == ["sent", "story-moved-on"]
    assert Entry.objects.filter(ticket=ticket, kind="message_out").count() == 1
    assert Message.objects.filter(kind="ticket.reply").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_it_at_once_the_last_has_it_and_the_story_tells_both():
    there = Provider()
    ticket = there.ticket()

    def take(who):
        actions.assign_ticket(ticket_id=ticket.pk, person_id=who.pk, **there.doing_as(who))
        return who.pk

    at_once(ticket, lambda: take(there.dee), lambda: take(there.max))
    ticket.refresh_from_db()
    told = Entry.objects.filter(ticket=ticket, kind="moved", facts__to="assigned").order_by("id")
    assert {one.facts["assignee"] for one in told} == {there.dee.pk, there.max.pk}
    assert ticket.assignee_id in (there.dee.pk, there.max.pk)


@pytest.mark.django_db(transaction=True)
def test_an_answer_to_what_is_merged_at_once_lands_in_the_survivor():
    there = Provider()
    ticket, survivor = there.ticket(), there.ticket("The same again")

    def merge():
        linking_actions.merge_ticket(ticket_id=ticket.pk, into_id=survivor.pk, **there.doing_as(there.dee))
        return "merged"

    def write():
        return actions.take_message(ticket_id=ticket.pk, words=Words("Still"), **there.doing_as(there.cleo)).pk

    merged, there_it_is = at_once(ticket, merge, write)
    assert merged == "merged"
    assert there_it_is in (ticket.pk, survivor.pk)
    assert [one.text for one in queries.story_of(survivor) if one.text == "Still"] == ["Still"]
