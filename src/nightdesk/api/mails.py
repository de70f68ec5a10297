"""Mail that came in, and where it comes from: mailboxes that are read, addresses that are ours."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from ninja import Path, Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Name
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.mailroom import actions
from nightdesk.mailroom.letter import read_attachments
from nightdesk.mailroom.models import Address, Mail, Mailbox
from nightdesk.mailroom.queries import Filters, fronts, mails

router = Router(tags=["mails"])

Standing = Literal["waiting", "done", "kept", "copy", "failed"]


class MailOut(Schema):
    """A mail as it came. `sender` and `recipients` are the envelope's: null and empty where it was read from a mailbox.

    `standing`: waiting to be read; done; kept, as it was for nobody or no answer; a copy of one that came before; failed.
    `automatic`: why a machine wrote it, empty where a person may have. `trust`: whether the mail server that is believed has
    proven the sender; empty before the mail was read.
    """

    id: UUID
    at: datetime
    brand_id: int | None
    way: Literal["imap", "smtp", "lmtp", "pipe"]
    mailbox_id: int | None
    sender: str | None
    recipients: list[str]
    size: int
    cut: bool
    message_id: str
    from_address: str
    from_name: str
    title: str
    automatic: str
    trust: Literal["", "verified", "unverified", "failed"]
    standing: Standing
    outcome: str
    error: str
    subject_kind: str
    subject_id: str
    read_at: datetime | None


class MailWithText(MailOut):
    """With its words."""

    text: str


class MailFileOut(Schema):
    """A file of a mail. `media_type` is what its sender says. `inline`: meant to be seen within the text."""

    number: int
    name: str
    media_type: str
    size: int
    inline: bool


class FrontIn(Schema):
    """The name that the mail server in front writes into Authentication-Results; empty: nobody is believed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"authserv_id": "mx.example.net"}]})
    authserv_id: str = Field(max_length=200)


class FrontOut(Schema):
    way: Literal["smtp", "lmtp", "pipe"]
    authserv_id: str


class MailFilter(Schema):
    """Fields that are not given leave the list whole."""

    q: str | None = Field(
        None, max_length=200, description="Words of subject or text, a sender, a recipient, a Message-ID."
    )
    standing: Standing | None = None
    mailbox_id: Id | None = None


class MailboxIn(Schema):
    """`after`: what becomes of a message there once it is kept. Secrets that are empty stay as they were.

    `auth` other than "password" is OAuth 2.0, with `client_id`; "microsoft" also needs `tenant`, "oauth" a `token_url`.
    `authserv_id`: whose Authentication-Results are believed of its mails; empty: nobody's.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "noc",
                    "host": "imap.example.net",
                    "user": "noc@example.net",
                    "password": "secret",
                    "brand_id": 1,
                }
            ]
        },
    )
    name: str = Field(min_length=1, max_length=60)
    host: Name
    user: Name
    auth: Literal["password", "microsoft", "google", "oauth"] = "password"
    password: str = Field("", max_length=2000)
    client_id: str = Field("", max_length=300)
    client_secret: str = Field("", max_length=4000)
    tenant: str = Field("", max_length=100)
    token_url: str = Field("", max_length=300)
    scope: str = Field("", max_length=300)
    refresh_token: str = Field("", max_length=4000)
    authserv_id: str = Field("", max_length=200)
    port: int | None = Field(None, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    certificate: str = Field("", max_length=20_000)
    folder: str = Field("INBOX", max_length=200)
    after: Literal["leave", "seen", "move"] = "seen"
    move_to: str = Field("", max_length=200)
    read_old: bool = False
    enabled: bool = True
    brand_id: Id | None = None


class MailboxOut(Schema):
    """`problem`: why it cannot be read, since `problem_at`; empty where it can. Secrets are never told."""

    id: int
    name: str
    host: str
    user: str
    auth: str
    client_id: str
    tenant: str
    token_url: str
    scope: str
    authserv_id: str
    port: int | None
    security: str
    folder: str
    after: str
    move_to: str
    read_old: bool
    enabled: bool
    brand_id: int | None
    looked_at: datetime | None
    last_mail_at: datetime | None
    problem: str
    problem_at: datetime | None


class AddressIn(Schema):
    """`noc@example.net`, or `@example.net` for a domain whose mail all comes to us."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"address": "@night.example.net", "brand_id": 1}]}
    )
    address: str = Field(min_length=3, max_length=200)
    brand_id: Id | None = None


class AddressOut(Schema):
    id: int
    address: str
    brand_id: int | None


@router.get("/mails", response=Listing[MailOut])
def list_mails(request: HttpRequest, cut: Query[Cut], only: Query[MailFilter]) -> Any:
    """Mails that came in, the newest first."""
    wanted = Filters(
        brand_ids=readable_brands(request, "read_mails"),
        text=only.q or "",
        standing=only.standing or "",
        mailbox_id=only.mailbox_id,
    )
    return list_rows(request, mails(wanted), MailOut, cut, newest_first=True)


@router.get("/mails/{mail_id}", response=MailWithText)
def read_mail(request: HttpRequest, mail_id: UUID) -> Any:
    """One mail, with its words."""
    return one(readable(request, "read_mails", Mail.objects.defer("raw")), id=mail_id)


@router.get("/mails/{mail_id}/files", response=list[MailFileOut])
def list_mail_files(request: HttpRequest, mail_id: UUID) -> Any:
    """The files of a mail, in their order."""
    mail = one(readable(request, "read_mails", Mail.objects.all()), id=mail_id)
    return [
        {"number": number, "name": each.name, "media_type": each.media_type, "size": each.size, "inline": each.inline}
        for number, each in enumerate(read_attachments(bytes(mail.raw)))
    ]


@router.get(
    "/mails/{mail_id}/files/{file_number}",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file's bytes",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def read_mail_file(request: HttpRequest, mail_id: UUID, file_number: Annotated[int, Path(ge=0, le=999)]) -> Any:
    """One file of a mail, as it is; to be kept, and not drawn."""
    mail = one(readable(request, "read_mails", Mail.objects.all()), id=mail_id)
    files = read_attachments(bytes(mail.raw))
    if file_number >= len(files):
        raise NotFound(
            _("File %(number)s of a mail was asked for.") % {"number": file_number}, _("It has no such file."), ""
        )
    answer = HttpResponse(files[file_number].content, content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(True, files[file_number].name) or "attachment"
    return answer


@router.post("/mails/{mail_id}/retry", response=MailOut)
def retry_mail(request: HttpRequest, mail_id: UUID, as_persons: bool = False) -> Any:
    """Have a mail read again that failed or was only kept; `as_persons`: whatever looks like a machine in it."""
    return actions.retry_mail(
        mail_id=mail_id, as_persons=as_persons, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/mailboxes", response=Listing[MailboxOut])
def list_mailboxes(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Mailboxes that are read, and how each does."""
    return list_rows(request, readable(request, "save_mailbox", Mailbox.objects.all()), MailboxOut, cut)


@router.post("/mailboxes", response={201: MailboxOut})
def make_mailbox(request: HttpRequest, body: MailboxIn) -> Any:
    """Have a mailbox read."""
    return actions.save_mailbox(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.put("/mailboxes/{mailbox_id}", response=MailboxOut)
def save_mailbox(request: HttpRequest, mailbox_id: Id, body: MailboxIn) -> Any:
    """Read a mailbox in another way."""
    return actions.save_mailbox(
        **body.dict(), mailbox_id=mailbox_id, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.delete("/mailboxes/{mailbox_id}", response={204: None})
def remove_mailbox(request: HttpRequest, mailbox_id: Id) -> Any:
    """Do not read it any more; its mails stay."""
    actions.remove_mailbox(mailbox_id=mailbox_id, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


@router.get("/mail-fronts", response=list[FrontOut])
def list_fronts(request: HttpRequest) -> Any:
    """Whose checks of senders are believed, by each way in that has a mail server in front."""
    readable_brands(request, "save_front")
    return [{"way": way, "authserv_id": name} for way, name in fronts().items()]


@router.put("/mail-fronts/{way}", response=FrontOut)
def save_front(request: HttpRequest, way: Literal["smtp", "lmtp", "pipe"], body: FrontIn) -> Any:
    """Say whose checks of senders are believed of mail that comes that way."""
    actions.save_front(way=way, authserv_id=body.authserv_id, by=actor_of(request), via=Door.API, at=clock.now())
    return {"way": way, "authserv_id": fronts()[way]}


@router.get("/addresses", response=Listing[AddressOut])
def list_addresses(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Addresses that are ours."""
    return list_rows(request, readable(request, "add_address", Address.objects.all(), shared=True), AddressOut, cut)


@router.post("/addresses", response={201: AddressOut})
def add_address(request: HttpRequest, body: AddressIn) -> Any:
    """Say that mail to an address is ours."""
    return actions.add_address(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.delete("/addresses/{address_id}", response={204: None})
def remove_address(request: HttpRequest, address_id: Id) -> Any:
    """Say that mail to it is not ours any more."""
    actions.remove_address(address_id=address_id, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None
