"""A customer's own page of outages, their archive and feeds, and the links that need no signing in."""

from datetime import datetime, timedelta
from typing import Any

import feedparser
import pytest
from django.conf import settings
from django.test import Client
from django.utils.html import strip_tags
from icalendar import Calendar

from nightdesk.customers import contact_actions
from nightdesk.outages import actions, link_actions
from nightdesk.outages.models import Outage, Update
from nightdesk.outages.tests import feed_rules
from nightdesk.portal import outage_queries
from nightdesk.portal.tests.firms import Firm, Firms
from nightdesk.portal.views import shared, status
from nightdesk.reports import incident_actions
from nightdesk.reports.incident_models import IncidentReport


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (shared.TRIES, status.TRIES, status.ASKS):
        monkeypatch.setattr(limit, "_held", type(limit._held)())


def shown(answer: Any, code: int = 200) -> str:
    assert answer.status_code == code, answer.content[:400]
    return " ".join(strip_tags(answer.content.decode()).split())


def says(firms: Firms, firm: Firm, text: str, state: str = "investigating", **more: Any) -> Update:
    assert firm.outage is not None
    return actions.write_update(outage_id=firm.outage.pk, state=state, texts={"en-gb": text}, **more, **firms.doing)


def due(firms: Firms) -> datetime:
    found = Outage.objects.get(pk=firms.bakery.outage.pk).next_update_at
    assert found is not None
    return found


class TestTheirPage:
    def test_it_says_what_of_theirs_does_not_work_and_when_they_hear_more(self, firms: Firms):
        firms.told_of(firms.bakery)
        home = shown(firms.client(firms.bakery.viewer).get("/my/"))
        assert "1 of your 1 services is not working" in home
        assert "Bakery line Bakery-0042 does not work." in home
        assert "Bakery lines are down." in home
        assert "Next update by" in home
        assert "SECRET" not in home
        assert "No fault is known of your service" in shown(firms.client(firms.grocer.viewer).get("/my/"))

    @pytest.mark.parametrize(("lasted", "share"), [(2, "99.99"), (1440, "98.88")])
    def test_only_what_was_never_down_is_shown_as_all_of_the_time(self, firms: Firms, lasted: int, share: str):
        for _together in range(2):  # what is down by two faults is down once
            firms.told_of(firms.bakery)
        firms.at += timedelta(minutes=lasted)
        assert outage_queries.availability(firms.bakery.customer.pk, firms.at) == {
            firms.bakery.customer.subscriptions.get().pk: share
        }
        assert f"{share} %" in shown(firms.client(firms.bakery.viewer).get("/my/"))

    def test_an_update_that_does_not_come_is_late_there(self, firms: Firms):
        firms.told_of(firms.bakery)
        client = firms.client(firms.bakery.viewer)
        firms.at = due(firms)
        assert "An update was due at" in shown(client.get("/my/"))

    def test_the_end_is_told_and_goes_to_the_archive_with_the_time_of_each_update(self, firms: Firms):
        firms.told_of(firms.bakery)
        firms.at += timedelta(minutes=12)
        says(firms, firms.bakery, "It works again.", "resolved")
        client = firms.client(firms.bakery.viewer)
        assert "No fault is known of your service" in shown(client.get("/my/"))
        archive = shown(client.get("/my/outages/"))
        for words in (
            "Bakery lines are down.",
            "It works again.",
            "09:30 BST",
            "09:42 BST",
            "12 minutes",
            "1 of 1 updates",
        ):
            assert words in archive, words
        lines = client.get("/my/outages.csv").content.decode().splitlines()
        assert len(lines) == 3
        assert "Bakery lines are down.,2026-08-14T10:00+01:00,yes" in lines[1]
        assert "SECRET" not in archive + str(lines)

    def test_what_is_only_suspected_is_told_to_nobody(self, firms: Firms):
        made = firms.told_of(firms.bakery)
        Update.objects.all().delete()
        assert "No fault is known" in shown(firms.client(firms.bakery.viewer).get("/my/"))
        shown(firms.client(firms.bakery.viewer).get(f"/my/outages/{made.pk}/"), 404)

    def test_ones_own_outage_opens_and_anothers_does_not(self, firms: Firms):
        ours, theirs = firms.told_of(firms.bakery), firms.told_of(firms.grocer)
        client = firms.client(firms.bakery.viewer)
        assert "Bakery lines are down." in shown(client.get(f"/my/outages/{ours.pk}/"))
        assert "Grocer" not in shown(client.get(f"/my/outages/{theirs.pk}/"), 404)
        shown(client.post(f"/my/outages/{theirs.pk}/share"), 404)

    def test_a_share_of_the_last_90_days_stands_beside_what_was_down(self, firms: Firms):
        firms.told_of(firms.bakery)
        firms.at += timedelta(days=9)
        says(firms, firms.bakery, "It works again.", "resolved")
        assert "90.00 %" in shown(firms.client(firms.bakery.viewer).get("/my/"))


class TestLinks:
    def shared_by(self, firms: Firms, client: Client) -> str:
        page = client.post(f"/my/outages/{firms.bakery.outage.pk}/share").content.decode()
        assert "Bakery lines are down." in page
        return page[page.index("http") :].split("<")[0].split()[0]

    def test_a_link_shows_one_outage_without_signing_in_for_a_week(self, firms: Firms):
        firms.told_of(firms.bakery)
        other = firms.told_of(firms.grocer)
        assert other
        address = self.shared_by(firms, firms.client(firms.bakery.viewer)).partition("/shared")[2]
        stranger = Client()
        page = shown(stranger.get(f"/shared{address}"))
        assert "Bakery line Bakery-0042 does not work." in page
        assert "Bakery lines are down." in page
        for words in ("SECRET", "Grocer", "Ltd", "Baker "):
            assert words not in page
        assert "ended" in shown(stranger.get(f"/shared{address[:-1]}"), 404)
        firms.at += timedelta(days=7)
        assert "ended" in shown(stranger.get(f"/shared{address}"), 404)

    def test_a_public_outage_is_shared_as_everybody_is_told_of_it(self, firms: Firms):
        made = firms.told_of(firms.bakery, public=True)
        address = link_actions.share_outage(outage_id=made.pk, customer_id=None, **firms.doing)
        page = shown(Client().get(address.partition("8080")[2] or address))
        assert "All lines" in page
        assert "Bakery-0042" not in page

    def test_prospects_read_how_punctual_we_are_and_not_a_word_of_what_it_was(self, firms: Firms):
        firms.told_of(firms.bakery)
        firms.at += timedelta(minutes=45)
        says(firms, firms.bakery, "It works again.", "resolved")
        firms.told_of(firms.grocer)
        address = link_actions.share_archive(brand_id=firms.quay.pk, **firms.doing)
        path = address[address.index("/shared") :]
        page = shown(Client().get(path))
        assert "2 faults in the past year" not in page or "on time" in page
        assert "0 of 1 on time" in page
        assert "45 minutes" in page
        for words in ("Bakery", "Grocer", "SECRET", "lines are down", "works again"):
            assert words not in page
        file = Client().get(f"{path}.csv").content.decode()
        assert file.count("\n") == 3
        assert "Bakery" not in file
        firms.at += timedelta(days=30)
        shown(Client().get(path), 404)


class TestFeeds:
    def made(self, firms: Firms) -> str:
        client = firms.client(firms.bakery.viewer)
        page = client.post("/my/outages/feeds/make", follow=True).content.decode()
        address = page[page.index("/feeds/outages/") :].split("<")[0]
        assert address.endswith(".atom")
        return address

    def test_a_feed_reader_reads_ones_own_outages_by_a_secret_address(self, firms: Firms):
        firms.told_of(firms.bakery)
        firms.told_of(firms.grocer)
        address = self.made(firms)
        answer = Client().get(address)
        assert answer["Cache-Control"].startswith("private")
        assert answer["Content-Type"].startswith("application/atom+xml")
        assert feed_rules.of_atom(answer.content, self_url=f"{settings.PUBLIC_URL}{address}", at=firms.at) == []
        read = feedparser.parse(answer.content)
        assert not read.bozo
        (entry,) = read.entries
        assert "Bakery line Bakery-0042 does not work." in entry.summary
        assert "Next update by" in entry.summary
        assert "/my/outages/" in entry.link
        before = entry.updated
        firms.at = due(firms)
        late = feedparser.parse(Client().get(self.made(firms)).content).entries[0]
        assert "An update was due at" in late.summary
        assert (late.id, late.updated > before) == (entry.id, True)

    def test_it_is_sent_again_only_where_it_says_something_new(self, firms: Firms):
        firms.told_of(firms.bakery)
        address = self.made(firms)
        tag = Client().get(address)["ETag"]
        assert Client().get(address, headers={"if-none-match": tag}).status_code == 304

    def test_new_addresses_shut_the_old_and_revoking_shuts_all(self, firms: Firms):
        firms.told_of(firms.bakery)
        old, new = self.made(firms), self.made(firms)
        assert [Client().get(one).status_code for one in (old, new)] == [404, 200]
        firms.client(firms.bakery.viewer).post("/my/outages/feeds/revoke")
        assert Client().get(new).status_code == 404

    def test_who_has_left_reads_no_feed(self, firms: Firms):
        address = self.made(firms)
        assert Client().get(address).status_code == 200
        contact_actions.mark_contact_left(contact_id=firms.bakery.viewer.pk, **firms.doing)
        assert Client().get(address).status_code == 404

    def test_ones_own_planned_work_is_in_ones_calendar_and_on_ones_page_once_it_was_told(self, firms: Firms):
        suspected, told = firms.plans(firms.bakery, round_=0, state="proposed"), firms.plans(firms.bakery)
        firms.plans(firms.grocer)
        answer = Client().get(self.made(firms).replace(".atom", ".ics"))
        assert answer["Content-Type"].startswith("text/calendar")
        (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
        assert str(event["summary"]) == "Planned work: Bakery line Bakery-0042"
        assert (event["sequence"], event.decoded("dtstart")) == (0, told.from_at)
        home = shown(firms.client(firms.bakery.viewer).get("/my/"))
        assert home.count("gets new power") == 1
        assert "Sat 15 Aug 09:30–11:30 BST" in home
        assert "Grocer" not in home + str(event)
        assert suspected.title not in home


class TestTheirReport:
    def reported(self, firms: Firms) -> IncidentReport:
        firms.told_of(firms.bakery)
        firms.at += timedelta(minutes=12)
        says(firms, firms.bakery, "It works again.", "resolved")
        report = incident_actions.draft_incident_report(outage_id=firms.bakery.outage.pk, **firms.doing)
        assert report is not None
        words = {"for_customers": "A fan had failed.", "prevention": "We watch fans.", "cause": "SECRET cause"}
        incident_actions.edit_incident_report(report_id=report.pk, seen=1, words=words, **firms.doing)
        incident_actions.approve_incident_report(report_id=report.pk, seen=2, **firms.doing)
        return report

    def test_it_is_read_by_those_whom_it_touched_once_it_is_given_to_them(self, firms: Firms):
        report = self.reported(firms)
        client = firms.client(firms.bakery.viewer)
        path = f"/my/outages/{firms.bakery.outage.pk}/report"
        assert client.get(path).status_code == 404
        assert "Read the report" not in shown(client.get(f"/my/outages/{firms.bakery.outage.pk}/"))
        firms.at += timedelta(hours=1)
        incident_actions.publish_incident_report(report_id=report.pk, **firms.doing)
        assert "Read the report" in shown(client.get(f"/my/outages/{firms.bakery.outage.pk}/"))
        page = shown(client.get(path))
        for words in ("A fan had failed.", "We watch fans.", "Bakery line", "It works again.", "12 min"):
            assert words in page
        assert "SECRET" not in page
        pdf = client.get(f"{path}.pdf")
        assert (pdf["Content-Type"], pdf.content[:8]) == ("application/pdf", b"%PDF-1.4")
        assert b"We watch fans." in client.get(f"{path}.md").content

    def test_another_customer_reads_none_of_it(self, firms: Firms):
        report = self.reported(firms)
        incident_actions.publish_incident_report(report_id=report.pk, **firms.doing)
        path = f"/my/outages/{firms.bakery.outage.pk}/report"
        for ending in ("", ".pdf", ".html", ".md"):
            assert firms.client(firms.grocer.viewer).get(f"{path}{ending}").status_code == 404
