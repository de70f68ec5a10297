"""SMPP against SMSCs that others have written: what goes over the line, and what is made of everything they may do."""

import asyncio
import dataclasses
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from nightdesk.base.refusals import Invalid
from nightdesk.channels import smpp_pdu, smpp_text
from nightdesk.channels.driver import Heard, Outgoing, Permanent, Receipt, Reply, Said, Sent, Temporary
from nightdesk.channels.drivers import smpp
from nightdesk.channels.drivers.smpp import SmppLine
from tests.peers.smpp_provider import PAGER, SmppProvider
from tests.requires import requires

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
BO = "+447700900123"
SAID = Said(UUID(int=5), AT, "page.rung", "page", "77", "P1 db down", "", "12", ("acknowledge",))


def outgoing(number: int = 1, **more: Any) -> Outgoing:
    made = Outgoing(SAID, UUID(int=number), date(2026, 11, 1), 2, 4, BO, "", AT, AT + timedelta(minutes=5))
    return dataclasses.replace(made, **more)


class Ears:
    """What a line heard. `slow` is waited for before anything counts as kept."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.kept = asyncio.Event()
        self.kept.set()
        self.faults = 0

    async def hear(self, heard: Heard) -> str:
        self.heard.append(heard)
        await self.kept.wait()
        if self.faults:
            self.faults -= 1
            raise ValueError("it cannot be kept")
        return "kept"

    async def unanswered(self) -> list[str]:
        return []

    async def wait(self, count: int = 1) -> list[Heard]:
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                await asyncio.sleep(0.005)
        return self.heard

    async def receipts(self, count: int = 1) -> list[Receipt]:
        found = [heard.read() for heard in await self.wait(count)]
        assert all(isinstance(one, Receipt) for one in found)
        return found  # type: ignore[return-value]


Scenario = Callable[[SmppLine, Ears], Awaitable[Any]]


def play(settings: dict[str, Any], scenario: Scenario, *, listens: bool = True) -> Any:
    async def run() -> Any:
        line, ears = SmppLine(settings), Ears()
        listening = asyncio.create_task(line.listen(ears)) if listens else None
        try:
            async with asyncio.timeout(90):
                return await scenario(line, ears)
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            await line.close()

    return asyncio.run(run())


async def off(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Something that waits for the peer, beside the loop."""
    return await asyncio.to_thread(work, *args, **more)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def smsc(stack: ExitStack) -> SmppProvider:
    return stack.enter_context(SmppProvider())


pytestmark = requires("smpp", "perl-smpp")


# Out


def test_a_text_goes_out_from_one_number_with_its_end_and_a_wish_for_a_receipt(smsc: SmppProvider) -> None:
    play(smsc.route_settings, lambda line, _: line.send(outgoing()))
    (seen,) = smsc.seen("submit")
    assert (seen["from"], seen["from_ton"], seen["from_npi"]) == (PAGER[1:], 1, 1)
    assert (seen["to"], seen["to_ton"], seen["to_npi"]) == (BO[1:], 1, 1)
    assert seen["text"] == "P1 db down\nReply 12 to take it."
    assert (seen["coding"], seen["esm"], seen["registered"]) == (0, 0, 1)
    assert 295 <= seen["validity"] <= 301


@pytest.mark.parametrize(
    ("text", "alphabet", "coding"),
    [
        ("Kühl: {21}° @ 4€ ~ [ab] \\ | ^", "gsm7", 8),
        ("Kühl: {21} @ 4€ ~ [ab] \\ | ^ ÄÖÜ ñ", "gsm7", 0),
        ("Kühl ÄÖÜ ñ £", "latin1", 0),
        ("Δ is not in Latin-1", "latin1", 8),
        ("🔥 db down", "gsm7", 8),
        ("plain", "ucs2", 0),
    ],
)
def test_the_peers_own_decoder_reads_what_was_written(
    smsc: SmppProvider, text: str, alphabet: str, coding: int
) -> None:
    settings = {**smsc.route_settings, "alphabet": alphabet}
    play(settings, lambda line, _: line.send(outgoing(said=quiet(text))))
    (seen,) = smsc.seen("submit")
    assert seen["coding"] == coding
    if coding == 8 or alphabet == "gsm7":
        assert seen["text"] == text


def quiet(title: str) -> Said:
    return dataclasses.replace(SAID, title=title, verbs=(), code="")


LONG = "The database of the billing cluster does not answer. " * 6


@pytest.mark.parametrize("how", ["udh", "sar", "payload"])
def test_a_long_text_is_cut_as_the_provider_wants_it_and_comes_together_again(smsc: SmppProvider, how: str) -> None:
    settings = {**smsc.route_settings, "long_texts": how}

    async def scenario(line: SmppLine, _: Ears) -> list[Sent]:
        return [await line.send(outgoing(number, said=quiet(LONG))) for number in (1, 2)]

    first, _second = play(settings, scenario)
    assert first.parts == 3
    seen = smsc.seen("submit", 2 if how == "payload" else 6)
    if how == "payload":
        assert [one["text"] for one in seen] == [LONG.strip()] * 2
        assert first.part_ids == ()
        return
    assert "".join(one["text"] for one in seen[:3]) == LONG.strip()
    assert first.part_ids == tuple(str(one["number"]) for one in seen[:3])
    if how == "udh":
        headers = [bytes.fromhex(one["udh"]) for one in seen]
        assert [(head[3], head[4]) for head in headers] == [(3, 1), (3, 2), (3, 3)] * 2
        assert len({head[2] for head in headers[:3]}) == 1
        assert headers[0][2] != headers[3][2], "two texts at once must not be mixed up in the telephone"
    else:
        assert [one["sar"][1:] for one in seen] == [[1, 3], [2, 3], [3, 3]] * 2


def test_a_text_whose_time_is_over_is_never_sent(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, _: Ears) -> None:
        with pytest.raises(Temporary, match="time was over") as refused:
            await line.send(outgoing(valid_until=AT))
        assert not refused.value.of_route

    play(smsc.route_settings, scenario)
    assert smsc.submits() == []


def test_a_part_that_was_taken_is_not_sent_again(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, _: Ears) -> Sent:
        await off(smsc.script, 0, 0x58)
        with pytest.raises(Temporary) as refused:
            await line.send(outgoing(said=quiet(LONG)))
        assert refused.value.slow
        return await line.send(outgoing(said=quiet(LONG), attempt=3))

    sent = play(smsc.route_settings, scenario)
    taken = smsc.submits()
    assert [one["udh"][-2:] for one in taken] == ["01", "02", "03"]
    assert len({one["udh"][4:6] for one in taken}) == 1
    assert sent.part_ids == tuple(str(one["number"]) for one in taken)


def test_an_answer_that_comes_too_late_still_counts(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, ears: Ears) -> Sent:
        await off(smsc.set, answer_after_ms=300, receipt_after_ms=600)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await line.send(outgoing())
        await ears.receipts()
        return await line.send(outgoing(attempt=3))

    sent = play(smsc.route_settings, scenario)
    assert [str(one["number"]) for one in smsc.submits()] == [sent.provider_id]


def test_a_name_cannot_be_answered_so_its_texts_say_where_to_ring(smsc: SmppProvider) -> None:
    settings = {**smsc.route_settings, "source": "QUAYSIDE", "ring": "+442079460000"}
    assert smpp.check({"source": "QUAYSIDE"}) != ""
    assert smpp.check(settings) == ""
    play(settings, lambda line, _: line.send(outgoing()))
    (seen,) = smsc.seen("submit")
    assert (seen["from"], seen["from_ton"], seen["from_npi"]) == ("QUAYSIDE", 5, 0)
    assert seen["text"] == "P1 db down\nDo not reply. Ring +442079460000."


@pytest.mark.parametrize(
    ("status", "kind", "of_route", "slow"),
    [
        (0x58, Temporary, False, True),
        (0x14, Temporary, False, True),
        (0x64, Temporary, False, False),
        (0x08, Temporary, True, False),
        (0x0A, Temporary, True, False),
        (0x62, Temporary, True, False),
        (0x0400, Temporary, True, False),
        (0x0B, Permanent, None, None),
        (0x45, Permanent, None, None),
        (0x65, Permanent, None, None),
        (0x66, Permanent, None, None),
        ("nack", Temporary, True, False),
    ],
)
def test_each_status_means_what_it_should(
    smsc: SmppProvider, status: int | str, kind: type, of_route: bool | None, slow: bool | None
) -> None:
    async def scenario(line: SmppLine, _: Ears) -> Sent:
        await off(smsc.script, status)
        with pytest.raises((Temporary, Permanent)) as refused:
            await line.send(outgoing())
        assert type(refused.value) is kind
        if isinstance(refused.value, Temporary):
            assert (refused.value.of_route, refused.value.slow) == (of_route, slow)
        else:
            assert not refused.value.unreachable
        return await line.send(outgoing(2))

    assert isinstance(play(smsc.route_settings, scenario), Sent)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"password": "wrong"}, "password is wrong"),
        ({"system_id": "nobody"}, "does not know this system id"),
        ({"port": 1}, "cannot be reached"),
    ],
)
def test_a_bind_that_fails_says_why_and_is_the_routes_fault(
    smsc: SmppProvider, settings: dict[str, Any], words: str
) -> None:
    async def scenario(line: SmppLine, _: Ears) -> None:
        for _again in range(2):
            with pytest.raises(Temporary, match=words) as refused:
                await line.send(outgoing())
            assert refused.value.of_route
            assert "secret" not in refused.value.reason

    play({**smsc.route_settings, **settings}, scenario, listens=False)
    assert len(smsc.events.all(lambda event: event["event"] == "bind")) <= 1, "it is not asked again without a pause"


def test_no_more_are_unanswered_than_the_window_allows(smsc: SmppProvider) -> None:
    smsc.set(answer_after_ms=150)

    async def scenario(line: SmppLine, _: Ears) -> None:
        await asyncio.gather(*(line.send(outgoing(number)) for number in range(1, 10)))

    play({**smsc.route_settings, "window": 3}, scenario)
    sent_at = [one["at"] for one in smsc.seen("submit", 9)]
    assert sent_at[3] - sent_at[0] >= 100
    assert sent_at[6] - sent_at[3] >= 100


# The session


def test_the_session_is_open_before_anything_is_sent_and_says_good_bye(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, _: Ears) -> None:
        await off(smsc.seen, "bind", status=0)
        await line.send(outgoing())

    play(smsc.route_settings, scenario)
    assert len(smsc.seen("bind")) == 1
    smsc.seen("unbind")


def test_each_asks_whether_the_other_is_there(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, _: Ears) -> None:
        await off(smsc.seen, "bind")
        await off(smsc.do, "enquire")
        await off(smsc.seen, "enquired")
        await off(smsc.seen, "enquire_link")

    play({**smsc.route_settings, "enquire": 1}, scenario)


@pytest.mark.parametrize("how", ["drop", "unbind", "garbage"])
def test_a_broken_session_is_opened_again(smsc: SmppProvider, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "BACK_OFF_S", (0.1,))

    async def scenario(line: SmppLine, _: Ears) -> Sent:
        await off(smsc.seen, "bind")
        await off(smsc.do, how)
        await off(smsc.seen, "bind", 2)
        return await line.send(outgoing())

    assert isinstance(play(smsc.route_settings, scenario), Sent)


def test_a_text_that_was_in_flight_when_it_broke_is_temporary(
    smsc: SmppProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smpp, "BACK_OFF_S", (0.05,))

    async def scenario(line: SmppLine, _: Ears) -> None:
        await off(smsc.seen, "bind")
        await off(smsc.script, "drop")
        with pytest.raises(Temporary, match="connection broke"):
            await line.send(outgoing())

    play(smsc.route_settings, scenario)


def test_octets_may_come_one_by_one(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, _: Ears) -> Sent:
        await off(smsc.seen, "bind")
        await off(smsc.do, "dribble")
        await off(smsc.seen, "enquired")
        return await line.send(outgoing())

    assert isinstance(play(smsc.route_settings, scenario), Sent)
    assert len(smsc.seen("bind")) == 1


def test_tls_with_the_certificate_that_was_given_and_with_no_other(stack: ExitStack, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    smsc = stack.enter_context(SmppProvider(tls=(key, certificate)))
    settings = {**smsc.route_settings, "tls": True, "certificate": certificate.read_text()}
    assert isinstance(play(settings, lambda line, _: line.send(outgoing())), Sent)
    with pytest.raises(Temporary, match="certificate"):
        play({**settings, "certificate": ""}, lambda line, _: line.send(outgoing()), listens=False)
    assert smpp.check({**settings, "certificate": "nonsense"}) != ""


# Receipts


@pytest.mark.parametrize("receipts", ["text", "tlv", "both"])
@pytest.mark.parametrize("ids", ["decimal", "hex", "hex then decimal", "decimal then hex"])
@pytest.mark.parametrize("early", [False, True])
def test_a_receipt_is_understood_in_every_form(smsc: SmppProvider, receipts: str, ids: str, early: bool) -> None:
    smsc.set(receipts=receipts, ids=ids, early=early, upper_case=early, seconds_in_dates=early)

    async def scenario(line: SmppLine, ears: Ears) -> tuple[Sent, Receipt, Any]:
        sent = await line.send(outgoing())
        (receipt,) = await ears.receipts()
        return sent, receipt, ears.heard[0].about

    sent, receipt, about = play(smsc.route_settings, scenario)
    assert (receipt.provider_id, receipt.state) == (sent.provider_id, "delivered")
    assert about == (UUID(int=1), date(2026, 11, 1), 2)
    smsc.seen("answered", status=0)


@pytest.mark.parametrize(
    ("stat", "state", "permanent"),
    [
        ("ENROUTE", "accepted", False), ("ACCEPTD", "accepted", False), ("UNKNOWN", "accepted", False),
        ("EXPIRED", "expired", False), ("UNDELIV", "failed", False), ("DELETED", "failed", True),
        ("REJECTD", "failed", True),
    ],
)  # fmt: skip
def test_each_state_means_what_it_should(smsc: SmppProvider, stat: str, state: str, permanent: bool) -> None:
    smsc.set(stat=stat, err="013", intermediate=stat == "ENROUTE")

    async def scenario(line: SmppLine, ears: Ears) -> Receipt:
        await line.send(outgoing())
        return (await ears.receipts())[0]

    receipt = play(smsc.route_settings, scenario)
    assert (receipt.state, receipt.permanent, receipt.unreachable) == (state, permanent, False)
    assert receipt.reason == (f"{stat} 013" if state in ("failed", "expired") else "")


def test_the_receipts_of_all_parts_are_told_apart(smsc: SmppProvider) -> None:
    smsc.set(early=True)

    async def scenario(line: SmppLine, ears: Ears) -> tuple[Sent, list[Receipt]]:
        sent = await line.send(outgoing(said=quiet(LONG)))
        return sent, await ears.receipts(3)

    sent, receipts = play(smsc.route_settings, scenario)
    assert {receipt.provider_id for receipt in receipts} == set(sent.part_ids)
    assert all(receipt.part_ids == sent.part_ids for receipt in receipts)


def test_after_a_restart_the_ledger_is_told_every_spelling(smsc: SmppProvider) -> None:
    smsc.set(ids="hex then decimal", receipt_after_ms=300)
    first = play(smsc.route_settings, lambda line, _: line.send(outgoing()))

    async def scenario(line: SmppLine, ears: Ears) -> tuple[Receipt, Any]:
        await off(smsc.seen, "bind", 2)
        await off(smsc.say, BO, f"id:{int(first.provider_id, 16)} stat:DELIVRD", esm=4)
        (receipt,) = await ears.receipts()
        return receipt, ears.heard[0].about

    receipt, about = play(smsc.route_settings, scenario)
    assert about is None
    assert first.provider_id in receipt.spellings
    assert BO[1:] in receipt.address_digits


@pytest.mark.parametrize("text", ["id:7 stat:", "stat:DELIVRD", "", "what is this", "id:7 stat:NONSENS"])
def test_a_receipt_that_says_nothing_is_kept_and_never_repeated(smsc: SmppProvider, text: str) -> None:
    async def scenario(line: SmppLine, ears: Ears) -> Heard:
        await off(smsc.seen, "bind")
        await off(smsc.say, BO, text, esm=4)
        return (await ears.wait())[0]

    heard = play(smsc.route_settings, scenario)
    with pytest.raises(Invalid):
        heard.read()
    smsc.seen("answered", status=0)


def test_the_provider_is_answered_only_once_it_is_kept(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, ears: Ears) -> None:
        ears.kept.clear()
        await line.send(outgoing())
        await ears.wait()
        await line.send(outgoing(2))  # meanwhile everything goes on
        await off(smsc.seen, "submit", 2)
        assert smsc.events.all(lambda event: event["event"] == "answered") == []
        ears.kept.set()
        await off(smsc.seen, "answered", 2, status=0)

    play(smsc.route_settings, scenario)


def test_what_could_not_be_kept_is_to_be_said_again(smsc: SmppProvider) -> None:
    async def scenario(line: SmppLine, ears: Ears) -> None:
        ears.faults = 1
        await off(smsc.seen, "bind")
        await off(smsc.say, BO, "ok")
        await off(smsc.seen, "answered", status=0x64)

    play(smsc.route_settings, scenario)


# Replies


def replies(smsc: SmppProvider, *said: dict[str, Any], **settings: Any) -> list[Reply]:
    async def scenario(line: SmppLine, ears: Ears) -> list[Reply]:
        await off(smsc.seen, "bind")
        for one in said:
            await off(smsc.say, one.pop("sender", BO), **one)
        return [heard.read() for heard in await ears.wait(len(said))]  # type: ignore[misc]

    return play({**smsc.route_settings, **settings}, scenario)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("octets", "coding", "alphabet", "text"),
    [
        (b"12 ok", 0, "gsm7", "12 ok"),
        (bytes([0x1B, 0x65, 0x7B]), 0, "gsm7", "€ä"),
        ("übernommen".encode("latin-1"), 3, "gsm7", "übernommen"),
        ("übernommen".encode("latin-1"), 0, "latin1", "übernommen"),
        ("👍 d'accord".encode("utf-16-be"), 8, "gsm7", "👍 d'accord"),
        (b"\xd8\x3d\x00", 8, "gsm7", "\ufffd\ufffd"),
    ],
)
def test_a_reply_is_read_in_its_alphabet(
    smsc: SmppProvider, octets: bytes, coding: int, alphabet: str, text: str
) -> None:
    (reply,) = replies(smsc, {"text": octets, "coding": coding}, alphabet=alphabet)
    assert (reply.sender, reply.to, reply.part) == (BO, PAGER, None)
    assert reply.body.replace("\ufffd", "") == text.replace("\ufffd", "")


@pytest.mark.parametrize("header", ["0500032a0201", "0608042a2a0201", "0b05040b8423f000032a0201"])
def test_a_piece_of_a_longer_reply_says_where_it_belongs(smsc: SmppProvider, header: str) -> None:
    (reply,) = replies(smsc, {"text": bytes.fromhex(header) + b"note 12: first", "esm": 0x40})
    assert reply.part is not None
    assert (reply.part.number, reply.part.total) == (1, 2)
    assert reply.body.endswith("note 12: first")


def test_two_equal_replies_are_two_and_a_repeated_one_is_one(
    smsc: SmppProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smpp, "BACK_OFF_S", (0.05,))

    async def scenario(line: SmppLine, ears: Ears) -> list[str]:
        await off(smsc.seen, "bind")
        for _ in range(2):
            await off(smsc.say, BO, "ok")
            await off(smsc.seen, "answered", len(ears.heard), status=0)
        ears.kept.clear()  # the database is away: the provider waits, and says it again over a new line
        await off(smsc.say, BO, "ok")
        await ears.wait(3)
        await off(smsc.do, "drop")
        await off(smsc.seen, "bind", 2)
        ears.kept.set()
        await off(smsc.say, BO, "ok")
        return [heard.read().id for heard in await ears.wait(4)]  # type: ignore[union-attr]

    one, two, three, again = play(smsc.route_settings, scenario)
    assert len({one, two, three}) == 3
    assert again == three


def test_numbers_come_as_they_are_kept_here() -> None:
    assert smpp._number(smpp_pdu.Address(1, 1, "447700900123")) == "+447700900123"
    assert smpp._number(smpp_pdu.Address(0, 1, "447700900123")) == "+447700900123"
    assert smpp._number(smpp_pdu.Address(0, 0, "60777")) == "60777"
    assert smpp._number(smpp_pdu.Address(5, 0, "ACME")) == "ACME"
    assert smpp._number(smpp_pdu.Address(1, 1, "00447700900123")) == "+447700900123"


# Perl's Net::SMPP


@pytest.mark.parametrize("ids", ["decimal", "hex then decimal"])
def test_the_second_smsc_takes_a_text_and_reports_it(stack: ExitStack, ids: str) -> None:
    smsc = stack.enter_context(SmppProvider("perl", ids=ids))

    async def scenario(line: SmppLine, ears: Ears) -> tuple[Sent, list[Receipt]]:
        sent = await line.send(outgoing(said=quiet(LONG)))
        return sent, await ears.receipts(3)

    sent, receipts = play(smsc.route_settings, scenario)
    assert {receipt.provider_id for receipt in receipts} == set(sent.part_ids)
    seen = smsc.seen("submit", 3)
    parts = [smpp_text.split_header(bytes.fromhex(one["hex"])) for one in seen]
    assert "".join(smpp_text.gsm_text(octets) for _, octets in parts) == LONG.strip()
    assert {one["validity"] for one in seen} <= {"000000000500000R", "000000000459000R"}


def test_the_second_smsc_hands_on_a_reply(stack: ExitStack) -> None:
    smsc = stack.enter_context(SmppProvider("perl"))
    (reply,) = replies(smsc, {"text": "12 ok"})
    assert (reply.sender, reply.body) == (BO, "12 ok")
