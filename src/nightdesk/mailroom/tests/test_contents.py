"""What mails carry: files under whatever name, mails in mails, what Outlook wraps, invitations, what is signed or encrypted."""

import base64
import re
import struct
from datetime import UTC, datetime, timedelta

import pytest
import tnefparse
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.mailroom import mime, tnef
from nightdesk.mailroom.contents import LONGEST_TEXT
from nightdesk.mailroom.decoding import decoded
from nightdesk.mailroom.flowed import unflowed
from nightdesk.mailroom.invites import invite_text
from nightdesk.mailroom.letter import Letter, read_attachments, read_letter
from nightdesk.mailroom.rtf import read_rtf, unpacked
from nightdesk.mailroom.smime import signed_content

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def mail(*parts: tuple[str, bytes], kind: str = "mixed", head: str = "") -> bytes:
    """A mail of parts, each (its header's lines, its body)."""
    pieces = [
        b"--b\r\n" + lines.encode().replace(b"\n", b"\r\n") + b"\r\n\r\n" + body + b"\r\n" for lines, body in parts
    ]
    top = f"From: Bo <bo@example.net>\r\n{head}Content-Type: multipart/{kind}; boundary=b\r\n\r\n".encode()
    return top + b"".join(pieces) + b"--b--\r\n"


def text(words: str) -> tuple[str, bytes]:
    return "Content-Type: text/plain; charset=utf-8", words.encode()


def names(raw: bytes) -> list[str]:
    return [one.name for one in read_attachments(raw)]


# --- Files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ('filename="plan.pdf"', "plan.pdf"),
        ("filename=This is a plan.pdf", "This is a plan.pdf"),
        ("filename*=utf-8''Stra%C3%9Fe.pdf", "Straße.pdf"),
        ("filename*=iso-8859-1'de'Stra%DFe.pdf", "Straße.pdf"),
        ("filename*0*=utf-8''Stra%C3%9F; filename*1=e; filename*2=.pdf", "Straße.pdf"),
        ('filename*1="two.pdf"; filename*0="one-"', "one-two.pdf"),
        ('filename="Straße.pdf"', "Straße.pdf"),
        ('filename="=?utf-8?B?U3RyYcOfZS5wZGY=?="', "Straße.pdf"),
        ("filename==?utf-8?Q?Stra=C3=9Fe.pdf?=", "Straße.pdf"),
        ('filename="a \\"b\\".pdf"', "a _b_.pdf"),
        ('filename="C:\\Users\\bo\\plan.pdf"', "plan.pdf"),
        ('filename="../../etc/passwd"', "passwd"),
        ('filename="a;b.pdf"; size=3', "a;b.pdf"),
        ('filename="never closed.pdf', "never closed.pdf"),
        ('filename="long\n\tname.pdf"', "long name.pdf"),
        ('filename="broken\nname.pdf"', "broken name.pdf"),
        ("filename*=utf-8''two%0D%0Alines.pdf", "two lines.pdf"),
        ('filename="evil\u202efdp.exe"', "evil_fdp.exe"),
        ('filename=".."', "attachment-1.pdf"),
        ("", "attachment-1.pdf"),
    ],
)
def test_a_file_has_the_name_that_its_sender_saw_however_it_is_written(told: str, name: str) -> None:
    lines = f"Content-Type: application/pdf\nContent-Disposition: attachment; {told}"
    (one,) = read_attachments(mail(text("See below."), (lines, b"%PDF")))
    assert (one.name, one.content, one.size, one.inline) == (name, b"%PDF", 4, False)


def test_files_of_one_name_are_told_apart_and_keep_their_bytes() -> None:
    lines = 'Content-Type: image/png; name="scan.png"\nContent-Transfer-Encoding: base64'
    files = [(lines, base64.b64encode(content)) for content in (b"one", b"two", b"three")]
    raw = mail(text("Three scans"), *files)
    assert [(one.name, one.content) for one in read_attachments(raw)] == [
        ("scan.png", b"one"),
        ("scan (2).png", b"two"),
        ("scan (3).png", b"three"),
    ]


def test_a_mail_within_the_mail_is_a_file_named_from_its_subject_byte_for_byte() -> None:
    inner = b"Subject: =?utf-8?q?St=C3=B6rung:_line/3?=\r\nFrom: al@example.com\r\n\r\nIt is down.\r\n--b2\r\n"
    raw = mail(text("FYI"), ("Content-Type: message/rfc822", inner))
    (one,) = read_attachments(raw)
    assert (one.name, one.media_type, one.content) == ("Störung_ line_3.eml", "message/rfc822", inner)
    assert read_letter(one.content).from_address == "al@example.com"


def test_inline_images_keep_what_the_text_calls_them_by() -> None:
    by_id = "Content-Type: image/png\nContent-ID: <logo@example.net>\nContent-Transfer-Encoding: base64"
    by_place = "Content-Type: image/png; name=x.png\nContent-Location: https://example.net/x.png"
    raw = mail(("Content-Type: text/html", b"<img src=cid:logo@example.net>"), (by_id, base64.b64encode(PNG)),
               (by_place, PNG), kind="related")  # fmt: skip
    first, second = read_attachments(raw)
    assert (first.content_id, first.inline, first.content) == ("logo@example.net", True, PNG)
    assert (second.location, second.inline) == ("https://example.net/x.png", True)


def test_an_image_that_stands_in_the_html_itself_becomes_a_file_and_the_text_behind_it_is_read() -> None:
    data = base64.b64encode(PNG * 9000).decode()
    letter = read_letter(f"Content-Type: text/html\n\n<img src='data:image/png;base64,{data}'><p>the text</p>".encode())
    assert letter.text.strip() == "the text"
    (one,) = letter.attachments
    assert (one.content, f"cid:{one.content_id}" in letter.html) == (PNG * 9000, True)


def test_files_in_a_text_by_uuencode_are_files_and_the_words_around_them_stay() -> None:
    lines = [b"Hello,", b"begin 644 notes.txt", b"#0V%T", b"`", b"end", b"Bye", b"begin 644 of the day", b"no file"]
    letter = read_letter(b"Subject: x\n\n" + b"\n".join(lines))
    assert letter.text == "Hello,\n[notes.txt]\nBye\nbegin 644 of the day\nno file"
    assert [(one.name, one.content) for one in letter.attachments] == [("notes.txt", b"Cat")]


def test_every_text_of_a_mail_is_in_its_text() -> None:
    plain_and_html = mail(text("the plain one"), ("Content-Type: text/html", b"<p>the HTML one"), kind="mixed")
    letter = read_letter(plain_and_html)
    assert ("the plain one" in letter.text, "the HTML one" in letter.text) == (True, True)
    assert "the plain one" in letter.html
    either = mail(text("  "), ("Content-Type: text/html", b"<p>only here"), kind="alternative")
    assert (read_letter(either).text, read_letter(either).from_html) == ("only here", True)
    footed = mail(("Content-Type: text/html", b"<p>words"), ("Content-Type: text/plain; name=footer.txt", b"-- list"))
    assert (read_letter(footed).text.strip(), names(footed)) == ("words", ["footer.txt"])
    no_parts = b"Content-Type: multipart/mixed; boundary=zzz\n\nno boundary comes, and the words are here"
    assert "the words are here" in read_letter(no_parts).text


def test_a_text_beyond_the_limit_says_so_and_keeps_its_beginning() -> None:
    letter = read_letter(b"Subject: x\n\n" + "ä".encode() * (LONGEST_TEXT + 5))
    assert letter.text == "ä" * LONGEST_TEXT
    assert any("longer than" in fault for fault in letter.faults)


@pytest.mark.parametrize(
    ("content", "charset", "shown"),
    [
        ("Grüße".encode(), "iso-8859-1", "Grüße"),
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        ("“Grüße”".encode("cp1252"), "iso-8859-1", "“Grüße”"),
        ("Grüße".encode(), "x-nonsense", "Grüße"),
        ("①㈱".encode("cp932"), "shift_jis", "①㈱"),
        ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하"),
        ("镕基".encode("gb18030"), "gb2312", "镕基"),
        (("Привет, мир. " * 20).encode() + b"\xd0", "utf-8", "Привет, мир. " * 20 + "\ufffd"),
        (("Grüße aus Köln. " * 20).encode()[:-2] + b"\xff", "", ("Grüße aus Köln. " * 20)[:-2] + "\ufffd"),
    ],
)
def test_a_wrong_charset_does_not_spoil_the_text(content: bytes, charset: str, shown: str) -> None:
    assert decoded(content, charset) == shown


def test_lines_that_were_broken_for_the_way_are_joined_and_quotes_keep_their_depth() -> None:
    flowed = "The line \nis down.\n\n> Since \n> when?\n>> Today \nHm \n-- \nBo"
    assert unflowed(flowed) == "The line is down.\n\n> Since when?\n>> Today \nHm \n-- \nBo"
    assert unflowed("exam \nple", deletes_space=True) == "example"
    raw = b'Content-Type: text/plain; format="flowed"; charset=utf-8\n\nThe line \nis down.\n'
    assert read_letter(raw).text == "The line is down.\n"


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from(["mixed", "alternative", "related", "signed"]))
def test_parts_come_out_byte_for_byte(bodies: list[bytes], kind: str) -> None:
    bodies = [body.replace(b"--b", b"") for body in bodies]
    raw = mail(*[("Content-Type: application/octet-stream", body) for body in bodies], kind=kind)
    assert [one.content for one in read_attachments(raw)] == bodies


BITS = st.sampled_from([b"--b", b"b", b"-", b"--", b"--b--", b"\r\n", b"\n", b"\r", b" ", b"\t", b"x", b"---b"])


@given(st.lists(BITS, max_size=14).map(b"".join), st.sampled_from(["b", "-b", "b-", "--", "b b"]), st.integers(1, 4))
def test_a_boundary_is_a_line_of_its_own_however_lines_end(body: bytes, mark: str, most: int) -> None:
    """As the regular expression says that it is, which is too slow to be made for each mail."""
    lines = re.compile(rb"(?:^|\r\n|\n|\r)--" + re.escape(mark.encode()) + rb"(--)?[ \t]*(?=\r\n|\n|\r|\Z)")
    expected, start = [], None
    for found in lines.finditer(body):
        if start is not None:
            expected.append(body[start : found.start()])
        start = None if found[1] else found.end() + len(re.match(rb"(\r\n|\n|\r)?", body[found.end() :])[0])  # type: ignore[index]
        if start is None or len(expected) + 1 >= most:
            break
    if start is not None:
        expected.append(body[start:])
    assert mime._pieces(body, mark, most) == expected


@given(st.binary(max_size=400), st.sampled_from([7, 60, 76]))
def test_base64_is_read_however_it_is_broken_and_padded(content: bytes, width: int) -> None:
    packed = base64.b64encode(content)
    lines = b"\r\n ".join(packed[at : at + width] for at in range(0, len(packed), width))
    assert mime.without_encoding(lines + b"\r\n", "base64") == content
    assert mime.without_encoding(packed.rstrip(b"=") + b" !", '"Base64"'.lower()) == content
    assert mime.without_encoding(packed + packed, "base64") == content * 2


# --- What Outlook wraps ------------------------------------------------------------------------------------------------


def attribute(level: int, name: int, value: bytes) -> bytes:
    kind = {0x8004: 1, 0x9003: 6, 0x9005: 6, 0x800F: 6, 0x8010: 1, 0x9002: 6, 0x9007: 6, 0x9006: 8}.get(name, 0)
    head = struct.pack("<BHHI", level, name, kind, len(value))
    return head + value + struct.pack("<H", sum(value) & 0xFFFF)


def properties(*given: tuple[int, int, bytes]) -> bytes:
    """(kind, id, value) of each."""
    out = struct.pack("<I", len(given))
    for kind, name, value in given:
        out += struct.pack("<HH", kind, name)
        out += value if kind == 3 else struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return out


def winmail(subject: str, body: tuple[int, int, bytes], *files: tuple[str, bytes, bytes]) -> bytes:
    """(name, content as an attribute, content as an object) of each file."""
    out = struct.pack("<IH", tnef.SIGNATURE, 1)
    out += attribute(1, 0x9006, struct.pack("<I", 0x10000)) + attribute(1, 0x9007, struct.pack("<II", 1252, 0))
    out += attribute(1, 0x8004, subject.encode("cp1252") + b"\0")
    out += attribute(1, 0x9003, properties((3, 0x3FDE, struct.pack("<I", 65001)), body))
    for name, content, held in files:
        out += attribute(2, 0x9002, b"\0" * 14) + attribute(2, 0x8010, b"SHORT~1.TXT\0")
        out += attribute(2, 0x800F, content) if content else b""
        wide = (name + "\0").encode("utf-16-le")
        told = [(0x1F, 0x3707, wide)] + ([(0x0D, 0x3701, held)] if held else [])
        out += attribute(2, 0x9005, properties(*told))
    return out


HTML = (0x102, 0x1013, "<p>Die Größe</p>".encode())


def test_what_outlook_wraps_is_unwrapped_and_another_reader_reads_the_same() -> None:
    wrapped = winmail("Plan für morgen", HTML, ("Straßenplan.txt", b"north", b""))
    other = tnefparse.TNEF(wrapped)
    assert (other.htmlbody, [one.long_filename() for one in other.attachments]) == (
        "<p>Die Größe</p>",
        ["Straßenplan.txt"],
    )
    raw = mail(("Content-Type: application/ms-tnef; name=winmail.dat", wrapped), head="Subject: Plan\r\n")
    letter = read_letter(raw)
    assert (letter.text, letter.html) == ("Die Größe", "<p>Die Größe</p>")
    assert [(one.name, one.content) for one in letter.attachments] == [("Straßenplan.txt", b"north")]


def test_a_file_that_ends_in_zeros_keeps_them() -> None:
    found = tnef.unwrap(winmail("x", HTML, ("a.bin", b"", b"ab\0\0\0\0")))
    assert found is not None
    assert (found.files[0].content, found.whole) == (b"ab\0\0\0\0", True)


def test_a_mail_that_outlook_wraps_within_another_is_a_mail_with_its_own_files() -> None:
    inner = winmail("Innen", (0x1F, 0x1000, "Der Text".encode("utf-16-le")), ("deep.txt", b"deep", b""))
    outer = winmail("Außen", HTML, ("", b"", tnef._A_MAIL + inner))
    letter = read_letter(mail(("Content-Type: application/ms-tnef", outer)))
    (one,) = letter.attachments
    assert (one.name, one.media_type) == ("Innen.eml", "message/rfc822")
    held = read_letter(one.content)
    assert (held.title, held.text.strip(), [each.content for each in held.attachments]) == (
        "Innen",
        "Der Text",
        [b"deep"],
    )


def test_what_is_cut_short_gives_what_is_there_and_is_kept_as_it_came() -> None:
    wrapped = winmail("x", HTML, ("a.txt", b"north", b""))
    letter = read_letter(mail(("Content-Type: application/ms-tnef; name=winmail.dat", wrapped[:-60])))
    assert letter.text == "Die Größe"
    assert "winmail.dat" in [one.name for one in letter.attachments]
    assert any("winmail.dat" in fault for fault in letter.faults)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 200))
def test_no_bytes_make_the_reader_of_what_outlook_wraps_fail(junk: bytes, at: int, cut: int) -> None:
    whole = winmail("x", HTML, ("a.txt", b"north", b""), ("b", b"", tnef._A_MAIL + winmail("y", HTML)))
    broken = whole[: at + 6] + junk + whole[at + 6 + cut :]
    tnef.unwrap(broken)
    unpacked(junk)
    unpacked(struct.pack("<II4sI", len(junk) + 12, 5000, b"LZFu", 0) + junk)
    read_rtf(b"{\\rtf1\\ansi\\fromhtml1 " + junk)


def test_rich_text_becomes_the_html_that_it_was_made_from_or_plain_text() -> None:
    # The example of MS-OXRTFCP 3.1: a dictionary reference that reads what it is writing.
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af3206865 6c090020627705b06c647d0a800fa0"
    )
    assert unpacked(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    plain = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset204 Arial;}{\f1 X;}}\f1 Gr\'fc\'dfe \{1\}\par\f0\'cf\u8364?{\*\x no}}"
    assert read_rtf(plain) == ("Grüße {1}\nП€", False)
    html = rb"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf \par \htmlrtf0 a\'e4{\*\htmltag72 </p>}}"
    assert read_rtf(html) == ("<p>aä</p>", True)


# --- Invitations -------------------------------------------------------------------------------------------------------

INVITE = """BEGIN:VCALENDAR
METHOD:REQUEST
PRODID:x
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:Line test
DTSTART;TZID=Europe/Berlin:20261103T200000
DTEND;TZID=Europe/Berlin:20261103T213000
LOCATION:Rack 7
ORGANIZER;CN=Al:mailto:al@example.com
ATTENDEE;CN="Bo Lindqvist";PARTSTAT=ACCEPTED:mailto:bo@example.net
DESCRIPTION:Bring the\\nlaptop
END:VEVENT
END:VCALENDAR
"""


def test_an_invitation_says_when_where_and_who_in_its_own_zone() -> None:
    raw = b"Subject: x\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\n" + INVITE.encode()
    letter = read_letter(raw)
    assert letter.text == (
        "Invitation: Line test\nWhen: Tue 3 Nov 2026 20:00 to 21:30 (Europe/Berlin, UTC+01:00)\nWhere: Rack 7\n"
        "Organizer: Al <al@example.com>\nWith: Bo Lindqvist <bo@example.net>\n\nBring the\nlaptop"
    )
    assert [one.name for one in letter.attachments] == ["attachment-1.ics"]
    both = mail(text("Please come."), ("Content-Type: text/calendar", INVITE.encode()), kind="alternative")
    assert read_letter(both).text.startswith("Please come.\n\nInvitation: Line test")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("DTSTART;TZID=Europe/Berlin:20261103T200000", "DTSTART;VALUE=DATE:20261103"),
            "When: Tue 3 Nov 2026, all day",
        ),
        (("METHOD:REQUEST", "METHOD:CANCEL"), "Cancelled: Line test"),
        (("METHOD:REQUEST", "METHOD:REPLY"), "Answer: Bo Lindqvist <bo@example.net> accepts"),
        (("DTSTART;TZID=Europe/Berlin:20261103T200000", "DTSTART:20261103T190000Z"), "19:00 to 20:30 (UTC)"),
        (("TZID=Europe/Berlin:20261103T2", "TZID=W. Europe Standard Time:20261103T2"), "20:00"),
    ],
)
def test_invitations_of_other_kinds_are_told_too(change: tuple[str, str], told: str) -> None:
    content = INVITE.replace("DTEND;TZID=Europe/Berlin:20261103T213000\n", "") if "VALUE=DATE" in change[1] else INVITE
    assert told in invite_text(content.replace(*change))


def test_a_calendar_that_cannot_be_read_is_kept_and_said() -> None:
    letter = read_letter(b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:nonsense\n")
    assert (len(letter.attachments), any("calendar" in fault for fault in letter.faults)) == (1, True)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.integers(0, 300))
def test_no_calendar_makes_the_reader_fail(junk: str, at: int) -> None:
    assert isinstance(invite_text(INVITE[:at] + junk + INVITE[at:]), str)


# --- Signed and encrypted ----------------------------------------------------------------------------------------------


def signed(content: bytes) -> bytes:
    """By another implementation, as an opaque SignedData in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bo")])
    began = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = made.not_valid_before(began).not_valid_after(began + timedelta(days=999)).sign(key, hashes.SHA256())
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


INNER = b"Content-Type: text/plain; charset=utf-8\r\n\r\nDie Leitung ist tot, Gr\xc3\xbc\xc3\x9fe\r\n"


def ber(content: bytes) -> bytes:
    """The same by streaming: indefinite lengths, and the content in pieces, as openssl writes it."""
    oid = bytes.fromhex("06092a864886f70d0107")
    pieces = b"".join(
        b"\x04" + bytes([len(one)]) + one for one in (content[at : at + 50] for at in range(0, len(content), 50))
    )
    inside = b"\x30\x80" + oid + b"\x01\xa0\x80\x24\x80" + pieces + b"\0\0" * 3
    return b"\x30\x80" + oid + b"\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00" + inside + b"\x31\x00" + b"\0\0" * 3


@pytest.mark.parametrize("wrap", [signed, ber])
def test_a_mail_that_is_only_signed_is_read_and_says_that_nobody_checked(wrap: object) -> None:
    content = wrap(INNER)  # type: ignore[operator]
    assert signed_content(content) == INNER
    head = "Subject: x\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n"
    raw = f"{head}Content-Transfer-Encoding: base64\n\n".encode() + base64.encodebytes(content)
    letter = read_letter(raw)
    assert letter.text == "Die Leitung ist tot, Grüße\n"
    assert any("not checked" in fault for fault in letter.faults)
    assert [(one.name, one.content) for one in letter.attachments] == [("smime.p7m", content)]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 200))
def test_no_bytes_make_the_reader_of_signed_mails_fail(junk: bytes, at: int) -> None:
    whole = ber(INNER)
    signed_content(junk)
    signed_content(whole[:at] + junk + whole[at:])


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nMIAG",
        mail(("Content-Type: application/pgp-encrypted", b"Version: 1"),
             ('Content-Type: application/octet-stream; name="encrypted.asc"', b"-----BEGIN PGP MESSAGE-----"),
             kind='encrypted; protocol="application/pgp-encrypted"'),
        b"Subject: x\n\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n",
    ],
)  # fmt: skip
def test_what_is_encrypted_is_kept_as_it_came_and_said(raw: bytes) -> None:
    letter = read_letter(raw)
    assert any("encrypted" in fault and "kept as it came" in fault for fault in letter.faults)
    assert letter.attachments or "BEGIN PGP MESSAGE" in letter.text


def test_a_detached_signature_is_a_file_and_the_text_is_the_text() -> None:
    raw = mail(
        text("Signed words"),
        ("Content-Type: application/pgp-signature", b"-----BEGIN PGP SIGNATURE-----"),
        kind="signed",
    )
    letter: Letter = read_letter(raw)
    assert (letter.text, names(raw)) == ("Signed words", ["attachment-1.asc"])
