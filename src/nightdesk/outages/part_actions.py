"""Verbs of parts: what can fail, what needs what, and which ways to reach a customer run over what they buy."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.csv_table import BadField
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.base.unique import unless_taken
from nightdesk.customers.models import Contact, Customer, Service, Subscription
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages import part_queries
from nightdesk.outages.effect import PART, SERVICE, SUBSCRIPTION, Owner
from nightdesk.outages.models import Member, Need, Part, Reach
from nightdesk.outages.needs_text import MOST_MEMBERS, MOST_NEEDS, Unreadable, Wanted, key_of, together, write_needs
from nightdesk.outages.part_list import as_aliases

PART_SAVED = kind("part.saved", gettext_lazy("{by} saved the part {part}"))
PART_RETIRED = kind("part.retired", gettext_lazy("{by} retired the part {part}"))
NEEDS_SAVED = kind("needs.saved", gettext_lazy("{by} said what {owner} needs: {needs}"))
REACH_SAVED = kind("reach.saved", gettext_lazy("{by} said over what {channel} of {whose} runs: {over}"))

CHANNELS = ("email", "sms", "voice")
"""Ways to reach a contact that may run over what their company buys."""


class PartNeeded(Refusal):
    """Something still needs the part, or an outage is about it."""

    code = "part-needed"
    status = 409
    title = "Something still needs it"


@transaction.atomic
def save_part(
    *,
    brand_id: int,
    key: str,
    name: str,
    kind: str,
    aliases: Sequence[str] = (),
    provider: str = "",
    provider_ref: str = "",
    public_name: str = "",
    position: int = 0,
    part_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Part:
    """Something that can fail is as given; with a `public_name` it stands on the public page. Repeating it changes nothing.

    `part_id`: one that is there; its brand stays. A retired one of the same key is taken into use again.
    Raises Forbidden, NotFound, Invalid (also where the brand has another part of that key).
    """
    asked = _("The part %s was to be saved.") % key[:40]
    if part_id is None:
        require(by, "save_part", brand_id)
        if not Brand.objects.filter(id=brand_id).exists():
            raise NotFound(asked, _("There is no such brand."), _("Choose one of the list."))
        kept = _key(key, asked)
        row = Part.objects.select_for_update().filter(brand=brand_id, key=kept).first() or Part(brand_id=brand_id)
    else:
        row = _locked(part_id, "save_part", by)
    fields = _fields(key, name, kind, aliases, provider, provider_ref, public_name, position, asked)
    changed = [field for field, value in fields.items() if getattr(row, field) != value]
    taken = (_("The brand has a part of that key."), _("Change that one, or give this another key."))
    if part_id is None and row.pk is not None and row.retired_at is None and changed:
        raise Invalid(asked, *taken)
    if row.retired_at is not None:
        fields["retired_at"] = None
        changed.append("retired_at")
    if row.pk is not None and not changed:
        return row
    for field, value in fields.items():
        setattr(row, field, value)
    with unless_taken(asked, *taken):
        if row.pk is None:
            row.save(force_insert=True)
        else:
            row.save(update_fields=changed)
    _record(PART_SAVED, row, {"part": row.key, "changed": changed}, by, via, at)
    return row


def _fields(
    key: str,
    name: str,
    kind_of: str,
    aliases: Sequence[str],
    provider: str,
    provider_ref: str,
    public_name: str,
    position: int,
    asked: str,
) -> dict[str, Any]:
    """The columns as they are kept. Raises Invalid."""
    if kind_of not in Part.Kind.values:
        raise Invalid(
            asked, _("%r is no kind of part.") % kind_of[:20], _("Choose one of: %s.") % ", ".join(Part.Kind.values)
        )
    if not 0 <= position < 2**31:
        raise Invalid(asked, _("%d is no place on a page.") % position, _("Give a number from 0 on."))
    try:
        kept = list(as_aliases(one_line(alias, 200, _("name in monitoring")) for alias in aliases))
    except BadField as bad:
        raise Invalid(asked, bad.so, bad.do) from bad
    public_name = one_line(public_name, 120, _("name for the public"), may_be_empty=True)
    return {
        "key": _key(key, asked),
        "name": one_line(name, 200, _("name")),
        "kind": kind_of,
        "aliases": kept,
        "provider": one_line(provider, 120, _("carrier"), may_be_empty=True),
        "provider_ref": one_line(provider_ref, 120, _("carrier's number"), may_be_empty=True),
        "public": bool(public_name),
        "public_name": public_name,
        "position": position,
    }


def _key(key: str, asked: str) -> str:
    try:
        return key_of(key)
    except Unreadable as bad:
        raise Invalid(asked, bad.so, bad.do) from bad


@transaction.atomic
def retire_part(*, part_id: int, by: Actor, via: Door, at: datetime) -> Part:
    """It is in use no more, and needs nothing. Repeating it changes nothing.

    Raises Forbidden, NotFound, PartNeeded (naming what needs it, or the open outage that is about it).
    """
    brand_id = Part.objects.filter(id=part_id).values_list("brand_id", flat=True).first()
    require(by, "retire_part", brand_id)
    if brand_id is not None:
        part_queries.lock_parts(brand_id)
    row = _locked(part_id, "retire_part", by)
    if row.retired_at is not None:
        return row
    asked = _("The part %s was to be retired.") % row.key
    if needing := part_queries.names_of_owners(Need.objects.filter(of__part=row).distinct()[:6]):
        raise PartNeeded(
            asked, _("It is needed by %s.") % _listed(needing), _("Say first what they need in its place.")
        )
    if failing := part_queries.open_failures([row.pk]):
        raise PartNeeded(asked, _("%s is about it.") % ", ".join(sorted(failing[row.pk])), _("Let that be over first."))
    row.retired_at = at
    row.save(update_fields=["retired_at"])
    Need.objects.filter(part=row).delete()
    _record(PART_RETIRED, row, {"part": row.key}, by, via, at)
    return row


def _listed(names: Sequence[str]) -> str:
    """The first five of them."""
    return ", ".join(names[:5]) + (_(" and more") if len(names) > 5 else "")


@transaction.atomic
def save_needs(*, owner: Owner, needs: Sequence[Wanted], by: Actor, via: Door, at: datetime) -> tuple[Wanted, ...]:
    """The part, the service or the subscription needs exactly this, by keys of parts or names that monitoring has for one.

    Returns the needs as they stand. Repeating it changes nothing. Of two at once for the same brand the later sees what the
    earlier did. Raises Forbidden, NotFound, Invalid (no such part in the brand, a retired one, more asked for than there
    are), PartsInCircle (naming them).
    """
    kind_of, number = owner
    brand_id, name = _owner(kind_of, number)
    require(by, "save_needs", brand_id)
    asked = _("What %s needs was to be saved.") % name
    if brand_id is None:
        raise NotFound(asked, _("There is no such thing."), _("Look at the list."))
    part_queries.lock_parts(brand_id)
    if kind_of == PART and Part.objects.filter(id=number, retired_at__isnull=False).exists():
        raise IllegalTransition(asked, _("It is retired."), _("Take it into use again first."))
    wanted = _checked(needs, asked)
    book = part_queries.KeyBook(brand_id, [key for need in wanted for key in need.keys])
    try:
        resolved = book.resolved(wanted)
    except part_queries.UnknownPart as unknown:
        raise Invalid(asked, unknown.so, _("Give the key of a part of this brand that is in use.")) from unknown
    if resolved == part_queries.needs_of(kind_of, [number]).get(number, ()):
        return resolved
    Need.objects.filter(**{f"{kind_of}_id": number}).delete()
    for need in resolved:
        row = Need.objects.create(brand_id=brand_id, at_least=need.at_least, **{f"{kind_of}_id": number})
        Member.objects.bulk_create(Member(need=row, part_id=book.ids[key]) for key in need.keys)
    if kind_of == PART:
        part_queries.refuse_circles(brand_id, asked)
    facts = {"owner": name, "needs": write_needs(resolved)}
    record(NEEDS_SAVED, subject=(kind_of, number), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return resolved


def _checked(needs: Sequence[Wanted], asked: str) -> tuple[Wanted, ...]:
    """The needs with each said once. Raises Invalid."""
    kept = []
    for need in needs:
        keys = tuple(dict.fromkeys(_key(key, asked) for key in need.keys))
        if not keys or len(keys) > MOST_MEMBERS or len(needs) > MOST_NEEDS:
            so = _("A need names 1 to %(members)d parts, and there are at most %(needs)d needs.")
            raise Invalid(asked, so % {"members": MOST_MEMBERS, "needs": MOST_NEEDS}, _("Put a part between."))
        if need.at_least is not None and not 1 <= need.at_least <= len(keys):
            raise Invalid(
                asked,
                _("%(asked)d of %(there)d parts are asked for.") % {"asked": need.at_least, "there": len(keys)},
                _("Ask for at least 1, and for no more than there are."),
            )
        kept.append(Wanted(keys, None if need.at_least == len(keys) else need.at_least))
    return together(kept)


def _owner(kind_of: str, number: int) -> tuple[int | None, str]:
    """(brand, what people call it); (None, ...) for one that there is not."""
    if kind_of == PART:
        row = Part.objects.filter(id=number).values_list("brand_id", "key").first()
    elif kind_of == SERVICE:
        row = Service.objects.filter(id=number).values_list("brand_id", "name").first()
    elif kind_of == SUBSCRIPTION:
        bought = Subscription.objects.select_related("customer", "service").filter(id=number).first()
        row = (bought.customer.brand_id, part_queries.name_of_subscription(bought)) if bought else None
    else:
        raise Invalid(
            _("Needs of a %r were to be saved.") % kind_of[:20], _("Such a thing needs nothing."),
            _("Choose a part, a service or a subscription."),
        )  # fmt: skip
    return row or (None, f"{kind_of} {number}")


@transaction.atomic
def save_reach(
    *,
    customer_id: int,
    channel: str,
    subscription_ids: Sequence[int],
    contact_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> list[int]:
    """The channel reaches the customer, or this contact alone, over exactly these subscriptions of theirs; [] for none.

    While one of them is down, what was sent by the channel does not count as told. Returns their ids. Repeating it changes
    nothing. Raises Forbidden, NotFound, Invalid.
    """
    customer = Customer.objects.select_for_update(no_key=True).filter(id=customer_id).first()
    require(by, "save_reach", customer.brand_id if customer else None)
    asked = _("Over what a channel runs was to be saved.")
    if customer is None:
        raise NotFound(asked, _("There is no such customer."), _("Look at the list."))
    contact = Contact.objects.filter(id=contact_id, customer=customer).first() if contact_id is not None else None
    if contact_id is not None and contact is None:
        raise NotFound(asked, _("The customer has no such contact."), _("Look at the list of theirs."))
    if channel not in CHANNELS:
        raise Invalid(asked, _("%r is no such channel.") % channel[:20], _("Choose one of: %s.") % ", ".join(CHANNELS))
    bought = list(Subscription.objects.filter(id__in=subscription_ids, customer=customer).select_related("service"))
    if {row.pk for row in bought} != set(subscription_ids):
        raise NotFound(asked, _("The customer does not buy all of that."), _("Choose of what they buy."))
    standing = Reach.objects.filter(customer=customer, contact=contact, channel=channel)
    wanted = sorted(row.pk for row in bought)
    if sorted(standing.values_list("subscription_id", flat=True)) == wanted:
        return wanted
    standing.delete()
    Reach.objects.bulk_create(
        Reach(customer=customer, contact=contact, channel=channel, subscription_id=each) for each in wanted
    )
    over = ", ".join(f"{row.service.name} {row.label}".strip() for row in bought) or _("nothing that they buy of us")
    facts = {"channel": channel, "whose": contact.name if contact else customer.name, "over": over}
    record(
        REACH_SAVED, subject=("customer", customer.pk), by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts
    )
    return wanted


def _locked(part_id: int, verb: str, by: Actor) -> Part:
    row = Part.objects.select_for_update().filter(id=part_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(_("You asked for a part."), _("There is no such part."), _("Look at the list."))
    return row


def _record(kind_of: str, row: Part, facts: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    record(kind_of, subject=("part", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=dict(facts))
