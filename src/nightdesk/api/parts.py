"""Parts, what needs them, what would happen if they failed, and in whose words customers are told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers.models import Customer, Service, Subscription
from nightdesk.knowledge import wording_actions
from nightdesk.knowledge.models import Phrase
from nightdesk.knowledge.queries import phrase_book, phrase_for
from nightdesk.outages import part_actions, part_queries
from nightdesk.outages.effect import PART, SERVICE, SUBSCRIPTION, Effect
from nightdesk.outages.models import Part, Reach
from nightdesk.outages.needs_text import Wanted
from nightdesk.outages.netbox import Wiring, plan_netbox, read_lists
from nightdesk.outages.netbox_door import fetch_lists
from nightdesk.outages.part_import_actions import PartsImport, apply_parts_import
from nightdesk.outages.part_list import PartsPlan, Problem, plan_parts

router = Router(tags=["parts"])

Kind = Literal["site", "rack", "device", "circuit", "upstream", "shared"]
Told = Literal["reduced", "degraded", "down"]
Key = Field(min_length=1, max_length=120)


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


# --- Imports ---------------------------------------------------------------------------------------------------------


class ProblemOut(Schema):
    """`place` is where it stands, such as `line 12, needs`."""

    place: str
    what: str
    so: str
    do: str


class PartsImported(Schema):
    """Keys of parts that are new, changed and retired; whose needs are new; `same`: parts as they were before."""

    dry_run: bool
    made: list[str]
    changed: list[str]
    retired: list[str]
    needs: list[str]
    same: int
    problems: list[ProblemOut]
    ignored: list[str]
    notes: list[str]


class NetBoxIn(Schema):
    """Where a NetBox is. `site` is the slug of one site alone; `roles` beginnings of roles' slugs, nearest to the core first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"brand_id": 1, "url": "https://netbox.example.net", "token": "0123456789abcdef", "dry_run": True}
            ]
        },
    )
    brand_id: Id
    url: str = Field(min_length=8, max_length=300)
    token: str = Field(min_length=1, max_length=200)
    site: str = Field("", max_length=100)
    roles: list[str] = Field([], max_length=30)
    upstream_types: list[str] = Field([], max_length=30)
    dry_run: bool = False


@router.post(
    "/parts/import",
    response=PartsImported,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "key,name,kind,needs\nsite-1,Dock Street,site,none\nsw1,Core switch,device,site-1\n",
                }
            },
        }
    },
)
def import_parts(request: HttpRequest, brand_id: Id, dry_run: bool = False, whole: bool = False) -> Any:
    """Read a CSV file of parts and needs, all of it or nothing. `whole`: parts that are not in it are retired."""
    return _imported(request, brand_id, plan_parts(request.body, whole=whole), dry_run=dry_run)


@router.post(
    "/parts/import/netbox",
    response=PartsImported,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"sites": [{"id": 1, "name": "Dock Street", "slug": "dock-street"}], "devices": []},
                }
            },
        }
    },
)
def import_netbox_lists(request: HttpRequest, brand_id: Id, dry_run: bool = False) -> Any:
    """Read NetBox's lists, as its API gives them: sites, racks, devices, circuits, circuit_terminations, cables."""
    lists = read_lists(request.body)
    plan = PartsPlan(problems=(lists,)) if isinstance(lists, Problem) else plan_netbox(lists)
    return _imported(request, brand_id, plan, dry_run=dry_run)


@router.post("/parts/import/netbox/fetch", response=PartsImported)
def import_from_netbox(request: HttpRequest, body: NetBoxIn) -> Any:
    """Ask a NetBox for its lists, and take them. The token is used for this once, and kept nowhere."""
    one(readable(request, "apply_parts_import", Brand.objects.all(), "id"), id=body.brand_id)
    lists = fetch_lists(url=body.url, token=body.token, site=body.site)
    usual = Wiring()
    wiring = Wiring(tuple(body.roles) or usual.roles, tuple(body.upstream_types) or usual.upstream_types)
    return _imported(request, body.brand_id, plan_netbox(lists, wiring), dry_run=body.dry_run)


def _imported(request: HttpRequest, brand_id: int, plan: PartsPlan, *, dry_run: bool) -> PartsImport:
    brand = one(readable(request, "apply_parts_import", Brand.objects.all(), "id"), id=brand_id)
    return apply_parts_import(brand_id=brand.pk, plan=plan, dry_run=dry_run, **_doing(request))


# --- Parts -----------------------------------------------------------------------------------------------------------


class PartIn(Schema):
    """Something that can fail. `aliases` are its names in monitoring; with a `public_name` it stands on the public page."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"brand_id": 1, "key": "sw2", "name": "Core switch 2", "kind": "device", "aliases": ["sw2.dock"]}
            ]
        },
    )
    brand_id: Id
    key: str = Key
    name: str = Field(min_length=1, max_length=200)
    kind: Kind
    aliases: list[str] = Field([], max_length=50)
    provider: str = Field("", max_length=120)
    provider_ref: str = Field("", max_length=120)
    public_name: str = Field("", max_length=120)
    position: int = Field(0, ge=0, le=2**31 - 1)


class PartOut(Schema):
    """`retired_at` null: it is in use."""

    id: int
    brand_id: int
    key: str
    name: str
    kind: str
    aliases: list[str]
    provider: str
    provider_ref: str
    public: bool
    public_name: str
    position: int
    retired_at: datetime | None


class NeedIn(Schema):
    """`at_least` of these parts, by key or by a name that monitoring has for only one; null: all of them."""

    parts: list[str] = Field(min_length=1, max_length=200)
    at_least: int | None = Field(None, ge=1, le=200)


class NeedsIn(Schema):
    """All that it needs; nothing else stands afterwards."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"needs": [{"parts": ["sw2"]}, {"parts": ["up1", "up2"], "at_least": 1}]}]},
    )
    needs: list[NeedIn] = Field(max_length=50)


class NeedOut(Schema):
    parts: list[str]
    at_least: int | None


@router.get("/parts", response=Listing[PartOut])
def list_parts(
    request: HttpRequest, cut: Query[Cut], q: str = "", kind: Kind | None = None, retired: bool = False
) -> Any:
    """Parts of your brands. `q` stands in their key, name, carrier's number or a name in monitoring."""
    rows = readable(request, "read_parts", Part.objects.filter(retired_at__isnull=not retired))
    if q:
        rows = rows.filter(
            Q(key__icontains=q) | Q(name__icontains=q) | Q(provider_ref__icontains=q) | Q(aliases__contains=[q.lower()])
        )
    if kind:
        rows = rows.filter(kind=kind)
    return list_rows(request, rows, PartOut, cut)


@router.post("/parts", response={201: PartOut})
def make_part(request: HttpRequest, body: PartIn) -> Any:
    """A part; a retired one of that key comes back."""
    return part_actions.save_part(**body.dict(), **_doing(request))


@router.get("/parts/{part_id}", response=PartOut)
def read_part(request: HttpRequest, part_id: Id) -> Any:
    """One part."""
    return _part(request, part_id)


@router.put("/parts/{part_id}", response=PartOut)
def save_part(request: HttpRequest, part_id: Id, body: PartIn) -> Any:
    """Other facts in their place; its brand stays."""
    return part_actions.save_part(**body.dict(), part_id=part_id, **_doing(request))


@router.post("/parts/{part_id}/retire", response=PartOut)
def retire_part(request: HttpRequest, part_id: Id) -> Any:
    """Take it out of use; refused while something needs it."""
    return part_actions.retire_part(part_id=part_id, **_doing(request))


def _part(request: HttpRequest, part_id: int) -> Part:
    return one(readable(request, "read_parts", Part.objects.all()), id=part_id)


def _needs(kind: str, number: int) -> list[Wanted]:
    return list(part_queries.needs_of(kind, [number]).get(number, ()))


def _told_needs(needs: Any) -> list[dict[str, Any]]:
    return [{"parts": list(need.keys), "at_least": need.at_least} for need in needs]


def _save_needs(request: HttpRequest, kind: str, number: int, body: NeedsIn) -> Any:
    wanted = [Wanted(tuple(need.parts), need.at_least) for need in body.needs]
    return _told_needs(part_actions.save_needs(owner=(kind, number), needs=wanted, **_doing(request)))


@router.get("/parts/{part_id}/needs", response=list[NeedOut])
def read_part_needs(request: HttpRequest, part_id: Id) -> Any:
    """What the part needs."""
    return _told_needs(_needs(PART, _part(request, part_id).pk))


@router.put("/parts/{part_id}/needs", response=list[NeedOut])
def save_part_needs(request: HttpRequest, part_id: Id, body: NeedsIn) -> Any:
    """Say all that the part needs. Parts that would need one another in a circle are refused."""
    return _save_needs(request, PART, part_id, body)


@router.get("/services/{service_id}/needs", response=list[NeedOut])
def read_service_needs(request: HttpRequest, service_id: Id) -> Any:
    """What the service needs, for all who buy it."""
    return _told_needs(_needs(SERVICE, one(readable(request, "read_parts", Service.objects.all()), id=service_id).pk))


@router.put("/services/{service_id}/needs", response=list[NeedOut])
def save_service_needs(request: HttpRequest, service_id: Id, body: NeedsIn) -> Any:
    """Say all that the service needs."""
    return _save_needs(request, SERVICE, service_id, body)


@router.get("/subscriptions/{subscription_id}/needs", response=list[NeedOut])
def read_subscription_needs(request: HttpRequest, subscription_id: Id) -> Any:
    """What one customer's service needs on top of what the service does."""
    rows = readable(request, "read_parts", Subscription.objects.all(), "customer__brand_id")
    return _told_needs(_needs(SUBSCRIPTION, one(rows, id=subscription_id).pk))


@router.put("/subscriptions/{subscription_id}/needs", response=list[NeedOut])
def save_subscription_needs(request: HttpRequest, subscription_id: Id, body: NeedsIn) -> Any:
    """Say all that it needs on top."""
    return _save_needs(request, SUBSCRIPTION, subscription_id, body)


# --- Reach -----------------------------------------------------------------------------------------------------------


class ReachIn(Schema):
    """`contact_id` null: all of the customer's; no `subscription_ids`: it runs over nothing that they buy of us."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channel": "email", "subscription_ids": [1]}]}
    )
    channel: Literal["email", "sms", "voice"]
    subscription_ids: list[Id] = Field(max_length=200)
    contact_id: Id | None = None


class ReachOut(Schema):
    contact_id: int | None
    channel: str
    subscription_ids: list[int]


@router.get("/customers/{customer_id}/reach", response=list[ReachOut])
def read_reaches(request: HttpRequest, customer_id: Id) -> Any:
    """Over which of their own subscriptions the customer's channels run: while one is down, they reach nobody."""
    customer = one(readable(request, "read_parts", Customer.objects.all()), id=customer_id)
    found: dict[tuple[int | None, str], list[int]] = {}
    for row in Reach.objects.filter(customer=customer).order_by("contact_id", "channel", "subscription_id"):
        found.setdefault((row.contact_id, row.channel), []).append(row.subscription_id)
    return [
        {"contact_id": contact, "channel": channel, "subscription_ids": ids}
        for (contact, channel), ids in found.items()
    ]


@router.put("/customers/{customer_id}/reach", response=ReachOut)
def save_reaches(request: HttpRequest, customer_id: Id, body: ReachIn) -> Any:
    """Say over what one channel runs, of one contact or of all of the customer's."""
    ids = part_actions.save_reach(customer_id=customer_id, **body.dict(), **_doing(request))
    return {"contact_id": body.contact_id, "channel": body.channel, "subscription_ids": ids}


# --- What would happen if --------------------------------------------------------------------------------------------


class PartTouched(Schema):
    """A part that would not work as it should."""

    id: int
    key: str
    name: str
    effect: str


class ServiceTouched(Schema):
    """The worst `effect` on those who buy it, how many subscriptions there are of each, and what the worst hit would read."""

    service: Named
    effect: str
    subscriptions: dict[str, int]
    customers: int
    words: str
    workaround: str


class Supposed(Schema):
    """What would happen. `customers` counts them by the worst effect on them; `contacts` speak for them."""

    parts: list[PartTouched]
    services: list[ServiceTouched]
    subscriptions: int
    customers: dict[str, int]
    contacts: int


class WeakPoint(Schema):
    """What goes down when the part alone does."""

    part: PartOut
    services: int
    subscriptions: int
    customers: int


@router.get("/what-if", response=Supposed)
def what_if(
    request: HttpRequest,
    brand_id: Id,
    parts: str = Query(max_length=4000),  # type: ignore[type-arg]
    effect: Told = "down",
) -> Any:
    """What the failure of these parts (keys, with commas between) would do to whom. Nothing is written."""
    brand = one(readable(request, "read_parts", Brand.objects.all(), "id"), id=brand_id)
    failed = {part.pk: Effect[effect.upper()] for part in part_queries.parts_called(brand.pk, parts)}
    found = part_queries.what_if(brand.pk, failed)
    return {
        "parts": [
            {"id": row.pk, "key": row.key, "name": row.name, "effect": each.name.lower()} for row, each in found.parts
        ],
        "services": [
            {
                "service": each.service,
                "effect": each.effect.name.lower(),
                "subscriptions": {name.name.lower(): count for name, count in each.subscriptions.items()},
                "customers": each.customers,
                "words": each.words.text,
                "workaround": each.words.workaround,
            }
            for each in found.services
        ],
        "subscriptions": found.subscriptions,
        "customers": _counted(found.customers),
        "contacts": found.contacts,
    }


def _counted(customers: Mapping[int, Effect]) -> dict[str, int]:
    values = list(customers.values())
    return {effect.name.lower(): values.count(effect) for effect in sorted(set(values), reverse=True)}


@router.get("/weak-points", response=list[WeakPoint])
def list_weak_points(request: HttpRequest, brand_id: Id) -> Any:
    """The parts whose loss alone takes a service or a subscription down, the most customers first; 200 at most."""
    brand = one(readable(request, "read_parts", Brand.objects.all(), "id"), id=brand_id)
    return [
        {"part": row, "services": len(lost.services), "subscriptions": lost.subscriptions, "customers": lost.customers}
        for row, lost in part_queries.weak_points(brand.pk)[:200]
    ]


# --- The phrase book -------------------------------------------------------------------------------------------------


class PhraseIn(Schema):
    """What an effect means for those who buy the service; `service_id` null: for services without words of their own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "effect": "down",
                    "text": "{{ service }} is down: no internet and no phones.",
                    "workaround": "Mobile phones work.",
                }
            ]
        },
    )
    brand_id: Id
    effect: Told
    text: str = Field(min_length=1, max_length=300)
    workaround: str = Field("", max_length=300)
    language: str = Field("en-gb", min_length=2, max_length=10)
    service_id: Id | None = None


class PhraseOut(Schema):
    id: int
    brand_id: int
    service_id: int | None
    effect: str
    language: str
    text: str
    workaround: str
    edited_by: str
    edited_at: datetime


class PhraseChosen(Schema):
    """`service_id` null: they are the brand's words, or those that are built in."""

    text: str
    workaround: str
    service_id: int | None
    language: str


@router.get("/phrases", response=Listing[PhraseOut])
def list_phrases(request: HttpRequest, cut: Query[Cut], service_id: Id | None = None) -> Any:
    """What customers are told of effects on services."""
    rows = readable(request, "read_templates", Phrase.objects.all())
    if service_id is not None:
        rows = rows.filter(service=service_id)
    return list_rows(request, rows, PhraseOut, cut)


@router.put("/phrases", response=PhraseOut)
def save_phrase(request: HttpRequest, body: PhraseIn) -> Any:
    """Say it; what was said before of that service, effect and language goes."""
    return wording_actions.save_phrase(**body.dict(), **_doing(request))


@router.get("/phrases/chosen", response=PhraseChosen)
def read_chosen_phrase(request: HttpRequest, service_id: Id, effect: Told, language: str = "en-gb") -> Any:
    """What somebody who reads `language` is told of that effect on the service: there always is something."""
    service = one(readable(request, "read_templates", Service.objects.all()), id=service_id)
    words = phrase_for(phrase_book(service.brand_id), service.pk, effect, language)
    return {
        "text": words.text,
        "workaround": words.workaround,
        "service_id": words.service,
        "language": words.language,
    }


@router.delete("/phrases/{phrase_id}", response={204: None})
def remove_phrase(request: HttpRequest, phrase_id: Id) -> Any:
    """Take it out of the book."""
    wording_actions.remove_phrase(phrase_id=phrase_id, **_doing(request))
    return 204, None
