"""A public page as files: whole, relative, saying what is late, and nothing that a reader's network could not serve."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from django.contrib.staticfiles import finders
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages.published import PublishedPage
from nightdesk.outages.tests.pages import minutes, outage, page, resolved, update, work
from nightdesk.portal.badge import GROUNDS, PAD, badge
from nightdesk.portal.status_page import HTML, PageFile, files_of

SUBSCRIBE = "https://desk.quayside.example/status/quayside/subscribe"


def files(given: PublishedPage | None = None, at=None) -> dict[str, PageFile]:
    return {each.path: each for each in files_of(given or page(), at or minutes(20), subscribe_url=SUBSCRIBE)}


def text(file: PageFile) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", file.body.decode()))


def test_the_first_page_says_what_is_wrong_and_when_more_comes():
    said = text(files()[""])
    for words in (
        "Fault at Dock Street",
        "Sorry: internet lines at Dock Street are down.",
        "Next update by 04:45 GMT.",
    ):
        assert words in said
    assert "was due" not in said
    assert "Since 04:08 GMT" in said


def test_it_says_by_itself_that_an_update_is_late():
    said = text(files(at=minutes(45))[""])
    assert "An update was due at 04:45 GMT" in said
    assert "Next update by" not in said


def test_text_of_an_update_is_text():
    assert b"&lt;b&gt;&amp;" in files()[""].body
    assert b"<b>&<" not in files()[""].body


@pytest.mark.parametrize("at", [20, 46, 1330])
def test_every_link_is_to_a_file_that_is_there(at):
    given = page(outages=(outage(), resolved(id="o0")))
    made = files(given, minutes(at))
    for path, file in made.items():
        if file.content_type != HTML:
            continue
        for link in re.findall(r'(?:href|src)="([^"]*)"', file.body.decode()):
            if link.startswith("#") or link == SUBSCRIBE:
                continue
            assert not link.startswith(("/", "http")), (path, link)
            steps = [step for step in path.split("/")[:-1] if step]
            for piece in link.split("/")[:-1]:
                if piece == "..":
                    steps.pop()
                elif piece not in (".", ""):
                    steps.append(piece)
            name = link.rpartition("/")[2]
            assert "".join(f"{step}/" for step in steps) + name in made, (path, link)


def test_the_files_are_the_same_at_every_instant_so_that_a_late_variant_lies_with_each():
    assert list(files(at=minutes(20))) == list(files(at=minutes(46))) == list(files(at=minutes(2000)))


def test_programs_of_any_site_may_read_what_is_for_programs():
    for path, file in files().items():
        assert ("access-control-allow-origin" in file.headers) == (file.content_type != HTML), path
        assert "script-src 'self'" in file.headers["content-security-policy"]
    assert json.loads(files()["api/v2/status.json"].body)["status"]["indicator"] == "major"


def test_nothing_is_written_into_the_page_that_the_policy_forbids():
    for file in files().values():
        if file.content_type == HTML:
            assert not re.search(rb"<style|style=|onclick|<script>(?!</script>)", file.body)


def test_the_archive_has_every_update_with_its_time():
    said = text(files(page(outages=(resolved(),)), minutes(80))["history/"])
    for time in ("04:16 GMT", "04:44 GMT", "05:10 GMT"):
        assert time in said
    assert "Wed 25 Nov 04:08 GMT" in said


def test_what_was_corrected_is_said_to_be():
    said = (update(2, minutes(20), kind="correction"), update(1, minutes(16), corrected=True))
    shown = text(files(page(outages=(replace(outage(), updates=said),)))[""])
    assert "Correction" in shown
    assert "corrected since" in shown


def test_a_quiet_night_and_planned_work():
    quiet = files(page(outages=(), work=()))
    assert "No faults are known" in text(quiet[""])
    going = text(files(page(outages=(), work=(work(),)), minutes(1330))[""])
    assert "Work that was planned is going on" in going
    assert "Planned work" in going
    assert "Thu 26 Nov 02:00–04:00 GMT" in going


def test_its_style_is_that_of_the_customers_pages():
    with open(str(finders.find("portal/portal.css")), "rb") as style:
        assert files()["portal.css"].body == style.read()


def state_of(file: PageFile) -> str:
    drawn = ElementTree.fromstring(file.body)
    assert not [each for each in drawn.iter() if each.tag.endswith(("script", "style", "image", "foreignObject"))]
    return str(drawn.get("aria-label"))


def test_badges_say_how_all_and_each_part_stands():
    made = files()
    summary = json.loads(made["api/v2/components.json"].body)
    said = {state_of(made[f"badges/{each['id']}.svg"]) for each in summary["components"]}
    assert said == {"Internet at Dock Street: Down", "Office phones: Working", "Internet at Mill Lane: Working"}
    assert state_of(made["badge.svg"]) == "Quayside Networks: Down"
    assert made["badge.svg"].headers["access-control-allow-origin"] == "*"
    assert state_of(files(page(outages=(), work=()))["badge.svg"]) == "Quayside Networks: Working"
    going = files(page(outages=()), minutes(1330))
    assert state_of(going["badge.svg"]) == "Quayside Networks: Planned work"
    only = replace(outage(), touches=())
    assert state_of(files(page(outages=(only,)))["badge.svg"]) == "Quayside Networks: Fault"


@given(st.text(max_size=200), st.sampled_from(sorted(GROUNDS)))
def test_whatever_a_name_holds_its_badge_is_well_formed_and_its_text_has_room(name, tone):
    drawn = ElementTree.fromstring(badge(name, "Working", tone))
    width, texts = float(drawn.get("width")), [each for each in drawn.iter() if each.tag.endswith("text")]
    assert sum(float(each.get("textLength")) for each in texts) + 4 * PAD == width


def lightness(colour: str) -> float:
    """WCAG's relative luminance."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("tone", sorted(GROUNDS))
def test_white_can_be_read_on_every_badge(tone):
    assert 1.05 / (lightness(GROUNDS[tone]) + 0.05) > 5
