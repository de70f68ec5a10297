"""Parts and what needs them: what may stand, what is refused by name, and two people at once."""

import random

import pytest

from nightdesk.access import actions as access
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.base.tests.other_hands import Hand, another_connection, somebody_waits_for, until
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Subscription
from nightdesk.outages import part_actions, part_queries
from nightdesk.outages.effect import PART, SERVICE, SUBSCRIPTION, Effect, effects
from nightdesk.outages.models import FailedPart, Need, Outage, Part, Reach
from nightdesk.outages.needs_text import Wanted, read_needs, write_needs
from nightdesk.outages.part_actions import PartNeeded
from nightdesk.outages.part_queries import PartsInCircle
from nightdesk.outages.queries import graph_above, graph_of_brand
from nightdesk.outages.tests.conftest import Network


def needs(kind: str, number: int) -> str:
    return write_needs(part_queries.needs_of(kind, [number]).get(number, ()))


def test_a_part_is_saved_once_however_often_it_is_said(network: Network) -> None:
    row = network.part("SW2", aliases=["SW2.dock", "sw2.dock", "core 2"], public_name="Dock Street")
    assert (row.key, row.aliases, row.public) == ("sw2", ["core 2", "sw2.dock"], True)
    again = network.part("sw2", aliases=["core 2", "sw2.dock"], public_name="Dock Street")
    assert again.pk == row.pk
    assert network.kinds() == ["part.saved"]
    with pytest.raises(Invalid, match="has a part of that key"):
        network.part("sw2", name="Another")
    changed = network.part("sw2", part_id=row.pk, name="Another")
    assert (changed.name, changed.public) == ("Another", False)
    network.part("sw3")
    with pytest.raises(Invalid, match="has a part of that key"):
        network.part("sw3", part_id=row.pk)


@pytest.mark.parametrize(
    ("more", "so"),
    [
        ({"key": "två"}, "cannot be the key"),
        ({"key": "none"}, "cannot be the key"),
        ({"key": "x", "kind": "tree"}, "no kind of part"),
        ({"key": "x", "position": -1}, "no place on a page"),
        ({"key": "x", "name": ""}, "must have one"),
        ({"key": "x", "public_name": "y" * 121}, "more than 120"),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(network: Network, more: dict[str, object], so: str) -> None:
    with pytest.raises(Invalid, match=so):
        network.part(**more)  # type: ignore[arg-type]
    assert not Part.objects.exists()


def test_whoever_has_no_role_for_it_changes_nothing(network: Network) -> None:
    other = access.make_brand(name="North", slug="north", **network.doing())
    row = network.part("n1", brand=other)
    for change in (
        lambda: part_actions.save_part(brand_id=other.pk, key="x", name="X", kind="site", **network.doing(network.bo)),
        lambda: part_actions.save_needs(owner=("part", row.pk), needs=(), **network.doing(network.bo)),
        lambda: part_actions.retire_part(part_id=row.pk, **network.doing(network.mo)),
        lambda: part_actions.save_reach(
            customer_id=network.acme.pk, channel="email", subscription_ids=[], **network.doing(network.bo)
        ),
    ):
        with pytest.raises(Forbidden):
            change()


def test_all_the_needs_of_one_are_replaced_together(network: Network) -> None:
    sw1, up = network.part("sw1", aliases=["core.dock"]), [network.part(f"up{n}", "upstream") for n in (1, 2)]
    network.needs("part", sw1.pk, "any of up1 up2", network.bo)
    assert needs("part", sw1.pk) == "any of up1 up2"
    network.needs("part", sw1.pk, "either of up2 up1")
    assert network.kinds().count("needs.saved") == 1
    # Monitoring's name for a part does as well, and is kept as its key.
    line = network.bought("L1").pk
    assert network.needs("subscription", line, "core.dock; up1") == (Wanted(("sw1", "up1")),)
    assert network.needs("service", network.mail.pk, "sw1") == (Wanted(("sw1",)),)
    network.needs("part", sw1.pk, "none")
    assert needs("part", sw1.pk) == "none"
    assert Need.objects.filter(part__in=[row.pk for row in up]).count() == 0


def test_the_parts_that_are_needed_are_of_this_brand_and_in_use(network: Network) -> None:
    other = access.make_brand(name="North", slug="north", **network.doing())
    network.part("theirs", brand=other)
    sw1, old = network.part("sw1"), network.part("old")
    part_actions.retire_part(part_id=old.pk, **network.doing())
    for text, so in (("theirs", "There is no part theirs"), ("old", "The part old is retired"), ("up9", "no part up9")):
        with pytest.raises(Invalid, match=so):
            network.needs("part", sw1.pk, text)
    network.part("a", aliases=["same"])
    network.part("b", aliases=["same"])
    with pytest.raises(Invalid, match="Several parts are called same: a, b"):
        network.needs("part", sw1.pk, "same")
    for number in (3, 0):
        with pytest.raises(Invalid, match=f"{number} of 2 parts"):
            part_actions.save_needs(owner=("part", sw1.pk), needs=[Wanted(("a", "b"), number)], **network.doing())
    with pytest.raises(NotFound):
        network.needs("service", 10**9, "sw1")
    with pytest.raises(IllegalTransition, match="retired"):
        network.needs("part", old.pk, "sw1")
    assert needs("part", sw1.pk) == "none"


def test_parts_that_would_need_one_another_in_a_circle_are_named(network: Network) -> None:
    a, _b, c = (network.part(key) for key in ("a", "b", "c"))
    network.part("b2")
    network.needs("part", a.pk, "b; b2")
    network.needs("part", Part.objects.get(key="b").pk, "c")
    with pytest.raises(PartsInCircle) as refused:
        network.needs("part", c.pk, "any of a b2")
    assert set(refused.value.extra["parts"]) == {"a", "b", "c"}
    assert "→" in refused.value.so
    assert needs("part", c.pk) == "none"
    with pytest.raises(PartsInCircle, match="a → a"):
        network.needs("part", a.pk, "a")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_close_a_circle_at_once_the_later_is_refused(network: Network) -> None:
    a, b = network.part("a"), network.part("b")
    with another_connection() as other:
        other.execute("SELECT 1 FROM access_brand WHERE id = %s FOR NO KEY UPDATE", [network.brand.pk])
        need = other.execute(
            "INSERT INTO outages_need (brand_id, part_id) VALUES (%s, %s) RETURNING id", [network.brand.pk, b.pk]
        ).fetchone()
        assert need is not None
        other.execute("INSERT INTO outages_member (need_id, part_id) VALUES (%s, %s)", [need[0], a.pk])
        second = Hand(lambda: network.needs("part", a.pk, "b"))
        until(lambda: somebody_waits_for(other))
        other.commit()
        with pytest.raises(PartsInCircle, match="They would need one another in a circle"):
            second.result()
    assert (needs("part", a.pk), needs("part", b.pk)) == ("none", "a")


def test_a_part_that_something_needs_is_not_retired_and_what_needs_it_is_named(network: Network) -> None:
    sw1, _up1 = network.part("sw1"), network.part("up1", "upstream")
    network.needs("part", sw1.pk, "up1")
    network.needs("service", network.mail.pk, "sw1")
    network.needs("subscription", network.bought("L3").pk, "sw1")
    with pytest.raises(PartNeeded, match="Mail, Mill, Internet lines, L3"):
        part_actions.retire_part(part_id=sw1.pk, **network.doing())
    network.needs("service", network.mail.pk, "none")
    network.needs("subscription", network.bought("L3").pk, "none")
    part_actions.retire_part(part_id=sw1.pk, **network.doing(network.bo))
    part_actions.retire_part(part_id=sw1.pk, **network.doing(network.bo))
    assert network.kinds().count("part.retired") == 1
    # What it needed itself needs it no more, and it may come back.
    part_actions.retire_part(part_id=Part.objects.get(key="up1").pk, **network.doing())
    assert network.part("sw1").retired_at is None


def test_a_part_that_an_open_outage_is_about_is_not_retired(network: Network) -> None:
    row = network.part("sw1")
    outage = Outage.objects.create(
        brand=network.brand, number=1042, title="sw1", state="proposed", severity="minor", origin="person",
        began_at=network.at, proposed_at=network.at, changed_at=network.at,
    )  # fmt: skip
    FailedPart.objects.create(outage=outage, part=row)
    with pytest.raises(PartNeeded, match="O-1042 is about it"):
        part_actions.retire_part(part_id=row.pk, **network.doing())
    Outage.objects.filter(pk=outage.pk).update(state="withdrawn", resolved_at=network.at)
    assert part_actions.retire_part(part_id=row.pk, **network.doing()).retired_at == network.at


def test_a_channel_runs_over_exactly_what_is_said_and_only_over_what_they_buy(network: Network) -> None:
    contact = customers.make_contact(customer_id=network.acme.pk, name="Kim", **network.doing())
    first, second = network.bought("L1").pk, network.bought("L2").pk

    def save(ids: list[int], channel: str = "email", contact_id: int | None = None) -> list[int]:
        return part_actions.save_reach(
            customer_id=network.acme.pk, channel=channel, subscription_ids=ids, contact_id=contact_id,
            **network.doing(network.mo),
        )  # fmt: skip

    assert save([second, first]) == [first, second]
    save([first, second])
    save([first], "voice", contact.pk)
    save([second])
    assert network.kinds().count("reach.saved") == 3
    rows = Reach.objects.order_by("channel").values_list("channel", "contact_id", "subscription_id")
    assert list(rows) == [("email", None, second), ("voice", contact.pk, first)]
    for wrong in (
        lambda: save([network.bought("L3").pk]),
        lambda: save([first], contact_id=10**9),
        lambda: save([first], "pigeon"),
    ):
        with pytest.raises((NotFound, Invalid)):
            wrong()
    assert save([]) == []
    assert Reach.objects.count() == 1


def test_what_would_happen_if_says_whom_and_in_whose_words(network: Network) -> None:
    for key, kind in (("core", "device"), ("up1", "upstream"), ("up2", "upstream"), ("lone", "site")):
        network.part(key, kind)
    network.needs("part", Part.objects.get(key="core").pk, "any of up1 up2")
    network.needs("service", network.lines.pk, "core")
    network.needs("subscription", network.bought("L3").pk, "up1")
    customers.make_contact(customer_id=network.acme.pk, name="Kim", **network.doing())
    up1 = Part.objects.get(key="up1")
    told = part_queries.what_if(network.brand.pk, {up1.pk: Effect.DOWN})
    assert [(one.service.key, one.effect.name, one.customers) for one in told.services] == [("lines", "DOWN", 2)]
    assert told.services[0].subscriptions == {Effect.DOWN: 1, Effect.REDUCED: 2}
    assert told.customers == {network.acme.pk: Effect.REDUCED, network.mill.pk: Effect.DOWN}
    assert (told.contacts, told.subscriptions) == (1, 3)
    assert told.services[0].words.text == "Internet lines does not work."
    assert [row.key for row, _effect in told.parts] == ["up1", "core"]
    weak = [(row.key, one.customers, one.subscriptions) for row, one in part_queries.weak_points(network.brand.pk)]
    assert weak == [("core", 2, 3), ("up1", 1, 1)]
    assert [row.key for row in part_queries.unneeded(Part.objects.all())] == ["lone"]


def test_needs_in_a_file_may_name_a_part_as_monitoring_does(network: Network) -> None:
    network.part("sw1", aliases=["core.dock"])
    book = part_queries.KeyBook(network.brand.pk, ["core.dock", "sw1"])
    assert book.resolved(read_needs("2 of core.dock sw1")) == (Wanted(("sw1",)),)


def test_what_stands_above_a_part_is_all_that_its_failure_needs(network: Network) -> None:
    """On some networks, drawn by a fixed hand: each part's failure, alone and with another's, does the same as in the whole."""
    draw = random.Random(7)
    keys = [f"p{number}" for number in range(7)]
    rows = [network.part(key) for key in keys]
    bought = list(Subscription.objects.filter(customer__brand=network.brand))
    customers.edit_customer(customer_id=network.mill.pk, changes={"active": False}, **network.doing())
    owners = [(PART, row.pk, keys[:place]) for place, row in enumerate(rows) if place]
    owners += [(SERVICE, row.pk, keys) for row in (network.lines, network.mail)]
    owners += [(SUBSCRIPTION, row.pk, keys) for row in bought]
    for _network in range(4):
        for kind, number, below in owners:
            wanted = [draw.sample(below, draw.randint(1, len(below))) for _need in range(draw.randint(0, 2))]
            needs = [Wanted(tuple(some), draw.choice([None, 1])) for some in wanted]
            part_actions.save_needs(owner=(kind, number), needs=needs, **network.doing())
        whole = graph_of_brand(network.brand.pk)
        for row in rows:
            failed = {row.pk: Effect.DOWN, draw.choice(rows).pk: draw.choice([Effect.DEGRADED, Effect.REDUCED])}
            for some in ({row.pk: Effect.DOWN}, failed):
                found, told = effects(graph_above(network.brand.pk, some), some), effects(whole, some)
                assert (found.parts, found.services) == (told.parts, told.services)
                assert found.subscriptions == told.subscriptions
