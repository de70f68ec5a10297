"""The verbs of the mailroom: keep a mail, read it and hand it on, try it again; set up mailboxes and addresses of ours.

What comes in asks no role: it is intake, and whatever a mail stands for asks itself. A mail's own row is its record, so
there is no journal entry for it.
"""

import hashlib
import logging
import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base import promises, vault
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.rows import change
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.mailroom import addressing, waiting
from nightdesk.mailroom.addressing import Meant
from nightdesk.mailroom.automatic import OUR_HEADER
from nightdesk.mailroom.decoding import one_line
from nightdesk.mailroom.handing import BY_ADDRESS, BY_CONTENT, BY_THREAD, ON_REPORT, Arrived, Taken, our_mark
from nightdesk.mailroom.models import Address, Front, Mail, Mailbox
from nightdesk.mailroom.queries import FRONTS, UNREAD_AFTER, is_unread

log = logging.getLogger(__name__)

MAILBOX_SAVED = kind("mailbox.saved", gettext_lazy("{by} set up the mailbox {name}"))
MAILBOX_SIGNED_IN = kind("mailbox.signed_in", gettext_lazy("{by} signed in for the mailbox {name}"))
FRONT_SAVED = kind("front.saved", gettext_lazy("{by} said whose checks of senders are believed of mail by {way}"))
MAILBOX_UNREAD = kind("mailbox.unread", gettext_lazy("The mailbox {name} is not read: {problem}"))
MAILBOX_READ_AGAIN = kind("mailbox.read-again", gettext_lazy("The mailbox {name} is read again"))
MAILBOX_REMOVED = kind("mailbox.removed", gettext_lazy("{by} removed the mailbox {name}"))
ADDRESS_ADDED = kind("address.added", gettext_lazy("{by} said that mail to {address} is ours"))
ADDRESS_REMOVED = kind("address.removed", gettext_lazy("{by} said that mail to {address} is no longer ours"))
MAIL_RETRIED = kind("mail.retried", gettext_lazy("{by} had a mail read again"))

READ, CHECK = "mail.read", "mailbox.check"
"""Promises: to read a mail; to say that a mailbox is still not read."""
MAILBOXES = "mailboxes"
"""Who is woken when a mailbox was set up anew; `imap` keeps that thread."""
TRIES = 4
"""How often a mail is tried that somebody stumbles over; then it is kept with the error, for a person to look at."""
BEGUN_AT_MOST = 8
"""A mail whose reading was begun so often and never ended has killed its reader each time: it is not read again."""
REPORTED_TO = ("page", waiting.BOUNCE)
"""Words of addresses that a report may come to."""


SET_UP = (
    *("name", "host", "user", "port", "security", "certificate", "folder", "after", "move_to", "read_old", "enabled"),
    *("brand", "auth", "tenant", "token_url", "client_id", "scope", "authserv_id", "password", "client_secret"),
    *("refresh_token", "uid_validity", "first_uid", "set_up_at", "problem", "problem_at"),
)
"""Columns of a mailbox that setting it up writes."""
WHAT_WAS_READ = ("message_id", "from_address", "from_name", "title", "text", "same", "automatic", "trust")
WHAT_BECAME = (*WHAT_WAS_READ, "standing", "outcome", "error", "subject_kind", "subject_id", "brand", "read_at")
"""Columns of a mail that its reading writes."""


@transaction.atomic
def receive_mail(
    *,
    way: str,
    raw: bytes,
    sender: str | None = None,
    recipients: Sequence[str] = (),
    peer: str = "",
    mailbox: Mailbox | None = None,
    uid_validity: int | None = None,
    uid: int | None = None,
    size: int | None = None,
    cut: bool = False,
    by: Actor,
    via: Door,
    at: datetime,
) -> Mail:
    """The mail is kept as it came, and a worker will read it. A message of a mailbox that is kept already comes back.

    `size` is that of the whole, where `raw` is only its beginning (`cut`).
    """
    del by, via
    row = Mail(
        id=uuid7(at),
        at=at,
        way=way,
        mailbox=mailbox,
        brand_id=mailbox.brand_id if mailbox else None,
        uid_validity=uid_validity,
        uid=uid,
        sender=one_line(sender)[:320] if sender is not None else None,
        recipients=[one_line(one)[:320] for one in recipients],
        peer=peer[:60],
        raw=raw,
        size=len(raw) if size is None else size,
        cut=cut,
        digest=hashlib.sha256(raw).hexdigest(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return Mail.objects.get(mailbox=mailbox, uid_validity=uid_validity, uid=uid)
    if mailbox is not None:
        Mailbox.objects.filter(id=mailbox.id).update(last_mail_at=at)
    _promise_reading(row, at, str(row.id))
    return row


@transaction.atomic
def note_unfetched(
    *, mailbox: Mailbox, uid_validity: int, uid: int, reason: str, by: Actor, via: Door, at: datetime
) -> Mail:
    """A message that its server does not give stands in the ledger as failed, without its bytes, and is asked for no more.
    Repeating it changes nothing.
    """
    del by, via
    said = _("The server did not give it: {reason}").format(reason=one_line(reason))
    return Mail.objects.get_or_create(
        mailbox=mailbox,
        uid_validity=uid_validity,
        uid=uid,
        defaults={
            "at": at,
            "brand_id": mailbox.brand_id,
            "way": Mail.Way.IMAP,
            "raw": b"",
            "size": 0,
            "digest": hashlib.sha256(b"").hexdigest(),
            "standing": Mail.Standing.FAILED,
            "error": said[:2000],
            "read_at": at,
        },
    )[0]


@transaction.atomic(savepoint=False)  # whoever keeps the promise has one, and undoes what fails
def read_mail(
    *, mail_id: UUID, attempt: int = TRIES, as_persons: bool = False, by: Actor, via: Door, at: datetime
) -> str:
    """The mail is read and in the hands of whoever it is for; returns what became of it. One that was read stays so.
    `as_persons`: somebody has seen that a person wrote it.

    Whatever goes wrong undoes what was done for it: before the last of TRIES attempts it is raised, so that it is tried
    again; then the mail is kept with what was wrong. What is wrong with the database (a full disk) is raised each time.
    """
    mail = waiting.waiting_mail(mail_id)
    if mail is None:
        return _("The mail is gone.")
    if mail.standing != Mail.Standing.WAITING:
        return mail.outcome
    if attempt > BEGUN_AT_MOST:
        begun = _("Reading it was begun {count} times and never ended.").format(count=attempt - 1)
        return _end(mail, Taken("kept", ""), at, error=begun)
    arrived = waiting.arrived_mail(mail_id)
    if as_persons:
        arrived = waiting.as_persons(arrived)
    _take_down(mail, arrived)
    first_id = waiting.first_of_the_same(mail.same, mail.message_id) if mail.same else None
    if first_id is not None:
        first = Mail.objects.defer("raw").get(id=first_id)
        came = _("It came before, at {time} UTC.").format(time=f"{first.at:%Y-%m-%d %H:%M}")
        about = (first.subject_kind, first.subject_id)
        return _end(mail, Taken("kept", came, about, first.brand_id), at, standing=Mail.Standing.COPY)
    mail.automatic, mail.trust = arrived.automatic[:200], arrived.trust
    try:
        # Before the last attempt whatever is wrong is raised, and the caller undoes it.
        with transaction.atomic(savepoint=attempt >= TRIES):
            taken = _hand_on(arrived, arrived.meant, at, by=by, via=via)
    except Exception as error:  # one poisonous mail must not stop the rest: it is kept, with what was wrong
        if promises.lost_connection() or attempt < TRIES or promises.befalls_all(error):
            raise
        log.exception("Mail %s could not be handed on", mail.id)
        return _end(mail, Taken("kept", ""), at, error=f"{type(error).__name__}: {error}"[:2000])
    return _end(mail, taken, at)


@transaction.atomic
def retry_mail(*, mail_id: UUID, as_persons: bool = False, by: Actor, via: Door, at: datetime) -> Mail:
    """A mail that failed or was only kept is read afresh; `as_persons`: whatever looks like a machine in it, so that it opens a
    ticket where a person's would. One that waits stays as it is.

    Raises NotFound, Forbidden, IllegalTransition (somebody has acted on it, and must not twice).
    """
    mail = Mail.objects.select_for_update(of=("self",)).filter(id=mail_id).first()
    if mail is None:
        raise NotFound(_("A mail was to be read again."), _("There is none with this id."), _("Look at the list."))
    require(by, "retry_mail", mail.brand_id)
    if mail.standing == Mail.Standing.WAITING:
        return mail
    if mail.standing == Mail.Standing.DONE:
        raise IllegalTransition(
            _("A mail was to be read again."),
            _("It was acted on: {outcome}").format(outcome=mail.outcome),
            _("Do what is missing by hand."),
        )
    if not mail.raw and mail.uid is not None:
        raise IllegalTransition(
            _("A mail was to be read again."),
            _("The mailbox's server did not give it."),
            _("Move it there to another folder and back: then it is fetched anew."),
        )
    mail.standing, mail.outcome, mail.error, mail.same = Mail.Standing.WAITING, "", "", ""
    mail.save(update_fields=["standing", "outcome", "error", "same"])
    _promise_reading(mail, at, f"{mail.id}:{at.isoformat()}", as_persons=as_persons)
    facts = {"as_persons": True} if as_persons else None
    record(MAIL_RETRIED, subject=("mail", mail.id), by=by, via=via, at=at, brand_id=mail.brand_id, facts=facts)
    return mail


def _promise_reading(mail: Mail, at: datetime, occurrence: str, *, as_persons: bool = False) -> None:
    promises.promise(
        READ,
        subject=("mail", mail.id),
        due_at=at,
        why=_("A mail came in and is to be read."),
        at=at,
        facts={"as_persons": True} if as_persons else None,
        occurrence=occurrence,
        brand_id=mail.brand_id,
    )


def _take_down(mail: Mail, arrived: Arrived) -> None:
    """What was read stands in the row, which `_end` keeps."""
    letter = arrived.letter
    mail.message_id = letter.message_id[:300]
    mail.from_address, mail.from_name = letter.from_address[:320], letter.from_name[:200]
    mail.title, mail.text = letter.title[:300], letter.text
    mail.brand_id = arrived.brand_id
    mail.error = "\n".join(letter.faults)[:2000]
    mail.same = waiting.what_it_says(arrived)


def _hand_on(arrived: Arrived, meant: Sequence[Meant], at: datetime, *, by: Actor, via: Door) -> Taken:
    """See `handing`."""
    del by, via
    if arrived.letter.header(OUR_HEADER) == our_mark():
        return Taken("kept", _("It is a mail of ours that came back: a loop."))
    for_machines = [one for one in meant if one.word in BY_ADDRESS and BY_ADDRESS[one.word].from_machines]
    if for_machines:
        return _together([BY_ADDRESS[one.word].take(arrived, one.key, at) for one in for_machines])
    reports = arrived.reports
    key = next((one.key for one in meant if one.word in REPORTED_TO), "")
    told = [take(arrived, report, key, at) for report in reports for take in ON_REPORT]
    if known := [one for one in told if one is not None]:
        return _together(known)
    if reports:
        return Taken(
            "kept", _("It reports on a mail that is none of ours: {about}.").format(about=reports[0].recipient)
        )
    takers = {word: taker for word, taker in BY_ADDRESS.items() if taker.marks_machines or not arrived.automatic}
    for one in meant:
        if one.word and one.word in takers:
            return takers[one.word].take(arrived, one.key, at)
    if not arrived.automatic:
        for take_thread in BY_THREAD:
            if (taken := take_thread(arrived, at)) is not None:
                return taken
    if any(not one.word for one in meant):
        for take_content in BY_CONTENT:
            if (taken := take_content(arrived, at)) is not None:
                return taken
    for one in meant:
        if not one.word and "" in takers and (one.ours.local or takers[""].knows(one.key)):
            return takers[""].take(arrived, one.key, at)
    if arrived.automatic:
        return Taken("kept", _("A machine wrote it, so it is no answer: {why}.").format(why=arrived.automatic))
    return Taken("kept", _("Nobody here takes mail to that address, and it answers nothing of ours."))


def _together(all_of: Sequence[Taken]) -> Taken:
    """One word on several: done where anything was done."""
    best = next((one for one in all_of if one.standing == "done"), all_of[0])
    outcome = " ".join(dict.fromkeys(one.outcome for one in all_of))
    return Taken(best.standing, outcome, best.subject, best.brand_id)


def _end(mail: Mail, taken: Taken, at: datetime, *, standing: str = "", error: str = "") -> str:
    """What became of it stands in its row; an `error` makes it one that failed."""
    mail.standing = Mail.Standing.FAILED if error else standing or taken.standing
    mail.outcome, mail.error = taken.outcome[:300], error or mail.error
    mail.subject_kind, mail.subject_id = taken.subject[0][:30], str(taken.subject[1])[:60]
    mail.brand_id = mail.brand_id or taken.brand_id
    mail.read_at = at
    change(mail, WHAT_BECAME)
    waiting.be_done_with(mail)
    return mail.outcome or mail.error


# --- Mailboxes and addresses -------------------------------------------------------------------------------------------


@transaction.atomic
def save_mailbox(
    *,
    name: str,
    host: str,
    user: str,
    auth: str = "password",
    password: str = "",
    tenant: str = "",
    token_url: str = "",
    client_id: str = "",
    client_secret: str = "",
    refresh_token: str = "",
    scope: str = "",
    authserv_id: str = "",
    port: int | None = None,
    security: str = "tls",
    certificate: str = "",
    folder: str = "INBOX",
    after: str = "seen",
    move_to: str = "",
    read_old: bool = False,
    enabled: bool = True,
    brand_id: int | None = None,
    mailbox_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Mailbox:
    """The mailbox is read so from now on; a new one where `mailbox_id` is None. Secrets that are empty stay as they were.

    `auth` is "password", "microsoft" (with `tenant`), "google", or "oauth" for another service (with `token_url`). Without a
    `refresh_token` somebody signs in later (`sign_in_mailbox`), or at Microsoft the application itself may read.
    Another server, user or folder is another mailbox: it is read from its beginning, or from now on without `read_old`.
    Raises NotFound, Forbidden, Invalid.
    """
    require(by, "save_mailbox", brand_id)
    asked = _("The mailbox {name} was to be set up.").format(name=name)
    row = (
        Mailbox(set_up_at=at)
        if mailbox_id is None
        else Mailbox.objects.select_for_update().filter(id=mailbox_id).first()
    )
    if row is None:
        raise NotFound(asked, _("It does not exist."), _("Make a new one."))
    if mailbox_id is not None:
        require(by, "save_mailbox", row.brand_id)
    _check_mailbox(asked, mailbox_id, name=name, host=host, user=user, security=security, after=after, move_to=move_to)
    _check_auth(asked, auth=auth, tenant=tenant.strip(), token_url=token_url.strip(), client_id=client_id.strip())
    before = (row.host, row.user, row.folder)
    row.name, row.host, row.user, row.port = one_line(name)[:60], host.strip()[:200], user.strip()[:200], port
    row.security, row.certificate, row.folder = security, certificate.strip(), (folder.strip() or "INBOX")[:200]
    row.after, row.move_to, row.read_old, row.enabled = after, move_to.strip()[:200], read_old, enabled
    row.brand_id = brand_id
    row.auth, row.tenant, row.token_url = auth, tenant.strip()[:100], token_url.strip()[:300]
    row.client_id, row.scope, row.authserv_id = (
        client_id.strip()[:300],
        scope.strip()[:300],
        one_line(authserv_id).lower()[:200],
    )
    for field, secret in (("password", password), ("client_secret", client_secret), ("refresh_token", refresh_token)):
        if secret:
            setattr(row, field, vault.seal(secret.strip().encode() if field != "password" else secret.encode()))
    if before != (row.host, row.user, row.folder):
        row.uid_validity, row.first_uid, row.set_up_at = None, 1, at
    row.problem, row.problem_at, row.looked_at = "", None, None if mailbox_id is None else row.looked_at
    if mailbox_id is None:
        row.save(force_insert=True)
    else:
        row.save(update_fields=SET_UP)
    facts = {"name": row.name, "host": row.host, "user": row.user, "folder": row.folder, "enabled": enabled,
             "password": "given" if password else "kept"}  # fmt: skip
    record(MAILBOX_SAVED, subject=("mailbox", row.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    promises.wake_workers(MAILBOXES)
    return row


def _check_mailbox(asked: str, mailbox_id: int | None, **given: str) -> None:
    """Raise Invalid for what does not fit."""
    for field in ("name", "host", "user"):
        if not given[field].strip():
            raise Invalid(asked, _("{field} is missing.").format(field=field), _("Give it."), field=field)
    if given["security"] not in Mailbox.Security.values or given["after"] not in Mailbox.After.values:
        raise Invalid(asked, _("security or after is none that is known."), _("Choose one of the list."))
    if given["after"] == Mailbox.After.MOVE and not given["move_to"].strip():
        raise Invalid(asked, _("The folder to move to is missing."), _("Name it."), field="move_to")
    if Mailbox.objects.filter(name=one_line(given["name"])[:60]).exclude(id=mailbox_id or 0).exists():
        raise Invalid(asked, _("There is a mailbox of that name already."), _("Choose another name."), field="name")


def _check_auth(asked: str, *, auth: str, tenant: str, token_url: str, client_id: str) -> None:
    if auth not in Mailbox.Auth.values:
        raise Invalid(asked, _("There is no such way to log in."), _("Choose one of the list."), field="auth")
    if auth == Mailbox.Auth.PASSWORD:
        return
    if not client_id:
        raise Invalid(
            asked,
            _("The client id is missing."),
            _("Register an application at the service, and give its client id."),
            field="client_id",
        )
    if auth == Mailbox.Auth.MICROSOFT and not re.fullmatch(r"[A-Za-z0-9.-]{3,100}", tenant):
        raise Invalid(
            asked,
            _("The tenant is missing, or is none."),
            _("Give the directory (tenant) id, or a domain of yours there."),
            field="tenant",
        )
    if auth == Mailbox.Auth.OAUTH and not token_url.startswith("https://"):
        raise Invalid(
            asked,
            _("The token address is missing, or does not begin with https://."),
            _("Give the token endpoint of the service."),
            field="token_url",
        )


@transaction.atomic
def sign_in_mailbox(*, mailbox_id: int, refresh_token: str, by: Actor, via: Door, at: datetime) -> Mailbox:
    """Somebody has signed in for the mailbox: it is read with that from now on. Raises NotFound, Forbidden, Invalid."""
    row = Mailbox.objects.select_for_update().filter(id=mailbox_id).first()
    asked = _("Somebody signed in for a mailbox.")
    if row is None:
        require(by, "sign_in_mailbox", None)
        raise NotFound(asked, _("It does not exist."), _("Set it up first."))
    require(by, "sign_in_mailbox", row.brand_id)
    if not refresh_token or row.auth == Mailbox.Auth.PASSWORD:
        raise Invalid(
            asked,
            _("The service gave nothing that lasts, or the mailbox is read by password."),
            _("Let the application ask for offline access, and sign in again."),
        )
    row.refresh_token = vault.seal(refresh_token.encode())
    row.set_up_at, row.problem, row.problem_at = at, "", None
    row.save(update_fields=["refresh_token", "set_up_at", "problem", "problem_at"])
    facts = {"name": row.name, "user": row.user, "service": row.auth}
    record(MAILBOX_SIGNED_IN, subject=("mailbox", row.id), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)
    promises.wake_workers(MAILBOXES)
    return row


@transaction.atomic
def save_front(*, way: str, authserv_id: str, by: Actor, via: Door, at: datetime) -> None:
    """Authentication-Results of the server `authserv_id` are believed of mail that comes by `way`; of nobody's where "".

    Raises Forbidden, Invalid. Repeating it changes nothing.
    """
    require(by, "save_front", None)
    asked = _("The mail server in front was to be named.")
    name = one_line(authserv_id).lower()[:200]
    if way not in FRONTS:
        raise Invalid(asked, _("Mail does not come that way."), _("Choose smtp, lmtp or pipe."), field="way")
    if name and not re.fullmatch(r"[a-z0-9._-]+", name):
        raise Invalid(
            asked,
            _("That is no name of a mail server."),
            _("Give what stands behind Authentication-Results: in your mails, such as mx.example.net."),
            field="authserv_id",
        )
    known = Front.objects.select_for_update().filter(way=way).first()
    if (known.authserv_id if known else "") == name:
        return
    if name:
        Front.objects.update_or_create(way=way, defaults={"authserv_id": name})
    elif known:
        known.delete()
    facts = {"way": way, "authserv_id": name}
    record(FRONT_SAVED, subject=("front", way), by=by, via=via, at=at, facts=facts)


@transaction.atomic
def remove_mailbox(*, mailbox_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It is not read any more, and its password is gone; the mails that came from it stay. Raises NotFound, Forbidden."""
    row = Mailbox.objects.select_for_update().filter(id=mailbox_id).first()
    if row is None:
        require(by, "remove_mailbox", None)
        raise NotFound(_("A mailbox was to be removed."), _("It does not exist."), "")
    require(by, "remove_mailbox", row.brand_id)
    facts = {"name": row.name, "host": row.host, "user": row.user}
    record(MAILBOX_REMOVED, subject=("mailbox", row.id), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)
    row.delete()
    promises.wake_workers(MAILBOXES)


@transaction.atomic
def note_mailbox(
    *,
    mailbox_id: int,
    problem: str | None,
    uid_validity: int | None = None,
    first_uid: int | None = None,
    refresh_token: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> None:
    """How the mailbox does, after somebody has looked: `problem` "" where it was read, None where that is not known yet. Its
    UIDs start anew where given.

    `refresh_token` is the next one, where the service gave one for the old.
    """
    changes: dict[str, object] = {} if problem is None else {"problem": problem[:300]}
    before = Mailbox.objects.select_for_update().filter(id=mailbox_id).first()
    if problem and before is not None and not before.problem:
        changes |= {"problem_at": at}
        _promise_check(before, at)
    elif problem == "":
        changes |= {"looked_at": at, "problem_at": None}
        if before is not None and is_unread(before, at):
            _record_mailbox(MAILBOX_READ_AGAIN, before, by, via, at)
    if refresh_token:
        changes |= {"refresh_token": vault.seal(refresh_token.encode())}
    if uid_validity is not None:
        changes |= {"uid_validity": uid_validity, "first_uid": 1 if first_uid is None else first_uid}
    if changes:
        Mailbox.objects.filter(id=mailbox_id).update(**changes)


@transaction.atomic
def check_mailbox(*, mailbox_id: int, by: Actor, via: Door, at: datetime) -> str:
    """A mailbox that has not been read for UNREAD_AFTER is an alarm, and recorded as one. Returns how it stands."""
    row = Mailbox.objects.select_for_update().filter(id=mailbox_id).first()
    if row is None or not is_unread(row, at):
        return _("It is read again, or no longer.")
    _record_mailbox(MAILBOX_UNREAD, row, by, via, at, problem=row.problem)
    return row.problem


def _promise_check(row: Mailbox, at: datetime) -> None:
    promises.promise(
        CHECK,
        subject=("mailbox", row.id),
        due_at=at + UNREAD_AFTER,
        why=_("The mailbox {name} could not be read.").format(name=row.name),
        at=at,
        occurrence=f"{row.id}:{at.isoformat()}",
        brand_id=row.brand_id,
    )


def _record_mailbox(what: str, row: Mailbox, by: Actor, via: Door, at: datetime, **facts: object) -> None:
    told = {"name": row.name, **facts}
    record(what, subject=("mailbox", row.id), by=by, via=via, at=at, brand_id=row.brand_id, facts=told)


@transaction.atomic
def add_address(*, address: str, brand_id: int | None = None, by: Actor, via: Door, at: datetime) -> Address:
    """Mail to it is ours from now on, and mails of ours ask for answers there. Repeating it changes nothing.

    Raises Forbidden, Invalid (no address, or another brand's).
    """
    require(by, "add_address", brand_id)
    wanted = address.strip().lower()
    asked = _("Mail to {address} was to be ours.").format(address=wanted)
    if not addressing.is_usable(wanted):
        raise Invalid(
            asked,
            _("That is no address, or it has a plus in it."),
            _("Give noc@example.net, or @example.net for a domain whose mail all comes to Nightdesk."),
            field="address",
        )
    known = Address.objects.filter(address__iexact=wanted).first()
    if known is not None:
        if known.brand_id != brand_id:
            raise Invalid(asked, _("It is known, and of another brand."), _("Remove it there first."), field="address")
        return known
    row = Address(address=wanted, brand_id=brand_id)
    row.save(force_insert=True)
    facts = {"address": wanted}
    record(ADDRESS_ADDED, subject=("address", row.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return row


@transaction.atomic
def remove_address(*, address_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Mail to it is not ours any more: answers to mails that name it are lost. Raises NotFound, Forbidden."""
    row = Address.objects.select_for_update().filter(id=address_id).first()
    if row is None:
        require(by, "remove_address", None)
        raise NotFound(_("An address was to be removed."), _("It does not exist."), "")
    require(by, "remove_address", row.brand_id)
    facts = {"address": row.address}
    record(ADDRESS_REMOVED, subject=("address", row.id), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)
    row.delete()
