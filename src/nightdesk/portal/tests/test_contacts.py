"""Contacts who log in: invited, in, proved, confirmed, and out in one step."""

import re
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from nightdesk.access import actions as access
from nightdesk.access.models import Grant, Token, User
from nightdesk.access.queries import grants_of
from nightdesk.base import leases, vault
from nightdesk.base.actors import Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import keep
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound, NotSignedIn, Refusal
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions as verbs
from nightdesk.customers.models import Contact, Customer
from nightdesk.customers.queries import (
    actor_of_contact,
    contact_of_token,
    contacts_of_user,
    mobile_code,
    numbers_on_record,
)
from nightdesk.desk import actions as desk
from nightdesk.desk.models import Party
from nightdesk.journal.models import Entry
from nightdesk.people import actions as people
from nightdesk.people.queries import actor_of_token, actor_of_user
from nightdesk.portal.tests.firms import Firms


def keep_due(firms: Firms) -> None:
    """The worker's work at `firms.at`."""
    for lane in ("follow", "plain"):
        for row in leases.claim(Promise, lane, 50, at=firms.at, worker=uuid4()):
            keep(row)


def sent_to(address: str) -> list[tuple[Message, str]]:
    """The messages queued for the address, oldest first, with their private words."""
    rows = Delivery.objects.filter(address=address).order_by("id")
    messages = [Message.objects.get(id=row.message_id) for row in rows]
    return [(one, vault.open_(bytes(one.sealed)).decode() if one.sealed else one.body) for one in messages]


def fresh(row: Any) -> Any:
    assert isinstance(row, Model)
    row.refresh_from_db()
    return row


def new_contact(firms: Firms, customer: Customer, email: str = "new@bakery.example") -> Contact:
    return customers.make_contact(customer_id=customer.pk, name="Nia New", email=email, **firms.doing)


def link(contact: Contact) -> dict[str, Any]:
    return {"contact_id": contact.pk, "invite": fresh(contact).invite}


def visitor(firms: Firms, contact: Contact) -> dict[str, Any]:
    return {"by": Actor("contact", str(contact.pk), contact.name), "via": Door.LINK, "at": firms.at}


class TestInvitation:
    def test_a_colleague_who_keeps_the_people_invites_and_a_mail_with_the_link_goes_out(self, firms: Firms):
        boss = firms.bakery.manager
        contact = customers.make_contact(
            customer_id=firms.bakery.customer.pk, name="Nia New", email="nia@bakery.example", **firms.as_(boss)
        )
        verbs.invite_contact(contact_id=contact.pk, standing="member", **firms.as_(boss))
        keep_due(firms)
        ((message, words),) = sent_to("nia@bakery.example")
        assert f"/join/{contact.pk}/{fresh(contact).invite}" in words
        assert (message.body, message.title) == ("", "Quayside Networks: see your services and reports")
        assert contact.invite not in str(list(Promise.objects.values())) + str(list(Entry.objects.values("facts")))

    def test_the_link_lets_them_in_once_and_for_a_week(self, firms: Firms):
        contact = new_contact(firms, firms.bakery.customer)
        verbs.invite_contact(contact_id=contact.pk, standing="viewer", **firms.doing)
        followed = link(contact)
        joined = verbs.join_portal(**followed, password="a loaf of rye bread", **visitor(firms, contact))
        assert joined.user is not None
        assert (joined.user.kind, joined.user.email, grants_of(joined.user)) == (
            "customer", "new@bakery.example", frozenset(),
        )  # fmt: skip
        assert joined.user.check_password("a loaf of rye bread")
        assert [one.pk for one in contacts_of_user(joined.user)] == [contact.pk]
        with pytest.raises(NotFound):
            verbs.join_portal(**followed, **visitor(firms, contact))

    @pytest.mark.parametrize("made_up", ["", "0" * 32, "guess"])
    def test_a_link_that_is_old_or_made_up_lets_nobody_in(self, firms: Firms, made_up: str):
        contact = new_contact(firms, firms.bakery.customer)
        with pytest.raises(NotFound):
            verbs.join_portal(contact_id=contact.pk, invite="", **visitor(firms, contact))
        verbs.invite_contact(contact_id=contact.pk, **firms.doing)
        right = link(contact)
        with pytest.raises(NotFound):
            verbs.join_portal(contact_id=contact.pk, invite=made_up, **visitor(firms, contact))
        firms.at += verbs.INVITED_FOR
        with pytest.raises(NotFound):
            verbs.join_portal(**right, **visitor(firms, contact))
        firms.at -= timedelta(seconds=1)
        assert verbs.join_portal(**right, **visitor(firms, contact)).joined_at == firms.at

    def test_a_second_invitation_takes_the_first_link_away(self, firms: Firms):
        contact = new_contact(firms, firms.bakery.customer)
        verbs.invite_contact(contact_id=contact.pk, **firms.doing)
        first = link(contact)
        with pytest.raises(IllegalTransition, match="a moment ago"):
            verbs.invite_contact(contact_id=contact.pk, **firms.doing)
        firms.at += timedelta(minutes=6)
        verbs.invite_contact(contact_id=contact.pk, **firms.doing)
        keep_due(firms)
        assert len(sent_to("new@bakery.example")) == 1
        with pytest.raises(NotFound):
            verbs.join_portal(**first, **visitor(firms, contact))

    def test_an_invitation_says_the_same_whether_or_not_the_address_has_an_account(self, firms: Firms):
        boss = firms.bakery.manager
        told = []
        for email in ("mara@grocer.example", "sam@staff.example", "nobody@nowhere.example"):
            if email.startswith("sam"):
                access.make_user(email=email, name="Sam", **firms.doing)
            contact = customers.make_contact(
                customer_id=firms.bakery.customer.pk, name="Nia New", email=email, **firms.as_(boss)
            )
            told.append(verbs.invite_contact(contact_id=contact.pk, **firms.as_(boss)).standing)
            keep_due(firms)
            assert len(sent_to(email)) == 1
        assert told == ["member"] * 3

    def test_one_account_speaks_for_two_companies_and_leaving_one_leaves_the_other(self, firms: Firms):
        mara = firms.grocer.manager
        also = new_contact(firms, firms.books.customer, "MARA@grocer.example")
        verbs.invite_contact(contact_id=also.pk, standing="manager", **firms.doing)
        joined = verbs.join_portal(**link(also), **visitor(firms, also))
        assert joined.user == mara.user
        assert joined.user is not None
        assert len(contacts_of_user(joined.user)) == 2
        verbs.mark_contact_left(contact_id=mara.pk, **firms.doing)
        assert [one.pk for one in contacts_of_user(fresh(joined.user))] == [also.pk]

    def test_nobody_of_the_staff_becomes_a_customers_contact_by_a_link(self, firms: Firms):
        access.make_user(email="sam@staff.example", name="Sam", **firms.doing)
        contact = new_contact(firms, firms.bakery.customer, "sam@staff.example")
        verbs.invite_contact(contact_id=contact.pk, **firms.doing)
        with pytest.raises(IllegalTransition, match="one of the staff"):
            verbs.join_portal(**link(contact), **visitor(firms, contact))
        assert fresh(contact).user is None

    def test_the_address_of_somebody_who_signs_in_stays(self, firms: Firms):
        with pytest.raises(Invalid, match="They log in with the one they have"):
            customers.edit_contact(
                contact_id=firms.bakery.member.pk, changes={"email": "else@bakery.example"}, **firms.doing
            )


class TestNobodyIsBoth:
    def test_a_customers_account_gets_no_role_no_place_on_the_staff_list_and_no_token_of_the_staff(self, firms: Firms):
        user = firms.bakery.manager.user
        assert user is not None
        with pytest.raises(IllegalTransition, match="customer's account"):
            access.grant_role(user_id=user.pk, role="admin", brand_id=None, **firms.doing)
        with pytest.raises(NotFound):
            people.make_person(name="Mara", user_id=user.pk, brand_id=firms.quay.pk, **firms.doing)
        with pytest.raises(Invalid, match="no account of the staff"):
            access.make_token(name="x", scopes=["admin"], user_id=user.pk, **firms.doing)

    def test_a_role_that_got_there_all_the_same_opens_nothing(self, firms: Firms):
        user = firms.bakery.manager.user
        assert user is not None
        Grant.objects.create(user=user, role="admin")
        assert grants_of(user) == frozenset()
        with pytest.raises(NotFound):
            actor_of_user(user)

    def test_a_contacts_token_is_nobody_at_the_staffs_door(self, firms: Firms):
        boss = firms.bakery.manager
        _token, secret = verbs.make_contact_token(contact_id=boss.pk, name="till", **firms.as_(boss))
        with pytest.raises((NotFound, NotSignedIn)):
            actor_of_token(secret, firms.at)

    def test_an_account_of_the_staff_is_not_closed_as_a_customers(self, firms: Firms):
        user = access.make_user(email="sam@staff.example", name="Sam", **firms.doing)
        with pytest.raises(IllegalTransition):
            access.close_contact_account(user_id=user.pk, **firms.doing)
        with pytest.raises(IllegalTransition):
            access.issue_contact_token(name="x", user_id=user.pk, contact_id=1, brand_id=firms.quay.pk, **firms.doing)


class TestAnotherCompany:
    @pytest.mark.parametrize("verb", [
        "edit_contact", "invite_contact", "set_contact_standing", "mark_contact_left", "confirm_contact",
        "ask_mobile_code", "verify_mobile", "remove_mobile", "make_contact_token", "revoke_contact_token",
    ])  # fmt: skip
    def test_another_companys_people_do_not_exist(self, firms: Firms, verb: str):
        more: dict[str, Any] = {
            "edit_contact": {"changes": {"name": "Ha"}},
            "set_contact_standing": {"changes": {"standing": "viewer"}},
            "ask_mobile_code": {"mobile": "+447700900999"},
            "verify_mobile": {"code": "123456"},
            "make_contact_token": {"name": "x"},
            "revoke_contact_token": {"token_id": 1},
        }
        act = getattr(customers if verb == "edit_contact" else verbs, verb)
        before = str(list(Contact.objects.order_by("pk").values()))
        for other in (firms.grocer.member.pk, firms.books.member.pk, 10**9):
            with pytest.raises(NotFound):
                act(contact_id=other, **more.get(verb, {}), **firms.as_(firms.bakery.manager))
        assert str(list(Contact.objects.order_by("pk").values())) == before

    def test_nor_their_rule_nor_their_list(self, firms: Firms):
        boss = firms.as_(firms.bakery.manager)
        with pytest.raises(NotFound):
            verbs.set_company_rule(customer_id=firms.grocer.customer.pk, sees="all", **boss)
        with pytest.raises(NotFound):
            customers.make_contact(customer_id=firms.grocer.customer.pk, name="Mole", **boss)
        with pytest.raises(NotFound):
            verbs.mark_contact_left(contact_id=firms.bakery.member.pk, hand_to_id=firms.grocer.member.pk, **boss)

    def test_what_is_only_the_staffs_a_contact_may_not(self, firms: Firms):
        boss = firms.as_(firms.bakery.manager)
        with pytest.raises(Forbidden):
            customers.remove_contact(contact_id=firms.bakery.member.pk, **boss)
        with pytest.raises(Forbidden):
            customers.edit_customer(customer_id=firms.bakery.customer.pk, changes={"name": "Ha"}, **boss)

    def test_who_has_left_may_nothing_with_the_name_they_had(self, firms: Firms):
        boss = firms.bakery.manager
        gone = firms.as_(boss)
        verbs.mark_contact_left(contact_id=boss.pk, **firms.doing)
        with pytest.raises(NotFound):
            customers.edit_contact(contact_id=boss.pk, changes={"name": "Ha"}, **gone)


class TestStanding:
    def test_only_who_keeps_the_people_says_what_others_may(self, firms: Firms):
        ours = firms.bakery
        for contact in (ours.member, ours.viewer):
            with pytest.raises(Forbidden):
                verbs.set_contact_standing(contact_id=contact.pk, changes={"standing": "manager"}, **firms.as_(contact))
        verbs.set_contact_standing(
            contact_id=ours.viewer.pk, changes={"standing": "member", "may_authorise": True}, **firms.as_(ours.manager)
        )
        assert (fresh(ours.viewer).standing, ours.viewer.may_authorise) == ("member", True)

    def test_the_last_who_keeps_the_people_does_not_give_it_up_but_our_desk_may_take_it(self, firms: Firms):
        boss = firms.bakery.manager
        with pytest.raises(IllegalTransition, match="Nobody else of your company"):
            verbs.set_contact_standing(contact_id=boss.pk, changes={"standing": "member"}, **firms.as_(boss))
        with pytest.raises(IllegalTransition, match="Nobody else of your company"):
            verbs.mark_contact_left(contact_id=boss.pk, **firms.as_(boss))
        verbs.set_contact_standing(contact_id=boss.pk, changes={"standing": "member"}, **firms.doing)
        assert fresh(boss).standing == "member"

    @pytest.mark.parametrize("wrong", ["", "admin", "MANAGER"])
    def test_a_standing_that_there_is_not_is_refused(self, firms: Firms, wrong: str):
        with pytest.raises(Invalid):
            verbs.set_contact_standing(contact_id=firms.bakery.member.pk, changes={"standing": wrong}, **firms.doing)

    def test_the_companys_rule_is_kept(self, firms: Firms):
        boss = firms.as_(firms.bakery.manager)
        assert verbs.set_company_rule(customer_id=firms.bakery.customer.pk, sees="all", **boss).sees == "all"
        with pytest.raises(Invalid):
            verbs.set_company_rule(customer_id=firms.bakery.customer.pk, sees="some", **boss)


class TestCopiedIn:
    def test_a_colleague_who_is_copied_in_sees_the_ticket_and_another_companys_or_who_left_does_not(self, firms: Firms):
        ours, theirs = firms.bakery, firms.grocer
        verbs.set_company_rule(customer_id=ours.customer.pk, sees="own", **firms.doing)
        gone = firms.contact(ours.customer, "Gail Gone", "member")
        verbs.mark_contact_left(contact_id=gone.pk, **firms.doing)
        copies = [(one.email.upper(), one.name) for one in (ours.viewer, theirs.member, gone)]
        first, second = (
            firms.ticket(ours, ours.member, "First", copies=copies),
            firms.ticket(ours, ours.member, "Second"),
        )
        desk.take_message(ticket_id=second.pk, words=desk.Words("And she"), copies=copies, **firms.as_(ours.member))
        for ticket in (first, second):
            copied = Party.objects.filter(ticket=ticket, role="cc").exclude(contact=None)
            assert [one.contact for one in copied] == [ours.viewer]
            assert firms.client(ours.viewer).get(f"/my/tickets/{ticket.pk}/").status_code == 200


class TestLeaving:
    def test_in_one_step_nothing_of_theirs_opens_anything(self, firms: Firms):
        ours = firms.bakery
        ben = ours.member
        token, secret = verbs.make_contact_token(contact_id=ben.pk, name="till", **firms.as_(ben))
        browser = firms.client(ben)
        assert browser.get("/my/").status_code == 200
        verbs.mark_contact_left(contact_id=ben.pk, hand_to_id=ours.viewer.pk, **firms.as_(ours.manager))
        assert browser.get("/my/")["Location"].startswith("/account/login/")
        assert fresh(token).revoked_at == firms.at
        with pytest.raises(NotSignedIn):
            contact_of_token(Token.objects.select_related("user").get(pk=token.pk))
        user = User.objects.get(email="ben@bakery.example")
        assert (user.is_active, user.has_usable_password(), contacts_of_user(user)) == (False, False, [])
        entry = Entry.objects.get(kind="contact.left")
        assert entry.facts["hand_to"] == ours.viewer.pk
        assert secret

    def test_who_comes_back_is_invited_anew_and_old_sessions_stay_dead(self, firms: Firms):
        ours = firms.bakery
        ben = ours.member
        browser = firms.client(ben)
        verbs.mark_contact_left(contact_id=ben.pk, **firms.doing)
        verbs.invite_contact(contact_id=ben.pk, **firms.doing)
        verbs.join_portal(**link(ben), **visitor(firms, ben))
        assert browser.get("/my/").status_code == 302
        assert firms.client(ben).get("/my/").status_code == 200

    def test_removing_a_contact_shuts_them_out_too(self, firms: Firms):
        ben = firms.bakery.member
        browser = firms.client(ben)
        customers.remove_contact(contact_id=ben.pk, **firms.doing)
        assert browser.get("/my/").status_code == 302
        assert not User.objects.get(email="ben@bakery.example").is_active

    def test_a_customer_that_is_none_any_more_is_let_in_no_more(self, firms: Firms):
        browser = firms.client(firms.bakery.member)
        customers.edit_customer(customer_id=firms.bakery.customer.pk, changes={"active": False}, **firms.doing)
        assert browser.get("/my/").status_code == 403

    def test_the_database_itself_lets_nobody_stay_in_who_has_left(self, firms: Firms):
        with pytest.raises(IntegrityError), transaction.atomic():
            Contact.objects.filter(pk=firms.bakery.member.pk).update(left_at=firms.at)


class TestMobile:
    def test_a_number_counts_once_the_code_that_was_texted_there_came_back(self, firms: Firms):
        ben = firms.bakery.member
        me = firms.as_(ben)
        with pytest.raises(IllegalTransition, match="verified"):
            customers.edit_contact(contact_id=ben.pk, changes={"texted_at_night": True}, **me)
        verbs.ask_mobile_code(contact_id=ben.pk, mobile="07700 900123", **me)
        keep_due(firms)
        ((_message, words),) = sent_to("+447700900123")
        (code,) = re.findall(r"\b\d{6}\b", words)
        assert fresh(ben).mobile == ""
        assert verbs.verify_mobile(contact_id=ben.pk, code=f" {code[:3]} {code[3:]} ", **me)
        assert (fresh(ben).mobile, ben.mobile_verified_at) == ("+447700900123", firms.at)
        customers.edit_contact(contact_id=ben.pk, changes={"texted_at_night": True}, **me)
        with pytest.raises(IllegalTransition):
            verbs.verify_mobile(contact_id=ben.pk, code=code, **me)

    def test_a_wrong_or_late_code_proves_nothing_and_guessing_comes_to_an_end(self, firms: Firms):
        ben = firms.bakery.member
        me = firms.as_(ben)
        verbs.ask_mobile_code(contact_id=ben.pk, mobile="+447700900123", **me)
        code = mobile_code(fresh(ben).mobile_check)
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        for _ in range(verbs.CODE_TRIES - 1):
            assert not verbs.verify_mobile(contact_id=ben.pk, code=wrong, **me)
        with pytest.raises(IllegalTransition):
            verbs.verify_mobile(contact_id=ben.pk, code=code, **me)
        firms.at += timedelta(minutes=5)
        with pytest.raises(IllegalTransition, match="tomorrow"):
            verbs.ask_mobile_code(contact_id=ben.pk, mobile="+447700900123", **firms.as_(ben))
        firms.at += timedelta(days=1)
        verbs.ask_mobile_code(contact_id=ben.pk, mobile="+447700900123", **firms.as_(ben))
        code = mobile_code(fresh(ben).mobile_check)
        firms.at += verbs.CODE_GOOD_FOR
        with pytest.raises(IllegalTransition):
            verbs.verify_mobile(contact_id=ben.pk, code=code, **firms.as_(ben))

    def test_a_mobile_that_is_theirs_no_more_is_taken_away_and_a_phone_of_their_own_counts_after_a_week(
        self, firms: Firms
    ):
        ben = firms.bakery.member
        Contact.objects.filter(pk=ben.pk).update(
            mobile="+447700900123", mobile_verified_at=firms.at, texted_at_night=True
        )
        assert firms.client(ben).post("/my/you/mobile/remove").status_code == 302
        assert (fresh(ben).mobile, ben.mobile_verified_at, ben.texted_at_night) == ("", None, False)
        customers.edit_contact(contact_id=ben.pk, changes={"phone": "020 7946 0666"}, **firms.as_(ben))
        assert numbers_on_record(fresh(ben), firms.at) == []
        assert numbers_on_record(ben, firms.at + timedelta(days=7)) == ["+442079460666"]
        customers.edit_contact(contact_id=ben.pk, changes={"phone": "020 7946 0667"}, **firms.doing)
        assert numbers_on_record(fresh(ben), firms.at) == ["+442079460667"]

    def test_codes_are_texted_a_minute_apart_at_least(self, firms: Firms):
        ben = firms.bakery.member
        verbs.ask_mobile_code(contact_id=ben.pk, mobile="+447700900123", **firms.as_(ben))
        firms.at += verbs.CODE_PAUSE - timedelta(seconds=1)
        with pytest.raises(IllegalTransition, match="a moment ago"):
            verbs.ask_mobile_code(contact_id=ben.pk, mobile="+447700900124", **firms.as_(ben))
        firms.at += timedelta(seconds=1)
        verbs.ask_mobile_code(contact_id=ben.pk, mobile="+447700900124", **firms.as_(ben))
        keep_due(firms)
        assert (sent_to("+447700900123"), len(sent_to("+447700900124"))) == ([], 1)


class TestTheYearlyWord:
    def test_a_viewer_is_asked_for_a_month_before_and_lapses_without_a_word(self, firms: Firms):
        ours = firms.bakery
        browser = firms.client(ours.viewer)
        firms.at += verbs.CONFIRMED_FOR - verbs.ASKED_BEFORE
        keep_due(firms)
        mails = [words for message, words in sent_to("mara@bakery.example") if message.kind == "contact.review"]
        assert len(mails) == 1
        assert f"/my/people/{ours.viewer.pk}/" in mails[0]
        firms.at += verbs.ASKED_BEFORE
        keep_due(firms)
        assert (fresh(ours.viewer).standing, ours.viewer.user) == ("", None)
        assert browser.get("/my/").status_code == 302
        assert Entry.objects.filter(kind="contact.lapsed", by_kind="scheduler").exists()

    def test_where_nobody_of_the_company_can_say_so_our_desk_is_asked_and_the_viewer_knows(self, firms: Firms):
        ours = firms.bakery
        dee = people.make_person(name="Dee", brand_id=firms.quay.pk, **firms.doing)
        method = people.add_contact_method(person_id=dee.pk, channel="email", address="dee@quay.example", **firms.doing)
        people.confirm_contact_method(method_id=method.pk, **firms.doing)
        people.set_notify_rules(person_id=dee.pk, rules=[people.RuleWanted("low", method.pk)], **firms.doing)
        team = people.make_team(brand_id=firms.quay.pk, name="Desk", **firms.doing)
        people.set_team_members(team_id=team.pk, person_ids=[dee.pk], manager_id=None, **firms.doing)
        desk.save_desk_rules(brand_id=firms.quay.pk, fields={"owner_id": team.pk}, **firms.doing)
        verbs.mark_contact_left(contact_id=ours.manager.pk, **firms.doing)
        firms.at += verbs.CONFIRMED_FOR - verbs.ASKED_BEFORE
        keep_due(firms)
        for address in ("dee@quay.example", "vera@bakery.example"):
            (words,) = [words for message, words in sent_to(address) if message.kind == "contact.review"]
            assert "14 August 2027" in words

    def test_a_member_of_years_who_becomes_a_viewer_reads_for_a_year_from_then(self, firms: Firms):
        ours = firms.bakery
        firms.at += 2 * verbs.CONFIRMED_FOR
        verbs.set_contact_standing(contact_id=ours.member.pk, changes={"standing": "viewer"}, **firms.as_(ours.manager))
        keep_due(firms)
        assert fresh(ours.member).standing == "viewer"
        firms.at += verbs.CONFIRMED_FOR
        keep_due(firms)
        assert fresh(ours.member).standing == ""

    def test_one_word_keeps_them_for_another_year(self, firms: Firms):
        ours = firms.bakery
        firms.at += verbs.CONFIRMED_FOR - timedelta(days=3)
        verbs.confirm_contact(contact_id=ours.viewer.pk, **firms.as_(ours.manager))
        firms.at += timedelta(days=10)
        keep_due(firms)
        assert fresh(ours.viewer).standing == "viewer"

    def test_members_are_not_asked_for_and_a_viewer_who_becomes_one_neither(self, firms: Firms):
        ours = firms.bakery
        verbs.set_contact_standing(contact_id=ours.viewer.pk, changes={"standing": "member"}, **firms.as_(ours.manager))
        firms.at += 2 * verbs.CONFIRMED_FOR
        keep_due(firms)
        assert {fresh(one).standing for one in ours.contacts} == {"manager", "member"}

    def test_nobody_of_the_company_may_let_somebody_lapse(self, firms: Firms):
        ours = firms.bakery
        with pytest.raises(Refusal):
            verbs.lapse_contact(contact_id=ours.viewer.pk, **firms.as_(ours.manager))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_step_down_at_once_one_stays(standing_firms: Firms):
    firms = standing_firms
    ours = firms.bakery
    verbs.set_contact_standing(contact_id=ours.member.pk, changes={"standing": "manager"}, **firms.doing)
    refused: list[str] = []

    def step_down(contact: Contact) -> None:
        try:
            verbs.set_contact_standing(
                contact_id=contact.pk,
                changes={"standing": "viewer"},
                by=actor_of_contact(contact),
                via=Door.WEB,
                at=firms.at,
            )
        except Refusal as refusal:
            refused.append(refusal.code)
        finally:
            connection.close()

    both = [Thread(target=step_down, args=[one]) for one in (ours.manager, ours.member)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    managers = Contact.objects.filter(customer=ours.customer, standing="manager").count()
    assert (managers, len(refused)) == (1, 1)
