"""Whether a sender is who the mail says: what our own mail server wrote into Authentication-Results (RFC 8601). Pure.

Anybody can write such a field. It counts only under the name of the server that we were told to believe, only in its
topmost block, and not below the mark of a later hop on that server's way: what is further down came with the mail.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from nightdesk.mailroom.letter import Letter

Result: TypeAlias = Literal["pass", "fail", "none"]
Trust: TypeAlias = Literal["verified", "unverified", "failed"]

NAMELESS = "microsoft365"
"""What is told of a server that leaves its name out of the field, as Microsoft 365 does."""
MOST_FIELDS = 20
LONGEST_FIELD = 2000

_COMMENT = re.compile(r"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)")
_METHOD = re.compile(r"\s*(spf|dkim|dmarc)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)\b(.*)", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"\b(smtp|header|policy)\.([a-z0-9-]+)\s*=\s*(\"[^\"]*\"|[^\s;]+)", re.IGNORECASE)
_BY = re.compile(r"\bby\s+([\w.-]+)", re.IGNORECASE)
_ID = re.compile(r"\s*(\"[^\"]*\"|[^\s;=]+)(?:\s+\d+)?\s*(?:;|$)")
_RESULTS: dict[str, Result] = {"pass": "pass", "fail": "fail", "hardfail": "fail"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What the server found. `domain`: the one that is proven, and belongs with the sender's; "" where none is.

    `spf` and `dkim` are "pass" only where the domain that passed belongs with the sender's (is the same, or one is in the
    other). A mail server that nobody told us to believe leaves everything at "none".
    """

    spf: Result = "none"
    dkim: Result = "none"
    dmarc: Result = "none"
    domain: str = ""

    @property
    def trust(self) -> Trust:
        """ "verified" by DMARC, or by SPF or DKIM for the sender's own domain; "failed" where the domain's owner says that
        it is none of theirs; else "unverified". A manager's or engineer's orders want `dmarc` to have passed.
        """
        if self.dmarc == "pass":
            return "verified"
        if self.dmarc == "fail":
            return "failed"
        if "pass" in (self.spf, self.dkim):
            return "verified"
        return "failed" if self.spf == "fail" else "unverified"


UNCHECKED = Checked()


def checked(letter: Letter, authserv_id: str) -> Checked:
    """What the server called `authserv_id` found of the mail; UNCHECKED where that is "" or it says nothing."""
    wanted = authserv_id.strip().lower()
    sender = letter.from_address.rpartition("@")[2]
    senders = sum(name == "from" for name, _value in letter.headers)
    if not wanted or not sender or senders != 1:
        return UNCHECKED
    spf: list[tuple[Result, str]] = []
    dkim: list[tuple[Result, str]] = []
    dmarc: list[tuple[Result, str]] = []
    for value in _believed(letter.headers, wanted):
        for method, result, domains in _methods(value):
            {"spf": spf, "dkim": dkim, "dmarc": dmarc}[method] += [(result, one) for one in domains or [""]]
    by_dmarc = _best([one for one in dmarc if one[1] in ("", sender)], sender, exact=True)
    by_spf, by_dkim = _best(spf, sender), _best(dkim, sender)
    proven = next((domain for result, domain in (by_dmarc, by_dkim, by_spf) if result == "pass" and domain), "")
    if not proven and by_dmarc[0] == "pass":
        proven = sender
    return Checked(by_spf[0], by_dkim[0], by_dmarc[0], proven)


def _believed(headers: Iterable[tuple[str, str]], wanted: str) -> Iterator[str]:
    """The fields of the topmost block under the server's name."""
    begun, passed_ours, count = False, False, 0
    for name, value in headers:
        if name == "received":
            if begun or passed_ours:
                return
            found = _BY.search(value)
            passed_ours = found is not None and found[1].lower().rstrip(".") == wanted
        elif name == "authentication-results":
            count += 1
            if count <= MOST_FIELDS and _is_named(value[:LONGEST_FIELD], wanted):
                begun = True
                yield value[:LONGEST_FIELD]
            elif begun or count > MOST_FIELDS:
                return


def _is_named(value: str, wanted: str) -> bool:
    found = _ID.match(_COMMENT.sub(" ", value))
    name = found[1].strip('"').lower() if found else ""
    return not name or "=" in name if wanted == NAMELESS else name == wanted


def _methods(value: str) -> Iterator[tuple[str, Result, list[str]]]:
    for told in _COMMENT.sub(" ", value).split(";"):
        found = _METHOD.match(told)
        if found is None:
            continue
        method = found[1].lower()
        wanted = {"spf": ("mailfrom", "from"), "dkim": ("d", "i"), "dmarc": ("from",)}[method]
        named = {
            (kind.lower(), name.lower()): given.strip('"').lower() for kind, name, given in _PROPERTY.findall(found[3])
        }
        kind = "smtp" if method == "spf" else "header"
        given = next((named[kind, name] for name in wanted if named.get((kind, name))), "")
        domain = given.rpartition("@")[2].strip(".<>")
        yield method, _RESULTS.get(found[2].lower(), "none"), [domain] if domain else []


def _best(found: list[tuple[Result, str]], sender: str, *, exact: bool = False) -> tuple[Result, str]:
    """The best of several that belongs with the sender's domain; a pass of another domain says nothing."""
    fitting = [
        (result, domain) for result, domain in found if (exact and domain in ("", sender)) or belongs(domain, sender)
    ]
    for wanted in ("pass", "fail"):
        for result, domain in fitting:
            if result == wanted:
                return cast(Result, wanted), domain
    return "none", ""


def belongs(domain: str, sender: str) -> bool:
    """Whether both are one house's: the same, or one below the other; a name without a dot is nobody's."""
    if "." not in domain or "." not in sender:
        return False
    return domain == sender or domain.endswith(f".{sender}") or sender.endswith(f".{domain}")
