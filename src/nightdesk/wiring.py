"""Registries that low rooms keep and high rooms fill: handlers of promises, verbs of answers, threads of the worker."""

from collections.abc import Iterable
from datetime import datetime

from nightdesk.base import health, housekeeping, promises, worker
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.channels.models import Delivery
from nightdesk.channels.sender import send_messages
from nightdesk.console import contact_test
from nightdesk.console.views import journal as journal_pages
from nightdesk.duty import actions as duty_actions
from nightdesk.duty import queries as duty_queries
from nightdesk.duty import tasks as duty_tasks
from nightdesk.journal import api as journal_api
from nightdesk.journal.tasks import sealer
from nightdesk.paging import answering as page_answers
from nightdesk.paging import queries as page_queries
from nightdesk.paging import tasks as page_tasks
from nightdesk.people import tasks as people_tasks
from nightdesk.people.actions import MAY_DEACTIVATE

PARTITIONED = ("journal_entry", "channels_delivery", "channels_attempt")
"""Tables kept in months."""


def connect() -> None:
    """Fill every registry; called once at start."""
    worker.LEASED.append(Delivery)
    worker.RUNNERS |= {
        "sender": send_messages,
        "sealer": sealer,
        "housekeeping": housekeeping.hourly(PARTITIONED),
    }
    promises.HANDLERS |= (
        page_tasks.HANDLERS
        | people_tasks.HANDLERS
        | {
            duty_actions.TURN: promises.Handler(duty_tasks.begin_turn, lane="page", give_up_after=None),
            duty_actions.REACH: promises.Handler(duty_tasks.check_reach, lane="follow", give_up_after=None),
            "duty.replan": promises.Handler(duty_tasks.replan_seat, lane="page", give_up_after=None),
        }
    )
    ANSWER_VERBS.update(page_answers.ANSWERS)
    ANSWER_VERBS[duty_actions.ACCEPT] = duty_tasks.accept_by_answer
    ANSWER_VERBS[contact_test.CONFIRM] = contact_test.confirm_by_answer
    MAY_DEACTIVATE.append(duty_queries.may_deactivate)
    journal_api.RIGHTS[journal_pages.FEED_READER] = journal_pages.brands_of_reader
    health.METRICS.append(_pages)


def _pages(at: datetime) -> Iterable[health.Metric]:  # noqa: ARG001 - the hook's shape
    counted = page_queries.counts(None)
    for state in ("unanswered", "held", "unreached"):
        yield health.Metric("pages", "Open pages, by how they stand.", getattr(counted, state), {"state": state})
