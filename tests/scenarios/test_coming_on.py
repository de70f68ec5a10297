"""What whoever comes on has to know: the page that says it at any minute, and the digest that goes with a duty."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.duty import queries
from nightdesk.duty.models import Note
from nightdesk.people.models import Person
from nightdesk.safety import actions, site_actions
from nightdesk.safety.models import Visit
from tests.scenarios.test_doors_of_acknowledge import account_of
from tests.scenarios.test_handover import NOON, SIX, night, texts
from tests.world import World, world

pytestmark = pytest.mark.django_db


def goes(there: World, who: Person, watcher: Person, **more: Any) -> Visit:
    fields: Any = {"name": "Mill Lane", "address": "1 Mill Lane, Leeds"}
    site = site_actions.add_site(brand_id=there.brand.id, fields=fields, **there.doing)
    visit = actions.declare_visit(
        site_id=site.pk, person_id=who.id, watcher_id=watcher.id, why="A fan", travel_minutes=30, work_minutes=120,
        every=timedelta(hours=4), **there.doing, **more,
    )  # fmt: skip
    there.run_due()
    there.hush()
    return visit


def test_what_one_would_have_to_know_on_coming_on_now_is_one_page() -> None:
    with world(NOON) as there:
        al, bo, cy = there.person("Al"), there.person("Bo"), there.person("Cy")
        night(there, al, bo)
        there.escalate((0, al))
        page = there.alarm("db down")
        there.phone(al).got("db down")
        there.acknowledge(page, by=al)
        goes(there, cy, al)
        client = Client()
        client.force_login(account_of(there, bo), "allauth.account.auth_backends.AuthenticationBackend")
        with clock.replaced_by(lambda: there.at):
            read = client.get("/journal/now").content.decode()
        assert "Nobody is on at Standby" in read, "the worst is the heading"
        assert "Cy at Mill Lane, watched by Al: well" in read, "who is out, and who watches them"
        assert "Cy is asked whether they are well" in read, "what falls due"
        _before, _, lately = read.partition("The last twelve hours")
        assert "db down" in read
        assert "left for a site; Al watches" in lately, "what mattered lately"
        actions.end_visit(
            visit_id=Visit.objects.get().pk, words="met them", by=there.actor(al), via=Door.WEB, at=there.at
        )
        with clock.replaced_by(lambda: there.at):
            assert "watched by Al: well" not in client.get("/journal/now").content.decode()
        there.run_due()
        there.hush()


def test_the_digest_at_hand_over_names_who_is_out_and_who_watches() -> None:
    with world(NOON) as there:
        al, bo, cy = there.person("Al"), there.person("Bo"), there.person("Cy")
        night(there, al, bo)
        visit = goes(there, cy, al, leaves_at=SIX - timedelta(hours=1))
        there.minutes(330)
        there.hush()
        there.minutes(5)
        assert "You have Night from" in texts(there, bo, "ok")
        there.minutes(60)
        there.hush()
        (copy,) = queries.copies_of(Note.objects.get(hold__person=bo))
        assert "Cy at Mill Lane, watched by Al" in copy.text
        assert Visit.objects.get(pk=visit.pk).watcher == bo, "and the watch goes with the seat"
        actions.end_visit(visit_id=visit.pk, words="met them", by=there.actor(bo), via=Door.WEB, at=there.at)
        there.run_due()
        there.hush()
