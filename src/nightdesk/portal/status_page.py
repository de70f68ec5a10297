"""A brand's public page as files: HTML, feeds, calendar, the programs' answers, style and script. Made of facts alone.

Every file is whole and its links are relative, so that the same bytes serve at `/status/BRAND/`, at the root of a status
host, from a folder and from a network that is not ours. Nothing here asks the database.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from nightdesk.outages import feeds, saying
from nightdesk.outages import wording as words
from nightdesk.outages.published import (
    EFFECTS,
    Effect,
    PublishedOutage,
    PublishedPage,
    PublishedWork,
    effect_now,
    in_works,
    is_late,
    recent,
    short_id,
    work_ahead,
    work_now,
)
from nightdesk.outages.statuspage import documents
from nightdesk.outages.work_calendar import calendar_of
from nightdesk.portal import badge, wording

HTML = "text/html; charset=utf-8"
SVG = "image/svg+xml"
ANYBODY = {"access-control-allow-origin": "*"}
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self';"
        " form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
RAIL = {"investigating": "fire", "identified": "fire", "monitoring": "accent", "resolved": "calm", "withdrawn": "calm"}
TAGS = {"degraded": "accent", "down": "fire"}
BADGES: dict[Effect, badge.Tone] = {"works": "calm", "reduced": "calm", "degraded": "accent", "down": "fire"}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file below the page: `path` is "" for the page itself, else without a slash at its start."""

    path: str
    body: bytes
    content_type: str

    @property
    def headers(self) -> dict[str, str]:
        """Beside those that every answer has."""
        return HEADERS | (ANYBODY if self.content_type != HTML else {})


def files_of(page: PublishedPage, at: datetime, *, subscribe_url: str) -> Iterator[PageFile]:
    """All files of the page as it stands at `at`, those that are looked at first at the start."""
    with translation.override(page.language), timezone.override(ZoneInfo(page.zone)):
        drawer = _Drawer(page, at, subscribe_url)
        yield drawer.draw("", "portal/status.html", drawer.first())
        for path, document in documents(page, at).items():
            yield PageFile(path, json.dumps(document, ensure_ascii=False).encode(), "application/json; charset=utf-8")
        for name, make, kind in (
            ("atom", feeds.atom, "application/atom+xml"),
            ("rss", feeds.rss, "application/rss+xml"),
        ):
            path = f"history.{name}"
            yield PageFile(path, make(page, at, self_url=page.url + path), f"{kind}; charset=utf-8")
        yield PageFile("badge.svg", drawer.badge(), SVG)
        for each in page.components:
            yield PageFile(f"badges/{short_id('component', each.id)}.svg", drawer.badge_of(each.id, each.name), SVG)
        title = _("{name}: planned work").format(name=page.name)
        yield PageFile("work.ics", calendar_of(title, page.work, at), "text/calendar; charset=utf-8")
        for name, kind in (
            ("portal.css", "text/css; charset=utf-8"),
            ("status.js", "text/javascript; charset=utf-8"),
            ("mark.svg", SVG),
        ):
            yield PageFile(name, _static(name), kind)
        yield drawer.draw("history/", "portal/status_history.html", drawer.history())
        for outage in page.outages:
            yield drawer.draw(
                f"outages/{short_id('outage', outage.id)}/", "portal/status_outage.html", drawer.one(outage)
            )
        for work in page.work:
            yield drawer.draw(f"work/{short_id('work', work.id)}/", "portal/status_work.html", drawer.one_work(work))


class _Drawer:
    """The page at one instant, as what its templates show."""

    def __init__(self, page: PublishedPage, at: datetime, subscribe_url: str) -> None:
        self.page, self.at, self.subscribe_url = page, at, subscribe_url
        self.zone = ZoneInfo(page.zone)
        self.names = {each.id: each.name for each in page.components}

    def draw(self, path: str, template: str, context: dict[str, Any]) -> PageFile:
        around = {
            "page": self.page,
            "at": self.at,
            "root": "../" * path.count("/") or "./",
            "zone": wording.zone_name(self.page.zone),
            "subscribe_url": self.subscribe_url,
            "head": saying.head_text(self.page, self.at),
            "tone": self.tone(),
            "last_heard": saying.last_heard_text(self.page, self.at),
        }
        body = render_to_string(template, around | context)
        return PageFile(path, body.encode(), HTML)

    def tone(self) -> str:
        """ "fire" while something is down, "sky" while work goes on, "calm" else: the mark in the window's corner."""
        if self.page.open:
            return "fire"
        return "sky" if work_now(self.page, self.at) else "calm"

    def badge(self) -> bytes:
        """How the whole page stands: by the worst that is open, or by the work that goes on."""
        worst = max((EFFECTS.index(effect_now(self.page, each.id)) for each in self.page.components), default=0)
        if self.page.open and EFFECTS[worst] not in TAGS:
            return badge.badge(self.page.name, str(_("Fault")), "fire")
        if not self.page.open and work_now(self.page, self.at):
            return badge.badge(self.page.name, str(_("Planned work")), "sky")
        return badge.badge(self.page.name, str(saying.EFFECTS[EFFECTS[worst]]), BADGES[EFFECTS[worst]])

    def badge_of(self, id_: str, name: str) -> bytes:
        effect = effect_now(self.page, id_)
        if effect == "works" and in_works(self.page, id_, self.at):
            return badge.badge(name, str(_("Planned work")), "sky")
        return badge.badge(name, str(saying.EFFECTS[effect]), BADGES[effect])

    def first(self) -> dict[str, Any]:
        return {
            "here": "now",
            "open": [self.card(each) for each in self.page.open],
            "working": [self.work(each) for each in work_now(self.page, self.at)],
            "planned": [self.work(each) for each in work_ahead(self.page, self.at)],
            "components": [self.component(each.id, each.name) for each in self.page.components],
            "recent": [self.row(each) for each in recent(self.page, self.at)],
            "figures": self.figures(),
        }

    def history(self) -> dict[str, Any]:
        months: dict[str, list[dict[str, Any]]] = {}
        for outage in self.page.outages:
            month = f"{outage.began_at.astimezone(self.zone):%Y-%m}"
            months.setdefault(month, []).append(self.card(outage))
        return {
            "here": "history",
            "months": [(cards[0]["outage"].began_at, cards) for cards in months.values()],
            "figures": self.figures(),
        }

    def one(self, outage: PublishedOutage) -> dict[str, Any]:
        return {"here": "", "card": self.card(outage)}

    def one_work(self, work: PublishedWork) -> dict[str, Any]:
        return {"here": "", "work": self.work(work)}

    def figures(self) -> str:
        return saying.punctuality_text(self.page.punctuality) if self.page.punctuality else ""

    def card(self, outage: PublishedOutage) -> dict[str, Any]:
        """All that is shown of one outage."""
        return outage_card(outage, self.zone, self.at) | {
            "path": f"outages/{short_id('outage', outage.id)}/",
            "touches": [
                (self.names[id_], saying.EFFECTS[effect], TAGS.get(effect, ""))
                for id_, effect in outage.touches
                if id_ in self.names and effect in TAGS
            ],
        }

    def row(self, outage: PublishedOutage) -> dict[str, Any]:
        return self.card(outage)

    def work(self, work: PublishedWork) -> dict[str, Any]:
        going = work in work_now(self.page, self.at)
        return {
            "work": work,
            "path": f"work/{short_id('work', work.id)}/",
            "state": saying.WORK_STATES["started" if going else work.state],
            "span": saying.span_text(work.starts_at, work.ends_at, self.zone),
            "touches": [self.names[id_] for id_, _effect in work.touches if id_ in self.names],
        }

    def component(self, id_: str, name: str) -> dict[str, str]:
        effect = effect_now(self.page, id_)
        if effect == "works" and in_works(self.page, id_, self.at):
            return {"name": name, "state": str(_("Planned work")), "tone": "sky"}
        return {"name": name, "state": str(saying.EFFECTS[effect]), "tone": TAGS.get(effect, "calm")}


def outage_card(outage: PublishedOutage, zone: ZoneInfo, at: datetime) -> dict[str, Any]:
    """What a template shows of one outage: its state, when more comes, and its story, newest first."""
    return {
        "outage": outage,
        "state": words.state_words(outage.state),
        "tone": RAIL[outage.state],
        "due": saying.due_text(outage, zone, at),
        "late": is_late(outage, at),
        "estimate": saying.estimate_text(outage, zone, at),
        "began": words.when(outage.began_at, at, zone.key),
        "day": saying.day_text(outage.began_at, zone),
        "ended": words.when(outage.resolved_at, at, zone.key) if outage.resolved_at else "",
        "lasted": saying.minutes_text(outage.resolved_at - outage.began_at) if outage.resolved_at else "",
        "updates": [
            {
                "update": each,
                "time": words.when(each.published_at, at, zone.key),
                "state": saying.state_text(each),
                "tone": RAIL[each.state],
            }
            for each in outage.updates
        ],
    }


@lru_cache
def _static(name: str) -> bytes:
    found = finders.find(f"portal/{name}")
    if not isinstance(found, str):
        raise FileNotFoundError(f"portal/{name} is not among the program's static files")
    return Path(found).read_bytes()
