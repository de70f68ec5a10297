"""What follows from what: kinds of journal entries, and the promises that each leads to a moment later."""

from nightdesk.customers import actions as customers
from nightdesk.customers import contact_actions as contacts
from nightdesk.desk import actions as desk
from nightdesk.desk import customer_actions as customers_desk
from nightdesk.desk import linking_actions as linking
from nightdesk.desk import outage_actions as outage_tickets
from nightdesk.desk import queries as desk_queries
from nightdesk.desk import survey_actions as surveys
from nightdesk.duty import actions as duty
from nightdesk.journal.actions import FOLLOW_UPS, FOLLOWS_WHERE
from nightdesk.outages import actions as outages
from nightdesk.outages import queries as outage_queries
from nightdesk.outages import work_actions as work
from nightdesk.outages import work_queries
from nightdesk.paging import actions as paging
from nightdesk.paging import silence_actions as quiet
from nightdesk.people import actions as people
from nightdesk.rota import actions as rota
from nightdesk.rota import plan_actions as plans

TABLE: dict[str, tuple[str, ...]] = {
    rota.LAYERS_SET: ("duty.replan", duty.REACH),
    rota.OVERRIDE_ADDED: ("duty.replan", duty.REACH),
    rota.OVERRIDE_CANCELLED: ("duty.replan", duty.REACH),
    plans.PLAN_PUBLISHED: ("duty.follow_plan", "duty.tell_plan"),
    # Whoever has a duty now must be one who can be woken, and has what waits in the digest of who had it.
    duty.HOLDER_SET: (duty.REACH, paging.HANDED_OVER),
    duty.BEGAN: (duty.REACH, paging.HANDED_OVER),
    duty.PASSED: (duty.REACH, paging.HANDED_OVER),
    duty.TAKEN: (duty.REACH, paging.HANDED_OVER),
    duty.ACCEPTED: (duty.REACH,),
    # Whether somebody can be woken has changed, or may have.
    people.CONTACT_ADDED: (duty.REACH,),
    people.CONTACT_REMOVED: (duty.REACH,),
    people.CONTACT_CONFIRMED: (duty.REACH,),
    people.CONTACT_BROKEN: (duty.REACH,),
    people.RULES_SET: (duty.REACH,),
    # What is owed on open tickets, and when, has changed.
    customers.CONTRACT_MADE: (desk.RECOUNT,),
    customers.CONTRACT_EDITED: (desk.RECOUNT,),
    customers.HOURS_EDITED: (desk.RECOUNT,),
    customers.CUSTOMERS_IMPORTED: (desk.RECOUNT,),
    # An alarm's ticket goes with its page, and so does the outage that it may be.
    paging.PAGE_TRIGGERED: (outages.FROM_PAGE, linking.FROM_PAGE),
    paging.PAGE_DIGESTED: (linking.FROM_PAGE,),
    paging.PAGE_ACKNOWLEDGED: (linking.PAGE_TAKEN, outages.PAGE_TAKEN),
    paging.PAGE_RESOLVED: (linking.PAGE_OVER, outages.PAGE_OVER),
    # Customers hear of what is done to planned work, whoever did it.
    quiet.WORK_STARTED: (work.FOLLOW,),
    quiet.WORK_EXTENDED: (work.FOLLOW,),
    quiet.WORK_COMPLETED: (work.FOLLOW,),
    quiet.WORK_CANCELLED: (work.FOLLOW,),
    desk.TICKET_OPENED: (linking.LOOK_FOR_SURGE, outage_tickets.JOIN),
    desk.TICKET_MOVED: (surveys.ASK,),
    # Who leaves hands on what they had open.
    contacts.CONTACT_LEFT: (customers_desk.HAND_OVER,),
}

WANTED = {
    outage_tickets.JOIN: outage_queries.has_open,
    outages.FROM_PAGE: outage_queries.has_parts,
    outages.PAGE_TAKEN: outage_queries.has_outages_of_pages,
    outages.PAGE_OVER: outage_queries.has_outages_of_pages,
    linking.FROM_PAGE: desk_queries.has_desk,
    linking.PAGE_TAKEN: desk_queries.has_desk,
    linking.PAGE_OVER: desk_queries.has_desk,
    surveys.ASK: desk_queries.asks_surveys,
    work.FOLLOW: work_queries.has_work,
}
"""Follow-ups that are promised only where this says so of the entry's brand, so that an alarm costs no more than it must."""


def connect() -> None:
    """Hand the table to the journal."""
    FOLLOW_UPS.update(TABLE)
    FOLLOWS_WHERE.update(WANTED)
