"""Alarms by plain mail: a mail to `alarm+KEY@...` is taken in by the integration's rules. Registered in `wiring`."""

from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.actors import Actor, Door
from nightdesk.mailroom.handing import Arrived, Taken
from nightdesk.paging import queries
from nightdesk.paging.actions import Raw, receive_alarm
from nightdesk.paging.formats import email_rules

FORMAT = email_rules.FORMAT.name
RAW_KEPT = 256 * 1024
"""Bytes of a mail that are kept with its alarm; the whole of it is in the mailroom."""


class NotTakenIn(RuntimeError):
    """The alarm could not be taken in just now; the mail is tried again."""


def is_alarm_key(key: str) -> bool:
    """Whether an integration has it."""
    return queries.integration_by_key(key) is not None


def take_alarm_mail(arrived: Arrived, key: str, at: datetime) -> Taken:
    """The mail is an alarm of the integration, and does what its rules say. Raises NotTakenIn."""
    integration = queries.integration_by_key(key)
    if integration is None:
        return Taken("kept", _("The key in its address is no integration's, or was revoked."))
    letter = arrived.letter
    verdict = email_rules.judge(queries.mail_rules(integration.id), email_rules.mail_of(letter))
    raw = Raw(FORMAT, arrived.raw[:RAW_KEPT], {"From": letter.from_address[:500], "Subject": letter.title[:500]})
    here = frozenset({(integration.brand_id, "machine")})
    sender = Actor("machine", str(integration.id), integration.name, grants=here, scopes=frozenset({"receive_alarm"}))
    answer = receive_alarm(
        integration=integration, raw=raw, parsed=email_rules.answer_to(verdict), by=sender, via=Door.EMAIL, at=at
    )
    if answer.status >= 500:
        raise NotTakenIn(_("The alarm could not be taken in."))
    about = ("integration", integration.id)
    does = {"trigger": _("it pages"), "resolve": _("it ends its alarm")}.get(
        verdict.signal.action if verdict.signal else "", _("it does nothing")
    )
    if verdict.rule is None:
        outcome = _("{name}: {does}, as no rule fits.").format(name=integration.name, does=does)
    else:
        outcome = _("{name}: {does}, by rule {number}.").format(
            name=integration.name, does=does, number=verdict.rule + 1
        )
    return Taken("done", outcome, about, integration.brand_id)
