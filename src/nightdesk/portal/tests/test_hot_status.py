"""Public pages in memory: what is published is served at once, late by itself, and without the database."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from nightdesk.access.models import Brand
from nightdesk.base.hot import HotBytes, send_page
from nightdesk.outages.models import FailedPart, Outage, Part, Rules, Update, Work
from nightdesk.outages.tests import feed_rules
from nightdesk.outages.tests.pages import minutes
from nightdesk.portal import hot_status
from nightdesk.portal.hot_status import HotStatus

pytestmark = pytest.mark.django_db
AT = minutes(20)
DUE = minutes(45)


class Night:
    """A brand with one public part that failed at 04:08, told at 04:16, and a second brand with nothing public."""

    def __init__(self, folder: Path | None) -> None:
        self.time = AT
        self.brand = Brand.objects.create(name="Quayside Networks", slug="quayside")
        self.other = Brand.objects.create(name="Secret Bakery", slug="bakery")
        self.part = Part.objects.create(
            brand=self.brand,
            key="dock",
            name="dock-sw-1",
            kind="site",
            public=True,
            public_name="Internet at Dock Street",
        )
        self.hot = HotBytes(clock=self.seconds)
        self.pages = HotStatus(self.hot, folder)

    def seconds(self) -> float:
        return self.time.timestamp()

    def outage(self, number=1, *, public=True, brand=None, text="Lines are down.", next_at=DUE) -> Outage:
        made = Outage.objects.create(
            brand=brand or self.brand, number=number, title="SECRET cause", cause="SECRET", state="investigating",
            severity="major", origin="person", public=public, public_title="Fault at Dock Street", began_at=minutes(8),
            proposed_at=minutes(8), confirmed_at=minutes(16), next_update_at=next_at, changed_at=minutes(16),
        )  # fmt: skip
        FailedPart.objects.create(outage=made, part=self.part)
        self.update(made, text, minutes(16), next_at)
        return made

    def update(self, outage, text, at, next_at, *, state="investigating", published=True) -> None:
        Update.objects.create(
            outage=outage, number=outage.updates.count() + 1, kind="update", state=state, texts={"en-gb": text},
            next_at=next_at, written_at=at, written_by="Bo", written_by_id="7", approved_at=at if published else None,
            published_at=at if published else None,
        )  # fmt: skip
        if published:
            outage.next_update_at, outage.changed_at, outage.state = next_at, at, state
            outage.resolved_at = at if state == "resolved" else None
            outage.save()

    def get(self, path="/status/quayside/", host="localhost") -> str:
        page = self.hot.find(path, host)
        if page is None:
            return ""
        sent = []

        async def send(message):
            sent.append(message)

        asyncio.run(send_page(page, "GET", [], send))
        return b"".join(each.get("body", b"") for each in sent).decode()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "status"


@pytest.fixture
def night(folder):
    return Night(folder)


def test_what_is_published_is_served_at_the_next_look(night):
    assert night.pages.refresh(AT) == 2
    assert "No faults are known" in night.get()
    assert night.pages.refresh(AT) == 0
    made = night.outage()
    assert night.pages.refresh(AT) == 1
    assert "Lines are down." in night.get()
    night.update(made, "A switch was replaced.", minutes(19), minutes(50), state="monitoring")
    night.pages.refresh(AT)
    assert "A switch was replaced." in night.get()
    assert json.loads(night.get("/status/quayside/api/v2/summary.json"))["components"][0]["status"] == "major_outage"


def test_what_was_committed_a_moment_after_the_clock_was_read_is_served_all_the_same(night):
    made = night.outage()
    night.update(made, "A switch was replaced.", AT + timedelta(milliseconds=3), minutes(50))
    night.pages.refresh(AT)
    assert "A switch was replaced." in night.get()


def test_only_what_is_public_is_served_and_a_brand_with_nothing_public_has_no_page(night):
    made = night.outage(public=False)
    night.outage(2, brand=night.other, public=False)
    night.update(made, "Not approved", AT, None, published=False)
    night.pages.refresh(AT)
    for words in ("SECRET", "Lines are down", "Not approved"):
        assert words not in night.get()
    assert night.get("/status/bakery/") == ""
    made.public = True
    made.save()
    night.pages.refresh(AT)
    assert "Lines are down" in night.get()
    for path in ("", "api/v2/incidents.json", "history.atom", "history/"):
        body = night.get(f"/status/quayside/{path}")
        assert "Lines are down" in body
        assert "SECRET" not in body
        assert "Not approved" not in body


def test_an_update_that_is_late_is_said_to_be_without_anybody_looking(night, monkeypatch):
    night.outage()
    night.pages.refresh(AT)
    monkeypatch.setattr(hot_status, "published_page", None)  # the database is gone
    night.time = minutes(45)
    assert "An update was due at 04:45 GMT" in night.get()
    assert json.loads(night.get("/status/quayside/api/v2/incidents.json"))["incidents"][0]["update_late"]
    assert "was due" in night.get("/status/quayside/history.rss")


def test_the_feeds_keep_the_rules_at_the_address_where_they_are_served(night):
    night.update(night.outage(), "A switch was replaced.", minutes(19), minutes(50), state="monitoring")
    night.pages.refresh(AT)
    for name, rules in (("history.atom", feed_rules.of_atom), ("history.rss", feed_rules.of_rss)):
        served = night.get(f"/status/quayside/{name}").encode()
        own = "http://127.0.0.1:8080/status/quayside"
        assert rules(served, self_url=f"{own}/{name}", at=AT) == []


def test_a_second_update_that_falls_due_is_late_from_the_facts_in_memory(night, monkeypatch):
    night.outage()
    night.outage(2, next_at=minutes(60))
    night.pages.refresh(AT)
    monkeypatch.setattr(hot_status, "published_page", None)
    assert night.pages.pass_instants(minutes(45)) == 1
    night.time = minutes(60)
    assert night.get().count("An update was due") == 2


def test_a_status_host_has_the_page_at_its_root_and_no_other_brands(night):
    Rules.objects.create(brand=night.brand, status_hosts=["Status.Quayside.example"])
    night.outage()
    night.pages.refresh(AT)
    assert "Lines are down." in night.get("/", "status.quayside.example:443")
    assert "Lines are down." in night.get("/history.atom", "status.quayside.example")
    assert night.get("/", "localhost") == ""
    assert "https" in night.get() or "http" in night.get("/history.atom", "status.quayside.example")
    Rules.objects.update(status_hosts=[])
    night.pages.refresh(AT)
    assert night.get("/", "status.quayside.example") == ""


def test_two_words_at_one_instant_are_both_served(night):
    """The mark of a page is which write it was, and no instant."""
    made = night.outage()
    night.pages.refresh(AT)
    before = night.pages._served[night.brand.pk].mark
    night.update(made, "A switch was replaced.", made.changed_at, DUE)
    assert night.pages.refresh(AT) == 1
    assert night.pages._served[night.brand.pk].mark != before
    assert "A switch was replaced." in night.get()


def test_a_page_that_is_public_no_longer_is_gone_from_memory_and_from_the_folder(night, folder):
    made = night.outage()
    night.pages.refresh(AT)
    assert (folder / "quayside" / "index.html").is_file()
    made.public = False
    made.save()
    night.part.public = False
    night.part.save()
    night.pages.refresh(AT)
    assert night.get() == ""
    assert not (folder / "quayside").exists()


def test_the_files_say_the_same_and_their_late_variant_lies_beside(night, folder):
    night.outage()
    night.pages.refresh(AT)
    for path in ("index.html", "history/index.html", "api/v2/summary.json", "history.atom", "work.ics", "portal.css"):
        assert (folder / "quayside" / path).read_bytes().decode() == night.get(
            f"/status/quayside/{path.replace('index.html', '')}"
        )
    assert "was due at 04:45" in (folder / "quayside.late" / "index.html").read_text()
    assert (folder / "quayside.late-from").read_text().strip() == minutes(45).isoformat()
    assert not [each for each in folder.rglob(".*") if each.is_file()]


def test_a_start_without_the_database_serves_what_was_written_before(night, folder):
    made = night.outage()
    night.pages.refresh(AT)
    fresh = Night.__new__(Night)
    fresh.time, fresh.hot = AT, HotBytes(clock=fresh.seconds)
    fresh.pages = HotStatus(fresh.hot, folder)
    assert fresh.pages.restore() > 10
    assert "Next update by 04:45" in fresh.get()
    fresh.time = minutes(46)
    assert "was due at 04:45" in fresh.get()
    # Once the database is there again, what is no longer public goes.
    made.delete()
    night.part.delete()
    fresh.pages.refresh(minutes(47))
    assert fresh.get() == ""


def test_public_work_stands_there_and_begins_by_itself(night):
    for number, public in enumerate((True, False), 1):
        Work.objects.create(
            brand=night.brand, number=number, title="SECRET rack", state="announced", texts={"en-gb": f"Power {number}."},
            from_at=minutes(60), until_at=minutes(90), round=1, public=public, public_title=f"Work {number}", made_by="Bo",
            made_at=AT, announced_at=AT, changed_at=AT,
        )  # fmt: skip
    night.pages.refresh(AT)
    assert "Power 1." in night.get()
    assert "Power 1." in night.get("/status/quayside/work.ics")
    assert "Work 2" not in night.get() + night.get("/status/quayside/api/v2/scheduled-maintenances.json")
    night.time = minutes(60)
    assert "In progress" in night.get()
    assert json.loads(night.get("/status/quayside/api/v2/status.json"))["status"]["indicator"] == "maintenance"


def test_what_is_over_leaves_the_first_page_after_a_week_by_itself(night):
    made = night.outage()
    night.update(made, "It works again.", minutes(19), None, state="resolved")
    night.pages.refresh(AT)
    assert "Fault at Dock Street" in night.get()
    night.time = minutes(19) + timedelta(days=7)
    assert "Fault at Dock Street" not in night.get()
    assert "Fault at Dock Street" in night.get("/status/quayside/history/")
