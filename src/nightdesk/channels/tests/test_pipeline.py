"""A mail by commands in a row: what the server got, what each of its answers becomes, and what is left of the connection."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiosmtplib
import pytest
from aiosmtplib.protocol import PERIOD_REGEX, normalize_message_line_endings
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.drivers.pipeline import Pipeline, as_sent

GREETING = b"220 mail.example ESMTP\r\n"
KNOWS = b"250-mail.example\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n"
MAIL = b"Subject: Hello\r\n\r\n.It is down\r\n"
ENVELOPE = b"MAIL FROM:<noc@x.example> SIZE=32\r\nRCPT TO:<bo@y.example>\r\nDATA\r\n"
HURRY_S = 60.0

Step = tuple[bytes, Sequence[bytes]]
"""What the server waits for, and what it says then, piece by piece; nothing: it hangs up."""


def talk(steps: Sequence[Step], ask: Callable[[Pipeline], Any]) -> tuple[Any, bytes]:
    """What `ask` gives or raises, of a connection to a server that does as told, and all that the server was told after EHLO."""

    async def scenario() -> tuple[Any, bytes]:
        heard = bytearray()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(GREETING)
            await reader.readuntil(b"\r\n")
            writer.write(KNOWS)
            for awaited, answers in steps:
                if awaited:
                    heard.extend(await reader.readexactly(len(awaited)))
                for answer in answers:
                    writer.write(answer)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                if not answers:
                    break
            else:
                heard.extend(await reader.read())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, asyncio.timeout(HURRY_S):
            smtp = aiosmtplib.SMTP(
                hostname="127.0.0.1", port=server.sockets[0].getsockname()[1], use_tls=False, start_tls=False
            )
            await smtp.connect()
            pipeline = await Pipeline.of(smtp)
            assert pipeline is not None
            try:
                came = await ask(pipeline)
            except (aiosmtplib.SMTPException, ValueError) as error:
                came = error
            connected = pipeline.is_connected
            pipeline.close()
        return (came, connected), bytes(heard)

    return asyncio.run(scenario())


async def send(pipeline: Pipeline) -> str:
    await pipeline.sendmail("noc@x.example", ["bo@y.example"], MAIL)
    return "taken"


GOOD = (ENVELOPE, [b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n"])
BODY = b"Subject: Hello\r\n\r\n..It is down\r\n.\r\n"


def test_a_mail_takes_two_ways_there_and_back():
    (came, connected), heard = talk([GOOD, (BODY, [b"250 2.0.0 Kept\r\n"])], send)
    assert (came, connected) == ("taken", True)
    assert heard == ENVELOPE + BODY


def test_answers_that_come_in_crumbs_are_read_as_one():
    crumbs = [bytes([one]) for one in b"250-a\r\n250 2.1.0 Ok\r\n250 Ok\r\n354 Go\r\n"]
    (came, _), _ = talk([(ENVELOPE, crumbs), (BODY, [b"250-one\r\n", b"250 two\r\n"])], send)
    assert came == "taken"


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        (b"550 5.7.1 Not you\r\n503 First MAIL\r\n503 First RCPT\r\n", aiosmtplib.SMTPSenderRefused, "Not you"),
        (b"250 Ok\r\n550 5.1.1 Nobody\r\n503 Nobody to write to\r\n", aiosmtplib.SMTPRecipientsRefused, "Nobody"),
        (b"250 Ok\r\n251 Forwarded\r\n452 4.3.1 Full\r\n", aiosmtplib.SMTPDataError, "Full"),
    ],
)
def test_a_refusal_is_what_aiosmtplib_makes_of_it_and_the_connection_goes_on(answers, error, says):
    steps = [(ENVELOPE, [answers]), (b"RSET\r\n", [b"250 Ok\r\n"]), GOOD, (BODY, [b"250 Ok\r\n"])]

    async def twice(pipeline: Pipeline) -> Any:
        with pytest.raises(error) as refused:
            await send(pipeline)
        assert await send(pipeline) == "taken"
        return refused.value

    (came, connected), _ = talk(steps, twice)
    assert connected
    assert says in str(came) or says in str(came.recipients[0])


def test_where_a_mail_is_asked_for_that_nobody_takes_an_empty_one_ends_it():
    answers = [b"250 Ok\r\n550 5.1.1 Nobody\r\n354 Go on all the same\r\n"]
    steps = [(ENVELOPE, answers), (b".\r\n", [b"554 Nobody\r\n"]), (b"RSET\r\n", [b"250 Ok\r\n"])]
    (came, connected), heard = talk(steps, send)
    assert isinstance(came, aiosmtplib.SMTPRecipientsRefused)
    assert connected
    assert b"Subject" not in heard


def test_a_mail_that_is_looked_at_and_refused_is_refused():
    (came, connected), _ = talk([GOOD, (BODY, [b"554 5.7.1 Spam\r\n"])], send)
    assert isinstance(came, aiosmtplib.SMTPDataError)
    assert (came.code, connected) == (554, True)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([(ENVELOPE, [b"421 4.3.2 Going down\r\n"]), (b"", [])], 421),
        ([(ENVELOPE, [b"250 Ok\r\n250 Ok\r\n"]), (b"", [])], None),
        ([GOOD, (BODY, [])], None),
        ([(ENVELOPE, [b"What is that?\r\n"])], None),
        ([(ENVELOPE, [b"250-and so on\r\n" * 4000])], None),
        ([(ENVELOPE, [b"2" * 40_000])], None),
    ],
)
def test_who_hangs_up_or_talks_nonsense_has_not_taken_the_mail(steps, code):
    (came, connected), _ = talk(steps, send)
    assert isinstance(came, aiosmtplib.SMTPResponseException if code else aiosmtplib.SMTPServerDisconnected)
    assert getattr(came, "code", None) == code
    assert not connected


def test_what_a_server_says_unasked_ends_the_connection():
    async def wait(pipeline: Pipeline) -> str:
        assert await send(pipeline) == "taken"
        while pipeline.is_connected:
            await asyncio.sleep(0.01)
        with pytest.raises(aiosmtplib.SMTPServerDisconnected, match="Idle"):
            await send(pipeline)
        return "seen"

    (came, _), _ = talk([GOOD, (BODY, [b"250 Ok\r\n", b"421 Idle for too long\r\n"])], wait)
    assert came == "seen"


@pytest.mark.parametrize("sender", ["a@x.example>\r\nRCPT TO:<x@y.example", "a\x00@x.example"])
def test_no_command_comes_out_of_an_address(sender):
    (came, _), heard = talk([], lambda pipeline: pipeline.sendmail(sender, ["bo@y.example"], MAIL))
    assert isinstance(came, ValueError)
    assert heard == b""


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"..", b"\xff"]), max_size=30).map(b"".join))
def test_it_goes_over_the_wire_as_aiosmtplib_sends_it(raw):
    assert as_sent(raw) == PERIOD_REGEX.sub(b"..", normalize_message_line_endings(raw))
