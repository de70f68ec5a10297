"""Whatever shows what is private of one of the staff leaves in the journal who read it: each address by which it can be read."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client

from nightdesk.api import limits
from nightdesk.console.tests.company import Company
from nightdesk.console.tests.conftest import company as _company
from nightdesk.console.tests.conftest import standing_company as _standing_company
from nightdesk.journal.models import Entry
from nightdesk.people.models import Absence, Restriction
from tests.test_walk import every_address

company, standing_company = _company, _standing_company
MARK = "what Bo told nobody else"

OF_THE_WORK = {"seen", "digest", "devices"}
"""What a newcomer has met, what waits for somebody, which phones ring: managers' business, and nothing of somebody's life."""


def told(company: Company) -> None:
    """Why Bo is away, and what they cannot do."""
    at, bo = company.at, company.quay.bo
    Absence.objects.create(
        person=bo, kind="sickness", starts_at=at, ends_at=at + timedelta(days=1), recorded_at=at, note=MARK
    )
    Restriction.objects.create(person=bo, kind="no_nights", starts_on=at.date(), recorded_at=at, note=MARK)


def asked(client: Client, path: str) -> tuple[int, bytes, int]:
    """The status, what is said, and how many readings were noted of it; nothing of it is kept."""
    with transaction.atomic():
        answer = client.get(path)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        noted = Entry.objects.filter(kind="person.read").count()
        transaction.set_rollback(True)
    return answer.status_code, body, noted


def test_what_only_managers_are_told_of_somebody_is_noted_by_each_address_of_theirs(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.CALLERS, "limit", limits.Limit(per_second=1e6, burst=10**6))
    told(company)
    manager, colleague = (company.client(company.reader(role)) for role in ("manager", "engineer"))
    private, wrong = set(), []
    for address in every_address():
        if [name for _kind, name in address.parameters] != ["person_id"] or address.of_a_customer:
            continue
        path = address.filled({"person_id": company.quay.bo.pk})
        status, said, noted = asked(manager, path)
        differs = (
            (status, said) != asked(colleague, path)[:2] if address.route.startswith("/api/") else MARK.encode() in said
        )
        if status == 200 and differs and path.rpartition("/")[2] not in OF_THE_WORK:
            private.add(address.route)
            if not noted:
                wrong.append(path)
    assert wrong == []
    assert {"/api/v1/people/<person_id>/absences", "/api/v1/people/<person_id>/hours"} <= private
    assert any(not route.startswith("/api/") for route in private)
