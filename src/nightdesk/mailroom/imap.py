"""Mailboxes read by IMAP: every message once, by UIDVALIDITY and UID, whatever anybody has read or flagged there.

One thread for each mailbox, which waits by IDLE (RFC 2177) where the server has it and looks every LOOK_S seconds in any
case. A message is kept here in one transaction before anything is changed there, so a worker may die at any moment: the
next looks at every UID that it does not have. Several workers may read; an advisory lock keeps them out of each other's
way, and the table's own constraint keeps them from keeping anything twice.
"""

import contextlib
import imaplib
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.utils.translation import gettext as _
from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError, ProtocolError

from nightdesk.base import clock, env, promises, vault
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.worker import Shift
from nightdesk.mailroom.actions import MAILBOXES, note_mailbox, note_unfetched, receive_mail
from nightdesk.mailroom.models import Mailbox
from nightdesk.mailroom.oauth import NoToken, Token, fetch_token
from nightdesk.mailroom.queries import client_of, known_uids, mailboxes, password_of, refresh_token_of

log = logging.getLogger(__name__)

MOST_BYTES = (
    1024
    * 1024
    * env.integer("NIGHTDESK_MAIL_LIMIT_MB", 20, "Largest mail that is kept whole, in megabytes.", least=1, most=200)
)
BEGINNING = 256 * 1024
"""Bytes of a mail above that limit that are kept behind its head."""
LOOK_S = 30
"""Seconds after which a mailbox is looked at, whatever its server tells of."""
LOOKED_INTO_S = 2.0
"""Seconds between looks whether a mailbox was set up anew."""
ANEW = 0
"""As a mailbox' first UID: its UIDs began anew, and what lay there before it was set up is not ours to read."""
TRIES_EACH = 3
GIVES_UP_AFTER = timedelta(minutes=10)
"""So often, and for so long, a message is asked for that the server does not give: it may be busy for a while."""
PAUSES_S = (1, 2, 5, 10, 30, 60)
TIMEOUT = SocketTimeout(connect=10, read=30)
_LOCK = "mailbox"
WENT_WRONG = (IMAPClientError, imaplib.IMAP4.error, OSError, ssl.SSLError, EOFError, ValueError)
"""What a server, or the way to it, may throw; IMAPClient's own errors are IMAP4's."""

__all__ = ["MAILBOXES", "read_mailboxes"]


def read_mailboxes(shift: Shift) -> None:
    """The worker's thread "mailboxes": keeps a reader for each that is switched on, as it is set up now."""
    readers: dict[int, _Reader] = {}
    try:
        while not shift.stopping.is_set():
            seen = shift.bell(MAILBOXES).rung
            wanted = {row.id: row for row in mailboxes() if row.enabled}
            for number, reader in list(readers.items()):
                if number not in wanted or reader.differs(wanted[number]) or not reader.is_alive():
                    readers.pop(number).stop()
            for number, row in wanted.items():
                if number not in readers:
                    readers[number] = _Reader(row)
                    readers[number].start()
            shift.bell(MAILBOXES).wait(seen, LOOKED_INTO_S)
    finally:
        for reader in readers.values():
            reader.stop()


class _Reader(threading.Thread):
    """Reads one mailbox until it is stopped."""

    def __init__(self, row: Mailbox) -> None:
        super().__init__(name=f"mailbox-{row.name}"[:15], daemon=True)
        self._row = row
        self._stopping = threading.Event()
        self._failures = 0
        self._token: Token | None = None
        self._tries: dict[int, tuple[int, datetime]] = {}
        """By UID how often a message could not be fetched, and since when."""

    def differs(self, row: Mailbox) -> bool:
        """Whether it was set up anew since we began. Another refresh token is asked for when it is needed."""
        names = (
            "host",
            "port",
            "security",
            "user",
            "auth",
            "tenant",
            "token_url",
            "client_id",
            "client_secret",
            "scope",
            "password",
            "certificate",
            "folder",
            "after",
            "move_to",
            "set_up_at",
            "brand_id",
        )
        ours, theirs = ([_comparable(getattr(one, name)) for name in names] for one in (self._row, row))
        return ours != theirs

    def stop(self) -> None:
        """Ask it to end; it does within a second, or with what it waits for."""
        self._stopping.set()

    def run(self) -> None:
        """Read, and begin anew after whatever went wrong."""
        while not self._stopping.is_set():
            try:
                with _alone(self._row.id) as alone:
                    if alone:
                        self._read()
            except Exception as error:  # whatever is wrong with one mailbox is told, and tried again
                if isinstance(error, (DatabaseError, InterfaceError)) and promises.lost_connection():
                    log.warning("The database is away (%s); mail waits at %s", _one_line(error), self._row.name)
                else:
                    self._tell(self._words(error))
            connection.close()
            self._stopping.wait(PAUSES_S[min(self._failures, len(PAUSES_S) - 1)])

    def _words(self, error: Exception) -> str:
        told = error.strerror if isinstance(error, OSError) and error.strerror else error
        said = _one_line(told) or type(error).__name__
        if isinstance(error, NoToken):
            return str(error)
        if isinstance(error, LoginError) and self._row.auth != Mailbox.Auth.PASSWORD:
            return _("The server does not take the access token of this user: {said}").format(said=said)
        if isinstance(error, LoginError):
            return _("The server does not take user and password: {said}").format(said=said)
        if isinstance(error, vault.Unreadable):
            return _("The password cannot be opened: {said}").format(said=said)
        return _("{host}: {said}").format(host=self._row.host, said=said)

    def _tell(self, problem: str) -> None:
        self._failures += 1
        log.warning("The mailbox %s cannot be read: %s", self._row.name, problem)
        with contextlib.suppress(DatabaseError, InterfaceError):
            self._note(problem)

    def _note(self, problem: str | None = "", **more: Any) -> None:
        note_mailbox(mailbox_id=self._row.id, problem=problem, by=SCHEDULER, via=Door.WORKER, at=clock.now(), **more)

    def _read(self) -> None:
        """Connect, and read until stopped. Raises whatever goes wrong."""
        row = self._row
        with _connected(row, self._log_in) as server:
            state = server.select_folder(row.folder)
            validity, following = int(state[b"UIDVALIDITY"]), int(state.get(b"UIDNEXT") or 0)
            self._remember(validity, following)
            idles = server.has_capability("IDLE")
            # What is kept already and was not yet marked, because somebody died in between.
            self._mark(server, sorted(self._uids(server) & self._known(1)))
            anew = False
            while not self._stopping.is_set():
                _told_of_more(server)  # by what was asked before: the look that follows sees it
                found = self._take_new(server, validity)
                self._note()
                self._failures = 0
                # A server that tells of the same again and again is not asked without a pause.
                anew = _told_of_more(server) and (found or not anew)
                if not anew:
                    self._wait(server, idles)

    def _log_in(self, server: IMAPClient) -> None:
        """By password, or by an access token (RFC 7628, or Google's way before it)."""
        row = self._row
        if row.auth == Mailbox.Auth.PASSWORD:
            server.login(row.user, password_of(row))
            return
        token = self._fresh_token()
        try:
            if server.has_capability("AUTH=XOAUTH2"):
                server.oauth2_login(row.user, token)
            else:
                server.oauthbearer_login(row.user, token)
        except (IMAPClientError, imaplib.IMAP4.error):
            self._token = None  # it may have been revoked before its time
            raise

    def _fresh_token(self) -> str:
        """Raises NoToken, vault.Unreadable."""
        at = clock.now()
        if self._token is None or not self._token.is_fresh(at):
            client = replace(client_of(self._row), refresh_token=refresh_token_of(self._row.id))
            self._token = fetch_token(client, at)
            if self._token.refresh_token not in ("", client.refresh_token):
                self._note(None, refresh_token=self._token.refresh_token)
        return self._token.access_token

    def _remember(self, validity: int, following: int) -> None:
        """Where reading begins: of a mailbox that is new to us at what comes now, unless its old mail is wanted too.

        One whose UIDVALIDITY has changed is read anew, without old mail from the day on which it was set up (ANEW): what came
        before is known by what it says.
        """
        row = self._row
        if row.uid_validity == validity:
            return
        begun = row.uid_validity is not None
        row.first_uid = 1 if row.read_old else ANEW if begun else max(1, following)
        row.uid_validity = validity
        self._tries.clear()
        self._note(None, uid_validity=validity, first_uid=row.first_uid)

    def _wait(self, server: IMAPClient, idles: bool) -> None:
        if not idles:
            for _second in range(LOOK_S):
                if self._stopping.wait(1):
                    return
            server.noop()
            return
        server.idle()
        try:
            for _second in range(LOOK_S):
                told = server.idle_check(timeout=1)
                if self._stopping.is_set() or any(b"EXISTS" in one for one in told if isinstance(one, tuple)):
                    return
        finally:
            server.idle_done()

    def _uids(self, server: IMAPClient) -> set[int]:
        row = self._row
        wanted: list[Any] = ["UID", f"{max(1, row.first_uid)}:*"]
        if row.first_uid == ANEW:
            # A day more, in whichever zone the server counts its days.
            since = min(one for one in (row.set_up_at, row.looked_at) if one) - timedelta(days=1)
            wanted += ["SINCE", since.date()]
        return {int(uid) for uid in server.search(wanted) if uid >= row.first_uid}

    def _known(self, lowest: int) -> set[int]:
        return known_uids(self._row.id, self._row.uid_validity or 0, lowest)

    def _take_new(self, server: IMAPClient, validity: int) -> bool:
        """What is not kept yet, one by one; what could not be fetched before comes last, so that it stops nothing.
        Whether any of it was kept.
        """
        found = False
        there = self._uids(server)
        new = there - self._known(min(there, default=1))
        for uid in sorted(new, key=lambda one: (one in self._tries, one)):
            if self._stopping.is_set():
                break
            try:
                self._keep(server, validity, uid)
            except (OSError, imaplib.IMAP4.abort, InterfaceError):
                raise
            except Exception as error:  # one message that cannot be had must not stop the next
                if isinstance(error, DatabaseError) and (promises.lost_connection() or promises.befalls_all(error)):
                    raise
                self._set_aside(validity, uid, error)
                if not isinstance(error, (IMAPClientError, DatabaseError)) or isinstance(error, ProtocolError):
                    raise  # who knows how much of the answer was read
            else:
                found = True
                self._mark(server, [uid])
        return found

    def _set_aside(self, validity: int, uid: int, error: Exception) -> None:
        """The message could not be had; in the end that stands in the ledger, and it is asked for no more."""
        at = clock.now()
        tries, since = self._tries.get(uid, (0, at))
        self._tries[uid] = (tries + 1, since)
        log.warning("Message %s of the mailbox %s cannot be fetched: %s", uid, self._row.name, _one_line(error))
        if tries + 1 >= TRIES_EACH and at - since >= GIVES_UP_AFTER:
            del self._tries[uid]
            note_unfetched(
                mailbox=self._row,
                uid_validity=validity,
                uid=uid,
                reason=_one_line(error) or type(error).__name__,
                by=SCHEDULER,
                via=Door.EMAIL,
                at=at,
            )

    def _keep(self, server: IMAPClient, validity: int, uid: int) -> None:
        """One message, in one transaction. Its reading sets no flag (PEEK). Raises IMAPClientError where the server does not
        give it.
        """
        size = int(server.fetch([uid], ["RFC822.SIZE"]).get(uid, {}).get(b"RFC822.SIZE", 0))
        pieces = ["BODY.PEEK[HEADER]", f"BODY.PEEK[TEXT]<0.{BEGINNING}>"]
        parts = ["BODY.PEEK[]"] if size <= MOST_BYTES else pieces
        found = server.fetch([uid], parts).get(uid)
        if found is None:
            return  # deleted meanwhile
        texts = [value for name, value in sorted(found.items()) if name.startswith(b"BODY[")]
        if not texts or None in texts:
            raise IMAPClientError(_("The server has the message and does not give its text."))
        receive_mail(
            way="imap",
            raw=b"".join(bytes(one) for one in texts),
            mailbox=self._row,
            uid_validity=validity,
            uid=uid,
            size=size,
            cut=size > MOST_BYTES,
            by=SCHEDULER,
            via=Door.EMAIL,
            at=clock.now(),
        )

    def _mark(self, server: IMAPClient, uids: Sequence[int]) -> None:
        """What is to become of them there. Where that fails they are kept here all the same, and it is told."""
        if not uids or self._row.after == Mailbox.After.LEAVE:
            return
        if self._row.after == Mailbox.After.SEEN:
            server.add_flags(list(uids), [b"\\Seen"], silent=True)
            return
        if not server.folder_exists(self._row.move_to):
            server.create_folder(self._row.move_to)
        if server.has_capability("MOVE"):
            server.move(list(uids), self._row.move_to)
        else:
            server.copy(list(uids), self._row.move_to)
            server.delete_messages(list(uids), silent=True)
            server.expunge()


@contextlib.contextmanager
def _alone(mailbox_id: int) -> Iterator[bool]:
    """Whether no other worker reads the mailbox; until the end none will."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"{_LOCK} {mailbox_id}"])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        if alone:
            with contextlib.suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"{_LOCK} {mailbox_id}"])


def _told_of_more(server: IMAPClient) -> bool:
    """Whether the server has told of mail (EXISTS) in its answers since this was asked last. While we idle it does not tell
    of that again, so whoever waits without having asked would find it only at the next look.
    """
    return bool(server._imap.response("EXISTS")[1] != [None])  # IMAPClient shows no other way to it


def _one_line(error: object) -> str:
    return " ".join(str(error).replace("b'", "").strip("'\"").split())


def _comparable(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


@contextlib.contextmanager
def _connected(row: Mailbox, log_in: Callable[[IMAPClient], None]) -> Iterator[IMAPClient]:
    """A session that is logged in."""
    context = ssl.create_default_context()
    if row.certificate:
        context.load_verify_locations(cadata=row.certificate)
    server = IMAPClient(
        row.host,
        port=row.port or (993 if row.security == Mailbox.Security.TLS else 143),
        ssl=row.security == Mailbox.Security.TLS,
        ssl_context=context,
        timeout=TIMEOUT,
    )
    try:
        if row.security == Mailbox.Security.STARTTLS:
            server.starttls(context)
        log_in(server)
        yield server
    finally:
        with contextlib.suppress(*WENT_WRONG):
            server.logout()
