from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from nightdesk.access import actions as access
from nightdesk.access.matrix import may
from nightdesk.access.queries import OPERATOR
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound, NotSignedIn
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.people import actions, queries
from nightdesk.people.actions import RuleWanted
from nightdesk.people.models import ContactMethod, NotifyRule, Person
from nightdesk.people.numbers import BadNumber

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 3, 0, 0, 712, tzinfo=UTC)
HERE = {"by": OPERATOR, "via": Door.CLI, "at": AT}


def kinds() -> list[str]:
    """What was written at AT, accounts and brands left out."""
    return [
        kind
        for kind in Entry.objects.filter(at=AT).order_by("id").values_list("kind", flat=True)
        if kind.startswith(("person.", "team."))
    ]


def doing(actor: Actor, via: Door = Door.WEB) -> dict[str, object]:
    return {"by": actor, "via": via, "at": AT}


@pytest.fixture
def house() -> SimpleNamespace:
    """Two brands with a team and a manager each; Bo is an engineer of the north team with an account, Al has none."""
    found = SimpleNamespace()
    for slug, region in (("north", "GB"), ("south", "DE")):
        brand = access.make_brand(name=slug.title(), slug=slug, region=region, **HERE)
        team = actions.make_team(brand_id=brand.pk, name=f"{slug} night", **HERE)
        boss = Actor("person", f"90{brand.pk}", f"Boss of {slug}", frozenset({(brand.pk, "manager")}))
        setattr(found, slug, SimpleNamespace(brand=brand, team=team, boss=boss))
    found.user = access.make_user(email="bo@example.net", name="Bo", **HERE)
    access.grant_role(user_id=found.user.pk, role="engineer", brand_id=found.north.brand.pk, **HERE)
    found.bo = actions.make_person(name="Bo", user_id=found.user.pk, **HERE)
    found.al = actions.make_person(name="Al", **HERE)
    actions.set_team_members(
        team_id=found.north.team.pk, person_ids=[found.bo.pk, found.al.pk], manager_id=None, **HERE
    )
    return found


def sms(house: SimpleNamespace, number: str = "07700 900123", **who: object) -> ContactMethod:
    return actions.add_contact_method(person_id=house.bo.pk, channel="sms", address=number, **(who or HERE))


@pytest.mark.parametrize(
    ("channel", "address", "kept"),
    [
        ("sms", "07700 900123", "+447700900123"),
        ("voice", "+49 30 901820", "+4930901820"),
        ("email", " Bo@Example.NET ", "Bo@example.net"),
        ("webhook", "https://example.net/hook", "https://example.net/hook"),
        ("pager", " 555-1212 ", "5551212"),
        ("pager", "bo.berg", "bo.berg"),
        ("chat", " ops-slack:#noc ", "ops-slack:#noc"),
        ("chat", "noc-discord:", "noc-discord:"),
        ("chat", "matrix:#night:example.net", "matrix:#night:example.net"),
    ],
)
def test_an_address_is_kept_in_one_way_and_unconfirmed(house, channel, address, kept):
    method = actions.add_contact_method(person_id=house.bo.pk, channel=channel, address=address, **HERE)
    assert (method.address, method.verified_at) == (kept, None)
    with pytest.raises(Invalid, match="They have it already"):
        actions.add_contact_method(person_id=house.bo.pk, channel=channel, address=kept, **HERE)
    assert PersonalText.objects.filter(text=kept).count() == 1
    assert kept not in repr(list(Entry.objects.filter(at=AT).values()))


@pytest.mark.parametrize(
    ("channel", "address", "refusal"),
    [
        ("sms", "07700", BadNumber),
        ("voice", "call me", BadNumber),
        ("email", "bo at example.net", Invalid),
        ("webhook", "ftp://example.net/", Invalid),
        ("webhook", "https://example.net/" + "x" * 400, Invalid),
        ("pager", "", Invalid),
        ("pager", "5551212\r\nSEND", Invalid),
        ("pager", "5" * 41, Invalid),
        ("chat", "#noc", Invalid),
        ("chat", "slack:#noc,#all", Invalid),
        ("chat", "slack:a b", Invalid),
        ("chat", "Slack:#noc", Invalid),
        ("pigeon", "left loft", Invalid),
    ],
)
def test_an_address_that_reaches_nobody_is_refused(house, channel, address, refusal):
    with pytest.raises(refusal) as refused:
        actions.add_contact_method(person_id=house.bo.pk, channel=channel, address=address, **HERE)
    assert refused.value.asked
    assert refused.value.do
    assert not ContactMethod.objects.exists()


def test_a_chats_url_is_refused_and_not_repeated(house):
    with pytest.raises(Invalid) as refused:
        actions.add_contact_method(person_id=house.bo.pk, channel="chat", address="tgram://123456789:s3cret/bo", **HERE)
    assert "s3cret" not in f"{refused.value.asked}{refused.value.so}{refused.value.do}"


def test_a_pocket_is_ones_own_page_and_needs_no_address(house):
    method = actions.add_contact_method(person_id=house.bo.pk, channel="pocket", address="", **HERE)
    assert method.address == str(house.bo.pk)


def test_a_number_without_a_country_code_is_one_of_the_teams_brand(house):
    eva = actions.make_person(name="Eva", **HERE)
    actions.set_team_members(team_id=house.south.team.pk, person_ids=[eva.pk], manager_id=eva.pk, **HERE)
    method = actions.add_contact_method(person_id=eva.pk, channel="sms", address="030 901820", **HERE)
    assert method.address == "+4930901820"


def test_an_engineer_keeps_their_own_contacts_and_nobody_elses(house):
    bo = queries.actor_of_user(house.user)
    own = sms(house, **doing(bo))
    actions.set_notify_rules(person_id=house.bo.pk, rules=[RuleWanted("high", own.pk)], **doing(bo))
    with pytest.raises(Forbidden):
        actions.add_contact_method(person_id=house.al.pk, channel="email", address="al@example.net", **doing(bo))
    with pytest.raises(Forbidden):
        actions.set_notify_rules(person_id=house.al.pk, rules=[], **doing(bo))
    with pytest.raises(Forbidden):
        actions.edit_person(person_id=house.bo.pk, changes={"name": "King Bo"}, **doing(bo))
    als = actions.add_contact_method(person_id=house.al.pk, channel="email", address="al@example.net", **HERE)
    with pytest.raises(Forbidden):
        actions.remove_contact_method(method_id=als.pk, **doing(bo))
    actions.remove_contact_method(method_id=own.pk, **doing(bo))
    assert list(ContactMethod.objects.all()) == [als]
    assert not NotifyRule.objects.exists()


def test_who_may_only_read_does_not_even_keep_their_own_contacts(house):
    reader = Actor("person", str(house.bo.pk), "Bo", frozenset({(house.north.brand.pk, "read-only")}))
    with pytest.raises(Forbidden):
        sms(house, **doing(reader))


def test_a_manager_looks_after_the_people_of_their_brand_only(house):
    assert sms(house, **doing(house.north.boss))
    for verb, asked in (
        (actions.add_contact_method, {"channel": "email", "address": "x@example.net"}),
        (actions.edit_person, {"changes": {"name": "X"}}),
        (actions.deactivate_person, {}),
        (actions.set_notify_rules, {"rules": []}),
    ):
        with pytest.raises(Forbidden):
            verb(person_id=house.bo.pk, **asked, **doing(house.south.boss))


def test_a_brand_cannot_take_hold_of_anothers_people_through_a_team(house):
    fresh = actions.make_person(name="Eva", **HERE)
    with pytest.raises(Forbidden):
        actions.set_team_members(
            team_id=house.south.team.pk,
            person_ids=[fresh.pk, house.bo.pk],
            manager_id=None,
            **doing(house.south.boss),
        )
    assert not house.south.team.members.exists()
    actions.set_team_members(
        team_id=house.south.team.pk, person_ids=[fresh.pk], manager_id=fresh.pk, **doing(house.south.boss)
    )
    assert list(house.south.team.members.all()) == [fresh]


def test_setting_the_same_members_again_writes_nothing(house):
    before = kinds()
    actions.set_team_members(
        team_id=house.north.team.pk, person_ids=[house.al.pk, house.bo.pk], manager_id=None, **HERE
    )
    assert kinds() == before


@pytest.mark.parametrize("door", list(Door))
def test_a_way_is_confirmed_by_answering_what_was_sent_to_it(house, door):
    method = sms(house)
    bo = queries.actor_of_person(house.bo.pk)
    if door in (Door.SMS, Door.EMAIL, Door.LINK, Door.PHONE, Door.PUSH, Door.PAGER):
        actions.confirm_contact_method(method_id=method.pk, **doing(bo, door))
        actions.confirm_contact_method(method_id=method.pk, **doing(bo, door))
        assert kinds().count("person.contact_confirmed") == 1
    else:
        with pytest.raises(Forbidden):
            actions.confirm_contact_method(method_id=method.pk, **doing(bo, door))
        assert ContactMethod.objects.get().verified_at is None


def test_a_broken_way_says_why_once_and_works_again_when_it_answers(house):
    method = sms(house)
    for why in ("STOP", "unknown number"):
        actions.mark_contact_broken(method_id=method.pk, why=why, by=SCHEDULER, via=Door.WORKER, at=AT)
    method.refresh_from_db()
    assert (method.broken_at, method.broken_why) == (AT, "STOP")
    assert kinds().count("person.contact_broken") == 1
    actions.confirm_contact_method(method_id=method.pk, **doing(queries.actor_of_person(house.bo.pk), Door.SMS))
    method.refresh_from_db()
    assert (method.broken_at, method.verified_at) == (None, AT)


def test_rules_are_replaced_as_a_whole_and_come_soonest_first(house, django_assert_num_queries):
    text = sms(house)
    mail = actions.add_contact_method(person_id=house.bo.pk, channel="email", address="bo@example.net", **HERE)
    later, soon = RuleWanted("high", text.pk, timedelta(minutes=2)), RuleWanted("high", mail.pk)
    for _ in range(2):
        actions.set_notify_rules(person_id=house.bo.pk, rules=[later, soon], **HERE)
    assert kinds().count("person.rules_set") == 1
    with django_assert_num_queries(2):
        known = queries.contacts_and_rules([house.bo.pk, house.al.pk])
        methods, rules = known[house.bo.pk]
        assert [method.pk for method in methods] == [text.pk, mail.pk]
        assert [(rule.method.channel, rule.after) for rule in rules] == [
            ("email", timedelta(0)),
            ("sms", timedelta(minutes=2)),
        ]
    assert known[house.al.pk] == ([], [])


@pytest.mark.parametrize(
    ("rule", "so"),
    [
        ({"urgency": "panic"}, "no urgency"),
        ({"after": timedelta(seconds=-1)}, "waits"),
        ({"after": timedelta(hours=24, seconds=1)}, "waits"),
        ({"method_id": "als"}, "somebody else"),
        ({"method_id": 0}, "none that exists"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_and_the_old_ones_stay(house, rule, so):
    own = sms(house)
    als = actions.add_contact_method(person_id=house.al.pk, channel="email", address="al@example.net", **HERE)
    actions.set_notify_rules(person_id=house.bo.pk, rules=[RuleWanted("low", own.pk)], **HERE)
    wanted = {"urgency": "high", "method_id": own.pk, **rule}
    if wanted["method_id"] == "als":
        wanted["method_id"] = als.pk
    with pytest.raises(Invalid, match=so):
        actions.set_notify_rules(person_id=house.bo.pk, rules=[RuleWanted(**wanted)], **HERE)
    assert [rule.urgency for rule in NotifyRule.objects.all()] == ["low"]


def test_nobody_is_deactivated_while_something_stands_against_it(house, monkeypatch):
    holding = {house.bo.pk}
    ask = lambda person_id, _at: "They hold the seat night." if person_id in holding else ""  # noqa: E731
    monkeypatch.setattr(actions, "MAY_DEACTIVATE", [ask])
    with pytest.raises(IllegalTransition, match="They hold the seat night"):
        actions.deactivate_person(person_id=house.bo.pk, **HERE)
    assert Person.objects.get(pk=house.bo.pk).active
    holding.clear()
    for _ in range(2):
        actions.deactivate_person(person_id=house.bo.pk, **HERE)
    assert not Person.objects.get(pk=house.bo.pk).active
    assert kinds().count("person.deactivated") == 1
    actions.reactivate_person(person_id=house.bo.pk, **HERE)
    assert queries.actor_of_user(house.user).person_id == house.bo.pk


def test_who_is_deactivated_may_do_nothing_by_any_door(house):
    _, secret = access.make_token(name="x", scopes=["admin"], user_id=house.user.pk, **HERE)
    actions.deactivate_person(person_id=house.bo.pk, **HERE)
    assert not may(queries.actor_of_person(house.bo.pk), "acknowledge_page", house.north.brand.pk)
    for come_in in (lambda: queries.actor_of_user(house.user), lambda: queries.actor_of_token(secret, AT)):
        with pytest.raises(NotSignedIn):
            come_in()


def test_whoever_is_rung_may_answer_with_or_without_an_account(house):
    for person in (house.bo, house.al):
        actor = queries.actor_of_person(person.pk)
        assert (actor.person_id, actor.name) == (person.pk, person.name)
        assert may(actor, "acknowledge_page", house.north.brand.pk)
        assert not may(actor, "acknowledge_page", house.south.brand.pk)
        assert not may(actor, "make_person", house.north.brand.pk)
    with pytest.raises(NotFound):
        queries.actor_of_person(house.al.pk + 1000)


def test_a_user_who_is_not_on_the_staff_list_acts_and_is_nobodys_person():
    user = access.make_user(email="auditor@example.net", name="Ann", **HERE)
    access.grant_role(user_id=user.pk, role="read-only", brand_id=None, **HERE)
    actor = queries.actor_of_user(user)
    assert (actor.person_id, actor.name, may(actor, "read_journal", None)) == (None, "Ann", True)


def test_a_token_acts_for_its_user_within_its_scopes_and_its_brand(house):
    north, south = house.north.brand.pk, house.south.brand.pk
    access.grant_role(user_id=house.user.pk, role="manager", brand_id=None, **HERE)
    _, secret = access.make_token(name="x", scopes=["page"], user_id=house.user.pk, brand_id=south, **HERE)
    actor = queries.actor_of_token(secret, AT)
    assert actor.person_id == house.bo.pk
    assert may(actor, "acknowledge_page", south)
    assert not may(actor, "acknowledge_page", north)
    assert not may(actor, "make_rota", south)
    _, secret = access.make_token(name="Grafana", scopes=["trigger_page"], brand_id=north, **HERE)
    machine = queries.actor_of_token(secret, AT)
    assert (machine.kind, machine.name, machine.person_id) == ("machine", "Grafana", None)
    assert [may(machine, "trigger_page", brand) for brand in (north, south, None)] == [True, False, False]


def test_an_account_belongs_to_one_person(house):
    with pytest.raises(Invalid, match="somebody else"):
        actions.make_person(name="Bob", user_id=house.user.pk, **HERE)
    with pytest.raises(Invalid, match="somebody else"):
        actions.edit_person(person_id=house.al.pk, changes={"user_id": house.user.pk}, **HERE)
    with pytest.raises(NotFound):
        actions.edit_person(person_id=house.al.pk, changes={"user_id": 10**9}, **HERE)


def test_only_what_changes_is_written_and_an_unchanged_person_leaves_no_entry(house):
    actions.edit_person(person_id=house.bo.pk, changes={"zone": "Asia/Tokyo", "name": "Bo"}, **HERE)
    actions.edit_person(person_id=house.bo.pk, changes={"zone": "Asia/Tokyo"}, **HERE)
    entries = Entry.objects.filter(kind="person.edited", at=AT)
    assert [entry.facts["changed"] for entry in entries] == [["zone"]]
    assert [entry.brand_id for entry in entries] == [house.north.brand.pk]


def test_a_sign_of_life_never_goes_back_and_writes_no_journal(house, django_assert_num_queries):
    before = kinds()
    for at in (AT, AT - timedelta(minutes=5), AT + timedelta(minutes=1)):
        with django_assert_num_queries(1):
            actions.note_sign_of_life(house.bo.pk, at)
    assert Person.objects.get(pk=house.bo.pk).last_sign_at == AT + timedelta(minutes=1)
    assert kinds() == before


def test_somebody_who_left_is_put_into_no_team(house):
    actions.deactivate_person(person_id=house.al.pk, **HERE)
    with pytest.raises(Invalid, match="no longer on the staff list"):
        actions.make_team(brand_id=house.north.brand.pk, name="Day", manager_id=house.al.pk, **HERE)
