"""What customers say of planned work: a mail to `work+KEY@` of a notice, or a calendar's own answer to it.

"This clashes" reaches whoever plans it, and the desk as any mail does, so that somebody answers. Registered in `wiring`.
"""

import re
from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Refusal
from nightdesk.channels.links import read_subject_key
from nightdesk.mailroom.automatic import may_be_auto_reply
from nightdesk.mailroom.decoding import decoded
from nightdesk.mailroom.handing import BY_ADDRESS, Arrived, Taken
from nightdesk.mailroom.letter import Letter
from nightdesk.outages import work_queries as queries
from nightdesk.outages.calendar_lines import read_events
from nightdesk.outages.work_actions import ANSWERS, SUBJECT, object_to_work

_ACCEPTED = re.compile(r"ACCEPTED|TENTATIVE|DELEGATED", re.IGNORECASE)


def is_work_key(key: str) -> bool:
    """Whether we made it for a notice."""
    return read_subject_key(ANSWERS, key) is not None


def take_work_answer(arrived: Arrived, key: str, at: datetime) -> Taken:
    """The answer to a notice: an objection, unless it is a calendar's that accepts. The desk gets it too, where it has words."""
    notice_id = read_subject_key(ANSWERS, key)
    notice = queries.notice_of(notice_id) if notice_id is not None else None
    if notice is None:
        return Taken("kept", _("The key in its address is none of ours, or the notice is gone."))
    about = (SUBJECT, notice.work_id)
    brand_id = notice.work.brand_id
    said = calendar_answer(arrived.letter)
    if _ACCEPTED.fullmatch(said):
        return Taken("done", _("Their calendar accepts {name}.").format(name=notice.work.name), about, brand_id)
    if not said and (arrived.automatic or may_be_auto_reply(arrived.letter)):
        return Taken("kept", _("A machine wrote it, so it is no answer."), about, brand_id)
    contact = queries.contact_who_wrote(notice.customer_id, arrived.letter.from_address)
    if contact is None or arrived.trust == "failed":
        return _to_the_desk(arrived, at) or Taken("kept", _("It is from nobody of the customer's."), about, brand_id)
    words = arrived.letter.own_words or arrived.letter.title
    try:
        object_to_work(
            work_id=notice.work_id,
            customer_id=notice.customer_id,
            name=contact.name,
            words=words if not said else _("Their calendar declined it. {words}").format(words=words),
            mail_id=arrived.mail_id,
            by=Actor("contact", str(contact.pk), contact.name),
            via=Door.EMAIL,
            at=at,
        )
    except Refusal as refusal:
        return Taken("kept", str(refusal), about, brand_id)
    heard = _("Whoever plans {name} hears of it.").format(name=notice.work.name)
    passed = _to_the_desk(arrived, at) if not said else None
    if passed is None:
        return Taken("done", heard, about, brand_id)
    return Taken("done", f"{heard} {passed.outcome}", passed.subject if passed.subject[0] else about, brand_id)


def calendar_answer(letter: Letter) -> str:
    """PARTSTAT of a calendar's answer (RFC 5546), in capitals; "" where the mail holds none."""
    for one in letter.attachments:
        if one.media_type in ("text/calendar", "application/ics"):
            for event in read_events(decoded(one.content, "utf-8")):
                attendee = event.first("ATTENDEE")
                if event.method == "REPLY" and attendee is not None:
                    return attendee.parameters.get("PARTSTAT", "").upper()
    return ""


def _to_the_desk(arrived: Arrived, at: datetime) -> Taken | None:
    """As a mail to a plain address; None where nobody takes those."""
    plain = BY_ADDRESS.get("")
    return plain.take(arrived, "", at) if plain is not None and not arrived.automatic else None
