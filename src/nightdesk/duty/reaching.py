"""By which ways somebody is told of their duty, and of its plan."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.formats import date_format

from nightdesk.channels.actions import Recipient
from nightdesk.channels.registry import LOUD
from nightdesk.people.models import ContactMethod, NotifyRule, Person, Team
from nightdesk.people.queries import contacts_and_rules, cut_off


def recipients(person: Person, at: datetime) -> list[Recipient]:
    """As `ways`, without the methods."""
    return [recipient for _method, recipient in ways(person, at)]


def ways(person: Person, at: datetime) -> list[tuple[ContactMethod, Recipient]]:
    """The person's ways for an urgent page, when they want them; without rules, every way at once."""
    methods, rules = contacts_and_rules([person.id])[person.id]
    usable = usable_of(person, methods, at)
    wanted = [
        (rule.method, rule.after) for rule in rules if rule.urgency == NotifyRule.Urgency.HIGH and rule.method in usable
    ]
    return [
        (method, Recipient("person", person.id, method.channel, method.address, at + after))
        for method, after in wanted or [(method, timedelta(0)) for method in methods]
        if method in usable
    ]


def all_ways(person: Person, at: datetime, *, loud: bool) -> list[Recipient]:
    """Every way to the person that is not broken; without `loud` the quiet ones, where there are any."""
    methods, _rules = contacts_and_rules([person.id])[person.id]
    usable = usable_of(person, methods, at)
    quiet = [method for method in usable if method.channel not in LOUD]
    chosen = usable if loud or not quiet else quiet
    return [Recipient("person", person.id, method.channel, method.address, at) for method in chosen]


def quiet_ways(person: Person, at: datetime) -> list[Recipient]:
    """By their rules for what is not urgent, else by every way that wakes nobody; none where they have no such."""
    methods, rules = contacts_and_rules([person.id])[person.id]
    wanted = [rule.method for rule in rules if rule.urgency == NotifyRule.Urgency.LOW] or methods
    usable = usable_of(person, [method for method in wanted if method.channel not in LOUD], at)
    return [Recipient("person", person.id, method.channel, method.address, at) for method in usable]


def usable_of(person: Person, methods: list[ContactMethod], at: datetime) -> list[ContactMethod]:
    """Those that are not broken, without what a fault has cut off; where that leaves none, with it."""
    working = [method for method in methods if method.broken_at is None]
    cut = cut_off([person.pk], at)
    return [method for method in working if method.pk not in cut] or working


def managers_of(person: Person, brand_id: int) -> list[Person]:
    """Who manages a team of theirs; where nobody does, who manages one of the brand's. They themselves are not among them."""
    managers = Person.objects.filter(
        Q(id__in=Team.objects.filter(members=person).values("manager"))
        | Q(id__in=Team.objects.filter(brand=brand_id).values("manager")),
        active=True,
    ).exclude(id=person.id)
    own_team = managers.filter(id__in=Team.objects.filter(members=person).values("manager"))
    return list(own_team) or list(managers)


def local(instant: datetime, person: Person) -> str:
    """The instant by the person's clock, with the weekday."""
    return date_format(instant.astimezone(ZoneInfo(person.zone)), "D H:i")
