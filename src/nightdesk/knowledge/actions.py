"""Verbs of procedures, their versions, and the changes proposed of them.

Whoever may save writes drafts. What is shown to everybody is published; a procedure that has an owner is published, changed in
where it fits, looked through and retired by them or by a manager only.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.search import SearchVector
from django.db import transaction
from django.db.models import Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import may, require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.knowledge import fields
from nightdesk.knowledge.folding import folded
from nightdesk.knowledge.markdown import plain
from nightdesk.knowledge.models import CALL_KINDS, CallKind, Procedure, Proposal, Reading, Version
from nightdesk.knowledge.registries import TELL, brand_of
from nightdesk.people.models import Person

PROCEDURE_MADE = kind("procedure.made", gettext_lazy("{by} wrote the procedure {procedure}"))
PROCEDURE_SAVED = kind("procedure.saved", gettext_lazy("{by} saved version {version} of the procedure {procedure}"))
PROCEDURE_RESTORED = kind("procedure.restored", gettext_lazy("{by} took version {of} of {procedure} up again"))
PROCEDURE_PUBLISHED = kind("procedure.published", gettext_lazy("{by} published version {version} of {procedure}"))
PROCEDURE_EDITED = kind("procedure.edited", gettext_lazy("{by} changed where the procedure {procedure} fits"))
PROCEDURE_REVIEWED = kind("procedure.reviewed", gettext_lazy("{by} looked through {procedure}: it is right"))
PROCEDURE_REVIEW_DUE = kind("procedure.review_due", gettext_lazy("{procedure} should be looked through"))
PROCEDURE_RETIRED = kind("procedure.retired", gettext_lazy("{by} took the procedure {procedure} out of use"))
PROCEDURE_READ = kind("procedure.read", gettext_lazy("{by} has read version {version} of {procedure}"))
CHANGE_PROPOSED = kind("procedure.change_proposed", gettext_lazy("{by} proposed a change of {procedure}"))
CHANGE_ACCEPTED = kind("procedure.change_accepted", gettext_lazy("{by} accepted the change of {procedure} by {whom}"))
CHANGE_DECLINED = kind("procedure.change_declined", gettext_lazy("{by} declined the change of {procedure} by {whom}"))
CALL_KIND_ADDED = kind("call_kind.added", gettext_lazy("{by} added the kind of call {name}"))

REVIEW, DECIDE = "procedure.review", "procedure.tell"
"""Promises about a procedure: to have it looked through, and to tell of a proposal what became of it."""
REMIND_EVERY = timedelta(days=7)
LONGEST_REVIEW = 3 * 366
MOST_SEARCHED = 150_000
"""Characters of a procedure that are searched: PostgreSQL takes a megabyte of words at most."""


class ProcedureChanges(TypedDict, total=False):
    """Where a procedure fits and who keeps it; what is not there stays. `owner_id` None: nobody's in particular."""

    service_ids: Sequence[int]
    calls: Sequence[str]
    part: str
    owner_id: int | None
    review_days: int


@transaction.atomic
def make_procedure(
    *,
    brand_id: int,
    title: str,
    body: str,
    why: str = "",
    where: ProcedureChanges | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Procedure:
    """A procedure with its first version, a draft. Without a word about its owner it is the actor's.

    Raises Forbidden, NotFound (no such brand, service or person), Invalid.
    """
    require(by, "make_procedure", brand_id)
    if not Brand.objects.filter(id=brand_id).exists():
        raise NotFound(_asked(), _("There is no such brand."), _("Choose one of the list."))
    fitted: ProcedureChanges = {"owner_id": by.person_id, **(where or {})}
    row = Procedure(brand_id=brand_id)
    changes = _fitting(row, fitted)
    services = changes.pop("services", [])
    for name, value in changes.items():
        setattr(row, name, value)
    row.title = one_line(title, 200, _("title"))
    row.save(force_insert=True)
    row.services.set(services)
    _add_version(row, title, body, why, by, at)
    _record(PROCEDURE_MADE, row, by, via, at)
    return row


@transaction.atomic
def save_procedure(
    *, procedure_id: int, title: str, body: str, why: str = "", over: int, by: Actor, via: Door, at: datetime
) -> Version:
    """The words as a new version, which is a draft until it is published; the same words make none.

    `over` is the number of the latest version when the writer began. Raises Forbidden, NotFound, Invalid, ChangedMeanwhile.
    """
    row = _locked(procedure_id, "save_procedure", by)
    _see_latest(row, over)
    latest = row.versions.get(number=row.latest)
    if (latest.title, latest.body) == (one_line(title, 200, _("title")), fields.body(body)):
        return latest
    version = _add_version(row, title, body, why, by, at)
    _record(PROCEDURE_SAVED, row, by, via, at, version=version.number)
    return version


@transaction.atomic
def restore_procedure(*, procedure_id: int, number: int, by: Actor, via: Door, at: datetime) -> Version:
    """The words of the older version as a new one, a draft. Raises Forbidden, NotFound, IllegalTransition (the latest)."""
    row = _locked(procedure_id, "restore_procedure", by)
    old = row.versions.filter(number=number).first()
    if old is None:
        raise NotFound(_asked(), _("It has no version %d.") % number, _("Look at the list of its versions."))
    if number == row.latest:
        raise IllegalTransition(_asked(), _("That is the latest version."), _("Nothing needs to be done."))
    version = _add_version(row, old.title, old.body, _("version %d again") % number, by, at, restored_from=number)
    _record(PROCEDURE_RESTORED, row, by, via, at, version=version.number, of=number)
    return version


@transaction.atomic
def publish_procedure(*, procedure_id: int, number: int, by: Actor, via: Door, at: datetime) -> Procedure:
    """That version is what is shown from now on, and the procedure counts as looked through. Repeating it changes nothing.

    Raises Forbidden, NotYours, NotFound, IllegalTransition (it is retired).
    """
    row = _kept_by(procedure_id, "publish_procedure", by)
    version = row.versions.filter(number=number).first()
    if version is None:
        raise NotFound(_asked(), _("It has no version %d.") % number, _("Look at the list of its versions."))
    if row.published_id != version.pk:
        _publish(row, version, at)
        _record(PROCEDURE_PUBLISHED, row, by, via, at, version=number)
    return row


@transaction.atomic
def edit_procedure(*, procedure_id: int, changes: ProcedureChanges, by: Actor, via: Door, at: datetime) -> Procedure:
    """It fits where it is said, and is kept by whom it is said. Raises Forbidden, NotYours, NotFound, Invalid."""
    row = _kept_by(procedure_id, "edit_procedure", by)
    wanted = _fitting(row, changes)
    services = wanted.pop("services", None)
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, wanted[name])
    if changed:
        row.save(update_fields=changed)
    if services is not None and {each.pk for each in services} != set(row.services.values_list("id", flat=True)):
        row.services.set(services)
        changed.append("services")
    if changed:
        if "review_days" in changed and row.published_id is not None:
            _promise_review(row, at)
        _record(PROCEDURE_EDITED, row, by, via, at, changed=changed)
    return row


@transaction.atomic
def review_procedure(*, procedure_id: int, by: Actor, via: Door, at: datetime) -> Procedure:
    """Somebody has looked through what is published, and it is right. Raises Forbidden, NotYours, NotFound, IllegalTransition."""
    row = _kept_by(procedure_id, "review_procedure", by)
    if row.published_id is None:
        raise IllegalTransition(_asked(), _("Nothing of it is published."), _("Publish it first."))
    _promise_review(row, at)
    _record(PROCEDURE_REVIEWED, row, by, via, at)
    return row


@transaction.atomic
def retire_procedure(*, procedure_id: int, by: Actor, via: Door, at: datetime) -> Procedure:
    """It is shown nowhere any more, but to whoever looks for it. Repeating it changes nothing. Raises as above."""
    row = _kept_by(procedure_id, "retire_procedure", by, also_retired=True)
    if row.retired_at is None:
        row.retired_at, row.review_at = at, None
        row.save(update_fields=["retired_at", "review_at"])
        void_promises(("procedure", row.pk), at=at)
        _record(PROCEDURE_RETIRED, row, by, via, at)
    return row


@transaction.atomic
def confirm_reading(*, procedure_id: int, number: int, by: Actor, via: Door, at: datetime) -> Reading:
    """The actor has read that version; once said, it stays. Raises Forbidden, NotFound, Invalid (no person of ours)."""
    row = _locked(procedure_id, "confirm_reading", by)
    if by.person_id is None:
        raise Invalid(_asked(), _("Only somebody on the staff list can say so."), _("Sign in as yourself."))
    version = row.versions.filter(number=number).first()
    if version is None:
        raise NotFound(_asked(), _("It has no version %d.") % number, _("Look at the list of its versions."))
    reading, new = Reading.objects.get_or_create(version=version, person_id=by.person_id, defaults={"at": at})
    if new:
        _record(PROCEDURE_READ, row, by, via, at, version=number)
    return reading


@transaction.atomic
def propose_change(
    *,
    procedure_id: int,
    body: str,
    why: str,
    over: int,
    subject: tuple[str, str] | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Proposal:
    """Other words for the procedure wait for its owner, who is told; `subject` is the page or ticket it came from.

    `over` is the number of the version that the writer had before them. Raises Forbidden, NotFound, Invalid.
    """
    row = _locked(procedure_id, "propose_change", by)
    version = row.versions.filter(number=over).first()
    if version is None:
        raise NotFound(_asked(), _("It has no version %d.") % over, _("Look at the list of its versions."))
    kept = fields.body(body)
    if kept == version.body:
        raise Invalid(_asked(), _("Nothing is different from version %d.") % over, _("Change what should be."))
    if subject is not None and brand_of(*subject) != row.brand_id:
        raise NotFound(_asked(), _("There is no such page or ticket of this brand."), _("Leave it out."))
    proposal = Proposal.objects.create(
        procedure=row,
        version=version,
        body=kept,
        why=one_line(why, 300, _("reason")),
        subject_kind=subject[0] if subject else "",
        subject_id=subject[1] if subject else "",
        by_name=by.name[:120],
        by_person_id=by.person_id,
        at=at,
    )
    _record(CHANGE_PROPOSED, row, by, via, at, proposal=proposal.pk)
    _promise_telling(row, proposal, _("its owner is told of a proposal"), at)
    return proposal


@transaction.atomic
def accept_proposal(
    *,
    proposal_id: int,
    word: str = "",
    body: str | None = None,
    over: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Proposal:
    """The proposed words (or `body`, what the owner made of them) are a new version, which is shown from now on.

    Where the procedure has changed since it was proposed, `body` must have both, and `over` name the latest version that it was
    made from, so that nobody's words are lost unseen. Raises Forbidden, NotYours, NotFound, Invalid, IllegalTransition (it was
    decided), ChangedMeanwhile.
    """
    proposal, row = _open_proposal(proposal_id, "accept_proposal", by)
    _see_latest(row, over if over is not None and body is not None else proposal.version.number)
    title = row.versions.get(number=row.latest).title
    words = proposal.body if body is None else body
    version = _add_version(row, title, words, _("proposed by %s") % proposal.by_name, by, at)
    _publish(row, version, at)
    proposal.became = version
    _decide(proposal, row, CHANGE_ACCEPTED, word, by, via, at)
    return proposal


@transaction.atomic
def decline_proposal(*, proposal_id: int, word: str, by: Actor, via: Door, at: datetime) -> Proposal:
    """The procedure stays as it is, and whoever proposed is told `word`, the reason. Raises as `accept_proposal` does."""
    proposal, row = _open_proposal(proposal_id, "decline_proposal", by)
    if not word.strip():
        raise Invalid(_asked(), _("No reason was given."), _("Say why, for whoever proposed it."))
    _decide(proposal, row, CHANGE_DECLINED, word, by, via, at)
    return proposal


@transaction.atomic
def remind_of_review(*, procedure_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Its owner is told that it is to be looked through, and again in a week. Returns what was done."""
    row = Procedure.objects.select_for_update().filter(id=procedure_id, retired_at=None).first()
    if row is None or row.review_at is None or row.review_at > at:
        return _("Nothing was to be done.")
    _promise(REVIEW, row, at + REMIND_EVERY, _("it should have been looked through"), at)
    cause = _record(PROCEDURE_REVIEW_DUE, row, by, via, at)
    title = _("Please look through “%s”") % row.title
    body = _("Is it still right? Say so, or change it: %s") % _address(row)
    return _told(row, [row.owner_id], REVIEW, title, body, cause, by, via, at)


@transaction.atomic
def tell_of_proposal(*, proposal_id: int, by: Actor, via: Door, at: datetime) -> str:
    """The owner is told of a proposal that is open, whoever proposed of one that was decided. Returns what was done."""
    proposal = Proposal.objects.select_related("procedure").filter(id=proposal_id).first()
    if proposal is None:
        return _("Nothing was to be done.")
    row = proposal.procedure
    address = f"{_address(row)}#proposals"
    if proposal.accepted is None:
        title = _("%(name)s proposes a change of “%(title)s”") % {"name": proposal.by_name, "title": row.title}
        return _told(row, [row.owner_id], DECIDE, title, f"{proposal.why} {address}", None, by, via, at)
    words = _("Your change of “%s” was accepted") if proposal.accepted else _("Your change of “%s” was declined")
    body = " ".join(part for part in (proposal.word, address) if part)
    return _told(row, [proposal.by_person_id], DECIDE, words % row.title, body, None, by, via, at)


@transaction.atomic
def add_call_kind(*, brand_id: int, key: str, name: str, by: Actor, via: Door, at: datetime) -> CallKind:
    """A kind of call that the brand has beside those of everybody. Raises Forbidden, NotFound, Invalid."""
    require(by, "add_call_kind", brand_id)
    asked = _("A kind of call was to be added.")
    if not Brand.objects.filter(id=brand_id).exists():
        raise NotFound(asked, _("There is no such brand."), _("Choose one of the list."))
    key = key.strip().lower()
    if not key.replace("_", "").replace("-", "").isalnum() or not key.isascii() or len(key) > 20:
        raise Invalid(asked, _("Its key is not usable."), _("Use up to 20 letters, digits and underscores."))
    if key in CALL_KINDS:
        raise Invalid(asked, _("Every brand has one of that key."), _("Use another key."))
    with unless_taken(asked, _("The brand has one of that key."), _("Use another key.")):
        made = CallKind.objects.create(brand_id=brand_id, key=key, name=one_line(name, 60, _("name")))
    facts = {"name": made.name, "key": key}
    record(CALL_KIND_ADDED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return made


# --- What they share -------------------------------------------------------------------------------------------------


def _asked() -> str:
    return _("You asked for something to be done with a procedure.")


def _locked(procedure_id: int, verb: str, by: Actor, *, also_retired: bool = False) -> Procedure:
    row = Procedure.objects.select_for_update().filter(id=procedure_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(_asked(), _("There is no such procedure."), _("Look at the list."))
    if row.retired_at is not None and not also_retired:
        raise IllegalTransition(_asked(), _("It is out of use."), _("Write a new one."))
    return row


def _kept_by(procedure_id: int, verb: str, by: Actor, *, also_retired: bool = False) -> Procedure:
    """As `_locked`, for its owner and for managers only."""
    row = _locked(procedure_id, verb, by, also_retired=also_retired)
    _see_owner(row, by)
    return row


def _see_owner(row: Procedure, by: Actor) -> None:
    if row.owner_id in (None, by.person_id) or may(by, "keep_procedures", row.brand_id):
        return
    name = row.owner.name if row.owner else ""
    raise fields.NotYours(_asked(), _("%s keeps it.") % name, _("Ask them or a manager, or propose a change."))


def _see_latest(row: Procedure, over: int) -> None:
    if over == row.latest:
        return
    name = row.versions.get(number=row.latest).by_name
    raise fields.ChangedMeanwhile(
        _("A new version over version %d was to be saved.") % over,
        _("%(name)s has saved version %(number)d since.") % {"name": name, "number": row.latest},
        _("Look at what is different, put both together, and save again."),
        latest=row.latest,
    )


def _fitting(row: Procedure, changes: ProcedureChanges) -> dict[str, Any]:
    """The changes as columns; `services` as rows."""
    kept: dict[str, Any] = {}
    if "service_ids" in changes:
        kept["services"] = fields.services_of(row.brand_id, changes["service_ids"], _asked())
    if "calls" in changes:
        kept["calls"] = fields.calls_of(row.brand_id, changes["calls"], _asked())
    if "part" in changes:
        kept["part"] = fields.part_of(changes["part"], _asked())
    if "owner_id" in changes:
        owner = fields.active_person(changes["owner_id"], _asked())
        kept["owner_id"] = owner.pk if owner else None
    if "review_days" in changes:
        if not 0 <= changes["review_days"] <= LONGEST_REVIEW:
            raise Invalid(_asked(), _("It is to be looked through too seldom."), _("Give 0 (never) to three years."))
        kept["review_days"] = changes["review_days"]
    return kept


def _add_version(
    row: Procedure, title: str, body: str, why: str, by: Actor, at: datetime, *, restored_from: int | None = None
) -> Version:
    row.latest += 1
    version = Version.objects.create(
        procedure=row,
        number=row.latest,
        title=one_line(title, 200, _("title")),
        body=fields.body(body),
        why=one_line(why, 300, _("reason"), may_be_empty=True),
        by_name=by.name[:120],
        by_id=by.id,
        at=at,
        restored_from=restored_from,
    )
    row.save(update_fields=["latest"])
    _index(row)
    return version


def _publish(row: Procedure, version: Version, at: datetime) -> None:
    row.published = version
    row.save(update_fields=["published"])
    _index(row)
    _promise_review(row, at)


def _index(row: Procedure) -> None:
    """What it is found by, and the title that it goes by."""
    latest = row.versions.get(number=row.latest)
    shown = row.published or latest
    row.title = shown.title
    row.save(update_fields=["title"])
    texts = {shown.pk: shown, latest.pk: latest}.values()
    words = folded(" ".join(f"{each.title} {plain(each.body)}" for each in texts))[:MOST_SEARCHED]
    Procedure.objects.filter(pk=row.pk).update(words=SearchVector(Value(words), config="simple"))


def _promise_review(row: Procedure, at: datetime) -> None:
    void_promises(("procedure", row.pk), at=at, kinds=(REVIEW,))
    row.review_at = at + timedelta(days=row.review_days) if row.review_days else None
    row.save(update_fields=["review_at"])
    if row.review_at is not None:
        _promise(REVIEW, row, row.review_at, _("“%s” is to be looked through") % row.title, at)


def _promise_telling(row: Procedure, proposal: Proposal, why: str, at: datetime) -> None:
    _promise(DECIDE, row, at, why, at, proposal=proposal.pk)


def _promise(kind_of: str, row: Procedure, due_at: datetime, why: str, at: datetime, **facts: Any) -> None:
    subject = ("procedure", row.pk)
    promise(kind_of, subject=subject, due_at=due_at, why=why, at=at, facts=facts, brand_id=row.brand_id)


def _open_proposal(proposal_id: int, verb: str, by: Actor) -> tuple[Proposal, Procedure]:
    """The proposal and its procedure, in whose lock it is decided."""
    known = Proposal.objects.filter(id=proposal_id).values_list("procedure_id", flat=True).first()
    row = _kept_by(known or 0, verb, by)
    proposal = Proposal.objects.select_for_update(of=("self",)).select_related("version").get(id=proposal_id)
    if proposal.accepted is not None:
        so = _("It was accepted.") if proposal.accepted else _("It was declined.")
        raise IllegalTransition(_asked(), f"{so} ({proposal.decided_by})", _("Propose another change."))
    return proposal, row


def _decide(proposal: Proposal, row: Procedure, kind_of: str, word: str, by: Actor, via: Door, at: datetime) -> None:
    proposal.accepted = kind_of == CHANGE_ACCEPTED
    proposal.decided_at, proposal.decided_by = at, by.name[:120]
    proposal.word = one_line(word, 300, _("word"), may_be_empty=True)
    proposal.save(update_fields=["accepted", "decided_at", "decided_by", "word", "became"])
    _record(kind_of, row, by, via, at, proposal=proposal.pk, whom=proposal.by_name)
    _promise_telling(row, proposal, _("whoever proposed it is told"), at)


def _address(row: Procedure) -> str:
    return f"{settings.PUBLIC_URL}/knowledge/procedures/{row.pk}"


def _told(
    row: Procedure,
    person_ids: Sequence[int | None],
    kind_of: str,
    title: str,
    body: str,
    cause: UUID | None,
    by: Actor,
    via: Door,
    at: datetime,
) -> str:
    to = list(
        Person.objects.filter(id__in=[each for each in person_ids if each], active=True).values_list("id", flat=True)
    )
    if not to:
        return _("There was nobody to tell.")
    count = sum(
        tell(
            to,
            kind=kind_of,
            subject=("procedure", row.pk),
            title=title,
            body=body,
            brand_id=row.brand_id,
            cause=cause,
            by=by,
            via=via,
            at=at,
        )
        for tell in TELL
    )
    return _("Told %(count)d.") % {"count": count}


def _record(kind_of: str, row: Procedure, by: Actor, via: Door, at: datetime, **facts: Any) -> UUID:
    subject, known = ("procedure", row.pk), {"procedure": row.title, **facts}
    return record(kind_of, subject=subject, by=by, via=via, at=at, brand_id=row.brand_id, facts=known)
