import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.models import Promise
from nightdesk.base.refusals import Refusal
from nightdesk.channels.models import Delivery
from nightdesk.desk import actions, import_actions, moving, queries
from nightdesk.desk.clock_queries import clock_promises, clocks_of
from nightdesk.desk.finding import Reader, find_tickets
from nightdesk.desk.models import Entry, OldNumber, Ticket
from nightdesk.desk.moving import NotReadable
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import Provider

DB = pytest.mark.django_db
LONDON = ZoneInfo("Europe/London")
FILE = (
    b"TicketNo;Subject;Status;Priority;Created;Closed at;Customer Email;Company;Description\r\n"
    b"4711;Line down;closed;3 high;14/07/2025 09:00;14/07/2025 11:00;CLEO@acme.example;;It is dead\r\n"
    b"4712;New mailbox;open;2 normal;2025-07-15T10:00:00Z;;x@nobody.example;acme;Please\r\n"
    b"4713;;open;2 normal;15/07/2025 10:00;;;;\r\n"
    b"4714;When;open;2 normal;yesterday;;;;\r\n"
    b"4711;Again;open;2 normal;15/07/2025 10:00;;;;\r\n"
)


def read(raw=FILE, **more):
    return moving.read_csv(raw, {**moving.suggest_mapping(moving.read_header(raw)), **more}, LONDON)


class TestAFile:
    def test_each_row_is_read_or_told_with_its_line_and_reason(self):
        found = read()
        assert [one.number for one in found.tickets] == ["4711", "4712"]
        assert found.tickets[0].opened_at == datetime(2025, 7, 14, 8, 0, tzinfo=UTC)
        assert (found.tickets[0].state, found.tickets[0].priority) == ("closed", 2)
        assert found.faults == (
            ("line 4", "it has no title"),
            ("line 5", "'yesterday' is no instant"),
            ("line 6", "number 4711 stands in the file twice"),
        )

    @pytest.mark.parametrize(
        ("raw", "mapping"),
        [(b"", {}), (b"a\0b", {}), (FILE, {"colour": "Subject"}), (FILE, {"title": "Nothing"}), (b"x;y\n1;2\n", {})],
    )
    def test_what_cannot_be_used_as_a_whole_is_refused(self, raw, mapping):
        with pytest.raises(NotReadable):
            moving.read_csv(raw, mapping, LONDON)

    @given(st.binary(max_size=300))
    def test_no_bytes_do_anything_but_give_rows_faults_or_a_refusal(self, raw):
        try:
            found = moving.read_csv(raw, moving.suggest_mapping(moving.read_header(raw)), LONDON)
        except Refusal:
            return
        assert all(one.title and one.number for one in found.tickets)


@DB
class TestTakingOver:
    @pytest.fixture
    def there(self):
        return Provider()

    def take(self, there, **more):
        return import_actions.import_tickets(brand_id=there.brand.pk, tickets=read().tickets, **more, **there.doing)

    def test_a_dry_run_says_what_would_be_and_writes_nothing(self, there):
        done = self.take(there, dry_run=True)
        assert (done.new, done.there, done.nobodys) == (2, 0, 0)
        assert not Ticket.objects.exists()

    def test_each_is_there_once_with_its_old_number_whoever_repeats_it(self, there):
        self.take(there)
        done = self.take(there)
        assert (done.new, done.there) == (0, 2)
        closed = OldNumber.objects.get(text="4711").ticket
        assert (closed.state, closed.contact, closed.customer) == ("closed", there.cleo, there.acme)
        assert closed.opened_at == datetime(2025, 7, 14, 8, 0, tzinfo=UTC)
        opened = OldNumber.objects.get(text="4712").ticket
        assert (opened.state, opened.customer, opened.contact) == ("in_progress", there.acme, None)
        assert opened.next_step_at > there.at
        assert [entry.text for entry in queries.story_of(closed) if entry.text] == ["It is dead"]

    def test_a_mail_and_a_search_find_it_by_its_old_number(self, there):
        self.take(there)
        post = Post(there)
        ticket = post.ticket(post.write("Cleo <cleo@acme.example>", "AW: [Ticket#4712] New mailbox"))
        assert OldNumber.objects.get(text="4712").ticket == ticket
        reader = Reader(brand_ids={there.brand.pk}, person_id=there.dee.pk)
        assert [hit.ticket for hit in find_tickets("4712", reader).hits] == [ticket]

    def test_nobody_is_told_and_only_what_is_open_is_promised_anything(self, there):
        self.take(there)
        assert not Delivery.objects.filter(subject_kind="ticket").exists()
        assert Promise.objects.filter(subject_kind="ticket", ended_at=None).count() == 1

    def test_a_contract_counts_from_the_import(self):
        there = Provider(targets={"P3": {"fix": "PT8H"}})
        self.take(there)
        ticket = OldNumber.objects.get(text="4712").ticket
        fix = clocks_of([ticket], there.at)[ticket.pk].fix
        assert (fix.elapsed, fix.standing) == (timedelta(0), "running")
        actions.assign_ticket(ticket_id=ticket.pk, person_id=there.dee.pk, **there.doing_as(there.dee))
        assert min(clock_promises(ticket).values())[0] > there.at

    def test_what_was_resolved_there_closes_here(self, there):
        import_actions.import_tickets(
            brand_id=there.brand.pk, tickets=read(FILE.replace(b";open;", b";solved;")).tickets, **there.doing
        )
        promised = Promise.objects.get(subject_kind="ticket", ended_at=None)
        assert (promised.kind, promised.due_at) == ("ticket.close", there.at)

    def test_by_the_command_line(self, there, tmp_path):
        file = tmp_path / "old.csv"
        file.write_bytes(FILE)
        out = StringIO()
        columns = ["--column", "title=Subject"]
        brand = ["--brand", there.brand.slug, "--json"]
        call_command("take_over", "csv", str(file), *columns, *brand, stdout=out)
        told = json.loads(out.getvalue())
        assert (told["new"], len(told["faults"]), told["dry_run"]) == (2, 3, False)


class Zammad(BaseHTTPRequestHandler):
    """Zammad's three addresses that an import asks for, as its documentation describes them."""

    tickets = [
        {
            "id": number,
            "number": str(67000 + number),
            "title": f"Ticket {number}",
            "state": "closed" if number % 2 else "open",
            "priority": "2 normal",
            "customer": "cleo@acme.example",
            "organization": "Acme",
            "created_at": "2025-07-14T08:00:00.000Z",
            "close_at": "2025-07-14T09:00:00.000Z" if number % 2 else None,
        }
        for number in range(1, 103)
    ]

    def do_GET(self):
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self.headers["Authorization"] != "Token token=sesame":
            self.send_error(401)
            return
        if url.path == "/api/v1/tickets":
            start, size = (int(asked["page"]) - 1) * int(asked["per_page"]), int(asked["per_page"])
            self._give(self.tickets[start : start + size])
        elif url.path == "/api/v1/tags":
            self._give({"tags": ["vip"]})
        elif url.path.endswith("/102"):
            self.send_error(500)
        else:
            self._give(
                [
                    {
                        "created_at": "2025-07-14T08:00:00.000Z",
                        "sender": "Customer",
                        "from": "Cleo",
                        "body": "<p>Hello <script>x</script><b>there</b></p>",
                        "content_type": "text/html",
                        "internal": False,
                    },
                    {
                        "created_at": "2025-07-14T08:05:00.000Z",
                        "sender": "Agent",
                        "from": "Dee",
                        "body": "only us",
                        "content_type": "text/plain",
                        "internal": True,
                    },
                    {
                        "created_at": "2025-07-14T08:06:00.000Z",
                        "sender": "System",
                        "body": "We have your mail",
                        "content_type": "text/plain",
                        "internal": False,
                    },
                ]
            )

    def _give(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args): ...


@pytest.fixture
def zammad():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Zammad)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@DB
def test_all_of_a_zammad_is_taken_over_page_by_page(zammad, tmp_path):
    there = Provider()
    token = tmp_path / "token"
    token.write_text("sesame\n")
    out = StringIO()
    where = ["take_over", "zammad", zammad, "--token-file", str(token), "--brand", there.brand.slug, "--json"]
    call_command(*where, "--dry-run", stdout=out)
    assert json.loads(out.getvalue())["new"] == 101
    assert not Ticket.objects.exists()
    out.truncate(out.seek(0))
    call_command(*where, stdout=out)
    told = json.loads(out.getvalue())
    assert (told["new"], [where for where, _why in told["faults"]]) == (101, ["ticket 67102"])
    ticket = OldNumber.objects.get(text="67001").ticket
    said = list(Entry.objects.filter(ticket=ticket).exclude(kind="moved").values_list("kind", "public", "text"))
    assert said == [
        ("message_in", True, "Hello there"),
        ("note", False, "only us"),
        ("note", False, "We have your mail"),
    ]
    reader = Reader(brand_ids={there.brand.pk}, person_id=there.dee.pk)
    assert [hit.ticket for hit in find_tickets("67001", reader).hits] == [ticket]
    assert "script" not in Entry.objects.filter(ticket=ticket, kind="message_in").get().html
    assert ticket.tags == ["imported", "vip"]
    token.write_text("wrong")
    with pytest.raises(NotReadable):
        call_command(*where, stdout=out)
