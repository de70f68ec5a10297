"""The verbs of what carriers announce: it becomes planned work of ours that a person decides on, by one tap.

A note asks no role: it is intake, and tells customers nothing by itself. What changes work that customers have heard of waits
for a person as well, for anybody can write a mail.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import promise
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.mailroom.actions import retry_mail
from nightdesk.mailroom.models import Mail
from nightdesk.outages import work_queries as queries
from nightdesk.outages.effect import Effect
from nightdesk.outages.foreign_formats import PARSERS, NotRead, read_foreign
from nightdesk.outages.maintnote import Maintnote, Status
from nightdesk.outages.matching import is_newer
from nightdesk.outages.models import Carrier, CarrierMail, CarrierNote, Work
from nightdesk.outages.work_actions import (
    PLANNING,
    SUBJECT,
    FromCarrier,
    call_off_work,
    close_work,
    dismiss_work,
    draft_work,
    edit_work,
    open_work,
    prolong_work,
)
from nightdesk.outages.work_flow import OVER
from nightdesk.outages.work_wording import window
from nightdesk.paging.telling import tell_quietly

CARRIER_SAVED = kind("carrier.saved", gettext_lazy("{by} set up the carrier {name}"))
CARRIER_REMOVED = kind("carrier.removed", gettext_lazy("{by} removed the carrier {name}"))
CHANGE_CAME = kind("carrier.changed", gettext_lazy("The carrier of {name} says something new: {what}"))
CHANGE_TAKEN = kind("carrier.change-taken", gettext_lazy("{by} took what the carrier says of {name}"))
CHANGE_DROPPED = kind("carrier.change-dropped", gettext_lazy("{by} left {name} as it was"))

PARSE = "carrier.parse"
NO_MORE = (Status.CANCELLED, Status.COMPLETED)


# --- Notes -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def take_carrier_note(
    *,
    brand_id: int,
    carrier_id: int | None,
    note: Maintnote,
    mail_id: UUID | None = None,
    doubts: Sequence[str] = (),
    by: Actor,
    via: Door,
    at: datetime,
) -> CarrierNote:
    """What the carrier said is kept. Where it is about circuits of ours, work is proposed, or what was proposed is changed; of
    work that customers have heard of the change waits for a person. An older note, or the same again, changes nothing.

    Whoever plans is told. `doubts` are reasons to be careful, in sentences.
    """
    carrier = Carrier.objects.filter(id=carrier_id, brand=brand_id).first() if carrier_id is not None else None
    meant = queries.meant_by_note(brand_id, carrier, note)
    key = queries.carrier_key(carrier, note)
    problems = [one.words for one in note.problems] + list(doubts) + list(meant.doubts)
    work = queries.work_of_carrier(brand_id, key, note.uid, note.maintenance_ids)
    work = Work.objects.select_for_update(of=("self",)).get(pk=work.pk) if work is not None else None
    if work is not None and (work.state not in OVER or not _announces(note, at)):
        became, outcome = _change(work, note, meant, problems, by, via, at)
    else:
        work, became, outcome = _propose(brand_id, carrier, key, note, meant, problems, by, via, at)
    row = CarrierNote(
        brand_id=brand_id,
        carrier=carrier,
        work=work,
        mail_id=mail_id,
        at=at,
        provider=note.provider[:500],
        ref=note.maintenance_id or note.uid[:200],
        status=str(note.status or ""),
        note=queries.note_as_json(note),
        problems=problems[:50],
        unknown=list(meant.unknown)[:200],
        became=became,
        outcome=outcome[:300],
    )
    row.save(force_insert=True)
    if became in ("proposed", "changed", "waits"):
        _tell_planners(work, carrier, note, outcome, problems, by, via, at)
    return row


@transaction.atomic
def take_carrier_change(
    *, work_id: UUID, note: str = "", despite: str = "", by: Actor, via: Door, at: datetime
) -> Work:
    """What the carrier said since is so for our customers, who are told. Raises Forbidden, NotFound, IllegalTransition (it has
    said nothing), WorkClashes.
    """
    work, change = _waiting(work_id, "take_carrier_change", by)
    work.change = None
    work.save(update_fields=["change"])
    doing: dict[str, Any] = {"work_id": work.pk, "note": note, "by": by, "via": via, "at": at}
    status = change["status"]
    from_at, until_at = (datetime.fromisoformat(change[name]) for name in ("from_at", "until_at"))
    if status == Status.CANCELLED:
        work = call_off_work(**doing)
    elif status == Status.COMPLETED:
        work = close_work(**doing)
    else:
        if work.state == Work.State.IN_PROGRESS:
            if until_at > work.until_at:
                work = prolong_work(until_at=until_at, **doing)
        else:
            parts = {int(part): Effect(effect) for part, effect in change["parts"]} or None
            work = edit_work(from_at=from_at, until_at=until_at, parts=parts, despite=despite, **doing)
        if status == Status.IN_PROCESS and work.state == Work.State.ANNOUNCED:
            work = open_work(**doing)
    record(
        CHANGE_TAKEN,
        subject=(SUBJECT, work.pk),
        by=by,
        via=via,
        at=at,
        brand_id=work.brand_id,
        facts={"name": work.name},
    )
    return work


@transaction.atomic
def drop_carrier_change(*, work_id: UUID, by: Actor, via: Door, at: datetime) -> Work:
    """The work stays as it is, whatever the carrier said. Raises Forbidden, NotFound, IllegalTransition."""
    work, _what = _waiting(work_id, "drop_carrier_change", by)
    work.change = None
    work.save(update_fields=["change"])
    record(
        CHANGE_DROPPED,
        subject=(SUBJECT, work.pk),
        by=by,
        via=via,
        at=at,
        brand_id=work.brand_id,
        facts={"name": work.name},
    )
    return work


def _waiting(work_id: UUID, verb: str, by: Actor) -> tuple[Work, dict[str, Any]]:
    work = Work.objects.select_for_update(of=("self",)).filter(id=work_id).first()
    asked = _("What a carrier said was to be decided on.")
    if work is None:
        raise NotFound(asked, _("There is no such work."), _("Look at the list of it."))
    require(by, verb, work.brand_id)
    if work.change is None:
        raise IllegalTransition(asked, _("It has said nothing new."), _("Nothing needs to be done."))
    return work, dict(work.change)


def _announces(note: Maintnote, at: datetime) -> bool:
    """Whether it tells of work that is still to be done."""
    return note.is_usable and note.status not in NO_MORE and note.ends_at is not None and note.ends_at > at


def _propose(
    brand_id: int, carrier: Carrier | None, key: str, note: Maintnote, meant: queries.Meant, problems: list[str],
    by: Actor, via: Door, at: datetime,
) -> tuple[Work | None, str, str]:  # fmt: skip
    """(work, what became of it, in words) of a note on work that nobody knew of."""
    if note.status in NO_MORE:
        return None, "nothing", _("It is {status}, and nobody here knew of it.").format(status=note.status)
    if not note.is_usable or note.starts_at is None or note.ends_at is None:
        return None, "unusable", _("It has no window, or none that can be.")
    if note.ends_at <= at:
        return None, "over", _("Its window is past.")
    if not meant.parts:
        if meant.harmless:
            return None, "nothing", _("It says that none of our circuits is touched.")
        return None, "unknown", _("None of the circuits that it names is known here.")
    name = carrier.name if carrier is not None else note.provider
    title = f"{name}: {note.summary or note.maintenance_id}"[:200]
    from_carrier = FromCarrier(
        carrier,
        key,
        note.uid,
        note.maintenance_id,
        str(note.status or ""),
        note.sequence,
        note.stamped_at,
        tuple(problems),
    )
    try:
        with transaction.atomic():
            work = draft_work(
                brand_id=brand_id, title=title, from_at=note.starts_at, until_at=note.ends_at, parts=meant.parts,
                carrier=from_carrier, by=by, via=via, at=at,
            )  # fmt: skip
    except Refusal as refusal:
        return None, "unusable", refusal.so
    return work, "proposed", _("{name} is proposed.").format(name=work.name)


def _change(
    work: Work, note: Maintnote, meant: queries.Meant, problems: list[str], by: Actor, via: Door, at: datetime
) -> tuple[str, str]:
    """(what became of it, in words) of a note on work that is known."""
    if not is_newer(
        note,
        work.carrier_sequence,
        work.carrier_stamped_at,
        work.carrier_status,
        work.carrier_from_at,
        work.carrier_until_at,
    ):
        return "nothing", _("{name}: it says nothing that is newer.").format(name=work.name)
    from_at, until_at = note.starts_at or work.from_at, note.ends_at or work.until_at
    if until_at <= from_at:
        from_at, until_at = work.from_at, work.until_at
    work.carrier_status = str(note.status or work.carrier_status)
    work.carrier_sequence = note.sequence if note.sequence is not None else work.carrier_sequence
    work.carrier_stamped_at = note.stamped_at or work.carrier_stamped_at
    work.carrier_from_at, work.carrier_until_at = from_at, until_at
    work.problems = problems[:50]
    fields = [
        "carrier_status",
        "carrier_sequence",
        "carrier_stamped_at",
        "carrier_from_at",
        "carrier_until_at",
        "problems",
    ]
    work.save(update_fields=fields)
    if work.state in OVER:
        return "nothing", _("{name} is over.").format(name=work.name)
    if work.state == Work.State.PROPOSED:
        return _change_proposed(work, note, from_at, until_at, meant, by, via, at)
    known = queries.parts_of(work.pk)
    parts = meant.parts or known
    same = (from_at, until_at, parts) == (work.from_at, work.until_at, known)
    begun = work.state == Work.State.IN_PROGRESS or note.status != Status.IN_PROCESS
    if same and begun and note.status not in NO_MORE:
        return "nothing", _("{name}: it says what is known.").format(name=work.name)
    work.change = {
        "status": str(note.status or ""),
        "from_at": queries.utc(from_at),
        "until_at": queries.utc(until_at),
        "parts": sorted((part, int(effect)) for part, effect in parts.items()),
    }
    work.save(update_fields=["change"])
    what = f"{note.status or ''} {window(from_at, until_at, work.brand.zone)}".strip()
    record(
        CHANGE_CAME, subject=(SUBJECT, work.pk), by=by, via=via, at=at, brand_id=work.brand_id,
        facts={"name": work.name, "what": what},
    )  # fmt: skip
    return "waits", _("{name}: what it says now waits for somebody to take it.").format(name=work.name)


def _change_proposed(
    work: Work,
    note: Maintnote,
    from_at: datetime,
    until_at: datetime,
    meant: queries.Meant,
    by: Actor,
    via: Door,
    at: datetime,
) -> tuple[str, str]:
    doing: dict[str, Any] = {"work_id": work.pk, "by": by, "via": via, "at": at}
    if note.status in NO_MORE:
        dismiss_work(why=_("The carrier says: {status}").format(status=note.status), **doing)
        return "changed", _("{name} is dismissed: the carrier says {status}.").format(
            name=work.name, status=note.status
        )
    try:
        with transaction.atomic():
            edit_work(from_at=from_at, until_at=until_at, parts=meant.parts or None, **doing)
    except Refusal as refusal:
        return "unusable", f"{work.name}: {refusal.so}"
    return "changed", _("{name} is changed.").format(name=work.name)


def _tell_planners(
    work: Work | None, carrier: Carrier | None, note: Maintnote, outcome: str, problems: list[str],
    by: Actor, via: Door, at: datetime,
) -> None:  # fmt: skip
    if work is None:
        return
    name = carrier.name if carrier is not None else note.provider
    warnings = [*problems, *queries.warnings_of(work, at)]
    lines = [
        outcome,
        work.title,
        window(work.from_at, work.until_at, work.brand.zone),
        *(f"! {one}" for one in warnings[:12]),
    ]
    tell_quietly(
        queries.planners_of(work.brand_id, work.person_id),
        kind="work.planning",
        subject=(PLANNING, work.pk),
        title=_("{carrier} announces work: {name}").format(carrier=name, name=work.name),
        body="\n".join(lines),
        brand_id=work.brand_id,
        by=by,
        via=via,
        at=at,
    )


# --- Carriers' own formats -------------------------------------------------------------------------------------------


@transaction.atomic
def ask_parser(*, mail_id: UUID, carrier_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The mail is read by the other program a moment later, outside of every transaction. Repeating it changes nothing."""
    del by, via
    row, made = CarrierMail.objects.get_or_create(mail_id=mail_id, defaults={"carrier_id": carrier_id, "at": at})
    if made:
        promise(
            PARSE,
            subject=("mail", mail_id),
            due_at=at,
            why=_("a mail of {carrier} is in its own format").format(carrier=row.carrier.name),
            at=at,
            occurrence=str(mail_id),
            brand_id=row.carrier.brand_id,
        )


@transaction.atomic
def parse_carrier_mail(*, mail_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """The mail is read by the other program, and then again by us with what that says; where it says nothing the mail goes on
    as any other does. Returns what was done.
    """
    row = queries.carrier_mail(mail_id)
    mail = Mail.objects.filter(id=mail_id).first()
    if row is None or mail is None or row.parsed is not None or row.failed:
        return _("Nothing was to be done.")
    try:
        row.parsed = read_foreign(bytes(mail.raw), row.carrier.parser)
        row.failed = "" if row.parsed else "It found no maintenance in it."
    except NotRead as why:
        row.failed = str(why)[:500]
    row.save(update_fields=["parsed", "failed"])
    if mail.standing != Mail.Standing.DONE:
        retry_mail(mail_id=mail_id, by=by, via=via, at=at)
    return row.failed or _("It found {count}.").format(count=len(row.parsed or ()))


# --- Carriers --------------------------------------------------------------------------------------------------------


@transaction.atomic
def save_carrier(
    *,
    brand_id: int,
    name: str,
    names: Sequence[str] = (),
    senders: Sequence[str] = (),
    parser: str = "",
    carrier_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Carrier:
    """The carrier's notices are known so from now on; a new one where `carrier_id` is None.

    `senders`: addresses, or `@domain`. Raises Forbidden, NotFound, Invalid.
    """
    require(by, "save_carrier", brand_id)
    asked = _("A carrier was to be set up.")
    row = Carrier(brand_id=brand_id)
    if carrier_id is not None:
        found = Carrier.objects.select_for_update().filter(id=carrier_id, brand=brand_id).first()
        if found is None:
            raise NotFound(asked, _("There is no such carrier."), _("Make a new one."))
        row = found
    row.name = " ".join(name.split())[:120]
    if not row.name:
        raise Invalid(
            asked, _("It has no name."), _("Give the name that your circuits have as their carrier."), field="name"
        )
    if Carrier.objects.filter(brand=brand_id, name__iexact=row.name).exclude(id=carrier_id or 0).exists():
        raise Invalid(asked, _("There is a carrier of that name."), _("Change that one."), field="name")
    row.senders = sorted({one.strip().lower()[:320] for one in senders if one.strip()})
    if bad := [one for one in row.senders if "@" not in one or one.endswith("@") or " " in one]:
        raise Invalid(
            asked,
            _("{sender} is no address.").format(sender=bad[0]),
            _("Give noc@carrier.net or @carrier.net."),
            field="senders",
        )
    if parser and parser not in PARSERS:
        raise Invalid(
            asked, _("There is no parser of that name."), _("Choose one of the list, or none."), field="parser"
        )
    row.names, row.parser = sorted({" ".join(one.split())[:120] for one in names if one.strip()}), parser
    if carrier_id is None:
        row.save(force_insert=True)
    else:
        row.save(update_fields=["name", "names", "senders", "parser"])
    facts = {"name": row.name, "senders": row.senders, "parser": parser}
    record(CARRIER_SAVED, subject=("carrier", row.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return row


@transaction.atomic
def remove_carrier(*, carrier_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Its mails are as anybody's from now on; work that it announced stays. Repeating it changes nothing. Raises Forbidden."""
    row = Carrier.objects.filter(id=carrier_id).first()
    if row is None:
        return
    require(by, "remove_carrier", row.brand_id)
    record(
        CARRIER_REMOVED,
        subject=("carrier", row.pk),
        by=by,
        via=via,
        at=at,
        brand_id=row.brand_id,
        facts={"name": row.name},
    )
    row.delete()
