"""Registries that low rooms keep and high rooms fill: handlers of promises, verbs of answers, threads of the worker."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from nightdesk.base import health, housekeeping, promises, wal, worker
from nightdesk.calls import bureau_queries, bureau_tasks, divert_tasks, twiml_tasks
from nightdesk.calls import queries as call_queries
from nightdesk.calls import tasks as call_tasks
from nightdesk.calls.facts import FREE_MESSAGE_TAKERS
from nightdesk.calls.twiml_models import TwimlLeg
from nightdesk.channels import keeping as channel_keeping
from nightdesk.channels import mail_answers
from nightdesk.channels import tasks as channel_tasks
from nightdesk.channels.actions import HANG_UP
from nightdesk.channels.answering import ANSWER_VERBS, LISTENERS, NOTED, SAID, SAYS, UNSUBSCRIBE
from nightdesk.channels.models import Delivery
from nightdesk.channels.queries import route_health
from nightdesk.channels.sender import send_messages
from nightdesk.console import contact_test
from nightdesk.console.views import journal as journal_pages
from nightdesk.desk import handover as desk_handover
from nightdesk.desk import mail_in
from nightdesk.desk import queries as desk_queries
from nightdesk.desk import tasks as desk_tasks
from nightdesk.desk.models import Ticket
from nightdesk.duty import away_actions, diary_mail
from nightdesk.duty import queries as duty_queries
from nightdesk.duty import seat_actions as duty_seats
from nightdesk.duty import sections as duty_sections
from nightdesk.duty import tasks as duty_tasks
from nightdesk.journal import api as journal_api
from nightdesk.journal.tasks import sealer
from nightdesk.keeping import queries as keeping_queries
from nightdesk.keeping import tasks as keeping_tasks
from nightdesk.knowledge import registries as knowledge_registries
from nightdesk.knowledge import tasks as knowledge_tasks
from nightdesk.mailroom import handing, imap
from nightdesk.mailroom import queries as mail_queries
from nightdesk.mailroom import tasks as mail_tasks
from nightdesk.outages import actions as outage_actions
from nightdesk.outages import carrier_mail, unsubscribing, way_queries, work_actions, work_answers, work_tasks
from nightdesk.outages import handover as outage_handover
from nightdesk.outages import tasks as outage_tasks
from nightdesk.outages.registries import ALSO_TOLD, AWAY_SINCE, GIVE_TICKETS, MAY_GIVE_TICKETS, TOLD_IN_TICKETS
from nightdesk.paging import answering as page_answers
from nightdesk.paging import handover as page_handover
from nightdesk.paging import mail_alarms, mail_beats, telling
from nightdesk.paging import queries as page_queries
from nightdesk.paging import tasks as page_tasks
from nightdesk.paging.models import Page
from nightdesk.people import tasks as people_tasks
from nightdesk.people.actions import MAY_DEACTIVATE
from nightdesk.people.queries import CUT_OFF
from nightdesk.portal import tasks as portal_tasks
from nightdesk.reports import actions as report_actions
from nightdesk.reports import tasks as report_tasks
from nightdesk.rota import tasks as rota_tasks
from nightdesk.rota.models import Drafting
from nightdesk.rota.registries import HELD, HOLDERS
from nightdesk.safety import actions as safety_actions
from nightdesk.safety import handover as safety_handover
from nightdesk.safety import queries as safety_queries
from nightdesk.safety import tasks as safety_tasks
from nightdesk.safety import telling as safety_telling
from nightdesk.safety import wording as safety_wording
from nightdesk.standby import looking
from nightdesk.standby import queries as site_queries
from nightdesk.standby import tasks as site_tasks

PARTITIONED = ("journal_entry", "channels_delivery", "channels_attempt")
"""Tables kept in months."""


def connect() -> None:
    """Fill every registry; called once at start."""
    worker.LEASED += [Delivery, Drafting, TwimlLeg]
    worker.RUNNERS |= {
        "sender": send_messages,
        "sealer": sealer,
        Drafting.LANE: rota_tasks.draft_plans,
        "housekeeping": housekeeping.hourly(PARTITIONED),
        "keeper": keeping_tasks.keeper(),
        "writes": keeping_tasks.seal_writes,
        "asked": worker.forever(keeping_tasks.carry_out_asked),
        imap.MAILBOXES: imap.read_mailboxes,
        **twiml_tasks.THREADS_BY_NAME,
    }
    promises.HANDLERS |= (
        page_tasks.HANDLERS
        | people_tasks.HANDLERS
        | knowledge_tasks.HANDLERS
        | mail_tasks.HANDLERS
        | channel_keeping.HANDLERS
        | portal_tasks.HANDLERS
        | outage_tasks.HANDLERS
        | desk_tasks.HANDLERS
        | work_tasks.HANDLERS
        | duty_tasks.HANDLERS
        | rota_tasks.HANDLERS
        | bureau_tasks.HANDLERS
        | call_tasks.HANDLERS
        | twiml_tasks.HANDLERS
        | site_tasks.HANDLERS
        | divert_tasks.HANDLERS
        | safety_tasks.HANDLERS
        | report_tasks.HANDLERS
        | {
            HANG_UP: promises.Handler(channel_tasks.hang_up, lane="follow", give_up_after=5),
        }
    )
    ANSWER_VERBS.update(page_answers.ANSWERS)
    ANSWER_VERBS[outage_actions.NO_CHANGE] = outage_tasks.answer_no_change
    ANSWER_VERBS.update(duty_tasks.ANSWERS)
    ANSWER_VERBS.update(bureau_tasks.ANSWERS)
    ANSWER_VERBS.update(safety_tasks.ANSWERS)
    SAYS[outage_actions.LATE] = outage_actions.NO_CHANGE_SAYS
    SAYS.update(dict.fromkeys((safety_telling.ASK, safety_telling.RING), safety_wording.ASKED))
    LISTENERS.extend((safety_tasks.hear_duress, safety_tasks.hear_help))
    SAID.update(duty_tasks.SAID)
    NOTED[:] = [duty_tasks.note_by_text]
    handing.BY_ADDRESS[diary_mail.WORD] = handing.Handler(diary_mail.take_note, knows=diary_mail.is_brand_key)
    duty_sections.SECTIONS[:] = [
        safety_handover.out_on_site,
        page_handover.open_pages,
        outage_handover.open_outages,
        desk_handover.promised,
        desk_handover.to_call,
        page_handover.kept_quiet,
        page_handover.woke,
    ]
    duty_queries.STANDS_BEHIND.append(page_handover.next_in_escalation)
    away_actions.HAPPENED.append(page_handover.happened_at)
    duty_seats.NEEDED_BY.append(page_queries.policies_that_ring)
    ANSWER_VERBS[contact_test.CONFIRM] = contact_test.confirm_by_answer
    UNSUBSCRIBE["subscriber"] = unsubscribing.UNSUBSCRIBER
    UNSUBSCRIBE["contact"] = unsubscribing.OF_NOTICES
    handing.BY_ADDRESS |= {
        "page": handing.Handler(mail_answers.take_answer_mail, knows=mail_answers.is_key),
        "bounce": handing.Handler(mail_answers.take_answer_mail, knows=mail_answers.is_key),
        "alarm": handing.Handler(mail_alarms.take_alarm_mail, knows=mail_alarms.is_alarm_key, from_machines=True),
        "beat": handing.Handler(mail_beats.take_beat_mail, knows=mail_beats.is_beat_key, from_machines=True),
    }
    handing.BY_ADDRESS |= {
        "ticket": handing.Handler(mail_in.take_conversation, knows=mail_in.is_ticket_key, marks_machines=True),
        "note": handing.Handler(mail_in.take_note, knows=mail_in.is_note_key, marks_machines=True),
        "": handing.Handler(mail_in.take_mail, knows=mail_in.is_place, marks_machines=True),
    }
    knowledge_registries.BRANDS_OF |= {"page": _brand_of(Page), "ticket": _brand_of(Ticket)}
    knowledge_registries.TELL.append(telling.tell_quietly)
    knowledge_registries.NOTE_STEP.append(desk_tasks.note_step)
    handing.BY_ADDRESS[work_actions.ANSWERS] = handing.Handler(
        work_answers.take_work_answer, knows=work_answers.is_work_key, marks_machines=True
    )
    handing.BY_CONTENT.append(carrier_mail.take_carrier_mail)
    handing.AHEAD.append(mail_in.look_ahead)
    handing.BY_THREAD.append(mail_answers.take_threaded_mail)
    handing.ON_REPORT += [mail_answers.take_report, mail_in.take_report]
    GIVE_TICKETS.append(desk_tasks.give_tickets)
    MAY_GIVE_TICKETS.append(desk_queries.has_desk)
    TOLD_IN_TICKETS.append(desk_tasks.note_update)
    ALSO_TOLD.append(call_tasks.text_callers)
    CUT_OFF.append(way_queries.cut_off)
    FREE_MESSAGE_TAKERS.append(bureau_queries.takers_for_line)
    housekeeping.CHORES += [
        _drop_staff_records,
        divert_tasks.plan_checks,
        call_tasks.drop_old_tries,
        call_tasks.forget_old_callers,
        site_tasks.forget_handed_back,
        _drop_visit_records,
        report_tasks.roll_changed,
        keeping_tasks.drop_old_asked,
    ]
    MAY_DEACTIVATE.append(duty_queries.may_deactivate)
    HELD.append(duty_queries.stints)
    HOLDERS.append(duty_queries.holders)
    journal_api.RIGHTS[journal_pages.FEED_READER] = journal_pages.brands_of_reader
    health.METRICS += [_pages, _routes, _mail, _heartbeats, _silences, _calls, _backups, _visits]
    if site_queries.is_second_site():
        worker.RUNNERS["second-site"] = looking.LOOK
    AWAY_SINCE.append(site_queries.away_since)
    health.METRICS.append(_second_site)


def _drop_staff_records(at: datetime) -> int:
    return report_actions.drop_staff_records(at=at)


def _drop_visit_records(at: datetime) -> int:
    return safety_actions.drop_visit_records(at=at)


def _brand_of(model: type[Page | Ticket]) -> Callable[[str], int | None]:
    """What says of which brand the row with an id is; None for no such row."""

    def asked(subject_id: str) -> int | None:
        try:
            row_id = UUID(subject_id)
        except ValueError:
            return None
        return model._default_manager.filter(id=row_id).values_list("brand_id", flat=True).first()

    return asked


def _pages(at: datetime) -> Iterable[health.Metric]:  # noqa: ARG001 - the hook's shape
    counted = page_queries.counts(None)
    for state in ("unanswered", "held", "unreached"):
        yield health.Metric("pages", "Open pages, by how they stand.", getattr(counted, state), {"state": state})


def _routes(at: datetime) -> Iterable[health.Metric]:
    for how in route_health(at):
        of = {"route": how.name, "channel": how.channel}
        yield health.Metric(
            "route_rests", "Whether it failed again and again, so that others come first.", how.rests, of
        )
        yield health.Metric("route_taken", "Messages that it took in the last hour.", how.sent, of)
        yield health.Metric("route_refused", "Messages that it did not take in the last hour.", how.refused, of)
        yield health.Metric("route_undelivered", "Taken, and then reported as not delivered.", how.undelivered, of)


def _mail(at: datetime) -> Iterable[health.Metric]:
    for mailbox in mail_queries.mailboxes():
        down = mail_queries.how_it_does(mailbox, at)[0] == "fire"
        yield health.Metric("mailbox_down", "Whether a mailbox is not being read.", down, {"mailbox": mailbox.name})
    for standing, count in mail_queries.count_by_standing(at).items():
        yield health.Metric("mails_last_day", "Mails of the last 24 hours.", count, {"standing": standing})


def _heartbeats(at: datetime) -> Iterable[health.Metric]:
    for state, count in page_queries.heartbeat_counts(None).items():
        yield health.Metric("heartbeats", "Heartbeats, by how they stand.", count, {"state": state})
    shut_since = page_queries.door_shut_since(at)
    shut_s = (at - shut_since).total_seconds() if shut_since is not None else 0
    yield health.Metric("door_shut_seconds", "How long no web process could be reached; 0: one can.", shut_s)


def _silences(at: datetime) -> Iterable[health.Metric]:
    held = page_queries.silences_now(None, at)
    yield health.Metric("silences", "Silences that hold now, planned work's too.", len(held))
    firing = sum(kept.firing for kept in page_queries.kept_quiet([row.pk for row in held]).values())
    yield health.Metric("silenced_alarms", "Alarms that fire and ring nobody, because a silence holds.", firing)


def _calls(at: datetime) -> Iterable[health.Metric]:
    told = call_queries.figures(at)
    for how, count in told.ended.items():
        yield health.Metric("calls_last_day", "Calls of the last 24 hours that have ended, by how.", count, {"as": how})
    yield health.Metric("calls_running", "Calls that run now.", told.running)
    yield health.Metric("calls_answered_soon", "Of those, answered within 12 seconds by a person.", told.soon)
    yield health.Metric("calls_woken", "Sleepers whose telephone rang for a call in the last 24 hours.", told.woken)
    yield health.Metric("call_messages_waiting", "Callers who wait to be rung back.", told.waiting)
    yield health.Metric("call_messages_overdue", "Of those, the ones that should have been rung by now.", told.overdue)
    yield health.Metric("call_events_troubled", "Events of calls that could not be acted on, last day.", told.troubled)


def _backups(at: datetime) -> Iterable[health.Metric]:
    how = keeping_queries.standing(at)
    if how.verified_for is not None:
        yield health.Metric(
            "backup_verified_age_seconds",
            "Age of what the newest backup holds that was restored and compared; absent: none was.",
            how.verified_for.total_seconds(),
        )
    yield health.Metric("backup_failed", "Whether the last backup could not be made or verified.", bool(how.failure))
    if wal.KEPT_DAYS:
        behind = keeping_queries.writes(at).behind
        yield health.Metric(
            "writes_behind_seconds", "Age of the oldest write that is not sealed yet.", behind.total_seconds()
        )


def _visits(at: datetime) -> Iterable[health.Metric]:  # noqa: ARG001 - the hook's shape
    out, alarmed = safety_queries.counts()
    yield health.Metric("visits_out", "People's site visits that are on.", out)
    yield health.Metric("visits_alarmed", "Of those, the ones about which somebody is alarmed.", alarmed)


def _second_site(at: datetime) -> Iterable[health.Metric]:
    for name, what, value, of in site_queries.figures(at):
        yield health.Metric(name, what, value, of)
