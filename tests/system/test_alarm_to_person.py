"""A real alarm wakes the right person, who takes it by link or by text; and if they do not, the next is woken.

Debian's Alertmanager sends, a real SMTP server and a provider speaking Twilio's dialect receive, Chromium acts.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import sync_playwright

from tests.requires import requires
from tests.system.alertmanager import Alertmanager, alertmanager
from tests.system.night import AL, AL_PHONE, BO, BO_PHONE, PAGER, STEP_S, Night, night
from tests.system.stack import until
from tools.system_parts import find_part

pytestmark = requires("alertmanager", "chromium")


@pytest.fixture(scope="module")
def tonight() -> Iterator[Night]:
    with night() as staged:
        yield staged


@pytest.fixture(scope="module")
def monitoring(tonight: Night) -> Iterator[Alertmanager]:
    key = tonight.staged["keys"]["alertmanager"]
    receiver = f"    webhook_configs:\n      - url: {tonight.stack.url}/hooks/alertmanager/{key}\n"
    with alertmanager(receiver) as running:
        yield running


def state_of(tonight: Night, words: str) -> str:
    rows = tonight.stack.rows("SELECT state FROM paging_page WHERE title LIKE %s", f"%{words}%")
    return rows[0][0] if rows else "none"


def press_the_button(link: str, button: str) -> str:
    """Open `link` on a telephone, press the button, and say what the page says then."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(find_part("chromium")), args=["--no-sandbox", "--disable-background-networking"]
        )
        try:
            page = browser.new_page(viewport={"width": 375, "height": 740})
            page.goto(link)
            page.get_by_role("button", name=button).click()
            page.wait_for_load_state()
            return page.inner_text("main")
        finally:
            browser.close()


def test_holder_is_told_within_a_second_takes_it_by_the_link_and_nobody_else_is_woken(
    tonight: Night, monitoring: Alertmanager
) -> None:
    monitoring.fire(alertname="SwitchDown", severity="critical", summary="sw2 at Dock Street does not answer")
    mail = until(lambda: tonight.mails_to(BO, "Dock Street"), 10, "Bo has the mail")[0]
    text = until(lambda: tonight.texts_to(BO_PHONE, "Dock Street"), 10, "Bo has the text")[0]
    taken_in = tonight.stack.rows("SELECT extract(epoch FROM min(at))::float8 FROM paging_rawalarm")[0][0]
    assert mail.received_at - taken_in < 1.0
    assert text.received_at - taken_in < 1.0
    said = press_the_button(tonight.link_in(mail), "I've got it")
    assert "You have it" in said
    assert state_of(tonight, "Dock Street") == "acknowledged"
    tonight.jump(timedelta(seconds=STEP_S * 3))
    until(lambda: tonight.stack.rows("SELECT 1 FROM base_worker WHERE beat_at > nightdesk_now() - interval '2 s'"), 10,
          "the worker follows the clock")  # fmt: skip
    assert tonight.mails_to(AL, "Dock Street") == []
    assert tonight.texts_to(AL_PHONE, "Dock Street") == []
    monitoring.clear(alertname="SwitchDown", severity="critical", summary="sw2 at Dock Street does not answer")
    until(lambda: state_of(tonight, "Dock Street") == "resolved", 15, "Alertmanager's own resolve closes the page")


def test_a_link_that_a_mail_scanner_opens_acknowledges_nothing(tonight: Night, monitoring: Alertmanager) -> None:
    import urllib.request

    monitoring.fire(alertname="MailQueue", severity="critical", summary="mail queue grows on mx3")
    mail = until(lambda: tonight.mails_to(BO, "mx3"), 10, "Bo has the mail")[0]
    for _ in range(3):
        with urllib.request.urlopen(tonight.link_in(mail), timeout=5) as answer:
            assert answer.status == 200
    assert state_of(tonight, "mx3") == "triggered"
    assert "You have it" in press_the_button(tonight.link_in(mail), "I've got it")
    monitoring.clear(alertname="MailQueue", severity="critical", summary="mail queue grows on mx3")


def test_the_next_person_is_woken_on_time_when_the_first_does_not_answer(
    tonight: Night, monitoring: Alertmanager
) -> None:
    monitoring.fire(alertname="CircuitDown", severity="critical", summary="circuit LON-1187 is down")
    until(lambda: tonight.texts_to(BO_PHONE, "LON-1187"), 10, "Bo has the text")
    assert tonight.texts_to(AL_PHONE, "LON-1187") == []
    tonight.jump(timedelta(seconds=STEP_S))
    until(lambda: tonight.texts_to(AL_PHONE, "LON-1187"), 10, "Al has the text")
    until(lambda: tonight.mails_to(AL, "LON-1187"), 10, "Al has the mail")
    late = tonight.stack.rows(
        "SELECT extract(epoch FROM d.created_at - p.started_at)::float8 FROM channels_delivery d JOIN paging_page p "
        "ON d.subject_id = p.id::text WHERE p.title LIKE '%%LON-1187%%' AND d.address = %s",
        AL_PHONE,
    )[0][0]
    assert STEP_S <= late < STEP_S + 6, "the jump takes up to two beats to reach the worker"
    tonight.sms.reply(AL_PHONE, PAGER, "ok")
    until(lambda: state_of(tonight, "LON-1187") == "acknowledged", 10, "Al took it by text")
    until(lambda: tonight.texts_to(AL_PHONE, "You have it"), 10, "Al is told so")
    monitoring.clear(alertname="CircuitDown", severity="critical", summary="circuit LON-1187 is down")
    until(lambda: state_of(tonight, "LON-1187") == "resolved", 15, "it is over")


def test_an_owner_who_fell_asleep_again_is_rung_again_and_then_the_backup(
    tonight: Night, monitoring: Alertmanager
) -> None:
    monitoring.fire(alertname="CoreDown", severity="critical", summary="core router at Mill Lane reboots")
    until(lambda: tonight.texts_to(BO_PHONE, "Mill Lane"), 10, "Bo has the text")
    tonight.sms.reply(BO_PHONE, PAGER, "ok")
    until(lambda: state_of(tonight, "Mill Lane") == "acknowledged", 10, "Bo took it by text")
    rung = len(tonight.texts_to(BO_PHONE, "Mill Lane"))
    tonight.jump(timedelta(minutes=15, seconds=5))
    until(lambda: len(tonight.texts_to(BO_PHONE, "Mill Lane")) > rung, 12, "Bo is rung again")
    assert tonight.texts_to(AL_PHONE, "Mill Lane") == []
    tonight.jump(timedelta(minutes=5, seconds=5))
    until(lambda: tonight.texts_to(AL_PHONE, "Mill Lane"), 12, "the backup is rung")
    monitoring.clear(alertname="CoreDown", severity="critical", summary="core router at Mill Lane reboots")
