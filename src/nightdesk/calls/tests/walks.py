"""Facts of a line that a test can write in one line, and a call walked through with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from nightdesk.calls.flow import CallerFacts, Candidate, Facts, KnownOutage, LineFacts, WaitingMessage
from nightdesk.calls.simulate import CallerDoes, Moment, Telephone, walk
from nightdesk.lines.exchange import Came

DAY = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
CAME = Came("caller", "+442000000001", "+447700900001")

LINE = LineFacts(1, "Acme", "en-GB", True, "+442000000001", "+442000000009")
AL = Candidate(1, "Al", "al", outside=False, awake=True)
BO = Candidate(2, "Bo", "bo", outside=False, awake=True)
CY = Candidate(3, "Cy", "cy", outside=False, awake=True)
MO = Candidate(4, "Mo", "+447700900104", outside=True, awake=True)
"""A mobile."""
ANN = CallerFacts("customer", "Ann of Cirrus", "number", customer_id=7, contact_id=8, covered=True, may_wake=True)
NOBODY = CallerFacts()
PEER = CallerFacts("peer", "LINX", "number", peer_id=3)
OURS = CallerFacts("staff", "Sam", "number", person_id=77)

SILENT = Telephone(answers_after_s=None)
AWAY = Telephone(state="unreachable")
BUSY = Telephone(state="busy")


def asleep(*candidates: Candidate) -> list[Candidate]:
    """The same people in bed: holder, backup, then whoever is signed in."""
    ranks = ["holder", "backup", "signed_in", "signed_in"]
    return [replace(one, awake=False, rank=rank) for one, rank in zip(candidates, ranks, strict=False)]


def outage(at: datetime, *, said_ago_s: int = 600, next_in_s: int | None = 1200) -> KnownOutage:
    """One that touches what the caller buys."""
    next_at = None if next_in_s is None else at + timedelta(seconds=next_in_s)
    said = "Your web hosting at Mill Lane does not answer."
    late = next_at is not None and next_at < at
    return KnownOutage("o1", said, at - timedelta(seconds=said_ago_s), next_at, late)


def waits(at: datetime) -> WaitingMessage:
    """A message that this number left an hour ago."""
    return WaitingMessage("m-1", at - timedelta(hours=1), at + timedelta(minutes=10), "An engineer was paged.")


def by_day(caller: CallerFacts = ANN, *candidates: Candidate, **line: Any) -> Facts:
    """Facts within the line's hours."""
    return Facts(DAY, "Europe/London", replace(LINE, **line), caller, candidates or (AL, BO, CY))


def by_night(caller: CallerFacts = ANN, *candidates: Candidate, **line: Any) -> Facts:
    """Facts out of the line's hours; whoever is named sleeps."""
    people = asleep(*(candidates or (AL, BO, CY)))
    return Facts(NIGHT, "Europe/London", replace(LINE, open_now=False, **line), caller, people)


class Walked:
    """A call from its first ring to its end, and what came of it."""

    def __init__(self, moments: Sequence[Moment]) -> None:
        self.moments = moments
        self.heard = [words for moment in moments for words in moment.heard]
        self.rung = [words.split(": ")[1] for moment in moments for words in moment.rung]
        self.written = [write for moment in moments for write in moment.written]
        self.stages = list(dict.fromkeys(moment.stage for moment in moments))

    @property
    def ended(self) -> str:
        """How."""
        return next(str(write.about["as"]) for write in self.written if write.what == "ended")

    def wrote(self, what: str) -> list[dict[str, Any]]:
        """What was written of that kind."""
        return [dict(write.about) for write in self.written if write.what == what]

    def heard_by(self, leg: str) -> str:
        """All that it was told."""
        return " ".join(words.split(": ", 1)[1] for words in self.heard if words.startswith(f"{leg}: "))

    def when(self, what: str) -> float:
        """After how many seconds that was written first."""
        return next(moment.after_s for moment in self.moments for write in moment.written if write.what == what)

    def rung_at(self, to: str) -> float:
        """After how many seconds it was rung first."""
        return next(one.after_s for one in self.moments for words in one.rung if words.endswith(f": {to}"))


def called(
    facts: Facts, telephones: Mapping[str, Telephone] | None = None, *keys: tuple[str, str], **does: Any
) -> Walked:
    """The call, with what the telephones do, and the caller's keys by stage."""
    asked = does.pop("asked", ())
    who = {"who_is_it": does.pop("who_is_it")} if "who_is_it" in does else {}
    return Walked(
        walk(
            does.pop("begins", CAME), facts, telephones=telephones, caller=CallerDoes(keys, **does), asked=asked, **who
        )
    )
