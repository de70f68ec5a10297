"""What mails of tickets say, in the reader's language and zone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.customers.hours import SupportHours, describe_hours, format_window
from nightdesk.desk.auto_reply import Expect, Says
from nightdesk.mailroom.quotes import pieces

MARKER = "_" * 40
"""The line below which nothing new stands; mail programs and `mailroom.own_words` take it for the beginning of a quote."""
QUOTED_LINES = 60
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def moment(at: datetime, zone: str) -> str:
    """Day and time in the zone: Wednesday 4 March, 09:00 (Europe/London)."""
    return f"{date_format(at.astimezone(ZoneInfo(zone)), _('l j F, H:i'))} ({zone})"


def subject_of(tag: str, title: str, *, answers: bool) -> str:
    """The subject of a ticket's mail, with its tag; "Re:" where it answers one."""
    return f"Re: {tag} {title}" if answers else f"{tag} {title}"


def step_text(step: str) -> str:
    """A ticket's next step: in the reader's language where the program worded it, and as it was typed else."""
    return _(step)


def next_step_line(step: str, step_at: datetime | None, zone: str) -> str:
    """What happens next, and when; "" for a ticket that is over."""
    if not step or step_at is None:
        return ""
    return _("What happens next: {step}, by {time}.").format(
        step=step_text(step).rstrip("."), time=moment(step_at, zone)
    )


def signature_in(signatures: Mapping[str, str], language: str, brand: str) -> str:
    """The brand's own words below a mail in that language, or in the nearest; else its name."""
    wanted = language.lower()
    for code in (wanted, wanted.partition("-")[0], "en-gb", "en"):
        if found := str(signatures.get(code, "")).strip():
            return found
    return brand


def clipped(text: str, most: int) -> str:
    """The text, of which the middle is left out where it is longer: what it begins with and how it ends say most."""
    if len(text) <= most:
        return text
    left_out = "\n[...]\n"
    first = most // 3
    return text[:first] + left_out + text[len(text) - (most - first - len(left_out)) :]


def own_part(text: str) -> str:
    """What is new in a text: without what it quotes."""
    return "".join(one.text for one in pieces(text) if not one.quoted).strip()


def quoted(text: str, name: str, at: datetime, zone: str) -> str:
    """The last words of the other side below the marker, each line behind a sign, as mail programs quote."""
    lines = own_part(text).splitlines()
    if not any(line.strip() for line in lines):
        return ""
    told = _("On {time} {name} wrote:").format(time=moment(at, zone), name=name)
    kept = [f"> {line}".rstrip() for line in lines[:QUOTED_LINES]]
    return "\n".join((MARKER, told, "", *kept, *(["> ..."] if len(lines) > QUOTED_LINES else [])))


def page_of(body: str, body_html: str, below: Sequence[str], quote: str) -> str:
    """The mail as HTML that any program shows: `body_html`, which is safe, or else `body`; then lines, and what is quoted."""
    parts = [f"<div>{body_html or paragraphs(body)}</div>", *(f"<p>{lined(one)}</p>" for one in below if one)]
    if quote:
        _marker, intro, _blank, *lines = quote.splitlines()
        words = lined("\n".join(line.removeprefix(">").removeprefix(" ") for line in lines))
        parts.append(f'<hr>\n<p>{escape(intro)}</p>\n<blockquote type="cite">{words}</blockquote>')
    inside = "\n".join(parts)
    return f'<!doctype html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n{inside}\n</body>\n</html>\n'


def paragraphs(text: str) -> str:
    """Plain text as paragraphs."""
    return "\n".join(f"<p>{lined(part)}</p>" for part in text.strip().split("\n\n") if part.strip())


def lined(text: str) -> str:
    """Plain text with its line ends."""
    return escape(text.strip()).replace("\n", "<br>\n")


def hours_line(hours: SupportHours) -> str:
    """The week of support hours in one line, by the clocks of its own zone; bank holidays are named where they count."""
    told = []
    for each in describe_hours(hours):
        if each.windows:
            days = _(DAYS[each.first]) if each.first == each.last else f"{_(DAYS[each.first])}-{_(DAYS[each.last])}"
            told.append(f"{days} {', '.join(format_window(window) for window in each.windows)}")
    return f"{'; '.join(told)} ({hours.zone})" if told else ""


def acknowledgement(number: str, says: Says, *, hours: str, zone: str) -> str:
    """The automatic reply: the number, the hours, when to expect an answer, and what else is true now."""
    lines = [_("We have your message. Its number is {number}; please leave it in the subject.").format(number=number)]
    if hours:
        lines.append(_("Our hours for you are {hours}.").format(hours=hours))
    lines.append(expectation(says, zone))
    if says.emergency_number:
        lines.append(
            _("If it cannot wait, ring {number}: that wakes an engineer.").format(number=says.emergency_number)
        )
    if says.faults:
        lines.append("\n".join((_("What we know to be wrong now:"), *(f"- {fault}" for fault in says.faults))))
    if says.workarounds:
        lines.append("\n".join((_("What helps meanwhile:"), *(f"- {one}" for one in says.workarounds))))
    return "\n\n".join(line for line in lines if line)


def expectation(says: Says, zone: str) -> str:
    """When they have an answer, and what becomes of it until then."""
    by = moment(says.answer_by, zone) if says.answer_by else ""
    opens = moment(says.answer_from, zone) if says.answer_from else ""
    if says.expect is Expect.NOT_A_NIGHT_JOB:
        refused = _("This is work that we do by day. It is in the queue, and nothing is lost by waiting.")
        begins = _("We begin with it on {time}.").format(time=opens) if opens else ""
        return " ".join(part for part in (refused, begins, _by(by)) if part)
    if says.expect is Expect.AT_OPENING:
        closed = (
            _("We are closed now, and look at it from {time}.").format(time=opens) if opens else _("We are closed.")
        )
        return " ".join(part for part in (closed, _by(by)) if part)
    if says.expect is Expect.AT_WORK:
        return _by(by) or _("Somebody is at work, and looks at it now.")
    return _("We know of no contract for this address, so nothing is promised; a colleague reads it all the same.")


def _by(time: str) -> str:
    return _("You have an answer by {time}.").format(time=time) if time else ""
