"""By which ways somebody is told what can wait."""

from datetime import datetime

from nightdesk.channels.actions import Recipient
from nightdesk.channels.registry import LOUD
from nightdesk.people.models import NotifyRule, Person
from nightdesk.people.queries import contacts_and_rules


def quiet_ways(person: Person, at: datetime) -> list[Recipient]:
    """The person's ways for what can wait; without such rules the ways that wake nobody, and without those every way."""
    methods, rules = contacts_and_rules([person.id])[person.id]
    usable = [method for method in methods if method.broken_at is None]
    low = {rule.method_id for rule in rules if rule.urgency == NotifyRule.Urgency.LOW}
    chosen = [method for method in usable if method.id in low]
    chosen = chosen or [method for method in usable if method.channel not in LOUD] or usable
    return [Recipient("person", person.id, method.channel, method.address, at) for method in chosen]
