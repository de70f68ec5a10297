"""Every way to reach a person, by the name that a route holds."""

from nightdesk.channels.driver import Driver
from nightdesk.channels.drivers import (
    apprise,
    email,
    http_sms,
    outbox,
    pocket,
    push,
    smpp,
    snpp,
    tap,
    twilio,
    twilio_voice,
    webhook,
)

ALL = (email, smpp, http_sms, twilio, twilio_voice, snpp, tap, apprise, webhook, push, pocket, outbox)
CHANNELS: dict[str, Driver] = {module.DRIVER.name: module.DRIVER for module in ALL}
"""Name of a driver -> the driver. The outbox stands in for any channel that has no route."""

NEED_NO_ROUTE = frozenset({"pocket", "push"})
"""Channels that work without anything being set up."""

LOUD = frozenset({"sms", "voice"})
"""Channels that make a noise by a telephone: the ones that wake people."""


def built_in(channel: str) -> Driver:
    """What a channel goes by when it has no route at all: itself where it needs none, else the outbox."""
    return CHANNELS[channel if channel in NEED_NO_ROUTE else "outbox"]
