"""The pages as a customer meets them: in their words, their zone, and with their own things on them."""

import csv
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory

from nightdesk.access import actions as access
from nightdesk.access.models import Session
from nightdesk.base.actors import Actor, Door
from nightdesk.channels.models import ContactEndpoint, Delivery, Message
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact
from nightdesk.customers.queries import mobile_code
from nightdesk.outages import unsubscribe_actions
from nightdesk.outages.models import UnsubscribeRequest, Wish
from nightdesk.portal import door
from nightdesk.portal.tests.firms import BACKEND, PASSWORD, Firms

STATIC = Path(door.__file__).parent / "static" / "portal" / "portal.css"
CONSOLE = Path(door.__file__).parent.parent / "console" / "static" / "console" / "nightdesk.css"


def shown(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_your_services_and_whether_we_are_there(firms: Firms):
    text = shown(firms.client(firms.bakery.viewer).get("/my/"))
    assert "Bakery line" in text
    assert "Bakery-0042" in text
    assert "We are here now." in text
    firms.at = firms.at.replace(hour=20)
    assert "We are back on Monday 17 August at 09:00 (London time)." in shown(
        firms.client(firms.bakery.viewer).get("/my/")
    )


def test_the_contract_in_plain_words(firms: Firms):
    text = shown(firms.client(firms.bakery.viewer).get("/my/contract/"))
    for words in (
        "Monday to Friday",
        "09:00–17:30",
        "Monday 31 August",  # the summer bank holiday
        "All times are London time.",
        "Outside these hours write to us",
        "Nothing works, for many",
        "you hear from us within 30 minutes, it works again within 4 hours",
        "at any hour",
        "counted in these hours",
    ):
        assert words in text, words
    for jargon in ("P1", "P3", "email_only", "SLA", "priority", "covered"):
        assert jargon not in text


def test_without_a_contract_nothing_is_promised(firms: Firms):
    bare = customers.make_customer(brand_id=firms.quay.pk, name="Bare", ref="bare", **firms.doing)
    client = firms.client(firms.contact(bare, "Ann Bare", "viewer"))
    assert "You have no contract for support" in shown(client.get("/my/contract/"))
    assert "You have no services with us yet" in shown(client.get("/my/"))


def test_times_stand_in_the_readers_zone(firms: Firms):
    ours = firms.bakery
    edit = customers.edit_contact
    edit(contact_id=ours.viewer.pk, changes={"zone": "Asia/Tokyo"}, **firms.as_(ours.viewer))
    assert "Your own clocks show another hour." in shown(firms.client(ours.viewer).get("/my/contract/"))
    assert "Your own clocks show another hour." not in shown(firms.client(ours.member).get("/my/contract/"))


class TestPeople:
    def test_everybody_sees_who_speaks_for_the_company_and_only_some_keep_the_list(self, firms: Firms):
        ours = firms.bakery
        for contact, keeps in ((ours.manager, True), (ours.member, False), (ours.viewer, False)):
            text = shown(firms.client(contact).get("/my/people/"))
            assert "3 of you speak with us" in text
            assert ("Add a colleague" in text) == keeps
            page = shown(firms.client(contact).get(f"/my/people/{ours.viewer.pk}/"))
            assert ("has left us" in page) == keeps

    def test_a_colleague_is_added_and_invited_in_one_step(self, firms: Firms):
        ours = firms.bakery
        boss = firms.client(ours.manager)
        answer = boss.post(
            "/my/people/new", {"name": "Nia New", "email": "nia@bakery.example", "standing": "viewer"}, follow=True
        )
        assert "Nia New is invited." in shown(answer)
        made = Contact.objects.get(email="nia@bakery.example")
        assert (made.customer, made.standing, made.invite != "") == (ours.customer, "viewer", True)
        assert "Invited" in shown(boss.get("/my/people/"))

    def test_whoever_may_not_gets_a_page_that_says_whom_to_ask_and_nothing_is_written(self, firms: Firms):
        ours = firms.bakery
        for contact in (ours.member, ours.viewer):
            client = firms.client(contact)
            for path in ("/my/people/new", f"/my/people/{ours.viewer.pk}/change"):
                answer = client.post(path, {"name": "Nia New", "email": "nia@bakery.example", "standing": "manager"})
                assert answer.status_code == 403
                assert "Ask one of them" in answer.content.decode()
        assert Contact.objects.filter(customer=ours.customer).count() == 3

    def test_a_colleague_leaves_in_one_step(self, firms: Firms):
        ours = firms.bakery
        answer = firms.client(ours.manager).post(
            f"/my/people/{ours.member.pk}/leave", {"hand_to": str(ours.manager.pk)}, follow=True
        )
        assert "is let in no more, from now on." in shown(answer)
        assert ours.member.name not in shown(firms.client(ours.manager).get("/my/people/")).replace(
            answer.context["customer"].name, ""
        )

    def test_rights_and_the_rule_are_set_on_the_page(self, firms: Firms):
        ours = firms.bakery
        boss = firms.client(ours.manager)
        boss.post(
            f"/my/people/{ours.viewer.pk}/change",
            {"name": "Vera Baker", "standing": "member", "may_authorise": "on", "phone": "020 7946 0000"},
        )
        ours.viewer.refresh_from_db()
        assert (ours.viewer.standing, ours.viewer.may_authorise, ours.viewer.may_call) == ("member", True, False)
        assert ours.viewer.phone == "+442079460000"
        boss.post("/my/people/rule", {"sees": "all"})
        ours.customer.refresh_from_db()
        assert ours.customer.sees == "all"

    def test_what_is_known_and_what_they_may_do_is_saved_together_or_not_at_all(self, firms: Firms):
        ours = firms.bakery
        name = ours.manager.name
        answer = firms.client(ours.manager).post(
            f"/my/people/{ours.manager.pk}/change", {"name": "Mara Other", "standing": "member"}
        )
        assert 'role="alert"' in shown(answer)  # nobody would be left who could undo it
        assert 'value="Mara Other"' in shown(answer)
        ours.manager.refresh_from_db()
        assert (ours.manager.name, ours.manager.standing) == (name, "manager")

    def test_what_does_not_fit_is_said_at_the_form_and_nothing_is_lost(self, firms: Firms):
        ours = firms.bakery
        answer = firms.client(ours.manager).post(
            "/my/people/new",
            {"name": "Nia New", "email": "nia@bakery.example", "standing": "viewer", "phone": "not a number"},
        )
        text = shown(answer)
        assert 'role="alert"' in text
        assert 'value="Nia New"' in text

    def test_browsers_are_listed_and_signed_out_and_nobody_elses_are(self, firms: Firms):
        ben, eve = firms.bakery.member, firms.bakery.manager
        here, there, third = (firms.client(ben) for _ in range(3))
        for client in (here, there, third):
            assert (
                client.get(
                    "/my/you/", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"}
                ).status_code
                == 200
            )
        rows = {row.session_key: row for row in Session.objects.filter(user=ben.user)}
        assert len(rows) == 3
        text = shown(here.get("/my/you/"))
        assert text.count("Firefox") >= 3
        assert "this one" in text
        other = rows[there.session.session_key]
        assert firms.client(eve).post(f"/my/you/sessions/{other.pk}/end").status_code == 404
        assert "signed out" in shown(here.post(f"/my/you/sessions/{other.pk}/end", follow=True))
        assert there.get("/my/you/").status_code == 302
        assert "1 other browser is signed out." in shown(here.post("/my/you/sessions/end-others", follow=True))
        assert third.get("/my/you/").status_code == 302
        assert here.get("/my/you/").status_code == 200

    def test_the_list_as_a_file_calculates_nothing(self, firms: Firms):
        ours = firms.bakery
        customers.edit_contact(
            contact_id=ours.member.pk, changes={"role": "=2+5", "phone": "020 7946 0000"}, **firms.doing
        )
        answer = firms.client(ours.viewer).get("/my/people.csv")
        rows = list(csv.DictReader(StringIO(answer.content.decode().lstrip("\ufeff"))))
        assert {row["name"] for row in rows} == {one.name for one in ours.contacts}
        (ben,) = [row for row in rows if row["name"].startswith("Ben")]
        assert (ben["role"], ben["phone"]) == ("'=2+5", "+442079460000")

    def test_a_viewers_year_is_told_before_it_is_over(self, firms: Firms):
        ours = firms.bakery
        firms.at += contact_actions.CONFIRMED_FOR - contact_actions.ASKED_BEFORE
        boss = firms.client(ours.manager)
        assert "Still works with us" in shown(boss.get("/my/people/"))
        boss.post(f"/my/people/{ours.viewer.pk}/confirm")
        assert "Still works with us" not in shown(boss.get("/my/people/"))


class TestYou:
    def test_a_mobile_is_verified_on_the_pages(self, firms: Firms):
        ben = firms.bakery.member
        client = firms.client(ben)
        answer = client.post("/my/you/mobile", {"mobile": "07700 900123"}, follow=True)
        assert "+447700900123" in shown(answer)
        ben.refresh_from_db()
        wrong = client.post("/my/you/mobile/code", {"code": "000000"})
        assert "That is not the code" in shown(wrong)
        ben.refresh_from_db()
        assert ben.mobile_tries == 2, "a wrong code is counted although nothing else was written"
        right = client.post("/my/you/mobile/code", {"code": mobile_code(ben.mobile_check)}, follow=True)
        assert "We can text you now" in shown(right)

    def test_a_token_is_shown_once_and_revoked(self, firms: Firms):
        ben = firms.bakery.member
        client = firms.client(ben)
        text = shown(client.post("/my/you/tokens/new", {"name": "till"}))
        assert "ndt_" in text
        later = shown(client.get("/my/you/"))
        assert "till" in later
        assert "ndt_" in later  # its hint
        assert text.split('class="secret">')[1].split("<")[0] not in later
        token = ben.user.token_set.get()  # type: ignore[union-attr]
        assert firms.client(firms.bakery.viewer).post(f"/my/you/tokens/{token.pk}/revoke").status_code == 404
        client.post(f"/my/you/tokens/{token.pk}/revoke")
        token.refresh_from_db()
        assert token.revoked_at == firms.at

    def test_one_changes_ones_own_things(self, firms: Firms):
        vera = firms.bakery.viewer
        client = firms.client(vera)
        client.post("/my/you/change", {"name": "Vera B", "zone": "Europe/Madrid", "language": ""})
        vera.refresh_from_db()
        assert (vera.name, vera.zone) == ("Vera B", "Europe/Madrid")
        refused = client.post("/my/you/change", {"name": "Vera B", "texted_at_night": "on"})
        assert "No mobile number of theirs is verified." in shown(refused)


class TestTheDoor:
    def test_who_is_not_signed_in_is_asked_to_and_comes_back(self, firms: Firms):
        answer = firms.client().get("/my/people/")
        assert answer["Location"] == "/account/login/?next=%2Fmy%2Fpeople%2F"

    def test_the_staff_are_sent_to_their_own_pages(self, firms: Firms):
        user = access.make_user(email="sam@staff.example", name="Sam", **firms.doing)
        client = firms.client()
        client.force_login(user, backend=BACKEND)
        assert client.get("/my/")["Location"] == "/"
        assert client.get("/my/companies/")["Location"] == "/"

    def test_a_contact_signs_in_with_a_password_and_lands_in_their_own_pages(self, firms: Firms):
        firms.contact(firms.bakery.customer, "Pia Password", "member", password=PASSWORD)
        client = firms.client()
        answer = client.post("/account/login/", {"login": "pia@bakery.example", "password": PASSWORD})
        assert answer["Location"] == "/my/"
        assert "Bakery line" in shown(client.get("/my/"))
        assert client.get("/")["Location"] == "/my/"

    def test_nothing_of_a_page_is_kept_by_anybody(self, firms: Firms):
        answer = firms.client(firms.bakery.viewer).get("/my/")
        assert answer["Cache-Control"] == "private, no-store"
        assert "<script" not in answer.content.decode()

    def test_a_page_that_would_be_read_while_it_goes_out_is_a_fault_of_ours(self, firms: Firms):
        @door.page()
        def streams(request):
            return StreamingHttpResponse(iter(["late"]))

        request = RequestFactory().get("/my/")
        request.user, request.at, request.session = firms.bakery.viewer.user, firms.at, {}  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="streams"):
            streams(request)

    def test_a_method_that_is_not_for_it_is_refused(self, firms: Firms):
        client = firms.client(firms.bakery.manager)
        assert client.post("/my/").status_code == 405
        assert client.get("/my/people/rule").status_code == 405

    def test_whoever_speaks_for_two_companies_chooses_and_sees_one_at_a_time(self, firms: Firms):
        mara = firms.grocer.manager
        also = customers.make_contact(
            customer_id=firms.books.customer.pk, name="Mara too", email=mara.email, **firms.doing
        )
        also = contact_actions.invite_contact(contact_id=also.pk, standing="viewer", **firms.doing)
        client = firms.client(mara)
        client.post(f"/join/{also.pk}/{also.invite}")
        assert client.get("/my/")["Location"] == "/my/companies/"
        assert "The Books Ltd" in shown(client.get("/my/companies/"))
        client.post("/my/companies/", {"company": str(firms.bakery.manager.pk)})
        assert client.get("/my/")["Location"] == "/my/companies/", "another's company cannot be chosen"
        for contact, mark, other in ((also, "Books", "Grocer"), (mara, "Grocer", "Books")):
            client.post("/my/companies/", {"company": str(contact.pk)})
            text = shown(client.get("/my/"))
            assert f"{mark} line" in text
            assert other not in text


class TestTheInvitationsPage:
    def test_opening_the_link_changes_nothing_and_the_button_lets_one_in(self, firms: Firms):
        made = customers.make_contact(
            customer_id=firms.bakery.customer.pk, name="Nia New", email="nia@bakery.example", **firms.doing
        )
        made = contact_actions.invite_contact(contact_id=made.pk, **firms.doing)
        client = firms.client()
        path = f"/join/{made.pk}/{made.invite}"
        page = client.get(path)
        assert "You are invited to see the services of The Bakery Ltd" in shown(page)
        assert page["Referrer-Policy"] == "same-origin"
        made.refresh_from_db()
        assert made.user is None
        assert "too short" in shown(client.post(path, {"password": "short"}))
        assert client.post(path, {"password": PASSWORD})["Location"] == "/my/"
        assert "Bakery line" in shown(client.get("/my/"))
        assert firms.client().get(path).status_code == 404

    def test_a_link_that_opens_nothing_looks_the_same_whoever_it_names(self, firms: Firms):
        known, unknown = (firms.client().get(f"/join/{pk}/{'0' * 32}") for pk in (firms.bakery.member.pk, 10**9))
        assert (known.status_code, unknown.status_code) == (404, 404)
        assert known.content == unknown.content

    def test_whoever_tries_many_links_is_slowed_down(self, firms: Firms):
        client = firms.client(REMOTE_ADDR="203.0.113.77")
        codes = [client.get(f"/join/1/{number:032d}").status_code for number in range(25)]
        assert (codes[:20], codes[20:]) == ([404] * 20, [429] * 5)


def test_both_style_sheets_have_the_same_tokens():
    def tokens(sheet: Path) -> list[str]:
        text = sheet.read_text(encoding="utf-8")
        block = text[text.index(":root {") : text.index("--mono")]
        return [line.strip() for line in block.splitlines() if "--" in line]

    assert tokens(STATIC) == tokens(CONSOLE)
    assert len(tokens(STATIC)) > 20


class TestUnsubscribing:
    """A reader of a shared address clicks; those who keep the company's contacts are mailed, and decide on their page."""

    def asked(self, firms: Firms) -> UnsubscribeRequest:
        ours = firms.bakery
        noc = customers.make_contact(
            customer_id=ours.customer.pk, name="NOC", email="noc@bakery.example", **firms.doing
        )
        reader = Actor("caller", f"contact:{noc.pk}", "A reader of our mail")
        came = unsubscribe_actions.leave_notices(contact_id=noc.pk, by=reader, via=Door.LINK, at=firms.at)
        assert came == "asked"
        return UnsubscribeRequest.objects.get(contact=noc)

    def test_a_keeper_is_mailed_and_says_no_and_it_goes_on(self, firms: Firms):
        row = self.asked(firms)
        mail = Message.objects.get(kind="unsubscribe.asked")
        to = Delivery.objects.get(message_id=mail.pk)
        assert (to.address, to.recipient_id) == (firms.bakery.manager.email, str(firms.bakery.manager.pk))
        assert "/my/people/" in mail.body
        boss = firms.client(firms.bakery.manager)
        assert "Shall noc@bakery.example get no more notices?" in shown(boss.get("/my/people/"))
        said = boss.post(f"/my/people/unsubscribe/{row.pk}", {"agreed": "no"}, follow=True)
        assert "noc@bakery.example goes on getting notices" in shown(said)
        assert "Shall noc@bakery.example" not in shown(boss.get("/my/people/"))
        row.refresh_from_db()
        assert (row.agreed, row.decided_by) == (False, firms.bakery.manager.name)

    def program(self, firms: Firms, contact: Contact) -> Client:
        """What the contact's own token opens."""
        _token, secret = contact_actions.make_contact_token(contact_id=contact.pk, name="watch", **firms.as_(contact))
        return Client(headers={"Authorization": f"Bearer {secret}"})

    def test_nobody_else_decides_by_page_or_program(self, firms: Firms):
        row = self.asked(firms)
        page, address = f"/my/people/unsubscribe/{row.pk}", f"/api/v1/my/unsubscribe-requests/{row.pk}"
        for who, code in ((firms.bakery.member, 403), (firms.grocer.manager, 404)):
            assert firms.client(who).post(page, {"agreed": "yes"}).status_code == code
            said = self.program(firms, who).post(address, {"agreed": True}, "application/json")
            assert said.status_code == code
        assert "noc@bakery.example" not in shown(firms.client(firms.grocer.manager).get("/my/people/"))
        row.refresh_from_db()
        assert row.decided_at is None

    def test_a_keepers_program_reads_and_decides(self, firms: Firms):
        row = self.asked(firms)
        program = self.program(firms, firms.bakery.manager)
        assert [one["address"] for one in program.get("/api/v1/my/unsubscribe-requests").json()["items"]] == [
            "noc@bakery.example"
        ]
        answer = program.post(f"/api/v1/my/unsubscribe-requests/{row.pk}", {"agreed": True}, "application/json")
        assert answer.json()["agreed"] is True
        assert Wish.objects.get(contact=row.contact_id).channels == []


class TestHowTheyHear:
    """What a contact wishes, and the program that is told, on one page and by the API."""

    def test_a_wish_is_said_shown_and_taken_back(self, firms: Firms):
        client = firms.client(firms.bakery.viewer)
        wish = {"channels": ["email", "webhook"], "min_effect": "3", "texts_from": "08:00", "texts_until": "20:00"}
        about = {"service": str(firms.bakery.service.pk)}
        assert "Saved." in shown(client.post("/my/you/notices", wish | about, follow=True))
        row = Wish.objects.get(contact=firms.bakery.viewer, service=firms.bakery.service)
        assert (row.channels, row.min_effect, row.texts_from, row.texts_until) == (["email", "webhook"], 3, 480, 1200)
        page = shown(client.get("/my/you/notices"))
        assert "texts from 08:00 to 20:00" in page
        assert firms.client(firms.bakery.member).post(f"/my/you/notices/{row.pk}/remove").status_code == 404
        client.post(f"/my/you/notices/{row.pk}/remove")
        assert not Wish.objects.exists()

    def test_half_of_the_hours_is_refused_in_words(self, firms: Firms):
        said = firms.client(firms.bakery.viewer).post(
            "/my/you/notices", {"service": "all", "channels": ["sms"], "min_effect": "1", "texts_from": "08:00"}
        )
        assert "both a first and a last minute" in shown(said)

    def test_a_programs_secret_is_shown_once_and_a_private_address_is_refused(self, firms: Firms):
        client = firms.client(firms.bakery.viewer)
        assert "private network" in shown(client.post("/my/you/notices/program", {"url": "https://10.0.0.1/x"}))
        said = shown(client.post("/my/you/notices/program", {"url": "https://monitoring.example.com/x"}))
        (secret,) = re.findall(r'<code class="secret">([^<]{40,})</code>', said)
        page = shown(client.get("/my/you/notices"))
        assert "https://monitoring.example.com/x" in page
        assert secret not in page
        assert "monitoring.example.com" not in shown(firms.client(firms.bakery.manager).get("/my/you/notices"))
        client.post("/my/you/notices/stop/webhook")
        assert not ContactEndpoint.objects.exists()

    def test_a_program_of_who_keeps_the_people_adds_changes_and_confirms_them(self, firms: Firms):
        boss, viewer = firms.bakery.manager, firms.bakery.viewer
        _token, token = contact_actions.make_contact_token(contact_id=boss.pk, name="staff list", **firms.as_(boss))
        program = Client(headers={"Authorization": f"Bearer {token}"})
        given = {"name": "Nia New", "email": "nia@bakery.example", "standing": "viewer"}
        made = program.post("/api/v1/my/contacts", given, "application/json")
        assert (made.status_code, made.json()["standing"]) == (201, "viewer")
        assert Contact.objects.get(pk=made.json()["id"]).invite
        address = f"/api/v1/my/contacts/{viewer.pk}"
        changes = {"role": "Night baker", "may_call": False}
        changed = program.patch(address, changes, "application/json").json()
        assert (changed["role"], changed["may_call"], changed["standing"]) == ("Night baker", False, "viewer")
        firms.at += timedelta(days=300)
        assert program.post(f"{address}/confirm").status_code == 200
        viewer.refresh_from_db()
        assert viewer.confirmed_at == firms.at
        other = program.patch(f"/api/v1/my/contacts/{firms.grocer.viewer.pk}", changes, "application/json")
        assert other.status_code == 404

    def test_a_program_of_theirs_does_the_same(self, firms: Firms):
        _token, token = contact_actions.make_contact_token(
            contact_id=firms.bakery.viewer.pk, name="watch", **firms.as_(firms.bakery.viewer)
        )
        program = Client(headers={"Authorization": f"Bearer {token}"})
        made = program.put("/api/v1/my/webhook", {"url": "https://monitoring.example.com/x"}, "application/json").json()
        assert len(made["secret"]) > 40
        wish = program.put("/api/v1/my/wishes", {"channels": ["webhook"]}, "application/json").json()
        assert [row["id"] for row in program.get("/api/v1/my/wishes").json()["items"]] == [wish["id"]]
        (row,) = program.get("/api/v1/my/endpoints").json()["items"]
        assert "secret" not in row
        assert program.delete("/api/v1/my/endpoints/webhook").status_code == 204
        assert program.delete(f"/api/v1/my/wishes/{wish['id']}").status_code == 204

    def test_a_browser_that_says_nonsense_is_refused_in_words(self, firms: Firms, settings):
        settings.PUBLIC_URL = "https://desk.quayside.net"
        client = firms.client(firms.bakery.viewer)
        assert len(client.post("/my/you/notices/key").json()["key"]) > 80
        told = {"endpoint": "https://10.0.0.1/x", "p256dh": "x", "auth": "y"}
        for body in (told, {}, told | {"endpoint": "https://push.example.com/x"}):
            answer = client.post("/my/you/notices/browser", body, "application/json")
            assert answer.status_code == 422
            assert answer.json()["do"]
        assert not ContactEndpoint.objects.exists()
