"""Every address of the program, asked as three customers and as a stranger: each sees its own, and of nobody else a word.

The addresses are those of the URLconf, so that a new one is walked without being named here. What belongs to customers is
asked about everybody's things; what does not is asked about their own, and must be shut. Every word of a firm that is
nobody else's holds its mark, and every note of ours among ourselves holds SECRET.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from nightdesk.access.models import Session
from nightdesk.api import limits
from nightdesk.customers import contact_actions
from nightdesk.desk.models import Attachment
from nightdesk.outages.models import UnsubscribeRequest, Wish
from nightdesk.portal.tests import conftest as portal
from nightdesk.portal.tests.firms import MORNING, Firm, Firms
from nightdesk.portal.views import joining
from tests.standing import made_once

firms = portal.firms
standing_firms = made_once(lambda: Firms().tell(), at=MORNING)
MARKS = ("Bakery", "Grocer", "Books")
SHUT = {301, 302, 400, 401, 403, 404, 405, 410, 415, 422, 429}
OPEN_TO_ALL = re.compile(
    r"^/(account/|offline$|manifest\.webmanifest$|service-worker\.js$|healthz|readyz|livez|metrics|status/|static/|hours/|survey/|sign-in/$"
    r"|cachet/[^/]+/api/v1/(ping|version)$"
    r"|api/v1/openapi\.json$|api/v1/docs)"
)
"""Pages for everybody, and those of signing in: they may open, and still say nothing of a customer."""


@dataclass(frozen=True)
class Address:
    """One route: its pieces, what stands behind it, and whether it is a customer's."""

    route: str
    view: Any

    @property
    def of_a_customer(self) -> bool:
        return bool(getattr(self.view, "of_a_customer", False))

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """(converter, name) of each part that is filled in."""
        return [(kind or "str", name) for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", self.route)]

    @property
    def of_one_firm(self) -> bool:
        """Whether a part of it names something that belongs to somebody, and not a word that means the same to all."""
        return any(name != "channel" for _kind, name in self.parameters)

    @property
    def methods(self) -> tuple[str, ...]:
        return ("GET", "POST", "PUT", "PATCH", "DELETE") if self.route.startswith("/api/v1/my/") else ("GET", "POST")

    def filled(self, values: dict[str, Any]) -> str:
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), self.route)


def every_address() -> list[Address]:
    def walk(patterns: list[Any], before: str) -> Iterator[Address]:
        for pattern in patterns:
            route = before + _plain(str(pattern.pattern))
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                assert isinstance(pattern, URLPattern)
                yield Address(route, pattern.callback)

    return list(walk(get_resolver().url_patterns, "/"))


def _plain(pattern: str) -> str:
    """A regular expression's route as plain ones are written."""
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<str:\1>", pattern).replace("^", "").replace("\\Z", "").replace("$", "")


def things_of(firm: Firm) -> dict[str, Any]:
    """What each name in a customer's route means, of this firm."""
    assert firm.file is not None
    return {
        "contact_id": firm.member.pk,
        "ticket_id": firm.tickets["member"].pk,
        "attachment_id": firm.file.pk,
        "token_id": firm.manager.user.token_set.get().pk,  # type: ignore[union-attr]
        "invite": "0" * 32,
        "customer_id": firm.customer.pk,
        "brand_id": firm.brand.pk,
        "service_id": firm.service.pk,
        "contract_id": firm.contract.pk,
        "hours_id": firm.contract.hours_id,
        "person_id": firm.service_manager.pk,
        "outage_id": firm.outage.pk if firm.outage is not None else None,
        "subscription_id": firm.customer.subscriptions.get().pk,
        "wish_id": firm.manager.wishes.get().pk,
        "channel": "webhook",
        "unsubscribe_id": UnsubscribeRequest.objects.get(contact=firm.member).pk,
        "request_id": UnsubscribeRequest.objects.get(contact=firm.member).pk,
        "slug": firm.brand.slug,
        "session_id": session_of(firm).pk,
    }


def session_of(firm: Firm) -> Session:
    """A browser in which the company's manager is signed in."""
    seen = {"user": firm.manager.user, "began_at": MORNING, "seen_at": MORNING}
    return Session.objects.get_or_create(session_key=f"of manager {firm.manager.pk}", defaults=seen)[0]


def values_for(address: Address, things: dict[str, Any]) -> dict[str, Any]:
    """Something for each parameter. A customer's route with a name that is not known here is a gap in this test."""
    guesses = {"int": 1, "uuid": UUID(int=7), "slug": "x", "str": "x", "path": "x"}
    unknown = {name for _kind, name in address.parameters} - things.keys()
    assert not (address.of_a_customer and unknown), f"{address.route}: say in things_of what {unknown} is"
    return {name: things.get(name, guesses[kind]) for kind, name in address.parameters}


def asked(client: Client, method: str, path: str, **headers: Any) -> HttpResponseBase:
    """The answer, and nothing of it kept."""
    with transaction.atomic():
        answer = client.generic(
            method, path, b"{}" if method in ("POST", "PUT") else b"", "application/json", **headers
        )
        transaction.set_rollback(True)
    return answer


def says(answer: HttpResponseBase, path: str, words: tuple[str, ...]) -> list[str]:
    """Those of `words` that the answer holds. The API's description of itself has a bakery in its examples."""
    said = "" if path == "/api/v1/openapi.json" else text_of(answer)
    return [word for word in words if word in said]


def text_of(answer: HttpResponseBase) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return f"{answer.headers} {body.decode(errors='replace')}"


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    free = limits.Limit(per_second=1e6, burst=10**6)
    monkeypatch.setattr(limits.CALLERS, "limit", free)
    monkeypatch.setattr(limits.STRANGERS, "limit", free)
    monkeypatch.setattr(joining.TRIES, "take", lambda *_: True)


def told(firms: Firms) -> dict[str, str]:
    """Everybody has told us something; the secret of a token of each manager by the firm's mark."""
    for firm in firms.all:
        firms.reported_on(firm)
        UnsubscribeRequest.objects.create(contact=firm.member, address=f"noc@{firm.mark}.example", asked_at=firms.at)
        Wish.objects.create(customer=firm.customer, contact=firm.manager, channels=["email"], changed_at=firms.at)
    return {
        firm.mark: contact_actions.make_contact_token(
            contact_id=firm.manager.pk, name=f"{firm.mark} till", **firms.as_(firm.manager)
        )[1]
        for firm in firms.all
    }


def test_there_is_something_to_walk():
    known = every_address()
    assert sum(each.of_a_customer for each in known) >= 39
    assert len(known) > 250


def test_each_customer_sees_its_own_and_of_the_others_not_a_word(firms: Firms):
    secrets = told(firms)
    things = {firm.mark: things_of(firm) for firm in firms.all}
    wrong: list[str] = []
    opened: dict[str, set[int]] = {}
    for firm in firms.all:
        browser = firms.client(firm.manager, raise_request_exception=False)
        program = Client(raise_request_exception=False, headers={"authorization": f"Bearer {secrets[firm.mark]}"})
        others = [mark for mark in MARKS if mark != firm.mark]
        for address in every_address():
            by_program = address.route.startswith("/api/")
            client = program if by_program else browser
            for whose in MARKS if address.of_a_customer and address.of_one_firm else (firm.mark,):
                path = address.filled(values_for(address, things[whose]))
                for method in address.methods:
                    answer = asked(client, method, path)
                    where = f"{firm.mark}: {method} {path} ({whose}'s) {answer.status_code}"
                    if answer.status_code >= 500:
                        wrong.append(f"{where} broke")
                    wrong += [f"{where} tells of {word}" for word in says(answer, path, (*others, "SECRET"))]
                    if address.of_a_customer and whose == firm.mark:
                        opened.setdefault(address.route, set()).add(answer.status_code)
                    elif address.of_a_customer:
                        if "<" in address.route and answer.status_code not in SHUT:
                            wrong.append(f"{where} is open")
                    elif answer.status_code not in SHUT and not OPEN_TO_ALL.match(path):
                        if not path.startswith("/join/") and path != "/my/companies/":
                            wrong.append(f"{where} is open to customers")
                        if says(answer, path, (firm.mark,)) and path != "/my/companies/":
                            wrong.append(f"{where} is no customer's page, and tells of them")
    assert not wrong, "\n".join(wrong[:40])
    # What is theirs was reached, and not only refused.
    never = {route for route, codes in opened.items() if not codes & {200, 201, 204, 302, 409, 422}}
    assert not never, never


def test_a_stranger_sees_nothing_of_anybody(firms: Firms):
    told(firms)
    stranger = Client(raise_request_exception=False)
    forged = Client(raise_request_exception=False, headers={"authorization": "Bearer ndt_made-up"})
    wrong = []
    for firm in firms.all:
        things = things_of(firm)
        for address in every_address():
            if firm is not firms.bakery and not (address.of_a_customer and address.parameters):
                continue
            path = address.filled(values_for(address, things))
            for client in (stranger, forged) if address.route.startswith("/api/") else (stranger,):
                for method in address.methods:
                    answer = asked(client, method, path)
                    where = f"{method} {path} {answer.status_code}"
                    if answer.status_code >= 500:
                        wrong.append(f"{where} broke")
                    wrong += [f"{where} tells of {word}" for word in says(answer, path, (*MARKS, "SECRET"))]
                    if address.of_a_customer and answer.status_code not in SHUT:
                        wrong.append(f"{where} is open")
    assert not wrong, "\n".join(wrong[:40])


def test_a_member_who_sees_only_their_own_reaches_no_colleagues_ticket_by_any_address(firms: Firms):
    secrets = told(firms)
    assert secrets
    ours = firms.bakery
    theirs = things_of(ours) | {"ticket_id": ours.tickets["manager"].pk}
    theirs["attachment_id"] = Attachment.objects.get(entry__ticket=ours.tickets["manager"]).pk
    _token, secret = contact_actions.make_contact_token(
        contact_id=ours.member.pk, name="till", **firms.as_(ours.member)
    )
    browser = firms.client(ours.member, raise_request_exception=False)
    program = Client(raise_request_exception=False, headers={"authorization": f"Bearer {secret}"})
    for address in every_address():
        if not address.of_a_customer:
            continue
        path = address.filled(values_for(address, theirs))
        client = program if address.route.startswith("/api/") else browser
        for method in address.methods:
            answer = asked(client, method, path)
            assert "trouble of the manager" not in text_of(answer), path
            assert "ticket_id" not in address.route or answer.status_code in SHUT, path


def test_an_address_that_is_made_up_says_the_same_as_one_that_is_anothers(firms: Firms):
    told(firms)
    client = firms.client(firms.bakery.manager)
    other, nobody = firms.grocer.tickets["member"].pk, uuid4()
    answers = [client.get(f"/my/tickets/{ticket_id}/") for ticket_id in (other, nobody)]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].content == answers[1].content
