"""Who hears of an outage, and how: facts about the customers that it touches in, addresses out.

This is the rule, written to be read. What fills the ledger is one statement of SQL, `audience_query.SELECT`; that both say the
same of any customers is a property in the tests.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from nightdesk.outages.effect import Effect

EMAIL, SMS = "email", "sms"
PUSH, WEBHOOK = "push", "webhook"
CHANNELS = frozenset({EMAIL, SMS, PUSH, WEBHOOK})
DAY_FROM, DAY_UNTIL = 7 * 60, 22 * 60
"""Between these minutes of their day, the end open, anybody may be texted who did not say otherwise."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody of a customer. `email` and `mobile` are "" where there is none, or where it is not known to be theirs; `push` and
    `webhook`, the id of what they set up to be told by, likewise.
    """

    id: int
    customer: int
    email: str = ""
    mobile: str = ""
    zone: str = "UTC"
    texted_at_night: bool = False
    left: bool = False
    push: str = ""
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A subscription that the outage touches: `effect` now, WORKS where it works again; `worst` the worst that it was."""

    subscription: int
    customer: int
    service: int
    effect: Effect
    worst: Effect


@dataclass(frozen=True, slots=True)
class Wish:
    """As `models.Wish`: of a contact or (None) of all of a customer's; of a service or (None) of every one."""

    customer: int
    contact: int | None
    service: int | None
    channels: frozenset[str]
    min_effect: Effect = Effect.REDUCED
    texts_from: int | None = None
    texts_until: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """`channel` of the customer's contact (None: of all of theirs) runs over `subscription`."""

    customer: int
    contact: int | None
    channel: str
    subscription: int


@dataclass(frozen=True, slots=True)
class Told:
    """This contact was sent something of the outage before, there."""

    contact: int
    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when an update goes out at `at`. `effect_told`: customer -> the effect that they were told last.

    `ending`: the update ends the outage. Hits are those of every customer it touches or touched.
    """

    at: datetime
    hits: Sequence[Hit]
    contacts: Sequence[Contact]
    wishes: Sequence[Wish] = ()
    reaches: Sequence[Reach] = ()
    told: Sequence[Told] = ()
    effect_told: Mapping[int, Effect] = field(default_factory=dict)
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One message to one contact: `effect` is what it is about, WORKS for the news that it works again."""

    contact: int
    channel: str
    address: str
    effect: Effect


def audience(facts: Facts) -> frozenset[Line]:
    """Everybody who hears of it, once a channel.

    Whoever was told anything before is told of the end, and that theirs works again, where they were told before, whatever
    they wish by now.
    """
    lines: set[Line] = set()
    hits = _by_customer(facts.hits)
    for contact in facts.contacts:
        mine = hits.get(contact.customer, ())
        if not mine:
            continue
        now = max(hit.effect for hit in mine)
        before = [told for told in facts.told if told.contact == contact.id]
        again = now is Effect.WORKS and facts.effect_told.get(contact.customer, Effect.WORKS) is not Effect.WORKS
        if facts.ending or again:
            said = Effect.WORKS
            lines |= {Line(contact.id, told.channel, told.address, said) for told in before}
            if not before and facts.ending and not contact.left:
                lines |= {Line(contact.id, *way, said) for way in ways(contact, mine, facts, ended=True)}
        elif not contact.left:
            effect = max((hit.effect for hit in mine if _wanted(contact, hit, hit.effect, facts)), default=Effect.WORKS)
            lines |= {Line(contact.id, *way, effect) for way in ways(contact, mine, facts, ended=False)}
    return frozenset(lines)


def ways(contact: Contact, hits: Iterable[Hit], facts: Facts, *, ended: bool) -> frozenset[tuple[str, str]]:
    """(channel, address) of every way that the contact hears of what hits their company. `ended`: of its end, so that the worst
    that it was counts and nothing is cut any more.

    A browser and a program come on top: whoever set them up and said nothing else is told there too. Where they are wished
    for and gone, mail takes their place.
    """
    known = ((EMAIL, contact.email), (SMS, contact.mobile), (PUSH, contact.push), (WEBHOOK, contact.webhook))
    addresses = {channel: address for channel, address in known if address}
    chosen: set[str] = set()
    strict = False
    for hit in hits:
        effect = hit.worst if ended else hit.effect
        wish = wish_of(contact, hit.service, facts.wishes)
        if effect is Effect.WORKS or not _wanted(contact, hit, effect, facts):
            continue
        wanted = set(wish.channels) if wish else _usual(effect) | ({PUSH, WEBHOOK} & addresses.keys())
        if SMS in wanted and not _may_text(contact, wish, facts.at):
            wanted = wanted - {SMS} | {EMAIL}
            strict = strict or (wish is not None and wish.texts_from is not None)
        chosen |= wanted
    if not {PUSH, WEBHOOK} & chosen <= addresses.keys():
        chosen.add(EMAIL)
    cut = frozenset() if ended else _cut(contact, hits, facts.reaches)
    if (EMAIL in chosen and (EMAIL in cut or EMAIL not in addresses) and not strict) or (
        SMS in chosen and (SMS in cut or SMS not in addresses)
    ):
        chosen |= {EMAIL, SMS}
    return frozenset((channel, addresses[channel]) for channel in chosen if channel in addresses)


def _usual(effect: Effect) -> set[str]:
    return {EMAIL, SMS} if effect is Effect.DOWN else {EMAIL}


def wish_of(contact: Contact, service: int, wishes: Collection[Wish]) -> Wish | None:
    """The wish that counts: the contact's own before their company's, one of this service before one of every service."""
    fitting = [
        wish
        for wish in wishes
        if wish.customer == contact.customer and wish.contact in (None, contact.id) and wish.service in (None, service)
    ]
    return max(fitting, key=lambda wish: (wish.contact is not None, wish.service is not None), default=None)


def _wanted(contact: Contact, hit: Hit, effect: Effect, facts: Facts) -> bool:
    wish = wish_of(contact, hit.service, facts.wishes)
    return effect is not Effect.WORKS and (wish is None or (bool(wish.channels) and effect >= wish.min_effect))


def _may_text(contact: Contact, wish: Wish | None, at: datetime) -> bool:
    """Whether a text may go to them at this hour of their day."""
    local = at.astimezone(ZoneInfo(contact.zone))
    minute = local.hour * 60 + local.minute
    if wish is None or wish.texts_from is None or wish.texts_until is None:
        return contact.texted_at_night or DAY_FROM <= minute < DAY_UNTIL
    if wish.texts_from == wish.texts_until:
        return True
    if wish.texts_from < wish.texts_until:
        return wish.texts_from <= minute < wish.texts_until
    return minute >= wish.texts_from or minute < wish.texts_until


def _cut(contact: Contact, hits: Iterable[Hit], reaches: Iterable[Reach]) -> frozenset[str]:
    """The channels to them that run over what is down."""
    down = {hit.subscription for hit in hits if hit.effect is Effect.DOWN}
    return frozenset(
        reach.channel
        for reach in reaches
        if reach.customer == contact.customer and reach.contact in (None, contact.id) and reach.subscription in down
    )


def _by_customer(hits: Iterable[Hit]) -> dict[int, list[Hit]]:
    found: dict[int, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.customer, []).append(hit)
    return found
