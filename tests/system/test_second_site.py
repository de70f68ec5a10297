"""The main site loses its power in the night; the second one pages, takes alarms, tells customers; and nobody is woken twice."""

from pathlib import Path
from typing import Any

import pytest

from tests.peers.handsets import Handsets, leaves_message
from tests.peers.twiml_peer import TwimlPeer
from tests.phone.telephone import speech_like, write_wav
from tests.system.night import AL_PHONE, BO, BO_PHONE
from tests.system.stack import signed_in, until
from tests.system.two_sites import (
    CUSTOMER,
    CUSTOMER_PHONE,
    PAGERS,
    Sites,
    kill_whole,
    open_line,
    tell_customers,
    two_sites,
)

NUMBER, CALLER = "+442079460000", "+441632960017"


def test_the_night_goes_on_at_the_second_site_and_comes_home() -> None:
    with two_sites() as sites:
        key = sites.staged["keys"]["generic"]
        sites.main.post(f"/hooks/generic/{key}", {"summary": "core1 is down", "dedup_key": "core1"})
        until(lambda: sites.texts_to("main", BO_PHONE, "core1"), 10, "Bo has the text of the main site")
        until(lambda: sites.page(sites.second, "core1"), 10, "the second site knows the page")

        kill_whole(sites.main)
        until(lambda: sites.state() == "alone", 20, f"the second site is alone; it is {sites.state()}")
        until(
            lambda: sites.texts_to("second", BO_PHONE, "Nightdesk itself is away"), 10, "Bo is told by the second site"
        )
        until(lambda: sites.mails_to("second", BO, "Nightdesk itself is away"), 10, "and by mail")

        # The same key opens the same door here, and Bo takes the page by answering the second site's number.
        status, _body = sites.second.post(f"/hooks/generic/{key}", {"summary": "edge2 is down", "dedup_key": "edge2"})
        assert status < 300
        until(lambda: sites.texts_to("second", BO_PHONE, "edge2"), 10, "Bo is paged for what came here")
        state = sites.page(sites.second, "edge2")
        assert state is not None
        sites.sms["second"].reply(BO_PHONE, PAGERS["second"], f"ok {state[4]}")
        until(lambda: sites.page(sites.second, "edge2")[0] == "acknowledged", 10, "Bo has it")  # type: ignore[index]

        # Whoever may write updates comes in with their own password, and customers are told from here.
        assert "account/login" not in signed_in(sites.second.url, BO, sites.staged["password"])[1]
        outage = tell_customers(sites.second, BO, "Power at Dock Street", "A power cut stops us at Dock Street.")
        until(lambda: sites.mails_to("second", CUSTOMER, "power cut"), 20, "the customer has the mail")
        until(lambda: sites.texts_to("second", CUSTOMER_PHONE, "power cut"), 20, "and the text")
        until(lambda: "second site" in sites.second.get("/status/quayside/"), 10, "the status page says who speaks")
        until(lambda: "power cut" in sites.second.get("/status/quayside/"), 20, "and what it said last")

        sites.main.start()
        until(sites.follows, 30, "the second site follows again")
        until(lambda: sites.page(sites.main, "edge2"), 10, "the main site has what came meanwhile")
        there, here = sites.page(sites.main, "edge2"), sites.page(sites.second, "edge2")
        assert there is not None
        assert there[:2] == ("acknowledged", sites.staged["people"][0])
        assert here is not None
        assert here[0] == "acknowledged"
        until(lambda: sites.page(sites.main, "Nightdesk itself")[0] == "resolved", 10, "it is no longer away")  # type: ignore[index]
        told = sites.main.rows("SELECT state FROM outages_outage WHERE id = %s", outage)
        assert told == [("identified",)], "the outage is known, and where it stands"
        assert not sites.mails_to("main", CUSTOMER, "power cut"), "nobody is told again"
        # Once by each site at most for what both knew, once for what one knew; and Al slept.
        for words in ("core1", "edge2", "Nightdesk itself"):
            told = sites.texts_to("main", BO_PHONE, words) + sites.texts_to("second", BO_PHONE, words)
            assert len([text for text in told if "to take it" in text]) == 1, told
            assert not sites.texts_to("main", AL_PHONE, words) + sites.texts_to("second", AL_PHONE, words)


def test_who_agreed_is_paged_by_a_drill_and_nobody_else_and_the_report_comes_home(tmp_path: Path) -> None:
    with two_sites() as sites:
        with pytest.raises(AssertionError, match="agree"):
            sites.main.cli("standby", "drill")
        sites.main.cli("standby", "agree", "--as", BO)
        assert "Bo Lindqvist is paged by the second site now" in sites.main.cli("standby", "drill")
        until(lambda: sites.texts_to("second", BO_PHONE, "Drill of the second site"), 60, "Bo is paged from there")
        state = sites.page(sites.second, "Drill of the second site")
        assert state is not None
        sites.sms["second"].reply(BO_PHONE, PAGERS["second"], f"ok {state[4]}")
        until(lambda: _report(sites), 60, "the report lies at the main site")
        report = _report(sites)
        assert report["acknowledged_ms"] > 0
        assert {each["channel"] for each in report["tried"]} >= {"sms"}
        assert "Bo Lindqvist" in sites.main.cli("standby", "show")
        for site in PAGERS:
            assert not sites.texts_to(site, AL_PHONE, "Drill"), "Al agreed to nothing"
        assert not sites.texts_to("main", BO_PHONE, "Drill"), "the main site pages nobody for it"

        # A cloud phone line asks the second site where the main one does not answer.
        callers = Handsets(write_wav(tmp_path / "said.wav", speech_like(3, 8)).read_bytes())
        with TwimlPeer(callers) as voice:
            open_line(sites, voice, NUMBER)
            until(
                lambda: sites.second.rows("SELECT id FROM calls_line WHERE name = 'Main'"),
                60,
                "the line is known there",
            )
            kill_whole(sites.main)
            until(lambda: sites.state() == "alone", 60, "the second site is alone")
            assert leaves_message(voice, callers, CALLER, NUMBER, 60)
            until(lambda: sites.texts_to("second", BO_PHONE, CALLER), 60, "Bo is told who rang")


def _report(sites: Sites) -> dict[str, Any]:
    rows = sites.main.rows("SELECT report FROM standby_drill WHERE ended_at IS NOT NULL")
    return dict(rows[0][0]) if rows else {}
