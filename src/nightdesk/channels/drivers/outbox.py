"""What a channel without a provider does: the message stays in the ledger, where everybody sees what would have been sent."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.channels.driver import Driver, Outgoing, Sent, Settings


class Outbox:
    """Takes everything, and sends nothing."""

    def __init__(self, settings: Settings) -> None:
        del settings

    async def send(self, outgoing: Outgoing) -> Sent:
        return Sent(str(outgoing.delivery_id), reason=_("No provider is set: kept in the outbox."))

    async def close(self) -> None:
        return


DRIVER = Driver(name="outbox", channel="", label=gettext_lazy("Outbox"), connect=Outbox)
