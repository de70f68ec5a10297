import json
from io import StringIO

import pytest
from django.core.management import call_command

from nightdesk.base.refusals import NotFound
from nightdesk.paging import queries
from nightdesk.paging.models import Page

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def night(world):
    world.bo = world.person("Bo")
    world.sender(world.policy((0, world.bo)))
    return world


def test_key_new_prints_the_secret_alone_on_the_last_line_and_it_opens_the_door(night):
    said = run("key", "new", "Prometheus", "--format", "alertmanager", "--brand", night.brand.slug)
    key = said.splitlines()[-1]
    assert len(key) == 32
    made = queries.integration_by_key(key)
    assert (made.name, made.format, made.brand) == ("Prometheus", "alertmanager", night.brand)
    told = json.loads(run("key", "new", "Other", "--json"))
    assert queries.integration_by_key(told["key"]).id == told["id"]


def test_key_new_says_which_policy_or_brand_is_missing(night):
    with pytest.raises(NotFound, match="no such policy"):
        run("key", "new", "x", "--policy", "none")
    with pytest.raises(NotFound, match="no brand"):
        run("key", "new", "x", "--brand", "none")


def test_a_page_is_raised_and_taken_from_the_command_line(night):
    assert "is raised" in run("page", "The phone is down", "--priority", "P1")
    page = Page.objects.get()
    assert night.rung(night.bo) == [0]
    told = json.loads(run("ack", page.code, "--as", night.bo.user.email, "--json"))
    assert told == {"id": str(page.id), "code": page.code, "state": "acknowledged", "owner": "Bo"}
    with pytest.raises(NotFound, match="Nobody logs in"):
        run("ack", page.code, "--as", "nobody@quay.example")


def test_a_page_that_reaches_nobody_is_not_told_as_a_success(night):
    night.bo.contact_methods.all().delete()
    assert "NOBODY could be woken" in run("page", "x")
    assert json.loads(run("page", "y", "--json", "--as", night.bo.user.email))["unreached"]
