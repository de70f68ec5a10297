"""The desk's day in the pages: what an agent sees, what they press, what becomes of it, and what they are told when not."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from nightdesk.base import clock, vault
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.channels.models import Message
from nightdesk.console.views.desk.forms import mentioned
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact
from nightdesk.desk import actions as desk
from nightdesk.desk import finding, supplier_actions, survey_actions, time_actions
from nightdesk.desk.models import (
    Attachment,
    Bulk,
    Draft,
    Entry,
    Macro,
    OldNumber,
    Party,
    Queue,
    Rules,
    SavedView,
    SupplierTicket,
    Survey,
    Ticket,
    TimeSpent,
)
from nightdesk.desk.queries import story_so_far
from nightdesk.desk.tasks import hand_over_tickets
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import MORNING, NIGHT, Provider
from nightdesk.knowledge import actions as procedures
from nightdesk.knowledge.models import Procedure, Run


@pytest.fixture
def provider(db, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    made = Provider()
    with clock.replaced_by(lambda: made.at):
        yield made


class Agent:
    """Somebody of ours before their screen."""

    def __init__(self, provider: Provider, who: Any) -> None:
        self.client = Client()
        self.client.force_login(who.user, backend="allauth.account.auth_backends.AuthenticationBackend")

    def sees(self, name: str, *args: Any, **query: str) -> str:
        answer = self.client.get(reverse(f"console:{name}", args=args), query)
        assert answer.status_code == 200, answer.content[:300]
        return answer.content.decode()

    def words(self, name: str, *args: Any, **query: str) -> str:
        main = self.sees(name, *args, **query).split("<main", 1)[-1].split("</main>")[0]
        return " ".join(re.sub(r"<[^>]+>", " ", main).split())

    def does(self, view: str, /, *args: Any, status: int = 302, **fields: Any) -> Any:
        named = {key.replace("__", "-"): value for key, value in fields.items()}
        answer = self.client.post(reverse(f"console:{view}", args=args), named)
        assert answer.status_code == status, (answer.status_code, answer.content.decode()[:2000])
        return answer


@pytest.fixture
def dee(provider):
    return Agent(provider, provider.dee)


@pytest.fixture
def eve(provider):
    return Agent(provider, provider.eve)


# --- The queue -------------------------------------------------------------------------------------------------------


def test_an_empty_desk_says_what_to_do(provider, dee):
    words = dee.words("tickets")
    assert "No ticket waits on us" in words
    assert "Nothing is here" in words
    assert "You have no ticket" in dee.words("tickets", view="mine")
    assert "There is no ticket" in dee.words("tickets", view="open")
    assert "No ticket is like that" in dee.words("tickets", view="open", tag="none")


def test_the_queue_says_what_is_next_and_what_is_late(provider, dee):
    provider.ticket("Slow line", next_step="Ring Cleo", next_step_at=provider.at + timedelta(minutes=5))
    provider.ticket("Burning", impact="high", urgency="high")
    provider.minutes(30)
    words = dee.words("tickets")
    assert "1 next step is late" in words
    assert words.index("Slow line") < words.index("Burning")
    assert "late: 10:05 Ring Cleo" in words
    page = dee.sees("tickets", view="open", part="list")
    assert "<html" not in page
    assert page.count("data-item") == 2


def test_the_same_tickets_as_a_file(provider, dee):
    provider.ticket("=cmd|' /C calc'!A0")
    answer = dee.client.get(reverse("console:tickets_csv"), {"view": "open"})
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[0].startswith("\ufeffid,number,kind,priority,state")
    assert "'=cmd|" in text


def test_chosen_tickets_are_changed_and_taken_back(provider, dee):
    ids = [str(provider.ticket(f"t{number}").id) for number in range(3)]
    dee.does("change_tickets", ticket=ids[:2], press=f"person:{provider.eve.pk}")
    assert Ticket.objects.filter(assignee=provider.eve).count() == 2
    words = dee.words("tickets", view="open")
    assert "2 tickets: given to Eve." in words
    dee.does("undo_change", Bulk.objects.get().id)
    assert Ticket.objects.filter(state="new", assignee=None).count() == 3
    assert "2 tickets" not in dee.words("tickets", view="open").replace("2 tickets wait", "")


@pytest.mark.parametrize(
    ("press", "words", "expected"),
    [
        ("take", "", {"assignee__name": "Dee", "state": "in_progress"}),
        ("team:{network}", "", {"team__name": "Network", "level": "2"}),
        ("queue:{queue}", "", {"queue__name": "Mail"}),
        ("grade:high:high", "", {"priority": 1}),
        ("tag", "dns, #Mail", {"tags": ["dns", "mail"]}),
        ("cancel", "spam", {"state": "cancelled"}),
        ("night", "No hurry", {"night_ok": True, "night_why": "No hurry"}),
        ("macro:{macro}", "", {"tags": ["macro"]}),
    ],
)
def test_each_press_of_the_bar(provider, dee, press, words, expected):
    queue = desk.save_queue(brand_id=provider.brand.pk, name="Mail", **provider.doing)
    from nightdesk.desk.bulk_actions import save_macro

    steps = [{"verb": "tag", "values": {"add": ["macro"]}}]
    made = save_macro(brand_id=provider.brand.pk, name="m", steps=steps, **provider.doing)
    ticket = provider.ticket()
    press = press.format(network=provider.network.pk, queue=queue.pk, macro=made.pk)
    dee.does("change_tickets", ticket=[str(ticket.id)], press=press, **{"with": words})
    assert Ticket.objects.filter(id=ticket.id).values(*expected).get() == expected


def test_a_press_without_what_it_needs_is_refused_by_name(provider, dee):
    ticket = str(provider.ticket().id)
    dee.does("change_tickets", press="take", status=422)
    dee.does("change_tickets", ticket=[ticket], press="", status=422)
    dee.does("change_tickets", ticket=[ticket], press="tag", status=422)
    dee.does("change_tickets", ticket=[ticket], press="macro:999", status=404)
    dee.does("change_tickets", ticket=["no id"], press="take", status=422)


def test_a_view_is_kept_and_shared(provider, dee, eve):
    provider.ticket("mail", tags=["dns"])
    dee.does("save_view", name="DNS", view="open", tag="dns", share=str(provider.desk.pk))
    assert "DNS" in dee.words("tickets", view="open")
    assert "DNS" not in eve.words("tickets", view="open")
    max_ = Agent(provider, provider.max)
    assert SavedView.objects.get().filters == {"tag": "dns"}
    from nightdesk.people.actions import set_team_members

    set_team_members(
        team_id=provider.desk.pk, person_ids=[provider.dee.pk, provider.max.pk], manager_id=None, **provider.doing
    )
    assert "DNS Dee" in max_.words("tickets", view="open")
    dee.does("remove_view", SavedView.objects.get().pk)


# --- One ticket ------------------------------------------------------------------------------------------------------


def test_the_page_says_what_was_said_and_what_is_promised(provider, dee):
    ticket = provider.ticket("The line is slow", service_id=provider.service.pk, tags=["dns"])
    words = dee.words("ticket", ticket.id)
    for part in ("The line is slow", "Acme", "Cleo", "It crawls since nine.", "Somebody looks at it", "Opened, P3"):
        assert part in words
    assert "In hours: somebody is there, until 17:30." in words
    assert "cleo@acme.example" in words


def test_an_answer_goes_out_and_the_ticket_waits_or_is_resolved(provider, dee):
    ticket = provider.ticket()
    dee.does("reply", ticket.id, reply__text="Please restart it.", reply__then="wait")
    ticket.refresh_from_db()
    assert (ticket.state, ticket.pending_reason) == ("pending", "awaiting_caller")
    answer = dee.does("reply", ticket.id, reply__text="", reply__then="resolve", status=422)
    assert "It is not said" in answer.content.decode()
    dee.does(
        "reply",
        ticket.id,
        reply__text="It works.",
        reply__then="resolve",
        reply__what_was_wrong="An optic",
        reply__what_was_done="Swapped",
        reply__what_to_do="Nothing",
    )
    ticket.refresh_from_db()
    assert ticket.state == "resolved"
    words = dee.words("ticket", ticket.id)
    assert "What was done Swapped" in words
    assert "Reopen it" in words


def test_words_are_kept_where_somebody_wrote_meanwhile(provider, dee):
    ticket = provider.ticket()
    page = dee.sees("ticket", ticket.id)
    seen = re.search(r'name="reply-seen_id" value="([^"]+)"', page)[1]
    provider.minutes(2)
    desk.take_message(
        ticket_id=ticket.id, words=desk.Words("Now the phones are dead too."), **provider.doing_as(provider.cleo)
    )
    wanted = {"reply__text": "We look at <it> today.", "reply__seen_id": seen, "reply__then": ""}
    refused = dee.does("reply", ticket.id, status=409, **wanted).content.decode()
    assert "Cleo wrote at 10:02 UTC, after you had last seen it." in refused
    assert "Now the phones are dead too." in refused
    assert "We look at &lt;it&gt; today." in refused
    assert not Entry.objects.filter(kind="message_out").exists()
    newer = re.search(r'name="reply-seen_id" value="([^"]+)"', refused)[1]
    assert newer != seen
    dee.does("reply", ticket.id, **{**wanted, "reply__seen_id": newer})
    assert Entry.objects.get(kind="message_out").text == "We look at <it> today."


def test_what_was_begun_is_there_again(provider, dee, eve):
    ticket = provider.ticket()
    kept = dee.does("keep_draft", ticket.id, kind="reply", text="Dear Cleo, <b>", status=200)
    assert kept.content == b"10:00"
    page = dee.sees("ticket", ticket.id)
    assert "Dear Cleo, &lt;b&gt;</textarea>" in page
    assert "Begun at 10:00 and kept for you." in page
    assert "Dear Cleo" not in eve.sees("ticket", ticket.id)
    dee.does("reply", ticket.id, reply__text="Dear Cleo, done.", reply__then="")
    assert not Draft.objects.exists()


def test_who_else_is_here_is_said(provider, dee, eve):
    ticket = provider.ticket()
    eve.does("note_presence", ticket.id, typing="yes", status=204)
    assert "Eve is writing here now." in dee.words("ticket", ticket.id)
    assert "is writing here now" not in eve.words("ticket", ticket.id)
    provider.minutes(0.4)
    assert "Eve has this ticket open too." in dee.words("ticket", ticket.id)
    provider.minutes(1)
    assert "Eve" not in dee.sees("ticket", ticket.id, part="presence")
    page = dee.sees("ticket", ticket.id, part="presence", seen="00000000-0000-7000-8000-000000000000")
    assert "Cleo wrote at 10:00" in page


def test_the_second_line_says_why_it_writes_itself(provider, eve, dee):
    ticket = provider.ticket()
    page = eve.sees("ticket", ticket.id)
    assert 'value="question"' in page
    assert 'value="resolution"' not in page
    eve.does(
        "reply", ticket.id, reply__text="Since when?", reply__then="", status=200
    )  # the form again, with its field
    assert not Entry.objects.filter(kind="message_out").exists()
    eve.does("reply", ticket.id, reply__text="Since when?", reply__then="wait", reply__contact_kind="question")
    assert "Question · level 2" in dee.words("ticket", ticket.id)
    desk.save_team_rule(team_id=provider.network.pk, level="2", contact_kinds=[], **provider.doing)
    assert "the desk says it" in eve.words("ticket", ticket.id)
    eve.does("reply", ticket.id, reply__text="Hello?", status=422)


def test_what_was_said_on_the_telephone_is_kept_and_sent_to_nobody(provider, dee, eve):
    provider.at = NIGHT
    ticket = provider.ticket()
    said = {"reply__text": "Switch it off and on.", "reply__then": "", "reply__by_phone": "on"}
    eve.does("reply", ticket.id, **said, status=200)  # of the second line a kind is asked for here too
    assert not Entry.objects.filter(kind="message_out").exists()
    dee.does("reply", ticket.id, **said)
    assert "said on the telephone" in dee.words("ticket", ticket.id)
    assert not Message.objects.filter(kind="ticket.reply").exists()
    ticket.refresh_from_db()
    assert (ticket.first_response_at, ticket.state, ticket.assignee.name) == (NIGHT, "in_progress", "Dee")
    told = {"reply__what_was_wrong": "It hung.", "reply__what_was_done": "Restarted.", "reply__what_to_do": "Nothing."}
    dee.does("reply", ticket.id, **said | told | {"reply__text": "", "reply__then": "resolve"})
    assert Entry.objects.filter(kind="message_out").latest("id").text == "It hung.\n\nRestarted.\n\nNothing."
    assert not Message.objects.filter(kind="ticket.reply").exists()
    ticket.refresh_from_db()
    assert ticket.state == "resolved"


def test_out_of_hours_an_answer_is_held_unless_there_is_a_reason(provider, dee):
    provider.at = NIGHT
    ticket = provider.ticket()
    assert "goes out 09:00" in dee.words("ticket", ticket.id)
    dee.does("reply", ticket.id, reply__text="We look at it.", reply__then="")
    assert "Goes out 09:00" in dee.words("ticket", ticket.id)
    dee.does("reply", ticket.id, reply__text="Fire!", reply__then="", reply__why_now="Their shop burns")
    entry = Entry.objects.filter(kind="message_out").latest("id")
    assert entry.facts["why_now"] == "Their shop burns"
    provider.at = MORNING
    assert "Send it now" not in dee.words("ticket", ticket.id)


def test_a_note_tells_whom_it_names(provider, dee):
    ticket = provider.ticket()
    dee.does("note_ticket", ticket.id, note__text="@Eve have a look, @max not so")
    note = Entry.objects.get(kind="note")
    assert sorted(note.facts["mentions"]) == sorted([provider.eve.pk, provider.max.pk])
    assert "for Eve, Max" in dee.words("ticket", ticket.id) or "for Max, Eve" in dee.words("ticket", ticket.id)
    people = [(1, "Bo Lind"), (2, "Bo Moreau"), (3, "Al")]
    assert mentioned("@bo lind and al@al.example, @Al.", people) == [1, 3]
    assert mentioned("@Bo, @Alan", people) == []


def test_every_verb_of_the_page_does_what_it_says(provider, dee):
    ticket = provider.ticket()
    dee.does("assign_ticket", ticket.id, assign__to=f"person:{provider.eve.pk}")
    dee.does("set_next_step", ticket.id, step__next_step="Ring Cleo", step__when="4")
    ticket.refresh_from_db()
    assert (ticket.assignee, ticket.next_step_at) == (provider.eve, provider.at + timedelta(hours=4))
    dee.does(
        "wait_ticket",
        ticket.id,
        wait__reason="awaiting_supplier",
        wait__next_step="Chase them",
        wait__when="at",
        wait__when_at="2026-03-04T12:00",
    )
    ticket.refresh_from_db()
    assert (ticket.pending_reason, f"{ticket.next_step_at:%d %H:%M}") == ("awaiting_supplier", "04 12:00")
    dee.does("wait_ticket", ticket.id, wait__reason="awaiting_supplier", status=422)  # it waits already
    page = dee.does("set_next_step", ticket.id, step__next_step="Ring", status=200).content.decode()
    assert "This field is required" in page
    dee.does("escalate_ticket", ticket.id, escalate__team=str(provider.network.pk), escalate__why="It is the fibre")
    dee.does("raise_ticket", ticket.id, raise__why="They threaten to leave")
    dee.does(
        "edit_ticket",
        ticket.id,
        edit__title="Slow",
        edit__kind="request",
        edit__impact="high",
        edit__urgency="high",
        edit__tags="dns, x",
        edit__night_ok="on",
        edit__night_why="Quick",
        edit__needs_proof="on",
    )
    ticket.refresh_from_db()
    assert (ticket.title, ticket.priority, ticket.tags, ticket.night_ok, ticket.level) == (
        "Slow",
        1,
        ["dns", "x"],
        True,
        "2",
    )
    dee.does("set_party", ticket.id, party__address="boss@acme.example", party__name="Boss")
    dee.does("set_party", ticket.id, remove="boss@acme.example")
    assert Party.objects.get(address="boss@acme.example").role == "removed"
    dee.does("watch_ticket", ticket.id)
    assert "Stop watching" in dee.words("ticket", ticket.id)
    dee.does("watch_ticket", ticket.id, end="yes")
    words = dee.words("ticket", ticket.id)
    for part in (
        "Escalated to Network, level 2: It is the fibre",
        "Brought before Max: They threaten to leave",
        "P3 → P1",
    ):
        assert part in words, part
    told = {"resolve__what_was_wrong": "a", "resolve__what_was_done": "b", "resolve__what_to_do": "c"}
    refused = dee.does("resolve_ticket", ticket.id, status=409, **told).content.decode()
    assert "nobody has made sure who asked" in refused
    dee.does("prove_identity", ticket.id, prove__how="call_back", prove__said="on her mobile")
    dee.does("resolve_ticket", ticket.id, **told)
    dee.does("reopen_ticket", ticket.id, reopen__why="It is back")
    ticket.refresh_from_db()
    assert (ticket.state, ticket.reopened) == ("in_progress", 1)


def test_it_is_shown_what_must_be_proved_and_how(provider, dee, eve):
    Contact.objects.filter(id=provider.cleo.pk).update(phone="+442079460100")
    for name, may_approve in (("Ada", True), ("Bob", False)):
        made = customers.make_contact(
            customer_id=provider.acme.pk, name=name, phone="+442079460101", role="Head", **provider.doing
        )
        Contact.objects.filter(id=made.pk).update(may_authorise=may_approve)
    ticket = provider.ticket("New password", kind="request", needs_proof=True)
    words = dee.words("ticket", ticket.id)
    assert "Ring Cleo back on 020 7946 0100" in words
    assert "Ada, Head: 020 7946 0101" in words
    assert "Bob" not in words
    assert "I made sure" in words
    assert "I made sure" not in eve.words("ticket", ticket.id)  # the desk alone says so
    eve.does("prove_identity", ticket.id, prove__how="call_back", prove__said="x", status=403)


def test_beside_a_ticket_stands_what_its_kind_asks_for_and_each_step_lands_in_its_story(provider, dee):
    titles = {"access": "Who asks?", "request": "Order it", "incident": "Look at the line", "alarm": "Silence it"}
    for kind, title in titles.items():
        steps = "- [ ] Ring them back\n- [ ] Write it down\n"
        row = procedures.make_procedure(
            brand_id=provider.brand.pk, title=title, body=steps, where={"calls": [kind]}, **provider.doing
        )
        procedures.publish_procedure(procedure_id=row.pk, number=1, **provider.doing)
    procedures.add_call_kind(brand_id=provider.brand.pk, key="move", name="Move of house", **provider.doing)
    own = procedures.make_procedure(
        brand_id=provider.brand.pk, title="Pack", body="x", where={"calls": ["move"]}, **provider.doing
    )
    procedures.publish_procedure(procedure_id=own.pk, number=1, **provider.doing)

    def beside(ticket):
        page = dee.sees("ticket", ticket.id)
        return {title for title in (*titles.values(), "Pack") if title in unescape(page)}

    ticket = provider.ticket("New password", kind="request", needs_proof=True)
    assert beside(ticket) == {"Who asks?", "Order it"}
    assert beside(provider.ticket()) == {"Look at the line"}
    assert beside(provider.ticket(kind="request", work_type="Move of house")) == {"Order it", "Pack"}
    who_asks = Procedure.objects.get(title="Who asks?")
    dee.does("open_procedure", who_asks.pk, about=f"ticket:{ticket.pk}", next=f"/tickets/{ticket.pk}")
    run = Run.objects.get()
    dee.does("settle_step", run.pk, number="1", outcome="done", note="It was Cleo", next=f"/tickets/{ticket.pk}")
    said = "Who asks?, step 1 of 2: Ring them back. It was Cleo"
    assert ("system", said) in provider.story(ticket)
    assert said in unescape(dee.words("ticket", ticket.id))
    assert f"Dee: {said}" in story_so_far(ticket)


def test_linked_merged_and_split_with_the_way_back(provider, dee):
    one, two = provider.ticket("one"), provider.ticket("two")
    dee.does("link_ticket", one.id, link__number=f"#{two.number}", link__kind="related")
    assert f"#{two.number} two" in dee.words("ticket", one.id)
    dee.does("unlink_ticket", one.id, other=str(two.id), kind="related")
    answer = dee.does("merge_ticket", one.id, merge__number=str(two.number))
    assert answer["Location"] == reverse("console:ticket", args=[two.id])
    page = dee.sees("ticket", two.id)
    assert f"#{one.number} goes on in #{two.number}." in page
    assert reverse("console:unmerge_ticket", args=[one.id]) in page
    assert "It goes on in" in dee.words("ticket", one.id)
    dee.does("unmerge_ticket", one.id)
    assert Ticket.objects.get(id=one.id).merged_into is None
    dee.does("note_ticket", two.id, note__text="Also the phones")
    entry = Entry.objects.get(ticket=two, kind="note")
    dee.does("split_ticket", two.id, split__title="Phones", split__entries=[str(entry.id)])
    new = Ticket.objects.get(title="Phones")
    assert f"#{new.number} was split from #{two.number}." in dee.words("ticket", new.id)
    dee.does("rejoin_ticket", new.id)
    dee.does("merge_ticket", one.id, merge__number="99999", status=404)


def test_a_major_incident_gathers_and_tells(provider, dee):
    one, two = provider.ticket("one"), provider.ticket("two")
    dee.does("propose_major", one.id, propose__why="Several call")
    assert "It may be a major incident" in dee.words("ticket", one.id)
    dee.does("accept_major", one.id)
    dee.does("join_major", two.id, under__parent=str(one.id))
    assert "1 ticket under it" in dee.words("ticket", one.id)
    dee.does("tell_children", one.id, tell__text="{name}, we are on it.")
    assert Entry.objects.get(ticket=two, kind="message_out").text == "Cleo, we are on it."
    dee.does("leave_major", two.id)
    dee.does("reject_major", one.id, reject__why="It was one line")
    assert Ticket.objects.get(id=one.id).major is False


# --- Files -----------------------------------------------------------------------------------------------------------


def test_files_are_saved_and_pictures_shown_and_nothing_is_run(provider, dee):
    ticket = provider.ticket()
    page = SimpleUploadedFile("evil.html", b"<script>alert(1)</script>", content_type="text/html")
    dee.does("note_ticket", ticket.id, note__text="See", note__attached=[page])
    kept = Attachment.objects.get()
    answer = dee.client.get(reverse("console:attachment", args=[kept.id]), {"show": "1"})
    assert answer.content == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="evil.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    Attachment.objects.update(media_type="image/png", name="a.png")
    shown = dee.client.get(reverse("console:attachment", args=[kept.id]), {"show": "1"})
    assert (shown["Content-Type"], shown["Content-Disposition"]) == ("image/png", 'inline; filename="a.png"')
    assert f'src="{reverse("console:attachment", args=[kept.id])}?show=1"' in dee.sees("ticket", ticket.id)
    for scan in ("waiting", "refused"):
        Attachment.objects.update(scan=scan, scanned_as="Eicar")
        assert dee.client.get(reverse("console:attachment", args=[kept.id])).status_code == 409
    stranger = Agent(provider, Provider().dee)
    assert stranger.client.get(reverse("console:attachment", args=[kept.id])).status_code == 404


def test_a_mails_own_html_is_shown_where_it_can_do_nothing(provider, dee):
    picture = desk.File("a.png", "image/png", b"\x89PNG", content_id="pic@x", inline=True)
    words = desk.Words(
        "Hello", html='<p>Hello <img data-part="0" alt=""><img data-part="1" alt=""></p>', files=[picture]
    )
    ticket = provider.ticket(words=words)
    entry = Entry.objects.get(ticket=ticket, kind="message_in")
    answer = dee.client.get(reverse("console:entry_html", args=[entry.id]))
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert reverse("console:attachment", args=[Attachment.objects.get().id]) in answer.content.decode()
    assert answer.content.decode().count("<img") == 1


def test_pictures_of_a_mail_stand_in_its_own_html(provider, dee):
    html = '<p>Hello <img src="a.png" alt="it"><img src="https://spy.example/p.gif" alt="spy"></p>'
    mail = Post(provider).write("cleo@acme.example", html=html, files=(("a.png", "image/png", b"\x89PNG"),))
    entry = Entry.objects.get(mail_id=mail.pk)
    shown = dee.client.get(reverse("console:entry_html", args=[entry.id])).content.decode()
    assert f'src="{reverse("console:attachment", args=[Attachment.objects.get().id])}?show=1"' in shown
    assert "spy.example" not in shown
    Attachment.objects.update(scan="waiting")
    assert "<em>[it]</em>" in dee.client.get(reverse("console:entry_html", args=[entry.id])).content.decode()


# --- A new ticket ----------------------------------------------------------------------------------------------------


def test_somebody_calls_and_is_found_by_what_they_say(provider, dee):
    Contact.objects.filter(id=provider.cleo.pk).update(phone="+442079460100")
    customers.make_subscription(
        customer_id=provider.acme.pk, service_id=provider.service.pk, label="LON-1187", **provider.doing
    )
    other = Provider()
    for text in ("cle", "CLEO@acme", "020 7946 0100", "acm", "lon-11"):
        found = dee.sees("who_calls", q=text)
        assert "Acme" in found, text
        assert found.count("data-item") >= 1
    assert str(other.cleo.pk) not in re.findall(r"contact=(\d+)", dee.sees("who_calls", q="cleo"))
    assert "Nobody is known by that" in dee.sees("who_calls", q="zzz")


def test_whoever_has_left_is_found_no_more_and_a_colleague_goes_on_with_what_they_had(provider, dee):
    ticket = provider.ticket("An old trouble")
    zoe = customers.make_contact(customer_id=provider.acme.pk, name="Zoe", email="zoe@acme.example", **provider.doing)
    page = dee.sees("customer", provider.acme.pk)
    assert f'<option value="{zoe.pk}">Zoe</option>' in page
    dee.does("contact_left", provider.acme.pk, provider.cleo.pk, hand_to=str(zoe.pk))
    assert f"contact={provider.cleo.pk}" not in dee.sees("who_calls", q="cle")
    with pytest.raises(AssertionError):
        dee.sees("new_ticket", contact=provider.cleo.pk)
    for due in Promise.objects.filter(kind="ticket.hand_over", ended_at=None):
        hand_over_tickets(due, provider.at)
    ticket.refresh_from_db()
    assert ticket.contact == zoe


def test_a_ticket_is_taken_down_with_what_may_be_promised(provider, dee):
    told = provider.ticket("An old trouble")
    customers.make_subscription(
        customer_id=provider.acme.pk, service_id=provider.service.pk, label="LON-1187", **provider.doing
    )
    url = {"contact": str(provider.cleo.pk)}
    words = dee.words("new_ticket", **url)
    assert "Cleo calls" in words
    assert f"#{told.number}" in words
    asked = dee.sees("promise", customer=str(provider.acme.pk), impact="high", urgency="high")
    assert "P1" in asked
    assert "An engineer is paged" in asked
    wanted = {
        "title": "Phones are dead",
        "text": "Since nine.",
        "kind": "incident",
        "impact": "high",
        "urgency": "medium",
        "service": str(provider.service.pk),
        "tags": "voice",
    }
    answer = dee.client.post(f"{reverse('console:new_ticket')}?contact={provider.cleo.pk}", wanted)
    made = Ticket.objects.get(title="Phones are dead")
    assert answer["Location"] == reverse("console:ticket", args=[made.id])
    assert (made.priority, made.contact, made.came_by, made.trust, made.tags) == (
        2,
        provider.cleo,
        "web",
        "staff",
        ["voice"],
    )
    assert (made.contacted_at, made.customer_wrote_at) == (made.opened_at, made.opened_at), "they asked"
    wanted |= {"title": "Somebody there"}
    dee.client.post(f"{reverse('console:new_ticket')}?customer={provider.acme.pk}", wanted)
    unnamed = Ticket.objects.get(title="Somebody there")
    assert (unnamed.requester_name, unnamed.contacted_at) == ("Somebody at Acme", unnamed.opened_at)
    wanted |= {"title": "A stranger", "service": "", "caller": "Zoe", "address": "zoe@new.example"}
    dee.client.post(f"{reverse('console:new_ticket')}?brand={provider.brand.pk}", wanted)
    assert Ticket.objects.get(title="A stranger").requester_address == "zoe@new.example"
    assert dee.client.get(reverse("console:new_ticket"), {"contact": str(Provider().cleo.pk)}).status_code == 404


def test_a_ticket_is_about_one_circuit_of_several_and_another_once_that_is_known(provider, dee):
    mine = {"customer_id": provider.acme.pk, "service_id": provider.service.pk, **provider.doing}
    lon, man = (customers.make_subscription(label=label, **mine) for label in ("LON-1187", "MAN-2"))
    page = dee.sees("new_ticket", contact=str(provider.cleo.pk))
    assert f'<option value="{provider.service.pk}:{man.pk}">{provider.service.name}, MAN-2</option>' in page
    wanted = {"title": "It is dark", "text": "-", "kind": "incident", "impact": "high", "urgency": "high", "tags": ""}
    address = f"{reverse('console:new_ticket')}?contact={provider.cleo.pk}"
    dee.client.post(address, wanted | {"service": f"{provider.service.pk}:{lon.pk}"})
    made = Ticket.objects.get(title="It is dark")
    assert (made.service, made.subscription) == (provider.service, lon)
    assert "LON-1187" in dee.words("ticket", made.id)
    changed = {f"edit__{name}": value for name, value in wanted.items() if name != "text"}
    dee.does("edit_ticket", made.id, **changed | {"edit__service": f"{provider.service.pk}:{man.pk}"})
    made.refresh_from_db()
    assert (made.service, made.subscription) == (provider.service, man)
    customers.end_subscription(subscription_id=man.pk, **provider.doing)
    dee.does(
        "edit_ticket", made.id, **changed | {"edit__service": f"{provider.service.pk}:{man.pk}", "edit__tags": "x"}
    )
    made.refresh_from_db()
    assert (made.subscription, made.tags) == (man, ["x"]), "what has ended stays what it is about"
    dee.does("edit_ticket", made.id, **changed | {"edit__service": str(provider.service.pk)})
    made.refresh_from_db()
    assert (made.service, made.subscription) == (provider.service, None)
    other = Provider()
    with pytest.raises(NotFound):
        desk.edit_ticket(
            ticket_id=made.pk,
            fields={"subscription_id": customers.make_subscription(
                customer_id=other.acme.pk, service_id=other.service.pk, label="X", **other.doing).pk},
            **provider.doing_as(provider.dee),
        )  # fmt: skip


# --- Settings --------------------------------------------------------------------------------------------------------


def test_how_the_desk_works_is_set_by_a_manager(provider, dee):
    boss = Agent(provider, provider.max)
    words = boss.words("desk_settings")
    assert "Network" in words
    cells = {
        f"{impact}-{urgency}": "P3" for impact in ("high", "medium", "low") for urgency in ("high", "medium", "low")
    }
    rules = {
        "owner": str(provider.desk.pk),
        "closes_after_days": "3",
        "reopens_within_days": "7",
        "asks_again_after_days": "2",
        "tickets_from_pages": "all",
    }
    boss.does("desk_rules", provider.brand.pk, **rules, **cells)
    assert provider.ticket(impact="high", urgency="high").priority == 3
    told = {
        "address": "Help@quay.example", "emergency_number": "+44 20 7946 0000", "surveys": "on",
        "signature-en-gb": "Your night desk", "signature-de": "Ihre Nachtwache", "signature-fr": "",
        "news-P1": "30", "news-P2": "240", "news-P3": "480", "news-P4": "", "news-P5": "",
        "rests-fix": ["awaiting_caller", "awaiting_supplier"], "rests-update": ["awaiting_caller"],
    }  # fmt: skip
    boss.does("desk_rules", provider.brand.pk, **rules, **cells, **told)
    kept = Rules.objects.get(brand=provider.brand)
    assert (kept.address, kept.emergency_number, kept.surveys) == ("help@quay.example", "+44 20 7946 0000", True)
    assert kept.signatures == {"en-gb": "Your night desk", "de": "Ihre Nachtwache"}
    assert kept.clocks == {
        "update_every": {"P1": "PT30M", "P4": ""},
        "pauses": {"fix": ["awaiting_caller", "awaiting_supplier"]},
    }
    page = boss.sees("desk_rules", provider.brand.pk)
    for shown in ('value="30"', "Ihre Nachtwache", "+44 20 7946 0000"):
        assert shown in page, shown
    assert (
        "is no address"
        in boss.does(
            "desk_rules", provider.brand.pk, status=200, **rules, **cells, **(told | {"address": "x"})
        ).content.decode()
    )
    upside_down = cells | {"high-high": "P5"}
    answer = boss.does("desk_rules", provider.brand.pk, status=200, **rules, **upside_down).content.decode()
    assert "do not fit together" in answer
    boss.does("team_rule", provider.network.pk, level="3", contact_kinds=["resolution"])
    boss.does("new_queue", brand=str(provider.brand.pk), name="Mail", address="mail@quay.example", waits_for_day="on")
    queue = Queue.objects.get(name="Mail")
    boss.does("queue", queue.pk, name="Mails", address="", team="", needs_proof="on")
    queue.refresh_from_db()
    assert (queue.name, queue.needs_proof) == ("Mails", True)
    dee.does(
        "new_macro",
        brand=str(provider.brand.pk),
        name="m",
        needs_proof="on",
        tags="a, b",
        to="take",
        words="note",
        text="Seen",
        status=302,
    )
    made = Macro.objects.get()
    assert [step["verb"] for step in made.steps] == ["edit", "tag", "take", "note"]
    assert made.steps[0]["values"] == {"needs_proof": True}
    assert 'value="a, b"' in dee.sees("macro", made.pk)
    dee.does("new_macro", brand=str(provider.brand.pk), name="n", status=200)
    dee.does("remove_macro", made.pk)
    dee.does("new_queue", status=403)


def test_tonight_has_the_desk_in_one_line_and_what_may_be_done_in_a_quiet_hour(provider, eve):
    ticket = provider.ticket("Set a record")
    desk.edit_ticket(
        ticket_id=ticket.id, fields={"night_ok": True, "night_why": "Ten minutes"}, **provider.doing_as(provider.dee)
    )
    words = eve.words("tonight")
    assert "1 ticket waits on us" in words
    assert "While it is quiet" in words
    assert f"#{ticket.number} Set a record Ten minutes" in words
    found = eve.client.get(reverse("console:find"), {"q": str(ticket.number)}).json()
    assert found[0]["label"] == f"#{ticket.number} Set a record"
    assert "New ticket" in [each["label"] for each in eve.client.get(reverse("console:find"), {"q": "new t"}).json()]


def test_what_a_contact_may_do_is_set_on_their_page_a_viewer_confirmed_and_a_mobile_taken_away(provider, dee):
    cleo = Contact.objects.filter(pk=provider.cleo.pk)
    cleo.update(standing="viewer", mobile="+447700900123", mobile_verified_at=provider.at)
    where = (provider.acme.pk, provider.cleo.pk)
    assert 'name="standing"' in dee.sees("contact", *where)
    given = {"name": "Cleo", "email": "cleo@acme.example", "phone": "020 7946 0100", "role": "Head"}
    dee.does("contact", *where, **given, standing="member", may_authorise="on")
    row = cleo.get()
    assert (row.phone, row.standing, row.may_call, row.may_authorise) == ("+442079460100", "member", False, True)
    assert "may not call at night" in dee.words("customer", provider.acme.pk)
    refused = dee.client.post(
        reverse("console:contact", args=where), given | {"name": "Zoe", "phone": "12", "standing": "viewer"}
    )
    assert "It is too short" in refused.content.decode()
    assert 'value="Zoe"' in refused.content.decode()
    assert (cleo.get().name, cleo.get().standing) == ("Cleo", "member")
    cleo.update(standing="viewer")
    dee.does("confirm_customers_contact", *where)
    dee.does("no_mobile", *where)
    assert (cleo.get().confirmed_at, cleo.get().mobile) == (provider.at, "")


def test_a_customers_page_lists_their_tickets(provider, dee):
    provider.ticket("The line is slow")
    words = dee.words("customer", provider.acme.pk)
    assert "1 open ticket" in words
    assert "The line is slow" in words


def test_every_word_of_a_story_is_searched_and_a_filter_that_says_nothing_is_told(provider, dee):
    ticket = provider.ticket("Slow", "It crawls like a snail in Zürich")
    desk.note_ticket(
        ticket_id=ticket.id, words=desk.Words("The <b>splitter</b> is wet"), **provider.doing_as(provider.dee)
    )
    other = Provider()
    other.ticket("Slow", "A snail of theirs")
    for asked in ("snail zurich", "splitter", str(ticket.number), "is:open snail"):
        shown = dee.client.get(reverse("console:search"), {"q": asked})
        found = shown.content.decode()
        assert (shown.status_code, found.count("data-item")) == (200, 1), asked
        assert reverse("console:ticket", args=[ticket.id]) in found
    assert "<mark>splitter</mark>" in dee.client.get(reverse("console:search"), {"q": "splitter"}).content.decode()
    assert "<b>splitter" not in dee.client.get(reverse("console:search"), {"q": "splitter"}).content.decode()
    refused = dee.client.get(reverse("console:search"), {"q": "colour:red is:nonsense"})
    assert refused.status_code == 422
    assert "says nothing" in refused.content.decode()
    assert dee.client.get(reverse("console:find"), {"q": "is:n"}).status_code == 200
    rows = b"".join(dee.client.get(reverse("console:search_csv"), {"q": "snail"}).streaming_content).decode()
    assert rows.count("\n") == 2


def test_where_older_tickets_were_left_out_the_search_says_so_and_goes_on_from_there(provider, dee, monkeypatch):
    monkeypatch.setattr(finding, "_FEW", 0)
    monkeypatch.setattr(finding, "_EVERYWHERE", 0)
    monkeypatch.setattr(finding, "_PATIENCE_S", -1)
    now = provider.at
    for days, title in ((400, "Fibre cut long ago"), (3, "Cut fibre")):
        provider.at = now - timedelta(days=days)
        provider.ticket(title)
    found = dee.client.get(reverse("console:search"), {"q": '"fibre cut"'}).content.decode()
    assert "Nothing of the newest has these words" in found
    assert "nothing was looked at that is older than" in found
    older = re.search(r'<a class="btn" href="([^"]+)">Look at older ones', found)
    assert older
    assert (
        "Fibre cut</mark> long ago" in dee.client.get(reverse("console:search") + unescape(older[1])).content.decode()
    )
    rows = b"".join(dee.client.get(reverse("console:search_csv"), {"q": '"fibre cut"'}).streaming_content).decode()
    assert "Fibre cut long ago" in rows


def test_it_lies_at_a_supplier_and_its_time_is_noted_on_its_page(provider, dee, eve):
    carrier = supplier_actions.save_supplier(
        brand_id=provider.brand.pk, name="Carrier", care_levels={"4": {"fix": "PT6H"}}, **provider.doing
    )
    ticket = provider.ticket("Cut")
    dee.does("ask_supplier", ticket.id, supplier__supplier=f"{carrier.pk}:4", supplier__ref="CAS-1")
    row = SupplierTicket.objects.get(ticket=ticket)
    words = dee.words("ticket", ticket.id)
    assert "Carrier CAS-1" in words
    assert "care level 4" in words
    kept = f"supplier-{row.pk}"
    url = reverse("console:supplier_word", args=[ticket.id, row.pk])
    dee.client.post(url, {f"{kept}-what": "chased", f"{kept}-text": "Rang them"})
    dee.client.post(url, {f"{kept}-what": "done", f"{kept}-text": "Spliced"})
    row.refresh_from_db()
    assert (row.chased, row.closed_at is not None) == (1, True)
    dee.does("log_time", ticket.id, time__minutes="25", time__on=f"{provider.at:%Y-%m-%d}", time__note="On the phone")
    spent = TimeSpent.objects.get(ticket=ticket)
    assert (spent.person, spent.minutes, spent.billable) == (provider.dee, 25, False)
    assert "25 minutes" in dee.words("ticket", ticket.id)
    back = reverse("console:withdraw_time", args=[ticket.id, spent.pk])
    assert eve.client.post(back).status_code == 404  # it is somebody else's
    dee.client.post(back)
    assert "25 minutes" not in dee.words("ticket", ticket.id)


# --- Afterwards ------------------------------------------------------------------------------------------------------


def test_hours_are_told_by_customer_and_as_a_file_for_invoices(provider, dee):
    ticket, on = provider.ticket(), provider.at.date()
    doing = provider.doing_as(provider.dee)
    time_actions.save_prepaid(customer_id=provider.acme.pk, minutes=60, valid_from=on, **provider.doing)
    time_actions.log_time(ticket_id=ticket.id, minutes=75, on=on, billable=True, **doing)
    time_actions.log_time(ticket_id=ticket.id, minutes=20, on=on, billable=False, **doing)
    time_actions.log_time(ticket_id=ticket.id, minutes=0, on=on, call_out=True, **doing)
    words = dee.words("worked")
    for part in ("1:35 h were worked for customers", "Acme", "1 ticket · 1 call-out", "1:00 h", "0:15 h"):
        assert part in words, part
    text = b"".join(dee.client.get(reverse("console:worked_csv")).streaming_content).decode("utf-8-sig")
    assert text.splitlines() == [
        "customer,reference,tickets,minutes,billable,prepaid,to_bill,call_outs",
        "Acme,ACME,1,95,75,60,15,1",
    ]


def test_a_survey_is_answered_by_one_press_and_then_in_words(provider, dee):
    boss = Agent(provider, provider.max)
    desk.save_desk_rules(brand_id=provider.brand.pk, fields={"surveys": True}, **provider.doing)
    ticket = provider.ticket("Slow line")
    said = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
    desk.resolve_ticket(ticket_id=ticket.id, **said, **provider.doing_as(provider.dee))
    desk.close_ticket(ticket_id=ticket.id, **provider.doing_as(provider.dee))
    survey_actions.ask_survey(ticket_id=ticket.id, **provider.doing)
    mail = vault.open_(bytes(Message.objects.get(kind="ticket.survey").sealed)).decode()
    path = re.search(r"very well: https?://[^/]+(/survey/\S+/5)", mail)[1]
    customer = Client(enforce_csrf_checks=True)
    opened = customer.get(path)
    assert (opened.status_code, Survey.objects.get().score) == (200, None), "mail scanners open links too"
    assert opened["Referrer-Policy"] == "no-referrer"
    assert 'hx-trigger="load"' in opened.content.decode()
    pressed = customer.post(path, {"score": "5"}).content.decode()
    assert "You said: Very well." in pressed
    told = customer.post(path, {"score": "4", "words": "Fast, and <b>kind</b>"}).content.decode()
    assert "Your words are with us too." in told
    assert (Survey.objects.get().score, Survey.objects.get().words) == (4, "Fast, and <b>kind</b>")
    words = boss.words("surveys")
    assert "100 % of those who answered were content" in words
    assert "Fast, and &lt;b&gt;kind&lt;/b&gt;" in words
    assert f"#{ticket.number} Slow line" in words
    assert "Fast, and" in b"".join(boss.client.get(reverse("console:surveys_csv")).streaming_content).decode()
    assert customer.get(path.replace("/survey/", "/survey/x")).status_code in (200, 404)
    assert customer.post(path.replace("/survey/", "/survey/x"), {"score": "5"}).status_code == 404


# --- From another desk -----------------------------------------------------------------------------------------------

OLD = (
    b"Case;Headline;Opened on;Status;Requester\r\n"
    b"4711;Line down;14/07/2025 09:00;closed;cleo@acme.example\r\n"
    b"4712;New mailbox;15/07/2025 10:00;open;x@nobody.example\r\n"
    b"4713;Odd;yesterday;open;\r\n"
)


def test_old_tickets_are_mapped_shown_and_then_taken_over(provider, dee):
    boss = Agent(provider, provider.max)
    dee.does("import_old_tickets", status=403)
    assert "Take them over" in boss.words("desk_settings")
    file = SimpleUploadedFile("old.csv", OLD, content_type="text/csv")
    page = boss.does("import_old_tickets", brand=str(provider.brand.pk), file=file, status=200).content.decode()
    assert "Say what its columns mean" in page
    assert "Nothing says which column is its number" in page
    given = {"brand": str(provider.brand.pk), "content": re.search(r'name="content" value="([^"]+)"', page)[1]}
    given |= {"means__zone": "Europe/Berlin", "means__state": "Status", "means__email": "Requester"}
    given |= {"means__number": "Case", "means__title": "Headline", "means__opened": "Opened on"}
    page = boss.does("import_old_tickets", status=200, **given).content.decode()
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "2 tickets would be taken over, 1 line left out" in words
    assert "4711 Line down Closed · P3 · cleo@acme.example" in words
    assert "line 4 &#x27;yesterday&#x27; is no instant" in words
    assert "New, of customers that are not known here 1" in words
    assert not Ticket.objects.exists()
    boss.does("import_old_tickets", status=200, **{**given, "means__zone": "Mars"})
    boss.does("apply_old_tickets", status=422, **{**given, "means__zone": "Mars"})
    boss.does("apply_old_tickets", status=422, **{**given, "content": "x"})
    boss.does("apply_old_tickets", status=422, **{**given, "means__number": ""})
    boss.does("apply_old_tickets", status=404, **{**given, "brand": str(Provider().brand.pk)})
    assert not Ticket.objects.exists()
    answer = boss.does("apply_old_tickets", **given)
    assert answer["Location"].endswith("?view=all&tag=imported")
    assert "Taken over: 2 new, 0 were here already, 1 lines left out." in boss.sees(
        "tickets", view="all", tag="imported"
    )
    assert OldNumber.objects.get(text="4711").ticket.opened_at.hour == 7
    page = boss.does("import_old_tickets", status=200, **given).content.decode()
    assert "Nothing of it would be taken over" in page
    assert "apply" not in page.split("<main")[1]
