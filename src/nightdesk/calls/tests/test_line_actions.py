"""Lines, telephones, PINs and the operator's own recordings, as they are set."""

import io
import math
import struct
import wave
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import pytest

from nightdesk.access.actions import make_brand
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.files import read_file
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.calls.line_actions import (
    LineWanted,
    clear_pin,
    keep_prompt,
    remove_prompt,
    remove_telephone,
    retire_line,
    save_line,
    save_telephone,
    set_pin,
)
from nightdesk.calls.line_starts import STARTING_LINES
from nightdesk.calls.models import CallerPin, Line, Recording, Telephone
from nightdesk.calls.pins import lookup_of
from nightdesk.customers import actions as customers
from nightdesk.journal.models import Entry
from nightdesk.people import actions as people
from nightdesk.people.numbers import BadNumber
from nightdesk.rota.actions import make_rota
from tests.requires import requires

AT = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
HOW: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": AT}
OURS, OTHER, PAGER = "+442079460100", "+442079460101", "+442079460109"
WANTED = LineWanted(name="Support", numbers=["020 7946 0100"], shown_number=OURS, pager_number=PAGER)

pytestmark = pytest.mark.django_db


@pytest.fixture
def brand() -> Brand:
    return make_brand(name="Quay", slug="quay", **HOW)


def a_tone(seconds: float, rate: int = 44100, channels: int = 2) -> bytes:
    """A WAV as a studio makes it: stereo, 44.1 kHz."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        samples = (int(12000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(int(seconds * rate)))
        file.writeframes(b"".join(struct.pack("<h", sample) * channels for sample in samples))
    return made.getvalue()


def refused(brand: Brand, kind: type[Exception] = Invalid, **changes: Any) -> str:
    """What is said to a line like that."""
    with pytest.raises(kind) as caught:
        save_line(brand_id=brand.pk, wanted=replace(WANTED, **changes), **HOW)
    return str(caught.value)


def test_a_line_is_kept_as_wanted_its_numbers_in_e164(brand: Brand) -> None:
    make_rota(brand_id=brand.pk, name="Night", zone="UTC", seats=[{"key": "night", "name": "Night"}], **HOW)
    wanted = replace(
        WANTED, staff_number="020 7946 0102", night_seats=["night", "night"], menu=[{"key": "1", "says": "Mail"}]
    )
    line = save_line(brand_id=brand.pk, wanted=wanted, **HOW)
    line.refresh_from_db()
    assert (line.numbers, line.staff_number, line.active) == ([OURS], "+442079460102", True)
    assert line.night_seats == ["night"]
    assert line.menu == [{"key": "1", "says": "Mail", "skill": ""}]
    entry = Entry.objects.get(kind="calls.line-saved")
    assert (entry.subject_kind, entry.subject_id, entry.brand_id) == ("line", str(line.pk), brand.pk)


def test_each_starting_point_makes_a_line(brand: Brand) -> None:
    for number, start in enumerate(STARTING_LINES.values()):
        ours = f"+44207946020{number}"
        wanted = replace(WANTED, name=str(start.label), numbers=[ours], shown_number=ours, **start.fields)
        assert save_line(brand_id=brand.pk, wanted=wanted, **HOW).active


def test_a_number_stands_on_one_line_and_is_free_once_that_is_retired(brand: Brand) -> None:
    first = save_line(brand_id=brand.pk, wanted=WANTED, **HOW)
    pier = make_brand(name="Pier", slug="pier", **HOW)
    assert OURS in refused(pier, name="Theirs")
    assert OURS in refused(pier, name="Theirs", numbers=[OTHER], shown_number=OTHER, staff_number=OURS)
    assert "staff" in refused(brand, name="Mixed", numbers=[OTHER], shown_number=OTHER, staff_number=OTHER)
    retire_line(line_id=first.pk, **HOW)
    retire_line(line_id=first.pk, **HOW)
    assert Entry.objects.filter(kind="calls.line-retired").count() == 1
    assert save_line(brand_id=pier.pk, wanted=replace(WANTED, name="Theirs"), **HOW).active
    with pytest.raises(Invalid):
        save_line(brand_id=brand.pk, line_id=first.pk, wanted=WANTED, **HOW)
    assert not Line.objects.get(pk=first.pk).active


def test_whoever_rings_the_shown_number_back_reaches_the_brand(brand: Brand) -> None:
    assert "would not reach" in refused(brand, shown_number=OTHER)
    save_line(brand_id=brand.pk, wanted=replace(WANTED, name="First", numbers=[OTHER], shown_number=OTHER), **HOW)
    assert save_line(brand_id=brand.pk, wanted=replace(WANTED, shown_number=OTHER), **HOW).shown_number == OTHER
    pier = make_brand(name="Pier", slug="pier", **HOW)
    ours = "+442079460199"
    assert "would not reach" in refused(pier, name="Theirs", numbers=[ours], shown_number=OTHER)


def test_a_country_says_which_numbers_are_shown_and_how_callers_are_asked(brand: Brand) -> None:
    assert "costs" in refused(brand, numbers=["09061234567"], shown_number="09061234567")
    berlin = "+493023125000"
    german = {"country": "DE", "numbers": [berlin], "shown_number": berlin, "pager_number": berlin}
    assert "must be asked" in refused(brand, **german)
    assert "number of that country" in refused(brand, **german | {"consent": "asked", "pager_number": PAGER})
    assert save_line(brand_id=brand.pk, wanted=replace(WANTED, consent="asked", **german), **HOW).consent == "asked"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"numbers": []}, Invalid),
        ({"numbers": ["12"]}, BadNumber),
        ({"pager_number": ""}, Invalid),
        ({"country": "Kent"}, Invalid),
        ({"joins_s": []}, Invalid),
        ({"joins_s": [8, 4]}, Invalid),
        ({"joins_s": [4, 4]}, Invalid),
        ({"joins_s": [4, 90]}, Invalid),
        ({"ring_s": 5}, Invalid),
        ({"call_back_s": 20}, Invalid),
        ({"night": "sometimes"}, Invalid),
        ({"consent": "never"}, Invalid),
        ({"menu": [{"key": "0", "says": "Us"}]}, Invalid),
        ({"menu": [{"key": "1", "says": "Us"}, {"key": "1", "says": "Them"}]}, Invalid),
        ({"menu": [{"key": "1", "says": "Us", "skill": "juggling"}]}, NotFound),
        ({"night_seats": ["nobody"]}, NotFound),
        ({"hours_id": 4711}, NotFound),
        ({"peer_skill_id": 4711}, NotFound),
        ({"divert_check_at": time(18)}, Invalid),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(
    brand: Brand, changes: dict[str, Any], kind: type[Exception]
) -> None:
    refused(brand, kind, **changes)
    assert not Line.objects.exists()


def test_what_is_another_brands_cannot_be_named(brand: Brand) -> None:
    pier = make_brand(name="Pier", slug="pier", **HOW)
    make_rota(brand_id=pier.pk, name="Night", zone="UTC", seats=[{"key": "pier", "name": "Night"}], **HOW)
    hours = customers.make_hours(brand_id=pier.pk, fields={"name": "Day", "zone": "UTC", "week": [[]] * 7}, **HOW)
    refused(brand, NotFound, day_seats=["pier"])
    refused(brand, NotFound, hours_id=hours.pk)
    theirs = save_line(brand_id=pier.pk, wanted=WANTED, **HOW)
    with pytest.raises(NotFound):
        save_line(brand_id=brand.pk, line_id=theirs.pk, wanted=WANTED, **HOW)


def test_a_telephone_has_a_name_of_its_own_and_rings_for_somebody_of_the_brand(brand: Brand) -> None:
    bo = people.make_person(name="Bo", brand_id=brand.pk, **HOW)
    phone = save_telephone(brand_id=brand.pk, name="bo-desk", label="By the window", person_id=bo.pk, **HOW)
    assert (phone.person, phone.label) == (bo, "By the window")
    for name in ("Bo desk", "", "bo_desk", "-bo", "bo" * 40):
        with pytest.raises(Invalid):
            save_telephone(brand_id=brand.pk, name=name, **HOW)
    with pytest.raises(Invalid):
        save_telephone(brand_id=brand.pk, name="bo-desk", **HOW)
    gone = people.make_person(name="Cy", brand_id=brand.pk, **HOW)
    people.deactivate_person(person_id=gone.pk, **HOW)
    with pytest.raises(NotFound):
        save_telephone(brand_id=brand.pk, name="cy-desk", person_id=gone.pk, **HOW)
    remove_telephone(telephone_id=phone.pk, **HOW)
    remove_telephone(telephone_id=phone.pk, **HOW)
    assert not Telephone.objects.exists()
    assert Entry.objects.filter(kind="calls.telephone-removed").count() == 1


@pytest.fixture
def contact(brand: Brand) -> Any:
    customer = customers.make_customer(brand_id=brand.pk, name="Harbour Foods", ref="HF-1", **HOW)
    return customers.make_contact(customer_id=customer.pk, name="Kim", **HOW)


def test_a_pin_is_told_once_and_kept_as_nothing_that_shows_it(brand: Brand, contact: Any) -> None:
    row, pin = set_pin(contact_id=contact.pk, **HOW)
    assert (len(pin), row.lookup) == (6, lookup_of(pin))
    assert pin not in str(CallerPin.objects.values().get())
    assert pin not in str(list(Entry.objects.values()))
    _row, again = set_pin(contact_id=contact.pk, **HOW)
    assert not CallerPin.objects.filter(lookup=row.lookup).exists(), "the earlier one is worth nothing"
    clear_pin(contact_id=contact.pk, **HOW)
    clear_pin(contact_id=contact.pk, **HOW)
    assert not CallerPin.objects.filter(lookup=lookup_of(again)).exists()
    assert Entry.objects.filter(kind="calls.pin-cleared").count() == 1


def test_a_chosen_pin_must_be_hard_to_guess_and_nobody_learns_that_somebody_has_it(brand: Brand, contact: Any) -> None:
    _row, pin = set_pin(contact_id=contact.pk, pin="40 59 73", **HOW)
    assert pin == "405973"
    other = customers.make_contact(customer_id=contact.customer_id, name="Lee", **HOW)
    said = set()
    for weak in ("123456", "111111", "240584", "405973"):
        with pytest.raises(Invalid) as caught:
            set_pin(contact_id=other.pk, pin=weak, **HOW)
        said.add((caught.value.so, caught.value.do))
    assert len(said) == 1, "a PIN that is taken is refused in the same words as a weak one"
    for bad in ("4711", "12ab34", "40597312345", "٤٠٥٩٧٣"):
        with pytest.raises(Invalid):
            set_pin(contact_id=other.pk, pin=bad, **HOW)
    assert CallerPin.objects.count() == 1


def test_everybody_sets_their_own_pin_and_the_desk_that_of_others(brand: Brand, contact: Any) -> None:
    bo = people.make_person(name="Bo", brand_id=brand.pk, **HOW)
    cy = people.make_person(name="Cy", brand_id=brand.pk, **HOW)
    engineer = Actor("person", id=str(bo.pk), name="Bo", grants=frozenset({(brand.pk, "engineer")}))
    doing: dict[str, Any] = HOW | {"by": engineer}
    assert set_pin(person_id=bo.pk, **doing)[0].person == bo
    with pytest.raises(Forbidden):
        set_pin(person_id=cy.pk, **doing)
    with pytest.raises(Forbidden):
        set_pin(contact_id=contact.pk, **doing)
    with pytest.raises(Invalid):
        set_pin(**HOW)


@requires("sox")
def test_a_recording_is_kept_as_telephones_carry_it_and_replaces_the_one_before(brand: Brand) -> None:
    line = save_line(brand_id=brand.pk, wanted=WANTED, **HOW)
    first = keep_prompt(line_id=line.pk, prompt="greeting", content=a_tone(1.5), **HOW)
    with wave.open(io.BytesIO(read_file(first.digest))) as kept:
        assert (kept.getframerate(), kept.getsampwidth(), kept.getnchannels()) == (8000, 2, 1)
        assert kept.getnframes() == pytest.approx(12000, abs=20)
    second = keep_prompt(line_id=line.pk, prompt="greeting", content=a_tone(0.5, 8000, 1), **HOW)
    line.refresh_from_db()
    assert line.prompts == {"greeting": str(second.pk)}
    assert Recording.objects.get(pk=first.pk).delete_at == AT
    save_line(brand_id=brand.pk, line_id=line.pk, wanted=WANTED, **HOW)
    line.refresh_from_db()
    assert line.prompts, "who changes a line does not lose its recordings"
    remove_prompt(line_id=line.pk, prompt="greeting", **HOW)
    remove_prompt(line_id=line.pk, prompt="greeting", **HOW)
    line.refresh_from_db()
    assert line.prompts == {}
    assert Recording.objects.get(pk=second.pk).delete_at == AT
    assert Entry.objects.filter(kind="calls.prompt-removed").count() == 1


@requires("sox")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no audio"),
        (b"#EXTM3U\nhttp://127.0.0.1/x.wav\n", "no audio"),
        (b"<html>no sound</html>", "no audio"),
        (a_tone(0.05), "nothing to be heard"),
        (a_tone(121.5, 8000, 1), "longer than"),
        (b"RIFF" + bytes(9 * 1024 * 1024), "more than"),
    ],
    ids=["empty", "playlist", "page", "too short", "too long", "too large"],
)
def test_what_is_no_recording_is_refused(brand: Brand, content: bytes, why: str) -> None:
    line = save_line(brand_id=brand.pk, wanted=WANTED, **HOW)
    with pytest.raises(Invalid) as caught:
        keep_prompt(line_id=line.pk, prompt="greeting", content=content, **HOW)
    assert why in str(caught.value)
    with pytest.raises(Invalid):
        keep_prompt(line_id=line.pk, prompt="../greeting", content=a_tone(1), **HOW)
    assert not Recording.objects.exists()


@pytest.mark.parametrize(
    ("said", "bureau", "kept"), [(None, "", 120), (None, "020 7946 0500", 5), (30, "020 7946 0500", 30), (4, "", 4)]
)
def test_before_a_bureau_callers_are_hunted_for_five_seconds_unless_it_is_said(brand, said, bureau, kept):
    line = save_line(brand_id=brand.pk, wanted=replace(WANTED, longest_hunt_s=said, bureau_number=bureau), **HOW)
    assert line.longest_hunt_s == kept
