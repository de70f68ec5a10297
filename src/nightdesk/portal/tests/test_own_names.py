"""Two brands, each with a name of its own: whoever comes by one meets that brand and nothing of the other."""

import asyncio
import re
from typing import Any
from urllib.parse import urljoin

import pytest
from django.test import Client

from nightdesk.base.hot import HotBytes, send_page
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Invalid
from nightdesk.customers import contact_actions
from nightdesk.customers.actions import make_contact
from nightdesk.outages.actions import save_outage_rules
from nightdesk.portal import tasks
from nightdesk.portal.hot_status import HotStatus
from nightdesk.portal.tests.firms import Firm, Firms

NAMES = {"quay": "status.quayside.example", "pier": "help.pier.example"}
LINK = re.compile(r'(?:href|src)="([^"#?]+)')


class Site:
    """What one program answers under `host`: the front's pages, else Django, as in `base.front`."""

    def __init__(self, hot: HotBytes, host: str, client: Client) -> None:
        self.hot, self.host, self.client = hot, host, client

    def get(self, path: str) -> tuple[int, str]:
        page = self.hot.find(path, self.host)
        if page is None:
            answer = self.client.get(path, headers={"host": self.host})
            return answer.status_code, answer.content.decode()
        sent: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        asyncio.run(send_page(page, "GET", [], send))
        return int(str(sent[0]["status"])), b"".join(each.get("body", b"") for each in sent[1:]).decode()  # type: ignore[misc]

    def walk(self, start: str) -> dict[str, str]:
        """Every page below `start` that can be reached by links from it, by its path."""
        found: dict[str, str] = {}
        wanted = [start]
        while wanted:
            path = wanted.pop()
            if path in found:
                continue
            code, found[path] = self.get(path)
            assert code == 200, path
            links = (urljoin(f"http://{self.host}{path}", link) for link in LINK.findall(found[path]))
            own = f"http://{self.host}{start}"
            below = [link for link in links if link.startswith(own) and "/static/" not in link]
            wanted += [f"{start}{link.removeprefix(own)}" for link in below]
        return found


@pytest.fixture
def hot(firms: Firms) -> HotBytes:
    for brand, firm in ((firms.quay, firms.bakery), (firms.pier, firms.books)):
        firms.told_of(firm, public=True)
        save_outage_rules(brand_id=brand.pk, fields={"status_hosts": [NAMES[brand.slug].upper()]}, **firms.doing)
    made = HotBytes(clock=firms.at.timestamp)
    HotStatus(made, None).refresh(firms.at)
    return made


def theirs(firms: Firms, firm: Firm) -> list[str]:
    """Words that only the other brand's pages hold."""
    other = firms.books if firm is firms.bakery else firms.bakery
    return [other.brand.name, other.mark, f"/status/{other.brand.slug}"]


@pytest.mark.parametrize("slug", NAMES)
def test_each_name_shows_its_brands_status_pages_and_none_of_the_others(firms: Firms, hot: HotBytes, slug: str):
    firm = firms.bakery if slug == "quay" else firms.books
    site = Site(hot, NAMES[slug], Client())
    seen = site.walk("/")
    assert {"/", "/history/", "/history.atom"} <= seen.keys()
    assert f"{firm.mark} lines are down." in seen["/"]
    for path, page in seen.items():
        assert not [words for words in theirs(firms, firm) if words in page], path
    own, other = ("quay", "pier") if slug == "quay" else ("pier", "quay")
    for path in ("", "history/", "history.atom", "api/v2/summary.json", "subscribe", "confirm/none"):
        assert site.get(f"/status/{other}/{path}")[0] == 404, path
    assert site.get(f"/status/{own}/")[0] == 200
    everywhere = Site(hot, "desk.example", Client())
    assert [everywhere.get(f"/status/{one}/")[0] for one in NAMES] == [200, 200]


def test_a_brands_name_lets_its_own_customers_in_and_no_others(firms: Firms, hot: HotBytes):
    for slug, firm in (("quay", firms.bakery), ("pier", firms.books)):
        at_home = Site(hot, NAMES[slug], firms.client(firm.member))
        elsewhere = Site(hot, NAMES["pier" if slug == "quay" else "quay"], firms.client(firm.member))
        seen = at_home.walk("/my/")
        assert len(seen) > 6
        for path, page in seen.items():
            assert not [words for words in theirs(firms, firm) if words in page], path
        code, page = elsewhere.get("/my/")
        assert (code, firm.mark in page) == (403, False)


def test_a_name_is_one_brands(firms: Firms, hot: HotBytes):
    with pytest.raises(Invalid):
        save_outage_rules(brand_id=firms.pier.pk, fields={"status_hosts": ["status.Quayside.example"]}, **firms.doing)


def test_what_is_sent_leads_to_the_brands_own_name_and_without_one_to_the_installations(
    firms: Firms, hot: HotBytes, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, str] = {}
    # A link that lets somebody in is kept sealed.
    monkeypatch.setattr(tasks, "queue_message", lambda *, to, body, **_more: found.update({to[0].address: body}))
    settings.PUBLIC_URL = "https://desk.example:8443"
    save_outage_rules(brand_id=firms.pier.pk, fields={"status_hosts": []}, **firms.doing)
    for firm in (firms.bakery, firms.books):
        made = make_contact(customer_id=firm.customer.pk, name="Nia", email=f"nia@{firm.mark}.example", **firms.doing)
        contact_actions.invite_contact(contact_id=made.pk, standing="member", **firms.doing)
        promise = Promise.objects.get(kind=contact_actions.INVITE, subject_id=str(made.pk), ended_at=None)
        tasks.send_invitation(promise, firms.at)
    own, of_all = found[f"nia@{firms.bakery.mark}.example".lower()], found[f"nia@{firms.books.mark}.example".lower()]
    assert f"\nhttps://{NAMES['quay']}:8443/join/" in own.lower()
    assert "\nhttps://desk.example:8443/join/" in of_all
