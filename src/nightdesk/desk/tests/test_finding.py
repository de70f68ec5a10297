from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from nightdesk.base.actors import SCHEDULER
from nightdesk.base.refusals import Invalid
from nightdesk.customers import actions as customers
from nightdesk.desk import actions, finding, supplier_actions
from nightdesk.desk.actions import File, Words
from nightdesk.desk.finding import Reader, find_tickets
from nightdesk.desk.models import Attachment, Entry, OldNumber, Searchable, Ticket
from nightdesk.desk.tests.provider import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def there():
    return Provider()


def found(there, asked, **reader):
    """Titles of what the desk finds, or whoever `reader` says."""
    brands = {"brand_ids": {there.brand.pk}, "person_id": there.dee.pk}
    return [hit.ticket.title for hit in find_tickets(asked, Reader(**{**brands, **reader})).hits]


def customer(there):
    return {"customer_id": there.acme.pk}


class TestWhereItLooks:
    def test_words_may_stand_anywhere_in_the_story(self, there):
        ticket = there.ticket("The line is slow", "It crawls since nine.")
        there.ticket(
            "Another thing",
            "No words of it.",
            contact_id=there.customer("Bolt", "ben@bolt.example")[1].pk,
            by=SCHEDULER,
        )
        actions.note_ticket(ticket_id=ticket.pk, words=Words("Errors on xe-0/0/1."), **there.doing_as(there.dee))
        actions.reply_to_customer(ticket_id=ticket.pk, words=Words("We swap the optic."), **there.doing_as(there.dee))
        for asked in (
            "slow crawls errors optic",
            "xe-0/0/1",
            "CRÀWLS",
            '"swap the optic"',
            "cleo@acme.example",
            "crawl",
        ):
            assert found(there, asked) == ["The line is slow"], asked
        for asked in ("slow harbour", '"optic swap"', "craw "):
            assert found(there, asked) == [], asked

    def test_attachments_are_found_by_their_names_and_by_what_stands_in_them(self, there):
        there.ticket(words=Words("See the trace", files=[File("mtr-harbour.txt", "text/plain", b"packet loss")]))
        assert found(there, "mtr harbour") == ["The line is slow"]
        Attachment.objects.update(text="loss at hop seven")
        assert found(there, '"hop seven"') == ["The line is slow"]

    def test_customers_are_found_and_their_tickets_by_their_name(self, there):
        there.ticket()
        told = find_tickets("acme slow", Reader({there.brand.pk}))
        assert [hit.ticket.title for hit in told.hits] == ["The line is slow"]
        assert found(there, "acm") == ["The line is slow"]
        assert [one.name for one in find_tickets("acme", Reader({there.brand.pk})).customers] == ["Acme"]
        customers.edit_customer(
            customer_id=there.acme.pk, changes=customers.CustomerChanges(name="Zenith"), **there.doing
        )
        assert found(there, "zenith slow") == ["The line is slow"]

    def test_the_index_follows_every_change(self, there):
        ticket = there.ticket()
        doing = there.doing_as(there.dee)
        actions.edit_ticket(ticket_id=ticket.pk, fields={"title": "Fibre is cut", "tags": ["Dig"]}, **doing)
        assert found(there, "slow") == []
        assert found(there, "fibre crawls tag:dig is:open") == ["Fibre is cut"]
        told = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
        actions.resolve_ticket(ticket_id=ticket.pk, **told, **doing)
        assert found(there, "fibre is:open") == []
        assert found(there, "fibre is:resolved") == ["Fibre is cut"]
        actions.reopen_ticket(ticket_id=ticket.pk, why="again", **doing)
        assert found(there, "fibre is:open") == ["Fibre is cut"]
        Entry.objects.filter(ticket=ticket, kind="message_in").update(text="erased")
        assert found(there, "crawls") == []
        rebuilt = list(Searchable.objects.values_list("words", flat=True))
        with connection.cursor() as cursor:
            cursor.execute("SELECT desk_index_ticket(%s)", [ticket.pk])
        assert [set(words.split("'")[1::2]) for words in Searchable.objects.values_list("words", flat=True)] == [
            set(words.split("'")[1::2]) for words in rebuilt
        ]

    def test_a_ticket_of_more_words_than_can_be_kept_takes_what_is_said_all_the_same(self, there):
        ticket = there.ticket()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE desk_searchable SET words = words || (SELECT array_to_tsvector(array_agg(repeat(n::text, 200)))"
                " FROM generate_series(1000, 2308) n)"
            )
        actions.note_ticket(ticket_id=ticket.pk, words=Words("They paid.", files=[File("x" * 200, "text/plain", b"x")]),
                            **there.doing_as(there.dee))  # fmt: skip
        actions.note_ticket(ticket_id=ticket.pk, words=Words("y" * 2000), **there.doing_as(there.dee))
        assert Entry.objects.filter(ticket=ticket, kind="note").count() == 2
        assert found(there, "crawls") == ["The line is slow"]
        assert found(there, "y" * 2000) == []


@pytest.fixture(params=["each of a customer's few tickets is looked at", "the index of words is asked"])
def either_way(request, monkeypatch):
    if "index" in request.param:
        monkeypatch.setattr(finding, "_FEW", 0)


@pytest.mark.usefixtures("either_way")
class TestFilters:
    def test_narrow_what_is_found(self, there):
        bolt, ben = there.customer("Bolt Works", "ben@bolt.example")
        queue = actions.save_queue(brand_id=there.brand.pk, name="NOC", **there.doing)
        there.ticket("Slow at Acme")
        one = there.ticket(
            "Slow at Bolt", contact_id=ben.pk, by=there.doing_as(ben)["by"], queue_id=queue.pk, tags=["a b"]
        )
        actions.assign_ticket(ticket_id=one.pk, person_id=there.dee.pk, **there.doing_as(there.max))
        for asked in ("slow customer:bolt", 'customer:"Bolt Works"', "customer:BOLT slow", "from:ben", "from:ben@bolt.example",
                      "queue:noc slow", 'tag:"a b"', "is:mine", "is:assigned slow"):  # fmt: skip
            assert found(there, asked) == ["Slow at Bolt"], asked
        assert found(there, "is:unassigned") == ["Slow at Acme"]
        assert found(there, "slow is:incident") == ["Slow at Bolt", "Slow at Acme"]
        assert found(there, "customer:nobody slow") == []
        assert bolt.pk

    def test_one_that_says_nothing_is_refused(self, there):
        with pytest.raises(Invalid):
            found(there, "slow is:opne")

    @pytest.mark.parametrize(
        "asked", ["", "  ", "—", '""', "'", "a\\b'c", "(x | y) & !z", "tag:'\\", "x:*", "\0", "1" * 300]
    )
    def test_whatever_is_typed_is_answered(self, there, asked):
        assert found(there, asked) == []


class TestNumbers:
    def test_come_first_whatever_else_has_them(self, there):
        wanted = there.ticket("The wanted one")
        there.minutes(5)
        there.ticket(f"Goes on from {wanted.number}")
        for asked in (f"{wanted.number}", f"#{wanted.number}", wanted.tag):
            hits = find_tickets(asked, Reader({there.brand.pk})).hits
            assert (hits[0].ticket, hits[0].by_number) == (wanted, True), asked
        assert len(found(there, str(wanted.number))) == 2

    def test_old_ones_are_found_too(self, there):
        ticket = there.ticket()
        OldNumber.objects.create(brand=there.brand, text="REQ-77", ticket=ticket)
        assert found(there, "req-77") == ["The line is slow"]

    def test_so_is_what_a_supplier_calls_it_for_us_alone(self, there):
        ticket = there.ticket()
        carrier = supplier_actions.save_supplier(brand_id=there.brand.pk, name="Carrier", **there.doing)
        doing = there.doing_as(there.dee)
        supplier_actions.open_supplier_ticket(ticket_id=ticket.pk, supplier_id=carrier.pk, ref="CAS-17", **doing)
        assert found(there, "cas-17") == ["The line is slow"]
        assert found(there, "cas-17", **customer(there)) == []


class TestOrder:
    def test_the_newest_is_first_and_the_rest_follows(self, there):
        titles = []
        for days in (400, 90, 40, 3, 0):
            there.at -= timedelta(days=days)
            there.ticket(f"Fibre {days}")
            titles.insert(0, f"Fibre {days}")
        got, after = [], None
        for _page in range(5):
            told = find_tickets("fibre", Reader({there.brand.pk}), limit=1, after=after, count=True)
            got += [hit.ticket.title for hit in told.hits]
            after = told.after
            assert told.count == 5
        assert after is None
        assert sorted(got) == sorted(titles)
        assert [Ticket.objects.get(title=title).opened_at for title in got] == sorted(
            Ticket.objects.values_list("opened_at", flat=True), reverse=True
        )

    def test_what_was_merged_away_shows_what_it_is_in(self, there):
        one, two = there.ticket("Survivor"), there.ticket("Was merged", "Odd flapping")
        Ticket.objects.filter(pk=two.pk).update(merged_into=one)
        assert found(there, "flapping") == ["Survivor"]
        assert found(there, "crawls is:open") == ["Survivor"]

    @pytest.mark.parametrize("state", ["open", "resolved", "closed", "cancelled"])
    def test_what_was_merged_away_stands_as_what_it_is_in(self, there, state):
        one, two = there.ticket("Survivor"), there.ticket("Was merged", "Odd flapping")
        there.ticket("Another", "It is odd too")
        for number in range(3):
            there.ticket(f"By itself {number}", "Odd flapping of another line")
        over = {} if state == "open" else {"state": state, "closed_at": there.at, "next_step": "", "next_step_at": None}
        said = {"resolved_at": there.at, "what_was_wrong": "A", "what_was_done": "B", "what_to_do": "C"}
        over |= said if state in ("resolved", "closed") else {}
        Ticket.objects.filter(pk=one.pk).update(**over)
        Ticket.objects.filter(pk=two.pk).update(merged_into=one)
        for asked in ("open", "resolved", "closed", "cancelled"):
            told = find_tickets(f'"odd flapping" is:{asked}', Reader({there.brand.pk}), count=True)
            titles = {hit.ticket.title for hit in told.hits}
            assert ("Survivor" in titles) == (asked == state), asked
            assert len(titles) == (3 if asked == "open" else 0) + (asked == state)
            counted = find_tickets(f"odd flapping is:{asked}", Reader({there.brand.pk}), count=True, typing=False)
            assert counted.count == len(titles)

    def test_of_what_was_merged_away_more_follows_in_order_too(self, there):
        one = there.ticket("Survivor")
        for number in range(4):
            made = there.ticket(f"Open {number}", "Odd flapping")
            if number % 2:
                Ticket.objects.filter(pk=made.pk).update(merged_into=one)
            there.minutes(1)
        got, after = [], None
        for _page in range(4):
            told = find_tickets("flapping is:open", Reader({there.brand.pk}), limit=1, after=after)
            got += [hit.ticket.title for hit in told.hits]
            after = told.after
        assert after is None
        assert got == ["Survivor", "Open 2", "Survivor", "Open 0"]


class TestAPhraseOfWordsThatStandEverywhere:
    """The index knows no order, so that each ticket has to be looked at; who searches is not kept waiting for that."""

    @pytest.fixture(autouse=True)
    def hurried(self, monkeypatch):
        monkeypatch.setattr(finding, "_EVERYWHERE", 0)
        monkeypatch.setattr(finding, "_PATIENCE_S", -1)

    @pytest.fixture
    def tickets(self, there):
        now = there.at
        for days, title in (
            (400, "Fibre cut long ago"),
            (90, "A fibre was cut"),
            (40, "Cut the fibre"),
            (3, "Cut fibre"),
        ):
            there.at = now - timedelta(days=days)
            there.ticket(title)

    def test_is_looked_for_in_the_newest_and_further_back_when_asked(self, there, tickets):
        told = find_tickets('"fibre cut"', Reader({there.brand.pk}), count=True)
        assert (told.hits, told.count) == ([], None)
        assert told.cut == datetime(2026, 2, 1, tzinfo=UTC)
        told = find_tickets('"fibre cut"', Reader({there.brand.pk}), after=told.after)
        assert [hit.ticket.title for hit in told.hits] == ["Fibre cut long ago"]
        assert (told.cut, told.after) == (None, None)

    def test_is_found_at_once_where_it_is_new(self, there, tickets):
        told = find_tickets('"cut fibre"', Reader({there.brand.pk}), limit=1)
        assert [hit.ticket.title for hit in told.hits] == ["Cut fibre"]

    def test_of_one_customer_and_of_rarer_words_it_is_found_at_once(self, there, tickets, monkeypatch):
        assert found(there, 'customer:acme "fibre cut"') == ["Fibre cut long ago"]
        monkeypatch.setattr(finding, "_EVERYWHERE", 10)
        assert found(there, '"fibre cut"') == ["Fibre cut long ago"]


class TestWhatIsShown:
    def test_is_the_entry_with_the_words_marked(self, there):
        ticket = there.ticket("Slow", "It crawls at the Zürich site.")
        entry = actions.note_ticket(
            ticket_id=ticket.pk, words=Words("Zurich is their core"), **there.doing_as(there.dee)
        )
        (hit,) = find_tickets("crawls zurich", Reader({there.brand.pk})).hits
        assert [piece.text for piece in hit.pieces if piece.marked] == ["crawls", "Zürich"]
        assert hit.entry_id != entry.pk


@pytest.mark.usefixtures("either_way")
class TestCustomers:
    @pytest.fixture
    def ticket(self, there):
        ticket = there.ticket("The line is slow", "It crawls.", tags=["vip"])
        actions.note_ticket(
            ticket_id=ticket.pk, words=Words("They are rude.", files=[File("rude.txt", "text/plain", b"x")]),
            **there.doing_as(there.dee),
        )  # fmt: skip
        return ticket

    def test_find_their_own_by_what_they_may_see(self, there, ticket):
        for asked in ("crawls", "slow", str(ticket.number), "cleo", "is:open"):
            assert found(there, asked, **customer(there)) == ["The line is slow"], asked

    def test_find_nothing_by_what_we_said_among_ourselves(self, there, ticket):
        assert found(there, "rude") == ["The line is slow"]
        for asked in ("rude", "are rude", '"they are"', "rud", "rude.txt", "slow rude", "vip"):
            assert found(there, asked, **customer(there)) == [], asked

    def test_are_shown_nothing_that_we_said_among_ourselves(self, there, ticket):
        there.minutes(5)
        actions.note_ticket(
            ticket_id=ticket.pk, words=Words("It crawls as they never pay"), **there.doing_as(there.dee)
        )
        (hit,) = find_tickets("crawls", Reader({there.brand.pk}, customer_id=there.acme.pk)).hits
        assert "".join(piece.text for piece in hit.pieces) == "It crawls."

    @pytest.mark.parametrize(
        "asked", ["slow tag:vip", "queue:x slow", "customer:acme", "is:mine", "is:major", "is:unassigned"]
    )
    def test_do_not_learn_how_we_sort_our_work(self, there, ticket, asked):
        with pytest.raises(Invalid):
            found(there, asked, **customer(there))

    def test_find_nothing_of_another_customer_or_of_another_contact_where_they_may_not(self, there, ticket):
        bolt, _ben = there.customer("Bolt", "ben@bolt.example")
        rod = customers.make_contact(customer_id=there.acme.pk, name="Rod", email="rod@acme.example", **there.doing)
        for asked in ("crawls", str(ticket.number), "acme"):
            assert found(there, asked, customer_id=bolt.pk) == []
            assert found(there, asked, **customer(there), contact_id=rod.pk) == []
        assert found(there, "crawls", **customer(there), contact_id=there.cleo.pk) == ["The line is slow"]

    def test_nothing_of_another_brand_is_found(self, there, ticket):
        other = Provider()
        for asked in ("crawls", str(ticket.number), "acme"):
            assert found(other, asked) == []
        assert [hit.ticket for hit in find_tickets("crawls", Reader(None)).hits] == [ticket]
