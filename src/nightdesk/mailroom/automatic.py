"""Whether a machine wrote a mail: such a mail is never an answer, and is never answered. Pure."""

import re

from nightdesk.mailroom.letter import Letter

OUR_HEADER = "x-nightdesk"
"""What every mail of ours carries, with a mark of this installation: one that comes back is a loop."""

_MACHINES = re.compile(
    r"(mailer-daemon|mail-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|autoreply|daemon)([-+.=].*)?@.*"
)
_AWAY = re.compile(
    r"\W*(out of( the)? office|ooo\b|automatic reply|auto[- ]?reply|autoreply|auto[- ]?response|vacation|away from|"
    r"i am (currently )?(out|away)|on (annual |parental )?leave|abwesen|automatische antwort|abwesenheits|"
    r"réponse automatique|absence (du bureau|automatique)|absent|respuesta automática|fuera de la oficina|"
    r"automatisch antwoord|afwezig|risposta automatica|fuori sede|undeliver|returned mail|delivery (status|failure)|"
    r"mail delivery|failure notice|unzustellbar|read:|gelesen:|lu :|not read:)",
    re.IGNORECASE,
)


def why_automatic(letter: Letter, sender: str | None) -> str:
    """What shows that no person wrote it, in few words; "" where nothing does.

    `sender` is the return path: "" is the null one, None unknown (then the header of that name counts).
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
        if told.strip().lower() in ("bulk", "auto_reply", "auto-reply", "list", "junk"):
            return f"Precedence: {told[:40]}"
    for name in ("list-id", "list-unsubscribe", "x-loop", "feedback-id"):
        if letter.header(name):
            return name
    if letter.header(OUR_HEADER):
        return "it is a mail of ours that came back"
    if letter.media_type in ("multipart/report", "message/disposition-notification", "message/delivery-status"):
        return f"it is a report ({letter.report_type or letter.media_type})"
    if not letter.from_address or _MACHINES.fullmatch(letter.from_address):
        return f"it is from {letter.from_address or 'nobody'}"
    if _AWAY.match(letter.title):
        return "its subject is that of an automatic reply"
    return ""
