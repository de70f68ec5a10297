import io
import json
import zipfile
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from nightdesk.base.files import keep_file
from nightdesk.base.models import Promise
from nightdesk.channels.mail_form import form_of
from nightdesk.channels.models import Message
from nightdesk.desk import actions, attaching, attachment_actions, file_text, queries, scanning
from nightdesk.desk.actions import File, Words
from nightdesk.desk.finding import Reader, find_tickets
from nightdesk.desk.models import Attachment
from nightdesk.desk.queries import FileNotClean
from nightdesk.desk.scanning import ScannerAway
from nightdesk.desk.tests.provider import Provider
from nightdesk.journal.models import Entry as JournalEntry
from tests.peers.clamd import CALLED, LARGEST, VIRUS, Clamd
from tests.requires import requires

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture
def there(db):
    return Provider()


def came(there, *files):
    """The attachments of a ticket that came with these."""
    ticket = there.ticket(words=Words("See the file", files=files))
    return list(Attachment.objects.filter(entry__ticket=ticket))


def look(there, file):
    """The worker keeps what is promised of the file, until nothing is."""
    for _ in range(3):
        for promise in Promise.objects.filter(subject_kind="attachment", subject_id=str(file.pk), ended_at=None):
            verb = (
                attachment_actions.scan_attachment
                if promise.kind == attaching.SCAN
                else attachment_actions.read_attachment
            )
            verb(attachment_id=file.pk, **there.doing)
            Promise.objects.filter(pk=promise.pk).update(ended_at=there.at, ended_as="kept")
    file.refresh_from_db()


class Hook(BaseHTTPRequestHandler):
    """An operator's own scanner: what holds the test's virus is refused."""

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        told = {"verdict": "refused", "found": "Test"} if VIRUS in content else {"verdict": "clean"}
        body = b"<html>busy</html>" if content == b"busy" else json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@contextmanager
def hook():
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/scan"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestScanning:
    def test_without_a_scanner_a_file_is_there_at_once(self, there):
        (file,) = came(there, File("a.png", "image/png", b"\x89PNG"))
        assert (file.scan, queries.file_of(file)) == ("unscanned", b"\x89PNG")
        assert not Promise.objects.filter(subject_kind="attachment").exists()

    def test_with_one_nobody_gets_it_before_the_verdict(self, there, settings):
        with hook() as settings.SCANNER:
            (file,) = came(there, File("a.txt", "text/plain", b"fine"))
            with pytest.raises(FileNotClean, match="has not looked"):
                queries.file_of(file)
            look(there, file)
        assert (file.scan, queries.file_of(file), file.text) == ("clean", b"fine", "fine")
        assert JournalEntry.objects.get(kind="attachment.scanned").facts["verdict"] == "clean"

    def test_what_is_refused_is_never_given_out_or_read(self, there, settings):
        with hook() as settings.SCANNER:
            (file,) = came(there, File("bad.txt", "text/plain", b"secretword " + VIRUS))
            look(there, file)
        assert (file.scan, file.scanned_as, file.text) == ("refused", "Test", "")
        with pytest.raises(FileNotClean, match="found Test"):
            queries.file_of(file)
        attachment_actions.read_attachment(attachment_id=file.pk, **there.doing)
        assert not find_tickets("secretword", Reader(None)).hits

    @pytest.mark.parametrize("scanner", ["clamd:///nowhere/clamd.ctl", "clamd://127.0.0.1:1", "http://127.0.0.1:1/"])
    def test_while_it_is_away_the_file_waits_and_the_promise_stays(self, there, settings, scanner):
        settings.SCANNER = scanner
        (file,) = came(there, File("a.txt", "text/plain", b"fine"))
        with pytest.raises(ScannerAway):
            attachment_actions.scan_attachment(attachment_id=file.pk, **there.doing)
        file.refresh_from_db()
        assert file.scan == "waiting"
        assert Promise.objects.filter(kind=attaching.SCAN, ended_at=None).exists()

    def test_of_an_answer_nothing_leaves_that_it_has_not_seen(self, there, settings):
        ticket = there.ticket()

        def answer(content):
            words = Words("See the file", files=[File("a.txt", "text/plain", content)])
            actions.reply_to_customer(ticket_id=ticket.pk, words=words, **there.doing_as(there.dee))

        with hook() as settings.SCANNER:
            for content, why in ((VIRUS, "found Test"), (b"busy", "does not answer")):
                with pytest.raises(FileNotClean, match=why):
                    answer(content)
            assert not Message.objects.filter(kind="ticket.reply").exists()
            answer(b"fine")
        assert [one.name for one in form_of(Message.objects.get(kind="ticket.reply").mail).files] == ["a.txt"]

    def test_a_hook_that_says_something_else_has_said_nothing(self, settings):
        with hook() as scanner, pytest.raises(ScannerAway):
            scanning.scan(b"busy", scanner)

    @requires("clamd")
    def test_clamd_by_socket_and_by_network(self, there, settings):
        with Clamd() as clamd:
            for scanner in (clamd.socket_address, clamd.tcp_address):
                assert scanning.scan(b"fine" * 100_000, scanner) == ""
                assert scanning.scan(b"", scanner) == ""
                assert scanning.scan(b"x" * 70_000 + VIRUS, scanner) == CALLED
                assert scanning.scan(bytes(LARGEST + 10), scanner) == "larger than the scanner takes"
            settings.SCANNER = clamd.socket_address
            (good, bad) = came(there, File("a", "text/plain", b"fine"), File("b", "text/plain", VIRUS))
            look(there, good), look(there, bad)
        assert (good.scan, bad.scan, bad.scanned_as) == ("clean", "refused", CALLED)


def office(name, xml):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(name, xml)
    return packed.getvalue()


def pdf(*lines, page=b""):
    """A PDF of one page, as PDF 1.4 has it at its plainest; `page`: more of what stands on it."""
    said = b"BT /F1 12 Tf 50 700 Td 14 TL " + b" ".join(b"(%s) Tj T*" % line.encode("cp1252") for line in lines)
    stream = zlib.compress(said + b" ET " + page)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, at = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        at.append(len(out))
        out += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in at)
    return (
        out
        + b"xref\n0 6\n0000000000 65535 f \n"
        + table
        + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(out)
    )


class TestReading:
    def test_the_words_of_a_file_can_be_searched_for(self, there):
        (file,) = came(there, File("mtr.txt", "text/plain", "Verlust bei Stück 3".encode("latin-1")))
        look(there, file)
        (hit,) = find_tickets("stuck verlust", Reader(None)).hits
        assert [piece.text for piece in hit.pieces if piece.marked] == ["Verlust", "Stück"]

    @pytest.mark.parametrize(
        ("content", "media_type", "text"),
        [
            (b"\xff\xfeh\0i\0", "text/plain", "hi"),
            ("\ufeffhi\0there".encode(), "text/csv", "hi there"),
            (office("word/document.xml", "<d><p><t>Two</t></p><p><t>words</t></p></d>"), DOCX, "Two words"),
            (office("word/document.xml", "<d><p>"), DOCX, ""),
            (b"no zip", DOCX, ""),
            (
                pdf("Link budget of Hafenstra\u00dfe", "minus 23 dBm"),
                PDF,
                "Link budget of Hafenstra\u00dfe minus 23 dBm",
            ),
            (pdf("Cut short")[:200], PDF, ""),
            (b"no pdf", PDF, ""),
            (b"\x89PNG", "image/png", ""),
        ],
    )
    def test_what_can_be_read_is_read_and_nothing_breaks(self, content, media_type, text):
        assert file_text.text_of(content, media_type) == text

    def test_a_bomb_costs_little_and_says_nothing(self):
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "boom" * 10}">' for n in range(9))
        bomb = f"<!DOCTYPE d [{entities}]><d><p>&e8;</p></d>"
        assert len(file_text.text_of(office("word/document.xml", bomb), DOCX)) <= file_text.LONGEST
        large = zipfile.ZipInfo("word/document.xml")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file, file.open(large, "w") as part:
            for _ in range(60):
                part.write(b" " * 2**20)
        assert file_text.text_of(packed.getvalue(), DOCX) == ""

    def test_a_pdf_that_unpacks_without_end_costs_little_and_says_nothing(self):
        assert file_text.text_of(pdf("A bomb", page=b"q " * 2**26), PDF) == ""

    def test_a_picture_of_words_is_found_by_its_name_alone(self):
        assert file_text.text_of(pdf(), PDF) == ""

    def test_bytes_that_are_gone_are_said_to_be(self, there):
        (file,) = came(there, File("a", "text/plain", b"x"))
        Attachment.objects.filter(pk=file.pk).update(digest="0" * 64)
        file.refresh_from_db()
        with pytest.raises(queries.NotFound):
            queries.file_of(file)
        assert keep_file(b"x")
