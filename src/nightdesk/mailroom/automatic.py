"""Whether a machine wrote a mail, and whether it may be answered by one. Two questions, since their signs differ. Pure.

What a machine wrote is no answer: it acknowledges, reopens and counts for nothing. What must not be answered may well be a
person's: Outlook asks so in plain letters (X-Auto-Response-Suppress), and so does every other Nightdesk.
"""

import re
from collections.abc import Sequence

from nightdesk.mailroom.letter import Letter
from nightdesk.mailroom.reports import Report

OUR_HEADER = "x-nightdesk"
"""What every mail of ours carries, with a mark of this installation: one that comes back is a loop."""

_MACHINES = re.compile(
    r"(mailer-daemon|mail-daemon|postmaster|ndr|no-?reply|do-?not-?reply|bounces?|autoreply|daemon)([-+.=].*)?@.*"
)
_AWAY = re.compile(
    r"\W*(out of( the)? office|ooo\b|automatic reply|auto[- ]?response|vacation|away from|"
    r"i am (currently )?(out|away)|on (annual |parental )?leave|abwesen|automatische antwort|abwesenheits|"
    r"réponse automatique|absence (du bureau|automatique)|respuesta automática|fuera de la oficina|"
    r"automatisch antwoord|afwezig|risposta automatica|fuori sede|auto[- ]?reply:|autoreply:|(read|gelesen|lu|not read) ?:)",
    re.IGNORECASE,
)
_REPORTS = re.compile(
    r"(un)?deliver(y|able|ed)|returned (mail|to sender)|failure (notice|notification)|mail failure|could not be delivered|"
    r"unzustellbar|zustellung|non remis|retour de courrier",
    re.IGNORECASE,
)
_TITLES_OF_SERVERS = re.compile(
    r"(mail delivery failed(: returning message to sender)?|undelivered mail returned to sender|"
    r"delivery (status )?notification( \((failure|delay)\))?|failure notice|undeliverable( mail|: .*)?|mail failure|"
    r"returned mail: .*|mail system error - returned mail|warning: (could not send|message .* delayed).*)",
    re.IGNORECASE,
)
_OF_A_PERSON = (
    *("in-reply-to", "references", "x-mailer", "user-agent", "thread-index", "x-originating-ip"),
    *("dkim-signature", "x-gm-message-state"),
)
"""What mail programs and providers of people write, and mail servers that report do not."""
_REPLY_WORDS = re.compile(r"\W*(auto[- ]?reply|autoreply|auto[- ]?respon[sd]|vacation|automat)", re.IGNORECASE)


def why_automatic(letter: Letter, sender: str | None, reports: Sequence[Report] = ()) -> str:
    """What shows that no person wrote it, in few words; "" where nothing does.

    `sender` is the return path: "" is the null one, None unknown (then the header of that name counts). `reports` is what the
    mail reports on, where `may_report` told to look.
    """
    return_path = letter.header("return-path")
    if sender == "" or (sender is None and return_path.strip() == "<>"):
        return "its return path is empty"
    for told in letter.all_of("auto-submitted"):
        if told.partition(";")[0].strip().lower() not in ("no", ""):
            return f"Auto-Submitted: {told[:40]}"
    for name in ("x-autoreply", "x-autorespond", "x-auto-reply-from", "x-mail-autoreply", "x-fc-machinegenerated"):
        if letter.header(name).strip().lower() not in ("", "no", "false"):
            return name
    for told in letter.all_of("precedence") + letter.all_of("x-precedence"):
        if told.strip().lower() in ("bulk", "list", "junk"):
            return f"Precedence: {told[:40]}"
    for name in ("list-id", "list-unsubscribe", "x-loop", "feedback-id"):
        if letter.header(name):
            return name
    if letter.media_type in ("multipart/report", "message/disposition-notification", "message/delivery-status"):
        return f"it is a report ({letter.report_type or letter.media_type})"
    if not letter.from_address or _MACHINES.fullmatch(letter.from_address):
        return f"it is from {letter.from_address or 'nobody'}"
    if _AWAY.match(letter.title) and letter.thread:
        return "its subject is that of an automatic reply, and it answers a mail"
    if reports and may_report(letter):
        return f"it reports that {reports[0].recipient} was not reached"
    return ""


def may_report(letter: Letter) -> bool:
    """Whether it may be a mail server's report though nothing in its header says so: it is worth looking for one.

    A customer who writes of a mail that did not arrive does so with a mail program.
    """
    return bool(_REPORTS.search(letter.title)) and not _is_written_by_hand(letter)


def _is_written_by_hand(letter: Letter) -> bool:
    return letter.media_type in ("multipart/alternative", "text/html") or any(map(letter.header, _OF_A_PERSON))


def is_machines_answer(letter: Letter, sender: str | None) -> bool:
    """Whether what a machine wrote is an answer to something, or a report; a machine that begins to speak says something new."""
    told = [one.partition(";")[0].strip().lower() for one in letter.all_of("auto-submitted")]
    answered = any(one not in ("no", "", "auto-generated") for one in told)
    replies = ("x-autoreply", "x-autorespond", "x-auto-reply-from", "x-mail-autoreply")
    return (
        answered
        or sender == ""
        or (sender is None and letter.header("return-path").strip() == "<>")
        or any(letter.header(name).strip().lower() not in ("", "no", "false") for name in replies)
        or letter.media_type in ("multipart/report", "message/disposition-notification", "message/delivery-status")
        or may_be_auto_reply(letter)
    )


def may_be_auto_reply(letter: Letter) -> bool:
    """Whether it may be a machine's, by signs too weak to say so, as its subject is: enough to let it command nothing."""
    told = letter.all_of("precedence") + letter.all_of("x-precedence")
    return any(one.strip().lower() in ("auto_reply", "auto-reply") for one in told) or bool(
        _REPLY_WORDS.match(letter.title) or _AWAY.match(letter.title) or _TITLES_OF_SERVERS.fullmatch(letter.title)
    )


def is_list(letter: Letter) -> bool:
    """Whether it came by a mailing list (RFC 2369, 2919), so that an answer would go to many."""
    return any(
        letter.header(name) for name in ("list-id", "list-post", "mailing-list", "x-mailing-list", "list-unsubscribe")
    )


def why_not_answered(letter: Letter, automatic: str) -> str:
    """Why no automatic reply may go back, "" where one may. `automatic` is what `why_automatic` said."""
    if automatic:
        return automatic
    for told in letter.all_of("x-auto-response-suppress"):
        asked = {one.strip().lower() for one in told.split(",")}
        if asked & {"all", "autoreply", "oof"}:
            return f"X-Auto-Response-Suppress: {told[:40]}"
    if letter.header(OUR_HEADER):
        return "it is from another Nightdesk"
    if is_list(letter):
        return "it came by a list"
    return "it may be an automatic reply itself" if may_be_auto_reply(letter) else ""
