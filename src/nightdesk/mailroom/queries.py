"""What the mailroom reads: addresses of ours, mailboxes and how they do, the mails."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from nightdesk.base import vault
from nightdesk.base.memory import remembered
from nightdesk.mailroom import addressing
from nightdesk.mailroom.addressing import Meant, Ours
from nightdesk.mailroom.handing import BY_ADDRESS, Arrived
from nightdesk.mailroom.letter import Letter, read_letter
from nightdesk.mailroom.models import Address, Front, Mail, Mailbox
from nightdesk.mailroom.oauth import Client, token_url_of

FRONTS = ("smtp", "lmtp", "pipe")
"""Ways in that have a mail server in front."""
UNREAD_AFTER = timedelta(minutes=10)
"""So long a mailbox may not be read before it is an alarm: servers are restarted, and some let nobody in for a while."""
LOOKS_EVERY = timedelta(minutes=1)
"""A mailbox that was not looked at for twice as long is not being read, whatever its row says."""


@remembered
def ours() -> list[Ours]:
    """Every address of ours, the oldest first."""
    rows = Address.objects.order_by("id").values_list("address", "brand_id")
    return [Ours(address.lower(), brand_id) for address, brand_id in rows]


def address_for(word: str, key: str, brand_id: int | None, known: Collection[Ours] | None = None) -> str:
    """Where a mail about `key` is to be sent; "" where no address of ours is set. `known`: `ours()`, read before."""
    one = addressing.choose(ours() if known is None else known, brand_id)
    return addressing.with_key(one, word, key) if one else ""


def who_is_meant(recipient: str, known: Collection[Ours] | None = None) -> Meant | None:
    """Whom a recipient means; None where it is no address of ours. `known`: `ours()`, read before."""
    return addressing.meant_by(recipient, ours() if known is None else known, BY_ADDRESS)


def is_accepted(recipient: str) -> bool:
    """Whether mail to `recipient` is taken at the door: an address of ours, and behind a plus only a key that is known.

    Of a whole domain that is ours only addresses that somebody takes are accepted, and postmaster (RFC 5321 4.5.1).
    """
    meant = who_is_meant(recipient)
    if meant is None:
        return False
    handler = BY_ADDRESS.get(meant.word)
    if meant.word:
        return handler is not None and handler.knows(meant.key)
    return bool(meant.ours.local) or meant.key == "postmaster" or (handler is not None and handler.knows(meant.key))


def fronts() -> dict[str, str]:
    """Way in -> whose Authentication-Results are believed of its mail, "" for nobody's; every way that has a server in front."""
    known = dict(Front.objects.values_list("way", "authserv_id"))
    return {way: known.get(way, "") for way in FRONTS}


def authserv_id_of(mail: Mail) -> str:
    """Whose Authentication-Results are believed of this mail: its mailbox' server, or the one in front; "" for nobody's."""
    if mail.mailbox is not None:
        return mail.mailbox.authserv_id
    return _authserv_id_before(mail.way)


@remembered
def _authserv_id_before(way: str) -> str:
    return Front.objects.filter(way=way).values_list("authserv_id", flat=True).first() or ""


@remembered
def mailbox_of(mailbox_id: int) -> Mailbox | None:
    """The mailbox; None where it was removed."""
    return Mailbox.objects.filter(id=mailbox_id).first()


LOOKED_THROUGH = 5000
"""Among so many of the newest mails words are looked for: a ledger of years is read by its days. What became of a ticket is
found by the search over tickets, however old it is.
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which mails; None and empty ask for nothing in particular. `text` is a Message-ID, or words that one of the newest
    LOOKED_THROUGH of the others holds. Instants are half-open: [`since`, `until`)."""

    brand_ids: Collection[int] | None = None
    text: str = ""
    standing: str = ""
    mailbox_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def mails(filters: Filters) -> QuerySet[Mail]:
    """Those mails, newest first, without their bytes. Mail of no brand is seen by whoever may see every brand's."""
    found = Mail.objects.defer("raw").select_related("mailbox").order_by("-at", "-id")
    if filters.brand_ids is not None:
        found = found.filter(brand_id__in=filters.brand_ids)
    if filters.standing:
        found = found.filter(standing=filters.standing)
    if filters.mailbox_id is not None:
        found = found.filter(mailbox_id=filters.mailbox_id)
    if filters.since is not None:
        found = found.filter(at__gte=filters.since)
    if filters.until is not None:
        found = found.filter(at__lt=filters.until)
    return _with_words(found, filters.text) if filters.text else found


def _with_words(found: QuerySet[Mail], words: str) -> QuerySet[Mail]:
    by_id = found.filter(message_id=words.strip("<> "))
    if by_id.exists():
        return by_id
    return found.filter(id__in=found.values("id")[:LOOKED_THROUGH]).filter(
        Q(title__icontains=words)
        | Q(from_address__icontains=words)
        | Q(from_name__icontains=words)
        | Q(text__icontains=words)
        | Q(recipients__icontains=words)
    )


LIKE_IT_AT_MOST = 20


def came_before(arrived: Arrived) -> bool:
    """Whether a mail of its id and sender that was read before says the same, to whichever address it came. The id alone
    says nothing, as some programs give many mails the same one.
    """
    letter = arrived.letter
    rows = Mail.objects.filter(message_id=letter.message_id[:300], from_address=letter.from_address[:320])
    rows = rows.exclude(id=arrived.mail_id).exclude(standing=Mail.Standing.WAITING).order_by("-at", "-id")
    said = _all_that_is_said(letter)
    return any(
        bytes(raw) == arrived.raw or _all_that_is_said(read_letter(bytes(raw))) == said
        for raw in rows.values_list("raw", flat=True)[:LIKE_IT_AT_MOST]
    )


def _all_that_is_said(letter: Letter) -> tuple[object, ...]:
    """Whichever way it was encoded on its way."""
    files = [(one.name, hashlib.sha256(one.content).digest()) for one in letter.attachments]
    return (letter.title, letter.text.split(), sorted(files))


def password_of(mailbox: Mailbox) -> str:
    """Raises vault.Unreadable."""
    return _opened(mailbox.password)


def client_of(mailbox: Mailbox) -> Client:
    """What we are to the service that signs in for the mailbox. Raises vault.Unreadable."""
    return Client(
        service=mailbox.auth,
        token_url=token_url_of(mailbox.auth, mailbox.tenant, mailbox.token_url),
        client_id=mailbox.client_id,
        client_secret=_opened(mailbox.client_secret),
        refresh_token=_opened(mailbox.refresh_token),
        scope=mailbox.scope,
        trusted=mailbox.certificate,
    )


def refresh_token_of(mailbox_id: int) -> str:
    """The newest, which another may have fetched. Raises vault.Unreadable."""
    return _opened(Mailbox.objects.values_list("refresh_token", flat=True).get(id=mailbox_id))


def _opened(sealed: bytes | memoryview) -> str:
    return vault.open_(bytes(sealed)).decode() if sealed else ""


def how_it_does(mailbox: Mailbox, at: datetime) -> tuple[str, str]:
    """("calm", "fire" or "", a few words) for whoever looks after it."""
    if not mailbox.enabled:
        return "", "off"
    if mailbox.problem:
        return "fire", mailbox.problem
    if mailbox.looked_at is None:
        late = at - mailbox.set_up_at > 2 * LOOKS_EVERY
        return ("fire", "no worker has looked at it yet") if late else ("", "not looked at yet")
    if at - mailbox.looked_at > 2 * LOOKS_EVERY:
        return "fire", "no worker looks at it"
    return "calm", "is read"


def is_unread(mailbox: Mailbox, at: datetime) -> bool:
    """Whether nobody could read it for so long that it is an alarm."""
    return mailbox.enabled and mailbox.problem_at is not None and at - mailbox.problem_at >= UNREAD_AFTER


def known_uids(mailbox_id: int, uid_validity: int, lowest: int) -> set[int]:
    """UIDs of that mailbox, from `lowest` on, whose messages are kept here."""
    rows = Mail.objects.filter(mailbox_id=mailbox_id, uid_validity=uid_validity, uid__gte=lowest)
    return {uid for uid in rows.values_list("uid", flat=True) if uid is not None}


def mailboxes() -> QuerySet[Mailbox]:
    """Every mailbox, by name."""
    return Mailbox.objects.order_by("name")


def count_by_standing(at: datetime) -> dict[str, int]:
    """How many mails of the last 24 hours stand how; every standing is there."""
    counted = Mail.objects.filter(at__gt=at - timedelta(days=1)).values_list("standing").annotate(Count("id"))
    return dict.fromkeys(Mail.Standing.values, 0) | dict(counted.order_by("standing"))
