"""The pages about who knows what: levels in the table, files, needs, coverage, and what is for managers alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from nightdesk.customers.need_queries import needs_of
from nightdesk.duty.models import Pairing
from nightdesk.people.models import Person, PersonSkill, Terms


def _level(person: Person) -> int:
    row = PersonSkill.objects.filter(person=person).first()
    return row.level if row else 0


def test_a_manager_changes_levels_in_the_table(company: Any) -> None:
    client = company.client(company.reader("manager"))
    bo, skill = company.quay.bo, company.quay.ids["skill_id"]
    page = client.get(reverse("console:skills")).content.decode()
    assert f'name="level-{bo.pk}-{skill}"' in page
    client.post(reverse("console:set_skills"), {f"level-{bo.pk}-{skill}": "3"})
    assert _level(bo) == 3
    theirs = company.pier.ids["skill_id"]
    answer = client.post(reverse("console:set_skills"), {f"level-{bo.pk}-{theirs}": "1"})
    assert answer.status_code == 422
    assert _level(bo) == 3


def test_an_engineer_reads_levels_and_changes_none(company: Any) -> None:
    client = company.client(company.reader("engineer"))
    page = client.get(reverse("console:skills")).content.decode()
    assert "Quay MPLS" in page
    assert "<select" not in page.split("<table", 1)[1].split("</table>")[0]
    assert client.get(reverse("console:scarce_skills")).status_code == 403
    assert "Known by one alone" not in page


def test_what_goes_out_as_csv_comes_back_changed(company: Any) -> None:
    client = company.client(company.reader("manager"))
    sent = b"".join(client.get(reverse("console:skills_csv")).streaming_content).decode("utf-8-sig")
    assert sent.splitlines()[0] == "person_id,person,mpls"
    changed = sent.replace("Bo Quay,2", "Bo Quay,1")
    assert changed != sent

    def give(**more: str) -> Any:
        file = SimpleUploadedFile("skills.csv", changed.encode())
        return client.post(reverse("console:import_skills"), {"brand": company.quay.brand.pk, "file": file, **more})

    assert "Bo Quay: Quay MPLS from 2 to 1" in give(dry_run="on").content.decode()
    assert _level(company.quay.bo) == 2
    assert give().status_code == 302
    assert _level(company.quay.bo) == 1


def test_coverage_names_what_nobody_knows_and_when(company: Any) -> None:
    client = company.client(company.reader("engineer"))
    page = client.get(reverse("console:coverage")).content.decode()
    assert "Quay radio" in page
    assert "Quay MPLS (3)" in page
    assert "Pier" not in page
    lines = b"".join(client.get(reverse("console:coverage_csv")).streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0] == "kind,name,from,until,lacking"
    assert lines[1].startswith("service,Quay radio,")


def test_coverage_names_a_newcomer_who_would_be_on_alone(company: Any) -> None:
    Terms.objects.update_or_create(person=company.quay.bo, defaults={"newcomer": True})
    page = company.client(company.reader("engineer")).get(reverse("console:coverage")).content.decode()
    assert "Bo Quay <small>new, and on alone</small>" in page
    assert "somebody experienced" in page
    assert "1 newcomer would be on alone" in page


def test_needs_are_set_one_by_one_and_from_a_file(company: Any) -> None:
    client = company.client(company.reader("manager"))
    ids = company.quay.ids
    of = ("service", ids["need_id"])
    url = reverse("console:need", args=of)
    client.post(url, {f"skill-{ids['skill_id']}": "2"})
    assert needs_of([of]) == {of: {ids["skill_id"]: 2}}
    file = SimpleUploadedFile("needs.csv", b"kind,key,skill,level\nservice,radio,mpls,1\nservice,nothing,mpls,1\n")
    answer = client.post(reverse("console:import_needs"), {"brand": company.quay.brand.pk, "file": file})
    assert "service nothing" in answer.content.decode()
    assert needs_of([of]) == {of: {ids["skill_id"]: 2}}, "all of a file, or nothing"
    file = SimpleUploadedFile("needs.csv", b"kind,key,skill,level\nservice,radio,,\n")
    client.post(reverse("console:import_needs"), {"brand": company.quay.brand.pk, "file": file})
    assert needs_of([of]) == {}


def test_a_newcomer_is_paired_and_signed_off_on_their_page(company: Any) -> None:
    client = company.client(company.reader("manager"))
    ny = Person.objects.get(name="Ny Quay")
    page = client.get(reverse("console:newcomer", args=[ny.pk])).content.decode()
    assert "What they have seen" in page
    today = company.at.date()
    days = {"first_day": today.isoformat(), "last_day": (today + timedelta(days=6)).isoformat()}
    client.post(reverse("console:pair_newcomer", args=[ny.pk]), {"beside": f"person:{company.quay.bo.pk}", **days})
    assert Pairing.objects.filter(newcomer=ny, person=company.quay.bo).exists()
    client.post(reverse("console:sign_off_newcomer", args=[ny.pk]))
    assert Terms.objects.get(person=ny).newcomer is False


@pytest.mark.parametrize("role", ["engineer", "desk", "read-only"])
def test_what_a_newcomer_has_seen_is_for_themselves_and_managers(company: Any, role: str) -> None:
    client = company.client(company.reader(role))
    ny = Person.objects.get(name="Ny Quay")
    page = client.get(reverse("console:newcomer", args=[ny.pk])).content.decode()
    assert "What they have seen" not in page
    assert client.get(reverse("console:seen_csv", args=[ny.pk])).status_code == 403
