"""The outage room and telling customers, as people use them: who sees what, what is shown before it is sent, one press."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from nightdesk.base.actors import Door
from nightdesk.channels.models import Attempt, Delivery, Message
from nightdesk.console.tests.company import Company
from nightdesk.console.tests.test_views import words as main_words
from nightdesk.outages import actions, decide
from nightdesk.outages.models import Outage, Part, Update
from nightdesk.people.queries import actor_of_user

pytestmark = pytest.mark.django_db


def words(answer: Any) -> str:
    return unescape(main_words(answer))


@pytest.fixture
def outage(company: Company) -> Outage:
    return Outage.objects.get(pk=company.quay.ids["outage_id"])


def page_of(company: Company, outage: Outage, *roles: str, name: str = "outage") -> str:
    return words(company.client(company.reader(*roles)).get(reverse(f"console:{name}", args=[outage.pk])))


def written(company: Company, outage: Outage, text: str, role: str = "engineer", **more: Any) -> Update:
    by = actor_of_user(company.reader(role))
    said = {"outage_id": outage.pk, "state": "identified", "texts": {"en-gb": text}, **more}
    return actions.write_update(**said, by=by, via=Door.WEB, at=company.at)


def test_the_room_says_what_is_known_who_was_told_and_what_is_due(company: Company, outage: Outage) -> None:
    text = page_of(company, outage, "engineer")
    for said in (
        "Quay switch is dark", "It touches 1 customer", "Quay found a fuse.", "Voice: Bo Quay", "Next update", "Quay Foods",
        "Quay switch", "I am the voice", "Tell customers", "No change, next update",
    ):  # fmt: skip
        assert said in text


def test_what_was_said_of_when_it_works_again_stays_in_the_room(company: Company, outage: Outage) -> None:
    for hours in (2, 5):
        written(company, outage, f"It takes {hours} hours.", estimate_at=company.at + timedelta(hours=hours))
    text = page_of(company, outage, "engineer")
    said = re.findall(r"works again by (?:\w+ \d+ \w+ )?(\d\d):\d\d", text[text.index("What was said of it before") :])
    later, sooner = (int(hour) for hour in said)
    assert (later - sooner) % 24 == 3, "both stand there, the newest first"


def test_who_only_answers_calls_sees_what_was_approved_and_nothing_of_ours(company: Company, outage: Outage) -> None:
    actions.edit_outage(outage_id=outage.pk, fields={"cause": "A burnt fuse", "severity": "critical"}, **company.doing)
    written(company, outage, "Nobody has approved this.")
    text = page_of(company, outage, "bureau") + page_of(company, outage, "bureau", name="outage")
    assert "Quay found a fuse." in text
    for hidden in ("A burnt fuse", "Quay switch", "Quay Foods", "Nobody has approved", "Bo Quay wrote", "voice"):
        assert hidden not in text
    listed = words(company.client(company.reader("bureau")).get(reverse("console:outages")))
    assert "Fault at Quay" in listed
    assert "Quay switch" not in listed


def test_one_press_makes_a_reader_the_voice(company: Company, outage: Outage) -> None:
    user = company.reader("desk", name="Vera")
    answer = company.client(user).post(reverse("console:take_role", args=[outage.pk]), {"role": "voice"})
    assert answer.status_code == 302
    assert "Voice: Vera" in page_of(company, outage, "engineer")
    refused = company.client(user).post(reverse("console:take_role", args=[outage.pk]), {"role": "cause"})
    assert refused.status_code == 422


def test_a_proposal_is_confirmed_by_one_press_and_its_numbers_stand_beside_it(company: Company) -> None:
    part = Part.objects.get(pk=company.quay.ids["part_id"])
    client = company.client(company.reader("engineer", name="Eve"))
    typed = {"brand": company.quay.brand.id, "title": "Dark again", "severity": "minor", f"part-{part.pk}": "3"}
    client.post(reverse("console:new_outage"), typed)
    made = Outage.objects.get(title="Dark again")
    assert made.state == "proposed"
    tonight = words(client.get(reverse("console:tonight")))
    assert "Dark again" in tonight
    assert "1 customer" in tonight
    assert "ex VAT" in tonight or "no price is set for texts" in tonight or "mail" in tonight
    answer = client.post(reverse("console:confirm_outage", args=[made.pk]))
    assert answer["Location"] == reverse("console:tell", args=[made.pk])
    made.refresh_from_db()
    assert (made.state, made.voice.name if made.voice else "") == ("investigating", "Eve")


def test_nothing_is_sent_before_whoever_sends_it_has_seen_how_many_that_are(company: Company, outage: Outage) -> None:
    client = company.client(company.reader("desk"))
    url = reverse("console:tell", args=[outage.pk])
    before = Update.objects.count()
    mark = decide.next_mark(company.at, timedelta(minutes=30)).isoformat()
    typed = {"state": "identified", "text_en-gb": "A fuse has blown.", "again": mark}
    shown = client.post(url, typed)
    assert "Look once, then send it" in words(shown)
    assert Update.objects.count() == before
    sent = client.post(url, typed | {"seen": "2"})
    assert sent.status_code == 302
    update = Update.objects.latest("written_at", "number")
    assert (update.texts, update.next_at is not None, update.published_at is not None) == (
        {"en-gb": "A fuse has blown."}, True, True,
    )  # fmt: skip
    assert not Delivery.objects.filter(recipient_kind="contact", subject_kind="outage").exists()


def test_the_page_shows_what_they_read_what_it_costs_and_what_the_record_does_not_support(
    company: Company, outage: Outage
) -> None:
    client = company.client(company.reader("desk"))
    url = reverse("console:tell_preview", args=[outage.pk])
    answer = client.get(url, {"state": "investigating", "text_en-gb": "The cause is known: it was caused by a fuse."})
    text = unescape(answer.content.decode())
    assert "Quay Foods will read" in text
    assert "the cause is not identified yet" in text
    assert "1 customer" in text
    assert "I vouch for it" in text
    count = Update.objects.filter(outage=outage).count()
    said = {"state": "investigating", "text_en-gb": "It was caused by a fuse.", "seen": "9", "again": ""}
    refused = client.post(reverse("console:tell", args=[outage.pk]), said)
    assert (refused.status_code, Update.objects.filter(outage=outage).count()) == (422, count)
    sent = client.post(reverse("console:tell", args=[outage.pk]), said | {"vouched": "on"})
    assert (sent.status_code, Update.objects.filter(outage=outage).count()) == (302, count + 1)
    wrong = client.get(url, {"state": "investigating", "text_en-gb": "{{ nonsense }} is down"})
    assert "is no placeholder" in unescape(wrong.content.decode())


def test_what_its_writer_may_not_approve_waits_with_a_countdown_and_is_approved_or_dropped(
    company: Company, outage: Outage
) -> None:
    actions.edit_outage(outage_id=outage.pk, fields={"severity": "critical"}, **company.doing)
    waits = written(company, outage, "A fuse has blown.")
    assert waits.published_at is None
    text = page_of(company, outage, "manager")
    assert "It needs a manager" in text
    assert "The holding statement goes at" in text
    assert "Approve and send" in text
    assert "Approve and send" not in page_of(company, outage, "engineer")
    url = reverse("console:approve_update", args=[waits.pk])
    assert company.client(company.reader("engineer")).post(url).status_code == 403
    assert company.client(company.reader("manager")).post(url).status_code == 302
    waits.refresh_from_db()
    assert waits.published_at == company.at or waits.published_at is not None


def test_what_went_with_the_word_of_another_outage_says_so_from_both_sides(company: Company, outage: Outage) -> None:
    client = company.client(company.reader("desk"))
    first = Delivery.objects.filter(
        message_id__in=Message.objects.filter(brand_id=outage.brand_id).values("id")
    ).first()
    assert first is not None
    message = Message.objects.get(id=first.message_id)
    message.id, message.title = uuid4(), "Mail does not work"
    message.save(force_insert=True)
    along = Delivery.objects.get(id=first.id)
    along.id, along.message_id, along.occurrence, along.goes_with = uuid4(), message.id, "another word", first.id
    along.save(force_insert=True)
    tried = {"delivery_id": first.id, "month": first.month, "route_name": "Postbox", "at": company.at, "took_ms": 9}
    Attempt.objects.create(number=9, outcome="accepted", **tried)
    shown = {row: words(client.get(reverse("console:message", args=[row.id]))) for row in (first, along)}
    assert all("In one message with it" in text for text in shown.values())
    assert "Mail does not work" in shown[first]
    assert "Postbox" in shown[along], "its tries are those of the row that it went with"


def test_the_desk_sees_what_may_be_said_on_the_ticket_and_in_the_queue(company: Company) -> None:
    client = company.client(company.reader("desk"))
    ticket = words(client.get(reverse("console:ticket", args=[company.quay.ids["ticket_id"]])))
    queue = words(client.get(reverse("console:tickets") + "?view=all"))
    caller = words(client.get(reverse("console:new_ticket"), {"customer": company.quay.ids["customer_id"]}))
    for text in (ticket, queue, caller):
        assert "Quay found a fuse." in text
        assert "Quay switch" not in text


def test_rules_statements_and_what_confirms_are_kept_on_the_web(company: Company) -> None:
    client = company.client(company.reader("manager"))
    brand = company.quay.brand.id
    rules = {"minor": "anybody", "major": "anybody", "critical": "desk", "update_every_minutes": "20",
             "preview_people": "50", "status_hosts": "status.quay.example"}  # fmt: skip
    assert client.post(reverse("console:brand_outage_rules", args=[brand]), rules).status_code == 302
    statement = {
        "brand": brand,
        "name": "Found it",
        "goes_to": "identified",
        "text_en-gb": "It is ours.",
        "position": "1",
    }
    assert client.post(reverse("console:new_statement"), statement).status_code == 302
    refused = client.post(reverse("console:new_statement"), statement | {"name": "x", "text_en-gb": "{{ x }}"})
    assert "is no placeholder" in words(refused)
    rule = {"brand": brand, "parts": Part.objects.filter(brand=brand).latest("id").key, "after_s": "15", "severity": "major",
            "template": company.quay.ids["statement_id"]}  # fmt: skip
    assert client.post(reverse("console:new_confirm_rule"), rule).status_code == 302
    assert "There is no part nothing" in words(
        client.post(reverse("console:new_confirm_rule"), rule | {"parts": "nothing"})
    )
    text = words(client.get(reverse("console:outage_rules")))
    assert "Found it" in text
    assert "the next update after 20 minutes" in text
