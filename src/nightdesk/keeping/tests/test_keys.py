"""The master key changes while texts go out through a provider: none fails, and nothing sealed with the old one is left."""

import base64
import hashlib
import itertools
import os

import psycopg
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.db import connection
from psycopg import sql

from nightdesk.access.actions import make_user
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock, vault
from nightdesk.base.actors import Door
from nightdesk.base.idempotency import Answer, answer_once
from nightdesk.base.refusals import IllegalTransition
from nightdesk.calls.pins import lookup_of, lookups_of
from nightdesk.channels import links
from nightdesk.channels.actions import Recipient, make_push_key, queue_message, save_route
from nightdesk.channels.models import Attempt, Route
from nightdesk.channels.tests.test_worker_thread import doing, working
from nightdesk.keeping.key_actions import drop_old_keys, rotate_keys
from nightdesk.keeping.resealing import reseal_all
from nightdesk.keeping.tasks import database_url
from nightdesk.mailroom.models import Mailbox
from tests.peers.sms_provider import SmsProvider

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key_file(tmp_path, settings):
    """The keys of this installation in a file of their own, as after a first start without any setting."""
    place = tmp_path / "secret.key"
    place.write_text("the first key of this test\n")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the first key of this test", []
    settings.SECRET_KEY_PLACE = place
    return place


def seal_something_everywhere(provider):
    config = {"base_url": provider.url, "account_sid": provider.account_sid, "from": provider.numbers[0]}
    secrets = {"auth_token": provider.auth_token}
    save_route(channel="sms", driver="twilio", name="texts", config=config, secrets=secrets, **doing())
    make_push_key(**doing())
    Mailbox.objects.create(
        name="in", host="imap.example", user="u", password=vault.seal(b"p"), client_secret=vault.seal(b"c"),
        refresh_token=vault.seal(b"r"), set_up_at=clock.now(),
    )  # fmt: skip
    answer_once(caller="c", key="k", fingerprint="f", at=clock.now(), do=lambda: Answer(200, b"told"))
    user = make_user(
        email="bo@north.example", name="Bo", password="a long password", by=OPERATOR, via=Door.CLI, at=clock.now()
    )
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")


def sealed_with(mark):
    """Where in the database something lies that was sealed with the key of that mark: (table, column) pairs."""
    start = b"\x02" + bytes.fromhex(mark)
    as_text = base64.b64encode(start + b"\0").decode()[:6]
    found = set()
    with psycopg.connect(database_url()) as opened:
        columns = opened.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables"
            " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            " AND data_type IN ('bytea', 'text', 'character varying', 'jsonb')"
        ).fetchall()
        for table, column, kind in columns:
            names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
            if kind == "bytea":
                asked = sql.SQL("SELECT 1 FROM {table} WHERE substr({column}, 1, 5) = %s LIMIT 1")
                row = opened.execute(asked.format(**names), [start]).fetchone()
            else:
                asked = sql.SQL("SELECT 1 FROM {table} WHERE {column}::text LIKE %s LIMIT 1")
                row = opened.execute(asked.format(**names), [f"%{as_text}%"]).fetchone()
            if row:
                found.add((table, column))
    return found


def test_the_key_changes_three_times_while_texts_go_out(key_file):
    numbers = itertools.count(1)
    with SmsProvider() as provider, working() as shift:
        seal_something_everywhere(provider)
        first = vault.key_marks()[0]
        assert {table for table, _column in sealed_with(first)} == {
            "channels_route", "channels_pushkey", "mailroom_mailbox", "base_idempotentanswer", "mfa_authenticator",
        }  # fmt: skip
        link, pin = links.make_unsubscribe_link("contact:1"), lookup_of("270915")

        def text_somebody():
            number = next(numbers)
            to = [Recipient("person", number, "sms", f"+4477009{number:05d}", clock.now())]
            queue_message(
                kind="x",
                subject=("page", str(number)),
                title="t",
                body=f"text {number}",
                to=to,
                brand_id=None,
                **doing(),
            )
            shift.wake()

        for _ in range(3):
            for _ in range(3):
                text_somebody()
            rotate_keys(by=OPERATOR, via=Door.CLI, at=clock.now())
            text_somebody()
            while reseal_all():
                text_somebody()
        text_somebody()
        for number in range(1, next(numbers)):
            provider.messages.one(lambda message, number=number: message.body == f"t\ntext {number}")
        assert not Attempt.objects.exclude(outcome__in=("sent", "accepted", "delivered")).exists()

        # Nothing of the old keys is left at rest, and all of it still opens.
        assert [sealed_with(mark) for mark in vault.key_marks()[1:]] == [set(), set(), set()]
        assert len(key_file.read_text().splitlines()) == 4
        authenticator = Authenticator.objects.get(type="totp")
        assert authenticator.data["secret"].startswith("sealed:")
        assert decrypt(authenticator.data["secret"]) == "JBSWY3DPEHPK3PXP", "who signs in is asked by this one"
        # What was signed is believed as long as its key is known.
        token = link.rpartition("/")[2]
        assert links.read_unsubscribe(token) == ("contact", "1")
        assert pin in lookups_of("270915")
        assert drop_old_keys(by=OPERATOR, via=Door.CLI, at=clock.now()) == 3
        with pytest.raises(links.NotFound):
            links.read_unsubscribe(token)
        assert pin not in lookups_of("270915")
        text_somebody()
        last = next(numbers) - 1
        provider.messages.one(lambda message: message.body == f"t\ntext {last}")


def test_a_key_file_that_cannot_be_read_just_now_changes_nothing_and_is_told_once(key_file, caplog):
    sealed = vault.seal(b"a secret")
    key_file.unlink()
    key_file.mkdir()  # whoever runs this as root reads every file
    for _ in range(2):
        assert vault.open_(sealed) == b"a secret"
    assert caplog.text.count("cannot be read") == 1
    key_file.rmdir()
    key_file.write_text("another key\nthe first key of this test\n")
    assert (vault.open_(sealed), vault.master_keys()[0]) == (b"a secret", "another key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_that_root_changes_stays_its_owners(key_file):
    os.chown(key_file, 65534, 65534)
    rotate_keys(by=OPERATOR, via=Door.CLI, at=clock.now())
    about = key_file.stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (65534, 65534, 0o600)
    assert len(key_file.read_text().splitlines()) == 2


def test_a_key_from_the_environment_is_changed_there(settings):
    """And what it sealed is sealed anew when both are set."""
    settings.SECRET_KEY_PLACE = None
    with pytest.raises(IllegalTransition):
        rotate_keys(by=OPERATOR, via=Door.CLI, at=clock.now())
    old = settings.SECRET_KEY
    row = Route.objects.create(channel="sms", driver="twilio", name="x", secrets=vault.seal(b"{}"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = hashlib.sha256(old.encode()).hexdigest(), [old]
    assert reseal_all() == 1
    settings.SECRET_KEY_FALLBACKS = []
    row.refresh_from_db()
    assert vault.open_(bytes(row.secrets)) == b"{}"
    connection.close()
