"""Who takes a mail: registries that higher rooms fill in `wiring`.

A mail goes, in this order: to the handler of the word in its address (`alarm+KEY@...`) where that one takes machines'
mail; as a report on a mail of ours to `ON_REPORT`; then to the handler of its word, to whoever knows the mail that it
answers (`BY_THREAD`), to whoever knows it by what it holds (`BY_CONTENT`, machines' mail too), or to the handler of the plain
address (""). What nobody takes is kept and shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from nightdesk.base import vault
from nightdesk.mailroom.addressing import Meant, Ours
from nightdesk.mailroom.letter import Letter
from nightdesk.mailroom.reports import Report
from nightdesk.mailroom.trust import UNCHECKED, Checked, Trust


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail that was read, for a handler. `automatic`: why it is a machine's, "" where a person may have written it;
    `do_not_answer`: why no automatic reply may go back. `checked`: what is known of the sender, and so the `trust` in it.
    `reports`: what it says of mails that were sent, where it is a mail server's. `meant`: whom of ours it means, and behind
    which plus; `ours` is every address of ours, read before.
    """

    mail_id: UUID
    at: datetime
    sender: str | None
    letter: Letter
    automatic: str
    raw: bytes
    do_not_answer: str = ""
    checked: Checked = UNCHECKED
    reports: tuple[Report, ...] = ()
    meant: tuple[Meant, ...] = ()
    ours: tuple[Ours, ...] = ()
    brand_id: int | None = None

    @property
    def trust(self) -> Trust:
        """Whether the sender is who the mail says."""
        return self.checked.trust


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it: "done", or "kept" where it was understood and not acted on; and what it was about, if anything."""

    standing: Literal["done", "kept"]
    outcome: str
    subject: tuple[str, object] = ("", "")
    brand_id: int | None = None


Take: TypeAlias = Callable[[Arrived, str, datetime], Taken]
"""(mail, key, at). Runs inside the transaction of the mail; whatever it raises undoes it, and it is tried again."""


@dataclass(frozen=True, slots=True)
class Handler:
    """Who takes mail to one word. `knows` a key: a mail to another is refused at the door (550), and kept if it came by
    another way. `from_machines`: mail that no person wrote is meant for it, and comes before all else. `marks_machines`: it
    takes such a mail in its turn, and heeds `Arrived.automatic`; without either such a mail is kept and not handed on.
    """

    take: Take
    knows: Callable[[str], bool] = lambda _key: True
    from_machines: bool = False
    marks_machines: bool = False


BY_ADDRESS: dict[str, Handler] = {}
"""The word before the plus -> who takes it: "page", "alarm", "ticket" and so on; "" for plain addresses of ours."""

BY_THREAD: list[Callable[[Arrived, datetime], Taken | None]] = []
"""(mail, at): None where none of the mails that it answers is theirs. Only of what a person may have written."""

BY_CONTENT: list[Callable[[Arrived, datetime], Taken | None]] = []
"""(mail, at): None where it holds nothing of theirs."""

ON_REPORT: list[Callable[[Arrived, Report, str, datetime], Taken | None]] = []
"""(mail, report, key of the `page+` or `bounce+` address it came to or "", at): None where it is about none of theirs."""

AHEAD: list[Callable[[Sequence[Arrived], datetime], None]] = []
"""(mails, at): asks for all of a batch what taking each of them will ask, to be remembered (`base.memory`)."""


def our_mark() -> str:
    """What our own mails carry in `automatic.OUR_HEADER`; another Nightdesk's differs."""
    return vault.key_for("mail").hex()[:16]
