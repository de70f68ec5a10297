"""The demo company's handovers: what the night has to say to the next one, and who stands behind it."""

from datetime import datetime
from typing import Any

from nightdesk.base.actors import Door
from nightdesk.duty import handover_actions
from nightdesk.duty.models import Hold
from nightdesk.people.queries import actor_of_person
from nightdesk.rota.standby_actions import set_standby

WORDS = (
    "Dock Street hums since Sunday: the UPS, not us. The landlord knows, ticket with them 4471.\n"
    "Harbour Foods ring before they write. Be kind; it is stocktaking."
)
WATCHED = ("Fan tray of core1 in Dock Street: replace it when it screams", "Carrier work in Mill Lane may overrun")


def hand_over(at: datetime, doing: dict[str, Any]) -> None:
    """The backup stands behind the night, and the night has written its note."""
    set_standby(seat_key="night", standby_key="backup", **doing)
    holder = Hold.objects.get(seat__key="night", until_at=None).person_id
    by = {"by": actor_of_person(holder), "via": Door.WEB, "at": at}
    handover_actions.write_note(seat_key="night", words=WORDS, left_out=[], **by)
    for words in WATCHED:
        handover_actions.add_watch_item(seat_key="night", words=words, **by)
