"""A customer's own service report: theirs alone, by their pages and their programs, whatever a query forgets."""

from datetime import date, timedelta

import pytest
from django.test import Client

from nightdesk.customers import contact_actions
from nightdesk.customers.models import Subscription
from nightdesk.portal import belt
from nightdesk.portal.tests.firms import Firms
from nightdesk.reports.models import FigureDay, Rolled

DAY = date(2026, 7, 14)


@pytest.fixture
def counted(firms: Firms) -> Firms:
    """A day of each company was added up, with numbers of its own; each has bought what it buys since before that."""
    Subscription.objects.update(made_at=firms.at - timedelta(days=400))
    for brand in {firm.brand.pk: firm.brand for firm in firms.all}.values():
        Rolled.objects.create(brand=brand, since=DAY, rolled_at=firms.at)
        FigureDay.objects.create(brand=brand, figure="answered_12s", day=DAY, cases=99, hits=98)
    for number, firm in enumerate(firms.all, 1):
        FigureDay.objects.create(
            brand=firm.brand, figure="answered_12s", dimension="customer", value=str(firm.customer.pk), day=DAY,
            cases=1000 * number, hits=500 * number,
        )  # fmt: skip
        FigureDay.objects.create(
            brand=firm.brand, figure="availability", dimension="customer", value=str(firm.customer.pk), day=DAY, cases=1,
            total=60_000,
        )  # fmt: skip
    return firms


def test_within_the_belt_nobody_sees_another_companys_sums_nor_the_brands(counted: Firms):
    for firm in counted.all:
        with belt.worn_for(firm.viewer, counted.at):
            assert {row.value for row in FigureDay.objects.only("value")} == {str(firm.customer.pk)}
            assert set(Rolled.objects.values_list("brand_id", flat=True)) == {firm.brand.pk}


def test_each_company_reads_its_own_report(counted: Firms, client: Client):
    for number, firm in enumerate(counted.all, 1):
        client.force_login(firm.viewer.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        page = client.get("/my/service/?first=2026-07-01&last=2026-07-31").content.decode()
        assert f"{500 * number:,} of {1000 * number:,}" in page
        assert "1 min 00 s lost" in page
        assert "98 of 99" not in page
        assert "nothing to count" in page
        file = client.get("/my/service.csv?first=2026-07-01&last=2026-07-31").content.decode()
        assert f"answered_12s,2026-07-01,2026-07-31,share,0.5,{1000 * number},{500 * number},0" in file


def test_a_program_of_theirs_reads_the_same(counted: Firms, client: Client):
    ours = counted.bakery
    _token, secret = contact_actions.make_contact_token(
        contact_id=ours.viewer.pk, name="till", **counted.as_(ours.viewer)
    )
    answer = client.get(
        "/api/v1/my/figures?first=2026-07-01&last=2026-07-31", headers={"Authorization": f"Bearer {secret}"}
    ).json()
    (one,) = [item for item in answer["items"] if item["figure"] == "answered_12s"]
    assert (one["value"], one["cases"]) == (0.5, 1000)


def test_a_month_that_is_not_over_is_told_as_far_as_it_has_come(counted: Firms, client: Client):
    today = counted.at.date()
    FigureDay.objects.create(
        brand=counted.bakery.brand, figure="answered_12s", dimension="customer", value=str(counted.bakery.customer.pk),
        day=today.replace(day=1), cases=10, hits=9,
    )  # fmt: skip
    client.force_login(counted.bakery.viewer.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    for last, end, name in (
        (today, today, f"up to the {today.day}"),
        (today.replace(day=1) - timedelta(days=1),) * 2 + ("",),
    ):
        file = client.get(f"/my/service.csv?first=2026-07-01&last={last}").content.decode()
        assert f"answered_12s,{last.replace(day=1)},{end},share," in file
        rows = client.get(f"/my/service/?first=2026-07-01&last={last}").context["plots"][0]["rows"]
        assert [row["name"].partition(", ")[2] for row in rows] == ["", "", "", "", "", name]


@pytest.mark.parametrize("period", ["first=0001-01-01", "first=9999-12-01", "last=9999-12-31", "last=0001-01-01"])
def test_a_day_far_from_now_is_as_none(counted: Firms, client: Client, period: str):
    client.force_login(counted.bakery.viewer.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    usual = client.get("/my/service/").context["span"]
    assert client.get(f"/my/service/?{period}").context["span"] == usual
