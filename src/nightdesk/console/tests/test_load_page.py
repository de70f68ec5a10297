"""Who bears how much, drawn: a bar for each, and where their share would be."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.urls import reverse

from nightdesk.access.models import User
from nightdesk.console.tests.company import Company
from nightdesk.people.models import Person, Team
from nightdesk.reports.actions import save_figures
from nightdesk.rota.models import Worked

NIGHT = datetime(2025, 5, 6, 20, tzinfo=UTC)
MAY = {"first": "2025-05-01", "last": "2025-05-31"}
ROW = re.compile(
    r'<span class="who">([^<]*)</span>.*?class="bar-day" width="([\d.]+)%".*?class="now" x="([\d.]+)%".*?<small>([^<]*)<',
    re.DOTALL,
)


def _nights(person: Person, count: int) -> None:
    for number in range(count):
        start = NIGHT + timedelta(days=number)
        source, words = f"hold:{person.pk}-{number}", {"noted_by": "Nobody", "noted_at": NIGHT}
        Worked.objects.create(
            person=person, kind="planned", starts_at=start, ends_at=start + timedelta(hours=10), source=source, **words
        )


def _plots(company: Company, user: User) -> dict[str, list[tuple[str, ...]]]:
    """Name of a plot -> (who, how wide the bar is, where the line is, what stands below), of the reader's first brand."""
    page = company.client(user).get(reverse("console:load"), MAY).content.decode()
    found: dict[str, Any] = {}
    for part in page.split("<section>")[1:]:
        found.setdefault(part.partition('<h3 class="title">')[2].partition("<")[0], ROW.findall(part))
    return found


def test_each_persons_nights_are_a_bar_beside_the_line_of_their_share(company: Company) -> None:
    bo, brand = company.quay.bo, company.quay.brand
    everybody = Person.objects.filter(id__in=Team.objects.filter(brand=brand).values("members"), active=True)
    other = everybody.exclude(id=bo.id).order_by("id")[0]
    _nights(bo, 4)
    _nights(other, 1)
    share = 5 / everybody.count()
    plots = _plots(company, company.everything())
    assert list(plots) == [
        "Nights", "Weekends", "Bank holidays", "Times woken", "Minutes awake", "Called while off duty",
    ]  # fmt: skip
    rows = {name: rest for name, *rest in plots["Nights"]}
    assert set(rows) == {each.name for each in everybody}
    line = f"{round(99 * share / 4, 1)}"
    assert rows[bo.name] == ["100.0", line, f"4, their share is {share:.1f}"]
    assert rows[other.name] == ["25.0", line, f"1, their share is {share:.1f}"]
    assert {row[1] for row in plots["Bank holidays"]} == {"0.0"}
    save_figures(brand_id=brand.id, off=["woken", "minutes_awake"], **company.doing)
    assert list(_plots(company, company.everything())) == [
        "Nights", "Weekends", "Bank holidays", "Called while off duty",
    ]  # fmt: skip


def test_a_colleague_sees_a_bar_of_their_own_alone(company: Company) -> None:
    bo, brand = company.quay.bo, company.quay.brand
    user = company.reader("engineer")
    Team.objects.get(brand=brand, members=bo).members.add(Person.objects.get(user=user))
    _nights(bo, 2)
    assert [row[0] for row in _plots(company, user)["Nights"]] == ["engineer"]
