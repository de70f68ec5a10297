"""Verbs of sayings, templates and phrases: what is said to customers, and what they are written."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import language as as_language
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.customers.models import Service
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.knowledge import fields, phrases
from nightdesk.knowledge.models import Phrase, Saying, Template

SAYING_SAVED = kind("saying.saved", gettext_lazy("{by} wrote what to say: {saying}; it waits to be approved"))
SAYING_APPROVED = kind("saying.approved", gettext_lazy("{by} approved what to say: {saying}"))
SAYING_REMOVED = kind("saying.removed", gettext_lazy("{by} removed what to say: {saying}"))
TEMPLATE_SAVED = kind("template.saved", gettext_lazy("{by} saved the template {template} ({language})"))
TEMPLATE_REMOVED = kind("template.removed", gettext_lazy("{by} removed the template {template} ({language})"))
PHRASE_SAVED = kind("phrase.saved", gettext_lazy("{by} wrote what {effect} means for {service} ({language})"))
PHRASE_REMOVED = kind("phrase.removed", gettext_lazy("{by} removed what {effect} means for {service} ({language})"))

SENT = (Template.Use.REPLY, Template.Use.CLOSING, Template.Use.AUTO_REPLY)
"""Uses of a template that something is written with; the others are of older releases, and are kept to be looked at."""
LONGEST_SAYING = 600
"""It is said at the telephone, in one go."""


@transaction.atomic
def save_saying(
    *,
    brand_id: int,
    title: str,
    text: str,
    service_ids: Sequence[int] = (),
    calls: Sequence[str] = (),
    saying_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Saying:
    """Words for the desk, which nobody is shown before they are approved; other words take an approval away.

    `saying_id`: one that is there; its brand stays. Raises Forbidden, NotFound, Invalid.
    """
    row = _saying(saying_id, "save_saying", by) if saying_id is not None else Saying(brand_id=brand_id)
    require(by, "save_saying", row.brand_id)
    _see_brand(row.brand_id, _("Words for the desk were to be saved."))
    asked = _("Words for the desk were to be saved.")
    services = fields.services_of(row.brand_id, service_ids, asked)
    row.calls = fields.calls_of(row.brand_id, calls, asked)
    row.title = one_line(title, 120, _("title"))
    row.text = fields.several_lines(text, LONGEST_SAYING, _("text"))
    row.written_by, row.written_at = by.name[:120], at
    row.approved_by, row.approved_at = "", None
    columns = ["calls", "title", "text", "written_by", "written_at", "approved_by", "approved_at"]
    if row.pk is None:
        row.save(force_insert=True)
    else:
        row.save(update_fields=columns)
    row.services.set(services)
    _record_saying(SAYING_SAVED, row, by, via, at)
    return row


@transaction.atomic
def approve_saying(*, saying_id: int, by: Actor, via: Door, at: datetime) -> Saying:
    """The desk is shown these words from now on. Repeating it changes nothing. Raises Forbidden, NotFound."""
    row = _saying(saying_id, "approve_saying", by)
    if row.approved_at is None:
        row.approved_by, row.approved_at = by.name[:120], at
        row.save(update_fields=["approved_by", "approved_at"])
        _record_saying(SAYING_APPROVED, row, by, via, at)
    return row


@transaction.atomic
def remove_saying(*, saying_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Nobody is shown these words any more. Raises Forbidden, NotFound."""
    row = _saying(saying_id, "remove_saying", by)
    row.removed_at, row.approved_at = at, None
    row.save(update_fields=["removed_at", "approved_at"])
    _record_saying(SAYING_REMOVED, row, by, via, at)


@transaction.atomic
def save_template(
    *,
    brand_id: int,
    use: str,
    name: str,
    language: str = "en-gb",
    subject: str = "",
    body: str,
    template_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Template:
    """A text with placeholders, all of which are known, and in an automatic reply have a value. `template_id`: one that is
    there; its brand stays.

    Raises Forbidden, NotFound, Invalid (also where the brand has one of that use, name and language), BadTemplate.
    """
    row = _template(template_id, "save_template", by) if template_id is not None else Template(brand_id=brand_id)
    require(by, "save_template", row.brand_id)
    asked = _("A template was to be saved.")
    _see_brand(row.brand_id, asked)
    if use not in SENT:
        raise Invalid(asked, _("%r is no use of a template.") % use[:20], _("Choose one of the list."))
    row.use, row.name, row.language = use, one_line(name, 80, _("name")), as_language(language)
    row.subject = one_line(subject, 200, _("subject"), may_be_empty=True)
    row.body = fields.several_lines(body, 20_000, _("text"))
    row.edited_by, row.edited_at = by.name[:120], at
    known = phrases.IN_AUTO_REPLIES if use == Template.Use.AUTO_REPLY else tuple(phrases.PLACEHOLDERS)
    for text in (row.subject, row.body):
        _see_placeholders(text, asked, known)
    taken = _("The brand has one of that use, name and language.")
    with unless_taken(asked, taken, _("Change that one, or give this another name.")):
        if row.pk is None:
            row.save(force_insert=True)
        else:
            row.save(update_fields=["use", "name", "language", "subject", "body", "edited_by", "edited_at"])
    _record_template(TEMPLATE_SAVED, row, by, via, at)
    return row


@transaction.atomic
def remove_template(*, template_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It is used no more. Raises Forbidden, NotFound."""
    row = _template(template_id, "remove_template", by)
    _record_template(TEMPLATE_REMOVED, row, by, via, at)
    row.delete()


@transaction.atomic
def save_phrase(
    *,
    brand_id: int,
    effect: str,
    text: str,
    workaround: str = "",
    language: str = "en-gb",
    service_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Phrase:
    """What customers are told of that effect on the service, in that language; without a service, on those without words of
    their own. It takes the place of what was said before; repeating it changes nothing.

    Raises Forbidden, NotFound, Invalid, BadTemplate (a placeholder other than `service`).
    """
    require(by, "save_phrase", brand_id)
    asked = _("What an effect means was to be saved.")
    _see_brand(brand_id, asked)
    if service_id is not None and not Service.objects.filter(id=service_id, brand=brand_id).exists():
        raise NotFound(asked, _("The brand has no such service."), _("Choose one of the list."))
    if effect not in Phrase.Effect.values:
        raise Invalid(
            asked, _("%r is no effect that is told.") % effect[:20], _("Choose one of: %s.") % ", ".join(Phrase.Effect)
        )
    values = {"text": one_line(text, 300, _("text"))}
    values["workaround"] = one_line(workaround, 300, _("workaround"), may_be_empty=True)
    for each in values.values():
        _see_placeholders(each, asked, ["service"])
    where = {"brand_id": brand_id, "service_id": service_id, "effect": effect, "language": as_language(language)}
    same_time = _("Somebody else wrote it at the same time."), _("Look at what it says now.")
    with unless_taken(asked, *same_time):
        row = Phrase.objects.select_for_update(of=("self",)).filter(**where).first() or Phrase(**where)
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        if not changed:
            return row
        for name, value in values.items():
            setattr(row, name, value)
        row.edited_by, row.edited_at = by.name[:120], at
        if row.pk is None:
            row.save(force_insert=True)
        else:
            row.save(update_fields=[*changed, "edited_by", "edited_at"])
    _record_phrase(PHRASE_SAVED, row, by, via, at)
    return row


@transaction.atomic
def remove_phrase(*, phrase_id: int, by: Actor, via: Door, at: datetime) -> None:
    """What the brand says, or else what is built in, is told in its place. Raises Forbidden, NotFound."""
    row = Phrase.objects.select_for_update(of=("self",)).filter(id=phrase_id).first()
    require(by, "remove_phrase", row.brand_id if row else None)
    if row is None:
        raise NotFound(_("You asked for a phrase."), _("There is no such phrase."), _("Look at the list."))
    _record_phrase(PHRASE_REMOVED, row, by, via, at)
    row.delete()


def _record_phrase(kind_of: str, row: Phrase, by: Actor, via: Door, at: datetime) -> None:
    service = row.service.name if row.service else _("every service")
    facts = {"effect": row.effect, "service": service, "language": row.language}
    record(kind_of, subject=("phrase", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)


def _see_placeholders(text: str, asked: str, known_names: Collection[str] = tuple(phrases.PLACEHOLDERS)) -> None:
    try:
        phrases.check(text, known_names)
    except phrases.Unusable as unusable:
        known = ", ".join(sorted(known_names))
        raise fields.BadTemplate(
            asked,
            _("“%s” is no placeholder that is known.") % unusable.wrong,
            _("Write a name of these in two braces: %s.") % known,
        ) from unusable


def _see_brand(brand_id: int, asked: str) -> None:
    if not Brand.objects.filter(id=brand_id).exists():
        raise NotFound(asked, _("There is no such brand."), _("Choose one of the list."))


def _saying(saying_id: int, verb: str, by: Actor) -> Saying:
    row = Saying.objects.select_for_update().filter(id=saying_id, removed_at=None).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(_("You asked for what to say."), _("There is no such text."), _("Look at the list."))
    return row


def _template(template_id: int, verb: str, by: Actor) -> Template:
    row = Template.objects.select_for_update().filter(id=template_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(_("You asked for a template."), _("There is no such template."), _("Look at the list."))
    return row


def _record_saying(kind_of: str, row: Saying, by: Actor, via: Door, at: datetime) -> None:
    facts: dict[str, Any] = {"saying": row.title}
    record(kind_of, subject=("saying", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)


def _record_template(kind_of: str, row: Template, by: Actor, via: Door, at: datetime) -> None:
    facts = {"template": row.name, "language": row.language, "use": row.use}
    record(kind_of, subject=("template", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)
