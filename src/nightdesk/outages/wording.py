"""What customers read of an outage: the words around a statement, in their language and zone.

Every function that makes words makes them in the language that is active.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.outages.claims import About, Claim
from nightdesk.outages.effect import Effect

PLACEHOLDERS: Mapping[str, str] = {
    "what": "our switch in Dock Street",
    "engineer": "An engineer is working on it.",
    "found": "We have found what is wrong.",
}
"""What may stand in a statement, each with an example. `engineer` and `found` are empty while the record does not say so."""


def when(instant: datetime, now: datetime, zone: str) -> str:
    """The time of day in `zone`, with its name, and the day where it is another one: 05:15 GMT, Thu 26 Nov 05:15 GMT."""
    local, today = instant.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    return date_format(local, "H:i T" if local.date() == today.date() else _("D j M H:i T"))


def next_words(next_at: datetime | None, now: datetime, zone: str) -> str:
    """When the next word comes, as a sentence; "" where none is owed."""
    return _("Next update by %s.") % when(next_at, now, zone) if next_at else ""


def late_words(next_at: datetime, now: datetime, zone: str) -> str:
    """That the next word is late, as a sentence: what pages, feeds and the spoken line say by themselves."""
    return _("An update was due at %s and has not come yet.") % when(next_at, now, zone)


def estimate_words(estimate_at: datetime | None, now: datetime, zone: str) -> str:
    """When it is hoped to work again, as a sentence; "" where nobody knows."""
    return _("We hope that it works again by %s.") % when(estimate_at, now, zone) if estimate_at else ""


def ticket_words() -> str:
    """How a customer's ticket is named; the number stands in its place."""
    return _("Your ticket is {{ number }}.")


def counted(effect: Effect) -> str:
    """The same of many services, whose number stands as `{{ count }}`, and as `{{ all }}` that of all they have."""
    return {
        Effect.WORKS: _("Your services work."),
        Effect.REDUCED: _("{{ count }} of your {{ all }} services work without their reserve."),
        Effect.DEGRADED: _("{{ count }} of your {{ all }} services do not work as they should."),
        Effect.DOWN: _("{{ count }} of your {{ all }} services do not work."),
    }[effect]


@dataclass(frozen=True, slots=True)
class Draft:
    """What one message says; placeholders are filled in for each recipient."""

    title: str
    body: str


def draft(
    effect: Effect, channel: str, statement: str, *, kind: str, brand: str, name: str, times: Collection[str]
) -> Draft:
    """The message for those of one effect, by one channel. `kind` is the update's, `name` the outage's (O-1042). `times`: what
    the update has of "next" and "estimate", so that no gap is left for what it has not.
    """
    words = _first_words(effect, kind)
    if channel == "sms":
        parts = [f"{brand}:", words, statement, "{{ next }}" if "next" in times else "", "{{ ticket }}"]
        return Draft("", " ".join(part for part in parts if part))
    last = [f"{{{{ {one} }}}}" for one in ("next", "estimate") if one in times] + ["{{ ticket }}"]
    rows = [words, statement, " ".join(last), f"{brand}, {name}"]
    if channel == "email":
        rows.append(_no_more())
    return Draft(_title(effect, kind, brand), "\n\n".join(row for row in rows if row))


def public_draft(
    title: str, statement: str, *, kind: str, state: str, brand: str, name: str, times: Collection[str]
) -> Draft:
    """The mail for those who follow a public page. `times`: as in `draft`."""
    heading = f"{brand}: {title} ({state_words(state) if kind != 'correction' else _('Correction')})"
    rows = [statement, "{{ next }}" if "next" in times else "", f"{brand}, {name}", _no_more()]
    return Draft(heading, "\n\n".join(row for row in rows if row))


def _no_more() -> str:
    """Where to unsubscribe, for whoever reads with a program that has no button for it; each reader's address is put in."""
    return _("To get no more of these mails: {{ unsubscribe }}")


def _first_words(effect: Effect, kind: str) -> str:
    if kind == "withdrawal":
        return _("We were wrong: there is no fault.")
    if kind == "post_incident":
        return ""
    if effect is Effect.WORKS:
        return _("Your services work again.")
    return "{{ words }}"


def _title(effect: Effect, kind: str, brand: str) -> str:
    if kind == "withdrawal":
        said = _("There is no fault")
    elif kind == "post_incident":
        said = _("What happened")
    elif kind == "correction":
        said = _("Correction about your services")
    else:
        said = {
            Effect.WORKS: _("Your services work again"),
            Effect.REDUCED: _("Your services work without their reserve"),
            Effect.DEGRADED: _("Your services do not work as they should"),
            Effect.DOWN: _("Your services do not work"),
        }[effect]
    return f"{brand}: {said}"


def state_words(state: str) -> str:
    """Where an outage stands, in one word or two."""
    return {
        "proposed": _("Proposed"),
        "investigating": _("Investigating"),
        "identified": _("Identified"),
        "monitoring": _("Monitoring"),
        "resolved": _("Resolved"),
        "withdrawn": _("No fault"),
    }[state]


def no_change() -> str:
    """What is said where nothing has changed."""
    return _("No change: we are still working on it.")


def holding() -> str:
    """What is said where nobody has written anything, and no holding statement either."""
    return _("We know of a fault and are looking into it.")


def never_was() -> str:
    """What is said of a fault that was none."""
    return _("We told you of a fault. There was none; we are sorry for the trouble.")


def engineer() -> str:
    """That somebody works on it."""
    return _("An engineer is working on it.")


def found() -> str:
    """That it is known what is wrong."""
    return _("We have found what is wrong.")


def people(count: int) -> str:
    """So many people."""
    return ngettext("{count} person", "{count} people", count).format(count=count)


def unsupported(claim: Claim) -> str:
    """That the record does not say what a statement does, as a warning to who writes it."""
    return {
        About.PEOPLE: _("“%s”: nobody has said yet that they work on it."),
        About.CAUSE: _("“%s”: the cause is not identified yet."),
        About.REPAIRED: _("“%s”: it is still being looked into."),
    }[claim.about] % claim.words


def unread(language: str) -> str:
    """That nothing looks at what a statement in that language says, as a warning to who writes it."""
    return _("What is said in “%s” of people and causes is not checked: read it once more.") % language


def in_language(language: str) -> translation.override:
    """Words are made in `language` within it."""
    return translation.override(language)
