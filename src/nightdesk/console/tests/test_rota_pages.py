"""The pages of rotas, beyond their doors: nothing typed is lost, what is shown before saving is what comes of it."""

import re
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from nightdesk.access.actions import make_token
from nightdesk.access.models import User
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.console.tests.company import Company
from nightdesk.console.tests.test_views import words
from nightdesk.duty.queries import feed_address
from nightdesk.journal.models import Entry
from nightdesk.people.models import Absence, Person, Skill
from nightdesk.reports.actions import save_figures
from nightdesk.rota.models import Drafting, Exemption, Override, PlannedShift, Rota, Swap
from nightdesk.rota.queries import layers_mark, load_seat, plain_layers, seats_on, skills_of_seat


def layer(company: Company, *people: Person, **more: Any) -> dict[str, Any]:
    """The editor as a browser sends it, with one layer."""
    key = company.quay.seat_key
    return {
        "layers": "1",
        "seen": layers_mark(key),
        "layer1-member": [f"person:{each.id}" for each in people] + ["", ""],
        "layer1-every": "1",
        "layer1-turn": "week",
        "layer1-first_day": "2026-08-03",
        "layer1-at": "08:00",
        "layer1-windows": "1",
        "layer1-weekdays": ["0", "1", "2", "3", "4"],
        **more,
    }


def test_the_preview_shows_what_saving_brings_and_saves_nothing(company: Company) -> None:
    client = company.client(company.everything())
    other = Person.objects.get(name="Everything")
    url = reverse("console:set_layers", args=[company.quay.seat_key])
    before = plain_layers(company.quay.seat_key)
    form = layer(company, other, company.quay.bo, do="preview", month="2026-10-01")
    shown = client.post(url, form, headers={"HX-Request": "true"})
    text = " ".join(re.sub(r"<[^>]+>", " ", shown.content.decode()).split())
    assert "<form" not in shown.content.decode()
    assert text.count(" until ") == 8
    assert "Sun 25 Oct: clocks go back 60 minutes" in text
    assert "Everything instead of Bo Quay" in text
    assert plain_layers(company.quay.seat_key) == before
    assert client.post(url, form | {"do": "save"}).status_code == 302
    assert plain_layers(company.quay.seat_key)[0]["members"] == [
        {"person": other.id},
        {"person": company.quay.bo.id},
    ]
    page = reverse("console:one_rota", args=[company.quay.rota.id])
    undo = next(part for part in client.get(page).content.decode().split('action="') if "/undo/" in part[:40])
    assert client.post(undo.split('"')[0]).status_code == 302
    assert plain_layers(company.quay.seat_key) == before
    assert 'class="undo"' not in client.get(page).content.decode()


def test_what_does_not_fit_is_marked_and_nothing_typed_is_lost(company: Company) -> None:
    client = company.client(company.everything())
    url = reverse("console:set_layers", args=[company.quay.seat_key])
    hours = {"layer1-window0-weekdays": ["5"], "layer1-window0-opens": "10:15", "layer1-window0-closes": ""}
    answer = client.post(url, layer(company, company.quay.bo, **hours, do="save"))
    assert "Give both times" in words(answer)
    assert 'value="10:15"' in answer.content.decode()
    nobody = client.post(url, layer(company, do="save"))
    assert "A layer has at least one member." in words(nobody)


def test_one_more_layer_and_more_hours_keep_what_is_filled_in(company: Company) -> None:
    client = company.client(company.everything())
    url = reverse("console:set_layers", args=[company.quay.seat_key])
    answer = client.post(url, layer(company, company.quay.bo, do="add"))
    assert "Layer 2" in words(answer)
    wider = client.post(url, layer(company, company.quay.bo, do="hours-1")).content.decode()
    assert 'name="layer1-windows" value="2"' in wider
    assert 'value="2026-08-03"' in wider


def test_a_colleague_who_is_ill_is_not_available_and_nobody_reads_why(company: Company) -> None:
    Absence.objects.create(
        person=company.quay.bo,
        kind=Absence.Kind.SICKNESS,
        note="slipped disc",
        starts_at=company.at + timedelta(days=2),
        ends_at=company.at + timedelta(days=4),
        recorded_at=company.at,
    )
    url = reverse("console:one_rota", args=[company.quay.rota.id])
    for role in ("engineer", "manager"):
        text = company.client(company.reader(role)).get(url).content.decode()
        assert "not available" in text
        assert "slipped" not in text
        assert "sick" not in text.lower()


def test_the_list_says_who_was_on_then(company: Company) -> None:
    client = company.client(company.everything())
    earlier = (company.at - timedelta(days=400)).isoformat()
    assert "nobody" in words(client.get(reverse("console:rota"), {"at": earlier}))
    text = words(client.get(reverse("console:rota"), {"at": company.at.isoformat()}))
    assert text.startswith("Who was on")
    assert "Bo Quay" in text
    table = client.get(reverse("console:who_csv"), {"at": company.at.isoformat()}).getvalue().decode()
    assert "Bo Quay" in table
    assert words(client.get(reverse("console:rota"), {"at": "nonsense"})).startswith("Somebody is on")


def test_a_file_is_shown_before_it_is_taken_and_a_line_that_does_not_fit_is_named(company: Company) -> None:
    client = company.client(company.everything())
    rota_id = company.quay.rota.id
    table = (
        "seat,person,starts_at,ends_at\n"
        f"{company.quay.seat_key},everything,2026-09-05 18:00,2026-09-06 08:00\n"
        f"{company.quay.seat_key},Zed,2026-09-07 18:00,2026-09-08 08:00\n"
    )
    file = SimpleUploadedFile("turns.csv", table.encode(), "text/csv")
    shown = client.post(reverse("console:import_turns", args=[rota_id]), {"file": file, "seat": "", "aliases": ""})
    text = words(shown)
    assert "Line 3: Zed Nobody who may be on is called so." in text
    assert "Everything instead of" in text
    assert not PlannedShift.objects.filter(seat__rota=rota_id, published=True, plan__made_with__engine="file").exists()
    fields = {name: shown.context[name] for name in ("content", "how")}
    assert client.post(reverse("console:apply_turns", args=[rota_id]), fields).status_code == 302
    (shift,) = PlannedShift.objects.filter(seat__rota=rota_id, published=True, plan__made_with__engine="file")
    assert shift.person.name == "Everything"
    broken = client.post(reverse("console:apply_turns", args=[rota_id]), {"content": "x", "how": "{}"})
    assert broken.status_code == 422
    exported = client.get(reverse("console:turns_csv", args=[rota_id]), {"month": "2026-09-01"}).getvalue().decode()
    assert f"{company.quay.seat_key},Everything,2026-09-05T18:00:00+01:00,2026-09-06T08:00:00+01:00" in exported


def test_a_rota_is_made_from_a_starting_point_and_its_seats_are_changed(company: Company) -> None:
    client = company.client(company.everything())
    form = {
        "brand": company.quay.brand.id,
        "name": "Weekends",
        "zone": "Europe/London",
        "begin_with": "nights",
        "first_day": "2026-09-01",
        "person1": company.quay.bo.id,
    }
    assert "It needs 2 people" in words(client.post(reverse("console:new_rota"), form))
    other = Person.objects.get(name="Everything")
    assert client.post(reverse("console:new_rota"), form | {"person2": other.id}).status_code == 302
    rota = Rota.objects.get(name="Weekends")
    assert [seat.key for seat in seats_on(rota.id)] == ["weekends-night", "weekends-backup"]
    bgp = Skill.objects.create(brand=rota.brand, key="bgp-here", name="BGP here")
    page = words(client.get(reverse("console:edit_seat", args=["weekends-night"])))
    assert "BGP here: whoever has the seat" in page
    renamed = {"name": "First", "position": "2", "acceptance_required": "on", f"skill-{bgp.pk}": "3-should"}
    assert client.post(reverse("console:edit_seat", args=["weekends-night"]), renamed).status_code == 302
    assert skills_of_seat(load_seat("weekends-night")) == {bgp.pk: (3, False)}
    assert [seat.name for seat in seats_on(rota.id)] == ["Backup", "First"]
    assert client.post(reverse("console:remove_seat", args=["weekends-backup"])).status_code == 302
    assert [seat.name for seat in seats_on(rota.id)] == ["First"]
    refused = client.post(reverse("console:remove_seat", args=[company.quay.seat_key]))
    assert refused.status_code == 409
    assert "It is needed by: the policy Quay ladder" in words(refused)


def test_what_a_rule_blocks_is_done_for_a_reason_with_a_name(company: Company) -> None:
    client = company.client(company.everything())
    bo, seat, at = Person.objects.get(name="Everything"), load_seat(company.quay.seat_key), company.at
    Absence.objects.create(person=bo, kind="leave", starts_at=at, ends_at=at + timedelta(days=9), recorded_at=at)
    form = {"seat": seat.key, "member": bo.id, "starts": f"{at + timedelta(days=5):%Y-%m-%dT10:00}"}
    form["ends"] = f"{at + timedelta(days=5):%Y-%m-%dT12:00}"
    before = Override.objects.count()
    asked = client.post(reverse("console:add_override", args=[seat.rota_id]), form)
    assert asked.status_code == 409
    assert "Why it should stand all the same" in words(asked)
    assert f'name="member" value="{bo.id}"' in asked.content.decode()
    assert Override.objects.count() == before
    why = form | {"reason": "She offered"}
    assert client.post(reverse("console:add_override", args=[seat.rota_id]), why).status_code == 302
    assert Override.objects.count() == before + 1
    assert Exemption.objects.get().reason == "She offered"


def test_a_swap_that_a_rule_blocks_by_now_is_approved_for_a_reason_only(company: Company) -> None:
    client = company.client(company.everything())
    ivy, at, swap_id = Person.objects.create(name="Ivy"), company.at, company.quay.ids["swap_id"]
    Absence.objects.create(person=ivy, kind="sickness", starts_at=at, ends_at=at + timedelta(days=9), recorded_at=at)
    Swap.objects.filter(pk=swap_id).update(asked=ivy, state=Swap.State.ACCEPTED)
    address = reverse("console:approve_swap", args=[swap_id])
    asked = client.post(address)
    assert asked.status_code == 409
    assert "Ivy is not available" in words(asked)
    assert client.post(address, {"reason": ""}).status_code == 409
    assert Swap.objects.get(pk=swap_id).state == Swap.State.ACCEPTED
    assert client.post(address, {"reason": "She is well again"}).status_code == 302
    assert Swap.objects.get(pk=swap_id).state == Swap.State.DONE
    assert Exemption.objects.get().reason == "She is well again"


def test_changes_and_swaps_come_as_files(company: Company) -> None:
    client = company.client(company.everything())
    rota_id = load_seat(company.quay.seat_key).rota_id
    changes = client.get(reverse("console:overrides_csv", args=[rota_id])).getvalue().decode().splitlines()
    assert changes[0] == "\ufeffseat,kind,starts_at,ends_at,member,instead_of,created_at,cancelled_at"
    assert re.search(r"^Quay duty,remove,2026-\S+,2026-\S+,,Bo ", changes[1])
    swaps = client.get(reverse("console:swaps_csv", args=[rota_id])).getvalue().decode().splitlines()
    assert len(swaps) == 2
    assert ",asked,," in swaps[1]


def test_a_plan_is_mended_for_whoever_cannot_work(company: Company) -> None:
    client = company.client(company.everything())
    bo, seat, at = company.quay.bo, load_seat(company.quay.seat_key), company.at
    page = words(client.get(reverse("console:plans", args=[seat.rota_id])))
    assert "Somebody cannot work" in page
    form = {"person": bo.id, "since": f"{at:%Y-%m-%dT%H:%M}", "until": f"{at + timedelta(days=3):%Y-%m-%dT%H:%M}"}
    sent = client.post(reverse("console:draft_repair", args=[seat.rota_id]), form)
    assert sent.status_code == 302
    run = Drafting.objects.order_by("-id").first()
    assert run is not None
    assert (run.request["do"], run.request["person"]) == ("replan", str(bo.id))
    backwards = form | {"until": f"{at - timedelta(days=3):%Y-%m-%dT%H:%M}"}
    assert client.post(reverse("console:draft_repair", args=[seat.rota_id]), backwards).status_code == 422


def test_ones_own_calendar_gets_a_new_address(company: Company) -> None:
    bo = company.quay.bo
    client = company.client(User.objects.get(email="bo@quay.example"))
    old = reverse("duty_feed", args=[feed_address("person", bo.id)])
    assert old in client.get(reverse("console:me")).content.decode()
    assert client.post(reverse("console:renew_my_feed")).status_code == 302
    assert client.get(old).status_code == 404
    assert client.get(reverse("duty_feed", args=[feed_address("person", bo.id)])).status_code == 200


def noted(**of: object) -> list[tuple[str, str]]:
    entries = Entry.objects.filter(kind="person.read", **of).order_by("id")
    return [(entry.by_name, entry.facts["what"]) for entry in entries]


def test_whoever_reads_what_is_private_of_somebody_is_noted_once_an_hour_and_shown_to_them(company: Company) -> None:
    bo = company.quay.bo
    manager, own = company.client(company.reader("manager")), company.client(bo.user)
    hour = clock.now().replace(minute=10)
    hours, load = reverse("console:person_hours", args=[bo.id]), reverse("console:load")
    of_bo = {"subject_id": str(bo.id)}
    with clock.replaced_by(lambda: hour):
        for address in (hours, hours, f"{hours}.csv", load, reverse("console:load_csv")):
            assert manager.get(address).status_code == 200
        assert own.get(hours).status_code == 200  # one's own is not noted
    assert sorted(what for _by, what in noted(**of_bo)) == ["hours and rest", "load"]
    with clock.replaced_by(lambda: hour + timedelta(hours=1)):
        manager.get(hours)
        assert sorted(what for _by, what in noted(**of_bo)) == ["hours and rest", "hours and rest", "load"]
        page = own.get(reverse("console:my_readings")).content.decode()
        assert page.count("hours and rest") == 2
        _token, secret = make_token(name="x", scopes=["read"], user_id=bo.user_id, by=SCHEDULER, via=Door.CLI, at=hour)
        said = own.get("/api/v1/own-readings", headers={"Authorization": f"Bearer {secret}"}).json()
    assert [each["what"] for each in said["items"]][:1] == ["hours and rest"]
    assert {each["by"] for each in said["items"]} == {noted(**of_bo)[0][0]}


def test_whose_hours_these_are_reads_what_is_kept_why_how_long_and_what_is_reckoned(
    company: Company, settings: Any
) -> None:
    settings.STAFF_RECORDS_KEPT = timedelta(days=800)
    bo, brand = company.quay.bo, company.quay.brand
    url = reverse("console:person_hours", args=[bo.id])
    text = words(company.client(bo.user).get(url))
    assert "The person and their managers read them, and nobody else" in text
    assert "They are removed after 800 days." in text
    assert "Reckoned from them: Nights" in text
    save_figures(brand_id=brand.id, off=["nights"], **company.doing)
    text = words(company.client(bo.user).get(url))
    assert "Reckoned from them: " in text
    assert "Nights" not in text.partition("Reckoned from them: ")[2]
    assert "Reckoned from them" not in words(company.client(company.reader("engineer")).get(url))
