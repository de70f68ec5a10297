"""SMPP as octets, and texts as SMPP carries them: what is written is read again, and nothing that comes is an accident."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nightdesk.channels import smpp_pdu, smpp_text, sms_text
from nightdesk.channels.smpp_pdu import Address, Garbled, Pdu, Sm

GSM = "".join(sorted(sms_text.BASIC | sms_text.EXTENSION))
digits = st.text("0123456789", min_size=1, max_size=20)


@given(st.text(GSM))
def test_what_is_coded_in_gsm_is_read_again(text: str) -> None:
    assert smpp_text.gsm_text(smpp_text.gsm_octets(text)) == text


@given(st.text(GSM))
def test_a_septet_costs_one_octet(text: str) -> None:
    assert len(smpp_text.gsm_octets(text)) == sms_text.count(text).units


@given(st.binary(), st.integers(0, 255), st.sampled_from(["gsm7", "latin1", "ucs2"]))
def test_whatever_comes_is_some_text(octets: bytes, coding: int, alphabet: smpp_text.Alphabet) -> None:
    assert isinstance(smpp_text.read_text(octets, coding, alphabet), str)


@given(st.text(max_size=500), st.sampled_from(["gsm7", "latin1", "ucs2"]))
def test_every_part_fits_and_is_read_again(text: str, alphabet: smpp_text.Alphabet) -> None:
    coding_of = smpp_text.coding_in(alphabet)
    parts = sms_text.parts(text, coding_of)
    coded = [smpp_text.code(part, coding_of(text), alphabet) for part in parts]
    assert all(len(one.octets) + 6 * (len(parts) > 1) <= 160 for one in coded)
    read = "".join(smpp_text.read_text(one.octets, one.data_coding, alphabet) for one in coded)
    assert read == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(st.integers(0, 255), st.integers(2, 255), st.data(), st.binary(max_size=140))
def test_a_part_says_where_it_belongs(reference: int, total: int, data: st.DataObject, text: bytes) -> None:
    number = data.draw(st.integers(1, total))
    joined, left = smpp_text.split_header(smpp_text.header(reference, number, total) + text)
    assert joined == (reference, number, total)
    assert left == text


@given(st.binary(max_size=60))
@example(b"\x05\x00\x03\x01\x02\x00x")
@example(b"\xff\x00")
def test_no_header_can_break_the_reading(octets: bytes) -> None:
    joined, text = smpp_text.split_header(octets)
    assert octets.endswith(text)
    assert joined is None or 1 <= joined.number <= joined.total


@given(
    digits,
    digits,
    st.binary(max_size=254),
    st.integers(0, 255),
    st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=30), max_size=4),
)
def test_a_short_message_is_read_as_it_was_written(
    source: str, destination: str, text: bytes, coding: int, tlvs: dict[int, bytes]
) -> None:
    tlvs.pop(smpp_pdu.MESSAGE_PAYLOAD, None)
    sm = Sm(Address(1, 1, source), Address(0, 1, destination), text, 0x40, coding, "000000000500000R", 1, tlvs=tlvs)
    assert smpp_pdu.read_sm(sm.body()) == sm


@given(st.lists(st.builds(Pdu, *[st.integers(0, 0xFFFFFFFF)] * 3, st.binary(max_size=50)), max_size=6), st.data())
def test_pdus_may_be_cut_anywhere(pdus: list[Pdu], data: st.DataObject) -> None:
    stream = b"".join(pdu.encoded() for pdu in pdus)
    buffer, found = bytearray(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer += stream[:size]
        stream = stream[size:]
        while (pdu := smpp_pdu.take(buffer)) is not None:
            found.append(pdu)
    assert found == pdus
    assert not buffer


@given(st.binary(max_size=80))
def test_what_is_no_short_message_is_garbled_and_nothing_worse(body: bytes) -> None:
    for read in (smpp_pdu.read_sm, smpp_pdu.read_data_sm):
        try:
            sm = read(body)
        except Garbled:
            continue
        else:
            smpp_text.read_receipt(sm)
            smpp_text.where_it_belongs(sm)


@pytest.mark.parametrize("length", [0, 15, smpp_pdu.LONGEST + 1, 0x47455420])
def test_a_length_that_cannot_be_ends_the_line_at_once(length: int) -> None:
    with pytest.raises(Garbled) as garbled:
        smpp_pdu.take(bytearray(length.to_bytes(4)))
    assert garbled.value.fatal


@given(st.integers(1, 62 * 86_400))
def test_a_validity_period_says_the_seconds(seconds: int) -> None:
    period = smpp_text.validity_period(timedelta(seconds=seconds))
    assert (len(period), period[-4:]) == (16, "000R")
    years, months, days, hours, minutes, rest = (int(period[at : at + 2]) for at in range(0, 12, 2))
    assert ((((years * 12 + months) * 30 + days) * 24 + hours) * 60 + minutes) * 60 + rest == seconds


def test_the_standards_own_validity_period() -> None:
    assert smpp_text.validity_period(timedelta(minutes=15)) == "000000001500000R"
    assert smpp_text.validity_period(timedelta(microseconds=1)) == "000000000001000R"


@given(st.integers(1, 1 << 60))
def test_an_id_is_found_from_hex_to_decimal_and_back(number: int) -> None:
    written = {str(number), f"{number:x}", f"{number:X}", f"{number:08X}", f"{number:010}"}
    for one in (f"{number:X}", f"{number:x}"):
        assert str(number) in (one, *smpp_text.spellings(one))
    assert {f"{number:x}", f"{number:X}"} <= {str(number), *smpp_text.spellings(str(number))}
    assert all(one not in smpp_text.spellings(one) for one in written)
    assert str(number) in (f"{number:010}", *smpp_text.spellings(f"{number:010}"))


def receipt(text: str, **tlvs: bytes) -> Sm:
    tags = {"named": smpp_pdu.RECEIPTED_MESSAGE_ID, "state": smpp_pdu.MESSAGE_STATE}
    return Sm(Address(1, 1, "4477"), Address(1, 1, "4478"), text.encode("latin-1"), 4, tlvs={
        tags[name]: value for name, value in tlvs.items()
    })  # fmt: skip


LONG_FORM = "id:{id} sub:001 dlvrd:001 submit date:{date} done date:{date} stat:{stat} err:{err} text:stat:FAKE id:9"


@pytest.mark.parametrize(
    ("sm", "told"),
    [
        (receipt(LONG_FORM.format(id="7A", date="2611030400", stat="DELIVRD", err="000")), ("7A", "delivered", "")),
        (receipt(LONG_FORM.format(id="7A", date="261103040000", stat="UNDELIV", err="013")), ("7A", "failed", "013")),
        (receipt("ID: 0042 Stat: delivrd"), ("0042", "delivered", "")),
        (receipt("id:1 submit_date:2611030400 stat:EXPIRED Text:"), ("1", "expired", "")),
        (receipt("", named=b"9F\0", state=b"\x02"), ("9F", "delivered", "")),
        (receipt("id:1 stat:DELIVRD", named=b"2\0", state=b"\x05"), ("2", "failed", "")),
        (receipt("id:1 stat:ENROUTE", state=b"\x01"), ("1", "accepted", "")),
        (receipt("id:1 stat:UNDELIVERED"), ("1", "failed", "")),
    ],
)
def test_a_receipt_is_read_in_the_forms_that_are_seen(sm: Sm, told: tuple[str, str, str]) -> None:
    found = smpp_text.read_receipt(sm)
    assert found is not None
    assert (found.message_id, found.state, found.error) == told


@pytest.mark.parametrize(
    "sm", [receipt(""), receipt("id:7"), receipt("stat:DELIVRD"), receipt("text:id:1 stat:DELIVRD")]
)
def test_what_names_no_message_or_no_state_is_no_receipt(sm: Sm) -> None:
    assert smpp_text.read_receipt(sm) is None


def test_numbers_go_out_by_their_form() -> None:
    assert smpp_pdu.address_of("+447700900123") == (1, 1, "447700900123")
    assert smpp_pdu.address_of("60777") == (3, 0, "60777")
    assert smpp_pdu.address_of("QUAYSIDE") == (5, 0, "QUAYSIDE")
    assert smpp_pdu.address_of("60777", 0, 9) == (0, 9, "60777")
