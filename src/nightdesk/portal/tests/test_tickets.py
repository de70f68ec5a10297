"""Tickets as a customer meets them: raised, followed, answered, closed, opened again, and brought before a manager."""

import csv
import re
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from nightdesk.base import clock
from nightdesk.base.models import Promise
from nightdesk.channels.models import Message
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact
from nightdesk.desk import actions as desk
from nightdesk.desk import customer_actions, finding, linking_actions
from nightdesk.desk.models import Attachment, Entry, Escalation, Searchable, Ticket
from nightdesk.people import actions as people
from nightdesk.portal import queries
from nightdesk.portal.tests.firms import MORNING, Firm, Firms
from nightdesk.portal.tests.test_contacts import keep_due
from tests.standing import made_once

NEW = {
    "what": "broken",
    "title": "Cards are refused",
    "text": "The till says no since nine.",
    "how_many": "high",
    "how_soon": "medium",
}


standing_firms = made_once(lambda: Firms().tell(), at=MORNING)


def shown(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def resolve(firms: Firms, ticket: Ticket) -> None:
    told = {"what_was_wrong": "A fuse", "what_was_done": "A new fuse", "what_to_do": "Nothing"}
    desk.start_ticket(ticket_id=ticket.pk, **firms.doing)
    desk.resolve_ticket(ticket_id=ticket.pk, **told, **firms.doing)


def test_somebody_tells_us_and_follows_what_becomes_of_it(firms: Firms):
    ours = firms.bakery
    client = firms.client(ours.member)
    file = SimpleUploadedFile("till.png", b"\x89PNG till", content_type="image/png")
    sent = NEW | {"service": str(ours.customer.subscriptions.get().pk), "attached": [file]}
    answer = client.post("/my/tickets/new", sent, follow=True)
    text = shown(answer)
    made = Ticket.objects.get(title="Cards are refused")
    assert f"We have it: #{made.number}." in text
    assert (made.kind, made.priority, made.contact, made.trust, made.service) == (
        "incident", 2, ours.member, "verified", ours.service,
    )  # fmt: skip
    assert "Somebody looks at it" in text
    assert "The till says no since nine." in text
    (attached,) = Attachment.objects.filter(entry__ticket=made)
    download = client.get(f"/my/tickets/{made.pk}/files/{attached.pk}")
    assert (download.content, download["Content-Type"]) == (b"\x89PNG till", "image/png")
    assert download["Content-Disposition"].startswith("attachment")
    assert "sandbox" in download["Content-Security-Policy"]


def test_a_wish_for_access_waits_for_proof_and_says_so(firms: Firms):
    client = firms.client(firms.bakery.member)
    text = shown(client.post("/my/tickets/new", NEW | {"what": "access", "title": "New password for Jo"}, follow=True))
    made = Ticket.objects.get(title="New password for Jo")
    assert (made.kind, made.needs_proof) == ("request", True)
    assert "we call you back on the number that we have of you" in text


def test_what_is_known_stands_above_before_they_type(firms: Firms):
    client = firms.client(firms.bakery.manager)
    page = shown(client.get("/my/tickets/new"))
    assert "We know of this already" in page
    assert page.index("Bakery lines are down.") < page.index("In one line")
    assert page.index("Bakery trouble of the manager") < page.index("In one line")
    assert "SECRET" not in page


def test_of_several_circuits_of_one_service_the_one_is_chosen_and_it_alone_counts_as_reported(firms: Firms):
    ours = firms.bakery
    other = customers.make_subscription(
        customer_id=ours.customer.pk, service_id=ours.service.pk, label="Bakery-0043", **firms.doing
    )
    client = firms.client(ours.member)
    page = client.get(f"/my/tickets/new?service={other.pk}").content.decode()
    assert "Bakery line Bakery-0042" in page
    assert f'value="{other.pk}" selected' in page
    assert client.post("/my/tickets/new", NEW | {"service": str(other.pk)}).status_code == 302
    made = Ticket.objects.latest("opened_at", "id")
    assert (made.subscription, made.service) == (other, ours.service)
    assert "Bakery line Bakery-0043" in client.get(f"/my/tickets/{made.pk}/").content.decode()
    home = client.get("/my/").content.decode()
    assert home.count(f"#{made.number} ") == 1
    desk.edit_ticket(ticket_id=made.pk, fields={"service_id": None}, **firms.doing)
    made.refresh_from_db()
    assert made.subscription is None


def test_a_service_of_another_company_cannot_be_named(firms: Firms):
    client = firms.client(firms.bakery.member)
    answer = client.post("/my/tickets/new", NEW | {"service": str(firms.grocer.customer.subscriptions.get().pk)})
    assert "Select a valid choice" in shown(answer)
    assert not Ticket.objects.filter(title="Cards are refused").exists()


def test_too_much_at_once_is_refused_in_the_form_and_nothing_is_lost(firms: Firms):
    client = firms.client(firms.bakery.member)
    large = SimpleUploadedFile("film.mov", b"0" * (10 * 1024 * 1024 + 1))
    text = shown(client.post("/my/tickets/new", NEW | {"attached": [large]}))
    assert "film.mov has more than 10 MB." in text
    assert "The till says no since nine." in text
    many = [SimpleUploadedFile(f"{number}.txt", b"x") for number in range(11)]
    assert "At most 10 files at once." in shown(client.post("/my/tickets/new", NEW | {"attached": many}))


def test_an_answer_goes_on_where_we_waited_and_opens_again_what_was_solved(firms: Firms):
    ours = firms.bakery
    ticket = ours.tickets["member"]
    client = firms.client(ours.member)
    desk.wait_ticket(
        ticket_id=ticket.pk, reason="awaiting_caller", next_step="Tell us the colour",
        next_step_at=firms.at + timedelta(days=1), **firms.doing,
    )  # fmt: skip
    assert "We wait for your answer" in shown(client.get(f"/my/tickets/{ticket.pk}/"))
    text = shown(client.post(f"/my/tickets/{ticket.pk}/reply", {"text": "It is green."}, follow=True))
    assert "We are working on it" in text
    assert "It is green." in text
    resolve(firms, ticket)
    text = shown(client.get(f"/my/tickets/{ticket.pk}/"))
    for words in ("Solved", "A fuse", "A new fuse", "Yes, it works: close it", "It is not solved"):
        assert words in text
    client.post(f"/my/tickets/{ticket.pk}/reopen", {"why": "It is dark again."})
    assert "We are working on it" in shown(client.get(f"/my/tickets/{ticket.pk}/"))
    resolve(firms, Ticket.objects.get(pk=ticket.pk))
    client.post(f"/my/tickets/{ticket.pk}/close")
    assert Ticket.objects.get(pk=ticket.pk).state == "closed"
    assert "It is not solved" in shown(client.get(f"/my/tickets/{ticket.pk}/"))
    firms.at += timedelta(days=15)
    page = shown(client.get(f"/my/tickets/{ticket.pk}/"))
    assert "It is not solved" not in page
    assert "Send it, as a new ticket that follows this one" in page
    late = client.post(f"/my/tickets/{ticket.pk}/reopen", {"why": "Again."})
    assert late.status_code == 409
    assert "Open a new one that follows it." in late.content.decode()


def test_what_was_merged_leads_to_where_it_goes_on_with_both_their_words(firms: Firms):
    ours = firms.bakery
    client = firms.client(ours.member)
    answer = client.get(f"/my/tickets/{ours.tickets['merged'].pk}/")
    assert answer["Location"] == f"/my/tickets/{ours.tickets['member'].pk}/"
    story = shown(client.get(answer["Location"]))
    assert story.count("Bakery words of Ben Bakery-Baker") == 2
    assert "Bakery answer of ours" in story


def plain(page: str) -> str:
    """The words of a page alone."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_ticket_and_the_list_are_read_by_the_readers_own_clocks(firms: Firms):
    ours = firms.bakery
    Contact.objects.filter(pk=ours.member.pk).update(zone="Asia/Tokyo")
    client, ticket = firms.client(ours.member), ours.tickets["member"]
    ticket.refresh_from_db()
    tokyo = ticket.next_step_at.astimezone(ZoneInfo("Asia/Tokyo"))
    for address in ("/my/tickets/", f"/my/tickets/{ticket.pk}/"):
        assert f"{tokyo:%H:%M}" in shown(client.get(address))
    assert "opened 17:30" in plain(shown(client.get(f"/my/tickets/{ticket.pk}/")))


class TestEscalation:
    def test_a_manager_is_named_with_a_clock_and_the_promise_is_kept_or_told(self, firms: Firms):
        ours = firms.bakery
        ticket = ours.tickets["member"]
        client = firms.client(ours.member)
        page = shown(client.get(f"/my/tickets/{ticket.pk}/"))
        assert "Sam Bakery-Manager will answer you by 11:30" in plain(page)
        client.post(f"/my/tickets/{ticket.pk}/escalate", {"why": "Nobody has called for two days."})
        row = Escalation.objects.get(ticket=ticket)
        assert (row.manager_name, row.answer_by) == ("Sam Bakery-Manager", firms.at + timedelta(hours=2))
        page = shown(client.get(f"/my/tickets/{ticket.pk}/"))
        assert "Brought before Sam Bakery-Manager" in page
        assert "11:30" in page
        assert "Nobody has called for two days." in page
        assert "Escalate this" not in page
        assert Promise.objects.filter(kind="ticket.manager_answers", subject_id=str(row.pk), ended_at=None).exists()
        firms.at = row.answer_by + timedelta(minutes=1)
        keep_due(firms)
        assert "late" in shown(client.get(f"/my/tickets/{ticket.pk}/"))
        assert Entry.objects.filter(ticket=ticket, public=True).count() == 3
        firms.at += timedelta(minutes=1)
        firms.answered(ticket, "This is Sam: sorry, we come today.")
        page = shown(client.get(f"/my/tickets/{ticket.pk}/"))
        assert "Answered." in page
        assert "Escalate this" in page

    def test_what_is_said_before_the_press_is_what_follows(self, firms: Firms):
        ours = firms.bakery
        address = f"/my/tickets/{ours.tickets['member'].pk}/"
        ours.contract.delete()
        client = firms.client(ours.member)
        page = shown(client.get(address))
        assert re.search(r"Sam Bakery-Manager will answer you by [^.]*09:30", plain(page)), plain(page)
        people.deactivate_person(person_id=ours.service_manager.pk, **firms.doing)
        assert "Nobody is named for that. Please call us." in shown(client.get(address))

    def test_the_clock_counts_our_working_time(self, firms: Firms):
        ours = firms.bakery
        firms.at = firms.at.replace(
            hour=16, minute=0
        )  # 17:00 on British clocks, half an hour before we close for the weekend
        client = firms.client(ours.member)
        client.post(f"/my/tickets/{ours.tickets['member'].pk}/escalate", {"why": "It is Friday."})
        row = Escalation.objects.get(ticket=ours.tickets["member"])
        assert f"{row.answer_by:%A %H:%M}" == "Monday 09:30"

    def test_nobody_asks_twice_while_an_answer_is_waited_for_and_never_without_a_reason(self, firms: Firms):
        ours = firms.bakery
        ticket = ours.tickets["member"]
        client = firms.client(ours.member)
        assert client.post(f"/my/tickets/{ticket.pk}/escalate", {"why": " "}).status_code == 422
        client.post(f"/my/tickets/{ticket.pk}/escalate", {"why": "Please."})
        again = client.post(f"/my/tickets/{ticket.pk}/escalate", {"why": "Please!"})
        assert again.status_code == 409
        assert Escalation.objects.filter(ticket=ticket).count() == 1
        assert not Entry.objects.filter(ticket=ticket, text="Please!").exists(), "refused as a whole"

    def test_it_goes_on_where_the_ticket_was_merged_into(self, firms: Firms):
        ours = firms.bakery
        asked, into = ours.tickets["member"], ours.tickets["viewer"]
        contact_actions.set_company_rule(customer_id=ours.customer.pk, sees="all", **firms.doing)
        client = firms.client(ours.member)
        client.post(f"/my/tickets/{asked.pk}/escalate", {"why": "Please."})
        row = Escalation.objects.get(ticket=asked)
        linking_actions.merge_ticket(ticket_id=asked.pk, into_id=into.pk, **firms.doing)
        page = shown(client.get(f"/my/tickets/{into.pk}/"))
        assert "Brought before Sam Bakery-Manager" in page
        assert "Escalate this" not in page
        assert client.post(f"/my/tickets/{into.pk}/escalate", {"why": "Please!"}).status_code == 409
        late = {"escalation_id": row.pk, **firms.doing}
        assert customer_actions.note_manager_late(**late) == "Those who answer for it were told."
        firms.at += timedelta(minutes=1)
        firms.answered(into, "This is Sam.")
        assert customer_actions.note_manager_late(**late) == "It was answered in time, or is over."

    def test_a_late_manager_is_told_to_those_who_answer_for_it(self, firms: Firms):
        ours = firms.bakery
        max_ = people.make_person(name="Max", brand_id=ours.brand.pk, **firms.doing)
        method = people.add_contact_method(
            person_id=max_.pk, channel="email", address="max@quay.example", **firms.doing
        )
        people.confirm_contact_method(method_id=method.pk, **firms.doing)
        people.set_notify_rules(person_id=max_.pk, rules=[people.RuleWanted("low", method.pk)], **firms.doing)
        team = people.make_team(brand_id=ours.brand.pk, name="Desk", manager_id=max_.pk, **firms.doing)
        people.set_team_members(team_id=team.pk, person_ids=[max_.pk], manager_id=max_.pk, **firms.doing)
        Ticket.objects.update(owner=team)
        firms.client(ours.member).post(f"/my/tickets/{ours.tickets['member'].pk}/escalate", {"why": "Please."})
        firms.at += timedelta(hours=2)
        keep_due(firms)
        assert Message.objects.filter(title__contains="was promised an answer by Sam Bakery-Manager").exists()


class TestCompanyRule:
    def test_colleagues_tickets_are_seen_by_the_companys_own_rule(self, firms: Firms):
        ours = firms.bakery
        theirs = ours.tickets["manager"]
        for rule, who, sees in (
            ("managers_all", ours.member, False),
            ("managers_all", ours.manager, True),
            ("own", ours.manager, True),
            ("all", ours.viewer, True),
        ):
            contact_actions.set_company_rule(customer_id=ours.customer.pk, sees=rule, **firms.doing)
            client = firms.client(who)
            assert (theirs.title in shown(client.get("/my/tickets/"))) == sees, (rule, who)
            assert client.get(f"/my/tickets/{theirs.pk}/").status_code == (200 if sees else 404)
            assert (theirs.title in client.get("/my/tickets.csv").content.decode()) == sees

    def test_who_only_reads_changes_nothing(self, firms: Firms):
        ours = firms.bakery
        ticket = ours.tickets["viewer"]
        client = firms.client(ours.viewer)
        page = shown(client.get(f"/my/tickets/{ticket.pk}/"))
        assert "<textarea" not in page
        before = Entry.objects.count()
        for what in ("reply", "close", "reopen", "escalate"):
            answer = client.post(f"/my/tickets/{ticket.pk}/{what}", {"text": "Ha", "why": "Ha"})
            assert answer.status_code == 403, what
        assert client.post("/my/tickets/new", NEW).status_code == 403
        assert Entry.objects.count() == before

    def test_what_a_leaver_had_open_goes_on_with_the_colleague_named(self, firms: Firms):
        ours = firms.bakery
        contact_actions.mark_contact_left(
            contact_id=ours.member.pk, hand_to_id=ours.viewer.pk, **firms.as_(ours.manager)
        )
        keep_due(firms)
        ticket = Ticket.objects.get(pk=ours.tickets["member"].pk)
        assert (ticket.contact, ticket.requester_address) == (ours.viewer, ours.viewer.email)
        roles = dict(ticket.parties.values_list("address", "role"))
        assert roles == {ours.member.email: "removed", ours.viewer.email: "requester"}
        assert ticket.title in shown(firms.client(ours.viewer).get("/my/tickets/"))


class TestLists:
    def test_search_finds_numbers_titles_and_what_was_said_and_never_a_note(self, firms: Firms):
        ours = firms.bakery
        client = firms.client(ours.member)
        ticket = ours.tickets["member"]
        for text, finds in (
            (str(ticket.number), True),
            (f"#{ticket.number}", True),
            ("TROUBLE of", True),
            ("answer of ours", True),
            ("ánswèr óf OURS", True),
            ("is:mine", False),
            ("SECRET", False),
            ("Grocer", False),
            ("%", False),
        ):
            page = shown(client.get("/my/tickets/", {"q": text}))
            assert (ticket.title in page) == finds, text

    def test_search_finds_what_one_is_copied_in_on_however_much_the_company_asks(self, firms: Firms, monkeypatch):
        """A company that sees its own alone, and whose newest are more than a search shows."""
        ours = firms.bakery
        contact_actions.set_company_rule(customer_id=ours.customer.pk, sees="own", **firms.doing)
        monkeypatch.setattr(queries, "FOUND_AT_MOST", 2)
        copied = firms.ticket(ours, ours.manager, "Copied ovens", said="Bakery crumbs")
        desk.set_party(ticket_id=copied.pk, address=ours.member.email, role="cc", **firms.doing)
        for number in range(3):
            firms.at += timedelta(minutes=1)
            firms.ticket(ours, ours.manager, f"Crumbs {number}")
        client = firms.client(ours.member)
        page = shown(client.get("/my/tickets/", {"q": "crumbs"}))
        assert "Copied ovens" in page
        assert "Crumbs 1" not in page
        desk.note_ticket(ticket_id=copied.pk, words=desk.Words("Bakery SECRET flour"), **firms.doing)
        assert "Copied ovens" not in shown(client.get("/my/tickets/", {"q": "flour"})), "notes are ours"
        desk.set_party(ticket_id=copied.pk, address=ours.member.email, role="removed", **firms.doing)
        assert "Copied ovens" not in shown(client.get("/my/tickets/", {"q": "crumbs"}))

    def test_what_is_over_is_kept_apart(self, firms: Firms):
        ours = firms.bakery
        resolve(firms, ours.tickets["member"])
        client = firms.client(ours.member)
        assert "Nothing is open" in shown(client.get("/my/tickets/"))
        assert ours.tickets["member"].title in shown(client.get("/my/tickets/", {"which": "done"}))

    @pytest.mark.parametrize("looked_at", [2000, 0])
    def test_a_search_finds_the_same_whether_few_are_looked_at_or_the_index_is_asked(
        self, firms: Firms, looked_at: int, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(finding, "_FEW", looked_at)
        for ours in (firms.bakery, firms.grocer):
            reader = finding.Reader([ours.brand.pk], customer_id=ours.customer.pk)
            found = finding.find_ids("trouble", reader, 10)[1]
            assert found == list(
                Searchable.objects.filter(ticket__customer=ours.customer, ticket__title__icontains="trouble")
                .order_by("-at", "-ticket")
                .values_list("ticket", flat=True)
            )
            assert len(found) >= 2
            assert finding.find_ids("secret", reader, 10)[1] == []

    def test_a_long_list_comes_in_pages_and_as_a_file(self, firms: Firms):
        ours = firms.bakery
        firms.at += timedelta(minutes=1)
        for number in range(30):
            firms.ticket(ours, ours.member, f"=1+{number}")
        client = firms.client(ours.member)
        first = shown(client.get("/my/tickets/"))
        assert first.count("=1+") == 25
        assert "Older" in first
        assert shown(client.get("/my/tickets/", {"page": "2"})).count("=1+") == 5
        for nonsense in ("-1", "x", "99999999999", "²"):
            assert client.get("/my/tickets/", {"page": nonsense}).status_code == 200
        rows = list(csv.DictReader(StringIO(client.get("/my/tickets.csv").content.decode().lstrip("\ufeff"))))
        assert len(rows) == 31
        assert rows[0]["title"] == "'=1+29"
        assert rows[0]["opened"] == "2026-08-14T09:31+01:00"


@pytest.mark.parametrize("what", ["", "reply", "close", "reopen", "escalate", "files"])
def test_another_companys_ticket_does_not_exist(firms: Firms, what: str):
    def other(firm: Firm, reader: Contact) -> None:
        client = firms.client(reader)
        for ticket_id in (firm.tickets["member"].pk, uuid4()):
            path = f"/my/tickets/{ticket_id}/{what}"
            if what == "files":
                assert firm.file is not None
                path = f"/my/tickets/{ticket_id}/files/{firm.file.pk}"
                mine = firms.bakery.tickets["manager"].pk
                assert client.get(f"/my/tickets/{mine}/files/{firm.file.pk}").status_code == 404
            answer = client.get(path) if what in ("", "files") else client.post(path, {"text": "Ha", "why": "Ha"})
            assert answer.status_code == 404, path
            assert firm.mark not in answer.content.decode()

    before = Entry.objects.count()
    other(firms.grocer, firms.bakery.manager)
    other(firms.books, firms.bakery.manager)
    assert Entry.objects.count() == before


def test_how_it_ended_is_told_at_the_opening_and_not_at_all_once_it_was_taken_back(firms: Firms):
    ours = firms.bakery
    ticket = ours.tickets["member"]
    firms.at += timedelta(minutes=1)
    resolve(firms, ticket)
    entry = Entry.objects.get(ticket=ticket, contact_kind="resolution")

    def is_told() -> bool:
        client = firms.client(ours.member)
        page = shown(client.get(f"/my/tickets/{ticket.pk}/"))
        one = client.get(f"/api/v1/my/tickets/{ticket.pk}").json()
        assert ("How it ended" in page) == ("A new fuse" in page) == (one["what_was_done"] == "A new fuse")
        return "A new fuse" in page

    assert is_told()
    Entry.objects.filter(pk=entry.pk).update(facts={"held_until": (clock.now() + timedelta(hours=1)).isoformat()})
    assert not is_told()
    Entry.objects.filter(pk=entry.pk).update(facts={}, public=False)  # taken back
    assert not is_told()
