"""The demo company loads through the verbs, is believable, and can be paged."""

from datetime import UTC, datetime

import pytest

from nightdesk import demo
from nightdesk.access.models import Brand
from nightdesk.calls.models import Call, Message
from nightdesk.channels.models import Delivery
from nightdesk.demo_figures import BEFORE
from nightdesk.duty import queries as duty
from nightdesk.journal.models import Entry
from nightdesk.knowledge.queries import procedures_for
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Part
from nightdesk.outages.part_queries import what_if
from nightdesk.paging.models import Page

AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_demo_company_has_somebody_on_duty_and_past_nights_and_can_be_paged() -> None:
    log_ins = demo.load(AT)
    assert set(log_ins) == {member.email for member in demo.STAFF} | {demo.OPERATOR[1]}
    assert {on.person_name for on in duty.who_is_on(AT)} == {"Amara Okafor", "Jonas Weber", "Mikael Lind"}
    nights_and_a_call_back = demo.NIGHTS_AGO + 1
    assert Page.objects.filter(state="resolved").count() == nights_and_a_call_back
    assert Entry.objects.filter(kind="page.acknowledged").count() == nights_and_a_call_back
    ended = list(Call.objects.exclude(exchange=BEFORE).order_by("came_at").values_list("ended_as", flat=True))
    assert ended == ["answered", "abandoned", "heard_outage", "message"], "the flow itself went through them"
    assert Message.objects.filter(state="waiting").count() == 2, "one by the recorder, one by the bureau"
    assert not Delivery.objects.filter(ended_at=None).exists(), "nothing of the past is sent now"
    assert [row.title for row in procedures_for(None, ["access"], Brand.objects.get(slug=demo.SLUG).pk)] == [
        "Somebody asks for a password"
    ]
    brand = Brand.objects.get(slug=demo.SLUG)
    sw2 = Part.objects.get(brand=brand, key="sw2")
    touched = what_if(brand.pk, {sw2.pk: Effect.DOWN})
    assert len(touched.customers) == 4, "all but those who buy mail and names alone"
    lines = next(each for each in touched.services if each.service.key == "lines")
    assert lines.words.text == "Internet lines: nothing reaches the Internet."
    page = demo.alarm(AT)
    fitting = procedures_for(page.service_id, ["alarm"], page.brand_id, page.component)
    assert [row.title for row in fitting] == ["A switch at Dock Street is dark", "A line flaps"]
    assert page.state == "triggered"
    assert Delivery.objects.filter(subject_id=str(page.id), ended_at=None).exists()
