"""What follows from what: kinds of journal entries, and the promises that each leads to a moment later."""

from nightdesk.calls import actions as calls
from nightdesk.calls import bureau_actions as bureau
from nightdesk.calls import bureau_queries
from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions as contacts
from nightdesk.customers import need_actions as needs
from nightdesk.desk import actions as desk
from nightdesk.desk import customer_actions as customers_desk
from nightdesk.desk import linking_actions as linking
from nightdesk.desk import outage_actions as outage_tickets
from nightdesk.desk import queries as desk_queries
from nightdesk.desk import survey_actions as surveys
from nightdesk.duty import actions as duty
from nightdesk.duty import coverage_actions as coverage
from nightdesk.duty import coverage_queries, pairings
from nightdesk.duty import handover_actions as handover
from nightdesk.duty import plan_actions as told
from nightdesk.duty import rest_actions as rest
from nightdesk.duty import seat_actions as duty_seats
from nightdesk.journal.actions import FOLLOW_UPS, FOLLOWS_WHERE
from nightdesk.knowledge import briefing_actions as briefings
from nightdesk.knowledge import queries as knowledge_queries
from nightdesk.mailroom import actions as mailroom
from nightdesk.outages import actions as outages
from nightdesk.outages import queries as outage_queries
from nightdesk.outages import way_actions as ways
from nightdesk.outages import way_queries, work_queries
from nightdesk.outages import work_actions as work
from nightdesk.paging import actions as paging
from nightdesk.paging import copy_actions as copies
from nightdesk.paging import handling
from nightdesk.paging import mailbox_actions as unread
from nightdesk.paging import silence_actions as quiet
from nightdesk.people import actions as people
from nightdesk.people import hours_actions as hours
from nightdesk.people import skill_actions as skills
from nightdesk.reports import incident_actions as incidents
from nightdesk.reports import incident_queries
from nightdesk.rota import actions as rota
from nightdesk.rota import coverage_actions as seats
from nightdesk.rota import import_actions as imports
from nightdesk.rota import plan_actions as plans
from nightdesk.rota import seat_actions as rota_seats
from nightdesk.rota import swap_actions as swaps
from nightdesk.safety import actions as safety
from nightdesk.safety import queries as safety_queries

TABLE: dict[str, tuple[str, ...]] = {
    rota.LAYERS_SET: ("duty.replan", duty.REACH, coverage.CHECK, told.CHANGED),
    rota.OVERRIDE_ADDED: ("duty.replan", duty.REACH, coverage.CHECK, told.CHANGED),
    rota.OVERRIDE_CANCELLED: ("duty.replan", duty.REACH, coverage.CHECK, told.CHANGED),
    imports.TURNS_IMPORTED: ("duty.replan", duty.REACH, coverage.CHECK, told.CHANGED),
    plans.PLAN_PUBLISHED: ("duty.follow_plan", "duty.tell_plan", coverage.CHECK),
    **dict.fromkeys(swaps.STEPS, (told.SWAPS,)),
    # Whoever has a duty now must be one who can be woken, and has what waits in the digest of who had it.
    # And what was worked before goes on record.
    duty.HOLDER_SET: (duty.REACH, paging.HANDED_OVER, coverage.CHECK, ways.CHECK, safety.FOLLOW_WATCH),
    duty.BEGAN: (duty.REACH, paging.HANDED_OVER, ways.CHECK, rest.NOTE_HOLDS, safety.FOLLOW_WATCH),
    duty.NOT_TAKEN: (coverage.CHECK,),
    duty.PASSED: (duty.REACH, paging.HANDED_OVER, coverage.CHECK, ways.CHECK, rest.NOTE_HOLDS, safety.FOLLOW_WATCH),
    duty.TAKEN: (duty.REACH, paging.HANDED_OVER, coverage.CHECK, ways.CHECK, rest.NOTE_HOLDS, safety.FOLLOW_WATCH),
    handover.OFFER_ACCEPTED: (
        duty.REACH,
        paging.HANDED_OVER,
        coverage.CHECK,
        ways.CHECK,
        rest.NOTE_HOLDS,
        safety.FOLLOW_WATCH,
    ),
    duty.ACCEPTED: (duty.REACH, rest.NOTE_HOLDS),
    duty.GAP: (rest.NOTE_HOLDS,),
    # Whether somebody can be woken has changed, or may have.
    people.CONTACT_ADDED: (duty.REACH,),
    people.CONTACT_REMOVED: (duty.REACH,),
    people.CONTACT_CONFIRMED: (duty.REACH,),
    people.CONTACT_BROKEN: (duty.REACH,),
    people.RULES_SET: (duty.REACH,),
    # What somebody on a shift knows, or must know, has changed.
    # And who falls ill cannot have what they have, nor what comes soon.
    hours.ABSENT: (coverage.CHECK, "duty.seek_cover_for"),
    hours.ABSENCE_CANCELLED: (coverage.CHECK,),
    hours.RESTRICTED: (coverage.CHECK,),
    hours.RESTRICTION_CANCELLED: (coverage.CHECK,),
    people.PERSON_DEACTIVATED: (coverage.CHECK, desk.PUT_BACK),
    people.PERSON_REACTIVATED: (coverage.CHECK,),
    people.TEAM_MEMBERS_SET: (coverage.CHECK, briefings.JOINED),
    skills.LEVEL_SET: (coverage.CHECK,),
    skills.SKILL_REMOVED: (coverage.CHECK,),
    skills.NEWCOMER: (coverage.CHECK,),
    skills.SIGNED_OFF: (coverage.CHECK,),
    needs.NEEDS_SET: (coverage.CHECK,),
    seats.ANSWERS_FOR_SET: (coverage.CHECK,),
    rota_seats.SEAT_ADDED: (coverage.CHECK,),
    rota_seats.SEAT_EDITED: (coverage.CHECK,),
    duty_seats.SEAT_REMOVED: (coverage.CHECK,),
    # What is owed on open tickets, and when, has changed.
    customers.CONTRACT_MADE: (desk.RECOUNT,),
    customers.CONTRACT_EDITED: (desk.RECOUNT,),
    customers.HOURS_EDITED: (desk.RECOUNT,),
    customers.CUSTOMERS_IMPORTED: (desk.RECOUNT,),
    # Outages and planned work touch nobody by what they buy no more.
    customers.SUBSCRIPTION_ENDED: (outages.BOUGHT_NO_MORE,),
    # An alarm's ticket goes with its page, and so does the outage that it may be.
    paging.PAGE_TRIGGERED: (outages.FROM_PAGE, linking.FROM_PAGE, copies.COPY),
    paging.PAGE_DIGESTED: (linking.FROM_PAGE, copies.COPY),
    paging.PAGE_ACKNOWLEDGED: (linking.PAGE_TAKEN, outages.PAGE_TAKEN, bureau.PAGE_TAKEN, safety.NOTE_PAGE),
    paging.PAGE_RESOLVED: (linking.PAGE_OVER, outages.PAGE_OVER, handling.NOTE_HANDLED, safety.NOTE_PAGE),
    # Whoever is new and beside somebody whom it rings has a copy.
    paging.PAGE_RUNG: (copies.COPY,),
    paging.PAGE_ESCALATED: (copies.COPY,),
    paging.PAGE_REASSIGNED: (copies.COPY,),
    paging.PAGE_WOKEN: (copies.COPY,),
    paging.PAGE_RAISED: (copies.COPY,),
    paging.PAGE_LIVE: (copies.COPY,),
    # A fault, or planned work, may cut off whoever is on duty.
    ways.WAY_PARTS_SET: (ways.CHECK,),
    outages.OUTAGE_CONFIRMED: (ways.CHECK, incidents.MEASURE),
    outages.OUTAGE_PARTS: (ways.CHECK,),
    outages.OUTAGE_MOVED: (ways.CHECK, incidents.DRAFT, incidents.MEASURE),
    work.WORK_ANNOUNCED: (ways.CHECK,),
    work.WORK_OPENED: (ways.CHECK,),
    work.WORK_PROLONGED: (ways.CHECK,),
    work.WORK_CLOSED: (ways.CHECK,),
    work.WORK_CALLED_OFF: (ways.CHECK,),
    work.WORK_EDITED: (ways.CHECK,),
    # Customers hear of what is done to planned work, whoever did it.
    quiet.WORK_STARTED: (work.FOLLOW,),
    quiet.WORK_EXTENDED: (work.FOLLOW,),
    quiet.WORK_COMPLETED: (work.FOLLOW,),
    quiet.WORK_CANCELLED: (work.FOLLOW,),
    # What is written to us and not read is an alarm.
    mailroom.MAILBOX_UNREAD: (unread.FOLLOW,),
    mailroom.MAILBOX_READ_AGAIN: (unread.FOLLOW,),
    mailroom.MAILBOX_SAVED: (unread.FOLLOW,),
    mailroom.MAILBOX_SIGNED_IN: (unread.FOLLOW,),
    mailroom.MAILBOX_REMOVED: (unread.FOLLOW,),
    desk.TICKET_OPENED: (linking.LOOK_FOR_SURGE, outage_tickets.JOIN),
    desk.TICKET_CONTACTED: (linking.LOOK_FOR_SURGE,),
    desk.TICKET_MOVED: (surveys.ASK,),
    # What shows somebody awake who is out on a site spares them the next question.
    paging.PAGE_NOTED: (safety.NOTE_PAGE,),
    paging.PAGE_SNOOZED: (safety.NOTE_PAGE,),
    paging.PAGE_CONFIRMED: (safety.NOTE_PAGE,),
    calls.CALL_ANSWERED: (safety.NOTE_CALL,),
    # Who leaves hands on what they had open.
    contacts.CONTACT_LEFT: (customers_desk.HAND_OVER,),
}

WANTED = {
    coverage.CHECK: coverage_queries.asks_for_coverage,
    ways.CHECK: way_queries.has_ways,
    copies.COPY: pairings.has_pairings,
    outage_tickets.JOIN: outage_queries.has_open,
    outages.FROM_PAGE: outage_queries.has_parts,
    outages.PAGE_TAKEN: outage_queries.has_outages_of_pages,
    outages.PAGE_OVER: outage_queries.has_outages_of_pages,
    linking.FROM_PAGE: desk_queries.has_desk,
    linking.PAGE_TAKEN: desk_queries.has_desk,
    linking.PAGE_OVER: desk_queries.has_desk,
    surveys.ASK: desk_queries.asks_surveys,
    bureau.PAGE_TAKEN: bureau_queries.has_open_page,
    work.FOLLOW: work_queries.has_work,
    **dict.fromkeys((safety.NOTE_PAGE, safety.NOTE_CALL, safety.FOLLOW_WATCH), safety_queries.has_open_visits),
    incidents.MEASURE: incident_queries.has_packs,
    briefings.JOINED: knowledge_queries.has_open_briefings,
}
"""Follow-ups that are promised only where this says so of the entry's brand, so that an alarm costs no more than it must."""


def connect() -> None:
    """Hand the table to the journal."""
    FOLLOW_UPS.update(TABLE)
    FOLLOWS_WHERE.update(WANTED)
