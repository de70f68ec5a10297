"""Pages of service figures: one's own brands alone, narrowed by the address, people's only for who may; files say the same."""

import csv
import io
from datetime import date

import pytest
from django.urls import reverse

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person
from nightdesk.reports.actions import save_figures
from nightdesk.reports.models import FigureDay, FigureMail, Rolled

DAY = date(2026, 8, 10)
PERIOD = "?first=2026-08-01&last=2026-08-14"


@pytest.fixture
def counted(company):
    """A day of Quay was added up, and one of the other house."""
    for number, house in enumerate((company.quay, company.pier), 1):
        brand, bo = house.brand, Person.objects.get(name=f"Bo {house.brand.name}")
        Rolled.objects.create(brand=brand, since=DAY, rolled_at=company.at)
        team = str(house.ids["team_id"])
        for dimension, value, cases in (("", "", 400 * number), ("team", team, 100 * number)):
            FigureDay.objects.create(
                brand=brand,
                figure="answered_12s",
                dimension=dimension,
                value=value,
                day=DAY,
                cases=cases,
                hits=cases // 4,
            )
        for dimension, value in (("", ""), ("person", str(bo.pk))):
            FigureDay.objects.create(brand=brand, figure="woken", dimension=dimension, value=value, day=DAY, cases=5)
    return company


def told(answer):
    return answer.content.decode()


def file_of(answer):
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_reader_sees_the_figures_of_their_brands_and_the_file_says_the_same(counted):
    client = counted.client(counted.reader("engineer"))
    page = told(client.get(reverse("console:service_figures") + PERIOD))
    assert "25.0 %" in page
    assert "100 of 400" in page
    assert "200 of 800" not in page
    assert "nothing to count" in page
    (row,) = [
        row
        for row in file_of(client.get(reverse("console:service_figures_csv") + PERIOD))
        if row["figure"] == "answered_12s"
    ]
    assert (row["value"], row["cases"], row["hits"]) == ("0.25", "400", "100")


def test_the_address_narrows_to_a_team_and_to_no_other_brands(counted):
    client = counted.client(counted.reader("engineer"))
    ours, theirs = counted.quay.ids["team_id"], counted.pier.ids["team_id"]
    page = reverse("console:service_figures") + PERIOD
    assert "25 of 100" in told(client.get(f"{page}&of=team:{ours}"))
    assert "50 of 200" not in told(client.get(f"{page}&of=team:{theirs}"))
    of = told(client.get(reverse("console:service_figure", args=["answered_12s"]) + PERIOD))
    assert "25 of 100" in of
    assert "<svg" in of
    assert "50 of 200" not in of
    assert client.get(reverse("console:service_figure", args=["no-such"])).status_code == 404


def test_figures_by_person_are_for_who_may_read_them_and_not_where_they_are_switched_off(counted):
    url = reverse("console:service_figure", args=["woken"]) + PERIOD
    file = reverse("console:service_figure_csv", args=["woken"]) + PERIOD
    engineer, manager = (counted.client(counted.reader(role)) for role in ("engineer", "manager"))
    assert "By person" not in told(engineer.get(url))
    assert "By person" in told(manager.get(url))
    assert [row["dimension"] for row in file_of(engineer.get(file))].count("person") == 0
    assert Entry.objects.filter(kind="person.read").values_list("facts__what", flat=True).get() == "load"
    assert [row["dimension"] for row in file_of(manager.get(file))].count("person") == 1
    save_figures(brand_id=counted.quay.brand.pk, off=["woken"], by=SCHEDULER, via=Door.CLI, at=counted.at)
    assert "By person" not in told(manager.get(url))


def test_desks_stand_side_by_side_once_one_is_a_suppliers(counted):
    client = counted.client(counted.reader("manager"))
    team = counted.quay.ids["team_id"]
    form = reverse("console:desk_supplier", args=[team])
    assert client.get(form).status_code == 200
    supplier = counted.quay.ids["supplier_id"]
    assert client.post(form, {"supplier": supplier}).status_code == 302
    page = told(client.get(reverse("console:desks_compared") + PERIOD))
    assert "run by" in page
    (row,) = [
        row
        for row in file_of(client.get(reverse("console:desks_compared_csv") + PERIOD))
        if row["figure"] == "answered_12s"
    ]
    assert (row["cases"], row["supplier"] != "") == ("100", True)


def test_a_report_by_mail_is_set_by_a_manager_for_who_may_read_it(counted):
    user = counted.reader("manager")
    client = counted.client(user)
    me = Person.objects.get(user=user)
    given = {"brand": counted.quay.brand.pk, "name": "Mondays", "every": "week", "at_time": "07:30", "people": [me.pk]}
    answer = client.post(reverse("console:new_figure_mail"), given | {"active": "on"})
    assert answer.status_code == 302
    row = FigureMail.objects.get(name="Mondays")
    assert (row.at_minute, list(row.people.all()), row.active) == (450, [me], True)
    assert "Mondays" in told(client.get(reverse("console:figure_mails")))
    again = client.post(reverse("console:new_figure_mail"), given | {"active": "on"})
    assert "There is one of that name" in told(again)


@pytest.mark.parametrize("period", ["?first=0001-01-01", "?first=9999-12-31", "?last=0001-01-01", "?last=9999-12-31"])
def test_a_day_far_from_now_is_as_none(counted, period):
    client = counted.client(counted.reader("engineer"))
    for view in ("service_figures", "line_figures"):
        usual = client.get(reverse(f"console:{view}"))
        assert client.get(reverse(f"console:{view}") + period).context["filters"] == usual.context["filters"]
