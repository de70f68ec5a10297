import pytest

from nightdesk.channels.mail_form import MailForm
from nightdesk.channels.models import Delivery
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact
from nightdesk.desk import actions, linking_actions, mail_actions, mail_out
from nightdesk.desk.models import Acknowledgement, Attachment, Entry, MessageId, OldNumber, Party, Ticket
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import NIGHT, Provider
from nightdesk.mailroom import actions as mailroom
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

    def test_of_who_asked_not_to_be_answered_is_not(self, post):
        for headers in (
            {"X_Auto_Response_Suppress": "DR, AutoReply"},
            {"List_Id": "<a.example>"},
            {"X_Nightdesk": "abc"},
        ):
            post.ticket(post.write(CLEO, str(headers), **headers))
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
        assert len(post.sent(kind="ticket.acknowledged")) == 2


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
