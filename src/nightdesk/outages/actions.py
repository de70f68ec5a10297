"""The verbs of outages and of what is told about them.

An update is written once. When it is published the outage moves, the customers' tickets and pages have it at once, and a
promise sends it: in one statement, so that a worker that dies has sent it to nobody or to everybody.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from textwrap import shorten
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import may, require
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.rows import one_at_a_time
from nightdesk.base.unique import unless_taken
from nightdesk.channels.actions import KEEP_TRYING
from nightdesk.channels.fan_out_actions import gather_queued, queue_from, supersede_queued
from nightdesk.channels.fan_out_queries import Select
from nightdesk.channels.wording import LINK
from nightdesk.customers.models import Subscription
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages import audience_query, decide, queries, statements, wording
from nightdesk.outages.decide import State
from nightdesk.outages.effect import Effect, effects
from nightdesk.outages.models import (
    Affected,
    ConfirmRule,
    FailedPart,
    Need,
    Outage,
    Part,
    Reach,
    Rules,
    Severity,
    StatementTemplate,
    Touched,
    Update,
    WorkTouched,
)
from nightdesk.outages.registries import ALSO_TOLD, GIVE_TICKETS, TOLD_IN_TICKETS
from nightdesk.paging.actions import trigger_page
from nightdesk.paging.models import Page, Policy
from nightdesk.paging.telling import tell_loudly
from nightdesk.people.models import Person, Team

OUTAGE_PROPOSED = kind("outage.proposed", gettext_lazy("{by} proposed outage {name}: {title}"))
OUTAGE_CONFIRMED = kind("outage.confirmed", gettext_lazy("{by} confirmed outage {name}: {customers} customers"))
OUTAGE_EDITED = kind("outage.edited", gettext_lazy("{by} changed outage {name}"))
OUTAGE_PARTS = kind("outage.parts", gettext_lazy("{by} said what fails in outage {name}: {customers} customers"))
OUTAGE_MOVED = kind("outage.moved", gettext_lazy("Outage {name} is {to} now"))
UPDATE_WRITTEN = kind("outage.update-written", gettext_lazy("{by} wrote update {number} of outage {name}"))
UPDATE_APPROVED = kind("outage.update-approved", gettext_lazy("{by} approved update {number} of outage {name}"))
UPDATE_DROPPED = kind("outage.update-dropped", gettext_lazy("{by} dropped update {number} of outage {name}"))
UPDATE_PUBLISHED = kind("outage.update", gettext_lazy("Update {number} of outage {name} is published"))
UPDATE_SENT = kind("outage.update-sent", gettext_lazy("Update {number} of outage {name} goes to {people} people"))
UPDATE_FOLLOWED = kind(
    "outage.update-followed", gettext_lazy("Update {number} of outage {name} was told by the second site")
)
UPDATE_LATE = kind("outage.update-late", gettext_lazy("The next update of outage {name} is late; {who} is told"))
RULES_SAVED = kind("outage.rules-saved", gettext_lazy("{by} changed how outages are told"))
TEMPLATE_SAVED = kind("outage.template-saved", gettext_lazy("{by} saved the statement {name}"))
TEMPLATE_REMOVED = kind("outage.template-removed", gettext_lazy("{by} removed the statement {name}"))
RULE_SAVED = kind("outage.rule-saved", gettext_lazy("{by} lets alarms about {count} parts confirm outages"))
RULE_REMOVED = kind("outage.rule-removed", gettext_lazy("{by} removed a rule that confirms outages"))

TELL, HOLD, CHASE, BY_RULE = "outage.tell", "outage.hold", "outage.chase", "outage.confirm_by_rule"
FROM_PAGE, PAGE_TAKEN, PAGE_OVER = "outages.from_page", "outages.page_taken", "outages.page_over"
BOUGHT_NO_MORE = "outages.bought_no_more"
NO_CHANGE, LATE = "outages.no_change", "outage.late"
NO_CHANGE_SAYS = {"acknowledge": gettext_lazy("No change")}
"""What the answer to a message of the kind LATE means; for `channels.answering.SAYS`."""
TITLE_IN_A_TEXT = 60
"""So many letters of an outage's title stand in the text that asks for its update, beside the draft."""
FIRST_WORD = timedelta(minutes=10)
"""How soon after an outage is confirmed its first update is due."""
LATEST_NEXT = timedelta(days=7)
FIRST_NUMBER = 1001

Row = TypeVar("Row", bound=models.Model)


# --- An outage begins ------------------------------------------------------------------------------------------------


@transaction.atomic
def propose_outage(
    *,
    brand_id: int,
    title: str,
    parts: Mapping[int, int],
    severity: str = Severity.MAJOR,
    origin: str = Outage.Origin.PERSON,
    page_id: UUID | None = None,
    began_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Outage:
    """It may be an outage: `parts` (id -> `Effect`) seem to fail. Nobody is told before it is confirmed.

    A second one from the same page is the first. Raises Forbidden, NotFound (a part of another brand), Invalid.
    """
    require(by, "propose_outage", brand_id)
    asked = _("An outage was to be proposed.")
    if page_id is not None and (known := Outage.objects.filter(page=page_id).first()) is not None:
        return known
    _check(asked, severity, began_at, at)
    number = _next_number(brand_id)
    outage = Outage(
        id=uuid7(at),
        brand_id=brand_id,
        number=number,
        title=one_line(title, 200, _("title")),
        state=State.PROPOSED,
        severity=severity,
        origin=origin,
        page_id=page_id,
        began_at=began_at or at,
        proposed_at=at,
        changed_at=at,
    )
    outage.save(force_insert=True)
    _fail(outage, parts, asked)
    _touch(outage, at)
    _record(outage, OUTAGE_PROPOSED, {"origin": origin, "parts": sorted(parts)}, by, via, at)
    return outage


@transaction.atomic
def confirm_outage(
    *,
    outage_id: UUID,
    lead_id: int | None = None,
    fixer_id: int | None = None,
    voice_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Outage:
    """It is an outage. Whoever says so is its lead and its voice, where nobody else is named; the fixer is whoever has its
    page. The first update is due within FIRST_WORD. Safe to repeat. Raises Forbidden, NotFound, IllegalTransition.
    """
    outage = _locked(outage_id, "confirm_outage", by)
    if outage.confirmed_at is not None:
        return outage
    if outage.state != State.PROPOSED:
        raise _over(outage)
    outage.confirmed_at = at
    outage.lead = outage.lead or _person(lead_id or by.person_id, _("lead"))
    outage.voice = outage.voice or _person(voice_id or by.person_id, _("voice"))
    page = outage.page
    outage.fixer = outage.fixer or _person(fixer_id or (page.owner_id if page else None), _("fixer"))
    outage.next_update_at = decide.next_mark(at, FIRST_WORD)
    _move(outage, State.INVESTIGATING, at)
    outage.save(update_fields=[*MOVED, "confirmed_at", "lead", "voice", "fixer", "next_update_at"])
    _promise_chase(outage, 0, at)
    customers = Affected.objects.filter(outage=outage, effect__gt=0).count()
    _record(outage, OUTAGE_CONFIRMED, {"customers": customers}, by, via, at)
    return outage


@transaction.atomic
def edit_outage(*, outage_id: UUID, fields: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> Outage:
    """What we note of it is as in `fields`: title, cause, severity, began_at, public, public_title, lead_id, fixer_id, voice_id.

    Raises Forbidden, NotFound, Invalid.
    """
    outage = _locked(outage_id, "edit_outage", by)
    known = {"title", "cause", "severity", "began_at", "public", "public_title", "lead_id", "fixer_id", "voice_id"}
    asked = _("Outage {name} was to be changed.").format(name=outage.name)
    if unknown := sorted(set(fields) - known):
        raise Invalid(asked, _("It has no %s.") % unknown[0], "")
    values = dict(fields)
    if "title" in values:
        values["title"] = one_line(values["title"], 200, _("title"))
    if "public_title" in values:
        values["public_title"] = one_line(values["public_title"], 200, _("public title"), may_be_empty=True)
    if values.get("began_at", at) is None:
        raise Invalid(asked, _("It has begun at some time."), _("Say when, or leave it as it is."), field="began_at")
    _check(asked, values.get("severity", outage.severity), values.get("began_at"), at)
    if values.get("public", outage.public) and not values.get("public_title", outage.public_title):
        raise Invalid(
            asked, _("On the public page it needs a title that anybody may read."), _("Give one."), field="public_title"
        )
    for role in ("lead_id", "fixer_id", "voice_id"):
        if values.get(role) is not None:
            _person(values[role], role.removesuffix("_id"))
    changed = sorted(name for name, value in values.items() if getattr(outage, name) != value)
    for name, value in values.items():
        setattr(outage, name, value)
    if {"public", "public_title", "began_at"} & set(changed):
        outage.changed_at = at
    outage.save(update_fields=[*values, "changed_at"])
    if changed:
        _record(outage, OUTAGE_EDITED, {"changed": changed}, by, via, at, text=str(values.get("cause", "")))
    return outage


@transaction.atomic
def set_failed_parts(*, outage_id: UUID, parts: Mapping[int, int], by: Actor, via: Door, at: datetime) -> Outage:
    """These parts fail in it, and no others; whom that touches is worked out anew. Nobody is told by it.

    Raises Forbidden, NotFound, Invalid, IllegalTransition (it is over).
    """
    outage = _locked(outage_id, "set_failed_parts", by)
    if not outage.is_open:
        raise _over(outage)
    FailedPart.objects.filter(outage=outage).delete()
    _fail(outage, parts, _("What fails in outage {name} was said.").format(name=outage.name))
    _touch(outage, at)
    outage.changed_at = at
    outage.save(update_fields=["changed_at"])
    customers = Affected.objects.filter(outage=outage, effect__gt=0).count()
    _record(outage, OUTAGE_PARTS, {"parts": sorted(parts), "customers": customers}, by, via, at)
    return outage


@transaction.atomic
def withdraw_outage(
    *, outage_id: UUID, texts: Mapping[str, str] | None = None, by: Actor, via: Door, at: datetime
) -> Outage:
    """There was no fault. Whoever was told of it is told so, in the words of `texts`; where nobody was, it just ends.

    Raises Forbidden, NotFound, IllegalTransition (it is over), Invalid (people were told, and there are no words).
    """
    outage = _locked(outage_id, "withdraw_outage", by)
    if not outage.is_open:
        raise _over(outage)
    if queries.latest_update(outage.pk) is not None:
        write_update(
            outage_id=outage.pk,
            state=State.WITHDRAWN,
            texts=texts or statements.in_every_language(queries.languages_of(outage), wording.never_was),
            by=by,
            via=via,
            at=at,
        )
        return queries.outage(outage.pk)
    _end(outage, State.WITHDRAWN, at)
    _record(outage, OUTAGE_MOVED, {"to": State.WITHDRAWN}, by, via, at)
    return outage


# --- What is told ----------------------------------------------------------------------------------------------------


@transaction.atomic
def write_update(
    *,
    outage_id: UUID,
    state: str,
    texts: Mapping[str, str],
    next_at: datetime | None = None,
    estimate_at: datetime | None = None,
    quiet: bool = False,
    template_id: int | None = None,
    corrects_id: UUID | None = None,
    vouched: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> Update:
    """The next word about it, in the words of `texts` {language: statement}; the brand's own language must be there.

    It is published at once where `by` may approve it, and where it is a template's words as they stand; else it waits for an
    approver for decide.SILENT_FOR, and then the holding statement goes. Without `next_at` the next is due as the brand's rules
    say. `state`: where the outage goes; "resolved" and "withdrawn" end it. After its end: a post-incident text, or a word that it
    has come back. `quiet`: it is shown, and sent to nobody; the end never is. `vouched`: what it says about people and causes is
    so though nothing on record says it; from now on the record has it from `by`.
    Raises Forbidden, NotFound, IllegalTransition, Invalid.
    """
    outage = _locked(outage_id, "write_update", by)
    asked = _("An update of outage {name} was to be written.").format(name=outage.name)
    if outage.state == State.PROPOSED and state != State.WITHDRAWN:
        raise IllegalTransition(asked, _("Nobody has confirmed yet that it is one."), _("Confirm it first."))
    if state not in decide.EVERY or not decide.may_lead(State(outage.state), State(state)):
        raise IllegalTransition(
            asked,
            _("It is {state}, and cannot become {to} by an update.").format(
                state=wording.state_words(outage.state),
                to=wording.state_words(state) if state in decide.EVERY else state,
            ),
            _("Choose another state."),
        )
    template = _template(template_id, outage.brand_id, asked)
    texts = _checked_texts(outage, texts, template, asked)
    claims = statements.unsupported(outage, texts, state)
    if claims and not vouched:
        raise Invalid(
            asked,
            " ".join(claims),
            _("Take it out, say who fixes it or what state it is in, or vouch for it."),
            field="vouched",
        )
    ends = State(state) in decide.OVER
    if quiet and ends and outage.is_open:
        raise Invalid(asked, _("The end is always told, to everybody who was told the beginning."), _("Send it."))
    corrects = _corrected(outage, corrects_id, asked)
    next_at = _checked_next(outage, state, next_at, at, asked)
    if estimate_at is not None and estimate_at <= at:
        raise Invalid(asked, _("The estimate is in the past."), _("Give a later time, or none."), field="estimate_at")
    update = Update(
        id=uuid7(at),
        outage=outage,
        number=_number_of_next(outage),
        kind=statements.kind_of(outage, state, corrects=corrects is not None),
        state=state,
        texts=texts,
        quiet=quiet,
        next_at=next_at,
        estimate_at=None if ends else estimate_at,
        template=template,
        corrects=corrects,
        written_at=at,
        written_by=by.name[:120],
        written_by_id=by.id,
    )
    is_templates = template is not None and texts == statements.filled(outage, template.texts)
    approver = decide.approver_of(outage.severity, queries.rules_of(outage.brand_id).approvers)
    approved = is_templates or may(by, decide.APPROVE_VERB[approver], outage.brand_id)
    update.hold_at = None if approved else at + decide.SILENT_FOR
    update.save(force_insert=True)
    facts = {"number": update.number, "update": str(update.pk), "state": state} | (
        {"vouched": list(claims)} if claims else {}
    )
    cause = _record(outage, UPDATE_WRITTEN, facts, by, via, at, text=texts[outage.brand.language])
    if approved:
        update.approved_at, update.approved_by = at, template.name[:120] if is_templates and template else by.name[:120]
        _publish(outage, update, cause, by, via, at)
        return update
    promise(
        HOLD,
        subject=("update", update.pk),
        due_at=at + decide.SILENT_FOR,
        why=_("Nobody has approved the update of {name} by then.").format(name=outage.name),
        at=at,
        cause=cause,
        brand_id=outage.brand_id,
        occurrence=f"{update.pk}:hold",
    )
    return update


@transaction.atomic
def approve_update(*, update_id: UUID, by: Actor, via: Door, at: datetime) -> Update:
    """The update that waited is published. Safe to repeat. Raises Forbidden, NotFound, IllegalTransition (it was dropped, or
    the outage has gone on so that it fits no more).
    """
    update, outage = _waiting(update_id, None, by)
    approver = decide.approver_of(outage.severity, queries.rules_of(outage.brand_id).approvers)
    require(by, decide.APPROVE_VERB[approver], outage.brand_id)
    if update.published_at is not None:
        return update
    asked = _("An update of outage {name} was to be approved.").format(name=outage.name)
    if update.dropped_at is not None:
        raise IllegalTransition(
            asked, _("Something else went in its place, or it was dropped."), _("Write another one.")
        )
    if not decide.may_lead(State(outage.state), State(update.state)):
        raise IllegalTransition(asked, _("The outage has gone on since."), _("Drop it, and write another one."))
    update.approved_at, update.approved_by = at, by.name[:120]
    facts = {"number": update.number, "update": str(update.pk)}
    cause = _record(outage, UPDATE_APPROVED, facts, by, via, at)
    if update.next_at is not None and update.next_at <= at:
        update.next_at = _default_next(outage, at)
    _publish(outage, update, cause, by, via, at)
    return update


@transaction.atomic
def drop_update(*, update_id: UUID, by: Actor, via: Door, at: datetime) -> Update:
    """The update that waits is not published. Safe to repeat. Raises Forbidden, NotFound, IllegalTransition (it was)."""
    update, outage = _waiting(update_id, "drop_update", by)
    if update.published_at is not None:
        raise IllegalTransition(
            _("An update of outage {name} was to be dropped.").format(name=outage.name),
            _("It is published."),
            _("Correct it by another one."),
        )
    if update.dropped_at is None:
        _drop(update, at)
        _record(outage, UPDATE_DROPPED, {"number": update.number, "update": str(update.pk)}, by, via, at)
    return update


@transaction.atomic
def hold_update(*, update_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Nobody approved it in time, so the holding statement goes in its place; it can still be approved. Returns what was done."""
    update, outage = _waiting(update_id, None, by)
    if update.published_at is not None or update.dropped_at is not None or not outage.is_open:
        return _("Nothing was to be done.")
    if Update.objects.filter(outage=outage, published_at__gte=update.written_at).exists():
        return _("Something was told meanwhile.")
    template = queries.holding_template(outage.brand_id)
    _publish_built_in(outage, Update.Kind.HOLDING, template, wording.holding, by, via, at)
    return _("The holding statement went, as nobody approved the update.")


@transaction.atomic
def say_no_change(*, outage_id: UUID, due_at: datetime | None, by: Actor, via: Door, at: datetime) -> Outage:
    """Nothing has changed, and the next word comes as the rules say: what the voice sends by one key.

    `due_at`: the update that was due then; where something was told since, nothing is done. Raises Forbidden, NotFound,
    IllegalTransition.
    """
    outage = _locked(outage_id, "write_update", by)
    if not outage.is_open or outage.confirmed_at is None:
        raise _over(outage)
    if due_at is None or outage.next_update_at == due_at:
        _publish_built_in(outage, Update.Kind.UPDATE, None, wording.no_change, by, via, at)
    return outage


def _publish_built_in(
    outage: Outage, kind_: str, template: StatementTemplate | None, words: Any, by: Actor, via: Door, at: datetime
) -> Update:
    texts = (
        statements.filled(outage, template.texts)
        if template is not None
        else statements.in_every_language(queries.languages_of(outage), words)
    )
    update = Update(
        id=uuid7(at),
        outage=outage,
        number=_number_of_next(outage),
        kind=kind_,
        state=outage.state,
        texts=texts,
        next_at=_default_next(outage, at),
        estimate_at=outage.estimate_at if outage.estimate_at and outage.estimate_at > at else None,
        template=template,
        written_at=at,
        written_by=by.name[:120],
        written_by_id=by.id,
        approved_at=at,
        approved_by=template.name if template else _("built in"),
    )
    update.save(force_insert=True)
    facts = {"number": update.number, "update": str(update.pk), "state": update.state}
    cause = _record(outage, UPDATE_WRITTEN, facts, by, via, at, text=texts[outage.brand.language])
    _publish(outage, update, cause, by, via, at)
    return update


def _publish(outage: Outage, update: Update, cause: UUID, by: Actor, via: Door, at: datetime) -> None:
    """The outage, locked, goes where the update says; pages have it, and it is promised to be told."""
    update.published_at = at
    update.save(update_fields=["published_at", "approved_at", "approved_by", "next_at"])
    if update.kind != Update.Kind.HOLDING:  # which only bridges the time until somebody approves what waits
        older = Update.objects.filter(outage=outage, published_at=None, dropped_at=None, number__lt=update.number)
        for other in older:
            _drop(other, at)
    to = State(update.state)
    moved = outage.state != to
    over = to in decide.OVER
    outage.next_update_at, outage.estimate_at = update.next_at, update.estimate_at
    if over and outage.is_open:
        _end(outage, to, at)
    else:
        _move(outage, to, at)
    outage.save(update_fields=[*MOVED, "next_update_at", "estimate_at", "resolved_at"])
    void_promises(("outage", outage.pk), at=at, kinds=(CHASE,))
    if outage.is_open:
        _promise_chase(outage, 0, at)
    facts = {"number": update.number, "update": str(update.pk), "state": to}
    if moved:
        _record(outage, OUTAGE_MOVED, {"to": to}, by, via, at, cause=cause)
    cause = _record(outage, UPDATE_PUBLISHED, facts, by, via, at, cause=cause)
    promise(
        TELL,
        subject=("update", update.pk),
        due_at=at,
        why=_("Update {number} of {name} is to be told.").format(number=update.number, name=outage.name),
        at=at,
        cause=cause,
        brand_id=outage.brand_id,
        occurrence=f"{update.pk}:tell",
    )


@transaction.atomic
def follow_update(*, update_id: UUID, by: Actor, via: Door, at: datetime) -> bool:
    """An update that the second site has published and told holds here as well: the outage goes where it says, the next one is
    chased, and nobody is sent anything again. False where something later was told here, which then holds.

    Raises NotFound, IllegalTransition (the outage has gone on so that it fits no more).
    """
    update, outage = _waiting(update_id, None, by)
    if update.published_at is None:
        return False
    later = Update.objects.filter(outage=outage, published_at__gt=update.published_at).exists()
    facts = {"number": update.number, "update": str(update.pk), "state": update.state}
    cause = _record(outage, UPDATE_FOLLOWED, facts, by, via, at)
    if later:
        return False
    to = State(update.state)
    outage.next_update_at, outage.estimate_at = update.next_at, update.estimate_at
    if to in decide.OVER and outage.is_open:
        _end(outage, to, update.published_at)
    else:
        _move(outage, to, at)
    outage.save(update_fields=[*MOVED, "next_update_at", "estimate_at", "resolved_at"])
    void_promises(("outage", outage.pk), at=at, kinds=(CHASE,))
    if outage.is_open:
        _promise_chase(outage, 0, at, cause)
    for tell in TOLD_IN_TICKETS:
        tell(update.pk, at)
    return True


def number_for(brand_id: int, outage_id: UUID, number: int) -> int:
    """`number`, unless another outage of the brand has it; then the next one that is free."""
    taken = Outage.objects.filter(brand_id=brand_id, number=number).exclude(pk=outage_id).exists()
    return _next_number(brand_id) if taken else number


def number_of_update_for(outage_id: UUID, update_id: UUID, number: int) -> int:
    """Likewise, of an update within its outage."""
    numbers = set(Update.objects.filter(outage=outage_id).exclude(pk=update_id).values_list("number", flat=True))
    return max(numbers, default=0) + 1 if number in numbers else number


@transaction.atomic
def send_update(*, update_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """It stands in the tickets of all that it touches, and is in the ledger for everybody who is to hear it, each once a channel;
    what an earlier one still had to send is not sent any more. Returns what was done.
    """
    update, outage = _waiting(update_id, None, by)
    if update.published_at is None:
        return _("Nothing was to be sent.")
    for give in GIVE_TICKETS:
        give(outage.pk, at)
    for tell in TOLD_IN_TICKETS:
        tell(update.pk, at)
    if update.quiet:
        return _("It is shown, and sent to nobody.")
    later = Update.objects.filter(outage=outage, published_at__isnull=False, quiet=False, number__gt=update.number)
    if later.exists():
        return _("A later update goes in its place.")
    ending = State(update.state) in decide.OVER
    messages = _queue(outage, update, ending, by, via, at)
    for tell in ALSO_TOLD:
        tell(update.pk, at)
    others = queries.others_beside(outage, at - KEEP_TRYING)
    if others:
        _wait_for_others(outage.brand_id)
    subject = ("outage", outage.pk)
    spared = supersede_queued(subject=subject, before=update.published_at, by=by, via=via, at=at)
    if others:
        _gather(outage, update, others, by, via, at)
    Affected.objects.filter(outage=outage).update(effect_told=models.F("effect"))
    update.people = _people_of(update)
    update.save(update_fields=["people"])
    facts = {"number": update.number, "people": update.people, "messages": messages, "spared": spared}
    _record(outage, UPDATE_SENT, facts, by, via, at)
    return _("It goes to {people}.").format(people=wording.people(update.people))


def _queue(outage: Outage, update: Update, ending: bool, by: Actor, via: Door, at: datetime) -> int:
    """Everybody who hears of it has a row in the ledger; how many rows are new. The audience is worked out once and kept aside
    until the end of the transaction, and each draft is sent to its own part of it.
    """
    assert update.published_at is not None
    made = statements.made(outage, update)
    sql, values = audience_query.select_for(
        outage_id=outage.pk,
        update_id=update.pk,
        brand_id=outage.brand_id,
        public=outage.public,
        ending=ending,
        wording=made.wording,
        at=at,
    )
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS outages_hearers")
        cursor.execute(f"CREATE TEMPORARY TABLE outages_hearers ON COMMIT DROP AS {sql}", values)
        cursor.execute("SELECT DISTINCT key FROM outages_hearers ORDER BY key")
        keys = [key for (key,) in cursor.fetchall()]
    count = 0
    for key in keys:
        draft = made.drafts[key]
        hearers = (
            'SELECT recipient_kind, recipient_id, channel, address, rank, "values" FROM outages_hearers WHERE key = %s'
        )
        count += queue_from(
            found=Select(hearers, [key]),
            once=f"update {update.pk}",
            variant=key,
            kind="outage.update",
            subject=("outage", outage.pk),
            title=draft.title,
            body=draft.body,
            brand_id=outage.brand_id,
            said_at=update.published_at,
            cause=update.pk,
            by=by,
            via=via,
            at=at,
        ).count
    return count


def _wait_for_others(brand_id: int) -> None:
    """From here to the end of the transaction what the brand says of its other outages is in the ledger whole, or not begun."""
    one_at_a_time(f"outages.gather {brand_id}")


def _gather(outage: Outage, update: Update, others: Sequence[Outage], by: Actor, via: Door, at: datetime) -> None:
    """Whoever hears of several outages gets what has not left in one message; what goes on as before may wait a moment for it."""
    assert update.published_at is not None
    until: dict[UUID, datetime] = {}
    if update.kind == Update.Kind.UPDATE:
        owed_at = queries.owed_before(update)
        for other in others:
            waits = decide.waits_until(at, owed_at=owed_at, other_owed_at=other.next_update_at)
            if waits is not None:
                until[other.pk] = waits
    gather_queued(
        kind="outage.update",
        subject=("outage", outage.pk),
        among=[other.pk for other in others],
        said_at=update.published_at,
        waiting=audience_query.waiting(outage.pk, update.published_at, until) if until else None,
        by=by,
        via=via,
        at=at,
    )


def _people_of(update: Update) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(DISTINCT (d.recipient_kind, d.recipient_id)) FROM channels_delivery d
            JOIN channels_message m ON m.id = d.message_id
            WHERE d.subject_kind = 'outage' AND d.subject_id = %s AND m.cause = %s
            """,
            [str(update.outage_id), update.pk],
        )
        return int(cursor.fetchone()[0])


# --- It is late ------------------------------------------------------------------------------------------------------


@transaction.atomic
def chase_update(*, outage_id: UUID, due_at: datetime, number: int, by: Actor, via: Door, at: datetime) -> str:
    """The update that was due at `due_at` is asked for: of the voice first, by a draft that goes out on one key, then of the
    desk, then of its manager; never of the fixer. The next chase is promised. Returns what was done.
    """
    outage = _locked(outage_id, None, by)
    if not outage.is_open or outage.next_update_at != due_at:
        return _("It has come meanwhile.")
    chase = decide.next_chase(due_at, number)
    rules = queries.rules_of(outage.brand_id)
    asked = _asked(outage, rules, chase.who)
    is_late = at >= due_at
    if is_late and number == 1:
        outage.changed_at = at
        outage.save(update_fields=["changed_at"])
    if asked:
        tell_loudly(
            asked,
            kind=LATE,
            subject=("outage", outage.pk),
            title=_late_title(outage, is_late),
            body=_late_body(outage, is_late, at),
            answers={"acknowledge": [NO_CHANGE, "outage", f"{outage.pk}@{due_at.isoformat()}"]},
            code="1",
            brand_id=outage.brand_id,
            by=by,
            via=via,
            at=at,
        )
    elif chase.who is not decide.Chased.VOICE and number < len(decide.CHASES):
        trigger_page(
            brand_id=outage.brand_id,
            title=_late_title(outage, is_late),
            priority="P2",
            policy_id=rules.policy_id,
            details={"outage": str(outage.pk), "name": outage.name},
            by=SCHEDULER,
            via=via,
            at=at,
        )
    facts = {"who": chase.who, "people": len(asked), "due_at": due_at.isoformat()}
    cause = _record(outage, UPDATE_LATE, facts, by, via, at)
    _promise_chase(outage, number + 1, at, cause)
    return _("{people} asked.").format(people=wording.people(len(asked)))


def _asked(outage: Outage, rules: Rules, who: decide.Chased) -> list[int]:
    """The persons to ask; never the fixer, unless they are the voice themselves."""
    if who is decide.Chased.VOICE:
        return [outage.voice_id] if outage.voice_id and outage.voice_id != outage.fixer_id else []
    if rules.desk is None:
        return []
    if who is decide.Chased.MANAGER:
        found = [rules.desk.manager_id] if rules.desk.manager_id else []
    else:
        found = list(rules.desk.members.filter(active=True).values_list("id", flat=True))
    return [person for person in found if person != outage.fixer_id]


def _late_title(outage: Outage, is_late: bool) -> str:
    title = shorten(outage.title, TITLE_IN_A_TEXT, placeholder="...")
    if is_late:
        return _("The update of {name} is late: {title}").format(name=outage.name, title=title)
    return _("An update of {name} is due: {title}").format(name=outage.name, title=title)


def _late_body(outage: Outage, is_late: bool, at: datetime) -> str:
    """All that a text says, the draft whole and in letters that texts have, so that who replies has read what goes out."""
    minutes = queries.rules_of(outage.brand_id).update_every_minutes
    said = wording.when(decide.next_mark(at, timedelta(minutes=minutes)), at, outage.brand.zone)
    draft = _('Reply 1 to send: "{words} Next update by {time}."').format(words=wording.no_change(), time=said)
    return f"{_late_title(outage, is_late)}\n{draft}\n{LINK}"


# --- Rules, templates ------------------------------------------------------------------------------------------------


@transaction.atomic
def save_outage_rules(*, brand_id: int, fields: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> Rules:
    """How the brand speaks of outages is as in `fields` (columns of `Rules`; what is not named stays).

    Raises Forbidden, NotFound (a team or policy of another brand), Invalid.
    """
    require(by, "save_outage_rules", brand_id)
    asked = _("The rules of outages were to change.")
    known = {"approvers", "desk_id", "policy_id", "update_every_minutes", "preview_people", "status_hosts"}
    if unknown := sorted(set(fields) - known):
        raise Invalid(asked, _("They have no %s.") % unknown[0], "")
    for severity, approver in fields.get("approvers", {}).items():
        if severity not in Severity or approver not in set(decide.Approver):
            raise Invalid(
                asked,
                _("Statements about minor, major and critical outages are approved by anybody, desk or manager."),
                _("Give one of these for each."),
                field="approvers",
            )
    if fields.get("desk_id") is not None:
        _own(Team, fields["desk_id"], brand_id, asked)
    if fields.get("policy_id") is not None:
        _own(Policy, fields["policy_id"], brand_id, asked)
    every = fields.get("update_every_minutes", 30)
    if not isinstance(every, int) or not 5 <= every <= 24 * 60:
        raise Invalid(
            asked,
            _("Updates come every 5 minutes to 24 hours."),
            _("Give such a number."),
            field="update_every_minutes",
        )
    if "status_hosts" in fields:
        fields = {**fields, "status_hosts": _own_hosts(fields["status_hosts"], brand_id, asked)}
    rules, _made = Rules.objects.select_for_update().get_or_create(brand_id=brand_id)
    for name, value in fields.items():
        setattr(rules, name, value)
    rules.save(update_fields=[*fields])
    record(RULES_SAVED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=dict(fields))
    return rules


def _own_hosts(hosts: Sequence[str], brand_id: int, asked: str) -> list[str]:
    """The names in small letters, each once. Raises Invalid where one is another brand's: a name shows one brand alone."""
    wanted = list(dict.fromkeys(host.strip().lower() for host in hosts if host.strip()))
    for others in Rules.objects.exclude(brand=brand_id).values_list("status_hosts", flat=True):
        if taken := sorted({host.lower() for host in others} & set(wanted)):
            raise Invalid(
                asked,
                _("{host} is another brand's already.").format(host=taken[0]),
                _("Take it from that brand first."),
                field="status_hosts",
            )
    return wanted


@transaction.atomic
def save_statement_template(
    *,
    brand_id: int,
    template_id: int | None = None,
    name: str,
    goes_to: str,
    texts: Mapping[str, str],
    holding: bool = False,
    position: int = 0,
    by: Actor,
    via: Door,
    at: datetime,
) -> StatementTemplate:
    """Words for 4 AM, new or changed; see `StatementTemplate`. Raises Forbidden, NotFound, Invalid."""
    require(by, "save_statement_template", brand_id)
    asked = _("A statement was to be kept.")
    brand = Brand.objects.filter(pk=brand_id).first()
    if brand is None:
        raise NotFound(asked, _("There is no such brand."), _("Look at the list of brands."))
    row = StatementTemplate(brand=brand)
    if template_id is not None:
        row = _own(StatementTemplate, template_id, brand_id, asked)
    if goes_to not in decide.EVERY or goes_to == State.PROPOSED:
        raise Invalid(
            asked, _("{state} is no state of an outage.").format(state=goes_to), _("Choose one."), field="goes_to"
        )
    row.name, row.goes_to = one_line(name, 80, _("name")), goes_to
    row.holding, row.position = holding, position
    row.texts = statements.checked(asked, texts, brand.language)
    if holding and (claims := statements.unsupported_at_any_time(row.texts)):
        raise Invalid(
            asked,
            " ".join(claims),
            _("It goes by itself, so take that out; {{ engineer }} and {{ found }} say it once it is so."),
            field="texts",
        )
    row.edited_by, row.edited_at = by.name[:120], at
    with unless_taken(asked, _("Another one is called so."), _("Take another name.")):
        if row.pk is None:
            row.save(force_insert=True)
        else:
            row.save(update_fields=["name", "goes_to", "holding", "position", "texts", "edited_by", "edited_at"])
    facts = {"name": row.name, "goes_to": goes_to, "holding": holding}
    record(TEMPLATE_SAVED, subject=("statement", row.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return row


@transaction.atomic
def remove_statement_template(*, template_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It is offered no more. Safe to repeat. Raises Forbidden, NotFound, IllegalTransition (a rule sends it)."""
    row = StatementTemplate.objects.select_for_update().filter(pk=template_id).first()
    require(by, "remove_statement_template", row.brand_id if row else None)
    asked = _("A statement was to be removed.")
    if row is None:
        raise NotFound(asked, _("There is no such one."), "")
    if row.removed_at is not None:
        return
    if ConfirmRule.objects.filter(template=row, removed_at=None).exists():
        raise IllegalTransition(asked, _("A rule sends it by itself."), _("Remove the rule first."))
    row.removed_at = at
    row.save(update_fields=["removed_at"])
    subject, facts = ("statement", row.pk), {"name": row.name}
    record(TEMPLATE_REMOVED, subject=subject, by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)


@transaction.atomic
def save_confirm_rule(
    *,
    brand_id: int,
    part_ids: Sequence[int],
    template_id: int,
    severity: str = Severity.MAJOR,
    after_s: int = 15,
    public: bool = False,
    public_title: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> ConfirmRule:
    """Alarms about these parts confirm an outage by themselves, see `ConfirmRule`. Raises Forbidden, NotFound, Invalid."""
    require(by, "save_confirm_rule", brand_id)
    asked = _("A rule that confirms outages was to be kept.")
    template = _own(StatementTemplate, template_id, brand_id, asked)
    if not template.holding or template.removed_at is not None:
        raise Invalid(
            asked,
            _("The statement is no holding statement, so that it may not go by itself."),
            _("Choose a holding statement."),
            field="template_id",
        )
    if not part_ids:
        raise Invalid(asked, _("It names no part."), _("Name at least one."), field="part_ids")
    if severity not in Severity or not 0 <= after_s <= 3600:
        raise Invalid(asked, _("It waits for 0 to 3600 seconds, and is minor, major or critical."), "")
    if public and not public_title.strip():
        raise Invalid(asked, _("On the public page it needs a title."), _("Give one."), field="public_title")
    parts = [_own(Part, part, brand_id, asked) for part in sorted(set(part_ids))]
    rule = ConfirmRule.objects.create(
        brand_id=brand_id,
        template=template,
        severity=severity,
        after_s=after_s,
        public=public,
        public_title=public_title.strip()[:200],
        made_by=by.name[:120],
        made_at=at,
    )
    rule.parts.set(parts)
    facts = {"count": len(parts), "parts": [part.key for part in parts], "template": template.name, "after_s": after_s}
    record(RULE_SAVED, subject=("confirm_rule", rule.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return rule


@transaction.atomic
def remove_confirm_rule(*, rule_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It confirms nothing more. Safe to repeat. Raises Forbidden, NotFound."""
    rule = ConfirmRule.objects.select_for_update().filter(pk=rule_id).first()
    require(by, "remove_confirm_rule", rule.brand_id if rule else None)
    if rule is None:
        raise NotFound(_("A rule was to be removed."), _("There is no such one."), "")
    if rule.removed_at is None:
        rule.removed_at = at
        rule.save(update_fields=["removed_at"])
        record(RULE_REMOVED, subject=("confirm_rule", rule.pk), by=by, via=via, at=at, brand_id=rule.brand_id)


# --- From alarms -----------------------------------------------------------------------------------------------------


@transaction.atomic
def propose_from_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Where the alarm of a page is about a part of ours, an outage is proposed, or goes on with what is open about that part.

    A rule may confirm it a moment later. Returns what was done.
    """
    page = Page.objects.filter(pk=page_id).first()
    if page is None or page.shadow or page.state == Page.State.RESOLVED or page.folded_into_id is not None:
        return _("Nothing was to be done.")
    parts = queries.parts_named(page)
    if not parts:
        return _("It names no part of ours.")
    known = queries.open_about(page.brand_id, [part.pk for part in parts])
    if known is not None:
        return _("Outage {name} is about it already.").format(name=known.name)
    outage = propose_outage(
        brand_id=page.brand_id,
        title=page.title,
        parts={part.pk: int(Effect.DOWN) for part in parts},
        severity=Severity.CRITICAL if page.priority == 1 else Severity.MAJOR,
        origin=Outage.Origin.ALARM,
        page_id=page.pk,
        began_at=page.started_at,
        by=by,
        via=via,
        at=at,
    )
    rule = queries.confirm_rule_for(page.brand_id, [part.pk for part in parts])
    if rule is not None:
        promise(
            BY_RULE,
            subject=("outage", outage.pk),
            due_at=at + timedelta(seconds=rule.after_s),
            why=_("A rule confirms {name} if its alarm still stands then.").format(name=outage.name),
            at=at,
            facts={"rule": rule.pk},
            brand_id=outage.brand_id,
            occurrence=f"{outage.pk}:rule",
        )
    return _("Outage {name} is proposed.").format(name=outage.name)


@transaction.atomic
def confirm_by_rule(*, outage_id: UUID, rule_id: int, by: Actor, via: Door, at: datetime) -> str:
    """The alarm still stands, so that it is an outage, and the rule's holding statement goes out. Returns what was done.

    With more people to tell than the brand lets a rule tell, it stays a proposal.
    """
    outage = _locked(outage_id, None, by)
    rule = ConfirmRule.objects.select_related("template").filter(pk=rule_id, removed_at=None).first()
    if outage.state != State.PROPOSED or rule is None:
        return _("Nothing was to be done.")
    if outage.page is not None and outage.page.state == Page.State.RESOLVED:
        return _("Its alarm is over.")
    people = audience_query.count_of(outage.pk, ending=False, at=at).people
    if people > queries.rules_of(outage.brand_id).preview_people:
        return _("It would be told to {people}: somebody has to confirm it.").format(people=wording.people(people))
    outage.severity, outage.public, outage.public_title = rule.severity, rule.public, rule.public_title
    outage.save(update_fields=["severity", "public", "public_title"])
    confirm_outage(outage_id=outage.pk, by=by, via=via, at=at)
    outage = _locked(outage_id, None, by)
    _publish_built_in(outage, Update.Kind.HOLDING, rule.template, wording.holding, by, via, at)
    return _("Outage {name} is confirmed, and {people} are told.").format(
        name=outage.name, people=wording.people(people)
    )


@transaction.atomic
def note_fixer(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Whoever took the page fixes its outage, where nobody did. Returns what was done."""
    page = Page.objects.select_related("owner").filter(pk=page_id).first()
    outage = Outage.objects.select_for_update().filter(page=page_id).first()
    if page is None or page.owner is None or outage is None or not outage.is_open or outage.fixer_id is not None:
        return _("Nothing was to be done.")
    outage.fixer = page.owner
    outage.save(update_fields=["fixer"])
    _record(outage, OUTAGE_EDITED, {"changed": ["fixer_id"]}, by, via, at)
    return _("{name} fixes {outage}.").format(name=page.owner.name, outage=outage.name)


@transaction.atomic
def note_alarm_over(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The page is over: what was only proposed of it is withdrawn, as nobody was told. Returns what was done."""
    outage = Outage.objects.select_for_update(of=("self",)).select_related("brand").filter(page=page_id).first()
    if outage is None or outage.state != State.PROPOSED:
        return _("Nothing was to be done.")
    _end(outage, State.WITHDRAWN, at)
    _record(outage, OUTAGE_MOVED, {"to": State.WITHDRAWN}, by, via, at)
    return _("{name} was never an outage.").format(name=outage.name)


@transaction.atomic
def let_go_of_ended(*, customer_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Of what the customer buys no more nothing is needed, nothing runs over it, and no open outage nor planned work touches it.

    What was lost until it ended stays. Returns what was done; repeating it changes nothing.
    """
    ended = Subscription.ever.filter(customer=customer_id, ended_at__isnull=False)
    Need.objects.filter(subscription__in=ended).delete()
    Reach.objects.filter(subscription__in=ended).delete()
    WorkTouched.objects.filter(subscription__in=ended, work__begun_at=None).delete()
    touched = Touched.objects.filter(subscription__in=ended, until=None)
    outages = sorted(set(touched.values_list("outage_id", flat=True)))
    for outage_id in outages:
        outage = _locked(outage_id, None, by)
        with connection.cursor() as cursor:
            gone = " AND s.ended_at IS NOT NULL AND s.customer_id = %(customer)s"
            cursor.execute(_COMES_UP + gone, {"outage": outage_id, "customer": customer_id, "at": at})
            cursor.execute(_SUMS_UP, {"outage": outage_id})
        _record(outage, OUTAGE_EDITED, {"changed": ["touched"]}, by, via, at)
    return f"{len(outages)} open outages touch it no more."


# --- Beneath ---------------------------------------------------------------------------------------------------------

MOVED = ("state", "changed_at")


def _move(outage: Outage, to: State, at: datetime) -> None:
    """The only place where an outage's state is set; the row is locked and saved by the caller."""
    if to == State.PROPOSED or not decide.may_lead(State(outage.state), to):
        raise IllegalTransition(
            _("Outage {name} was to move.").format(name=outage.name),
            _("It cannot go from {state} to {to}.").format(state=outage.state, to=to),
            "",
        )
    if outage.state in decide.OVER and to not in decide.OVER:
        outage.resolved_at = None
        _touch(outage, at)
    outage.state, outage.changed_at = to, at


def _end(outage: Outage, to: State, at: datetime) -> None:
    """It is over, and touches nobody any more."""
    _move(outage, to, at)
    outage.resolved_at, outage.next_update_at = at, None
    outage.save(update_fields=[*MOVED, "resolved_at", "next_update_at"])
    with connection.cursor() as cursor:
        cursor.execute(_COMES_UP, {"outage": outage.pk, "at": at})
    Affected.objects.filter(outage=outage).update(effect=0)
    void_promises(("outage", outage.pk), at=at, kinds=(CHASE, BY_RULE))


_COMES_UP = """
UPDATE outages_touched t
SET effect = 0, until = least(%(at)s, s.ended_at),
    down_at = CASE t.effect WHEN 3 THEN t.down_at || least(%(at)s, s.ended_at) ELSE t.down_at END
FROM customers_subscription s
WHERE s.id = t.subscription_id AND t.outage_id = %(outage)s AND t.until IS NULL
"""
"""What it touches works again from `at` on; what is bought no more was touched until then."""


def _touch(outage: Outage, at: datetime) -> None:
    """Whom it touches, and how, from the parts that fail now. While it is only proposed nothing of before is kept."""
    failed = queries.failed_parts(outage.pk)
    found = effects(queries.graph_above(outage.brand_id, failed), failed).subscriptions
    ids, worst = list(found), [int(found[one]) for one in found]
    if outage.state == State.PROPOSED:
        Touched.objects.filter(outage=outage).delete()
        Affected.objects.filter(outage=outage).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO outages_touched AS t (outage_id, subscription_id, customer_id, service_id, effect, worst, since, down_at)
            SELECT %(outage)s, s.id, s.customer_id, s.service_id, x.effect, x.effect, greatest(%(since)s, s.made_at),
                   CASE x.effect WHEN 3 THEN ARRAY[greatest(%(since)s, s.made_at)] ELSE '{}' END
            FROM unnest(%(ids)s::bigint[], %(effects)s::smallint[]) AS x (id, effect)
            JOIN customers_subscription s ON s.id = x.id
            ON CONFLICT (outage_id, subscription_id) DO UPDATE
            SET effect = excluded.effect, worst = greatest(t.worst, excluded.effect), until = NULL,
                down_at = CASE WHEN (t.effect = 3) = (excluded.effect = 3) THEN t.down_at
                               ELSE t.down_at || %(at)s::timestamptz END
            WHERE t.effect <> excluded.effect
            """,
            {"outage": outage.pk, "ids": ids, "effects": worst, "since": min(outage.began_at, at), "at": at},
        )
        if len(ids) < 1000:
            others = " AND t.subscription_id <> ALL (%(ids)s::bigint[])"
        else:
            others = " AND NOT EXISTS (SELECT FROM unnest(%(ids)s::bigint[]) AS x (id) WHERE x.id = t.subscription_id)"
        cursor.execute(_COMES_UP + others, {"outage": outage.pk, "ids": ids, "at": at})
        cursor.execute(_SUMS_UP, {"outage": outage.pk})


_SUMS_UP = """
INSERT INTO outages_affected AS a (outage_id, customer_id, effect, worst, services, since)
SELECT outage_id, customer_id, max(effect), max(worst), count(*), min(since)
FROM outages_touched WHERE outage_id = %(outage)s GROUP BY outage_id, customer_id
ON CONFLICT (outage_id, customer_id) DO UPDATE
SET effect = excluded.effect, worst = excluded.worst, services = excluded.services
"""
"""Whom it touches, of what of theirs it touches."""


def _fail(outage: Outage, parts: Mapping[int, int], asked: str) -> None:
    rows = []
    for part, effect in sorted(parts.items()):
        if effect not in (Effect.REDUCED, Effect.DEGRADED, Effect.DOWN):
            raise Invalid(asked, _("A part is reduced, degraded or down."), _("Give one of these."), field="parts")
        rows.append(FailedPart(outage=outage, part=_own(Part, part, outage.brand_id, asked), effect=effect))
    FailedPart.objects.bulk_create(rows)


def _locked(outage_id: UUID, verb: str | None, by: Actor) -> Outage:
    """The outage under its row's lock; `by` may do `verb` (None: nobody is asked). Raises NotFound, Forbidden."""
    rows = Outage.objects.select_for_update(of=("self",)).select_related("brand", "page")
    outage = rows.filter(pk=outage_id).first()
    if outage is None:
        if verb is not None:
            require(by, verb, None)
        raise NotFound(
            _("Outage %s was asked for.") % outage_id, _("There is no such outage."), _("Look at the list of outages.")
        )
    if verb is not None:
        require(by, verb, outage.brand_id)
    return outage


def _waiting(update_id: UUID, verb: str | None, by: Actor) -> tuple[Update, Outage]:
    """The update, and its outage under its row's lock, which all that is done to an update takes first."""
    known = Update.objects.filter(pk=update_id).values_list("outage_id", flat=True).first()
    if known is None:
        raise NotFound(_("An update was asked for."), _("There is no such one."), _("Look at its outage."))
    outage = _locked(known, verb, by)
    return Update.objects.get(pk=update_id), outage


def _over(outage: Outage) -> IllegalTransition:
    return IllegalTransition(
        _("Outage {name} was to change.").format(name=outage.name),
        _("It is {state}.").format(state=wording.state_words(outage.state)),
        _("Propose another one, or write an update that it has come back."),
    )


def _own(model: type[Row], row_id: Any, brand_id: int, asked: str) -> Row:
    found = model._default_manager.filter(pk=row_id, brand_id=brand_id).first()
    if found is None:
        raise NotFound(
            asked,
            _("This brand has no {what} {id}.").format(what=model._meta.verbose_name, id=row_id),
            _("Choose one of its own."),
        )
    return found


def _person(person_id: int | None, role: str) -> Person | None:
    if person_id is None:
        return None
    person = Person.objects.filter(pk=person_id, active=True).first()
    if person is None:
        raise NotFound(
            _("Somebody was named as {role}.").format(role=role), _("There is no such person."), _("Choose another.")
        )
    return person


def _template(template_id: int | None, brand_id: int, asked: str) -> StatementTemplate | None:
    return None if template_id is None else _own(StatementTemplate, template_id, brand_id, asked)


def _check(asked: str, severity: str, began_at: datetime | None, at: datetime) -> None:
    if severity not in Severity:
        raise Invalid(asked, _("An outage is minor, major or critical."), _("Give one of these."), field="severity")
    if began_at is not None and began_at > at:
        raise Invalid(asked, _("It cannot begin later than now."), _("Plan work instead."), field="began_at")


def _checked_texts(
    outage: Outage, texts: Mapping[str, str], template: StatementTemplate | None, asked: str
) -> dict[str, str]:
    """The statements with what stands in for placeholders; those of the template where `texts` are none."""
    given = texts or (template.texts if template is not None else {})
    return statements.filled(outage, statements.checked(asked, given, outage.brand.language))


def _checked_next(outage: Outage, state: str, next_at: datetime | None, at: datetime, asked: str) -> datetime | None:
    if State(state) in decide.OVER:
        return None
    if next_at is None:
        return _default_next(outage, at)
    if not at < next_at <= at + LATEST_NEXT:
        raise Invalid(
            asked,
            _("The next update comes later than now, and within a week."),
            _("Give such a time."),
            field="next_at",
        )
    return next_at


def _default_next(outage: Outage, at: datetime) -> datetime:
    return queries.usual_next(outage, at)


def _corrected(outage: Outage, corrects_id: UUID | None, asked: str) -> Update | None:
    if corrects_id is None:
        return None
    found = Update.objects.filter(pk=corrects_id, outage=outage, published_at__isnull=False).first()
    if found is None:
        raise NotFound(asked, _("What it corrects is no published update of this outage."), _("Choose one."))
    return found


def _number_of_next(outage: Outage) -> int:
    last = Update.objects.filter(outage=outage).order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def _next_number(brand_id: int) -> int:
    """The next number of the brand's outages; whoever takes one has the lock until it is committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('outages_number'), %s)", [brand_id])
        cursor.execute("SELECT max(number) FROM outages_outage WHERE brand_id = %s", [brand_id])
        last = cursor.fetchone()[0]
    return FIRST_NUMBER if last is None else int(last) + 1


def _drop(update: Update, at: datetime) -> None:
    update.dropped_at = at
    update.save(update_fields=["dropped_at"])
    void_promises(("update", update.pk), at=at, kinds=(HOLD,))


def _promise_chase(outage: Outage, number: int, at: datetime, cause: UUID | None = None) -> None:
    due_at = outage.next_update_at
    if due_at is None:
        return
    chase = decide.next_chase(due_at, number)
    while chase.at < at and number < len(decide.CHASES) - 1:  # what was due before it was written is not asked for
        number += 1
        chase = decide.next_chase(due_at, number)
    promise(
        CHASE,
        subject=("outage", outage.pk),
        due_at=max(chase.at, at),
        why=_("The next update of {name} is due at {time}.").format(
            name=outage.name, time=wording.when(due_at, at, outage.brand.zone)
        ),
        at=at,
        facts={"due_at": due_at.isoformat(), "number": number},
        cause=cause,
        brand_id=outage.brand_id,
        occurrence=f"{outage.pk}:{due_at.isoformat()}:{number}",
    )


def _record(
    outage: Outage,
    what: str,
    facts: Mapping[str, Any],
    by: Actor,
    via: Door,
    at: datetime,
    *,
    text: str = "",
    cause: UUID | None = None,
) -> UUID:
    return record(
        what,
        subject=("outage", outage.pk),
        by=by,
        via=via,
        at=at,
        brand_id=outage.brand_id,
        facts={"name": outage.name, "title": outage.title, **facts},
        text=text,
        cause=cause,
    )
