"""Our signature against the provider's own library."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from nightdesk.lines.twiml.signature import sign, valid

TOKEN = "12345"
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
forms = st.dictionaries(names, names | st.lists(names, min_size=1, max_size=3), max_size=5)
urls = st.builds(
    "{}://desk.example{}{}".format,
    st.sampled_from(["https", "http"]),
    st.sampled_from(["", ":443", ":80", ":8443"]),
    st.sampled_from(["", "/", "/sms/in", "/sms/in?a=1&b=%C3%A9", "/x:443/y"]),
)


class MultiForm(dict):
    """A form as the library wants it when a name has several values."""

    def getlist(self, name):
        return [self[name]] if isinstance(self[name], str) else self[name]


def test_the_documented_example_comes_out():
    """From the provider's page on webhook security, with the auth token 12345."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign(url, form, TOKEN) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@given(url=urls, form=forms)
def test_both_sides_sign_alike(url, form):
    assert sign(url, form, TOKEN) == RequestValidator(TOKEN).compute_signature(url, MultiForm(form))


@given(signed=urls, called=urls, form=forms)
def test_both_sides_accept_and_refuse_alike(signed, called, form):
    signature = sign(signed, form, TOKEN)
    assert valid(called, form, signature, TOKEN) == RequestValidator(TOKEN).validate(called, MultiForm(form), signature)


@pytest.mark.parametrize("signed", ["https://h.example/x", "https://h.example:443/x"])
@pytest.mark.parametrize("called", ["https://h.example/x", "https://h.example:443/x"])
def test_the_default_port_may_be_written_or_not(signed, called):
    assert valid(called, {"a": "1"}, sign(signed, {"a": "1"}, TOKEN), TOKEN)


@pytest.mark.parametrize("url", ["https://[2001:db8::1]:443/x", "https://user:word@h.example:443/x"])
def test_colons_that_are_no_port_stay(url):
    assert valid(url, {}, sign(url.replace(":443", ""), {}, TOKEN), TOKEN)


@given(form=forms, name=names, value=names)
def test_one_field_more_or_other_spoils_it(form, name, value):
    changed = {**form, name: value + "!"}
    if changed != form:
        assert not valid("https://h.example/x", changed, sign("https://h.example/x", form, TOKEN), TOKEN)


def test_another_scheme_token_or_an_odd_signature_is_refused():
    signature = sign("https://h.example/x", {}, TOKEN)
    assert not valid("http://h.example/x", {}, signature, TOKEN)
    assert not valid("https://h.example/x", {}, signature, "54321")
    assert not valid("https://h.example/x", {}, "é", TOKEN)
    assert not valid("https://h.example/x", {}, sign("https://h.example/x", {}, ""), "")


@given(body=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_a_raw_body_is_held_to_the_digest_in_the_query(body):
    raw = body.encode()
    url = f"https://h.example/x?bodySHA256={hashlib.sha256(raw).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    assert sign(url, raw, TOKEN) == signature
    assert valid(url, raw, signature, TOKEN)
    assert not valid(url, raw + b"!", signature, TOKEN)


def test_a_raw_body_without_a_digest_in_the_query_is_refused():
    url = "https://h.example/x"
    assert not valid(url, b"{}", sign(url, b"{}", TOKEN), TOKEN)
