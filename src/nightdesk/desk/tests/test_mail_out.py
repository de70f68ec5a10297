import asyncio
import json
from contextlib import suppress
from datetime import date, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, Refusal
from nightdesk.channels.driver import Outgoing
from nightdesk.channels.drivers import email as email_driver
from nightdesk.channels.mail_form import MailForm, as_json, form_of
from nightdesk.channels.models import Delivery, Message
from nightdesk.channels.sender import said_of
from nightdesk.desk import actions, linking_actions, mail_actions, mail_out, mail_queries
from nightdesk.desk.actions import File, Words
from nightdesk.desk.models import Entry, MessageId, Party
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import MORNING, NIGHT, Provider
from nightdesk.knowledge import wording_actions
from nightdesk.mailroom.letter import read_letter
from nightdesk.mailroom.own_words import own_words
from tests.peers.mail_sink import MailSink

pytestmark = pytest.mark.django_db
CLEO = "Cleo <cleo@acme.example>"


@pytest.fixture
def there():
    return Provider()


@pytest.fixture
def post(there):
    return Post(there)


def on_the_wire(message, *addresses):
    """The message as a mail server gets it, once for each address."""
    with MailSink() as sink:
        settings = {"host": sink.host, "port": sink.port, "security": "none", "from": "Pager <pager@night.example>"}

        async def send():
            line = email_driver.EmailLine(settings)
            for number, address in enumerate(addresses):
                wanted = Outgoing(
                    said_of(message), message.id, date(2026, 3, 1), 1, 1, address, "", message.at, None,
                    bounce_to=f"bounce+{number}@night.example",
                )  # fmt: skip
                await line.send(wanted)
            await line.close()

        asyncio.run(send())
        return sink.mails.wait(len(addresses))


class TestAReply:
    def test_threads_in_every_mail_program(self, there, post):
        first = post.write(CLEO, Message_ID="<First@client.example>", Cc="Kim <kim@acme.example>")
        ticket = post.ticket(first)
        post.answer(ticket, "Since when?")
        there.minutes(5)
        post.write(CLEO, f"Re: {ticket.tag}", "Since nine.", Message_ID="<second@client.example>")
        there.minutes(5)
        post.answer(ticket, "We see it.")
        message = post.sent(ticket)[-1][0]
        mails = on_the_wire(message, "cleo@acme.example", "kim@acme.example")
        assert [mail.recipients for mail in mails] == [("cleo@acme.example",), ("kim@acme.example",)]
        assert len({mail.raw for mail in mails}) == 1
        mail = mails[0].message
        assert mail["In-Reply-To"] == "<second@client.example>"
        chain = mail["References"].split()
        assert chain[0] == "<First@client.example>"
        assert chain[-1] == "<second@client.example>"
        ours = list(MessageId.objects.filter(ticket=ticket, whose="ours").values_list("message_id", flat=True))
        assert len(ours) == 3
        assert chain[1:-1] == [f"<{one}>" for one in ours[:2]]
        assert mail["Message-ID"] == f"<{ours[-1]}>"
        assert mail["Subject"] == f"Re: {ticket.tag} The line is slow"
        assert mail["From"] == f"Quayside <{post.support}>"
        assert (mail["To"], mail["Cc"]) == ("Cleo <cleo@acme.example>", "Kim <kim@acme.example>")
        assert mail["Auto-Submitted"] is None
        assert mail["X-Nightdesk"]

    def test_says_what_happens_next_and_quotes_below_a_line_so_that_an_answer_is_told_apart(self, there, post):
        ticket = post.ticket(post.write(CLEO, text="It crawls since nine.\n\n> older words\n"))
        there.minutes(5)
        step = {"next_step": "The technician comes", "next_step_at": MORNING + timedelta(hours=4)}
        post.answer(ticket, "We look into it.", **step)
        (mail,) = on_the_wire(post.sent(ticket)[0][0], "cleo@acme.example")
        text = mail.message.get_body(("plain",)).get_content()
        html = mail.message.get_body(("html",)).get_content()
        for shown in (text, html):
            assert "What happens next: The technician comes, by Tuesday 3 March, 14:00 (Europe/London)." in shown
            assert "It crawls since nine." in shown
            assert "older words" not in shown
        assert text.index("We look into it.") < text.index("What happens next") < text.index("> It crawls")
        letter = read_letter(mail.raw)
        assert own_words(letter.text).startswith("We look into it.")
        assert "crawls" not in own_words(letter.text)

    def test_carries_files_and_images_in_its_text(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        files = [
            File("Zählung.pdf", "application/pdf", b"%PDF"),
            File("a.png", "image/png", b"\x89PNG", "", inline=True),
        ]
        words = Words("See below", html='<p>See <img data-part="1" alt="a"></p>', files=files)
        actions.reply_to_customer(ticket_id=ticket.pk, words=words, **there.doing_as(there.dee))
        (mail,) = on_the_wire(post.sent(ticket)[0][0], "cleo@acme.example")
        letter = read_letter(mail.raw)
        assert {one.name: one.content for one in letter.attachments} == {"Zählung.pdf": b"%PDF", "a.png": b"\x89PNG"}
        (image,) = [one for one in letter.attachments if one.inline]
        assert f'src="cid:{image.content_id}"' in letter.html

    def test_speaks_the_readers_language_but_for_what_people_wrote(self, there, post):
        there.acme.language = "de"
        there.acme.save(update_fields=["language"])
        ticket = post.ticket(post.write(CLEO))
        ((receipt, _form, _to),) = post.sent(ticket, "ticket.acknowledged")
        assert receipt.body.startswith("Wir haben Ihre Nachricht. Sie hat die Nummer")
        assert (
            "Wie es weitergeht: Jemand sieht es sich an, bis Mittwoch, 4. März, 10:00 (Europe/London)." in receipt.body
        )
        ticket.refresh_from_db()
        assert ticket.next_step == "Somebody looks at it"
        post.answer(ticket, next_step="The technician comes", next_step_at=there.at + timedelta(hours=4))
        ((answer, _form, _to),) = post.sent(ticket)
        assert (
            "We look into it.\n\nWie es weitergeht: The technician comes, bis Dienstag, 3. März, 14:00" in answer.body
        )
        assert "Am Dienstag, 3. März, 10:00 (Europe/London) schrieb Cleo:" in answer.body

    def test_is_in_the_readers_zone_and_below_it_stand_the_brands_own_words(self, there, post):
        there.acme.zone = "America/New_York"
        there.acme.save(update_fields=["zone"])
        signatures = {"en-gb": "Your night desk", "de": "Ihre Nachtwache"}
        actions.save_desk_rules(brand_id=there.brand.pk, fields={"signatures": signatures}, **there.doing)
        ticket = post.ticket(post.write(CLEO))
        post.answer(ticket)
        body = post.sent(ticket)[0][0].body
        assert "(America/New_York)" in body
        assert "Your night desk" in body
        there.acme.language = "de-at"
        there.acme.save(update_fields=["language"])
        post.answer(ticket)
        assert "Ihre Nachtwache" in post.sent(ticket)[1][0].body

    def test_of_a_mail_without_an_address_of_ours_comes_from_the_route(self, there):
        ticket = there.ticket()
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("Yes"), **there.doing_as(there.dee))
        message = Message.objects.get(kind="ticket.reply")
        assert form_of(message.mail).reply_to == ""
        (mail,) = on_the_wire(message, "cleo@acme.example")
        assert mail.message["From"] == "Pager <pager@night.example>"

    def test_of_a_machine_has_no_return_path_and_says_so(self, post):
        post.write(CLEO)
        (mail,) = on_the_wire(post.sent(kind="ticket.acknowledged")[0][0], "cleo@acme.example")
        assert mail.sender in ("", "<>")
        assert mail.message["Auto-Submitted"] == "auto-replied"
        assert mail.message["X-Auto-Response-Suppress"] == "All"

    def test_what_is_not_public_is_never_composed(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        note = actions.note_ticket(ticket_id=ticket.pk, words=Words("secret"), **there.doing_as(there.dee))
        parties = list(Party.objects.filter(ticket=ticket))
        for entry in (note, Entry.objects.get(ticket=ticket, kind="message_in")):
            with pytest.raises(ValueError, match="must not leave"), transaction.atomic():
                actions.send_to_parties(ticket=ticket, entry=entry, send_at=there.at, **there.doing)
            with pytest.raises(ValueError, match="must not leave"):
                mail_out.compose(ticket, entry, parties, actions.Rules(), known=mail_out.Known(), at=there.at)


class TestAnAutomaticReplyInOwnWords:
    BODY = (
        "Hello {{ contact }}, it is {{ ticket }}.\n\n{{ expectation }} ({{ support_hours }})\n\nRing {{ night_number }}."
        "\n\nWhat is wrong now: {{ outages }}"
    )

    def written(self, there, language, body=BODY):
        wanted = {"brand_id": there.brand.pk, "use": "auto_reply", "name": "Come", "language": language, "body": body}
        wording_actions.save_template(**wanted, **there.doing)

    def test_is_the_brands_of_the_readers_language_without_what_there_is_not(self, there, post):
        self.written(there, "en-gb")
        self.written(there, "de", "Guten Tag {{ contact }}.\n\n{{ expectation }}")
        post.write(CLEO)
        body = post.sent(kind="ticket.acknowledged")[0][0].body
        assert body.startswith(f"Hello Cleo, it is {there.brand.slug}#1001.\n\nSomebody is at work")
        assert "Mon-Fri 09:00-17:30" in body
        assert "Ring" not in body
        assert "wrong now" not in body
        there.cleo.language = "de"
        there.cleo.save(update_fields=["language"])
        there.minutes(60)
        post.write(CLEO, "Noch eins")
        assert post.sent(kind="ticket.acknowledged")[1][0].body.startswith("Guten Tag Cleo.")

    def test_tells_a_stranger_nothing_of_a_customers(self, there, post):
        self.written(there, "en-gb", "{{ expectation }}\n\nFor {{ customer }}: {{ support_hours }}")
        post.write("Mal <mal@elsewhere.example>", proven="")
        body = post.sent(kind="ticket.acknowledged")[0][0].body
        assert body.startswith("We know of no contract")
        assert "For " not in body

    def test_of_which_nothing_is_left_is_in_our_words(self, there, post):
        self.written(there, "en-gb", "Ring {{ night_number }}.")
        post.write(CLEO)
        assert post.sent(kind="ticket.acknowledged")[0][0].body.startswith("We have your message.")


class TestHeld:
    @pytest.fixture
    def night(self):
        return Provider(NIGHT)

    def reply(self, there, **more):
        ticket = there.ticket()
        entry = actions.reply_to_customer(ticket_id=ticket.pk, words=Words("Yes"), **there.doing_as(there.dee), **more)
        ticket.refresh_from_db()
        return ticket, entry

    def test_a_reply_out_of_hours_waits_for_the_opening_and_is_seen_to(self, night):
        ticket, entry = self.reply(night)
        (held,) = mail_queries.held_replies(night.brand.pk, night.at)
        assert (held.entry, held.until) == (entry, NIGHT.replace(hour=9))
        assert mail_queries.held_replies(night.brand.pk, night.at, ticket.pk) == [held]
        assert mail_queries.held_replies(night.brand.pk, held.until) == []

    def test_it_can_be_taken_back_before_it_leaves_and_the_customer_never_sees_it(self, night):
        ticket, entry = self.reply(night)
        assert ticket.first_response_at is not None
        for _ in range(2):
            mail_actions.recall_reply(entry_id=entry.pk, **night.doing_as(night.dee))
        entry.refresh_from_db()
        ticket.refresh_from_db()
        assert not entry.public
        assert ticket.first_response_at is None
        assert Delivery.objects.get(recipient_kind="contact").state == "superseded"
        assert mail_queries.held_replies(night.brand.pk, night.at) == []
        with pytest.raises(IllegalTransition):
            mail_actions.send_reply_now(entry_id=entry.pk, why="they ask", **night.doing_as(night.dee))

    def test_what_was_split_off_meanwhile_is_taken_back_there(self, night):
        ticket, entry = self.reply(night)
        new = linking_actions.split_ticket(
            ticket_id=ticket.pk, entry_ids=[entry.pk], title="Else", **night.doing_as(night.dee)
        )
        assert [one.entry for one in mail_queries.held_replies(night.brand.pk, night.at, new.pk)] == [entry]
        assert mail_queries.held_replies(night.brand.pk, night.at, ticket.pk) == []
        mail_actions.recall_reply(entry_id=entry.pk, **night.doing_as(night.dee))
        assert Delivery.objects.get(recipient_kind="contact").state == "superseded"

    def test_it_can_go_out_now_with_the_reason(self, night):
        ticket, entry = self.reply(night)
        with pytest.raises(Invalid):
            mail_actions.send_reply_now(entry_id=entry.pk, why=" ", **night.doing_as(night.dee))
        mail_actions.send_reply_now(entry_id=entry.pk, why="They sit in the dark", **night.doing_as(night.dee))
        ticket.refresh_from_db()
        assert Delivery.objects.get(recipient_kind="contact").due_at == night.at
        assert ticket.first_response_at == night.at
        assert mail_queries.held_replies(night.brand.pk, night.at) == []

    def test_it_does_not_reach_who_is_removed_meanwhile_nor_names_them(self, night):
        post = Post(night)
        ticket = post.ticket(post.write(CLEO, Cc="kim@acme.example"))
        post.answer(ticket)
        gone = {"ticket_id": ticket.pk, "address": "kim@acme.example", "role": "removed"}
        actions.set_party(**gone, **night.doing_as(night.dee))
        ((_message, form, to),) = post.sent(ticket)
        assert to == ["cleo@acme.example"]
        assert (form.to, form.cc) == ((("Cleo", "cleo@acme.example"),), ())

    def test_what_has_left_is_not_taken_back(self, night):
        _ticket, entry = self.reply(night)
        Delivery.objects.filter(recipient_kind="contact").update(state="sending", attempt=1)
        with pytest.raises(IllegalTransition):
            mail_actions.recall_reply(entry_id=entry.pk, **night.doing_as(night.dee))
        entry.refresh_from_db()
        assert entry.public

    def test_a_customer_takes_none_back(self, night):
        _ticket, entry = self.reply(night)
        with pytest.raises(Forbidden):
            mail_actions.recall_reply(entry_id=entry.pk, **night.doing_as(night.cleo))


STEPS = ("note", "reply", "customer writes", "colleague notes by mail", "remove", "copy", "resolve", "reopen", "wait")


@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_note_ever_leaves_and_nobody_who_was_removed_is_written_to(steps):
    """Whole stories: whatever is done in whatever order, only public words go to anybody outside."""
    there = Provider()
    post = Post(there)
    ticket = post.ticket(post.write(CLEO, Cc="Kim <kim@acme.example>"))
    removed_at = None
    doing = {"ticket_id": ticket.pk}
    for number, step in enumerate(steps):
        there.minutes(1)
        by = there.doing_as(there.dee)
        with suppress(Refusal):
            match step:
                case "note":
                    html = f"<p>SECRET{number}</p>"
                    words = Words(f"SECRET{number}", html=html, files=[File(f"SECRET{number}.txt", "text/plain", b"x")])
                    actions.note_ticket(**doing, words=words, **by)
                case "reply":
                    actions.reply_to_customer(**doing, words=Words(f"Open {number}"), **by)
                case "customer writes":
                    post.write(CLEO, f"Re: {ticket.tag}", f"Mine {number}", Cc="Kim <kim@acme.example>")
                case "colleague notes by mail":
                    to = mail_out.reply_address(mail_out.AMONG_US, ticket)
                    post.write(f"Dee <{there.dee.user.email}>", "Re", f"SECRET{number}", to=to)
                case "remove":
                    actions.set_party(**doing, address="kim@acme.example", role="removed", **by)
                    removed_at = there.at
                case "copy":
                    actions.set_party(**doing, address="lea@acme.example", role="cc", **by)
                case "resolve":
                    said = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
                    actions.resolve_ticket(**doing, **said, **by)
                case "reopen":
                    actions.reopen_ticket(**doing, why="again", **by)
                case "wait":
                    actions.reply_to_customer(**doing, words=Words(f"Well? {number}"), then="wait", **by)
    outside = Delivery.objects.filter(brand_id=there.brand.pk, recipient_kind="contact")
    for delivery in outside:
        message = Message.objects.get(pk=delivery.message_id)
        assert "SECRET" not in json.dumps([message.title, message.body, message.mail])
        if removed_at is not None and message.at >= removed_at:
            assert delivery.address != "kim@acme.example"
            assert "kim@acme.example" not in json.dumps(message.mail["to"] + message.mail.get("cc", []))
    public = Entry.objects.filter(ticket=ticket, public=True)
    assert not [one for one in public if "SECRET" in one.text + one.html]


def test_a_form_is_read_back_as_it_was_kept():
    form = MailForm(sender=("A", "a@b.example"), to=(("B", "b@c.example"),), references=("x", "y"), submitted="no")
    assert form_of(json.loads(json.dumps(as_json(form)))) == form
    assert form_of({}) == MailForm()
    assert as_json(MailForm()) == {}
