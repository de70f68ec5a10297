"""All that the flow may know of a call at an instant, read for the running call, and for a walk through any other. Reads only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Literal, cast

from django.db.models import Q
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, may
from nightdesk.base.refusals import NotFound
from nightdesk.calls import divert_queries, flow
from nightdesk.calls.callers import Who, caller_facts, language_of, who_has_number
from nightdesk.calls.candidates import Reachable, candidates, everybody, listeners_of
from nightdesk.calls.models import Call, Line, Recording
from nightdesk.calls.translated import texts_in
from nightdesk.channels.spoken import voice_language
from nightdesk.customers.hours import is_open
from nightdesk.customers.queries import support_hours
from nightdesk.duty.pairings import has_pairings
from nightdesk.duty.queries import who_is_on
from nightdesk.paging.queries import open_pages
from nightdesk.people.models import Skill
from nightdesk.people.queries import actor_of_person

MOST_PAGES = 9
"""So many pages are read out at most: each has a key."""
JOINS_S = (4, 8)
"""When further telephones join the ringing, where a line says nothing."""
WAITING_STAGES = ("waiting", "hunt", "greeting", "status")

FREE_MESSAGE_TAKERS: list[Callable[[int, datetime], int]] = []
"""(line, instant) -> how many people at our own desk could take a call then; filled by whoever has such a desk."""


def line_called(called: str) -> Line | None:
    """The line that is rung by the number, in E.164; None for a number that is no line's."""
    rows = list(Line.objects.filter(active=True).select_related("brand", "hours"))
    return next((line for line in rows if called in (*line.numbers, line.staff_number) and called), None)


def line_facts(line: Line, called: str, at: datetime) -> flow.LineFacts:
    """The line as it is set, at `at`."""
    return flow.LineFacts(
        line_id=line.pk,
        brand=line.brand.name,
        language=voice_language(line.language),
        open_now=line.hours is None or is_open(support_hours(line.hours), at),
        shown_number=line.shown_number,
        pager_number=line.pager_number,
        staff=bool(called) and called == line.staff_number,
        greeting=line.greeting,
        danger=line.danger,
        menu=line.menu,
        prompts=_prompts(line),
        night=cast("Literal['message', 'live']", str(line.night)),
        joins_s=tuple(line.joins_s) or JOINS_S,
        ring_s=line.ring_s,
        most_rung=line.most_rung,
        longest_hunt_s=line.longest_hunt_s,
        bureau_number=line.bureau_number,
        desk_waits=line.own_desk,
        consent=cast("Literal['told', 'may_decline', 'asked']", str(line.consent)),
        call_back_s=line.call_back_s,
        call_out_price=line.call_out_price,
    )


def _prompts(line: Line) -> Mapping[str, str]:
    """Name of a text -> digest of the operator's recording of it, where the file is still there."""
    if not line.prompts:
        return {}
    rows = Recording.objects.filter(pk__in=line.prompts.values(), brand=line.brand_id, deleted_at=None)
    digests = {str(pk): digest for pk, digest in rows.values_list("pk", "digest")}
    return {name: digests[pk] for name, pk in line.prompts.items() if pk in digests}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose facts, when. `now` is the present: `at` may be any other instant."""

    line: Line
    called: str
    number: str
    who: Who
    at: datetime
    now: datetime
    call: Call | None = None
    reachable: Reachable = field(default=everybody)
    skill: str = ""
    """What the caller chose in the line's menu: whoever knows it is rung first."""


class _Read(flow.Facts):
    """Facts of which each is read when a step first looks at it, within its transaction: most events need few of them."""

    def __init__(self, asked: Asked) -> None:  # the fields are read below
        vars(self)["_asked"] = asked

    _asked: Asked

    @cached_property
    def at(self) -> datetime:
        return self._asked.at

    @cached_property
    def zone(self) -> str:
        line = self._asked.line
        return line.hours.zone if line.hours is not None else line.brand.zone

    @cached_property
    def line(self) -> flow.LineFacts:
        return line_facts(self._asked.line, self._asked.called, self._asked.at)

    @cached_property
    def caller(self) -> flow.CallerFacts:
        asked = self._asked
        return caller_facts(asked.line, asked.who, asked.number, asked.at, asked.now, open_now=self.line.open_now)

    @cached_property
    def candidates(self) -> Sequence[flow.Candidate]:
        asked = self._asked
        return candidates(
            asked.line,
            open_now=self.line.open_now,
            skill=_skill_of(asked, self.caller),
            at=asked.at,
            now=asked.now,
            reachable=asked.reachable,
            call=asked.call,
        )

    @cached_property
    def ahead(self) -> int:
        return _ahead(self._asked.call) if self._asked.call is not None else 0

    @cached_property
    def free_message_takers(self) -> int:
        line, at = self._asked.line, self._asked.at
        return sum(count(line.pk, at) for count in FREE_MESSAGE_TAKERS) if line.own_desk else 0

    @property
    def _proved(self) -> bool:
        return self._asked.who.person is not None and self._asked.who.known_by == "pin"

    @cached_property
    def pages(self) -> Sequence[flow.OpenPage]:
        person = self._asked.who.person
        return _pages(person.pk) if person is not None and self._proved else ()

    @cached_property
    def may_note(self) -> bool:
        person = self._asked.who.person
        writes = "write_journal_note"
        return (
            person is not None and self._proved and may(actor_of_person(person.pk), writes, self._asked.line.brand_id)
        )

    @cached_property
    def on_duty(self) -> Sequence[flow.OnDuty]:
        return _on_duty(self._asked) if self._proved else ()

    @cached_property
    def listeners(self) -> Sequence[flow.Candidate]:
        asked = self._asked
        if not has_pairings(None):  # then nobody needs to know who could be rung
            return ()
        return listeners_of([one.person_id for one in self.candidates], self.line.open_now, asked.at, asked.reachable)

    @cached_property
    def texts(self) -> Mapping[str, str]:
        return texts_in(language_of(self._asked.who, self._asked.line))

    @cached_property
    def sign(self) -> str:
        asked = self._asked
        return divert_queries.sign_for(asked.line, asked.number, asked.at) if asked.at == asked.now else ""


def facts_when_looked_at(asked: Asked) -> flow.Facts:
    """The facts, each read when it is first looked at: for one step."""
    return _Read(asked)


def facts_of(asked: Asked) -> flow.Facts:
    """The facts, all of them read."""
    read = _Read(asked)
    return flow.Facts(**{one.name: getattr(read, one.name) for one in fields(flow.Facts)})


def _skill_of(asked: Asked, caller: flow.CallerFacts) -> int | None:
    """Whoever knows this is rung first: the network for a network, what was chosen in the menu for others."""
    if caller.kind == "peer":
        return asked.line.peer_skill_id
    if not asked.skill:
        return None
    rows = Skill.objects.filter(key=asked.skill).filter(Q(brand=None) | Q(brand=asked.line.brand_id))
    return rows.values_list("pk", flat=True).first()


def facts_at(
    line_id: int, number: str, at: datetime, *, now: datetime, called: str = "", who: Who | None = None
) -> flow.Facts:
    """The facts as they were, are or will be for somebody who rings from `number` at `at`; `who`: as if they had proved it.

    Raises NotFound.
    """
    line = Line.objects.select_related("brand", "hours").filter(pk=line_id).first()
    if line is None:
        raise NotFound(_("A call to a line was to be walked through."), _("There is no such line."), "")
    known = who if who is not None else who_has_number(line.brand_id, number)
    return facts_of(Asked(line, called or next(iter(line.numbers), ""), number, known, at, now))


def _ahead(call: Call) -> int:
    rows = Call.objects.filter(line=call.line_id, ended_at=None, came_at__lt=call.came_at, answered_at=None)
    return rows.filter(state__stage__in=WAITING_STAGES).count()


def _pages(person_id: int) -> Sequence[flow.OpenPage]:
    """What is open in the brands where they may take it."""
    brands = brands_for(actor_of_person(person_id), "acknowledge_page")
    return [
        flow.OpenPage(
            str(page.pk), f"P{page.priority}. {page.title}", page.owner.name if page.owner is not None else ""
        )
        for page in open_pages(brands)[:MOST_PAGES]
    ]


def _on_duty(asked: Asked) -> Sequence[flow.OnDuty]:
    """Each seat that somebody has, and who comes next."""
    return [
        flow.OnDuty(row.seat_name, row.person_name, row.until, row.next_person_name)
        for row in who_is_on(asked.at, [asked.line.brand_id], now=asked.now)
        if row.person_name
    ]
