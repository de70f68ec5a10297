import pytest

from nightdesk.base.models import Promise
from nightdesk.base.refusals import Invalid
from nightdesk.base.tests.other_hands import Hand, another_connection, somebody_waits_for, until
from nightdesk.channels.links import make_key
from nightdesk.channels.mail_form import MailForm
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions
from nightdesk.customers.models import Contact, Contract, Hours
from nightdesk.desk import actions, customer_actions, linking_actions, mail_actions, mail_out, supplier_actions
from nightdesk.desk.models import Acknowledgement, Attachment, Entry, MessageId, OldNumber, Party, Ticket
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import NIGHT, Provider
from nightdesk.mailroom import actions as mailroom
from nightdesk.mailroom import tasks
from nightdesk.mailroom.handing import our_mark
from nightdesk.paging.models import Page

pytestmark = pytest.mark.django_db
CLEO, STRANGER = "Cleo <cleo@acme.example>", "Mal <mal@elsewhere.example>"


@pytest.fixture
def there():
    return Provider()


@pytest.fixture
def post(there):
    return Post(there)


def entries(ticket, kind="message_in"):
    return list(Entry.objects.filter(ticket=ticket, kind=kind).order_by("at", "id"))


class TestANewTicket:
    def test_of_a_known_contact_is_theirs_and_is_acknowledged_once(self, there, post):
        mail = post.write(CLEO, "Re: The line is slow", "It crawls since nine.")
        ticket = post.ticket(mail)
        assert (ticket.contact, ticket.customer, ticket.trust) == (there.cleo, there.acme, "verified")
        assert (ticket.title, ticket.came_by) == ("The line is slow", "email")
        (said,) = entries(ticket)
        assert (said.by_kind, said.text.strip(), said.mail_id) == ("contact", "It crawls since nine.", mail.pk)
        ((message, form, to),) = post.sent(kind="ticket.acknowledged")
        assert to == ["cleo@acme.example"]
        assert (form.submitted, form.no_return) == ("auto-replied", True)
        assert message.title == f"Re: {ticket.tag} The line is slow"
        assert f"{there.brand.slug}#1001" in message.body
        assert form.in_reply_to == mail.message_id

    def test_of_who_may_not_call_at_night_wakes_nobody_and_is_not_answered_with_the_nights_number(self):
        there = Provider(NIGHT, out_of_hours="full", may_wake=["P1", "P2", "P3"])
        fields = {"emergency_number": "+442079460999"}
        actions.save_desk_rules(brand_id=there.brand.pk, fields=fields, **there.doing)
        post = Post(there)
        post.write(CLEO)
        Contact.objects.filter(pk=there.cleo.pk).update(may_call=False)
        there.minutes(5)
        post.write(CLEO, "Again")
        may, may_not = [message.body for message, _form, _to in post.sent(kind="ticket.acknowledged")]
        assert ["0999" in said for said in (may, may_not)] == [True, False]
        assert Page.objects.get().title == "#1001 The line is slow"

    def test_of_a_stranger_is_a_callers(self, post):
        ticket = post.ticket(post.write(STRANGER, proven=""))
        assert (ticket.contact, ticket.customer, ticket.trust) == (None, None, "unverified")
        assert (ticket.requester_address, ticket.requester_name) == ("mal@elsewhere.example", "Mal")
        assert entries(ticket)[0].by_kind == "caller"

    def test_whose_sender_is_forged_is_nobodys_and_not_answered(self, post):
        ticket = post.ticket(post.write(CLEO, proven="fail"))
        assert (ticket.contact, ticket.customer, ticket.trust) == (None, None, "unverified")
        assert entries(ticket)[0].facts["sender"] == "failed"
        assert not post.sent(kind="ticket.acknowledged")
        assert not Acknowledgement.objects.get(ticket=ticket).answered

    def test_lies_in_the_queue_of_the_address(self, there, post):
        sales = f"sales@{post.domain}"
        mailroom.add_address(address=sales, brand_id=there.brand.pk, **there.doing)
        queue = actions.save_queue(
            brand_id=there.brand.pk, name="Sales", address=sales, work_type="order", **there.doing
        )
        ticket = post.ticket(post.write(CLEO, to=sales))
        assert (ticket.queue, ticket.work_type) == (queue, "order")
        ((_, form, _),) = post.sent(kind="ticket.acknowledged")
        assert form.sender == ("Quayside", sales)

    def test_has_all_who_got_the_mail_as_parties_but_our_own_addresses(self, post):
        ticket = post.ticket(post.write(CLEO, Cc=f"Kim <kim@acme.example>, {post.support}"))
        assert set(Party.objects.filter(ticket=ticket).values_list("address", "role")) == {
            ("cleo@acme.example", "requester"),
            ("kim@acme.example", "cc"),
        }

    def test_keeps_files_and_safe_html(self, post):
        mail = post.write(
            CLEO,
            html="<p onclick=x>It <b>crawls</b><script>alert(1)</script></p>",
            files=(("log.txt", "text/plain", b"down"), ("a.png", "image/png", b"\x89PNG")),
        )
        (said,) = entries(post.ticket(mail))
        assert "<b>crawls</b>" in said.html
        assert "script" not in said.html
        assert "onclick" not in said.html
        assert [one.name for one in Attachment.objects.filter(entry=said)] == ["log.txt", "a.png"]

    def test_of_a_peer_is_taken_at_once(self):
        there = Provider(NIGHT)
        post = Post(there)
        customers.make_peer(
            brand_id=there.brand.pk,
            name="LINX",
            as_number=5459,
            noc_email="noc@linx.example",
            **there.doing,
        )
        ticket = post.ticket(post.write("LINX NOC <noc@linx.example>", "Flapping session"))
        assert ticket.tags == ["peer"]
        assert ticket.requester_name == "LINX"
        assert "Flapping session" in Page.objects.get().title
        forged = post.ticket(post.write("LINX NOC <noc@linx.example>", "Again", proven=""))
        assert forged.trust == "unverified"
        assert Page.objects.count() == 1

    def test_of_a_machine_is_neither_answered_nor_wakes(self, post):
        ticket = post.ticket(
            post.write("Backup <backup@acme.example>", "Backup failed", Auto_Submitted="auto-generated")
        )
        assert ticket.trust == "machine"
        assert not post.sent(kind="ticket.acknowledged")
        assert "Auto-Submitted" in Acknowledgement.objects.get(ticket=ticket).why

    @pytest.mark.parametrize(
        "headers",
        [{"Auto_Submitted": "auto-replied"}, {"X_Autoreply": "yes"}, {"returns": ""}],
    )
    def test_is_never_made_of_a_machines_answer(self, post, headers):
        mail = post.write("Bot <bot@elsewhere.example>", "We have your mail", **headers)
        assert mail.standing == "kept"
        assert not Ticket.objects.exists()

    def test_is_made_by_hand_of_what_a_person_wrote_though_it_looks_like_a_machines(self, there, post):
        mail = post.write(CLEO, "Automatic reply: cannot be switched off", In_Reply_To="<x@acme.example>")
        assert mail.standing == "kept"
        there.minutes(1)
        mailroom.retry_mail(mail_id=mail.pk, as_persons=True, **there.doing_as(there.max))
        tasks.read_mail(Promise.objects.filter(kind=mailroom.READ).latest("due_at"), there.at)
        mail.refresh_from_db()
        ticket = post.ticket(mail)
        assert (ticket.contact, ticket.trust) == (there.cleo, "verified")
        assert not post.sent(kind="ticket.acknowledged")

    def test_of_who_asked_not_to_be_answered_is_not(self, post):
        for headers in (
            {"X_Auto_Response_Suppress": "DR, AutoReply"},
            {"List_Id": "<a.example>"},
            {"X_Nightdesk": "abc"},
        ):
            post.ticket(post.write(CLEO, str(headers), **headers))
        assert not post.sent(kind="ticket.acknowledged")

    @pytest.mark.parametrize(
        "title",
        ["Vacation cover: ring Tom", "Out of office message cannot be switched off", "Undeliverable: my invoice"],
    )
    def test_of_a_person_is_opened_whatever_its_subject_looks_like(self, post, title):
        ticket = post.ticket(post.write(CLEO, title, "<bo@example.com>: 550 5.1.1 User unknown"))
        assert (ticket.title, ticket.trust) == (title, "verified")
        assert not post.sent(kind="ticket.acknowledged")

    def test_two_mailboxes_of_the_same_mail_are_one_ticket(self, there, post):
        noc = f"noc@{post.domain}"
        mailroom.add_address(address=noc, brand_id=there.brand.pk, **there.doing)
        actions.save_queue(brand_id=there.brand.pk, name="NOC", address=noc, **there.doing)
        first = post.write(CLEO, To=f"{post.support}, {noc}", Message_ID="<one@client.example>")
        second = post.write(CLEO, to=noc, To=f"{post.support}, {noc}", Message_ID="<one@client.example>")
        ticket = post.ticket(first)
        assert post.ticket(second) == ticket
        assert Ticket.objects.get().tags == ["noc"]
        assert len(entries(ticket)) == 1
        assert len(post.sent(kind="ticket.acknowledged")) == 1

    @pytest.mark.parametrize("way", ["smtp", "imap"])
    def test_to_addresses_of_two_brands_is_a_ticket_of_each(self, there, post, way):
        other = Provider()
        theirs = Post(other, "dock.example")
        to = f"{post.support}, {theirs.support}"
        raw = f"From: {CLEO}\r\nTo: {to}\r\nSubject: Both\r\nMessage-ID: <b@x.example>\r\n\r\nHello\r\n".encode()
        if way == "smtp":
            post.bring(raw, "cleo@acme.example", post.support, theirs.support)
        for number, one in enumerate((post, theirs) if way == "imap" else ()):
            named = {"name": one.domain, "host": "h", "user": one.support, "brand_id": one.there.brand.pk}
            row = mailroom.save_mailbox(**named, **there.doing)
            kept = mailroom.receive_mail(
                way="imap", raw=raw, mailbox=row, uid_validity=1, uid=number + 1, **there.doing
            )
            mailroom.read_mail(mail_id=kept.pk, **there.doing)
            kept.refresh_from_db()
            assert kept.standing == "done", kept.outcome
        tickets = Ticket.objects.order_by("brand_id")
        assert [one.brand for one in tickets] == [there.brand, other.brand]
        assert [one.title for one in tickets] == ["Both", "Both"]
        assert tickets[0].customer == there.acme

    def test_of_many_mails_that_a_program_gives_one_id_no_words_are_lost(self, there, post):
        for title, text in (("Scan 1", "Page one"), ("Scan 2", "Page two"), ("Scan 2", "Page two")):
            mail = post.write(CLEO, title, text, Message_ID="<scan@printer.example>")
            there.minutes(1)
        assert mail.standing == "copy"
        noc = f"noc@{post.domain}"
        mailroom.add_address(address=noc, brand_id=there.brand.pk, **there.doing)
        again = post.write(CLEO, "Scan 2", "Page  two", to=noc, Message_ID="<scan@printer.example>")
        assert "by another address of ours" in again.outcome
        said = Entry.objects.filter(kind="message_in").order_by("at", "id")
        assert [one.text.strip() for one in said] == ["Page one", "Page two"]


class TestAnAnswer:
    def test_joins_by_the_address_of_its_ticket(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket)
        assert form.reply_to.startswith(f"{post.support.partition('@')[0]}+ticket+")
        there.minutes(5)
        mail = post.write(CLEO, "no subject of ours", "Still slow.", to=form.reply_to)
        assert post.ticket(mail) == ticket
        assert [one.text.strip() for one in entries(ticket)] == ["It crawls since nine.", "Still slow."]
        assert any("Cleo wrote" in title for title in post.told())

    def test_joins_by_any_id_of_ours_that_it_names(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket)
        there.minutes(5)
        mail = post.write(
            CLEO,
            "Re: something else",
            References=f"<{form.message_id}> <unknown@x.example>",
            In_Reply_To="<unknown@x.example>",
        )
        assert post.ticket(mail) == ticket

    def test_of_a_colleague_to_a_mail_that_we_never_saw_meets_its_brother(self, post):
        first = post.ticket(post.write(CLEO, References="<between-them@acme.example>"))
        again = post.write(CLEO, "Re: it", References="<between-them@acme.example>")
        assert post.ticket(again) == first
        assert MessageId.objects.get(message_id="between-them@acme.example").whose == "named"
        last = post.write(CLEO, "Re: it", Message_ID="<between-them@acme.example>")
        assert post.ticket(last) == first
        assert MessageId.objects.get(message_id="between-them@acme.example").whose == "theirs"

    def test_ids_keep_their_case(self, post):
        first = post.ticket(post.write(CLEO, Message_ID="<AbC@client.example>"))
        other = post.write(CLEO, "Another", In_Reply_To="<abc@client.example>")
        assert post.ticket(other) != first

    @pytest.mark.parametrize("sender", [CLEO, "Kim <kim@acme.example>"])
    def test_with_the_number_joins_where_the_sender_has_to_do_with_it(self, there, post, sender):
        ticket = post.ticket(post.write(CLEO, Cc="kim@acme.example"))
        there.minutes(5)
        assert post.ticket(post.write(sender, f"Re: {ticket.tag} slow")) == ticket

    @pytest.mark.parametrize(("sender", "proven"), [(STRANGER, "dmarc"), (CLEO, "fail")])
    def test_quoting_a_number_does_not_let_a_stranger_in(self, there, post, sender, proven):
        ticket = post.ticket(post.write(CLEO))
        there.minutes(5)
        other = post.ticket(post.write(sender, f"Re: {ticket.tag} slow", proven=proven))
        assert other != ticket
        assert entries(other)[0].facts["looks_like"] == ticket.number
        assert len(entries(ticket)) == 1
        assert other.title == "slow"

    def test_with_the_number_that_it_had_elsewhere_joins(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        OldNumber.objects.create(brand=there.brand, text="2019-17", ticket=ticket)
        there.minutes(5)
        assert post.ticket(post.write(CLEO, "Re: [Ticket#2019-17] slow")) == ticket

    def test_to_a_merged_ticket_lands_in_the_survivor_by_whichever_way_and_back_once_they_are_apart(self, there, post):
        survivor, merged = post.ticket(post.write(CLEO)), post.ticket(post.write(CLEO, "Slow too"))
        form = post.answer(merged)
        linking_actions.merge_ticket(ticket_id=merged.pk, into_id=survivor.pk, **there.doing_as(there.dee))
        ways = ({"to": form.reply_to}, {"In_Reply_To": f"<{form.message_id}>"}, {"title": f"Re: {merged.tag} Slow too"})
        for way in ways:
            there.minutes(5)
            assert post.ticket(post.write(CLEO, **way)) == survivor, way
        linking_actions.unmerge_ticket(ticket_id=merged.pk, **there.doing_as(there.dee))
        there.minutes(5)
        assert post.ticket(post.write(CLEO, to=form.reply_to)) == merged
        assert Ticket.objects.count() == 2

    def test_of_a_stranger_by_the_address_is_kept_and_says_so_but_brings_nobody_along(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket)
        there.minutes(5)
        mail = post.write(STRANGER, "Fwd", "Me too", to=form.reply_to, Cc="more@elsewhere.example")
        assert post.ticket(mail) == ticket
        assert entries(ticket)[-1].facts["stranger"] == "mal@elsewhere.example"
        assert [one.address for one in Party.objects.filter(ticket=ticket)] == ["cleo@acme.example"]

    def test_of_a_machine_moves_nothing_and_tells_nobody(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket, then="wait")
        told = len(post.told())
        there.minutes(5)
        post.write(CLEO, "Automatic reply: slow", "I am away.", to=form.reply_to)
        ticket.refresh_from_db()
        assert (ticket.state, ticket.pending_reason) == ("pending", "awaiting_caller")
        assert entries(ticket)[-1].automatic
        assert len(post.told()) == told

    def test_of_one_who_was_removed_does_not_put_them_back(self, there, post):
        ticket = post.ticket(post.write(CLEO, Cc="kim@acme.example"))
        actions.set_party(ticket_id=ticket.pk, address="kim@acme.example", role="removed", **there.doing_as(there.dee))
        form = post.answer(ticket)
        there.minutes(5)
        post.write(CLEO, "Re", to=form.reply_to, Cc="Kim <kim@acme.example>")
        assert Party.objects.get(address="kim@acme.example").role == "removed"
        post.answer(ticket, "And now?")
        assert all(to == ["cleo@acme.example"] for _m, _f, to in post.sent(ticket))

    def test_to_what_was_closed_long_ago_is_a_new_ticket_that_follows_and_is_acknowledged(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        said = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
        actions.resolve_ticket(ticket_id=ticket.pk, **said, **there.doing_as(there.dee))
        actions.close_ticket(ticket_id=ticket.pk, **there.doing_as(there.dee))
        there.minutes(60 * 24 * 30)
        again = post.ticket(post.write(CLEO, f"Re: {ticket.tag} slow"))
        assert again.links.get().other == ticket
        assert (again.contact, again.trust) == (there.cleo, "verified")
        there.minutes(5)
        assert post.ticket(post.write(CLEO, f"Re: {ticket.tag} slow", "Once more")) == again
        assert len(post.sent(kind="ticket.acknowledged")) == 2

    def closed_long_ago(self, there, post):
        """A ticket of Acme at night, round the clock, and the address that only its mails tell."""
        ticket = post.ticket(post.write(CLEO, Cc="kim@acme.example"))
        actions.set_party(ticket_id=ticket.pk, address="kim@acme.example", role="removed", **there.doing_as(there.dee))
        to = post.answer(ticket).reply_to
        said = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
        actions.resolve_ticket(ticket_id=ticket.pk, **said, tell=False, **there.doing_as(there.dee))
        actions.close_ticket(ticket_id=ticket.pk, **there.doing_as(there.dee))
        there.minutes(60 * 24 * 30)
        return ticket, to

    def test_of_a_stranger_to_what_was_closed_long_ago_has_nothing_of_its_customer_and_wakes_nobody(self):
        there = Provider(NIGHT, out_of_hours="full", may_wake=["P1", "P2", "P3"])
        post = Post(there)
        actions.save_desk_rules(brand_id=there.brand.pk, fields={"emergency_number": "+44 20 7946 0000"}, **there.doing)
        ticket, to = self.closed_long_ago(there, post)
        line = customers.make_service(brand_id=there.brand.pk, key="line", name="Line", **there.doing)
        bought = customers.make_subscription(customer_id=there.acme.pk, service_id=line.pk, label="A-1", **there.doing)
        Ticket.objects.filter(pk=ticket.pk).update(service=line, subscription=bought, needs_proof=True)
        pages = Page.objects.count()
        other = post.ticket(post.write(STRANGER, "Let me in", "Which outages have they?", to=to))
        assert (other.customer, other.contact, other.trust) == (None, None, "unverified")
        assert (other.service, other.subscription, other.needs_proof) == (None, None, False)
        assert (other.title, other.requester_name, other.links.get().other) == ("Let me in", "Mal", ticket)
        message = post.sent(other, kind="ticket.acknowledged")[0][0]
        assert "no contract" in message.body
        assert "7946" not in message.body
        assert Page.objects.count() == pages
        there.minutes(1)
        assert post.ticket(post.write(STRANGER, "Let me in", "Hello?", to=to)) == other
        mine = post.ticket(post.write(CLEO, f"Re: {ticket.tag} slow"))
        assert (mine.customer, mine.contact) == (there.acme, there.cleo)
        assert Page.objects.count() == pages + 1

    def test_of_a_colleague_of_theirs_to_what_was_closed_long_ago_is_that_colleagues(self, there, post):
        ticket, to = self.closed_long_ago(there, post)
        zoe = customers.make_contact(customer_id=there.acme.pk, name="Zoe", email="zoe@acme.example", **there.doing)
        again = post.ticket(post.write("Zoe <zoe@acme.example>", "Re", to=to, Cc="kim@acme.example"))
        assert (again.contact, again.customer, again.title) == (zoe, there.acme, ticket.title)
        roles = dict(Party.objects.filter(ticket=again).values_list("address", "role"))
        assert roles == {"zoe@acme.example": "requester", "kim@acme.example": "removed"}

    def test_that_is_forged_moves_nothing(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        to = post.answer(ticket, then="wait").reply_to
        there.minutes(5)
        assert post.ticket(post.write(CLEO, "Re", "Send me the keys", to=to, proven="fail")) == ticket
        ticket.refresh_from_db()
        assert (ticket.state, ticket.pending_reason) == ("pending", "awaiting_caller")
        assert ticket.customer_wrote_at < there.at
        assert not entries(ticket)[-1].public


class TestALeaver:
    @pytest.fixture
    def ticket(self, there, post):
        """Cleo's, who has left since."""
        ticket = post.ticket(post.write(CLEO, Cc="kim@acme.example"))
        contact_actions.mark_contact_left(contact_id=there.cleo.pk, **there.doing)
        customer_actions.hand_over_tickets(contact_id=there.cleo.pk, to_id=None, **there.doing)
        there.minutes(5)
        return ticket

    def test_is_a_stranger(self, there, post, ticket):
        mail = post.write(CLEO, f"Re: {ticket.tag} slow", "It is me")
        other = post.ticket(mail)
        assert other != ticket
        assert (other.contact, other.customer) == (None, None)

    def test_is_written_to_no_more_and_the_rest_are(self, there, post, ticket):
        post.answer(ticket)
        ((_message, form, to),) = post.sent(ticket)
        assert to == ["kim@acme.example"]
        assert "cleo@acme.example" not in str(form)

    def test_gives_way_to_whoever_has_their_address_now(self, there, post, ticket):
        new = customers.make_contact(
            customer_id=there.acme.pk, name="Cleo II", email="cleo@acme.example", **there.doing
        )
        assert post.ticket(post.write(CLEO, "Something new")).contact == new

    def test_is_not_called_back(self, there, ticket):
        with pytest.raises(Invalid):
            actions.prove_identity(ticket_id=ticket.pk, how="call_back", **there.doing_as(there.dee))


class TestColleagues:
    def sender(self, who):
        return f"{who.name} <{who.user.email}>"

    def test_an_answer_to_what_the_customer_wrote_goes_to_the_customer(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        to = self.to_customer(there, post, ticket)
        mail = post.write(self.sender(there.dee), "Re: #1001", "We look into it.", to=to)
        ((message, form, reached),) = post.sent(ticket)
        assert reached == ["cleo@acme.example"]
        assert form.submitted == "no"
        assert "We look into it." in message.body
        assert mail.standing == "done"

    def to_customer(self, there, post, ticket):
        return mail_out.reply_address(mail_out.CONVERSATION, ticket)

    def test_an_answer_by_night_that_is_held_says_so_and_goes_out_at_once_for_a_reason(self):
        there = Provider(NIGHT)
        post = Post(there)
        ticket = post.ticket(post.write(CLEO))
        to = self.to_customer(there, post, ticket)
        post.write(self.sender(there.dee), "Re: #1001", "We look into it.", to=to)
        held = entries(ticket, "message_out")[-1]
        assert "held_until" in held.facts
        told = Message.objects.filter(kind="ticket.told").latest("id")
        assert "held until 03 Mar 09:00 UTC" in told.title
        assert "now: why" in told.body
        there.minutes(1)
        post.write(self.sender(there.dee), "Re: #1001", "Now: they sit in the dark\n\nIt is mended.", to=to)
        sent = entries(ticket, "message_out")[-1]
        assert (sent.text, sent.facts["why_now"]) == ("It is mended.", "they sit in the dark")
        assert "held_until" not in sent.facts

    def test_whoever_bought_nothing_waits_for_our_public_hours(self):
        there = Provider(NIGHT)
        Contract.objects.all().delete()
        post = Post(there)
        ticket = post.ticket(post.write(CLEO))
        to = self.to_customer(there, post, ticket)
        post.write(self.sender(there.dee), "Re: #1001", "We look into it.", to=to)
        assert "held_until" not in entries(ticket, "message_out")[-1].facts  # nobody has said when we are there
        Hours.objects.update(public=True)
        there.minutes(1)
        post.write(self.sender(there.dee), "Re: #1001", "Still looking.", to=to)
        assert entries(ticket, "message_out")[-1].facts["held_until"] == "2026-03-03T09:00:00+00:00"

    def test_without_proof_it_is_a_note_with_the_reason(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        to = self.to_customer(there, post, ticket)
        for proven in ("", "fail"):
            post.write(self.sender(there.dee), "Re: #1001", f"Password is 123 {proven}", to=to, proven=proven)
        assert not post.sent(ticket)
        first = entries(ticket, "note")[0]
        assert "DMARC" in first.facts["kept_because"]
        assert first.by_kind == "scheduler"

    def test_beginning_with_note_it_is_one(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        post.write(self.sender(there.dee), "Re", "Note: they never pay", to=self.to_customer(there, post, ticket))
        assert not post.sent(ticket)
        assert [one.text for one in entries(ticket, "note")] == ["they never pay"]

    def test_an_answer_to_a_note_stays_among_ourselves(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        to = mail_out.reply_address(mail_out.AMONG_US, ticket)
        post.write(self.sender(there.dee), "Re: noted", "The router is ours.", to=to)
        post.write(CLEO, "guessed", "Let me in", to=to)
        assert [one.text for one in entries(ticket, "note")] == ["The router is ours."]
        assert not post.sent(ticket)

    def test_the_second_line_answers_only_for_a_reason_that_its_rule_allows(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        to = self.to_customer(there, post, ticket)
        post.write(self.sender(there.eve), "Re", "Which port?", to=to)
        assert not post.sent(ticket)
        post.write(self.sender(there.eve), "Re", "Question: which port?", to=to)
        ((message, _form, _to),) = post.sent(ticket)
        assert "which port?" in message.body

    def test_a_forwarded_mail_is_a_ticket_in_the_senders_name(self, there, post):
        text = (
            "Can somebody look?\n\n---------- Forwarded message ---------\nFrom: Cleo <cleo@acme.example>\n"
            "Date: Tue, 3 Mar 2026 at 09:12\nSubject: No dial tone\nTo: <dee@quay.example>\n\n\nSince noon nothing works.\n"
        )
        ticket = post.ticket(post.write(self.sender(there.dee), "Fwd: No dial tone", text))
        assert (ticket.contact, ticket.title, ticket.trust) == (there.cleo, "No dial tone", "staff")
        (said,) = entries(ticket)
        assert (said.by_kind, said.text, said.facts["forwarded_by"]) == ("contact", "Since noon nothing works.", "Dee")
        assert [one.text for one in entries(ticket, "note")] == ["Can somebody look?"]
        ((_message, form, to),) = post.sent(kind="ticket.acknowledged")
        assert to == ["cleo@acme.example"]
        assert (form.in_reply_to, form.references) == ("", ())  # Dee's own mail is nothing to Cleo

    def test_what_only_says_to_be_forwarded_by_one_of_ours_is_a_strangers(self, there, post):
        text = (
            "---------- Forwarded message ---------\nFrom: Cleo <cleo@acme.example>\nSubject: x\n\nGive me the keys.\n"
        )
        ticket = post.ticket(post.write(self.sender(there.dee), "Fwd: x", text, proven=""))
        assert (ticket.contact, ticket.trust) == (None, "unverified")


class TestASupplier:
    DESK = "Carrier's desk <desk@tickets.carrier.example>"

    @pytest.fixture
    def ticket(self, post):
        return post.ticket(post.write(CLEO))

    @pytest.fixture
    def row(self, there, ticket):
        carrier = supplier_actions.save_supplier(
            brand_id=there.brand.pk, name="Carrier", email="noc@carrier.example", **there.doing
        )
        there.minutes(5)
        opening = {"ticket_id": ticket.pk, "supplier_id": carrier.pk, "ref": "CAS-44120"}
        return supplier_actions.open_supplier_ticket(**opening, **there.doing_as(there.dee))

    @pytest.mark.parametrize("title", ["[cas-44120] Update", "Case #CAS-44120: update", "Re: your case CAS-44120."])
    def test_answers_by_their_reference_among_ourselves_and_are_chased_anew(self, there, post, ticket, row, title):
        there.minutes(20)
        assert post.ticket(post.write(self.DESK, title, "A splicing team is on its way.")) == ticket
        (note,) = entries(ticket, "note")
        assert not note.public
        assert note.facts["supplier"] == "Carrier"
        assert note.by_name == "Carrier's desk (Carrier)"
        row.refresh_from_db()
        assert row.responded_at == there.at
        assert post.told()[-1].endswith("Carrier answered")
        assert len(entries(ticket)) == 1  # the customer has heard nothing of it
        assert not post.sent(ticket)

    def test_answers_by_our_number_or_to_the_address_of_the_ticket_without_words_to_the_customer(
        self, there, post, ticket, row
    ):
        form = post.answer(ticket)
        for way in (
            {"title": f"Re: {ticket.tag} slow"},
            {"to": form.reply_to},
            {"In_Reply_To": f"<{form.message_id}>"},
        ):
            there.minutes(15)
            assert post.ticket(post.write(self.DESK, **way)) == ticket, way
        assert len(entries(ticket, "note")) == 3
        assert len(entries(ticket)) == 1

    def test_has_a_machine_that_is_told_of_and_chased_all_the_same(self, there, post, ticket, row):
        there.minutes(20)
        mail = post.write(self.DESK, "CAS-44120 changed", "Priority: 2", Auto_Submitted="auto-generated")
        assert post.ticket(mail) == ticket
        row.refresh_from_db()
        assert row.responded_at is None
        assert [one.text.strip() for one in entries(ticket, "note")] == ["Priority: 2"]
        assert "wrote" in post.told()[-1]

    def test_is_heard_on_the_survivor_and_after_they_were_done(self, there, post, ticket, row):
        survivor = post.ticket(post.write(CLEO, "Slow too"))
        linking_actions.merge_ticket(ticket_id=ticket.pk, into_id=survivor.pk, **there.doing_as(there.dee))
        there.minutes(15)
        post.write(self.DESK, "CAS-44120: on it")
        row.refresh_from_db()
        assert row.responded_at == there.at
        supplier_actions.close_supplier_ticket(supplier_ticket_id=row.pk, **there.doing_as(there.dee))
        there.minutes(15)
        assert post.ticket(post.write(self.DESK, "CAS-44120: closed")) == survivor
        assert len(entries(survivor, "note")) == 2

    @pytest.mark.parametrize(
        ("sender", "proven", "quotes"),
        [
            ("noc@carrier.example", "fail", False),  # the domain's owner says that it is none of theirs
            ("noc@carrier.example", "", True),  # nobody knows
            ("mal@elsewhere.example", "dmarc", False),
            ("mal@notcarrier.example", "dmarc", False),
        ],
    )
    def test_is_nobody_who_only_quotes_their_reference(self, there, post, ticket, row, sender, proven, quotes):
        there.minutes(20)
        mail = post.write(sender, "CAS-44120 is solved", proven=proven)
        assert post.ticket(mail) != ticket
        assert (entries(post.ticket(mail))[0].facts.get("looks_like") == ticket.number) == quotes
        assert not entries(ticket, "note")

    def test_is_a_customer_too_where_they_write_as_one(self, there, post, ticket, row):
        there.minutes(20)
        customers.make_contact(customer_id=there.acme.pk, name="Nan", email="nan@carrier.example", **there.doing)
        assert post.ticket(post.write("nan@carrier.example", "CAS-44120")) != ticket

    def test_that_floods_is_kept_and_told_of_until_the_brake(self, there, post, ticket, row):
        before = len(post.told())
        for number in range(20):
            post.write(self.DESK, f"CAS-44120 {number}", f"Noted {number}.")
        assert len(entries(ticket, "note")) == 20
        told = post.told()[before:]
        assert sum("answered" in title for title in told) == 9
        assert sum("brake" in title for title in told) == 1


class TestABureau:
    def test_lines_of_keywords_are_a_callers_ticket(self, there, post):
        customers.edit_contact(contact_id=there.cleo.pk, changes={"phone": "+442079460018"}, **there.doing)
        text = "In: 22:14\nNm: Cleo Smith\nTelephone Number: 020 7946 0018\nCompany: Acme\nMessage: No dial tone\nall day\n"
        ticket = post.ticket(post.write("Messages <take@bureau.example>", "Message for Quayside", text))
        assert (ticket.contact, ticket.requester_name) == (there.cleo, "Cleo Smith")
        assert ticket.title == "Cleo Smith - No dial tone"
        caller = entries(ticket)[0].facts["caller"]
        assert (caller["number"], caller["company"], caller["taken"]) == ("+442079460018", "Acme", "22:14")
        assert not post.sent(kind="ticket.acknowledged")


class TestBrakes:
    def test_a_helpdesk_that_hides_that_it_is_one_is_answered_three_times_and_then_kept(self, there, post):
        for number in range(15):
            post.write("Help <help@other.example>", f"We have your mail {number}", "Thank you for your mail.")
            there.minutes(0.2)
        assert len(post.sent(kind="ticket.acknowledged")) == 3
        assert Ticket.objects.count() == 10
        assert Entry.objects.filter(kind="message_in").count() == 15
        assert Acknowledgement.objects.filter(brake="hour").count() == 7
        assert sum("brake" in title for title in post.told()) == 2

    def test_a_ticket_that_is_flooded_keeps_all_and_tells_of_ten(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket)
        before = len(post.told())
        for number in range(20):
            post.write(CLEO, f"Re: {number}", f"again {number}", to=form.reply_to)
        assert len(entries(ticket)) == 21
        told = post.told()[before:]
        assert sum("Cleo wrote" in title for title in told) == 9
        assert sum("brake" in title for title in told) == 1

    @pytest.mark.parametrize("how", ["merged", "closed"])
    def test_a_flood_to_a_ticket_that_goes_on_elsewhere_is_braked_too(self, there, post, how):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket)
        if how == "merged":
            into = post.ticket(post.write(CLEO, "Another"))
            linking_actions.merge_ticket(ticket_id=ticket.pk, into_id=into.pk, **there.doing_as(there.dee))
        else:
            Ticket.objects.filter(pk=ticket.pk).update(
                **dict.fromkeys(("what_was_wrong", "what_was_done", "what_to_do"), "x"),
                state="closed", next_step="", next_step_at=None, closed_at=there.at,
            )  # fmt: skip
        there.minutes(60 * 24 * 30)
        count, before = Ticket.objects.count(), len(post.told())
        for number in range(20):
            post.write(CLEO, f"Re: {number}", f"again {number}", to=form.reply_to)
        assert Ticket.objects.count() == count + (how == "closed")
        told = post.told()[before:]
        assert sum("Cleo wrote" in title for title in told) <= 10
        assert sum("brake" in title for title in told) == 1


class TestReports:
    def bounce(self, post, form, to, address="cleo@acme.example", action="failed", status="5.1.1"):
        raw = (
            f"From: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
            "Message-ID: <dsn@mx.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\n\r\nIt failed.\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; {address}\r\nAction: {action}\r\n"
            f"Status: {status}\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n"
            f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{form.message_id}>\r\n\r\n--b--\r\n"
        ).encode()
        return post.bring(raw, "", to)

    def test_of_a_reply_stands_on_its_ticket_and_whoever_works_on_it_is_told(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket, then="wait")
        there.minutes(5)
        before = len(post.told())
        mail = self.bounce(post, form, post.support)
        assert post.ticket(mail) == ticket
        ticket.refresh_from_db()
        assert ticket.state == "pending"
        (said,) = entries(ticket, "system")
        assert "could not be delivered to cleo@acme.example" in said.text
        assert said.mail_id == mail.pk
        # Dee wrote it and has it; she is told though it is she who wrote.
        assert ["could not be delivered" in title for title in post.told()[before:]] == [True]
        assert Ticket.objects.count() == 1

    def test_of_a_reply_is_attached_to_its_delivery_too(self, there, post):
        ticket = post.ticket(post.write(CLEO))
        form = post.answer(ticket)
        rows = Delivery.objects.filter(message_id=post.sent(ticket)[0][0].pk)
        rows.update(state="accepted", accepted_at=there.at, due_at=there.at, attempt=1, provider_id="m1")
        delivery = rows.get()
        local, _at, domain = post.support.partition("@")
        mail = self.bounce(post, form, f"{local}+bounce+{make_key(delivery.pk, delivery.month)}@{domain}")
        delivery = rows.get()
        assert (delivery.state, mail.subject_kind, mail.subject_id) == ("failed", "delivery", str(delivery.pk))
        assert "550 no such user" in delivery.reason
        assert "could not be delivered" in entries(ticket, "system")[0].text

    def test_of_no_mail_of_ours_makes_no_ticket(self, post):
        mail = self.bounce(post, MailForm(message_id="nobody@elsewhere.example"), post.support)
        assert mail.standing == "kept"
        assert not Ticket.objects.exists()


class TestMailboxes:
    def test_nothing_of_ours_that_comes_back_is_a_ticket(self, post):
        mail = post.write(CLEO, X_Nightdesk=our_mark())
        assert mail.standing == "kept"
        assert not Ticket.objects.exists()


def test_what_was_found_undeliverable_at_once_is_told_too(there, post):
    ticket = post.ticket(post.write(CLEO))
    post.answer(ticket)
    entry = entries(ticket, "message_out")[-1]
    rows = Delivery.objects.filter(subject_id=str(ticket.pk), recipient_kind="contact")
    rows.filter(message_id=post.sent(ticket)[0][0].pk).update(
        state="failed", reason="550 no such user", ended_at=there.at
    )
    there.minutes(20)
    said = mail_actions.check_sent(ticket_id=ticket.pk, entry_id=entry.pk, **there.doing)
    assert said.startswith("1 of 1")
    assert "550 no such user" in entries(ticket, "system")[0].text
    mail_actions.check_sent(ticket_id=ticket.pk, entry_id=entry.pk, **there.doing)
    assert len(entries(ticket, "system")) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_two_copies_of_one_mail_that_are_read_at_once_are_one_ticket(elsewhere):
    there = Provider()
    post = Post(there)
    noc = f"noc@{post.domain}"
    mailroom.add_address(address=noc, brand_id=there.brand.pk, **there.doing)
    raw = f"From: {CLEO}\r\nTo: {post.support}, {noc}\r\nSubject: Slow\r\nMessage-ID: <a@x.example>\r\n\r\nHelp\r\n".encode()
    mails = [
        mailroom.receive_mail(way="smtp", raw=raw, sender="cleo@acme.example", recipients=[to], **there.doing)
        for to in (post.support, noc if elsewhere else post.support)
    ]
    with another_connection() as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('a@x.example', 0))")
        hands = [Hand(lambda mail=mail: mailroom.read_mail(mail_id=mail.pk, **there.doing)) for mail in mails]
        until(lambda: somebody_waits_for(other))
        other.rollback()
    told = [hand.result() for hand in hands]
    ticket = Ticket.objects.get()
    assert len(entries(ticket)) == 1
    assert sum("was opened for" in one for one in told) == 1
