"""Registries that low rooms keep and high rooms fill: handlers of promises, verbs of answers, threads of the worker."""

from nightdesk.base import promises, worker
from nightdesk.channels.models import Delivery

PARTITIONED = ("journal_entry", "channels_delivery", "channels_attempt")


def connect() -> None:
    """Fill every registry; called once at start."""
    worker.LEASED.append(Delivery)
    promises.HANDLERS |= {}
