"""What customers read of planned work, in their language and by their clocks."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _


class Kind(StrEnum):
    """Why customers hear of the work now."""

    HINT = "hint"
    ANNOUNCE = "announce"
    CHANGE = "change"
    REMIND = "remind"
    START = "start"
    EXTEND = "extend"
    END = "end"
    CANCEL = "cancel"


def day(at: datetime) -> str:
    """Thursday 3 December."""
    return date_format(at, _("l j F"))


def window(from_at: datetime, until_at: datetime, zone: str) -> str:
    """Thursday 3 December, 02:00 to 04:00 (Europe/London). The day of the end stands there where it is another."""
    begins, ends = (at.astimezone(ZoneInfo(zone)) for at in (from_at, until_at))
    until = f"{ends:%H:%M}" if ends.date() == begins.date() else f"{day(ends)}, {ends:%H:%M}"
    return _("{day}, {begins} to {until} ({zone})").format(
        day=day(begins), begins=f"{begins:%H:%M}", until=until, zone=zone
    )


def title_of(kind: Kind, name: str, from_at: datetime, until_at: datetime, zone: str) -> str:
    """The subject of a notice: what it is about, and the window."""
    when = window(from_at, until_at, zone)
    until = f"{until_at.astimezone(ZoneInfo(zone)):%H:%M}"
    words = {
        Kind.HINT: _("Planned work {name}, not yet certain: {when}"),
        Kind.ANNOUNCE: _("Planned work {name}: {when}"),
        Kind.CHANGE: _("Planned work {name} has changed: {when}"),
        Kind.REMIND: _("Reminder of planned work {name}: {when}"),
        Kind.START: _("Planned work {name} has begun, until {until}"),
        Kind.EXTEND: _("Planned work {name} takes longer, until {until}"),
        Kind.END: _("Planned work {name} is done"),
        Kind.CANCEL: _("Planned work {name} does not take place"),
    }
    return words[kind].format(name=name, when=when, until=until)


def body_of(
    kind: Kind,
    *,
    words: str,
    note: str,
    from_at: datetime,
    until_at: datetime,
    zone: str,
    objects: Sequence[str],
    brand: str,
    may_answer: bool,
) -> str:
    """The whole notice. `words` say what is done, `note` what is new; each notice stands by itself, as it may be the first one
    that arrives. `objects` are sentences on what stops working, or at the end only names.
    """
    over = kind in (Kind.END, Kind.CANCEL)
    paragraphs = [note.strip(), words.strip()]
    when = window(from_at, until_at, zone)
    if kind is Kind.CANCEL:
        paragraphs.append(_("It was planned for {when}. Nothing changes for you.").format(when=when))
    elif kind is Kind.END:
        paragraphs.append(
            _("It is done; what it touched works as before. It was planned for {when}.").format(when=when)
        )
    else:
        paragraphs.append(_("When: {when}").format(when=when))
    if objects and not over:
        rows = [f"- {sentence}" for sentence in dict.fromkeys(objects)]
        paragraphs.append("\n".join([_("What it does to you meanwhile:"), *rows]))
    elif objects:
        paragraphs.append(_("It was about: {names}").format(names=", ".join(dict.fromkeys(objects))))
    if may_answer and not over:
        paragraphs.append(
            _("Does it clash with something of yours? Answer this mail, and whoever plans it hears of it.")
        )
    paragraphs.append(brand)
    return "\n\n".join(part for part in paragraphs if part)
