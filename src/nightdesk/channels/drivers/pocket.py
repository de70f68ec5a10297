"""The engineer's own page: nothing leaves the house, and the page itself says when it was shown and read."""

from django.utils.translation import gettext_lazy as _

from nightdesk.channels.driver import Driver, Outgoing, Sent, Settings


class Pocket:
    """Takes everything at once."""

    def __init__(self, settings: Settings) -> None:
        del settings

    async def send(self, outgoing: Outgoing) -> Sent:
        return Sent(str(outgoing.delivery_id))

    async def close(self) -> None:
        return


DRIVER = Driver(name="pocket", channel="pocket", label=_("Pocket page"), connect=Pocket, answers_back=True)
