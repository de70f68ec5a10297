"""Beats by plain mail: a mail to `beat+KEY@...` says that the heartbeat was heard. Registered in `wiring`.

The first word of the subject may say what: "failed" and its like, or "started"; anything else is a good beat, as cron's
mails and many backups' have subjects of their own.
"""

import re
from datetime import datetime
from typing import Literal

from django.utils.translation import gettext as _

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.mailroom.handing import Arrived, Taken
from nightdesk.paging import queries
from nightdesk.paging.heartbeat_actions import note_beat

_FIRST = re.compile(r"\W*(\w+)")
_MEANS: dict[str, Literal["fail", "start"]] = {
    **dict.fromkeys(("fail", "failed", "failure", "error", "critical", "problem"), "fail"),
    **dict.fromkeys(("start", "started", "starting"), "start"),
}


def is_beat_key(key: str) -> bool:
    """Whether a heartbeat has it."""
    return queries.heartbeat_by_key(key) is not None


def what_it_says(title: str) -> Literal["ok", "fail", "start"]:
    """What the subject of such a mail means."""
    first = _FIRST.match(title.casefold())
    return _MEANS.get(first[1], "ok") if first else "ok"


def take_beat_mail(arrived: Arrived, key: str, at: datetime) -> Taken:
    """The heartbeat was heard, or began, or failed."""
    what = what_it_says(arrived.letter.title)
    sender = Actor("machine", "", arrived.letter.from_address or _("a mail"), scopes=frozenset())
    try:
        row = note_beat(
            key=key,
            what=what,
            body=arrived.letter.text,
            sender=arrived.letter.from_address,
            by=sender,
            via=Door.EMAIL,
            at=at,
        )
    except NotFound:
        return Taken("kept", _("The key in its address is no heartbeat's."))
    said = {"ok": _("{name} was heard."), "fail": _("{name} failed."), "start": _("{name} began.")}[what]
    return Taken("done", said.format(name=row.name), ("heartbeat", row.pk), row.brand_id)
