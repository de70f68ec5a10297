"""Customers' people sign in with accounts that their own company keeps, and nobody else comes in by it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from nightdesk.access.actions import close_contact_account, make_user
from nightdesk.access.models import Session
from nightdesk.base.buckets import Buckets
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions, identity_actions
from nightdesk.customers.models import Contact, IdentityLink, IdentityProvider
from nightdesk.journal.models import Entry
from nightdesk.portal.tests.firms import Firms
from nightdesk.portal.views import own_sign_in
from tests.peers.identity_provider import CLIENT, SECRET, BentProvider

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_sign_in.TRIES, "take", lambda *_: True)


@pytest.fixture
def provider(firms: Firms) -> Iterator[BentProvider]:
    with BentProvider(lambda: firms.at) as running:
        yield running


@pytest.fixture
def row(firms: Firms, provider: BentProvider) -> IdentityProvider:
    return set_for(firms, firms.bakery.customer, provider)


def set_for(firms: Firms, customer: Any, provider: BentProvider, **more: Any) -> IdentityProvider:
    domain = f"{customer.ref.lower()}.example"
    return identity_actions.set_identity_provider(
        customer_id=customer.pk, issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET, domains=[domain],
        allow_private=True, **more, **firms.doing,
    )  # fmt: skip


def begun(client: Client, row: IdentityProvider) -> str:
    """Where the browser is sent."""
    answer = client.get(f"/sign-in/{row.pk}/")
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def come_back(client: Client, row: IdentityProvider, brought: dict[str, str]) -> Any:
    return client.get(f"/sign-in/{row.pk}/back", brought)


def signed_in(client: Client, row: IdentityProvider, provider: BentProvider, sub: str, **claims: Any) -> Any:
    return come_back(client, row, provider.sign_in(begun(client, row), sub, **claims))


def says(contact: Contact) -> dict[str, Any]:
    """What an honest provider says of the contact."""
    return {"email": contact.email, "email_verified": True}


def refused_for() -> list[str]:
    return [each.facts["why"] for each in Entry.objects.filter(kind="contact.not_admitted").order_by("id")]


def is_in(client: Client) -> bool:
    return client.get("/my/").status_code == 200


def test_somebody_of_the_company_comes_in_by_their_verified_address_and_then_by_their_account(firms, provider, row):
    member, client = firms.bakery.member, firms.client()
    answer = signed_in(client, row, provider, "42", **says(member))
    assert (answer.status_code, answer["Location"]) == (302, "/my/")
    assert member.name in client.get("/my/you/").content.decode()
    assert Entry.objects.get(kind="contact.admitted").facts["contact"] == member.pk
    assert IdentityLink.objects.get().sub == "42"
    # Later the address may be another one there, or none at all: the account counts.
    again = firms.client()
    assert signed_in(again, row, provider, "42").status_code == 302
    assert is_in(again)


def test_what_is_asked_of_the_provider_is_a_code_with_pkce_and_a_nonce(firms, provider, row, settings):
    settings.PUBLIC_URL = "https://desk.example"
    asked = parse_qs(urlsplit(begun(firms.client(), row)).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"https://desk.example/sign-in/{row.pk}/back"]
    assert all(len(asked[name][0]) >= 32 for name in ("state", "nonce", "code_challenge"))
    assert SECRET not in str(asked)


def test_whoever_was_invited_and_never_came_joins_with_that(firms, provider, row):
    made = customers.make_contact(
        customer_id=firms.bakery.customer.pk, name="Nia New", email="nia@bakery.example", **firms.doing
    )
    domain = firms.bakery.member.email.partition("@")[2]
    customers.edit_contact(contact_id=made.pk, changes={"email": f"nia@{domain}"}, **firms.doing)
    made.refresh_from_db()
    client = firms.client()
    assert signed_in(client, row, provider, "7", **says(made)).status_code == 403  # not invited yet
    contact_actions.invite_contact(contact_id=made.pk, standing="viewer", **firms.doing)
    assert signed_in(client, row, provider, "7", **says(made)).status_code == 302
    made.refresh_from_db()
    assert made.joined_at == firms.at
    assert made.invite == ""
    assert is_in(client)


def test_an_address_that_is_only_in_the_providers_userinfo_counts_for_the_same_account(firms, provider, row):
    provider.userinfo = {"sub": "somebody else", **says(firms.bakery.member)}
    assert signed_in(firms.client(), row, provider, "42").status_code == 403
    provider.userinfo = {"sub": "42", **says(firms.bakery.member)}
    assert signed_in(firms.client(), row, provider, "42").status_code == 302
    assert refused_for() == ["subject"]


def _with_another_key(provider: BentProvider) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    provider.sign = lambda claims: jwt.encode(claims, other, "RS256", headers={"kid": "one"})


def _unsigned(provider: BentProvider) -> None:
    provider.sign = lambda claims: jwt.encode(claims, None, "none")


def _with_the_secret(provider: BentProvider) -> None:
    provider.sign = lambda claims: jwt.encode(claims, SECRET.ljust(40), "HS256", headers={"kid": "one"})


def _with_the_public_key_as_a_secret(provider: BentProvider) -> None:
    public = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(claims: dict[str, Any]) -> str:
        parts = [json.dumps(each).encode() for each in ({"alg": "HS256", "kid": "one"}, claims)]
        body = b".".join(base64.urlsafe_b64encode(each).rstrip(b"=") for each in parts)
        tag = base64.urlsafe_b64encode(hmac.digest(public, body, hashlib.sha256)).rstrip(b"=")
        return (body + b"." + tag).decode()

    provider.sign = sign


def stamp(bent: BentProvider) -> float:
    return bent.now().timestamp()


ATTACKS: dict[str, tuple[Any, str]] = {
    "a nonce of another sign-in": (lambda bent: bent.bend.update(nonce="stolen"), "nonce"),
    "a token for another client": (lambda bent: bent.bend.update(aud="somebody-else"), "audience"),
    "a token of another issuer": (lambda bent: bent.bend.update(iss="https://evil.example"), "issuer"),
    "an old token": (lambda bent: bent.bend.update(exp=stamp(bent) - 120, iat=stamp(bent) - 420), "expired"),
    "a token without an end": (lambda bent: bent.bend.update(exp=None), "expired"),
    "no signature": (_unsigned, "signature"),
    "another key's signature": (_with_another_key, "signature"),
    "a signature with the client's secret": (_with_the_secret, "signature"),
    "the public key as a secret": (_with_the_public_key_as_a_secret, "signature"),
    "an unverified address": (lambda bent: bent.bend.update(email_verified=False), "unverified"),
    "another customer's address": (lambda bent: bent.bend.update(email="{grocer}"), "domain"),
    "nobody's address": (lambda bent: bent.bend.update(email="ghost@{domain}"), "unknown"),
    "a provider that calls itself otherwise": (
        lambda bent: bent.discovery.update(issuer="https://evil.example"), "issuer",
    ),
    "keys from a file": (lambda bent: bent.discovery.update(jwks_uri="file:///etc/passwd"), "discovery"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_comes_in_by(firms, provider, row, attack):
    client, member = firms.client(), firms.bakery.member
    where = begun(client, row)
    bend, why = ATTACKS[attack]
    bend(provider)
    for name, value in provider.bend.items():
        if isinstance(value, str):
            names = {"grocer": firms.grocer.member.email, "domain": member.email.partition("@")[2]}
            provider.bend[name] = value.format(**names)
    answer = come_back(client, row, provider.sign_in(where, "42", **says(member)))
    assert answer.status_code == 403
    assert refused_for() == [why]
    assert not is_in(client)
    assert not IdentityLink.objects.exists()


def test_a_state_that_this_browser_did_not_begin_is_refused_and_spends_what_it_began(firms, provider, row):
    client, thief, member = firms.client(), firms.client(), firms.bakery.member
    brought = provider.sign_in(begun(thief, row), "42", **says(member))
    where = begun(client, row)
    assert come_back(client, row, brought).status_code == 403  # the attacker's own sign-in, slipped under
    own = provider.sign_in(where, "42", **says(member))
    assert come_back(client, row, own).status_code == 403
    assert come_back(firms.client(), row, own).status_code == 403  # nothing begun at all
    assert refused_for() == ["state"] * 3
    assert "/token" not in provider.asked


def test_a_code_lets_in_once(firms, provider, row):
    client = firms.client()
    brought = provider.sign_in(begun(client, row), "42", **says(firms.bakery.member))
    assert come_back(client, row, brought).status_code == 302
    assert come_back(client, row, brought).status_code == 403
    # Nor does the provider give anything for a spent code, in a sign-in that is begun anew.
    other = firms.client()
    state = parse_qs(urlsplit(begun(other, row)).query)["state"][0]
    assert come_back(other, row, brought | {"state": state}).status_code == 403
    assert not is_in(other)


def test_a_code_of_another_sign_in_fails_by_its_verifier(firms, provider, row):
    victim, thief = firms.client(), firms.client()
    brought = provider.sign_in(begun(victim, row), "42", **says(firms.bakery.member))
    state = parse_qs(urlsplit(begun(thief, row)).query)["state"][0]
    assert come_back(thief, row, brought | {"state": state}).status_code == 403
    assert not is_in(thief)


def test_what_was_begun_is_over_after_ten_minutes_and_belongs_to_one_provider(firms, provider, row):
    other = set_for(firms, firms.grocer.customer, provider)
    client = firms.client()
    brought = provider.sign_in(begun(client, row), "42", **says(firms.bakery.member))
    assert come_back(client, other, brought).status_code == 403
    brought = provider.sign_in(begun(client, row), "42", **says(firms.bakery.member))
    firms.at += timedelta(minutes=10)
    assert come_back(client, row, brought).status_code == 403
    assert refused_for() == ["state", "state"]


def test_one_companys_provider_lets_nobody_in_for_another(firms, provider, row):
    """Even where our staff let it speak for the other's domain, and where one person speaks for both."""
    grocer = firms.grocer.member
    domains = [f"{firms.bakery.customer.ref.lower()}.example", grocer.email.partition("@")[2]]
    identity_actions.set_identity_provider(
        customer_id=firms.bakery.customer.pk, issuer=provider.issuer, client_id=CLIENT, domains=domains,
        allow_private=True, **firms.doing,
    )  # fmt: skip
    assert signed_in(firms.client(), row, provider, "42", **says(grocer)).status_code == 403
    both = customers.make_contact(
        customer_id=firms.bakery.customer.pk, name="Con Both", email=grocer.email, **firms.doing
    )
    contact_actions.invite_contact(contact_id=both.pk, standing="member", **firms.doing)
    client = firms.client()
    assert signed_in(client, row, provider, "42", **says(grocer)).status_code == 302
    both.refresh_from_db()
    assert both.user_id == grocer.user_id  # one account, for two companies
    assert client.post("/my/companies/", {"company": grocer.pk}).status_code == 200  # asked again: it is none of theirs
    assert "Grocer" not in client.get("/my/").content.decode()
    assert firms.grocer.customer.name not in client.get("/my/companies/").content.decode()
    assert client.get("/api/v1/my/me").json().get("customer", {}) != firms.grocer.customer.name
    # And nothing can be set on the account that would open the other company's pages later.
    for path in ("/account/password/change/", "/account/password/set/", "/account/2fa/", "/account/2fa/webauthn/add/"):
        assert client.get(path)["Location"] == "/my/", path
    assert "account/password" not in client.get("/my/you/").content.decode()


def test_one_of_the_staff_is_never_let_in(firms, provider, row):
    domain = firms.bakery.member.email.partition("@")[2]
    make_user(email=f"boss@{domain}", name="Our Boss", **firms.doing)
    made = customers.make_contact(
        customer_id=firms.bakery.customer.pk, name="Mole", email=f"boss@{domain}", **firms.doing
    )
    contact_actions.invite_contact(contact_id=made.pk, standing="member", **firms.doing)
    client = firms.client()
    assert signed_in(client, row, provider, "1", **says(made)).status_code == 409
    assert refused_for() == ["illegal-transition"]
    assert client.get("/").status_code == 302
    assert not is_in(client)


def test_whoever_has_left_or_is_closed_out_is_out_at_that_moment(firms, provider, row):
    client, member = firms.client(), firms.bakery.member
    assert signed_in(client, row, provider, "42", **says(member)).status_code == 302
    assert is_in(client)
    contact_actions.mark_contact_left(contact_id=member.pk, **firms.doing)
    assert not is_in(client)
    assert not IdentityLink.objects.exists()
    assert signed_in(firms.client(), row, provider, "42", **says(member)).status_code == 403
    viewer = firms.bakery.viewer
    assert viewer.user_id is not None
    close_contact_account(user_id=viewer.user_id, **firms.doing)
    assert signed_in(firms.client(), row, provider, "43", **says(viewer)).status_code == 403


def test_taking_the_provider_away_ends_what_it_let_in_and_leaves_the_other_ways(firms, provider, row):
    client, member = firms.client(), firms.bakery.member
    signed_in(client, row, provider, "42", **says(member))
    by_password = firms.client(member)
    identity_actions.remove_identity_provider(customer_id=firms.bakery.customer.pk, **firms.doing)
    assert client.get("/my/").status_code == 403
    assert is_in(by_password)
    assert firms.client().get(f"/sign-in/{row.pk}/").status_code == 404


def test_another_issuer_begins_anew_and_the_secret_stays_where_only_the_rest_changes(firms, provider, row):
    client, member = firms.client(), firms.bakery.member
    signed_in(client, row, provider, "42", **says(member))
    customer_id = firms.bakery.customer.pk
    same = {"customer_id": customer_id, "client_id": CLIENT, "allow_private": True}
    domains = [member.email.partition("@")[2], "second.example"]
    identity_actions.set_identity_provider(issuer=provider.issuer, domains=domains, **same, **firms.doing)
    assert is_in(client)
    assert signed_in(firms.client(), row, provider, "42").status_code == 302
    identity_actions.set_identity_provider(
        issuer="https://new.example", client_secret="new", domains=domains, **same, **firms.doing
    )
    assert not IdentityLink.objects.exists()
    assert not is_in(client)


def test_a_session_from_there_lasts_twelve_hours(firms, provider, row):
    client = firms.client()
    signed_in(client, row, provider, "42", **says(firms.bakery.member))
    assert 11.9 * 3600 < client.session.get_expiry_age() <= 12 * 3600


def test_whoever_was_signed_in_before_in_that_browser_leaves_nothing_behind(firms, provider, row):
    client = firms.client(firms.grocer.manager)
    session = client.session
    session["company"] = firms.grocer.manager.pk
    session.save()
    assert signed_in(client, row, provider, "42", **says(firms.bakery.member)).status_code == 302
    page = client.get("/my/").content.decode()
    assert firms.bakery.customer.name in page
    assert "company" not in client.session


def test_whoever_came_in_from_there_neither_reads_nor_ends_the_accounts_other_sessions(firms, provider, row):
    member = firms.bakery.member
    elsewhere = firms.client(member)
    elsewhere.get("/my/")
    client = firms.client()
    signed_in(client, row, provider, "42", **says(member))
    assert "Where you are signed in" in elsewhere.get("/my/you/").content.decode()
    assert "Where you are signed in" not in client.get("/my/you/").content.decode()
    assert client.post("/my/you/sessions/end-others").status_code == 404
    assert client.post(f"/my/you/sessions/{Session.objects.first().pk}/end").status_code == 404
    assert is_in(elsewhere)


def test_a_provider_in_a_private_network_is_not_called_unless_our_staff_allowed_it(firms, provider, row):
    for issuer in ("https://127.0.0.1:9", "https://[::1]:9", "https://localhost:9", "https://169.254.169.254"):
        identity_actions.set_identity_provider(
            customer_id=firms.bakery.customer.pk, issuer=issuer, client_id=CLIENT, client_secret=SECRET,
            domains=["acme.example"], **firms.doing,
        )  # fmt: skip
        answer = firms.client().get(f"/sign-in/{row.pk}/")
        assert answer.status_code == 403
    assert refused_for() == ["discovery", "discovery", "silent", "discovery"]
    assert provider.asked == []


def test_a_provider_does_not_lead_us_into_our_own_network(firms, provider, row):
    provider.discovery["token_endpoint"] = "http://user:word@127.0.0.1/"
    client = firms.client()
    assert come_back(client, row, provider.sign_in(begun(client, row), "42")).status_code == 403
    assert refused_for() == ["discovery"]


def test_a_secret_whose_key_is_lost_is_told_and_noted(firms, provider, row):
    IdentityProvider.objects.update(client_secret=b"\x02sealed with another key")
    answer = firms.client().get(f"/sign-in/{row.pk}/")
    assert answer.status_code == 403
    assert "lost the key" in answer.content.decode()
    assert refused_for() == ["secret"]


def test_the_page_tells_of_a_company_by_the_domain_alone(firms, provider, row):
    client, member = firms.client(), firms.bakery.member
    domain = member.email.partition("@")[2]
    known = client.post("/sign-in/", {"email": member.email}).content.decode()
    nobody = client.post("/sign-in/", {"email": f"nobody.at.all@{domain.upper()}"}).content.decode()
    assert f'href="/sign-in/{row.pk}/"' in known
    assert f'href="/sign-in/{row.pk}/"' in nobody
    elsewhere = client.post("/sign-in/", {"email": firms.grocer.member.email}).content.decode()
    assert "/sign-in/" + str(row.pk) not in elsewhere
    assert 'href="/sign-in/"' in client.get("/account/login/").content.decode()


def test_who_tries_without_end_has_to_wait(firms, provider, row, monkeypatch):
    monkeypatch.setattr(own_sign_in, "TRIES", Buckets(a_second=0.001, size=20))
    client = firms.client()
    answers = [client.get(f"/sign-in/{row.pk}/back").status_code for _ in range(21)]
    assert answers == [403] * 20 + [429]


@pytest.mark.parametrize(
    ("issuer", "domains"),
    [
        ("http://id.example", ["acme.example"]),
        ("https://", ["acme.example"]),
        ("https://me:word@id.example", ["acme.example"]),
        ("https://id.example?x=1", ["acme.example"]),
        ("ftp://id.example", ["acme.example"]),
        ("https://id.example", []),
        ("https://id.example", ["not a domain"]),
    ],
)
def test_what_is_no_provider_is_not_set(firms, issuer, domains):
    with pytest.raises(identity_actions.Invalid):
        identity_actions.set_identity_provider(
            customer_id=firms.bakery.customer.pk, issuer=issuer, client_id="us", client_secret="s", domains=domains,
            **firms.doing,
        )  # fmt: skip
    assert not IdentityProvider.objects.exists()


def test_the_secret_lies_sealed_and_in_no_journal(firms, provider, row):
    assert SECRET.encode() not in bytes(row.client_secret)
    assert SECRET not in str(Entry.objects.get(kind="identity_provider.set").facts)
