"""Stories of the morning after: the report of an outage stands by half past eight, and nobody has typed a time."""

import csv
import io
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client

from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid
from nightdesk.customers.models import Customer, Service, Subscription
from nightdesk.journal.models import Entry
from nightdesk.outages import actions as outages
from nightdesk.outages.models import ConfirmRule, Member, Need, Outage, Part, Rules, StatementTemplate, Update
from nightdesk.paging import actions as paging
from nightdesk.people.models import Person
from nightdesk.reports import incident_actions, incident_queries
from nightdesk.reports.incident import Source, said_span, spans
from nightdesk.reports.incident_document import as_html, as_markdown, as_page
from nightdesk.reports.incident_models import IncidentReport, ReportOwed
from nightdesk.reports.incident_writing import for_staff
from nightdesk.reports.pdf_text import as_pdf
from tests.scenarios.test_doors_of_acknowledge import account_of
from tests.world import World

UK = "Europe/London"


class Night:
    """An engineer Eve whom alarms ring, and two customers on one switch, of whom a rule lets an alarm confirm outages."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.eve, self.max = world.person("Eve"), world.person("Max", manager=True)
        world.escalate((0, self.eve))
        self.bakery, self.dairy = world.customer("Bakery"), world.customer("Dairy")
        service = Service.objects.create(brand=world.brand, key="line", name="Internet line")
        self.switch = Part.objects.create(brand=world.brand, key="core1", name="core1", kind="device")
        for ref in ("BAKERY", "DAIRY"):
            bought = Subscription.objects.create(customer=Customer.objects.get(ref=ref), service=service, label=ref[:2])
            need = Need.objects.create(brand=world.brand, subscription=bought)
            Member.objects.create(need=need, part=self.switch)
        template = StatementTemplate.objects.create(
            brand=world.brand, name="Holding", goes_to="investigating", texts={"en-gb": "We know and are looking."},
            holding=True, edited_by="test", edited_at=world.at,
        )  # fmt: skip
        rule = ConfirmRule.objects.create(brand=world.brand, template=template, made_by="test", made_at=world.at)
        rule.parts.add(self.switch)
        Rules.objects.create(brand=world.brand, desk=world.team)

    def doing(self, who: Person | None = None) -> dict[str, Any]:
        return self.world.doing | ({"by": self.world.actor(who)} if who is not None else {})

    def rules(self, **fields: Any) -> None:
        incident_actions.save_incident_rules(brand_id=self.world.brand.pk, fields=fields, **self.doing())

    def goes_through(self) -> Outage:
        """The alarm at two, Eve takes it after four minutes, it works again after an hour and five."""
        world = self.world
        page = world.alarm("core1 is down", component="core1", source="core1")
        world.minutes(1)
        outage = Outage.objects.get()
        assert outage.state == "investigating"
        world.minutes(3)
        world.acknowledge(page, by=self.eve)
        world.minutes(61)
        outages.write_update(
            outage_id=outage.pk, state="resolved", texts={"en-gb": "It works again."}, **self.doing()
        )  # fmt: skip
        paging.resolve_page(page_id=page.pk, **self.doing(self.eve))
        world.run_due()
        self.hush()
        outage.refresh_from_db()
        return outage

    def hush(self) -> None:
        self.world.hush()

    def report(self) -> IncidentReport:
        return IncidentReport.objects.select_related("outage", "brand").get()


@pytest.fixture
def night(world: World) -> Night:
    return Night(world)


def written(report: IncidentReport, zone: str = UK) -> Any:
    version = incident_queries.latest(report)
    return for_staff(report, version, follow_ups=report.follow_ups.all(), duties=report.duties.all(), zone=zone)


def test_a_report_stands_by_half_past_eight_and_nobody_typed_a_time(world: World, night: Night) -> None:
    began = world.at
    night.goes_through()
    while world.at < night.report().stands_by:  # type: ignore[operator]
        world.minutes(30)
    night.hush()
    report = night.report()
    assert report.state == "draft"
    assert report.stands_by is not None
    assert f"{report.stands_by.astimezone(ZoneInfo(UK)):%a %H:%M}" == "Tue 08:30"
    assert Entry.objects.filter(kind=incident_actions.STANDING, at__lt=report.stands_by).exists()
    times = incident_queries.times_in(report.drafted)
    assert times.alarm_at == began
    took = spans(times)
    assert took.until_answered == timedelta(minutes=4)
    assert took.until_told is not None
    assert took.until_told <= timedelta(minutes=1)
    assert took.until_fixed == timedelta(minutes=65)
    rows = incident_queries.rows_in(report, incident_queries.latest(report))
    assert {row.source for row in rows} == {Source.ALARM, Source.RECORD, Source.TOLD}
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    assert incident_queries.latest(report).typed == []
    told = report.drafted["told"]
    assert [one["text"] for one in told] == ["We know and are looking.", "It works again."]
    assert [one["people"] for one in told] == [2, 2]
    assert [one["sent"] for one in told] == [2, 2]
    assert report.drafted["lost"]["user_hours"] == "2.2"
    text = as_markdown(written(report))
    assert said_span(timedelta(minutes=65)) in text
    assert "Eve took it" in text


def test_what_people_write_never_moves_a_time_of_the_record(world: World, night: Night) -> None:
    night.goes_through()
    report = night.report()
    taken = next(row for row in report.drafted["rows"] if "took it" in row["words"])
    version = incident_actions.edit_incident_report(
        report_id=report.pk, seen=1, words={"cause": "A fan had failed."}, rows={taken["key"]: "Somebody took it"},
        typed=[{"at": world.at - timedelta(minutes=30), "words": "Rang the carrier"}], **night.doing(night.eve),
    )  # fmt: skip
    report.refresh_from_db()
    rows = incident_queries.rows_in(report, version)
    ours = next(row for row in rows if row.words == "Somebody took it")
    assert ours.at == datetime.fromisoformat(taken["at"])
    assert [row.words for row in rows if row.source is Source.TYPED] == ["Rang the carrier"]
    # Drawing it up anew leaves what people wrote.
    incident_actions.draft_incident_report(outage_id=report.outage_id, **night.doing())
    assert incident_queries.latest(night.report()).words["cause"] == "A fan had failed."
    with pytest.raises(IllegalTransition):
        incident_actions.edit_incident_report(report_id=report.pk, seen=1, words={"cause": "x"}, **night.doing())
    with pytest.raises(Invalid):
        incident_actions.edit_incident_report(
            report_id=report.pk, seen=2, rows={"entry:none": "x"}, **night.doing(night.eve)
        )
    assert list(report.versions.values_list("number", flat=True)) == [1, 2]


def test_a_customer_who_was_promised_a_report_is_not_forgotten(world: World, night: Night) -> None:
    night.rules(customer_days=2)
    mail = world.mail(night.max)
    night.goes_through()
    report = night.report()
    due = ReportOwed.objects.filter(report=report).values_list("due_at", flat=True).first()
    assert due is not None
    assert due.astimezone(report.ended_at.tzinfo if report.ended_at else None).date() == date(2026, 3, 5)
    while world.at < due + timedelta(minutes=1):
        world.minutes(60)
    mail.got("Report of O-1001 is ready to be read")
    mail.got("2 customers have been promised the report of O-1001 by Thu 5 Mar 17:00")
    mail.got("2 customers should have had the report")
    incident_actions.approve_incident_report(report_id=report.pk, seen=1, **night.doing())
    incident_actions.publish_incident_report(report_id=report.pk, **night.doing())
    assert not incident_queries.still_owed(report).exists()
    assert Update.objects.filter(outage=report.outage, kind="post_incident", published_at__isnull=False).exists()
    world.minutes(3 * 24 * 60)
    mail.is_silent()
    night.hush()


def test_a_report_that_customers_have_leaves_the_regulator_to_be_told(world: World, night: Night) -> None:
    night.rules(packs=["gb-telecoms", "data-protection"], users={"line": 60_000})
    mail = world.mail(night.max)
    night.goes_through()
    report = night.report()
    incident_actions.assess_incident(report_id=report.pk, pack="data-protection", answer=True, **night.doing())
    incident_actions.approve_incident_report(report_id=report.pk, seen=1, **night.doing())
    incident_actions.publish_incident_report(report_id=report.pk, **night.doing())
    told, owed = report.duties.order_by("pack")
    incident_actions.note_regulator_told(duty_id=told.pk, reference="R-7", **night.doing())
    while world.at < owed.due_at + timedelta(minutes=1):
        world.minutes(60)
    mail.got("Ofcom must be told of O-1001 by Fri 6 Mar")
    mail.got("Ofcom should have been told of O-1001")
    mail.is_silent()
    night.hush()


def test_an_outage_that_came_back_is_measured_again_and_its_report_is_kept(world: World, night: Night) -> None:
    pack = {
        "key": "own", "name": "Our licence", "to": "The regulator", "law": "Licence, condition 4",
        "any": [{"hours": 3, "percent": 100}],
        "steps": [{"key": "early", "name": "First word", "hours": 9, "after": "began"}],
    }  # fmt: skip
    night.rules(packs=["own"], own_packs=[pack])
    outage = night.goes_through()
    report = night.report()
    incident_actions.approve_incident_report(report_id=report.pk, seen=1, **night.doing())
    world.minutes(61)
    night.hush()
    assert not Promise.objects.filter(kind=incident_actions.MEASURE, ended_at=None).exists()
    for words in ("It is back.", "We look again."):
        outages.write_update(outage_id=outage.pk, state="investigating", texts={"en-gb": words}, **night.doing())
        world.minutes(1)
    with pytest.raises(IllegalTransition, match="goes on again"):
        incident_actions.publish_incident_report(report_id=report.pk, **night.doing())
    outage.refresh_from_db()
    assert outage.state == "investigating"
    assert Promise.objects.filter(kind=incident_actions.MEASURE, ended_at=None).count() == 1
    for _again in range(2):  # at one instant, as when two things follow from one
        incident_actions.measure_incident(outage_id=outage.pk, **night.doing())
    assert Promise.objects.filter(kind=incident_actions.MEASURE, ended_at=None).count() == 1
    world.minutes(3 * 60)
    assert report.duties.get().pack == "own"
    assert Promise.objects.filter(kind=incident_actions.MEASURE, ended_at=None).count() == 1
    night.hush()


def test_users_of_a_subscription_are_given_by_the_services_key_and_thresholds_are_numbers(night: Night) -> None:
    pack = {
        "key": "own", "name": "Ours", "to": "The regulator", "law": "Condition 4",
        "steps": [{"key": "early", "name": "First word", "hours": 3}],
    }  # fmt: skip
    for users in ([], [["line", 5]], [("line", 5)]):
        with pytest.raises(Invalid):
            night.rules(users=users)
    for threshold in ({"hours": "NaN"}, {"user_hours": "Infinity"}, {"users": "NaN"}, {"hours": -1}, {"percent": 101}):
        with pytest.raises(Invalid):
            night.rules(own_packs=[pack | {"any": [threshold]}])
    night.rules(users={"line": 5}, own_packs=[pack | {"any": [{"hours": "1.5"}]}])


def test_a_customers_version_names_no_other_customer(world: World, night: Night) -> None:
    night.goes_through()
    report = night.report()
    with pytest.raises(IllegalTransition):
        incident_actions.publish_incident_report(report_id=report.pk, **night.doing())
    incident_actions.edit_incident_report(
        report_id=report.pk, seen=1, words={"for_customers": "The line of the dairy was the worst."}, **night.doing()
    )
    incident_actions.approve_incident_report(report_id=report.pk, seen=2, **night.doing())
    with pytest.raises(Invalid, match="Dairy"):
        incident_actions.publish_incident_report(report_id=report.pk, **night.doing())


def test_who_may_not_approve_is_refused(world: World, night: Night) -> None:
    night.goes_through()
    with pytest.raises(Forbidden):
        incident_actions.approve_incident_report(report_id=night.report().pk, seen=1, **night.doing(night.eve))


def test_a_regulator_is_told_of_what_is_big_enough_while_it_goes_on(world: World, night: Night) -> None:
    pack = {
        "key": "own", "name": "Our licence", "to": "The regulator", "law": "Licence, condition 4", "any": [{"hours": 1}],
        "steps": [{"key": "early", "name": "First word", "hours": 3, "after": "began"}],
    }  # fmt: skip
    night.rules(packs=["own", "data-protection"], own_packs=[pack])
    mail = world.mail(night.max)
    world.alarm("core1 is down", component="core1", source="core1")
    world.minutes(30)
    assert not night.report().duties.exists()
    world.minutes(45)
    duty = night.report().duties.get()
    assert duty.due_at - night.report().outage.began_at == timedelta(hours=3)
    mail.got("The regulator must be told of O-1001")
    incident_actions.note_regulator_told(duty_id=duty.pk, reference="R-7", **night.doing(None))
    incident_actions.assess_incident(report_id=night.report().pk, pack="data-protection", answer=True, **night.doing())
    assert set(night.report().duties.values_list("pack", "done_by")) == {("own", "Nightdesk"), ("data-protection", "")}
    incident_actions.assess_incident(report_id=night.report().pk, pack="data-protection", answer=False, **night.doing())
    assert night.report().duties.count() == 1
    night.hush()


def test_follow_ups_are_tickets_and_credits_are_reckoned(world: World, night: Night) -> None:
    night.rules(
        credits={
            "prices": {"line": "30.00"},
            "steps": [{"minutes": 60, "percent": 5}, {"minutes": 240, "percent": 10}],
        },
        users={"line": 50},
    )
    night.goes_through()
    report = night.report()
    assert report.drafted["lost"]["user_hours"] == "108.3"
    added = incident_actions.add_follow_up(
        report_id=report.pk, title="Replace the fan", owner_id=night.eve.pk, due_on=date(2026, 3, 20), **night.doing()
    )
    assert (added.ticket.title, added.owner) == ("Replace the fan", night.eve)
    assert [(one.lost.customer, str(one.amount)) for one in incident_queries.credits_of(report)] == [
        ("Bakery", "1.50"),
        ("Dairy", "1.50"),
    ]
    client = Client()
    client.force_login(account_of(world, night.eve), "allauth.account.auth_backends.AuthenticationBackend")
    answer = client.get(f"/incidents/{report.pk}/credits.csv")
    rows = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))  # type: ignore[attr-defined]
    assert [(row["customer"], row["minutes"], row["percent"], row["amount"], row["currency"]) for row in rows] == [
        ("Bakery", "65", "5", "1.50", "GBP"),
        ("Dairy", "65", "5", "1.50", "GBP"),
    ]
    document = written(report, "America/New_York")
    for text in (as_markdown(document), as_html(document), as_page(document)):
        assert "Replace the fan" in text
        assert "EST" in text
    assert as_pdf(document).startswith(b"%PDF-1.4")
    for words, said in (
        (("list",), "O-1001  draft  core1 is down"),
        (("show", "O-1001", "--zone", "America/New_York"), "Replace the fan"),
        (("credits", "o-1001"), '"amount": "1.50"'),
        (("approve", "O-1001"), ""),
        (("list", "--json"), '"state": "approved"'),
    ):
        out = io.StringIO()
        call_command("report", "incident", *words, stdout=out)
        assert said in out.getvalue(), words
    night.hush()
