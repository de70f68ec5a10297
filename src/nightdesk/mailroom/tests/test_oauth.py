"""Mailboxes by OAuth 2.0: against oauthlib's own server, and a dovecot that asks it whether a token is good."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import Invalid
from nightdesk.mailroom import imap, oauth
from nightdesk.mailroom.actions import note_mailbox, save_mailbox, sign_in_mailbox
from nightdesk.mailroom.models import Mail, Mailbox
from nightdesk.mailroom.oauth import Client, NoToken, Service, exchange_code, fetch_token, make_verifier, sign_in_url
from nightdesk.mailroom.queries import client_of, how_it_does, refresh_token_of
from nightdesk.mailroom.tests.test_imap import came, raw, reading
from tests.peers.mail_servers import Dovecot, make_certificate
from tests.peers.token_server import CLIENT, SECRET, TokenServer
from tests.requires import requires
from tests.system.stack import until

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
NOC = "noc@night.example"
BACK = "https://night.example/settings/mailboxes/signed-in"


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer(NOC) as server:
        server.rules.refresh.add("given by the administrator")
        yield server


def client(tokens: TokenServer, **more: Any) -> Client:
    known: dict[str, Any] = {
        "service": "oauth",
        "token_url": tokens.token_url,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "refresh_token": "given by the administrator",
        "trusted": tokens.certificate.read_text(),
    }
    return Client(**(known | more))


def test_a_refresh_token_gives_an_access_token_and_the_next_one(tokens: TokenServer) -> None:
    first = fetch_token(client(tokens), AT)
    assert first.access_token in tokens.rules.access
    assert first.expires_at == AT + timedelta(hours=1)
    assert (first.is_fresh(AT), first.is_fresh(AT + timedelta(minutes=59))) == (True, False)
    assert first.refresh_token not in ("", "given by the administrator")
    second = fetch_token(client(tokens, refresh_token=first.refresh_token), AT)
    assert second.access_token != first.access_token
    assert "access_token" not in repr(first) + repr(client(tokens))


def test_what_was_revoked_or_wrong_says_who_must_do_something(tokens: TokenServer) -> None:
    tokens.rules.refresh.clear()
    with pytest.raises(NoToken, match="sign in anew") as gone:
        fetch_token(client(tokens), AT)
    assert gone.value.gone
    with pytest.raises(NoToken, match="client id and secret") as gone:
        fetch_token(client(tokens, client_secret="wrong"), AT)
    assert gone.value.gone
    with pytest.raises(NoToken, match="cannot be reached") as away:
        fetch_token(client(tokens, trusted=""), AT)
    assert not away.value.gone
    with pytest.raises(NoToken, match="https"):
        fetch_token(client(tokens, token_url=tokens.token_url.replace("https", "http")), AT)
    for told in (str(gone.value), str(away.value)):
        assert SECRET not in told


def test_an_application_that_may_read_by_itself_needs_nobody_to_sign_in(tokens: TokenServer) -> None:
    assert fetch_token(client(tokens, refresh_token=""), AT).access_token in tokens.rules.access
    assert "grant_type=client_credentials" in tokens.asked[-1]["body"]
    with pytest.raises(NoToken, match="signed in"):
        fetch_token(client(tokens, service="google", refresh_token=""), AT)


def test_somebody_signs_in_and_the_code_is_exchanged_once_by_whoever_asked(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = Service("https://127.0.0.1/authorize", tokens.token_url, "mail")
    monkeypatch.setitem(oauth.SERVICES, "microsoft", where)
    verifier = make_verifier()
    asked = {"tenant": "x", "client_id": CLIENT, "scope": "", "login": NOC, "redirect_uri": BACK, "state": "s 1"}
    back = tokens.sign_in(sign_in_url("microsoft", **asked, verifier=verifier))
    brought = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    assert (back.startswith(BACK), brought["state"]) == (True, "s 1")
    us = client(tokens, refresh_token="")
    with pytest.raises(NoToken):
        exchange_code(us, code=brought["code"], verifier=make_verifier(), redirect_uri=BACK, at=AT)
    token = exchange_code(us, code=brought["code"], verifier=verifier, redirect_uri=BACK, at=AT)
    assert token.refresh_token in tokens.rules.refresh
    with pytest.raises(NoToken):
        exchange_code(us, code=brought["code"], verifier=verifier, redirect_uri=BACK, at=AT)


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, "{}"), (200, "[]"), (200, "<html>"), (500, "{}"), (302, ""), (200, '{"access_token": 5}'),
     (200, '{"access_token": "x", "token_type": "mac"}'), (400, '{"error": "temporarily_unavailable"}')],
)  # fmt: skip
def test_nonsense_is_no_token(tmp_path: Any, status: int, content: str) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Location", "https://evil.example/")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    certificate, key = make_certificate(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        us = Client("oauth", f"https://127.0.0.1:{server.server_address[1]}/", "x", trusted=certificate.read_text())
        try:
            with pytest.raises(NoToken):
                fetch_token(us, AT)
        finally:
            server.shutdown()


def test_what_is_known_of_microsoft_and_google() -> None:
    assert oauth.token_url_of("microsoft", "contoso.example", "") == (
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    )
    assert oauth.token_url_of("google", "", "ignored") == "https://oauth2.googleapis.com/token"
    asked = {
        "tenant": "x",
        "client_id": "c",
        "scope": "",
        "login": NOC,
        "redirect_uri": BACK,
        "state": "s",
        "verifier": "v",
    }
    told = parse_qs(urlsplit(sign_in_url("google", **asked)).query)
    assert (told["access_type"], told["scope"], told["login_hint"]) == (
        ["offline"],
        ["https://mail.google.com/"],
        [NOC],
    )
    assert sign_in_url("oauth", **asked) == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("auth", "more", "field"),
    [
        ("microsoft", {}, "client_id"),
        ("microsoft", {"client_id": "x"}, "tenant"),
        ("microsoft", {"client_id": "x", "tenant": "a/../b"}, "tenant"),
        ("oauth", {"client_id": "x"}, "token_url"),
        ("oauth", {"client_id": "x", "token_url": "http://x.example/"}, "token_url"),
        ("kerberos", {}, "auth"),
    ],
)
def test_what_is_missing_for_a_log_in_is_named(auth: str, more: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        save_mailbox(name="m", host="h", user=NOC, auth=auth, **more, by=SCHEDULER, via=Door.CLI, at=AT)
    assert refused.value.extra["field"] == field


@pytest.mark.django_db
def test_secrets_lie_sealed_and_stay_where_they_are_left_empty() -> None:
    how: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": AT}
    given: dict[str, Any] = {"name": "m", "host": "h", "user": NOC, "auth": "google", "client_id": "c"}
    row = save_mailbox(**given, client_secret="s3cret", refresh_token="r3fresh", **how)
    assert b"s3cret" not in bytes(row.client_secret)
    assert b"r3fresh" not in bytes(row.refresh_token)
    save_mailbox(mailbox_id=row.id, **given, **how)
    assert refresh_token_of(row.id) == "r3fresh"
    note_mailbox(mailbox_id=row.id, problem="expired", **how)
    sign_in_mailbox(mailbox_id=row.id, refresh_token="anew", **how)
    row.refresh_from_db()
    assert (refresh_token_of(row.id), row.problem) == ("anew", "")
    with pytest.raises(Invalid):
        sign_in_mailbox(mailbox_id=row.id, refresh_token="", **how)


@pytest.mark.django_db
def test_a_mailbox_that_was_read_by_password_is_read_by_whatever_it_is_set_to_later() -> None:
    how: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": AT}
    named: dict[str, Any] = {"name": "m", "host": "h", "user": NOC}
    row = save_mailbox(**named, password="p", authserv_id="old.example", **how)
    given = {"auth": "microsoft", "tenant": "quay.example", "client_id": "c", "scope": "s", "authserv_id": "mx.example"}
    save_mailbox(mailbox_id=row.id, **named, **given, client_secret="first", refresh_token="r", **how)
    save_mailbox(mailbox_id=row.id, **named, **given, client_secret="second", **how)
    row.refresh_from_db()
    assert {name: getattr(row, name) for name in given} == given
    assert (client_of(row).client_secret, refresh_token_of(row.id)) == ("second", "r")


@pytest.mark.django_db(transaction=True)
@requires("dovecot")
@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_mailbox_is_read_by_tokens_and_a_revoked_sign_in_is_an_alarm(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    monkeypatch.setattr(imap, "PAUSES_S", (0.1,))
    monkeypatch.setattr(imap, "LOOKED_INTO_S", 0.1)
    how: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI}
    with Dovecot([NOC], introspection_url=tokens.introspection_url, mechanisms=mechanism) as dovecot:
        # Both certificates are trusted: the mail server's and the token service's.
        trusted = dovecot.certificate.read_text() + tokens.certificate.read_text()
        row = save_mailbox(
            name="noc", host="127.0.0.1", port=dovecot.tls_port, security="tls", certificate=trusted, user=NOC, read_old=True,
            auth="oauth", token_url=tokens.token_url, client_id=CLIENT, client_secret=SECRET,
            refresh_token="given by the administrator", at=clock.now(), **how,
        )  # fmt: skip
        with reading():
            dovecot.put(NOC, raw(1))
            came(1)
            until(lambda: refresh_token_of(row.id) in tokens.rules.refresh, 10, "the next refresh token is kept")
            # The administrator of the service takes it away, and the server ends the session.
            tokens.rules.refresh.clear()
            tokens.rules.access.clear()
            dovecot.stop()
            dovecot.start()
            until(lambda: "sign in anew" in Mailbox.objects.get(id=row.id).problem, 60, "it is told")
            dovecot.put(NOC, raw(2))
            tone, words = how_it_does(Mailbox.objects.get(id=row.id), clock.now())
            assert (tone, "sign in anew" in words) == ("fire", True)
            assert Mail.objects.count() == 1
            # Somebody signs in again: nothing was lost.
            tokens.rules.refresh.add("anew")
            sign_in_mailbox(mailbox_id=row.id, refresh_token="anew", at=clock.now(), **how)
            came(2)
            until(lambda: not Mailbox.objects.get(id=row.id).problem, 10, "it is mended")
    assert json.dumps(tokens.asked).count("refresh_token") >= 2


@pytest.mark.django_db(transaction=True)
@requires("dovecot")
def test_a_server_that_takes_no_token_is_an_alarm_however_often_a_new_one_is_given(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise LoginError("AUTHENTICATE failed: IMAP is switched off for this user")

    monkeypatch.setattr(imap, "PAUSES_S", (0.1,))
    monkeypatch.setattr(IMAPClient, "oauth2_login", refuse)
    monkeypatch.setattr(IMAPClient, "oauthbearer_login", refuse)
    with Dovecot([NOC], introspection_url=tokens.introspection_url, mechanisms="xoauth2") as dovecot:
        trusted = dovecot.certificate.read_text() + tokens.certificate.read_text()
        row = save_mailbox(
            name="noc", host="127.0.0.1", port=dovecot.tls_port, security="tls", certificate=trusted, user=NOC,
            auth="oauth", token_url=tokens.token_url, client_id=CLIENT, client_secret=SECRET,
            refresh_token="given by the administrator", at=clock.now(), by=SCHEDULER, via=Door.CLI,
        )  # fmt: skip
        with reading():
            until(lambda: Mailbox.objects.get(id=row.id).problem, 60, "it is told")
            since = Mailbox.objects.get(id=row.id).problem_at
            given = len(tokens.asked)
            until(lambda: len(tokens.asked) > given + 2, 60, "new tokens are given")
        row.refresh_from_db()
    assert (row.problem_at, row.looked_at) == (since, None)
    assert "access token" in row.problem
    assert refresh_token_of(row.id) in tokens.rules.refresh
