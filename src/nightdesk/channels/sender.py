"""The worker's thread that sends: it claims due deliveries, hands them over, many at a time, and records what came of it.

The thread itself only talks to the database. Beside it runs an event loop that only talks to providers, so that neither
waits for the other: while the database is away, what is in flight goes on and is recorded afterwards; while a provider
hangs, everything else goes out. A place is counted for each channel and brand, so that what waits for one provider takes
none from another's, and each route has a gate of its own.

A route whose provider tells us things over its line (SMPP, two-way pagers) is listened to from the moment it is set up. What
is heard goes to the database in the sender's own turn, all receipts that have come meanwhile together, and the provider is
answered after the commit.
"""

import asyncio
import itertools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self, cast
from uuid import UUID
from weakref import WeakValueDictionary

from django.db import DatabaseError, InterfaceError, connection
from django.utils.translation import gettext as _

from nightdesk.base import clock, promises, vault
from nightdesk.base.actors import Actor
from nightdesk.base.promises import SENDER
from nightdesk.base.worker import POLL_EVERY, RETRY_AFTER, Shift
from nightdesk.channels import decide, smpp_text, together
from nightdesk.channels.actions import receive_inbound
from nightdesk.channels.answering import offered
from nightdesk.channels.cost import cost_of
from nightdesk.channels.decide import Came, Health, State, Turn, Way
from nightdesk.channels.driver import (
    Driver,
    Endpoint,
    Heard,
    Line,
    ListeningLine,
    Outgoing,
    Permanent,
    Said,
    Sent,
    Settings,
    Temporary,
)
from nightdesk.channels.gate import Gate, Order
from nightdesk.channels.links import UNSUBSCRIBE, make_key, make_link, make_unsubscribe_link
from nightdesk.channels.mail_form import form_of
from nightdesk.channels.models import Delivery, Message, Route
from nightdesk.channels.queries import MOST_PARTS, endpoints_of, messages_of, settings_of, unanswered
from nightdesk.channels.registry import CHANNELS, built_in
from nightdesk.channels.tasks import (
    Outcome,
    Try,
    claim_deliveries,
    give_back_unknown,
    let_go_alone,
    record_outcomes,
    take_along,
    unwanted,
)
from nightdesk.knowledge.phrases import put_in
from nightdesk.mailroom.addressing import Ours
from nightdesk.mailroom.queries import address_for, ours

log = logging.getLogger(__name__)

LANES = ("urgent", "bulk")
CLAIM_AT_ONCE = 200
BREATH, BULK_BREATH = 0.02, 0.05
"""Least seconds from the beginning of one turn to that of the next; the second while nothing but bulk is in hand."""
IN_HAND = 200
"""Rows of one lane, channel and brand that are held at a time, waiting or in flight."""
LOOK_EVERY = 0.05
"""Seconds after which what is in hand is looked at again: it may have been superseded."""
PATIENCE = 0.5
"""Seconds that a message waits for a place before it looks again which route is best, or makes room for others."""
AT_ONE_ADDRESS = 2
"""Messages to one address that are under way at once while it takes none: one that swallows everything must not take
every place.
"""
WAIT_FOR_ONE_ADDRESS = IN_HAND // 2
"""Messages that wait for their turn at an address which answers; more must not fill the hand."""
LOOP_LIMIT = 5.0
"""Seconds without a sign of the event loop after which it counts as hanging."""
LAST_PATIENCE = 4.0
"""Seconds that what is in flight has when the worker stops."""
UNEXPECTED_PAUSE = timedelta(seconds=5)
ROUTES_EVERY = 1.0
"""Seconds after which it is looked again which routes are to be listened to."""
HEAR_S = 0.2
"""Seconds of one turn in which it is begun to act on what people said."""
RECEIPTS_AT_ONCE = 50
"""Receipts of one route that are taken in one turn, in one transaction: a flood of them must not hold up a page."""
TURN_LATER = timedelta(seconds=1)
"""The pause of those that are too many."""
TOO_FAST_AT_MOST = 10
"""Refusals for being too fast after which a message goes back to the ledger, and comes again later."""
LISTEN_AGAIN = 2.0
"""Seconds before a line that stopped listening is begun anew."""


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """A route as the database has it. `settings` None: its secrets cannot be opened."""

    id: int
    name: str
    channel: str
    brand_id: int | None
    driver: Driver
    position: int
    settings: Settings | None


@dataclass(slots=True)
class Job:
    """One leased delivery. `dropped`: nobody wants it any more; `begun`: it may be out already. `too_fast`: routes that
    have just refused it because they are sent too much; `refusals` of that kind there were in all.
    """

    row: Delivery
    said: Said
    routes: tuple[RouteFacts, ...]
    order: Order
    link: str
    reply_to: str
    bounce_to: str
    private: bool
    tried: dict[int, Came]
    values: Mapping[str, str]
    endpoint: Endpoint | None = None
    dropped: bool = False
    begun: bool = False
    tries: list[Try] = field(default_factory=list)
    health: dict[int, Health] = field(default_factory=dict)
    too_fast: list[int] = field(default_factory=list)
    refusals: int = 0
    along: tuple[UUID, ...] = ()
    """The rows whose words go out in this message."""

    def wait_for_slow_ones(self) -> bool:
        """Whether some of the routes that were tried only go too slowly: they may then be taken again, in their turn."""
        if not self.too_fast or self.refusals > TOO_FAST_AT_MOST:
            return False
        self.tried = {route: came for route, came in self.tried.items() if route not in self.too_fast}
        self.too_fast.clear()
        return True

    @property
    def place(self) -> tuple[str, str, int]:
        return self.row.lane, self.row.channel, self.row.brand_id or 0


@dataclass(frozen=True, slots=True)
class Question:
    """What a line asks of the database: `work` is called in the sender's thread with `about` of this one and of those that
    are asked with it, and gives an answer for each.
    """

    work: Callable[[Sequence[Any]], Sequence[Any]]
    about: Any
    answer: "asyncio.Future[Any]"


class Queue:
    """Questions in the order in which they came, of which at most `most` are asked together.

    Where that fails half as many are asked together, so that what spoils it is soon alone; then again twice as many.
    """

    def __init__(self, most: int) -> None:
        self.waiting: deque[Question] = deque()
        self._most = self._together = most

    def first(self) -> list[Question]:
        """Those to be asked together now; they stay until they are `done`."""
        return [self.waiting[number] for number in range(min(len(self.waiting), self._together))]

    def done(self, count: int) -> None:
        """The first `count` have been answered."""
        for _number in range(count):
            self.waiting.popleft()
        self._together = min(self._most, 2 * self._together)

    def failed(self, count: int) -> None:
        """The first `count`, more than one, could not be asked together."""
        self._together = count // 2


def send_messages(shift: Shift) -> None:
    """The worker's thread "sender": runs until the shift ends."""
    shaken = True  # an earlier run may have left something leased
    with Sender(shift.worker) as sender, _forwarding(shift, sender):
        while not shift.stopping.is_set():
            began = time.monotonic()
            sender.woken.clear()
            if sender.loop_answers():  # if not, the turn that began last counts on, until the worker gives itself up
                shift.begin()
            try:
                if shaken:
                    sender.recover()
                shaken = False
                busy = sender.take_turn()
            except (DatabaseError, InterfaceError) as error:
                log.warning("The database is away (%s); what was sent is recorded later", str(error).strip()[:200])
                connection.close()
                shaken = True
                shift.stopping.wait(RETRY_AFTER)
                continue
            finally:
                if sender.loop_answers():
                    shift.end()
            if not busy:
                sender.woken.wait(POLL_EVERY)
            # Whatever comes within a breath of the last turn is done together: many small turns cost more than messages.
            breath = BULK_BREATH if sender.has_only_bulk else BREATH
            shift.stopping.wait(max(0.0, began + breath - time.monotonic()))
        sender.finish(LAST_PATIENCE)


class _forwarding:
    """Hands every wake-up meant for the sender on to it, which waits for its own results as well."""

    def __init__(self, shift: Shift, sender: "Sender") -> None:
        self._shift, self._sender = shift, sender
        self._thread = threading.Thread(target=self._forward, name="sender-ear", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._shift.wake()

    def _forward(self) -> None:
        while not self._shift.stopping.is_set():
            bell = self._shift.bell(SENDER)
            seen = bell.rung
            self._sender.woken.set()
            bell.wait(seen, POLL_EVERY)


class Sender:
    """Holds what is in flight. Use it as a context manager, from one thread; `woken` is set when there is something to do."""

    def __init__(self, worker: UUID) -> None:
        self.woken = threading.Event()
        self._worker = worker
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sender-loop", daemon=True)
        self._jobs: dict[UUID, Job] = {}
        self._outcomes: list[Outcome] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._looked_at = -LOOK_EVERY
        self._asked_at: float | None = None
        self._questions = Queue(1)
        self._receipts: dict[int, Queue] = {}
        self._routes_at = -ROUTES_EVERY
        self._known_routes: dict[str, tuple[RouteFacts, ...]] = {}
        self._desk = Desk(self._done, self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._desk.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def in_hand(self) -> int:
        """Deliveries that are held, and not yet recorded."""
        with self._lock:
            return len(self._jobs)

    @property
    def has_only_bulk(self) -> bool:
        """Whether something is held, and nobody is woken by any of it."""
        with self._lock:
            return bool(self._jobs) and all(job.row.lane == "bulk" for job in self._jobs.values())

    def loop_answers(self) -> bool:
        """Whether the event loop has run something within LOOP_LIMIT: a driver that blocks it would stop every message."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._loop.call_soon_threadsafe(self._answered)
        asked_at = self._asked_at  # the loop's thread may clear it at any moment
        return asked_at is None or time.monotonic() - asked_at < LOOP_LIMIT

    def _answered(self) -> None:
        self._asked_at = None

    def recover(self) -> None:
        """After an error of the database: free what may have been leased without our hearing of it."""
        with self._lock:
            known = list(self._jobs)
        freed = give_back_unknown(self._worker, known)
        if freed:
            log.warning("Gave back %s deliveries that were leased unheard", freed)

    def take_turn(self) -> bool:
        """Record what came of things, look at what waits, claim more. True where another turn at once may find more."""
        recorded = self.record()
        self._look_at_routes()
        heard = self.hear()
        self._drop_unwanted()
        claimed = sum(self._claim(lane) for lane in LANES)
        return recorded + heard + claimed > 0

    def finish(self, patience: float) -> None:
        """Begin nothing more; wait for what is in flight, and record it as far as the database is there."""
        with self._lock:
            for job in self._jobs.values():
                job.dropped = job.dropped or not job.begun
        until = time.monotonic() + patience
        while self.in_hand and time.monotonic() < until:
            self.woken.wait(0.05)
            self.woken.clear()
            try:
                self.record()
            except (DatabaseError, InterfaceError):
                connection.close()
                time.sleep(0.1)

    def record(self) -> int:
        """Write what has come back; returns how much. What cannot be written is kept for the next time."""
        with self._lock:
            outcomes = list(self._outcomes)
        if outcomes:
            record_outcomes(outcomes, worker=self._worker, at=clock.now())
            with self._lock:
                del self._outcomes[: len(outcomes)]
                for outcome in outcomes:
                    self._jobs.pop(outcome.delivery_id, None)
        return len(outcomes)

    def hear(self) -> int:
        """Answer what lines ask of the database, as it came, for HEAR_S at most, and some of each route's receipts; returns
        how many were asked.

        While the database is away the question stays the first, and its provider waits.
        """
        asked, until = 0, time.monotonic() + HEAR_S
        while self._questions.waiting and time.monotonic() < until:
            asked += self._ask_first_of(self._questions)
        for queue in list(self._receipts.values()):
            asked += self._ask_first_of(queue)
        return asked

    def _ask_first_of(self, queue: Queue) -> int:
        questions = queue.first()
        if not questions:
            return 0
        try:
            said = questions[0].work([question.about for question in questions])
        except Exception as error:  # what cannot even be kept must not make us deaf; its line is told so
            if promises.lost_connection():
                raise
            if len(questions) > 1:
                log.warning("What %s receipts say could not be kept together", len(questions), exc_info=error)
                queue.failed(len(questions))
                return len(questions)
            log.exception("What a line asked could not be done")
            self._loop.call_soon_threadsafe(_settle, [(questions[0].answer, None, error)])
        else:
            answers = [(question.answer, one, None) for question, one in zip(questions, said, strict=True)]
            self._loop.call_soon_threadsafe(_settle, answers)
        queue.done(len(questions))
        return len(questions)

    def _ask(self, question: Question, receipts_of: int | None) -> None:
        """Called in the loop's thread. `receipts_of`: the route of which it is a receipt."""
        queue = self._questions
        if receipts_of is not None:
            queue = self._receipts.setdefault(receipts_of, Queue(RECEIPTS_AT_ONCE))
        queue.waiting.append(question)
        self.woken.set()

    def _look_at_routes(self) -> None:
        """Whatever route listens does so, as it is set up now."""
        looked_at = time.monotonic()
        if looked_at - self._routes_at < ROUTES_EVERY or not any(driver.listens for driver in CHANNELS.values()):
            return
        listening = [
            facts
            for routes in routes_by_channel().values()
            for facts in routes
            if facts.driver.listens and facts.settings is not None
        ]
        self._loop.call_soon_threadsafe(self._desk.listen_to, listening)
        self._routes_at = looked_at

    def _claim(self, lane: str) -> int:
        with self._lock:
            held = Counter(job.place for job in self._jobs.values())
        full = [
            (channel, brand)
            for (of_lane, channel, brand), number in held.items()
            if of_lane == lane and number >= IN_HAND
        ]
        at = clock.now()
        rows = claim_deliveries(lane, CLAIM_AT_ONCE, at=at, worker=self._worker, full=full)
        if not rows:
            return 0
        jobs = self._jobs_of(rows, at)
        with self._lock:
            self._jobs |= {job.row.id: job for job in jobs}
        self._loop.call_soon_threadsafe(self._desk.take, jobs)
        return len(rows)

    def _jobs_of(self, rows: Sequence[Delivery], at: datetime) -> list[Job]:
        along = (
            take_along(rows) if rows[0].lane == "bulk" else {}
        )  # nothing urgent waits for company, or for a query more
        messages = messages_of({row.message_id for row in itertools.chain(rows, *along.values())})
        said = {message.id: said_of(message) for message in messages.values()}
        routes = routes_by_channel()
        if routes == self._known_routes:  # then they are told apart at a glance, thousands of times a second
            routes = self._known_routes
        self._known_routes = routes
        endpoints = endpoints_of(rows)
        known = ours() if any(row.channel == "email" for row in rows) else []
        jobs = [
            self._job(row, messages[row.message_id], said[row.message_id], routes, endpoints.get(row.id), known)
            for row in rows
        ]
        for job in jobs:
            if job.row.id in along:
                _take_along(job, along[job.row.id], said, at)
        return jobs

    def _job(
        self,
        row: Delivery,
        message: Message,
        said: Said,
        routes: dict[str, tuple[RouteFacts, ...]],
        endpoint: Endpoint | None,
        known: Sequence[Ours],
    ) -> Job:
        by_mail = row.channel == "email" and bool(known)
        key = make_key(row.id, row.month) if by_mail else ""
        return Job(
            row=row,
            said=said,
            routes=routes[row.channel] if row.channel in routes else (_built_in_route(row.channel),),
            order=(LANES.index(row.lane), row.rank, row.due_at, next(self._numbers)),
            link=make_link(row.id, row.month) if message.answers else "",
            reply_to=address_for("page", key, row.brand_id, known) if by_mail and message.answers else "",
            bounce_to=address_for("bounce", key, row.brand_id, known) if by_mail else "",
            private=bool(message.sealed),
            tried=dict(row.routes_tried),
            values=values_of(row),
            endpoint=endpoint,
        )

    def _drop_unwanted(self) -> None:
        """What waits for its turn, or for its next route, may have been superseded meanwhile."""
        looked_at = time.monotonic()
        if looked_at - self._looked_at < LOOK_EVERY:
            return
        with self._lock:
            done = {outcome.delivery_id for outcome in self._outcomes}
            held = [job for job in self._jobs.values() if not job.dropped and job.row.id not in done]
        if held:
            gone = unwanted([(job.row.id, job.row.month, job.row.attempt) for job in held])
            for job in held:
                job.dropped = job.row.id in gone
        self._looked_at = looked_at

    def _done(self, job: Job, outcome: Outcome | None) -> None:
        """Called in the loop's thread. None: it was dropped, and is not ours any more."""
        with self._lock:
            if outcome is None:
                self._jobs.pop(job.row.id, None)
            else:
                self._outcomes.append(outcome)
        self.woken.set()


class Desk:
    """Lives in the event loop: takes jobs, finds each a route, and says what came of it; keeps open the lines that listen."""

    def __init__(
        self, done: Callable[[Job, Outcome | None], None], ask: Callable[[Question, int | None], None]
    ) -> None:
        self._done, self._ask = done, ask
        self._routes: dict[tuple[int, str], RouteInHand] = {}
        self._addresses: WeakValueDictionary[tuple[str, str], Crowd] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, jobs: Sequence[Job]) -> None:
        """Begin with them; call it in the loop."""
        for job in jobs:
            task = asyncio.get_running_loop().create_task(self._deliver(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def listen_to(self, wanted: Sequence[RouteFacts]) -> None:
        """Listen to these routes and to no others; call it in the loop."""
        for key, route in list(self._routes.items()):
            if route.listens and route.facts not in wanted:
                del self._routes[key]
                route.retire()
        for facts in wanted:
            self._in_hand(facts).listen(RouteEar(facts, self._ask))

    async def close(self) -> None:
        """Break off what is in flight, and hang up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for route in self._routes.values():
            await route.close()

    async def _deliver(self, job: Job) -> None:
        try:
            outcome = await self._outcome(job)
        except Exception as error:  # a fault of ours must not leave the row leased for ever
            log.exception("Delivery %s could not be handled", job.row.id)
            at = clock.now()
            outcome = _ended(job, Turn("failed_for_now", at + UNEXPECTED_PAUSE, job.tried), at, reason=repr(error))
        self._done(job, outcome)

    async def _outcome(self, job: Job) -> Outcome | None:
        """What to record; None where it was dropped before anything happened."""
        address = (job.row.channel, job.row.address)
        crowd = self._addresses.setdefault(address, Crowd())
        began = await crowd.enter(self._most_to_one_address(job))
        if began is None:
            at = clock.now()
            if job.dropped:
                return None
            if _is_too_late(job, at):
                return await self._by_some_route(job)
            return _make_room(job, at, TURN_LATER if crowd.answers else decide.back_off(job.row.attempt, job.row.lane))
        outcome = None
        try:
            outcome = await self._by_some_route(job)
        finally:
            crowd.leave(began, taken=outcome is not None and outcome.state in ("accepted", "delivered"))
        return outcome

    def _most_to_one_address(self, job: Job) -> int:
        """Half of the places of the narrowest route, so that others find one should the address begin to hang."""
        return max(AT_ONE_ADDRESS, min((self._in_hand(facts).at_once for facts in job.routes), default=0) // 2)

    async def _by_some_route(self, job: Job) -> Outcome | None:
        reason, pause = job.row.reason, None
        while True:
            at = clock.now()
            if job.dropped:
                return _ended(job, Turn("failed_for_now", at, job.tried), at) if job.tries else None
            if _is_too_late(job, at):
                state = decide.when_it_expires(job.tried)
                why = _("No receipt came.") if state == "accepted" else reason
                return _ended(job, Turn(state, None, job.tried), at, reason=why)
            route = self._choose(job, at)
            if route is None:
                if job.wait_for_slow_ones():
                    continue
                return _no_way(job, at, reason, pause)
            token = await route.gate.enter(job.order, PATIENCE)
            if token is None:
                continue
            try:
                if job.dropped or self._choose(job, clock.now()) is not route:
                    continue
                job.begun = True
                came = await route.send(job, token, hurry=self._may_hurry(job, route))
            finally:
                route.gate.leave(token)
            if isinstance(came, Outcome):
                return came
            reason = came.reason
            if isinstance(came, Temporary) and came.retry_after is not None:
                pause = timedelta(seconds=max(1.0, came.retry_after))

    def _choose(self, job: Job, at: datetime, *, besides: int | None = None) -> "RouteInHand | None":
        if len(job.routes) == 1 and besides is None:  # as nearly always, thousands of times a second
            (only,) = job.routes
            free = only.id not in job.tried and decide.serves(only.brand_id, job.row.brand_id)
            return self._in_hand(only) if free else None
        routes = {facts.id: self._in_hand(facts) for facts in job.routes if facts.id != besides}
        ways = [
            Way(id_, route.facts.brand_id, route.facts.position, route.doubtful(at)) for id_, route in routes.items()
        ]
        way = decide.choose_way(ways, job.tried, job.row.brand_id)
        return routes[way.route_id] if way else None

    def _may_hurry(self, job: Job, route: "RouteInHand") -> bool:
        """Whether another route would take it at once, should this one not answer soon."""
        if job.row.lane != "urgent":
            return False
        at = clock.now()
        other = self._choose(job, at, besides=route.facts.id)
        return other is not None and not other.doubtful(at)

    def _in_hand(self, facts: RouteFacts) -> "RouteInHand":
        """The route with its line and its gate; a fresh one where it has been set up anew."""
        key = (facts.id, facts.channel)
        known = self._routes.get(key)
        if known is None or (known.facts is not facts and known.facts != facts):
            if known is not None:
                known.retire()
            known = self._routes[key] = RouteInHand(facts)
        return known


class Crowd:
    """The messages to one address: few are under way at once, more while it answers, and the rest wait in turn."""

    def __init__(self) -> None:
        self._inside = 0
        self._waiting: deque[tuple[asyncio.Future[float], int]] = deque()
        self._answers_until = -PATIENCE

    @property
    def answers(self) -> bool:
        """Whether something was taken just now: within PATIENCE, or within twice as long as that took."""
        return asyncio.get_running_loop().time() < self._answers_until

    async def enter(self, most: int) -> float | None:
        """The instant at which its turn came, of which it tells `leave`; `most` may be under way while the address answers.

        None where it does not answer, for PATIENCE, or too many wait.
        """
        if not self._waiting and self._has_room(most):
            self._inside += 1
            return asyncio.get_running_loop().time()
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, most))
        self._let_in()
        try:
            if not turn.done() and len(self._waiting) > WAIT_FOR_ONE_ADDRESS:
                return None
            while not turn.done():
                await asyncio.wait([turn], timeout=PATIENCE)
                if not turn.done() and not self.answers:
                    return None
            return turn.result()
        finally:
            if not turn.done():
                self._waiting.remove((turn, most))

    def leave(self, began: float, *, taken: bool) -> None:
        """What began then is through; `taken`: a provider has it, which an address that hangs never comes to."""
        self._inside -= 1
        at = asyncio.get_running_loop().time()
        if taken:
            self._answers_until = at + max(PATIENCE, 2 * (at - began))
        self._let_in()

    def _has_room(self, most: int) -> bool:
        return self._inside < (most if self.answers else AT_ONE_ADDRESS)

    def _let_in(self) -> None:
        at = asyncio.get_running_loop().time()
        while self._waiting and self._has_room(self._waiting[0][1]):
            turn, _most = self._waiting.popleft()
            self._inside += 1
            turn.set_result(at)


class RouteInHand:
    """One route as this process uses it: its line, its gate and how it has been doing."""

    def __init__(self, facts: RouteFacts) -> None:
        settings = facts.settings or {}
        self.facts = facts
        self.at_once: int = settings.get("at_once") or facts.driver.at_once
        self.gate = Gate(self.at_once, settings.get("per_second"))
        self.health = Health()
        self._usual_s: float | None = None
        self._probing = False
        self._line: Line | None = None
        self._listening: asyncio.Task[None] | None = None
        self._in_use = 0
        self._retired = False

    def doubtful(self, at: datetime) -> bool:
        """Whether others come first: it rests, is being probed, or has hung for a while."""
        probed = self.health.needs_probe and self._probing
        return self.health.rests(at) or probed or self.gate.slowest() > self.patience

    @property
    def patience(self) -> float:
        """Seconds of silence after which it counts as hanging."""
        return decide.patience(self._usual_s, self.facts.driver.patience_s, self.facts.driver.timeout_s)

    async def send(self, job: Job, token: int, *, hurry: bool) -> Outcome | Temporary | Permanent:
        """Hand over what came in by the gate with `token`. A refusal is noted in `job.tried` and comes back; the end of the
        delivery is an Outcome.

        In a hurry it waits no longer for the provider than `patience`. What is given up so may have been taken all the
        same, as with any time-out: two texts about a fire are better than one that comes ten seconds later.
        """
        at, began = clock.now(), time.monotonic()
        if self.health.needs_probe:
            self._probing = True
        self._in_use += 1
        try:
            came = await self._try(job, at, self.patience if hurry else self.facts.driver.timeout_s)
        finally:
            self._probing = False
            self._in_use -= 1
            if self._retired and not self._in_use:
                await self.close()
        took_s = time.monotonic() - began
        if isinstance(came, Sent):
            self._usual_s = decide.usual(self._usual_s, took_s)
        took_ms = int(took_s * 1000)
        ended_at = max(clock.now(), at)
        self._note_health(came, job, ended_at)
        if isinstance(came, Sent):
            self.gate.took(max(1, came.parts))
            job.tries.append(self._try_of(came, at, took_ms))
            return self._sent(job, came, ended_at)
        if isinstance(came, Temporary) and came.slow:
            self.gate.slow_down(token)
            job.too_fast.append(self.facts.id)
            job.refusals += 1
        outcome: State = "failed_for_now" if isinstance(came, Temporary) else "failed"
        job.tries.append(Try(self.facts.id, self.facts.name, at, took_ms, outcome, came.reason))
        if isinstance(came, Permanent) and came.unreachable:
            return _ended(job, Turn("failed", None, job.tried), ended_at, reason=came.reason, unreachable=True)
        job.tried[self.facts.id] = "temporary" if isinstance(came, Temporary) else "permanent"
        return came

    @property
    def listens(self) -> bool:
        """Whether its line is being listened to."""
        return self._listening is not None

    def listen(self, ear: "RouteEar") -> None:
        """Hear what the provider says from now on, if it is not heard already."""
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen(ear))

    def retire(self) -> None:
        """It was set up anew, or switched off: hang up when nobody uses it any more."""
        self._retired = True
        if not self._in_use and (self._line is not None or self._listening is not None):
            asyncio.get_running_loop().create_task(self.close())

    async def close(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def _listen(self, ear: "RouteEar") -> None:
        while True:
            try:
                await cast(ListeningLine, self._open_line()).listen(ear)
            except Exception:  # a driver's fault must not make us deaf for ever
                log.exception("The line of route %s stopped listening", self.facts.name)
            await asyncio.sleep(LISTEN_AGAIN)

    def _open_line(self) -> Line:
        """The line, connected to its provider when it needs to be. Raises whatever the driver raises."""
        if self._line is None:
            self._line = self.facts.driver.connect(self.facts.settings or {})
        return self._line

    def _try_of(self, sent: Sent, at: datetime, took_ms: int) -> Try:
        """What the ledger keeps of a hand-over, with its price."""
        cost = cost_of(self.facts.settings or {}, sent.parts)
        return Try(
            route_id=self.facts.id,
            route_name=self.facts.name,
            at=at,
            took_ms=took_ms,
            outcome=sent.state,
            reason=sent.reason,
            provider_id=sent.provider_id,
            parts=sent.parts,
            price=cost.price if cost else None,
            currency=cost.currency if cost else "",
            part_ids=sent.part_ids,
        )

    async def _try(self, job: Job, at: datetime, limit_s: float) -> Sent | Temporary | Permanent:
        driver, row = self.facts.driver, job.row
        if self.facts.settings is None:
            return Temporary(_("The route's secrets cannot be opened: enter them anew."))
        outgoing = Outgoing(
            said=job.said if driver.puts_in else with_values(job.said, job.values),
            delivery_id=row.id,
            month=row.month,
            attempt=row.attempt,
            route_id=self.facts.id,
            address=row.address,
            link=job.link,
            sent_at=at,
            valid_until=row.valid_until,
            endpoint=job.endpoint,
            reply_to=job.reply_to,
            bounce_to=job.bounce_to,
            values=job.values,
        )
        try:
            async with asyncio.timeout(limit_s):
                return await self._open_line().send(outgoing)
        except (Temporary, Permanent) as refusal:
            return refusal
        except TimeoutError:
            return Temporary(_("No answer within {seconds:.3g} s.").format(seconds=limit_s))
        except Exception as error:  # a driver's fault must not stop the other routes; it is recorded with the attempt
            log.exception("The driver %s stumbled", driver.name)
            return Temporary(f"{type(error).__name__}: {error}"[:300])

    def _note_health(self, came: Sent | Temporary | Permanent, job: Job, at: datetime) -> None:
        if isinstance(came, Temporary) and came.retry_after is not None:
            self.gate.hold(came.retry_after)
        works = not isinstance(came, Temporary) or not came.of_route
        health = self.health.after(works, at)
        if health != self.health and self.facts.id:
            job.health[self.facts.id] = health
        self.health = health

    def _sent(self, job: Job, sent: Sent, at: datetime) -> Outcome:
        job.tried[self.facts.id] = "accepted"
        has_receipts = sent.receipt_expected and (self.facts.settings or {}).get("receipts", True)
        within = self.facts.driver.receipt_within if has_receipts else None
        due_at = at + within if within is not None and sent.state == "accepted" else None
        return _ended(
            job,
            Turn(sent.state, due_at, job.tried),
            at,
            reason=sent.reason,
            route_id=self.facts.id or None,
            provider_id=sent.provider_id,
            accepted_at=at,
            delivered_at=at if sent.state == "delivered" else None,
            # What stays in the outbox is of use to somebody who has no mail server yet.
            private=job.private and self.facts.driver.name != "outbox",
        )


class RouteEar:
    """The `driver.Ear` of one route: everything is done in the sender's thread, between two of its turns."""

    def __init__(self, facts: RouteFacts, ask: Callable[[Question, int | None], None]) -> None:
        self._facts, self._ask = facts, ask

    async def hear(self, heard: Heard) -> str:
        """Keep it and act on it; see `driver.Ear`."""
        return str(await self._answer_to(self._take, heard, self._facts.id if heard.is_receipt else None))

    async def unanswered(self) -> Sequence[str]:
        """The provider's ids of what may still be answered; see `driver.Ear`."""
        return cast(Sequence[str], await self._answer_to(self._unanswered, None, None))

    async def _answer_to(
        self, work: Callable[[Sequence[Any]], Sequence[Any]], about: Any, receipts_of: int | None
    ) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._ask(Question(work, about, answer), receipts_of)
        return await answer

    def _unanswered(self, _about: Sequence[None]) -> Sequence[Sequence[str]]:
        return [unanswered(self._facts.id, clock.now())]

    def _take(self, heard: Sequence[Heard]) -> Sequence[str]:
        facts = self._facts
        rows = receive_inbound(
            route_id=facts.id,
            channel=facts.channel,
            heard=heard,
            genuine=True,  # it came over a line that we opened and logged in to
            by=Actor("machine", str(facts.id), facts.name, scopes=frozenset()),
            via=facts.driver.door,
            at=clock.now(),
        )
        return [row.outcome for row in rows]


def _take_along(job: Job, others: Sequence[Delivery], said: Mapping[UUID, Said], at: datetime) -> None:
    """The message says what these rows say as well. Those for which a text has no room go out alone, unless this one may have
    been sent with them before.
    """
    words = [with_values(job.said, job.values), *(with_values(said[one.message_id], values_of(one)) for one in others)]
    count = len(words)
    if job.row.channel == "sms" and job.row.attempt == 1:
        settings = [facts.settings or {} for facts in job.routes]
        parts = min((one.get("parts") or MOST_PARTS for one in settings), default=MOST_PARTS)
        codings = [smpp_text.coding_in(one.get("alphabet") or "gsm7") for one in settings]
        count = together.how_many_fit(words, parts, codings)
        let_go_alone(others[count - 1 :], at)
    job.said = together.joined(job.row.channel, words[:count])
    job.values = {name: value for name, value in job.values.items() if name == UNSUBSCRIBE}
    job.along = tuple(one.id for one in others[: count - 1])


def _settle(answers: "Sequence[tuple[asyncio.Future[Any], Any, Exception | None]]") -> None:
    for answer, said, error in answers:
        if answer.done():
            continue
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(said)


def _ended(job: Job, turn: Turn, at: datetime, *, private: bool | None = None, **more: Any) -> Outcome:
    """What came of it; `more` of the Outcome's own. `private` False: its words stay, though nobody needs them any more."""
    row = job.row
    return Outcome(
        delivery_id=row.id,
        month=row.month,
        attempt=row.attempt,
        at=at,
        state=turn.state,
        due_at=turn.due_at,
        tried=dict(turn.tried),
        tries=tuple(job.tries),
        channel=row.channel,
        address=row.address,
        forget=row.message_id if (job.private if private is None else private) else None,
        health=job.health,
        along=job.along,
        **more,
    )


def _is_too_late(job: Job, at: datetime) -> bool:
    return job.row.valid_until is not None and at >= job.row.valid_until


def _make_room(job: Job, at: datetime, pause: timedelta) -> Outcome:
    """Others to the same address are under way and do not come back, or are many: this one waits outside, for `pause`."""
    due_at = at + pause
    if job.row.valid_until is not None:
        due_at = min(due_at, job.row.valid_until)
    state: State = "accepted" if job.row.state == Delivery.State.ACCEPTED else "failed_for_now"
    return _ended(job, Turn(state, due_at, job.tried), at, reason=job.row.reason)


def _no_way(job: Job, at: datetime, reason: str, pause: timedelta | None) -> Outcome:
    """No route is left for now; also where what was accepted got no receipt in time."""
    row = job.row
    turn = decide.when_no_way_is_left(
        job.tried, attempt=row.attempt, lane=row.lane, at=at, valid_until=row.valid_until, pause=pause
    )
    if turn.state == "accepted":
        reason = _("No receipt came.")
    elif not job.tried and not job.tries:
        reason = _("No route of this channel is switched on for this brand.")
    return _ended(job, turn, at, reason=reason)


def said_of(message: Message) -> Said:
    """What drivers are told of the message, private words opened; those that cannot be opened any more are missing."""
    body = message.body
    if message.sealed:
        try:
            body = vault.open_(bytes(message.sealed)).decode()
        except vault.Unreadable as error:
            log.warning("The words of message %s cannot be read: %s", message.id, error)
    return Said(
        message_id=message.id,
        at=message.at,
        kind=message.kind,
        subject_kind=message.subject_kind,
        subject_id=message.subject_id,
        title=message.title,
        body=body,
        code=message.code,
        verbs=tuple(sorted(offered(message.answers))),
        mail=form_of(message.mail),
    )


def values_of(row: Delivery) -> Mapping[str, str]:
    """What stands in the places of its message; in place of what may be unsubscribed the address to do so."""
    values = {str(name): str(value) for name, value in row.values.items()}
    if wish := values.get(UNSUBSCRIBE):
        values[UNSUBSCRIBE] = make_unsubscribe_link(wish)
    return values


def with_values(said: Said, values: Mapping[str, str]) -> Said:
    """What is said to one recipient."""
    if not values:
        return said
    return replace(said, title=" ".join(put_in(said.title, values).split()), body=put_in(said.body, values))


def routes_by_channel() -> dict[str, tuple[RouteFacts, ...]]:
    """The enabled routes. A channel whose routes are all switched off has an empty list: it waits, and nobody takes the
    outbox for a provider. A channel that never had a route is missing.
    """
    found: dict[str, list[RouteFacts]] = {}
    for route in Route.objects.all():
        listed = found.setdefault(route.channel, [])
        driver = CHANNELS.get(route.driver)
        if driver is None:
            log.warning("The route %s needs the driver %s, which is not here", route.name, route.driver)
        elif route.enabled:
            listed.append(
                RouteFacts(route.id, route.name, route.channel, route.brand_id, driver, route.position, _opened(route))
            )
    return {channel: tuple(routes) for channel, routes in found.items()}


def _opened(route: Route) -> Settings | None:
    try:
        return settings_of(route)
    except vault.Unreadable as error:
        log.warning("The route %s cannot be used: %s", route.name, error)
        return None


def _built_in_route(channel: str) -> RouteFacts:
    driver = built_in(channel)
    return RouteFacts(0, driver.name, channel, None, driver, 0, _opened(Route(name=driver.name, driver=driver.name)))
