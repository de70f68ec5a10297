from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import vault
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers import contact_actions
from nightdesk.desk import (
    actions,
    bulk_actions,
    chasing,
    decide,
    queries,
    supplier_actions,
    survey_actions,
    time_actions,
)
from nightdesk.desk.models import Prepaid, Supplier, SupplierTicket, Survey, Ticket
from nightdesk.desk.tests.provider import MORNING, Provider
from nightdesk.people.models import Person

DB = pytest.mark.django_db
CARE = {"4": {"respond": "PT1H", "fix": "PT6H"}}
LADDER = [
    {"who": "Their desk", "how": "+442079460000", "after_minutes": 30},
    {"who": "Their manager", "how": "+442079460001", "after_minutes": 60},
]


@pytest.fixture
def there():
    return Provider()


@pytest.fixture
def carrier(there):
    return supplier_actions.save_supplier(
        brand_id=there.brand.pk, name="Carrier", care_levels=CARE, ladder=LADDER, **there.doing
    )


def ask(there, ticket, carrier, **more):
    return supplier_actions.open_supplier_ticket(
        ticket_id=ticket.pk, supplier_id=carrier.pk, care_level="4", **more, **there.doing_as(there.dee)
    )


def due(there, row):
    """The supplier's chase that is promised; the world's clock goes there and it is kept."""
    found = Promise.objects.get(kind=chasing.CHASE, subject_id=str(row.pk), ended_at=None)
    there.at = found.due_at
    said = supplier_actions.pass_chase(supplier_ticket_id=row.pk, **there.doing)
    Promise.objects.filter(pk=found.pk).update(ended_at=there.at, ended_as="kept")
    row.refresh_from_db()
    return said


@DB
class TestSuppliers:
    def test_ours_waits_for_theirs_and_says_when_it_asks_again(self, there, carrier):
        ticket = there.ticket()
        row = ask(there, ticket, carrier, ref="CAS-1")
        ticket.refresh_from_db()
        assert (ticket.state, ticket.pending_reason, ticket.level) == ("pending", "awaiting_supplier", "supplier")
        assert (ticket.next_step, ticket.next_step_at) == ("We ask Carrier CAS-1 again", row.respond_by)
        assert (row.respond_by - there.at, row.fix_by - there.at) == (timedelta(hours=1), timedelta(hours=6))

    def test_nobody_answers_and_each_chase_names_the_rung_above(self, there, carrier):
        row = ask(there, there.ticket(), carrier)
        assert due(there, row) == "1 people were told."
        assert Message.objects.filter(body__contains="Their desk +442079460000").count() == 1
        supplier_actions.chase_supplier(supplier_ticket_id=row.pk, **there.doing_as(there.dee))
        row.refresh_from_db()
        assert (row.step, row.chased, row.next_chase_at - there.at) == (1, 1, timedelta(hours=1))
        due(there, row)
        assert Message.objects.filter(body__contains="Their manager").count() == 1
        supplier_actions.chase_supplier(supplier_ticket_id=row.pk, **there.doing_as(there.dee))
        row.refresh_from_db()
        assert row.step == 1

    def test_a_chase_that_nobody_makes_is_asked_for_again(self, there, carrier):
        row = ask(there, there.ticket(), carrier)
        due(there, row)
        due(there, row)
        assert Message.objects.filter(title__startswith="Chase Carrier").count() == 2

    def test_nobody_is_chased_for_what_is_over_until_it_is_opened_again(self, there, carrier):
        ticket = there.ticket()
        row = ask(there, ticket, carrier)
        said = {"what_was_wrong": "A", "what_was_done": "B", "what_to_do": "C"}
        actions.resolve_ticket(ticket_id=ticket.pk, **said, **there.doing_as(there.dee))
        due(there, row)
        assert not Message.objects.filter(title__startswith="Chase Carrier").exists()
        assert not Promise.objects.filter(kind=chasing.CHASE, ended_at=None).exists()
        actions.take_message(ticket_id=ticket.pk, words=actions.Words("No"), **there.doing_as(there.cleo))
        due(there, row)
        assert Message.objects.filter(title__startswith="Chase Carrier").count() == 1

    def test_an_answer_begins_the_ladder_anew_and_the_fix_is_waited_for(self, there, carrier):
        ticket = there.ticket()
        row = ask(there, ticket, carrier)
        there.minutes(20)
        supplier_actions.note_supplier_answer(
            supplier_ticket_id=row.pk, words=actions.Words("On it"), ref="X9", **there.doing_as(there.dee)
        )
        row.refresh_from_db()
        ticket.refresh_from_db()
        assert (row.ref, row.responded_at, row.next_chase_at) == ("X9", there.at, row.fix_by)
        assert ticket.next_step_at == row.fix_by

    def test_when_they_are_done_ours_goes_on_and_nothing_is_chased(self, there, carrier):
        ticket = there.ticket()
        row = ask(there, ticket, carrier)
        supplier_actions.close_supplier_ticket(supplier_ticket_id=row.pk, **there.doing_as(there.dee))
        ticket.refresh_from_db()
        assert (ticket.state, ticket.level, ticket.pending_reason) == ("in_progress", "1", "")
        assert not Promise.objects.filter(kind=chasing.CHASE, ended_at=None).exists()
        with pytest.raises(IllegalTransition):
            supplier_actions.chase_supplier(supplier_ticket_id=row.pk, **there.doing_as(there.dee))

    def test_of_two_suppliers_the_other_is_still_waited_for(self, there, carrier):
        ticket = there.ticket()
        first, second = ask(there, ticket, carrier), ask(there, ticket, carrier)
        supplier_actions.close_supplier_ticket(supplier_ticket_id=first.pk, **there.doing_as(there.dee))
        ticket.refresh_from_db()
        assert ticket.state == "pending"
        supplier_actions.close_supplier_ticket(supplier_ticket_id=second.pk, **there.doing_as(there.dee))
        ticket.refresh_from_db()
        assert ticket.state == "in_progress"

    def test_a_care_level_counts_by_the_suppliers_hours_where_they_have_some(self, there):
        office = supplier_actions.save_supplier(
            brand_id=there.brand.pk, name="Office", hours_id=there.hours.pk, care_levels=CARE, **there.doing
        )
        there.at = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
        row = ask(there, there.ticket(), office)
        assert row.respond_by == datetime(2026, 3, 4, 9, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": " "},
            {"care_levels": {"4": {"respond": "soon"}}},
            {"ladder": [{"who": "", "how": "", "after_minutes": 60}]},
            {"ladder": [{"who": "A", "how": "", "after_minutes": 1}]},
            {"name": "CARRIER"},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, there, carrier, wrong):
        with pytest.raises(Invalid):
            supplier_actions.save_supplier(**{"brand_id": there.brand.pk, "name": "New", **wrong}, **there.doing)
        assert Supplier.objects.count() == 1

    def test_an_unknown_care_level_and_another_brands_supplier_are_refused(self, there, carrier):
        ticket, other = there.ticket(), Provider()
        with pytest.raises(Invalid):
            supplier_actions.open_supplier_ticket(
                ticket_id=ticket.pk, supplier_id=carrier.pk, care_level="9", **there.doing_as(there.dee)
            )
        with pytest.raises(NotFound):
            ask(other, other.ticket(), carrier)
        assert not SupplierTicket.objects.exists()


@given(
    st.lists(
        st.builds(decide.Rung, st.just("A"), st.just(""), st.integers(0, 300).map(lambda m: timedelta(minutes=m)))
    ),
    st.integers(0, 5),
    st.none() | st.integers(-60, 600).map(lambda m: MORNING + timedelta(minutes=m)),
)
def test_the_next_chase_is_always_to_come_and_never_before_anything_is_owed(ladder, step, owed):
    at = decide.next_chase(ladder, step, MORNING, due=owed)
    assert at > MORNING
    assert owed is None or owed <= MORNING or at == owed


@DB
class TestTime:
    DAY = MORNING.date()

    def log(self, there, ticket, minutes, who=None, **more):
        return time_actions.log_time(
            ticket_id=ticket.pk, minutes=minutes, **{"on": self.DAY, **more}, **there.doing_as(who or there.dee)
        )

    def worked(self, there):
        return queries.worked_for({there.brand.pk}, self.DAY, self.DAY + timedelta(days=1))

    def test_it_is_told_for_each_customer_with_what_they_had_paid_for(self, there):
        ticket = there.ticket()
        self.log(there, ticket, 50)
        self.log(there, ticket, 30, billable=False)
        self.log(there, ticket, 0, call_out=True)
        time_actions.save_prepaid(customer_id=there.acme.pk, minutes=40, valid_from=self.DAY, **there.doing)
        (row,) = self.worked(there)
        assert (row.customer, row.minutes, row.billable, row.paid, row.billed) == (there.acme, 80, 50, 40, 10)
        assert (row.call_outs, row.tickets) == (1, 1)

    def test_after_midnight_a_day_is_todays_where_they_are(self, there):
        there.at, ticket = MORNING.replace(hour=23, minute=30), there.ticket()
        tomorrow = self.DAY + timedelta(days=1)
        with pytest.raises(Invalid):
            self.log(there, ticket, 20, on=tomorrow)
        Person.objects.update(zone="Europe/Berlin")
        assert self.log(there, ticket, 20, on=tomorrow).on == tomorrow

    def test_what_earlier_days_used_of_a_package_is_used(self, there):
        ticket, before = there.ticket(), self.DAY - timedelta(days=3)
        time_actions.save_prepaid(customer_id=there.acme.pk, minutes=40, valid_from=before, **there.doing)
        self.log(there, ticket, 30, on=before)
        self.log(there, ticket, 30)
        (row,) = self.worked(there)
        assert (row.minutes, row.paid, row.billed) == (30, 10, 20)

    def test_what_is_taken_back_counts_no_more_and_only_by_whose_it_is(self, there):
        row = self.log(there, there.ticket(), 50)
        with pytest.raises(Forbidden):
            time_actions.withdraw_time(time_id=row.pk, **there.doing_as(there.eve))
        time_actions.withdraw_time(time_id=row.pk, **there.doing_as(there.dee))
        assert not self.worked(there)

    @pytest.mark.parametrize("wrong", [{"minutes": 0}, {"minutes": 1441}, {"on": date(2026, 3, 4)}])
    def test_what_makes_no_sense_is_refused(self, there, wrong):
        with pytest.raises(Invalid):
            self.log(there, there.ticket(), **{"minutes": 5, **wrong})

    def test_paid_time_is_a_managers_to_note(self, there):
        with pytest.raises(Forbidden):
            time_actions.save_prepaid(
                customer_id=there.acme.pk, minutes=40, valid_from=self.DAY, **there.doing_as(there.dee)
            )
        assert not Prepaid.objects.exists()


days = st.integers(0, 9).map(lambda day: date(2026, 3, 1) + timedelta(days=day))


@given(
    st.lists(st.tuples(days, st.none() | days, st.integers(0, 50)), max_size=4),
    st.lists(st.tuples(days, st.integers(0, 60)), max_size=6),
)
def test_every_minute_is_prepaid_or_billed_and_no_package_gives_more_than_it_holds(packages, spent):
    paid, billed = decide.use_prepaid(packages, spent)
    assert paid + billed == sum(minutes for _day, minutes in spent)
    assert paid <= sum(minutes for _start, _end, minutes in packages)
    if all(end is not None and end <= start for start, end, _minutes in packages):
        assert paid == 0


@DB
class TestSurveys:
    def closed(self, there, **more):
        ticket = there.ticket(**more)
        said = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
        actions.resolve_ticket(ticket_id=ticket.pk, **said, **there.doing_as(there.dee))
        actions.close_ticket(ticket_id=ticket.pk, **there.doing_as(there.dee))
        return ticket

    def asked(self, there, ticket):
        return survey_actions.ask_survey(ticket_id=ticket.pk, **there.doing)

    @pytest.fixture(autouse=True)
    def wanted(self, there):
        actions.save_desk_rules(brand_id=there.brand.pk, fields={"surveys": True}, **there.doing)

    def secret(self):
        message = Message.objects.get(kind="ticket.survey")
        words = vault.open_(bytes(message.sealed)).decode()
        return words.rpartition("/survey/")[2].partition("/")[0]

    def test_once_a_ticket_is_closed_they_are_asked_and_answer_by_the_link(self, there):
        ticket = self.closed(there)
        assert self.asked(there, ticket) == "One person was asked."
        caller = there.doing_as(there.cleo)
        survey = survey_actions.answer_survey(secret=self.secret(), score=5, **caller)
        assert (survey.score, survey.team) == (5, there.desk)
        survey_actions.answer_survey(secret=self.secret(), score=2, words="Slow", **caller)
        survey.refresh_from_db()
        assert (survey.score, survey.words) == (2, "Slow")
        (row,) = queries.satisfaction({there.brand.pk}, there.at, there.at + timedelta(days=1), "team")
        assert (row.name, row.asked, row.answered, row.content, row.percent) == ("Desk", 1, 1, 0, 0)

    def test_the_secret_is_kept_nowhere_in_plain(self, there):
        self.asked(there, self.closed(there))
        secret = self.secret()
        assert secret not in Message.objects.get(kind="ticket.survey").body
        assert not Survey.objects.filter(digest__contains=secret).exists()

    def test_nobody_is_asked_twice_within_a_month_nor_about_what_a_machine_opened(self, there):
        self.asked(there, self.closed(there))
        there.minutes(60 * 24 * 29)
        assert self.asked(there, self.closed(there)) == "Nobody is asked."
        there.minutes(60 * 24)
        assert self.asked(there, self.closed(there)) == "One person was asked."
        there.minutes(60 * 24 * 40)
        assert self.asked(there, self.closed(there, trust="machine")) == "Nobody is asked."
        assert Survey.objects.count() == 2

    def test_not_before_a_press_that_closed_many_can_no_longer_be_taken_back(self, there):
        ticket = there.ticket()
        said = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
        actions.resolve_ticket(ticket_id=ticket.pk, **said, **there.doing_as(there.dee))
        bulk_actions.change_tickets(ticket_ids=[ticket.pk], verb="close", values={}, **there.doing_as(there.dee))
        assert "taken back" in self.asked(there, ticket)
        assert not Survey.objects.exists()
        there.minutes(30)
        assert Promise.objects.get(kind=survey_actions.ASK, due_at=there.at).subject_id == str(ticket.pk)
        assert self.asked(there, ticket) == "One person was asked."

    @pytest.mark.parametrize("how", ["removed", "left"])
    def test_whoever_is_written_to_no_more_is_not_asked(self, there, how):
        ticket = self.closed(there)
        if how == "removed":
            gone = {"address": "cleo@acme.example", "role": "removed"}
            actions.set_party(ticket_id=ticket.pk, **gone, **there.doing_as(there.dee))
        else:
            contact_actions.mark_contact_left(contact_id=there.cleo.pk, **there.doing)
        assert self.asked(there, ticket) == "Nobody is asked."

    def test_a_link_of_nobodys_and_a_score_of_nothing_are_refused(self, there):
        self.asked(there, self.closed(there))
        with pytest.raises(NotFound):
            survey_actions.answer_survey(secret="x", score=5, **there.doing)
        for score in (0, 6):
            with pytest.raises(Invalid):
                survey_actions.answer_survey(secret=self.secret(), score=score, **there.doing)
        there.minutes(60 * 24 * 61)
        with pytest.raises(IllegalTransition):
            survey_actions.answer_survey(secret=self.secret(), score=5, **there.doing)

    def test_a_brand_that_wants_none_asks_nobody(self, there):
        actions.save_desk_rules(brand_id=there.brand.pk, fields={"surveys": False}, **there.doing)
        self.asked(there, self.closed(there))
        assert not Delivery.objects.filter(subject_kind="ticket", recipient_kind="contact", lane="bulk").exists()
        assert Ticket.objects.count() == 1
