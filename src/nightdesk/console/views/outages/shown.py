"""Outages as the screen shows them: their words and tones, a row, a card, what may be said of one to whoever rings."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.formats import localize
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.matrix import brands_for
from nightdesk.console.templatetags.times import age_text, clock
from nightdesk.console.views.staff import StaffRequest, found, may, within
from nightdesk.outages import decide, queries, wording
from nightdesk.outages.models import Affected, Outage, Update
from nightdesk.outages.preview import Preview, preview_of_holding

SEVERITIES = {
    "minor": gettext_lazy("Minor"),
    "major": gettext_lazy("Major"),
    "critical": gettext_lazy("Critical"),
}
EFFECTS = {
    0: gettext_lazy("Works again"),
    1: gettext_lazy("No reserve"),
    2: gettext_lazy("Works badly"),
    3: gettext_lazy("Down"),
}
"""`Effect` in two words at most."""
EFFECT_TONES = {0: "calm", 1: "", 2: "accent", 3: "fire"}
TONES = {
    "proposed": "accent",
    "investigating": "fire",
    "identified": "accent",
    "monitoring": "sky",
    "resolved": "calm",
    "withdrawn": "",
}
ROLES = {"lead": gettext_lazy("Lead"), "fixer": gettext_lazy("Fixer"), "voice": gettext_lazy("Voice")}
KINDS = {
    "holding": gettext_lazy("Holding statement"),
    "correction": gettext_lazy("Correction"),
    "withdrawal": gettext_lazy("No fault"),
    "post_incident": gettext_lazy("What happened"),
}
"""Kinds of updates that are named beside the state that they lead to."""


def outages_of(request: StaffRequest) -> QuerySet[Outage]:
    """Those of the brands whose outages the reader may see."""
    rows = Outage.objects.filter(within(request.brands))
    return rows.select_related("brand", "lead", "fixer", "voice", "page")


def one(request: StaffRequest, outage_id: UUID) -> Outage:
    """The outage, if its brand is the reader's. Raises NotFound."""
    return found(outages_of(request).filter(id=outage_id), _("You asked for an outage."))


def sees_room(request: StaffRequest, brand_id: int) -> bool:
    """Whether the reader may see the inside: causes, our own titles, customers' names. Else only what was approved."""
    return may(request, "read_outage_room", brand_id)


def title_of(request: StaffRequest, outage: Outage) -> str:
    """What the reader may call it."""
    if sees_room(request, outage.brand_id):
        return outage.title
    return outage.public_title or _("Fault at {brand}").format(brand=outage.brand.name)


def state_tag(outage: Outage) -> dict[str, str]:
    """Where it stands, as a word in a colour."""
    return {"text": wording.state_words(outage.state), "tone": TONES[outage.state]}


def is_late(outage: Outage, at: datetime) -> bool:
    """Whether its next update was due before `at`."""
    return outage.is_open and outage.next_update_at is not None and outage.next_update_at < at


def late_text(outage: Outage, at: datetime) -> str:
    """ "12 min late"; "" where nothing is."""
    if outage.next_update_at is None or not is_late(outage, at):
        return ""
    return _("{age} late").format(age=age_text((at - outage.next_update_at).total_seconds()))


def touched_text(customers: int, services: int | None = None) -> str:
    """ "61 customers, 214 services"."""
    said = [ngettext("{count} customer", "{count} customers", customers).format(count=localize(customers))]
    if services is not None:
        said.append(ngettext("{count} service", "{count} services", services).format(count=localize(services)))
    return ", ".join(said)


def counts_of(outages: Collection[UUID]) -> Mapping[UUID, int]:
    """Outage -> how many customers it touches now, or did."""
    rows = Affected.objects.filter(outage__in=outages).values_list("outage").annotate(n=Count("id"))
    return dict(rows)


def outage_row(request: StaffRequest, outage: Outage, customers: int, latest: Update | None) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    inside = sees_room(request, outage.brand_id)
    details = [outage.name, touched_text(customers) if inside and customers else ""]
    if outage.next_update_at is not None and outage.is_open:
        due = clock(outage.next_update_at, request.at)
        details.append(_("next update due {time}").format(time=due))
    if not inside and latest is not None:
        details.append(statement_of(latest))
    late = late_text(outage, request.at)
    return {
        "at": outage.began_at,
        "title": title_of(request, outage),
        "url": reverse("console:outage", args=[outage.id]),
        "detail": " · ".join(text for text in details if text),
        "tags": [
            *([{"text": late, "tone": "fire"}] if late else []),
            *([{"text": str(SEVERITIES[outage.severity]), "tone": ""}] if inside else []),
            state_tag(outage),
        ],
    }


def statement_of(update: Update) -> str:
    """Its words in the brand's language, which everybody there reads."""
    own = update.outage.brand.language
    return queries.text_in(update, own, own)


# ---- How many, at what price ----------------------------------------------------------------------------------------


def reach_text(preview: Preview) -> str:
    """ "148 people: 148 mails, 74 texts of 2 parts, about 20 s, 5.92 GBP ex VAT"."""
    people = ngettext("{count} person", "{count} people", preview.people).format(count=localize(preview.people))
    said = messages_text(preview)
    return f"{people}: {said}" if said else people


def messages_text(preview: Preview) -> str:
    """The same without the people."""
    said = []
    if preview.mails:
        said.append(ngettext("{count} mail", "{count} mails", preview.mails).format(count=localize(preview.mails)))
    if preview.texts:
        text = ngettext("{count} text", "{count} texts", preview.texts).format(count=localize(preview.texts))
        if preview.text_parts != preview.texts:
            about = "" if preview.is_counted else _("about") + " "
            text += " " + _("in {about}{count} parts").format(about=about, count=localize(preview.text_parts))
        said.append(text)
    if preview.browsers:
        words = ngettext("{count} browser", "{count} browsers", preview.browsers)
        said.append(words.format(count=localize(preview.browsers)))
    if preview.programs:
        words = ngettext("{count} program", "{count} programs", preview.programs)
        said.append(words.format(count=localize(preview.programs)))
    if preview.seconds is not None and preview.seconds > 1:
        said.append(_("about {time}").format(time=time_text(preview.seconds)))
    if preview.cost is not None:
        said.append(_("{cost} ex VAT").format(cost=preview.cost))
    elif preview.texts:
        said.append(_("no price is set for texts"))
    return ", ".join(said)


def time_text(seconds: int) -> str:
    """ "20 s", "4 min"."""
    return _("{count} s").format(count=seconds) if seconds < 120 else age_text(seconds + 30)


# ---- On other screens -----------------------------------------------------------------------------------------------


def outage_card(request: StaffRequest, outage: Outage) -> dict[str, Any]:
    """What parts/outage_card.html draws on Tonight and in a page's story: the state of it, and what one press does."""
    at = request.at
    customers = queries.affected_count(outage.pk)
    inside = sees_room(request, outage.brand_id)
    late = late_text(outage, at)
    detail = touched_text(customers) if inside else ""
    back = request.path
    url = reverse("console:outage", args=[outage.id])
    actions: list[dict[str, Any]] = []

    def add(verb: str, view: str, label: str, **more: Any) -> None:
        if may(request, verb, outage.brand_id):
            where = reverse(f"console:{view}", args=[outage.id])
            actions.append({"label": label, "url": where, **more})

    if outage.state == Outage.State.PROPOSED:
        if inside:
            detail += ", " + reach_text(preview_of_holding(outage, at))
        add("confirm_outage", "confirm_outage", _("It is an outage"), main=True)
        add("withdraw_outage", "withdraw_outage", _("It is none"), fields={"next": back})
    else:
        said = _("next update by {time}").format(time=clock(outage.next_update_at, at)) if outage.next_update_at else ""
        told = queries.latest_update(outage.pk)
        said = (
            said
            if told is not None
            else _("nobody is told yet; first update due by {time}").format(
                time=clock(outage.next_update_at, at) if outage.next_update_at else "?"
            )
        )
        detail = " · ".join(part for part in (detail, said) if part)
        if may(request, "write_update", outage.brand_id):
            where = reverse("console:tell", args=[outage.id])
            actions.append(
                {"label": _("Tell customers"), "url": where, "get": True, "main": told is None or bool(late)}
            )
    return {
        "id": outage.id,
        "name": outage.name,
        "title": title_of(request, outage),
        "url": url,
        "began_at": outage.began_at,
        "tone": "fire"
        if late
        else "accent"
        if outage.state == Outage.State.PROPOSED or not outage.updates.exists()
        else "",
        "tags": [*([{"text": late, "tone": "fire"}] if late else []), state_tag(outage)],
        "detail": detail,
        "voice": outage.voice.name if outage.voice else "",
        "actions": actions,
    }


def open_cards(request: StaffRequest, most: int) -> list[dict[str, Any]]:
    """What is open or proposed where the reader may see outages; what is late first."""
    rows = queries.open_outages(brands_for(request.actor, "read_outages"))
    rows = [row for row in rows if row.state != "proposed" or sees_room(request, row.brand_id)]
    ordered = sorted(rows, key=lambda row: (not is_late(row, request.at), row.state != "proposed", row.began_at))
    return [outage_card(request, row) for row in ordered[:most]]


def said_to(request: StaffRequest, customer_id: int | None, brand_id: int) -> list[dict[str, Any]]:
    """What may be said to the customer about what touches them now: the approved statements, and when more comes."""
    if customer_id is None or not may(request, "read_outages", brand_id):
        return []
    return [said_item(request, outage, update) for outage, update in queries.told_to(customer_id)]


def said_item(request: StaffRequest, outage: Outage, update: Update) -> dict[str, Any]:
    """What parts/outage_said.html draws."""
    zone = outage.brand.zone
    due = outage.next_update_at
    late = is_late(outage, request.at)
    said = ""
    if due is not None and outage.is_open:
        said = wording.late_words(due, request.at, zone) if late else wording.next_words(due, request.at, zone)
    return {
        "name": outage.name,
        "url": reverse("console:outage", args=[outage.id]),
        "tag": state_tag(outage),
        "text": statement_of(update),
        "next": said,
        "late": late,
        "said_at": update.published_at,
    }


def said_in_brands(request: StaffRequest) -> Sequence[dict[str, Any]]:
    """The approved statements of all that is open, for the desk's queue and whoever answers calls."""
    rows = Outage.objects.filter(within(brands_for(request.actor, "read_outages")), state__in=decide.OPEN)
    latest = queries.latest_updates(list(rows.filter(confirmed_at__isnull=False).values_list("id", flat=True)))
    return [said_item(request, update.outage, update) for update in latest.values()]


def of_page(request: StaffRequest, page_id: UUID) -> dict[str, Any] | None:
    """The card of the outage that the alarm of a page may be, while it is open."""
    rows = Outage.objects.filter(within(brands_for(request.actor, "read_outage_room")), page=page_id)
    outage = rows.filter(state__in=decide.OPEN).select_related("brand", "voice").first()
    return outage_card(request, outage) if outage is not None else None


def match(text: str) -> Q:
    """Outages that the words fit: a number, or a part of a title."""
    number = text.upper().removeprefix("O-")
    found = Q(title__icontains=text) | Q(public_title__icontains=text)
    return found | Q(number=int(number)) if number.isascii() and number.isdecimal() and len(number) < 12 else found


def local(instant: datetime) -> str:
    """The time of day where the reader is."""
    return f"{localtime(instant):%H:%M}"
