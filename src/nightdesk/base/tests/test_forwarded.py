"""Whom the front believes about where a request came from."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.forwarded import Seen, seen_through, without_claims

PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1")]
names = st.sampled_from([b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"host"])
headers = st.lists(st.tuples(names, st.text(max_size=30).map(lambda text: text.encode("utf-8"))), max_size=5)


@given(headers=headers)
def test_a_stranger_can_say_nothing_about_itself(headers):
    assert seen_through("203.0.113.9", "http", headers, PROXIES) == Seen("203.0.113.9", "http", None)
    assert seen_through("10.0.0.1", "http", headers, []) == Seen("10.0.0.1", "http", None)


@given(headers=headers)
def test_whatever_a_proxy_passes_on_is_read_without_failing(headers):
    assert seen_through("10.0.0.1", "http", headers, PROXIES).scheme in ("http", "https")


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),  # what the client itself wrote is hearsay
        ("203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::5]:4711", "2001:db8::5"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
        ("", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_before_the_trusted_proxies(hops, client):
    assert seen_through("10.0.0.1", "http", [(b"x-forwarded-for", hops.encode())], PROXIES).client == client


def test_several_lines_of_one_header_are_one_list():
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"HTTPS")]
    assert seen_through("::1", "http", lines, PROXIES) == Seen("203.0.113.7", "https", None)


def test_a_scheme_other_than_the_two_is_not_taken():
    assert seen_through("::1", "http", [(b"x-forwarded-proto", b"gopher")], PROXIES).scheme == "http"


def test_nothing_that_could_pass_for_a_claim_goes_on():
    kept = [(b"host", b"h"), (b"x-request-id", b"1")]
    claims = [(b"x-forwarded-for", b"1"), (b"x_forwarded_for", b"1"), (b"forwarded", b"1"), (b"x-real-ip", b"1")]
    assert without_claims([*claims, *kept, (b"proxy", b"1"), (b"x-forwarded-prefix", b"1")]) == kept
