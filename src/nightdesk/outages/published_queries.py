"""What each brand has published, read whole: the facts of its public page. Nothing that is not marked public is read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from nightdesk.access.models import Brand
from nightdesk.outages.effect import PART, Effect, Need, effects, graph_of
from nightdesk.outages.models import FailedPart, Outage, Part, Rules, Update, Work, WorkPart
from nightdesk.outages.published import (
    EFFECTS,
    PublishedComponent,
    PublishedOutage,
    PublishedPage,
    PublishedUpdate,
    PublishedWork,
    WorkState,
    punctuality_of,
)
from nightdesk.outages.published import Effect as EffectName
from nightdesk.outages.registries import AWAY_SINCE

WORK_STATES: Mapping[str, WorkState] = {
    Work.State.TENTATIVE: "planned",
    Work.State.ANNOUNCED: "planned",
    Work.State.IN_PROGRESS: "started",
    Work.State.COMPLETED: "ended",
    Work.State.CANCELLED: "cancelled",
}
MOST_WORKS = 100
WORK_KEPT = timedelta(days=90)
"""How long planned work is shown after its end."""
MOST_OUTAGES = 100
"""The newest that stand on a page and in its archive."""
A_YEAR = timedelta(days=365)
PARTS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""A part does not remember when it was made; programs that read the page want an instant."""

MARKS = """
SELECT b.id, md5(concat_ws('|', b.slug, b.name, b.language, b.zone, r.status_hosts::text, o.mark, p.mark, w.mark))
FROM access_brand b
LEFT JOIN outages_rules r ON r.brand_id = b.id
LEFT JOIN LATERAL (
    SELECT string_agg(concat(n.id, ' ', n.written), ',' ORDER BY n.id) AS mark
    FROM (SELECT id, concat(xmin, ctid) AS written FROM outages_outage WHERE brand_id = b.id
          ORDER BY changed_at DESC, id DESC LIMIT 100) n
) o ON true
LEFT JOIN LATERAL (
    SELECT string_agg(concat(id, public_name, position, retired_at), ',' ORDER BY id) AS mark
    FROM outages_part WHERE brand_id = b.id AND public
) p ON true
LEFT JOIN LATERAL (
    SELECT string_agg(concat(n.id, ' ', n.written), ',' ORDER BY n.id) AS mark
    FROM (SELECT id, concat(xmin, ctid) AS written FROM outages_work WHERE brand_id = b.id
          ORDER BY from_at DESC, id DESC LIMIT 100) n
) w ON true
ORDER BY b.id
"""


def marks() -> dict[int, str]:
    """Of each brand something that changes with what its page says; asked several times a second.

    Of outages and work it holds which transaction wrote each row last, and where (xmin, ctid), and no instant: two verbs at
    one instant are two marks, and so is one that commits after another with a later instant.
    """
    away = away_since()
    with connection.cursor() as cursor:
        cursor.execute(MARKS)
        return {brand_id: f"{mark} {away.isoformat()}" if away else mark for brand_id, mark in cursor.fetchall()}


def away_since() -> datetime | None:
    """Since when the main site has not been heard, where this is the second one and speaks for it; else None."""
    return next((since for ask in AWAY_SINCE if (since := ask()) is not None), None)


def published_page(brand_id: int, at: datetime) -> PublishedPage | None:
    """The brand's public page as it stands at `at`; None where nothing of it is public, so that it has none."""
    brand = Brand.objects.filter(pk=brand_id).select_related("outage_rules").first()
    if brand is None:
        return None
    parts = list(Part.objects.filter(brand=brand, public=True, retired_at=None).order_by("position", "public_name"))
    told = Outage.objects.filter(brand=brand, public=True).exclude(state=Outage.State.PROPOSED)
    outages = list(told.order_by("-began_at", "-id")[:MOST_OUTAGES])
    works = list(told_works(at).filter(brand=brand, public=True)[:MOST_WORKS])
    if not parts and not outages and not works:
        return None
    touches = _touches(brand_id, [each.pk for each in outages], {part.pk for part in parts})
    said = updates_of([each.pk for each in outages], brand.language)
    published = tuple(
        published_outage(each, each.public_title, said[each.pk], touches[each.pk]) for each in outages if said[each.pk]
    )
    return PublishedPage(
        id=str(brand.pk),
        name=brand.name,
        url=page_url(brand, hosts_of(brand)),
        zone=brand.zone,
        language=brand.language,
        components=tuple(
            PublishedComponent(str(part.pk), part.public_name, number, PARTS_SINCE)
            for number, part in enumerate(parts, 1)
        ),
        outages=published,
        work=tuple(
            published_work(each, each.public_title, brand.language, _touched_by(each, {part.pk for part in parts}))
            for each in works
        ),
        punctuality=punctuality_of(
            [each for each in published if each.state != "withdrawn" and each.told_at > at - A_YEAR], at
        ),
        last_heard_at=away_since(),
    )


def hosts_of(brand: Brand) -> list[str]:
    """The names under which the brand's page stands at `/`."""
    rules = getattr(brand, "outage_rules", None)
    return [str(host).lower() for host in rules.status_hosts] if rules is not None else []


def brand_at(host: str) -> int | None:
    """The brand whose own the name is, a port in it left aside; None for a name of the whole installation."""
    name = (host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host).lower()
    for brand_id, hosts in Rules.objects.exclude(status_hosts=[]).values_list("brand_id", "status_hosts"):
        if name in {each.lower() for each in hosts}:
            return int(brand_id)
    return None


def address_at(host: str) -> str:
    """The address of ours that whoever asked at `host` goes on with, without a slash: a brand's own name, or the installation's.

    What else stands in a request's Host header is never put into a mail, or told to anybody: whoever asks chooses it.
    """
    return f"{settings.PUBLIC_URL.partition('://')[0]}://{host}" if brand_at(host) is not None else settings.PUBLIC_URL


def address_of(brand_id: int) -> str:
    """Where links lead that the brand's customers are sent, without a slash: its first own name, or the installation's."""
    hosts = Rules.objects.filter(brand=brand_id).values_list("status_hosts", flat=True).first()
    return _own_address(hosts[0]) if hosts else settings.PUBLIC_URL


def _own_address(host: str) -> str:
    scheme, _, rest = settings.PUBLIC_URL.partition("://")
    port = rest.partition("/")[0].rpartition("]")[2].partition(":")[2]
    return f"{scheme}://{host}{f':{port}' if port else ''}"


def page_url(brand: Brand, hosts: Sequence[str]) -> str:
    """Where the brand's page is found, with a slash at its end."""
    return f"{_own_address(hosts[0])}/" if hosts else f"{settings.PUBLIC_URL}/status/{brand.slug}/"


def updates_of(outages: Iterable[UUID], language: str) -> dict[UUID, tuple[PublishedUpdate, ...]]:
    """Of each outage what was published of it, newest first, in `language` where it was written in it.

    What is published is shown whatever the instant: one that was committed a moment after the reader's clock was read would
    else be missing until something else changes.
    """
    rows = Update.objects.filter(outage__in=list(outages), published_at__isnull=False)
    rows = rows.order_by("-published_at", "-number")
    fields = (
        "id", "outage_id", "kind", "state", "texts", "published_at", "next_at", "estimate_at", "quiet", "corrects_id",
    )  # fmt: skip
    return published_updates(rows.values(*fields), language)


def published_updates(rows: Iterable[Any], language: str) -> dict[UUID, tuple[PublishedUpdate, ...]]:
    """Rows of updates (newest first) as facts, by their outage; those that a later one took the place of are marked."""
    into: dict[UUID, list[PublishedUpdate]] = defaultdict(list)
    kept = list(rows)
    replaced = {row["corrects_id"] for row in kept if row["corrects_id"]}
    for row in kept:
        into[row["outage_id"]].append(
            PublishedUpdate(
                id=str(row["id"]),
                kind=row["kind"],
                state=row["state"],
                text=text_in(row["texts"], language),
                published_at=row["published_at"],
                next_at=row["next_at"],
                estimate_at=row["estimate_at"],
                quiet=row["quiet"],
                corrected=row["id"] in replaced,
            )
        )
    return defaultdict(tuple, {outage: tuple(said) for outage, said in into.items()})


def text_in(texts: dict[str, str], language: str) -> str:
    """The words in that language; else in its main one ("de" for "de-at"), in English, or in whatever there is."""
    for wanted in (language, language.partition("-")[0], "en-gb"):
        if texts.get(wanted):
            return texts[wanted]
    return next(iter(texts.values()), "")


def published_outage(
    row: Outage, title: str, updates: tuple[PublishedUpdate, ...], touches: tuple[tuple[str, EffectName], ...] = ()
) -> PublishedOutage:
    """The row as its readers may know it, under that `title`; `updates` at least one."""
    return PublishedOutage(
        id=str(row.pk),
        number=row.number,
        title=title,
        state=cast(Any, row.state),
        severity=cast(Any, row.severity),
        began_at=row.began_at,
        resolved_at=row.resolved_at,
        updates=updates,
        touches=touches,
        next_at=row.next_update_at,
        estimate_at=row.estimate_at,
    )


def told_works(at: datetime) -> QuerySet[Work]:
    """Planned work of which something was told and that is not long over, soonest first."""
    rows = Work.objects.filter(round__gt=0, until_at__gt=at - WORK_KEPT).exclude(
        state__in=[Work.State.PROPOSED, Work.State.DISMISSED]
    )
    return rows.order_by("from_at", "id")


def published_work(
    row: Work, title: str, language: str, touches: tuple[tuple[str, EffectName], ...] = ()
) -> PublishedWork:
    """The row as its readers may know it, under that `title`."""
    return PublishedWork(
        id=str(row.pk),
        number=row.number,
        title=title,
        said=text_in(row.texts, language),
        state=WORK_STATES[row.state],
        starts_at=row.from_at,
        ends_at=row.until_at,
        sequence=max(0, row.round - 1),
        announced_at=row.announced_at or row.changed_at,
        changed_at=row.changed_at,
        touches=touches,
    )


def _touched_by(work: Work, shown: set[int]) -> tuple[tuple[str, EffectName], ...]:
    rows = WorkPart.objects.filter(work=work, part__in=shown).order_by("part")
    return tuple((str(part), EFFECTS[effect]) for part, effect in rows.values_list("part_id", "effect"))


def _touches(brand_id: int, outages: Sequence[UUID], shown: set[int]) -> dict[UUID, tuple[tuple[str, EffectName], ...]]:
    """Of each outage what it does to the parts that are shown, by what needs what now."""
    failed: dict[UUID, dict[int, Effect]] = defaultdict(dict)
    for outage, part, effect in FailedPart.objects.filter(outage__in=outages).values_list("outage", "part", "effect"):
        failed[outage][part] = Effect(effect)
    found: dict[UUID, tuple[tuple[str, EffectName], ...]] = defaultdict(tuple)
    if not failed or not shown:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.part_id, n.at_least, array_agg(m.part_id) FROM outages_need n"
            " JOIN outages_member m ON m.need_id = n.id WHERE n.brand_id = %s AND n.part_id IS NOT NULL GROUP BY n.id",
            [brand_id],
        )
        graph = graph_of([Need((PART, part), tuple(of), least) for part, least, of in cursor.fetchall()], {})
    for outage, parts in failed.items():
        done = effects(graph, parts).parts
        found[outage] = tuple((str(part), EFFECTS[done[part]]) for part in sorted(shown & done.keys()))
    return found
