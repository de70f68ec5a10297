from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.customers.identity import Claimed, Known, No, claimed, token_fault, whom_to_admit

AT = datetime(2026, 11, 26, 22, tzinfo=UTC)
NOW = AT.timestamp()
GOOD: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "us",
    "nonce": "n",
    "exp": NOW + 60,
    "iat": NOW - 5,
    "sub": "42",
}


def fault(**bent: Any) -> No | None:
    claims = {name: value for name, value in (GOOD | bent).items() if value is not None}
    return token_fault(claims, issuer="https://id.example", client_id="us", nonce="n", at=AT)


@pytest.mark.parametrize(
    ("bent", "expected"),
    [
        ({}, None),
        ({"aud": ["us"]}, None),
        ({"aud": ["us", "them"], "azp": "us"}, None),
        ({"iss": "https://id.example/"}, No.ISSUER),
        ({"aud": "them"}, No.AUDIENCE),
        ({"aud": ["us", "them"]}, No.AUDIENCE),
        ({"azp": "them"}, No.AUDIENCE),
        ({"aud": None}, No.AUDIENCE),
        ({"nonce": "another"}, No.NONCE),
        ({"nonce": None}, No.NONCE),
        ({"exp": NOW - 61}, No.EXPIRED),
        ({"exp": None}, No.EXPIRED),
        ({"exp": True}, No.EXPIRED),
        ({"exp": "9999999999"}, No.EXPIRED),
        ({"iat": NOW + 61}, No.EXPIRED),
        ({"iat": NOW - 601}, No.EXPIRED),
        ({"iat": None}, No.EXPIRED),
        ({"nbf": NOW + 61}, No.EXPIRED),
        ({"sub": ""}, No.SUBJECT),
        ({"sub": 7}, No.SUBJECT),
        ({"sub": "x" * 256}, No.SUBJECT),
    ],
)
def test_a_token_counts_that_is_for_us_now_and_for_this_sign_in(bent, expected):
    assert fault(**bent) == expected


def test_without_a_nonce_of_ours_no_token_counts():
    assert token_fault(GOOD | {"nonce": ""}, issuer="https://id.example", client_id="us", nonce="", at=AT) is No.NONCE


def test_a_clock_that_differs_by_a_minute_does_not_matter():
    assert fault(exp=NOW - 59) is None
    assert fault(iat=(AT + timedelta(seconds=59)).timestamp()) is None


@pytest.mark.parametrize(
    ("said", "verified"),
    [
        ({"email_verified": True}, True),
        ({"email_verified": "true"}, False),
        ({"email_verified": 1}, False),
        ({"email_verified": False}, False),
        ({}, False),
        ({"xms_edov": True}, True),
        ({"xms_edov": "0"}, False),
    ],
)
def test_an_address_is_verified_where_the_provider_says_so_in_so_many_words(said, verified):
    assert claimed({"sub": "42", "email": "ada@acme.example"} | said).verified is verified


ADDRESSES = st.sampled_from(["ada@acme.example", "Ada@ACME.example", "bo@acme.example", "cy@other.example", ""])
SUBS = st.sampled_from(["", "1", "2", "3"])


CONTACTS = st.lists(
    st.builds(Known, contact_id=st.integers(1, 5), email=ADDRESSES, sub=SUBS), unique_by=lambda each: each.contact_id
).filter(lambda rows: len({each.sub for each in rows if each.sub}) == sum(bool(each.sub) for each in rows))


@given(
    who=st.builds(Claimed, sub=SUBS.filter(bool), email=ADDRESSES, verified=st.booleans()),
    domains=st.lists(st.sampled_from(["acme.example", "other.example"]), unique=True),
    contacts=CONTACTS,
)
def test_nobody_comes_in_but_who_came_before_or_has_the_verified_address_of_one_free_contact(who, domains, contacts):
    found = whom_to_admit(who, domains, contacts)
    if isinstance(found, No):
        return
    contact = next(each for each in contacts if each.contact_id == found)
    assert contact.email.rpartition("@")[2].lower() in domains
    if contact.sub:
        assert contact.sub == who.sub
    else:
        assert who.verified
        assert contact.email.casefold() == who.email.casefold()
        assert [each.contact_id for each in contacts if each.email.casefold() == who.email.casefold()] == [found]
        assert not any(each.sub == who.sub for each in contacts)
