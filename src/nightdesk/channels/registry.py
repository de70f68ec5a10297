"""Every way to reach a person, by the name that a route holds."""

from nightdesk.channels.driver import Driver
from nightdesk.channels.drivers import email, http_sms, outbox, pocket, twilio, twilio_voice, webhook

CHANNELS: dict[str, Driver] = {
    module.DRIVER.name: module.DRIVER for module in (email, http_sms, twilio, twilio_voice, webhook, pocket, outbox)
}
"""Name of a driver -> the driver. The outbox stands in for any channel that has no route."""

LOUD = frozenset({"sms", "voice"})
"""Channels that make a noise by a telephone: the ones that wake people."""


def built_in(channel: str) -> Driver:
    """What a channel goes by when it has no route at all: itself where it needs none, else the outbox."""
    return CHANNELS["pocket" if channel == "pocket" else "outbox"]
