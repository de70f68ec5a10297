"""What stands of parts and of what needs them, by the keys that people call them by."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.customers.models import Contact, Service, Subscription
from nightdesk.knowledge import phrases
from nightdesk.knowledge.phrase_book import Words
from nightdesk.knowledge.queries import phrase_book, phrase_for
from nightdesk.outages.effect import Effect, Effects, circle_in, effects
from nightdesk.outages.foresight import SinglePoint, single_points
from nightdesk.outages.models import FailedPart, Member, Need, Part
from nightdesk.outages.needs_text import Wanted, together
from nightdesk.outages.queries import graph_above, graph_of_brand, graph_of_parts


class UnknownPart(LookupError):
    """No part in use is called so, or several are. `key` is what was given, `so` what is wrong with it."""

    def __init__(self, key: str, so: str) -> None:
        super().__init__(f"{key}: {so}")
        self.key, self.so = key, so


class KeyBook:
    """What a brand's parts in use may be called: their keys, and such names in monitoring as only one of them has.

    `ids`: key -> the part's number.
    """

    def __init__(self, brand_id: int, keys: Collection[str]) -> None:
        rows = Part.objects.filter(Q(key__in=keys) | Q(aliases__overlap=list(keys)), brand=brand_id)
        known = list(rows)
        self._retired = {row.key for row in known if row.retired_at is not None}
        self._take(row for row in known if row.retired_at is None)

    @classmethod
    def of(cls, rows: Iterable[Part]) -> "KeyBook":
        """The book of these parts."""
        book = cls.__new__(cls)
        book._retired = set()
        book._take(rows)
        return book

    def _take(self, rows: Iterable[Part]) -> None:
        self.ids: dict[str, int] = {}
        self._by_alias: defaultdict[str, list[str]] = defaultdict(list)
        for row in rows:
            self.ids[row.key] = row.pk
            for alias in row.aliases:
                self._by_alias[alias].append(row.key)

    def resolved(self, needs: Sequence[Wanted]) -> tuple[Wanted, ...]:
        """The needs by keys alone. Raises UnknownPart."""
        return together(self._one(need) for need in needs)

    def _one(self, need: Wanted) -> Wanted:
        keys = tuple(dict.fromkeys(self._key(key) for key in need.keys))
        enough = need.at_least is not None and need.at_least >= len(keys)
        return Wanted(keys, None if enough else need.at_least)

    def _key(self, name: str) -> str:
        if name in self.ids:
            return name
        called = self._by_alias.get(name, [])
        if len(called) == 1:
            return called[0]
        if called:
            raise UnknownPart(name, _("Several parts are called %(name)s: %(keys)s.") % _of(name, called))
        if name in self._retired:
            raise UnknownPart(name, _("The part %s is retired.") % name)
        raise UnknownPart(name, _("There is no part %s.") % name)


def _of(name: str, keys: Sequence[str]) -> dict[str, str]:
    return {"name": name, "keys": ", ".join(sorted(keys)[:5])}


def needs_of(kind: str, numbers: Collection[int]) -> Mapping[int, tuple[Wanted, ...]]:
    """Owner -> what it needs, of owners of one kind (part, service, subscription); such as need nothing are not in it."""
    found: defaultdict[int, list[Wanted]] = defaultdict(list)
    members: defaultdict[int, list[str]] = defaultdict(list)
    column = f"{kind}_id"
    rows = Need.objects.filter(**{f"{column}__in": list(numbers)}).values_list(
        "id", column, "at_least", "of__part__key"
    )
    about: dict[int, tuple[int, int | None]] = {}
    for need, owner, at_least, key in rows:
        about[need] = owner, at_least
        if key is not None:
            members[need].append(key)
    for need, keys in members.items():
        owner, at_least = about[need]
        found[owner].append(Wanted(tuple(keys), at_least))
    return {owner: together(needs) for owner, needs in found.items()}


def name_of_subscription(row: Subscription) -> str:
    """How people call it: customer, service and label."""
    return ", ".join(filter(None, [row.customer.name, row.service.name, row.label]))


def names_of_owners(needs: Iterable[Need]) -> list[str]:
    """What people call those who need something, each once, parts by their keys."""
    names: dict[str, None] = {}
    for need in needs:
        if need.part is not None:
            names[need.part.key] = None
        elif need.service is not None:
            names[need.service.name] = None
        elif need.subscription is not None:
            names[name_of_subscription(need.subscription)] = None
    return list(names)


def needed_by(part_id: int) -> QuerySet[Need]:
    """The needs that the part is a member of, with their owners."""
    related = ("part", "service", "subscription__customer", "subscription__service")
    rows = Need.objects.filter(of__part=part_id, subscription__ended_at=None).select_related(*related)
    return rows.order_by("part__key", "service__name", "subscription__customer__name", "id")


def lock_parts(brand_id: int) -> None:
    """Until the transaction ends nobody else changes what the brand's parts need."""
    Brand.objects.select_for_update(no_key=True).filter(pk=brand_id).first()


def open_failures(part_ids: Collection[int]) -> dict[int, set[str]]:
    """Part -> the numbers of open outages that are about it."""
    rows = FailedPart.objects.filter(part__in=part_ids, outage__resolved_at=None).select_related("outage")
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row.part_id, set()).add(row.outage.name)
    return found


class PartsInCircle(Refusal):
    """Parts would need one another in a circle."""

    code = "parts-in-a-circle"
    status = 409
    title = "They would need one another in a circle"


def refuse_circles(brand_id: int, asked: str) -> None:
    """Raise PartsInCircle, naming them in their order, where parts of the brand need one another so."""
    circle = circle_in(graph_of_parts(brand_id))
    if circle:
        keys = dict(Part.objects.filter(id__in=circle).values_list("id", "key"))
        names = " → ".join(keys[part] for part in (*circle, circle[0]))
        raise PartsInCircle(
            asked, _("They would need one another in a circle: %s.") % names, _("Take one of these needs away."),
            parts=[keys[part] for part in circle],
        )  # fmt: skip


# --- What would happen if --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServiceTouched:
    """What would be of one service. `effect` is the worst of those who buy it, `subscriptions` how many there are of each
    effect; `words` is what the worst hit would be told, its `{{ service }}` filled in, in the brand's language.
    """

    service: Service
    effect: Effect
    subscriptions: Mapping[Effect, int]
    customers: int
    words: Words


@dataclass(frozen=True)
class Supposed:
    """What would happen if parts failed so. `parts` are all that would not work as they should, the failed ones among them."""

    effects: Effects
    parts: list[tuple[Part, Effect]]
    services: list[ServiceTouched]
    subscriptions: int
    customers: Mapping[int, Effect]
    """Customer -> the worst of theirs."""
    contacts: int
    """How many people speak for these customers."""


def parts_called(brand_id: int, text: str) -> list[Part]:
    """The brand's parts in use with these keys, or such names in monitoring as one of them has; commas or spaces between.

    Raises NotFound.
    """
    names = list(dict.fromkeys(name.lower() for name in re.split(r"[\s,;]+", text) if name))
    asked = _("Parts were asked for.")
    if not names:
        raise NotFound(asked, _("None is named."), _("Give the keys of some."))
    book = KeyBook(brand_id, names)
    try:
        keys = [need.keys[0] for name in names for need in book.resolved([Wanted((name,))])]
    except UnknownPart as unknown:
        raise NotFound(asked, unknown.so, _("Look at the list of parts.")) from unknown
    rows = {row.key: row for row in Part.objects.filter(brand=brand_id, key__in=keys)}
    return [rows[key] for key in dict.fromkeys(keys)]


def what_if(brand_id: int, failed: Mapping[int, Effect]) -> Supposed:
    """What these failures would do, the worst first. Nothing is written, and nobody is told."""
    found = effects(graph_above(brand_id, failed), failed)
    bought = Subscription.objects.filter(id__in=list(found.subscriptions)).values_list(
        "id", "service_id", "customer_id"
    )
    customers: dict[int, Effect] = {}
    by_service: defaultdict[int, Counter[Effect]] = defaultdict(Counter)
    whose: defaultdict[int, set[int]] = defaultdict(set)
    for number, service, customer in bought:
        effect = found.subscriptions[number]
        by_service[service][effect] += 1
        whose[service].add(customer)
        customers[customer] = max(customers.get(customer, Effect.WORKS), effect)
    for service in found.services:
        by_service[service].update()
    brand = Brand.objects.get(id=brand_id)
    book = phrase_book(brand_id)
    touched = []
    for row in Service.objects.filter(id__in=list(by_service)):
        worst = max([found.services.get(row.pk, Effect.WORKS), *by_service[row.pk]])
        words = phrase_for(book, row.pk, worst.name.lower(), brand.language)
        count = {effect: by_service[row.pk][effect] for effect in sorted(by_service[row.pk], reverse=True)}
        touched.append(ServiceTouched(row, worst, count, len(whose[row.pk]), _filled_in(words, row.name)))
    parts = [(row, found.parts[row.pk]) for row in Part.objects.filter(id__in=list(found.parts))]
    return Supposed(
        effects=found,
        parts=sorted(parts, key=lambda pair: (pair[0].pk not in failed, -pair[1], pair[0].key)),
        services=sorted(touched, key=lambda one: (-one.effect, -one.customers, one.service.name)),
        subscriptions=len(found.subscriptions),
        customers=customers,
        contacts=Contact.objects.filter(customer__in=list(customers), left_at=None).count(),
    )


def _filled_in(words: Words, service: str) -> Words:
    values = {"service": service}
    text, workaround = phrases.render(words.text, values), phrases.render(words.workaround, values)
    return Words(text, workaround, words.service, words.language)


def weak_points(brand_id: int) -> list[tuple[Part, SinglePoint]]:
    """The parts in use whose loss alone takes a service or a subscription down, the most customers first."""
    parts = {row.pk: row for row in Part.objects.filter(brand=brand_id, retired_at=None)}
    rows = Subscription.objects.filter(customer__brand=brand_id).values_list("id", "customer_id")
    found = single_points(graph_of_brand(brand_id), sorted(parts), dict(rows))
    return [(parts[one.part], one) for one in found]


def unneeded(rows: QuerySet[Part]) -> QuerySet[Part]:
    """Those of the parts that are in use and that nothing needs."""
    return rows.filter(~Exists(Member.objects.filter(part=OuterRef("pk"))), retired_at=None)
