"""What the main site sends is what the second one has: whole, in parts, and what has gone is gone."""

import json
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.db import connection

from nightdesk.access.actions import make_user
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import ContactMethod, Person
from nightdesk.standby import following, snapshot
from nightdesk.standby.models import Copied
from nightdesk.standby.sections import tables
from tests.world import World


def sent(have: dict[str, dict[str, str]]) -> dict[str, dict[str, object]]:
    """As it comes out of a letter."""
    changed: dict[str, dict[str, object]] = json.loads(json.dumps(snapshot.whole(have)["changed"]))
    return changed


def empty_sections() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in reversed(tables().values()):
            cursor.execute(f"DELETE FROM {table.name}")


def contents() -> dict[str, dict[str, str]]:
    return {label: snapshot.marks_of(table) for label, table in tables().items()}


def small_night(world: World) -> Page:
    bo, al = world.person("Bo"), world.person("Al", manager=True)
    world.seat("night", bo)
    world.escalate((0, bo), (10, al))
    world.customer("Dockside")
    page = world.alarm("core1 is down", key="core1")
    world.phone(bo).got("core1")
    return page


def test_the_whole_goes_over_and_is_the_same_there(world: World) -> None:
    page = small_night(world)
    before, whole = contents(), sent({})
    empty_sections()
    assert not Page.objects.exists()
    following.apply_changes(whole, whole=False, kept={})
    assert contents() == before
    assert Page.objects.get(pk=page.pk).title == page.title
    assert sent(following.marks()) == {}, "a quiet pull brings nothing"


def test_a_change_brings_its_own_section_and_what_has_gone_goes(world: World) -> None:
    small_night(world)
    following.apply_changes(sent({}), whole=False, kept={})
    person = Person.objects.get(name="Bo")
    method = ContactMethod.objects.create(
        person=person, channel="email", address="bo2@quay.example", proved_at=world.at
    )
    changed = sent(following.marks())
    assert set(changed) == {"people.ContactMethod"}
    following.apply_changes(changed, whole=False, kept={})
    people.remove_contact_method(method_id=method.pk, **world.doing)
    changed = sent(following.marks())
    assert set(changed) == {"people.ContactMethod"}
    ContactMethod.objects.create(id=method.pk, person=person, channel="email", address="bo2@quay.example")
    following.apply_changes(changed, whole=False, kept={})
    assert not ContactMethod.objects.filter(pk=method.pk).exists()


def test_what_is_not_at_the_main_site_yet_is_not_undone(world: World) -> None:
    page = small_night(world)
    changed = sent({})
    Page.objects.filter(pk=page.pk).update(title="as it is here")
    following.apply_changes(changed, whole=False, kept={"paging.Page": [str(page.pk)]})
    assert Page.objects.get(pk=page.pk).title == "as it is here"
    assert "paging.Page" in sent(following.marks()), "it is looked at again"
    assert str(page.pk) in {one for row in Copied.objects.filter(section="paging.Page") for one in row.ids}


def test_rows_made_here_never_meet_the_main_sites(world: World) -> None:
    small_night(world)
    following.apply_changes(sent({}), whole=False, kept={})
    bo = Person.objects.get(name="Bo")
    own = ContactMethod.objects.create(person=bo, channel="email", address="here@quay.example")
    assert own.pk >= following.OWN_IDS_FROM
    following.apply_changes(sent(following.marks()), whole=False, kept={})
    assert ContactMethod.objects.filter(pk=own.pk).exists(), "it is not the main site's to take away"
    with_own = dict(following.marks())
    following.apply_changes({}, whole=True, kept={})
    assert not ContactMethod.objects.filter(pk=own.pk).exists(), "after a time alone it goes"
    assert with_own


def test_whoever_has_a_second_factor_signs_in_with_it_at_a_site_of_another_master_key(
    world: World, settings: Any
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY_PLACE = "the main site's", [], None
    user = make_user(email="bo@quay.example", name="Bo", password="a long password", **world.doing)
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    codes = RecoveryCodes.activate(user).generate_codes()
    whole = sent({})
    told = json.dumps(whole)
    assert "sealed:" not in told, "what only the main site's key opens is of no use"
    empty_sections()
    settings.SECRET_KEY = "the second site's"
    following.apply_changes(whole, whole=False, kept={})
    factor = Authenticator.objects.get(type="totp")
    assert factor.data["secret"].startswith("sealed:")
    assert decrypt(factor.data["secret"]) == "JBSWY3DPEHPK3PXP", "who signs in is asked by this one"
    assert Authenticator.objects.get(type="recovery_codes").wrap().validate_code(codes[0])


def test_secrets_that_only_one_key_opens_stay_where_they_are() -> None:
    assert not set(tables()) & {
        "channels.Route",
        "channels.PushKey",
        "standby.SecondSite",
        "access.Token",
        "sessions.Session",
    }
