"""The pages of the phone line: what is set, who rings whom, what callers left, and what one press does."""

import io
import wave
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from nightdesk.calls.models import Asking, Call, CallerPin, Leg, Line, Message, Recording
from nightdesk.console.tests.test_views import words
from nightdesk.journal.models import Entry
from nightdesk.knowledge import actions as procedures
from nightdesk.knowledge.queries import runs_about
from tests.requires import requires


def bo_s(company):
    """Bo's browser: whom the caller rings."""
    return company.client(company.quay.bo.user)


def test_who_rings_is_on_every_page_of_whoever_is_rung_and_on_nobody_else_s(company):
    pages = ["tonight", "calls", "people", "outages", "tickets"]
    for name in pages:
        text = bo_s(company).get(reverse(f"console:{name}")).content.decode()
        strip = text[text.index('id="ringing"') : text.index("<main")]
        assert "Rings you" in strip, name
        for told in ("Cleo Quay", "Quay support", "07700 900777", "1 call before"):
            assert told in strip, (name, told)
        assert f'data-topic="rings:{company.quay.bo.pk}"' in strip
    other = company.client(company.everything()).get(reverse("console:tonight")).content.decode()
    assert "Rings you" not in other
    bureau = company.client(company.reader("bureau")).get(reverse("console:tonight")).content.decode()
    assert 'id="ringing"' not in bureau


def test_the_strip_says_when_they_have_them_and_is_empty_once_they_have_rung_off(company):
    url = reverse("console:ringing") + "?part=strip"
    client = bo_s(company)
    first = client.get(url)
    assert b"<html" not in first.content
    assert client.get(url, headers={"If-None-Match": first["ETag"]}).status_code == 304
    Leg.objects.filter(person=company.quay.bo).update(picked_up_at=company.at)
    assert "You have them" in client.get(url).content.decode()
    Leg.objects.filter(person=company.quay.bo).update(ended_at=company.at)
    assert "<article" not in client.get(url).content.decode()


def test_calls_says_who_waits_what_they_hear_and_whom_it_rings(company):
    text = words(bo_s(company).get(reverse("console:calls")))
    assert "1 caller waits" in text
    assert "hears a ringing tone" in text
    assert "Bo Quay rings quay-desk" in text
    one = words(bo_s(company).get(reverse("console:call", args=[company.quay.ids["call_id"]])))
    assert "Quay is known by its number. The queue is rung." in one
    assert "Bring somebody in" in one


def test_a_call_shows_what_to_do_and_to_say_and_steps_land_in_its_ticket(company):
    there = company.quay
    row = procedures.make_procedure(
        brand_id=there.brand.pk, title="A caller hears nothing", body="- [ ] Ring them back\n", where={"calls": ["call"]},
        **company.doing,
    )  # fmt: skip
    procedures.publish_procedure(procedure_id=row.pk, number=1, **company.doing)
    client = company.client(company.everything())
    address = reverse("console:call", args=[there.ids["call_id"]])
    shown = client.get(address).content.decode()
    assert "A caller hears nothing" in shown
    assert "Quay knows of it." in shown, "what to say"
    assert "Work through its 1 step" not in shown, "there is no ticket yet in which steps could land"
    Call.objects.filter(pk=there.ids["call_id"]).update(ticket_id=there.ids["ticket_id"])
    assert "Work through its 1 step" in words(client.get(address))
    about = {"about": f"ticket:{there.ids['ticket_id']}", "next": f"{address}#procedures"}
    assert client.post(reverse("console:open_procedure", args=[row.pk]), about)["Location"] == f"{address}#procedures"
    (now,) = runs_about(("ticket", str(there.ids["ticket_id"])))
    client.post(
        reverse("console:settle_step", args=[now.run.pk]), {"number": "1", "outcome": "done", "note": "They hear"}
    )
    assert "They hear" in client.get(address, {"part": "procedures"}).content.decode()


@pytest.mark.parametrize(
    ("asked", "there"), [("?q=Cleo", True), ("?q=900777", True), ("?q=nobody", False), ("?ended=missed", False)]
)
def test_history_is_searched_and_narrowed(company, asked, there):
    client = bo_s(company)
    text = client.get(reverse("console:calls") + asked + "&part=list").content.decode()
    assert ("left a message" in text.replace("Left a message", "")) == there
    csv = b"".join(client.get(reverse("console:calls_csv") + asked).streaming_content).decode()
    assert len(csv.splitlines()) == 1 + there


def test_what_is_owed_stands_first_and_in_red_once_it_is_late(company):
    client = bo_s(company)
    text = words(client.get(reverse("console:left_messages")))
    assert "1 call-back is late" in text
    assert "20 min late" in text
    assert "1 call-back is late" in words(client.get(reverse("console:tonight")))
    Message.objects.filter(line__brand=company.quay.brand).update(call_back_by=company.at + timedelta(minutes=10))
    assert "10 min left" in words(client.get(reverse("console:left_messages")))


def test_one_press_rings_the_engineer_first_and_the_message_says_so(company):
    client = bo_s(company)
    message_id = company.quay.ids["message_id"]
    answer = client.post(reverse("console:call_back", args=[message_id]))
    begun = Call.objects.get(calls_back=message_id)
    assert answer["Location"] == reverse("console:call", args=[begun.pk])
    assert Asking.objects.get(call_id=begun.pk).event["engineer"]["to"] == "quay-desk"
    assert Message.objects.get(pk=message_id).state == "calling"
    page = client.get(reverse("console:left_message", args=[message_id])).content.decode()
    assert reverse("console:call_back", args=[message_id]) not in page, "nobody rings twice at once"


def test_the_outcome_is_noted_and_the_message_is_over(company):
    client = bo_s(company)
    message_id = company.quay.ids["message_id"]
    url = reverse("console:note_call_outcome", args=[message_id])
    assert client.post(url, {"outcome-outcome": ""}).status_code == 422
    assert client.post(url, {"outcome-outcome": "Router is back"}).status_code == 302
    over = Message.objects.get(pk=message_id)
    assert (over.state, over.outcome) == ("closed", "Router is back")
    assert "Nobody waits for a call" in words(client.get(reverse("console:left_messages")))
    assert client.post(reverse("console:cancel_left_message", args=[message_id])).status_code == 409


def test_a_recording_is_heard_in_parts_and_that_it_was_stands_in_the_journal(company):
    client = bo_s(company)
    url = reverse("console:recording", args=[company.quay.ids["recording_id"]])
    whole = client.get(url)
    assert (whole.status_code, whole["Content-Type"], whole.content) == (200, "audio/wav", b"RIFF of Quay")
    part = client.get(url, headers={"Range": "bytes=5-6"})
    assert (part.status_code, part.content, part["Content-Range"]) == (206, b"of", "bytes 5-6/12")
    assert Entry.objects.filter(kind="calls.recording-heard").count() == 1
    assert company.client(company.reader("read-only")).get(url).status_code == 403


def test_a_recording_is_given_in_the_parts_that_a_player_asks_for(company):
    """RFC 9110, section 14: from the start, the middle, beyond the end, the last bytes; what is not there, or not understood."""
    client, whole = bo_s(company), b"RIFF of Quay"
    doors = [
        reverse("console:recording", args=[company.quay.ids["recording_id"]]),
        f"/api/v1/recordings/{company.quay.ids['recording_id']}/sound",
    ]
    asked = {
        "bytes=0-": (206, whole, "bytes 0-11/12"),
        "bytes=0-0": (206, b"R", "bytes 0-0/12"),
        "bytes=5-6": (206, b"of", "bytes 5-6/12"),
        "Bytes=8-99": (206, b"Quay", "bytes 8-11/12"),
        "bytes=-4": (206, b"Quay", "bytes 8-11/12"),
        "bytes=-99": (206, whole, "bytes 0-11/12"),
        "bytes=12-": (416, b"", "bytes */12"),
        "bytes=12-20": (416, b"", "bytes */12"),
        "bytes=-0": (416, b"", "bytes */12"),
        "bytes=0-1,4-5": (200, whole, None),
        "seconds=1-2": (200, whole, None),
        "": (200, whole, None),
    }
    for door in doors:
        for part, told in asked.items():
            answer = client.get(door, headers={"Range": part})
            assert (answer.status_code, answer.content, answer.get("Content-Range")) == told, (door, part)
            assert (answer["Accept-Ranges"], int(answer["Content-Length"])) == ("bytes", len(told[1])), (door, part)
            assert answer["Cache-Control"] == "private, no-store"


def test_a_line_is_made_from_a_starting_point_and_says_what_callers_would_hear(company):
    client = company.client(company.everything())
    url = reverse("console:new_line")
    assert "A message at night" in words(client.get(url))
    start = f"{url}?brand={company.quay.brand.pk}&start=small"
    assert 'value="0"' in client.get(start).content.decode(), "all telephones ring at once"
    given = {
        "name": "Sales", "numbers": "020 7946 0300", "shown_number": "020 7946 0300", "pager_number": "020 7946 0300",
        "country": "GB", "language": "en-gb", "greeting": "Quay sales, hello.", "night": "message", "joins_s": "4 8",
        "ring_s": "25", "most_rung": "3", "longest_hunt_s": "120", "call_back_minutes": "45", "consent": "may_decline",
        "keep_days": "30", "menu": "1 | Orders",
    }  # fmt: skip
    assert client.post(start, given | {"joins_s": "soon"}).status_code == 200
    assert client.post(start, given | {"numbers": "020 7946 0100"}).status_code == 422, "it is on another line"
    answer = client.post(start, given)
    line = Line.objects.get(name="Sales")
    assert answer["Location"] == reverse("console:line", args=[line.pk])
    assert (line.numbers, line.call_back_s, line.joins_s) == (["+442079460300"], 2700, [4, 8])
    page = words(client.get(answer["Location"]))
    assert "Quay sales, hello." in page
    assert "Who would be rung now" in page
    changed = client.post(reverse("console:change_line", args=[line.pk]), given | {"name": "Orders"})
    assert changed.status_code == 302
    assert Line.objects.get(pk=line.pk).name == "Orders"
    client.post(reverse("console:retire_line", args=[line.pk]))
    assert "Orders is retired" in words(client.get(answer["Location"]))


def test_a_pin_is_shown_once_and_never_stored_by_the_browser(company):
    client = company.client(company.everything())
    url = reverse("console:contact_pin", args=[company.quay.ids["customer_id"], company.quay.ids["contact_id"]])
    answer = client.post(url, {"pin": "405 973"})
    assert "405 973" in words(answer)
    assert answer["Cache-Control"] == "no-store"
    assert client.post(url, {"pin": "123456"}).status_code == 422
    mine = bo_s(company)
    assert mine.post(reverse("console:person_pin", args=[company.quay.bo.pk])).status_code == 200
    assert CallerPin.objects.filter(person=company.quay.bo).exists()
    assert "405" not in words(client.get(reverse("console:customer", args=[company.quay.ids["customer_id"]])))


@requires("sox")
def test_a_recording_of_ones_own_is_given_and_taken_back(company):
    client = company.client(company.everything())
    line = Line.objects.get(pk=company.quay.ids["line_id"])
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(range(250)) * 64)
    url = reverse("console:keep_line_prompt", args=[line.pk])
    given = {"prompt-name": "goodbye", "prompt-file": SimpleUploadedFile("bye.wav", made.getvalue())}
    assert client.post(url, given).status_code == 302
    line.refresh_from_db()
    assert Recording.objects.get(pk=line.prompts["goodbye"]).seconds == pytest.approx(1, abs=0.01)
    assert "2 recordings of your own" in words(client.get(reverse("console:line", args=[line.pk])))
    bad = {"prompt-name": "goodbye", "prompt-file": SimpleUploadedFile("bye.wav", b"no sound")}
    assert client.post(url, bad).status_code == 422
    client.post(reverse("console:remove_line_prompt", args=[line.pk, "goodbye"]))
    line.refresh_from_db()
    assert set(line.prompts) == {"greeting"}
