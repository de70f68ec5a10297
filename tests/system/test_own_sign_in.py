"""A customer's contact signs in at their own company's identity provider: npm's oidc-provider, in Chromium and by HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.customers import identity_actions
from nightdesk.customers.models import IdentityProvider
from nightdesk.journal.models import Entry
from nightdesk.portal.tests.firms import Firms
from tests.peers.identity_provider import CLIENT, SECRET, OidcProvider
from tests.requires import requires
from tests.system.browser import chromium, window
from tests.test_faces import axe, complaints

__all__ = ["axe"]
pytestmark = [requires("chromium", "oidc-provider", "axe"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def signing_in(live_server: Any, settings: Any) -> Iterator[tuple[Firms, IdentityProvider]]:
    """Firms in a served program, and the bakery's own provider, which knows its member and a stranger."""
    settings.PUBLIC_URL = live_server.url
    firms = Firms()
    firms.at = clock.now()
    member = firms.bakery.member
    domain = member.email.partition("@")[2]
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}
    known: dict[str, Any] = {
        "customer_id": firms.bakery.customer.pk, "client_id": CLIENT, "domains": [domain], "allow_private": True,
    }  # fmt: skip
    row = identity_actions.set_identity_provider(
        issuer="https://not.yet.example", client_secret=SECRET, **known, **doing
    )
    people = {
        "mel": {"email": member.email, "email_verified": True},
        "eve": {"email": firms.bakery.viewer.email, "email_verified": False},
        "gus": {"email": firms.grocer.member.email, "email_verified": True},
    }
    with OidcProvider(f"{live_server.url}/sign-in/{row.pk}/back", people) as provider:
        row = identity_actions.set_identity_provider(issuer=provider.issuer, client_secret=SECRET, **known, **doing)
        yield firms, row


def _at_their_company(page: Any, who: str) -> None:
    """What they do at the provider's own pages."""
    page.locator("input[name=login]").fill(who)
    page.locator("input[name=password]").fill("anything")
    page.locator("button[type=submit]").click()
    page.locator("button[type=submit]").click()  # yes, they may know my address


def test_a_contact_signs_in_with_the_account_that_their_company_keeps(
    signing_in: Any, live_server: Any, axe: str
) -> None:
    firms, row = signing_in
    member = firms.bakery.member
    with chromium() as browser:
        for width, theme in ((375, "night"), (1280, "day")):
            with window(browser, live_server.url, width=width, theme=theme) as context:
                page = context.new_page()
                assert not complaints(page, axe, f"{live_server.url}/sign-in/")
                page.goto(f"{live_server.url}/account/login/")
                page.get_by_role("link", name="Sign in with your company").click()
                page.get_by_label("Your email address at work").fill(member.email)
                page.get_by_role("button", name="Go on").click()
                page.get_by_role("link", name=f"Sign in with {firms.bakery.customer.name}").click()
                _at_their_company(page, "mel")
                page.wait_for_url(f"{live_server.url}/my/")
                page.goto(f"{live_server.url}/my/you/")
                expect(page.get_by_role("heading", name=member.name)).to_be_visible()
        for who in ("eve", "gus"):
            with window(browser, live_server.url, width=375) as context:
                page = context.new_page()
                page.goto(f"{live_server.url}/sign-in/{row.pk}/")
                _at_their_company(page, who)
                expect(page.get_by_role("heading", name="That sign-in does not let you in")).to_be_visible()
                page.goto(f"{live_server.url}/my/")
                expect(page.get_by_role("link", name="Sign in with your company")).to_be_visible()
    admitted = Entry.objects.filter(kind="contact.admitted")
    assert [each.facts["contact"] for each in admitted] == [member.pk, member.pk]
    refused = Entry.objects.filter(kind="contact.not_admitted").order_by("id")
    assert [each.facts["why"] for each in refused] == ["unverified", "domain"]
