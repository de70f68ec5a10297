"""Registries that low rooms keep and high rooms fill: handlers of promises, verbs of answers, threads of the worker."""

from nightdesk.base import housekeeping, promises, worker
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.channels.models import Delivery
from nightdesk.channels.sender import send_messages
from nightdesk.duty import actions as duty_actions
from nightdesk.duty import queries as duty_queries
from nightdesk.duty import tasks as duty_tasks
from nightdesk.journal.tasks import sealer
from nightdesk.paging import answering as page_answers
from nightdesk.paging import tasks as page_tasks
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
    promises.HANDLERS |= page_tasks.HANDLERS | {
        duty_actions.TURN: promises.Handler(duty_tasks.begin_turn, lane="page", give_up_after=None),
        "duty.replan": promises.Handler(duty_tasks.replan_seat, lane="page", give_up_after=None),
    }
    ANSWER_VERBS.update(page_answers.ANSWERS)
    ANSWER_VERBS[duty_actions.ACCEPT] = duty_tasks.accept_by_answer
    MAY_DEACTIVATE.append(duty_queries.may_deactivate)
