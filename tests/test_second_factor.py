"""Roles that need a second proof: without one a browser reaches its set-up, and nothing else."""

from datetime import UTC, datetime

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client
from django.urls import reverse

from nightdesk.access.actions import grant_role, make_brand, make_token, make_user
from nightdesk.access.models import Role, User
from nightdesk.access.queries import OPERATOR
from nightdesk.base import env
from nightdesk.base.actors import Door
from nightdesk.management.commands.doctor import of_second_factors

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HERE = {"by": OPERATOR, "via": Door.CLI, "at": AT}
PASSWORD = "a quiet harbour"


@pytest.fixture(autouse=True)
def admins_and_managers_must(settings):
    settings.SECOND_FACTOR_ROLES = frozenset({"admin", "manager"})


def somebody(name: str, role: str) -> User:
    brand = make_brand(name=name, slug=name.lower(), **HERE)
    user = make_user(email=f"{name.lower()}@north.example", name=name, password=PASSWORD, **HERE)
    grant_role(user_id=user.pk, role=role, brand_id=brand.pk, **HERE)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


def opened(client: Client) -> list[int]:
    """The answers of a page, of a change, and of the API."""
    return [
        client.get(reverse("console:pages")).status_code,
        client.post(reverse("console:end_my_other_sessions")).status_code,
        client.get("/api/v1/pages").status_code,
    ]


def test_without_a_second_proof_a_role_that_needs_one_reaches_only_its_set_up():
    user = somebody("Mo", "manager")
    client = signed_in(user)
    assert opened(client) == [302, 403, 403]
    led = client.get("/", follow=True)
    assert led.redirect_chain == [(reverse("mfa_index"), 302)]
    assert "needs a second proof" in led.content.decode()
    problem = client.get("/api/v1/pages", headers={"Accept": "application/json"}).json()
    assert problem["code"] == "second-factor"
    # They set it up there, with the code that their app shows, and go on.
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.get(reverse("mfa_activate_totp"))
    secret = client.session["mfa.totp.secret"]
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    done = client.post(reverse("mfa_activate_totp"), {"code": code})
    assert done.status_code == 302, done.content
    assert opened(client) == [200, 302, 200]


def test_recovery_codes_alone_are_no_second_proof_and_a_passkey_is_one():
    user = somebody("Ada", "admin")
    client = signed_in(user)
    Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": get_adapter().encrypt("x")})
    assert opened(client) == [302, 403, 403]
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "key", "credential": {}})
    assert opened(client) == [200, 302, 200]


def test_a_second_factor_whose_key_is_lost_lets_nobody_in_and_says_so(settings):
    user = somebody("Mo", "manager")
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a key of another day", []
    client = signed_in(user)
    answer = client.post(reverse("mfa_authenticate"), {"code": "123456"})
    assert answer.status_code == 409
    assert "another master key" in answer.content.decode()
    assert client.get(reverse("console:pages")).status_code == 302


def test_other_roles_tokens_and_the_role_taken_are_not_asked_and_doctor_names_who_has_none(settings):
    engineer, manager = somebody("Bo", "engineer"), somebody("Mo", "manager")
    assert opened(signed_in(engineer)) == [200, 302, 200]
    _token, secret = make_token(name="x", scopes=["read"], user_id=manager.pk, **HERE)
    assert Client().get("/api/v1/pages", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    (finding,) = of_second_factors(AT)
    assert (finding.state, "Mo (mo@north.example)" in finding.said, "Bo" in finding.said) == ("warn", True, False)
    TOTP.activate(manager, "JBSWY3DPEHPK3PXP")
    assert [each.state for each in of_second_factors(AT)] == ["ok"]
    settings.SECOND_FACTOR_ROLES = frozenset()
    assert opened(signed_in(somebody("Eve", "manager"))) == [200, 302, 200]


def test_a_role_that_does_not_exist_stops_the_start_rather_than_asking_nobody(monkeypatch, settings):
    assert tuple(Role.values) == settings.ROLES
    monkeypatch.setattr(env, "REGISTRY", {})
    monkeypatch.setenv("NIGHTDESK_SECOND_FACTOR_ROLES", "admin, manager,")
    assert env.words("NIGHTDESK_SECOND_FACTOR_ROLES", settings.ROLES, "") == {"admin", "manager"}
    monkeypatch.setenv("NIGHTDESK_SECOND_FACTOR_ROLES", "admins")
    with pytest.raises(env.BadSetting):
        env.words("NIGHTDESK_SECOND_FACTOR_ROLES", settings.ROLES, "")
