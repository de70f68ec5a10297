from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from django.db import connection

from nightdesk.access import actions
from nightdesk.access.models import Brand, Grant, Role, Token, User
from nightdesk.access.queries import OPERATOR, grants_of, token_of
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound, NotSignedIn
from nightdesk.journal.models import Entry

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 3, 0, 0, 711, tzinfo=UTC)
HERE = {"by": OPERATOR, "via": Door.CLI, "at": AT}


def brand(slug: str = "north") -> Brand:
    return actions.make_brand(name=slug.title(), slug=slug, **HERE)


def admin_of(brand_id: int | None, scopes: frozenset[str] | None = None) -> dict[str, object]:
    return {**HERE, "by": Actor("person", "9", "Ada", frozenset({(brand_id, "admin")}), scopes)}


def kinds() -> list[str]:
    """What was written at AT: a test that commits leaves its own entries behind, since nothing can remove them."""
    return list(Entry.objects.filter(at=AT).order_by("id").values_list("kind", flat=True))


def test_a_token_opens_the_door_and_only_its_digest_is_kept():
    token, secret = actions.make_token(name="Grafana", scopes=["page"], **HERE)
    assert secret.startswith("ndt_")
    assert len(secret) == 36
    assert secret not in repr(Token.objects.values().get())
    assert secret.startswith(token.hint)
    assert token_of(secret, AT).pk == token.pk
    assert kinds() == ["token.made"]
    assert secret not in repr(list(Entry.objects.values()))


@pytest.mark.parametrize("spoilt", ["unknown", "expired", "revoked", "user left"])
def test_a_token_that_is_not_valid_is_refused_in_words_that_tell_nothing(spoilt):
    user = actions.make_user(email="bo@example.net", name="Bo", **HERE)
    ends_at = AT + timedelta(hours=1)
    token, secret = actions.make_token(name="x", scopes=["read"], user_id=user.pk, expires_at=ends_at, **HERE)
    assert token_of(secret, ends_at - timedelta(microseconds=1)).pk == token.pk
    asked_at = AT
    match spoilt:
        case "unknown":
            secret += "x"
        case "expired":
            asked_at = ends_at
        case "revoked":
            actions.revoke_token(token_id=token.pk, **HERE)
        case "user left":
            User.objects.update(is_active=False)
    with pytest.raises(NotSignedIn, match=r"That token is not valid\."):
        token_of(secret, asked_at)


def test_the_use_of_a_token_is_noted_once_a_minute(django_assert_num_queries):
    _, secret = actions.make_token(name="x", scopes=["read"], **HERE)
    token_of(secret, AT)
    with django_assert_num_queries(1):
        token_of(secret, AT + timedelta(seconds=59))
    assert Token.objects.get().last_used_at == AT
    token_of(secret, AT + timedelta(seconds=60))
    assert Token.objects.get().last_used_at == AT + timedelta(seconds=60)


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "acknowledge_pages"]])
def test_a_token_needs_scopes_that_exist(scopes):
    with pytest.raises(Invalid):
        actions.make_token(name="x", scopes=scopes, **HERE)


def test_a_token_that_has_expired_already_is_not_made():
    with pytest.raises(Invalid, match="expired"):
        actions.make_token(name="x", scopes=["read"], expires_at=AT, **HERE)


def test_nobody_hands_out_more_than_they_have():
    north, south = brand(), brand("south")
    user = actions.make_user(email="bo@example.net", name="Bo", **HERE)
    ada = admin_of(north.pk)
    actions.grant_role(user_id=user.pk, role="admin", brand_id=north.pk, **ada)
    actions.make_token(name="x", scopes=["admin"], brand_id=north.pk, **ada)
    for brand_id in (south.pk, None):
        with pytest.raises(Forbidden):
            actions.grant_role(user_id=user.pk, role="read-only", brand_id=brand_id, **ada)
        with pytest.raises(Forbidden):
            actions.make_token(name="x", scopes=["read"], brand_id=brand_id, **ada)
        with pytest.raises(Forbidden):
            actions.make_user(email="al@example.net", name="Al", brand_id=brand_id, **ada)
    with pytest.raises(Forbidden):
        actions.make_brand(name="West", slug="west", **ada)
    limited = admin_of(None, frozenset({"make_token", "read"}))
    actions.make_token(name="x", scopes=["read_pages"], **limited)
    with pytest.raises(Forbidden, match="scopes that Ada has not"):
        actions.make_token(name="x", scopes=["page"], **limited)


def test_a_token_of_another_brand_cannot_be_revoked():
    north, south = brand(), brand("south")
    token, secret = actions.make_token(name="x", scopes=["read"], brand_id=south.pk, **HERE)
    with pytest.raises(Forbidden):
        actions.revoke_token(token_id=token.pk, **admin_of(north.pk))
    with pytest.raises(NotFound):
        actions.revoke_token(token_id=token.pk + 1, **HERE)
    assert token_of(secret, AT)


def test_repeating_a_grant_or_a_revocation_writes_nothing_more():
    user = actions.make_user(email="bo@example.net", name="Bo", **HERE)
    north = brand()
    for _ in range(2):
        actions.grant_role(user_id=user.pk, role="desk", brand_id=north.pk, **HERE)
    assert grants_of(user) == {(north.pk, "desk")}
    for _ in range(2):
        actions.revoke_role(user_id=user.pk, role="desk", brand_id=north.pk, **HERE)
    assert grants_of(user) == frozenset()
    assert kinds() == ["user.made", "brand.made", "role.granted", "role.revoked"]


def test_an_address_has_one_account_whatever_its_case():
    actions.make_user(email="Bo@Example.NET", name="Bo", **HERE)
    assert User.objects.get().email == "Bo@example.net"
    with pytest.raises(Invalid, match="has an account already"):
        actions.make_user(email="bo@example.net", name="Bob", **HERE)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "so"),
    [
        ("email", "bo at example.net", "It is not one"),
        ("name", "  ", "must have one"),
        ("name", "B\0", "control character"),
        ("name", "B" * 121, "more than 120"),
        ("password", "short", "too short"),
    ],
)
def test_an_account_that_does_not_fit_is_refused_with_what_is_wrong(field, value, so):
    with pytest.raises(Invalid, match=so):
        actions.make_user(**{"email": "bo@example.net", "name": "Bo", field: value}, **HERE)


@pytest.mark.parametrize(
    ("changes", "so"),
    [
        ({"zone": "Europe/Atlantis"}, "no zone"),
        ({"language": "english!"}, "no language"),
        ({"region": "UK"}, "country"),
    ],
)
def test_a_brand_is_changed_only_to_what_makes_sense(changes, so):
    north = brand()
    with pytest.raises(Invalid, match=so):
        actions.edit_brand(brand_id=north.pk, changes=changes, **HERE)
    actions.edit_brand(brand_id=north.pk, changes={"zone": "Europe/Berlin"}, **HERE)
    actions.edit_brand(brand_id=north.pk, changes={"zone": "Europe/Berlin"}, **HERE)
    assert Brand.objects.get().zone == "Europe/Berlin"
    assert kinds() == ["brand.made", "brand.edited"]


def test_a_slug_that_is_taken_or_none_is_refused():
    brand()
    with pytest.raises(Invalid, match="There is one"):
        brand()
    with pytest.raises(Invalid, match="letters, digits"):
        brand("north west")


def test_the_last_admin_of_everything_stays():
    ada, bo = (actions.make_user(email=f"{name}@example.net", name=name, **HERE) for name in ("ada", "bo"))
    for user in (ada, bo):
        actions.grant_role(user_id=user.pk, role="admin", brand_id=None, **HERE)
    actions.revoke_role(user_id=ada.pk, role="admin", brand_id=None, **HERE)
    with pytest.raises(IllegalTransition, match="Nobody else has it"):
        actions.revoke_role(user_id=bo.pk, role="admin", brand_id=None, **HERE)
    User.objects.filter(pk=bo.pk).update(is_active=False)
    actions.grant_role(user_id=ada.pk, role="admin", brand_id=None, **HERE)
    with pytest.raises(IllegalTransition):
        actions.revoke_role(user_id=ada.pk, role="admin", brand_id=None, **HERE)


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_revoke_each_other_at_once_do_not_both_go():
    later = {**HERE, "at": AT + timedelta(days=1)}
    users = [actions.make_user(email=f"{name}@example.net", name=name, **later) for name in ("ada", "bo")]
    for user in users:
        actions.grant_role(user_id=user.pk, role="admin", brand_id=None, **later)
    outcome: list[str] = []

    def revoke(user: User) -> None:
        try:
            actions.revoke_role(user_id=user.pk, role="admin", brand_id=None, **later)
            outcome.append("gone")
        except IllegalTransition:
            outcome.append("kept")
        finally:
            connection.close()

    threads = [Thread(target=revoke, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome) == ["gone", "kept"]
    assert Grant.objects.filter(role=Role.ADMIN, brand=None).count() == 1
