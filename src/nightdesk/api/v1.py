"""Version 1 of the API: every room's operations together. Within it things are added, never changed or removed."""

from nightdesk.api import (
    brands,
    customers,
    deliveries,
    devices,
    duty,
    finding,
    heartbeats,
    integrations,
    journal,
    knowledge,
    mails,
    maintenance,
    my,
    pages,
    parts,
    people,
    promises,
    providers,
    queues,
    raw_alarms,
    shadow,
    shared_links,
    silences,
    suppliers,
    texts,
    ticket_clocks,
    tickets,
    tokens,
)
from nightdesk.api.auth import WAYS_IN
from nightdesk.api.openapi import Api
from nightdesk.api.values import PlainParser

api = Api(
    title="Nightdesk",
    version="1",
    description="Who is on duty, pages, customers and what is promised to them. docs/api.md says how to sign in.",
    docs_url=None,  # the usual pages load their scripts from elsewhere, and during an outage there is no elsewhere
    urls_namespace="api",
    auth=WAYS_IN,
    parser=PlainParser(),
    openapi_extra={
        "tags": [
            {"name": "pages", "description": "Calls for a person, and what is done about them"},
            {"name": "duty", "description": "Who is on, and handing over"},
            {"name": "tickets", "description": "Incidents and requests, their stories, and what is done about them"},
            {"name": "queues", "description": "How a desk works: queues, rules of teams and of brands"},
            {"name": "people", "description": "Staff and the ways to reach them"},
            {"name": "customers", "description": "Customers, contracts, and what is promised at an instant"},
            {"name": "outages", "description": "What has failed, and what is told of it"},
            {"name": "my", "description": "What a customer's contact reads and does by a program of theirs"},
            {"name": "promises", "description": "Everything that Nightdesk will do later"},
            {"name": "deliveries", "description": "What was sent to whom, by which way, and what came of it"},
            {"name": "journal", "description": "What happened: who, when, by which door"},
            {"name": "integrations", "description": "Systems that send alarms, and the policies that say whom to ring"},
            {"name": "raw-alarms", "description": "What came in at the doors of alarms, and what became of it"},
            {"name": "mails", "description": "Mail that came in, and where it comes from"},
            {"name": "heartbeats", "description": "What must be heard from again and again"},
            {"name": "silences", "description": "What is kept quiet for a while, and planned work"},
            {
                "name": "maintenance",
                "description": "Planned work that customers hear of, and carriers that announce theirs",
            },
            {"name": "shadow mode", "description": "A sender's alarms on paper, beside the old pager"},
            {"name": "knowledge", "description": "Procedures, what to say, templates, spares and briefings"},
            {"name": "parts", "description": "What can fail, what needs it, and what customers are told of it"},
            {"name": "tokens", "description": "Secrets for programs"},
            {"name": "brands", "description": "Companies that this installation speaks as"},
        ]
    },
)
for prefix, router in {
    "/brands": brands.router,
    "/deliveries": deliveries.router,
    "/journal": journal.router,
    "/pages": pages.router,
    "/promises": promises.router,
    "/raw-alarms": raw_alarms.router,
    "/providers": providers.router,
    "/texts": texts.router,
    "/tokens": tokens.router,
}.items():
    api.add_router(prefix, router)
for router in (
    customers.router,
    devices.router,
    duty.router,
    finding.router,
    heartbeats.router,
    integrations.router,
    knowledge.router,
    mails.router,
    maintenance.router,
    my.router,
    parts.router,
    people.router,
    queues.router,
    shadow.router,
    shared_links.router,
    silences.router,
    suppliers.router,
    ticket_clocks.router,
    tickets.router,
):
    api.add_router("", router)
