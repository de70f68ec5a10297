"""`nightdesk token`: the secret is told once, alone on the last line."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from nightdesk.access.actions import grant_role, make_user
from nightdesk.access.models import Role, Token
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound, NotSignedIn
from nightdesk.journal.models import Entry
from nightdesk.people.queries import actor_of_token

NOW = datetime(2026, 11, 14, 3, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def token(*words: str) -> str:
    out = StringIO()
    with clock.replaced_by(lambda: NOW):
        call_command("token", *words, stdout=out)
    return out.getvalue()


def test_the_secret_stands_alone_on_the_last_line_and_opens_what_its_scopes_name() -> None:
    secret = token("new", "wallboard", "--scope", "read", "--scope", "note_page").splitlines()[-1]
    actor = actor_of_token(secret, NOW)
    assert (actor.kind, actor.name, actor.scopes) == ("machine", "wallboard", {"read", "note_page"})
    assert secret not in json.dumps(list(Token.objects.values("name", "hint", "digest")), default=str)


def test_with_an_address_it_acts_for_that_user() -> None:
    user = make_user(email="bo@example.net", name="Bo", by=OPERATOR, via=Door.CLI, at=NOW)
    grant_role(user_id=user.pk, role=Role.ENGINEER, brand_id=None, by=OPERATOR, via=Door.CLI, at=NOW)
    told: dict[str, Any] = json.loads(token("new", "deploys", "--scope", "page", "--user", "BO@example.net", "--json"))
    assert told["user"] == "bo@example.net"
    actor = actor_of_token(told["secret"], NOW)
    assert (actor.kind, actor.grants) == ("person", {(None, "engineer")})


def test_it_works_for_so_many_days_and_not_an_instant_longer() -> None:
    secret = token("new", "short", "--scope", "read", "--expires", "2").splitlines()[-1]
    assert actor_of_token(secret, NOW + timedelta(days=2) - timedelta(microseconds=1))
    with pytest.raises(NotSignedIn):
        actor_of_token(secret, NOW + timedelta(days=2))


def test_it_is_listed_without_its_secret_and_revoked_by_its_number() -> None:
    secret = token("new", "wallboard", "--scope", "read").splitlines()[-1]
    number = Token.objects.get().pk
    listed = token("list")
    assert listed.split() == [str(number), secret[:8], "wallboard", "read"]
    assert json.loads(token("list", "--json"))[0]["revoked_at"] is None
    token("revoke", str(number))
    with pytest.raises(NotSignedIn):
        actor_of_token(secret, NOW)
    assert "revoked" in token("list")
    assert set(Entry.objects.filter(subject_kind="token").values_list("kind", "via")) == {
        ("token.made", "cli"),
        ("token.revoked", "cli"),
    }


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["new", "x", "--scope", "everything"], Invalid),
        (["new", "x", "--scope", "read", "--user", "nobody@example.net"], NotFound),
        (["new", "x", "--scope", "read", "--brand", "nowhere"], NotFound),
        (["new", "x", "--scope", "read", "--expires", "0"], Invalid),
        (["revoke", "12345"], NotFound),
        (["new", "x"], CommandError),
        ([], CommandError),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nothing(words: list[str], refused: type[Exception]) -> None:
    with pytest.raises(refused):
        token(*words)
    assert not Token.objects.exists()
