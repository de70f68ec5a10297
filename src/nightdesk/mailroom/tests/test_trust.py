"""Who a sender is: only what our own server wrote counts, and only where it wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.mailroom.letter import read_letter
from nightdesk.mailroom.trust import NAMELESS, UNCHECKED, Checked, belongs, checked

OURS = "mx.night.example"


def judged(*fields: str, sender: str = "bo@example.net", server: str = OURS) -> Checked:
    head = "\n".join(fields)
    return checked(read_letter(f"{head}\nFrom: Bo <{sender}>\nSubject: x\n\nHello".encode()), server)


def ar(results: str, server: str = OURS) -> str:
    return f"Authentication-Results: {server}; {results}"


@pytest.mark.parametrize(
    ("results", "trust", "domain"),
    [
        ("dmarc=pass header.from=example.net", "verified", "example.net"),
        (
            "dmarc=pass (p=reject dis=none) header.from=example.net; spf=fail smtp.mailfrom=x.example",
            "verified",
            "example.net",
        ),
        ("dkim=pass header.d=example.net header.s=k", "verified", "example.net"),
        ("dkim=pass header.i=@mail.example.net", "verified", "mail.example.net"),
        ("spf=pass smtp.mailfrom=bounce@example.net", "verified", "example.net"),
        ("spf=pass smtp.mailfrom=bounce@sender.example", "unverified", ""),
        ("dkim=pass header.d=sender.example; spf=pass smtp.mailfrom=sender.example", "unverified", ""),
        ("dmarc=fail header.from=example.net; dkim=pass header.d=sender.example", "failed", ""),
        ("dmarc=none header.from=example.net; spf=softfail smtp.mailfrom=example.net", "unverified", ""),
        ("spf=fail smtp.mailfrom=example.net", "failed", ""),
        ("spf=fail smtp.mailfrom=example.net; dkim=pass header.d=example.net", "verified", "example.net"),
        ("dmarc=pass header.from=evil.example", "unverified", ""),
        ("none", "unverified", ""),
        ("dkim=pass (the key; dmarc=pass header.from=example.net) header.d=x.example", "unverified", ""),
    ],
)
def test_what_our_server_found_says_whether_the_sender_is_who_it_says(results: str, trust: str, domain: str) -> None:
    found = judged(ar(results))
    assert (found.trust, found.domain) == (trust, domain)


def test_nothing_is_believed_of_a_server_that_nobody_named() -> None:
    claim = ar("dmarc=pass header.from=example.net")
    assert judged(claim, server="") == UNCHECKED
    assert judged(claim, server="mx.other.example") == UNCHECKED
    assert judged(ar("dmarc=pass header.from=example.net", "mx.night.example.evil")) == UNCHECKED
    assert judged("ARC-Authentication-Results: i=1; mx.night.example; dmarc=pass header.from=example.net") == UNCHECKED


def test_a_forged_copy_below_the_real_one_changes_nothing() -> None:
    real = ar("dmarc=fail header.from=example.net")
    forged = ar("dmarc=pass header.from=example.net")
    hop = "Received: from x by mx.night.example with ESMTPS; Tue"
    earlier = "Received: from y by relay.evil.example with ESMTP; Tue"
    for fields in ((real, hop, forged), (hop, real, earlier, forged), (real, earlier, forged)):
        assert judged(*fields).trust == "failed"
    # Our server wrote nothing, and what came with the mail stands below its mark and the hop before it.
    assert judged(hop, earlier, forged) == UNCHECKED
    assert judged("Received: from mx by store.night.example with LMTP", hop, earlier, forged) == UNCHECKED


def test_our_servers_fields_of_one_block_count_together_and_above_later_hops() -> None:
    lmtp = "Received: from mx by store.night.example with LMTP; Tue"
    found = judged(lmtp, ar("dkim=pass header.d=example.net"), ar("spf=pass smtp.mailfrom=x.example"))
    assert (found.dkim, found.spf, found.trust) == ("pass", "none", "verified")


def test_microsoft_leaves_its_name_out() -> None:
    told = (
        "Authentication-Results: spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.net; dkim=pass (signature was "
        "verified) header.d=example.net;dmarc=pass action=none header.from=example.net;compauth=pass reason=100"
    )
    assert judged(told, server=NAMELESS).trust == "verified"
    assert judged(told) == UNCHECKED
    assert judged(ar("dmarc=pass header.from=example.net"), server=NAMELESS) == UNCHECKED


def test_two_senders_or_none_are_nobody() -> None:
    assert judged("From: al@example.net", ar("dmarc=pass header.from=example.net")) == UNCHECKED
    assert judged(ar("dmarc=pass header.from=example.net"), sender="nobody") == UNCHECKED


@given(st.sampled_from(["example.net", "mail.example.net", "net", "example.com", "badexample.net", ""]),
       st.sampled_from(["example.net", "a.example.net", "net", "example.com", ""]))  # fmt: skip
def test_belonging_is_the_same_house_and_mutual(one: str, other: str) -> None:
    assert belongs(one, other) == belongs(other, one)
    if belongs(one, other):
        assert one.split(".")[-2:] == other.split(".")[-2:]


@given(st.text(max_size=200))
def test_no_field_makes_it_fail_or_trust_by_accident(junk: str) -> None:
    found = judged(f"Authentication-Results: {' '.join(junk.split())}")
    assert found.trust in ("verified", "unverified", "failed")
    if OURS not in junk:
        assert found == UNCHECKED
