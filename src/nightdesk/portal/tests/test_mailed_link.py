"""Signing in by a mail: the code in it, or its link, in the browser that asked for it."""

import re
from urllib.parse import parse_qs, urlsplit

from django.core import mail

from nightdesk.portal.tests.firms import Firms


def mailed() -> str:
    """The words of the last mail, and its subject."""
    return f"{mail.outbox[-1].subject} {mail.outbox[-1].body}"


def test_a_link_to_a_new_password_leads_to_us_whatever_host_was_asked(firms: Firms, settings) -> None:
    """Else whoever asks for it in another's name would be brought their key by the mail's reader."""
    settings.PUBLIC_URL = "https://desk.example"
    for address in (firms.bakery.member.email, "nobody@elsewhere.example"):
        firms.client().post("/account/password/reset/", {"email": address}, headers={"host": "evil.example"})
        assert "evil.example" not in mailed()
    assert "https://desk.example/account/password/reset/key/" in mail.outbox[0].body


def test_the_link_in_the_mail_lets_in_the_browser_that_asked_and_no_other(firms: Firms, settings) -> None:
    settings.PUBLIC_URL = "https://desk.example"
    member, browser, other = firms.bakery.member, firms.client(), firms.client()
    browser.post("/account/login/code/", {"email": member.email}, headers={"host": "evil.example"})
    assert "evil.example" not in mailed()
    link = re.findall(r"https?://\S+", mailed())[0]
    assert link.startswith("https://desk.example/account/login/code/confirm/?code=")  # whatever host was asked
    code = parse_qs(urlsplit(link).query)["code"][0]
    path = link.removeprefix("https://desk.example")
    assert other.get(path).status_code == 302
    other.post("/account/login/code/confirm/", {"code": code})
    assert other.get("/my/").status_code == 302
    # Opening it changes nothing, as mail scanners do that; its button lets them in.
    page = browser.get(path)
    assert f'name="code" value="{code}"' in page.content.decode()
    assert browser.get("/my/").status_code == 302
    assert browser.post("/account/login/code/confirm/", {"code": code})["Location"] == "/my/"
    assert browser.get("/my/").status_code == 200
