"""What somebody wrote themselves in an answer: above the quote, without the signature. The original is kept elsewhere.

Only for answers, which are commands: leaving out too little makes one that is not understood, leaving out too much could
make a command of what was none. So a line goes only where it is plainly a quote, its introduction or a signature.
"""

import re
from collections.abc import Sequence

LONGEST = 20_000
MOST_LINES = 400

_INTRODUCED = re.compile(
    r"(on|am|le|el|il|op|den|vom)\b.{5,300}\b(wrote|writes|schrieb|schreibt|a écrit|escribió|ha scritto|schreef|skrev)"
    r"\b.{0,120}:",
    re.IGNORECASE,
)
_WROTE = re.compile(r".{3,200}<[^<>\s]+@[^<>\s]+>\s*(wrote|schrieb|a écrit|schreef)\s*:", re.IGNORECASE)
_ORIGINAL = re.compile(
    r"\s*(-{2,}|_{2,}|\*{2,})\s*(original message|original appointment|forwarded message|ursprüngliche nachricht|"
    r"weitergeleitete nachricht|message d'origine|message original|mensaje original|oorspronkelijk bericht)\s*"
    r"(-{2,}|_{2,}|\*{2,})?\s*",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*_{20,}\s*")
_HEADED = re.compile(
    r"\s*[*>]*\s*(from|von|de|van|da|från|od|от|sent|gesendet|envoyé|enviado( el)?|inviato|verzonden|skickat|wysłano|"
    r"отправлено|to|an|à|para|aan|till|do|кому|subject|betreff|objet|asunto|oggetto|onderwerp|ämne|temat|тема|date|datum|"
    r"fecha|data|дата)\s*\*?\s*:",
    re.IGNORECASE,
)
_DATED = re.compile(r"\d{1,4}[./-]\s?\d|\d{1,2}:\d\d|^(on|am|le|el|il|op)\b", re.IGNORECASE)
_SIGNED = re.compile(
    r"\s*(--\s*|—|sent from (my|an?|outlook|mail|yahoo|proton|samsung)\b.{0,80}|get outlook for .{0,40}|"
    r"sent (via|with|using) .{0,60}|(von|auf) meinem? .{2,40} gesendet\.?|gesendet (mit|von|aus) .{2,60}|"
    r"envoyé (de|depuis|à partir de) .{2,60}|enviado desde .{2,60}|verstuurd vanaf .{2,60}|outlook für .{2,40}( herunterladen)?)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\s*(kind |best |many |warm |with |mit )?(regards|wishes|thanks|cheers|freundlichen grüßen|gruß|grüße|cordialement|"
    r"mfg|lg|vg|br|bien à vous)\s*[,.!]?\s*",
    re.IGNORECASE,
)


def own_words(text: str, names: Sequence[str] = ()) -> str:
    """The writer's own words; "" where there are none. `names` are the writer's: a line of one of them begins a signature.

    Words above the quote count; only where there are none, those below it do.
    """
    lines = [line.rstrip() for line in text[:LONGEST].replace("\u00a0", " ").splitlines()[:MOST_LINES]]
    start = _quote_starts(lines)
    above = _unsigned(lines[:start], names)
    if above or start == len(lines):
        return above
    quoted = max((number for number, line in enumerate(lines) if line.lstrip().startswith(">")), default=len(lines))
    return _unsigned(lines[quoted + 1 :], names)


def _quote_starts(lines: Sequence[str]) -> int:
    """The number of the first line that is a quote, or introduces one; len(lines) where nothing is quoted."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith(">"):
            return before_introduction(lines, number)
        if separates(lines, number) or introduces(lines[number : number + 3]):
            return number
    return len(lines)


def separates(lines: Sequence[str], number: int) -> bool:
    """Whether all that follows the line is a mail that is answered: below a rule, a title, or a header in words."""
    line = lines[number]
    if _ORIGINAL.fullmatch(line) or _RULE.fullmatch(line):
        return True
    return bool(_HEADED.match(line)) and sum(bool(_HEADED.match(one)) for one in lines[number : number + 5]) >= 3


def introduces(lines: Sequence[str]) -> bool:
    """Whether "On Monday Bo wrote:" begins with the first of `lines`; mail programs break it into two or three."""
    for count in range(1, len(lines) + 1):
        if not lines[count - 1].strip() or lines[count - 1].lstrip().startswith(">"):
            return False
        whole = " ".join(line.strip() for line in lines[:count])[:450]
        if _INTRODUCED.fullmatch(whole) or (count == 1 and _WROTE.fullmatch(whole)):
            # "On it" above "On Monday Bo wrote:" is no part of that.
            return not any(introduces(lines[first:count]) for first in range(1, count))
    return False


def before_introduction(lines: Sequence[str], quote: int) -> int:
    """Where the words end that stand above a quote: an introduction in whatever language ends in a colon and has a date or
    an address in it.
    """
    last = quote - 1
    while last >= 0 and not lines[last].strip():
        last -= 1
    for first in (last, last - 1, last - 2):
        if last >= 0 and first >= 0 and lines[last].rstrip().endswith(":") and _DATED.search(lines[first]):
            return first
    return quote


def _unsigned(lines: Sequence[str], names: Sequence[str]) -> str:
    own = {_plain(name) for whole in names for name in (whole, *whole.split()[:1], *whole.split()[-1:]) if _plain(name)}
    kept: list[str] = []
    for line in lines:
        if _SIGNED.fullmatch(line) or (any(kept) and (_CLOSING.fullmatch(line) or _plain(line) in own)):
            break
        kept.append(line.strip())
    return "\n".join(kept).strip()


def _plain(line: str) -> str:
    return re.sub(r"[\s,.!-]+", " ", line).strip().casefold()
