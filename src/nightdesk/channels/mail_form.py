"""How a message looks as a mail, where it is a letter to somebody and not only a notice; kept with the message as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast


@dataclass(frozen=True, slots=True)
class FileInMail:
    """A file of `base.files`. With a `content_id` it is an image that the HTML shows; `inline`: not offered to be saved."""

    digest: str
    name: str
    media_type: str
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True)
class MailForm:
    """The head of a mail, the same for all who get it, and what hangs on it; whatever is empty is as the driver has it.

    `sender`, `to` and `cc` are (name, address): `to` and `cc` name all who are written to, while each has an envelope of
    their own. Ids are without angle brackets. `html` is safe. `submitted` is Auto-Submitted (RFC 3834), "no" for the words
    of a person. `no_return`: no report comes back on it, as on an automatic reply. `list_id` is (name, id) of the list that
    a message to many is of (RFC 2919), the id like `outages.example.net`.
    """

    sender: tuple[str, str] = ("", "")
    to: tuple[tuple[str, str], ...] = ()
    cc: tuple[tuple[str, str], ...] = ()
    reply_to: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    html: str = ""
    files: tuple[FileInMail, ...] = ()
    submitted: Literal["no", "auto-replied", "auto-generated"] = "auto-generated"
    no_return: bool = False
    list_id: tuple[str, str] = ("", "")


NOTICE = MailForm()


def as_json(form: MailForm) -> dict[str, Any]:
    """How the ledger keeps it: what is not as usual."""
    return {name: value for name, value in asdict(form).items() if value != getattr(NOTICE, name)}


def form_of(kept: Mapping[str, Any]) -> MailForm:
    """What `as_json` wrote; what a newer version knows besides is left out."""
    if not kept:
        return NOTICE
    return MailForm(
        sender=_pair(kept.get("sender", ("", ""))),
        to=tuple(_pair(one) for one in kept.get("to", ())),
        cc=tuple(_pair(one) for one in kept.get("cc", ())),
        reply_to=str(kept.get("reply_to", "")),
        message_id=str(kept.get("message_id", "")),
        in_reply_to=str(kept.get("in_reply_to", "")),
        references=tuple(str(one) for one in kept.get("references", ())),
        html=str(kept.get("html", "")),
        files=tuple(
            FileInMail(
                one["digest"], one["name"], one["media_type"], one.get("content_id", ""), bool(one.get("inline"))
            )
            for one in kept.get("files", ())
        ),
        submitted=cast(Any, kept.get("submitted", "auto-generated")),
        no_return=bool(kept.get("no_return", False)),
        list_id=_pair(kept.get("list_id", ("", ""))),
    )


def _pair(value: Any) -> tuple[str, str]:
    name, address = value
    return str(name), str(address)
