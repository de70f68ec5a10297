"""How a message is put into words where there is little room: a text, the foot of a mail, the help that comes back."""

from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from nightdesk.channels import sms_text
from nightdesk.channels.answers import Answer
from nightdesk.channels.driver import Said
from nightdesk.channels.pager_text import fitted, plain

LINK = "{link}"
"""Where in a body the link of each delivery is put in."""


def filled_in(body: str, link: str) -> str:
    """The body with its link; without one, where nothing is to be answered."""
    return body.replace(LINK, link)


def how_to_answer(verbs: Collection[str], code: str) -> str:
    """What to text back, in one short sentence; "" where nothing is to be answered."""
    if "acknowledge" in verbs:
        return _("Reply {code} to take it.").format(code=code) if code else _("Reply OK to take it.")
    if verbs:
        return _("Reply {word}.").format(word=f"{code} {min(verbs)}".strip())
    return ""


def text_of(said: Said, link: str, parts: int, coding: sms_text.CodingOf = sms_text.coding_of) -> str:
    """The whole text message in at most `parts` parts, as `coding` codes it. A body that has a place for the link says all
    that is to be said; else: of title and body as much as fits, and all of how to answer.
    """
    if LINK in said.body:
        return sms_text.fit(filled_in(said.body, link), parts, coding)
    head = "\n".join(line for line in (said.title.strip(), said.body.strip()) if line)
    foot = "\n".join(line for line in (how_to_answer(said.verbs, said.code), link) if line)
    if not foot:
        return sms_text.fit(head, parts, coding)
    whole = f"{head}\n{foot}"
    if sms_text.count(whole, coding).parts <= parts:
        return whole
    shortest, longest = 0, len(head)
    while longest - shortest > 1:
        middle = (shortest + longest) // 2
        if sms_text.count(f"{head[:middle].rstrip()}...\n{foot}", coding).parts <= parts:
            shortest = middle
        else:
            longest = middle
    return f"{head[:shortest].rstrip()}...\n{foot}"


def pager_text_of(said: Said, length: int, *, can_reply: bool) -> str:
    """The whole text for a pager of `length` characters. Nobody opens a link there: at its end stands how to answer on the
    pager itself where it can, else the code to answer with by any other way.
    """
    body = "" if LINK in said.body and said.title else filled_in(said.body, "")
    code = _("Code {code}").format(code=said.code) if said.code and said.verbs else ""
    foot = how_to_answer(said.verbs, said.code) if can_reply else code
    head = plain(f"{filled_in(said.title, '')}\n{body}")
    return fitted(head, plain(foot), length)


def yes_or_no(command: Answer | None) -> Answer | None:
    """What a bare 1 or 0 answers to a question without a code: I take it, or I cannot. None for anything else."""
    if command is None or command.verb != "acknowledge" or command.code not in ("1", "0"):
        return None
    return Answer("acknowledge" if command.code == "1" else "escalate")


def what_is_understood(verbs: Collection[str], code: str, says: Mapping[str, object] | None = None) -> str:
    """The answer to words that mean nothing to us. `says`: what the answers mean where they are no page's."""
    if not verbs:
        return _("That was not understood, and nothing is waiting for your answer.")
    known = (
        _said_as(says)
        if says
        else {
            "acknowledge": _("OK: I take it"),
            "escalate": _("NEXT: wake the next one"),
            "decline": _("NO: I decline"),
            "resolve": _("DONE: it is fixed"),
            "later": _("LATER: ring me again"),
            "morning": _("MORNING: it can wait"),
            "quiet": _("QUIET: only a P1 rings me"),
            "status": _("?: how it stands"),
            "note": _("NOTE and your words"),
        }
    )
    words = ", ".join(sentence for verb, sentence in known.items() if verb in verbs)
    about = _("About {code}: ").format(code=code) if code else ""
    return _("{about}that was kept, but not understood. Text {words}.").format(about=about, words=words)


def _said_as(says: Mapping[str, object]) -> dict[str, str]:
    words = {"acknowledge": "OK", "decline": _("NO"), "resolve": _("DONE"), "status": "?"}
    return {verb: f"{word}: {says[verb]}" for verb, word in words.items() if verb in says}
