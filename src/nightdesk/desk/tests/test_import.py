import json
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import clock
from nightdesk.base.files import digest_of, read_file
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Refusal
from nightdesk.channels.models import Delivery, Message
from nightdesk.desk import actions, import_actions, moving, queries
from nightdesk.desk.clock_queries import clock_promises, clocks_of
from nightdesk.desk.finding import Reader, find_tickets
from nightdesk.desk.mail_in import COPIES_AT_MOST
from nightdesk.desk.management.commands import take_over
from nightdesk.desk.models import Attachment, Entry, OldNumber, Party, Ticket
from nightdesk.desk.moving import NotReadable
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import Provider
from nightdesk.mailroom import actions as mailroom

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

    def test_whom_it_was_copied_to_is_read_with_or_without_names(self):
        raw = b'number,title,opened,cc\n1,Down,2025-07-14,"Bo <BO@acme.example>; al@acme.example, nobody"\n'
        assert read(raw).tickets[0].copies == (("Bo", "bo@acme.example"), ("", "al@acme.example"))

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

    def test_those_copied_in_are_parties_but_nobody_of_ours_and_not_too_many(self, there):
        ours, many = Post(there).support, "; ".join(f"c{number}@acme.example" for number in range(30))
        raw = f'number,title,opened,email,cc\n1,Down,2025-07-14,cleo@acme.example,"{ours}; CLEO@acme.example; {many}"\n'
        import_actions.import_tickets(brand_id=there.brand.pk, tickets=read(raw.encode()).tickets, **there.doing)
        copied = Party.objects.filter(role="cc").values_list("address", flat=True)
        assert list(copied) == [f"c{number}@acme.example" for number in range(COPIES_AT_MOST)]
        assert Party.objects.get(role="requester").address == "cleo@acme.example"

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
    """Zammad's addresses that an import asks for, as its documentation describes them. `asked`: the paths that were."""

    asked: Counter[str] = Counter()
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
        self.asked[url.path] += 1
        if url.path == "/api/v1/tickets":
            start, size = (int(asked["page"]) - 1) * int(asked["per_page"]), int(asked["per_page"])
            self._give(self.tickets[start : start + size])
        elif url.path == "/api/v1/tags":
            self._give({"tags": ["vip"]})
        elif url.path == "/api/v1/email_addresses":
            self._give([{"id": 1, "email": "Support@old.example"}])
        elif url.path.endswith("/102"):
            self.send_error(500)
        elif url.path.startswith("/api/v1/ticket_attachment/"):
            self._give_file(*url.path.split("/")[4:])
        else:
            self._give(self.articles_of(int(url.path.rpartition("/")[2])))

    def articles_of(self, key):
        said = {"ticket_id": key, "content_type": "text/plain", "internal": False}
        return [
            {
                **said,
                "id": 1,
                "created_at": "2025-07-14T08:00:00.000Z",
                "sender": "Customer",
                "from": "Cleo",
                "body": "<p>Hello <script>x</script><b>there</b></p>",
                "content_type": "text/html",
            },
            {
                **said,
                "id": 2,
                "created_at": "2025-07-14T08:05:00.000Z",
                "sender": "Agent",
                "from": "Dee",
                "body": "only us",
                "internal": True,
            },
            {
                **said,
                "id": 3,
                "created_at": "2025-07-14T08:06:00.000Z",
                "sender": "System",
                "body": "We have your mail",
            },
        ]

    def _give_file(self, ticket, article, key):
        self.send_error(404)

    def _give(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args): ...


def attached(key, name, size, **told):
    told = {name.replace("_", "-"): value for name, value in told.items()}
    return {"id": key, "filename": name, "size": str(size), "preferences": told}


class Busy(Zammad):
    """Two tickets, of which the first has files of every kind and people copied in."""

    tickets = Zammad.tickets[:2]
    files = {  # by article and id
        ("7", "1"): b"The zephyrine is out of tune.\n",
        ("7", "2"): b"\x89PNG logo",
        ("7", "3"): b"\x89PNG in the text",
        ("7", "6"): b"x" * 1001,
        ("8", "9"): bytes(range(256)),
    }
    broken = {"4": 404, "5": 500}
    listed = [
        attached(1, "notes.txt", 30, Mime_Type="text/plain", Charset="utf-8"),
        attached(2, "logo.png", 9, Content_Type='image/png; name="logo.png"', Content_ID="<logo@acme>"),
        attached(4, "gone.pdf", 9, Mime_Type="application/pdf"),
        attached(5, "broken.pdf", 9, Mime_Type="application/pdf"),
        attached(6, "says-it-is-small.bin", 9, Mime_Type="application/octet-stream"),
        attached(10, "large.iso", 1001, Mime_Type="application/octet-stream"),
        attached(11, "message.html", 9, **{"content-alternative": True, "original-format": True}),
    ]
    body = (
        '<p>See <img src="cid:logo@acme"> and <img src="/api/v1/ticket_attachment/1/7/3?view=inline" alt="it">'
        ' and <img src="/api/v1/ticket_attachment/2/8/9?view=inline"></p>'
    )

    def articles_of(self, key):
        said = {"ticket_id": key, "created_at": "2025-07-14T08:00:00.000Z", "content_type": "text/plain", "body": "x"}
        if key == 2:
            return [{**said, "id": 8, "sender": "Customer", "attachments": [attached(9, "raw", 256)]}]
        first = {
            "id": 7,
            "sender": "Customer",
            "to": '"Support" <support@old.example>, Al <al@acme.example>, Users',
            "cc": "Bo <BO@acme.example>, cleo@acme.example, support@quay.example",
            "body": self.body,
            "content_type": "text/html",
            "attachments": self.listed,
        }
        second = {"id": 12, "sender": "Agent", "from": "Dee <dee@old.example>", "to": "to@acme.example"}
        note = {"id": 13, "sender": "Agent", "internal": True, "cc": "among-us@acme.example"}
        return [{**said, **first}, {**said, **second, "cc": "flo@acme.example, dee@old.example"}, {**said, **note}]

    def _give_file(self, _ticket, article, key):
        if key in self.broken:
            self.send_error(self.broken[key])
            return
        content = self.files[article, key]
        self.send_response(200)
        self.send_header("Content-Type", "image/png" if content.startswith(b"\x89PNG") else "application/octet-stream")
        self.send_header("Content-Disposition", f'inline; filename="file-{key}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(handler):
    handler.asked = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def zammad():
    with serving(Zammad) as url:
        yield url


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


@DB
class TestFilesAndCopiesOfZammad:
    @pytest.fixture
    def there(self):
        return Provider()

    @pytest.fixture
    def take(self, there, tmp_path, monkeypatch):
        """Runs the command against a Zammad of which at most 1,000 bytes of a file are taken; returns what it told."""
        monkeypatch.setattr(take_over, "LARGEST_FILE", 1000)
        (tmp_path / "token").write_text("sesame\n")

        def take(*more, handler=Busy):
            out = StringIO()
            where = ["--token-file", str(tmp_path / "token"), "--brand", there.brand.slug, "--json", *more]
            with serving(handler) as url, clock.replaced_by(lambda: there.at):
                call_command("take_over", "zammad", url, *where, stdout=out)
            return json.loads(out.getvalue())

        return take

    @staticmethod
    def files_asked(handler=Busy):
        return {path.rpartition("/")[2]: count for path, count in handler.asked.items() if "attachment" in path}

    def test_the_files_of_an_article_hang_on_its_entry_byte_by_byte(self, there, take):
        assert take()["files"] == 4
        entry = Entry.objects.get(ticket__old_numbers__text="67001", kind="message_in")
        files = list(entry.attachments.all())
        assert [(one.name, one.media_type, one.content_id, one.inline) for one in files] == [
            ("notes.txt", "text/plain", "", False),
            ("logo.png", "image/png", "logo@acme", True),
            ("file-3", "image/png", "3@zammad", True),
        ]
        for file, key in zip(files, ("1", "2", "3"), strict=True):
            content = Busy.files["7", key]
            assert (file.digest, file.size, read_file(file.digest)) == (digest_of(content), len(content), content)
        raw = Attachment.objects.get(entry__ticket__old_numbers__text="67002")
        assert (raw.name, raw.media_type, read_file(raw.digest)) == (
            "raw",
            "application/octet-stream",
            Busy.files["8", "9"],
        )

    def test_a_file_is_found_by_the_words_in_it(self, there, take):
        take()
        there.work()
        reader = Reader(brand_ids={there.brand.pk}, person_id=there.dee.pk)
        ticket = OldNumber.objects.get(text="67001").ticket
        assert [hit.ticket for hit in find_tickets("zephyrine", reader).hits] == [ticket]

    def test_where_there_is_a_scanner_files_wait_for_it(self, there, take, settings):
        settings.SCANNER = "clamd:///nowhere"
        take()
        assert set(Attachment.objects.values_list("scan", flat=True)) == {"waiting"}
        assert Promise.objects.filter(kind="attachment.scan", ended_at=None).count() == 4

    def test_images_stand_in_the_text_but_none_of_another_article(self, there, take):
        take()
        html = Entry.objects.get(ticket__old_numbers__text="67001", kind="message_in").html
        assert html == '<p>See <img data-part="1" alt=""> and <img alt="it" data-part="2"> and <img alt=""></p>'
        assert Busy.asked["/api/v1/ticket_attachment/2/8/9"] == 1

    def test_what_is_too_large_or_not_given_is_told_and_stops_nothing(self, there, take):
        told = take()
        assert told["new"] == 2
        assert dict(told["faults"]) == {
            "ticket 67001, file large.iso": "it has more than 0 MB",
            "ticket 67001, file says-it-is-small.bin": "it has more than 0 MB",
            "ticket 67001, file gone.pdf": "Zammad was asked for it and answered 404",
            "ticket 67001, file broken.pdf": "Zammad was asked for it and answered 500",
        }
        assert "10" not in self.files_asked()

    def test_more_files_than_an_entry_has_are_told(self, there, take, monkeypatch):
        monkeypatch.setattr(take_over, "MOST_FILES", 1)
        told = take()
        assert told["files"] == 2
        assert told["faults"].count(["ticket 67001, file logo.png", "an entry has 1 files at most"]) == 1

    def test_a_dry_run_counts_files_and_reads_none(self, there, take):
        told = take("--dry-run")
        assert (told["files"], told["dry_run"], [where for where, _why in told["faults"]]) == (
            7,
            True,
            ["ticket 67001, file large.iso"],
        )
        assert not self.files_asked()
        assert not Ticket.objects.exists()

    def test_a_second_run_adds_nothing_and_asks_for_nothing_but_the_list(self, there, take):
        take()
        before = Attachment.objects.count(), Party.objects.count(), Entry.objects.count()
        told = take()
        assert (told["new"], told["there"], told["files"], told["faults"]) == (0, 2, 0, [])
        assert before == (Attachment.objects.count(), Party.objects.count(), Entry.objects.count())
        assert set(Busy.asked) == {"/api/v1/email_addresses", "/api/v1/tickets"}

    def test_a_run_that_was_killed_among_the_files_is_done_by_the_next(self, there, take, monkeypatch):
        fetch, count = take_over.Zammad.fetch, Counter()

        def killed(self, file):
            count["files"] += 1
            if count["files"] == 3:
                raise KeyboardInterrupt
            return fetch(self, file)

        with monkeypatch.context() as patched:
            patched.setattr(take_over.Zammad, "fetch", killed)
            with pytest.raises(KeyboardInterrupt):
                take()
        assert not Attachment.objects.exists()
        assert take()["new"] == 2
        assert Attachment.objects.count() == 4

    @pytest.mark.parametrize("answer", [401, 429, 503])
    def test_a_ticket_is_left_to_the_next_run_while_zammad_cannot_give_its_files(self, there, take, answer):
        class Away(Busy):
            broken = {"1": answer}

        told = take(handler=Away)
        assert (told["new"], [where for where, _why in told["faults"]]) == (1, ["ticket 67001"])
        assert take()["new"] == 1
        assert Attachment.objects.filter(entry__ticket__old_numbers__text="67001").count() == 3

    def test_a_file_that_ends_too_soon_is_not_taken_for_whole(self, there, take):
        class Cut(Busy):
            def send_header(self, name, value):
                longer = name == "Content-Length" and "attachment" in self.path
                super().send_header(name, str(int(value) + 1) if longer else value)

        told = take(handler=Cut)
        assert (told["new"], told["files"]) == (0, 0)
        assert "ends too soon" in told["faults"][0][1]

    def test_whom_it_was_copied_to_is_a_party_and_nobody_else(self, there, take):
        Post(there, "quay.example")
        take()
        parties = Party.objects.filter(ticket__old_numbers__text="67001").values_list("address", "role")
        assert sorted(parties) == [
            ("al@acme.example", "cc"),
            ("bo@acme.example", "cc"),
            ("cleo@acme.example", "requester"),
            ("flo@acme.example", "cc"),
            ("support@quay.example", "cc"),
        ]

    def test_no_address_of_ours_is_copied(self, there, take):
        mailroom.add_address(address="support@quay.example", brand_id=there.brand.pk, **there.doing)
        take()
        assert not Party.objects.filter(address="support@quay.example").exists()

    def test_where_zammad_does_not_tell_its_addresses_only_copies_are_taken(self, there, take):
        class Silent(Busy):
            def do_GET(self):
                if self.path.startswith("/api/v1/email_addresses"):
                    self.send_error(403)
                else:
                    super().do_GET()

        told = take(handler=Silent)
        assert told["faults"][0][0] == "addresses of that desk"
        copied = Party.objects.filter(role="cc").values_list("address", flat=True)
        assert sorted(copied) == ["bo@acme.example", "flo@acme.example", "support@quay.example"]

    def test_nobody_is_written_to(self, there, take):
        take()
        there.work()
        assert not Delivery.objects.filter(subject_kind="ticket").exists()
        assert not Message.objects.filter(kind__startswith="ticket.").exists()
