"""By which ways somebody is told of their duty, and the time in their words."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from nightdesk.channels.actions import Recipient
from nightdesk.channels.registry import LOUD
from nightdesk.people.models import NotifyRule, Person
from nightdesk.people.queries import contacts_and_rules


def loud_ways(person: Person, at: datetime) -> list[Recipient]:
    """The person's ways for an urgent page, when they want them; without rules, every way at once."""
    methods, rules = contacts_and_rules([person.id])[person.id]
    wanted = [(rule.method, rule.after) for rule in rules if rule.urgency == NotifyRule.Urgency.HIGH]
    return [
        Recipient(kind="person", id=person.id, channel=method.channel, address=method.address, due_at=at + after)
        for method, after in wanted or [(method, timedelta(0)) for method in methods]
        if method.broken_at is None
    ]


def quiet_ways(person: Person, at: datetime) -> list[Recipient]:
    """The person's ways for what can wait; without such rules the ways that wake nobody, and without those every way."""
    methods, rules = contacts_and_rules([person.id])[person.id]
    usable = [method for method in methods if method.broken_at is None]
    low = {rule.method_id for rule in rules if rule.urgency == NotifyRule.Urgency.LOW}
    chosen = [method for method in usable if method.id in low]
    chosen = chosen or [method for method in usable if method.channel not in LOUD] or usable
    return [Recipient("person", person.id, method.channel, method.address, at) for method in chosen]


def local(instant: datetime, person: Person) -> str:
    """The instant by the person's clock, with the weekday."""
    return date_format(instant.astimezone(ZoneInfo(person.zone)), "D H:i")
