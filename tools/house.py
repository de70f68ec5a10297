"""The house rules of STYLE.md, read from the syntax trees of `src/nightdesk`.

    python -m tools.house            check src/nightdesk; one line a finding, exit status 1 if there is any
    python -m tools.house FOLDER     check another package
    python -m tools.house --rules    print the rules

A rule is one function below. What a rule must let through stands in `ALLOWED` with its reason, and an entry that lets
nothing through is itself a finding, so that the list cannot rot.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TypeGuard

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Allowed:
    """`rule` does not hold in `function` (`*`: anywhere) of the file `path`, counted from the package."""

    rule: str
    path: str
    function: str
    reason: str


ALLOWED = (
    Allowed("HOUSE-6", "access/actions.py", "note_token_use", "no verb: it only says when"),
    Allowed("HOUSE-6", "access/session_actions.py", "note_session", "no verb: it only says when, and where from"),
    Allowed("HOUSE-6", "people/reading_actions.py", "note_read", "no verb: it looks before it locks anything"),
    Allowed("HOUSE-6", "people/actions.py", "note_sign_of_life", "no verb: part of all that shows somebody awake"),
    Allowed("HOUSE-10", "access/models.py", "create_user", "Django's own way to make a user, for allauth as well"),
    Allowed("HOUSE-6", "journal/actions.py", "record", "no verb: it is called within every verb's own transaction"),
    Allowed("HOUSE-7", "base/promises.py", "keep", "one poisonous promise must not stop the rest; it is recorded"),
    Allowed(
        "HOUSE-7",
        "base/promises.py",
        "_keep_together",
        "a failed batch is tried again one by one, and that is recorded",
    ),
    Allowed("HOUSE-7", "base/promises.py", "lost_connection", "drivers disagree on what a lost connection throws"),
    Allowed("HOUSE-7", "base/worker.py", "forever", "the worker loop records whatever happens and lives on"),
    Allowed(
        "HOUSE-7", "channels/actions.py", "receive_inbound", "one poisonous request must not stop the door; it is kept"
    ),
    Allowed(
        "HOUSE-7", "channels/sender.py", "_deliver", "a fault of ours must not leave a delivery leased; it is recorded"
    ),
    Allowed("HOUSE-7", "calls/api.py", "_taken", "one poisonous web hook must not stop the door; it is kept"),
    Allowed("HOUSE-7", "channels/actions.py", "_read", "what cannot be read is kept with its error; the rest goes on"),
    Allowed(
        "HOUSE-7", "channels/sender.py", "_ask_first_of", "what cannot be kept must not make us deaf; it is logged"
    ),
    Allowed("HOUSE-7", "channels/sender.py", "_listen", "a driver's fault must not make us deaf; it is logged"),
    Allowed(
        "HOUSE-7", "channels/drivers/apprise.py", "_hand_over", "whatever a plugin raises is its service's trouble"
    ),
    Allowed("HOUSE-1", "calls/running.py", "_hear", "where a call is, as the flow says; under the call's lock"),
    Allowed(
        "HOUSE-1", "calls/forget_actions.py", "_forget", "no move: what a call that is over was like goes as a whole"
    ),
    Allowed(
        "HOUSE-10", "keeping/resealing.py", "_reseal", "the same secret under another key: nothing changes for anybody"
    ),
    Allowed("HOUSE-7", "calls/running.py", "_hear", "one poisonous event must not stop a call; it is recorded"),
    Allowed("HOUSE-7", "calls/running.py", "_write", "what a call left is never lost; it is promised, and recorded"),
    Allowed("HOUSE-10", "calls/running.py", "*", "the one writer of a call's events, legs and state"),
    Allowed("HOUSE-10", "calls/pin_tries.py", "*", "part of running: each try is noted"),
    Allowed("HOUSE-10", "calls/adopting.py", "note_heard", "part of the runner: what was asked has been heard"),
    Allowed("HOUSE-7", "channels/drivers/smpp.py", "_told", "what cannot be kept is asked for again; it is recorded"),
    Allowed("HOUSE-7", "channels/sender.py", "_try", "a driver's fault must not stop other routes; it is recorded"),
    Allowed(
        "HOUSE-7",
        "lines/asterisk/exchange.py",
        "_report_all",
        "what cannot be heard must not make us deaf; it is logged",
    ),
    Allowed("HOUSE-7", "lines/asterisk/fallen.py", "_look_at", "what cannot be taken stays at Asterisk; it is logged"),
    Allowed("HOUSE-7", "mailroom/letter.py", "read_letter", "the email package raises anything; what is known is kept"),
    Allowed("HOUSE-7", "mailroom/reports.py", "read_reports", "the readers of bounces raise anything; then it is none"),
    Allowed("HOUSE-7", "reports/tasks.py", "roll_changed", "one brand's figures must not stop the others'; recorded"),
    Allowed("HOUSE-7", "mailroom/actions.py", "read_mail", "one poisonous mail must not stop the rest; it is kept"),
    Allowed("HOUSE-7", "mailroom/imap.py", "run", "what is wrong with one mailbox is told, and tried again"),
    Allowed("HOUSE-7", "mailroom/imap.py", "_take_new", "one poisonous message must not stop the next; it is recorded"),
    Allowed(
        "HOUSE-7", "outages/foreign_parser.py", "*", "another program's readers raise anything; it is said in words"
    ),
    Allowed(
        "HOUSE-7",
        "duty/sections.py",
        "_section",
        "a note that cannot be read keeps nobody from taking over; it is logged",
    ),
    Allowed("HOUSE-7", "paging/api.py", "_answer", "a fault in a parser must not lose what was sent; it is kept"),
    Allowed("HOUSE-7", "paging/actions.py", "receive_alarm", "intake keeps what it cannot take in, with the reason"),
    Allowed("HOUSE-1", "demo.py", "_as_if_sent", "the ledger of nights that never were"),
    Allowed("HOUSE-10", "demo.py", "_as_if_sent", "the ledger of nights that never were"),
    Allowed("HOUSE-10", "demo_figures.py", "_calls", "calls of weeks before anybody's duty is on record"),
    Allowed("HOUSE-10", "demo_figures.py", "_tickets", "tickets of weeks before the company was there"),
    Allowed("HOUSE-10", "demo_phone.py", "_was_answered", "a call of a day before anybody's duty is on record"),
    Allowed("HOUSE-11", "notify.py", "add", "it runs on other machines, and keeps files in their order"),
    Allowed("HOUSE-11", "notify.py", "body_of", "it runs on other machines, and says when it was told"),
    Allowed("HOUSE-6", "paging/actions.py", "code_for", "no verb: it only says which code is free"),
    Allowed("HOUSE-6", "outages/actions.py", "number_for", "no verb: it only says which number is free"),
    Allowed("HOUSE-6", "outages/actions.py", "number_of_update_for", "no verb: it only says which number is free"),
    Allowed("HOUSE-6", "standby/actions.py", "take_back", "what came is kept first; each part of it is a savepoint"),
    Allowed("HOUSE-10", "standby/following.py", "*", "the one writer of rows that come from the other site"),
    Allowed("HOUSE-7", "base/front.py", "_keep_running", "a poller that dies unseen would leave every screen old"),
    Allowed(
        "HOUSE-7", "standby/watch_actions.py", "_quietly", "one poisonous page must not silence the rest; it is logged"
    ),
)
WAKE_UP = ("base/promises.py", "wake_workers")
"""The one function that may use `on_commit`: workers look by themselves too, so what it does may be lost."""

ROOM_MODULES = {
    "__init__",
    "apps",
    "models",
    "actions",
    "queries",
    "tasks",
    "api",
    "decide",
    "resolve",
    "clock",
    "flow",
}
ROOM_FOLDERS = {"tests", "migrations", "management"}
PAGE_ROOMS = {"console", "portal"}
PAGE_MODULES = {"urls", "forms", "views"}
PAGE_FOLDERS = {"templates", "static", "templatetags", "views"}

OWN_MODULES: dict[str, dict[str, str]] = {
    "api": {
        "incidents": "reports of incidents",
        "auth": "who calls",
        "door": "what every request passes first",
        "cachet": "what programs that know Cachet write",
        "limits": "how often a caller may ask",
        "listing": "lists in pages, and as CSV",
        "openapi": "the API's description of itself",
        "problems": "how the API says no",
        "scope": "which brands' rows a caller may read",
        "urls": "the addresses",
        "v1": "the rooms' operations together",
        "values": "kinds of values that operations take",
        **dict.fromkeys(
            (
                "comparisons",
                "plans",
                "backups",
                "brands",
                "lines",
                "calls",
                "bureau",
                "covered",
                "customers",
                "deliveries",
                "devices",
                "duty",
                "handover",
                "second_site",
                "heartbeats",
                "own_sign_in",
                "integrations",
                "journal",
                "knowledge",
                "mails",
                "maintenance",
                "my",
                "outages",
                "pages",
                "parts",
                "queues",
                "rotas",
                "finding",
                "tickets",
                "people",
                "working_time",
                "figures",
                "promises",
                "raw_alarms",
                "providers",
                "texts",
                "ticket_clocks",
                "ticket_changes",
                "macros",
                "ticket_imports",
                "linking",
                "shadow",
                "silences",
                "skills",
                "suppliers",
                "shared_links",
                "sessions",
                "readings",
                "personal",
                "service_figures",
                "tokens",
                "visits",
            ),
            "operations of one room",
        ),
    },
    "access": {
        "session_actions": "the verbs of sessions",
        "promise_verbs": "what people may do to a promise",
        "matrix": "what each role may do",
    },
    "standby": {
        "finding": "what doctor finds of the second site",
        "following": "the main site's rows become ours",
        "handing_back": "what was done here, for the main site",
        "looking": "one look at the main site, again and again",
        "merge": "one page as two sites know it",
        "networks": "what hangs on one network",
        "sealing": "letters between two sites",
        "sections": "what of the main site the second one has",
        "snapshot": "what has changed since a pull",
        "watch_actions": "the second site's verbs",
    },
    "channels": {
        "account_mail": "mail of the account pages, by the ledger",
        "answering": "what answers can do",
        "answers": "what people text back",
        "cost": "what a text costs",
        "driver": "what a way to reach a person is",
        "drivers/": "one file for each provider's language",
        "endpoint_actions": "the verbs of browsers and programs that customers are told by",
        "fan_out_actions": "messages to very many",
        "fan_out_queries": "whom such a message reaches",
        "together": "several messages to one reader put into one",
        "gate": "the way in to one provider",
        "keeping": "what falls due later in this room",
        "links": "the signed link in a message",
        "mail_form": "how a message looks as a mail",
        "mail_answers": "what comes back by mail",
        "provider_door": "a provider's request, and whether it is genuine",
        "pager_text": "a text made fit for a pager",
        "pace": "how fast a provider lets us go",
        "registry": "every driver by its name",
        "sender": "the thread that sends",
        "smpp_pdu": "SMPP as octets",
        "smpp_session": "one bound SMPP connection",
        "smpp_text": "texts as SMPP carries them",
        "sms_text": "how a text is cut and what it costs",
        "snpp_reply": "what a paging network says of a page",
        "tap_block": "pages as TAP's blocks, and a terminal's answers",
        "spoken": "a message as the telephone reads it, and what its keys mean",
        "wording": "a message in few words",
    },
    "console": {
        "accounts": "how staff accounts differ from allauth's",
        "contact_card": "our numbers as a contact",
        "contact_test": "a test message, and what its answer proves",
        "context": "what every page shows around its content",
        "installable": "manifest and service worker",
        "middleware": "what stands around every view",
    },
    "customers": {
        "csv_import": "a file of customers, read into rows",
        "hours": "support hours as a calendar",
        "priority": "impact x urgency",
        "contact_actions": "the verbs of contacts who log in",
        "identity": "whom a customer's own identity provider may sign in",
        "identity_actions": "the verbs of such providers",
        "promised": "what is promised to a customer at an instant",
        "standing": "what a customer's contact may do",
        "stored": "how hours and contracts lie in their rows",
        "need_actions": "what one must know to help with something",
        "need_queries": "what brands, customers and services need",
    },
    "desk": {
        "agent_actions": "an agent's drafts, presence and saved views",
        "chasing": "what is promised about suppliers' tickets",
        "bulk_actions": "one press for many tickets, and the way back",
        "worklist": "which tickets a list shows, and in which order",
        "auto_reply": "whether a machine answers, and what it may say",
        "bureau_mail": "what a message bureau takes down",
        "forwarded": "a mail inside a mail",
        "mail_actions": "the verbs of tickets' mail beside its words",
        "mail_in": "mail that comes in, as tickets",
        "mail_out": "what is said on a ticket, as a mail",
        "mail_queries": "what taking and answering a mail asks",
        "threading": "which ticket a mail belongs to",
        "wording": "what mails of tickets say",
        "import_actions": "tickets of another desk, taken over",
        "clock_promises": "what is promised about a ticket's clocks",
        "clock_queries": "how tickets' clocks stand",
        "clock_rules": "how a brand's rules for clocks lie in their column",
        "clock_wording": "a ticket's clocks in words",
        "customer_actions": "what a customer asks for beyond an answer",
        "outage_actions": "what an outage does to tickets",
        "linking_actions": "how tickets belong together",
        "moving": "tickets of another desk, read",
        "supplier_actions": "suppliers' tickets inside ours",
        "survey_actions": "what customers think afterwards",
        "time_actions": "minutes, call-outs and prepaid hours",
        "attaching": "what is promised of a file that came",
        "attachment_actions": "what becomes of a file",
        "file_text": "what can be read in a file",
        "finding": "what a search finds",
        "scanning": "what a virus scanner says",
        "search": "what somebody asks a search for",
        "handover": "what the desk says in a handover note",
    },
    "duty": {
        "called": "somebody off duty was rung for help",
        "rest_actions": "the verbs after a bad night, and of hours held",
        "feed": "duty as a calendar to subscribe to",
        "coverage_actions": "looking ahead at what shifts know, and telling",
        "coverage_queries": "holes ahead, and the words for them",
        "pairing_actions": "newcomers beside those who know",
        "pairings": "who is on beside whom, and what they have seen",
        "note": "the note that is handed over with a seat",
        "sections": "what stands in that note",
        "ladder": "who is asked when nobody takes a turn",
        "handover_actions": "the verbs of a handover beside the token's own",
        "away_actions": "out of reach for a while",
        "feed_actions": "giving calendars out at secret addresses",
        "plan_actions": "telling people what becomes of the plan",
        "reaching": "by which ways somebody is told of their duty",
        "seat_actions": "a seat goes, and its token with it",
        "asking": "whom to ask next to stand in",
        "cover_actions": "the verbs of cover",
        "cover_queries": "who could stand in, and what is being sought",
        "diary_actions": "what people note in the journal",
        "diary_mail": "notes in the journal by mail",
        "plan_telling": "telling whoever a published plan touches",
    },
    "keeping": {
        "download": "what is known of one person, as a download",
        "archive": "a backup as a file",
        "moments": "going back to any moment",
        "places": "where backups lie, and with which key",
        "programs": "PostgreSQL's own programs, asked",
        "restoring": "a backup played back",
        "keys": "the file of the master keys",
        "key_actions": "the verbs of the master key",
        "resealing": "every sealed secret, sealed anew",
        "upgrading": "another version takes over, with a way back",
        "traces": "where somebody's traces lie",
        "exporting": "data as anybody reads it",
        "export_actions": "the verb that hands it out",
        "erasing": "what would go of one person, and what stays",
        "erasing_actions": "the verb that erases",
    },
    "reports": {
        "load": "who bears how much",
        "pay": "what on-call work is paid",
        "phone": "how a phone line did",
        "phone_queries": "what is on record of a line's calls",
        "incident": "what the report of an incident says, and when it is due",
        "incident_models": "the tables of incident reports",
        "incident_queries": "what the record says of an incident",
        "incident_actions": "the verbs of incident reports",
        "incident_writing": "an incident's report in words",
        "incident_document": "a written report as Markdown and HTML",
        "pdf_letters": "letters that a PDF's own fonts lack, and how it embeds them",
        "pdf_text": "a written report as PDF",
        "regulator": "whom the law wants told, by when",
        "regulator_packs": "rule packs that come with Nightdesk",
        "credit": "what is due to customers for what they went without",
        "tally": "sums and spreads that add up in any order",
        "bought": "how long all that customers bought ran together",
        "facts": "what happened, as figures count it",
        "definitions": "every service figure, and the one function that counts it",
        "fact_queries": "what is on record of a brand's days",
        "figure_actions": "the verbs of service figures",
        "figure_queries": "figures of a period from the days added up",
        "figure_wording": "figures in words",
        "figure_mail": "the letter of a report of figures",
        "service_report": "a customer's own figures",
        "erlang": "how many callers find somebody",
        "week": "the hours of a week as they are typed",
        "diverts": "what a number costs that is diverted",
        "message_prices": "what it costs to tell several people",
        "approaches": "what each approach costs and answers",
        "implied_rota": "the rota that an approach implies, and the law",
        "choosing_actions": "the verbs of comparisons",
        "choosing_queries": "what is saved of comparisons, and what came of a choice",
        "choosing_stored": "a comparison's inputs as rows keep them",
        "choosing_words": "approaches, lines of cost and verdicts in words",
    },
    "rota": {
        "planner/": "who takes which duty of the next period",
        "newcomers": "nobody new is planned alone",
        "law": "what working-time law says to somebody's duties",
        "law_wording": "what the law found, in a sentence",
        "checking": "the law held against the plan",
        "work_actions": "the verbs of hours worked and of rest owed",
        "coverage": "what nobody on a shift knows",
        "standby_actions": "which seat stands behind another",
        "coverage_actions": "for which brands a seat answers",
        "coverage_queries": "the facts of the coverage check",
        "difference": "what a change of a plan changes",
        "import_actions": "turns from a file",
        "seat_actions": "rotas and seats as such",
        "starting_points": "rotas to start from",
        "swap_actions": "one takes another's turn",
        "swapping": "what becomes of a swap",
        "turn_file": "turns in a calendar or a table",
        "comparing": "two rotas held against each other",
        "drafts": "a draft between the planner's words and the rows",
        "engine": "the planner asked in a process of its own",
        "limited": "that process, and what it may not do",
        "plan_actions": "the verbs of planning",
        "planning": "the planner's problem, read from the rows",
        "registries": "what rooms above know of people's time",
    },
    "journal": {
        "digests": "what a seal is made of",
        "feed": "the record as Atom",
        "weave": "a night as it is read",
        "kinds": "what can happen, with versions",
    },
    "knowledge": {
        "briefing_actions": "the verbs of briefings",
        "fields": "what people fill in here",
        "fitting": "whether something fits a service and a kind of call",
        "folding": "words as they are searched",
        "markdown": "Markdown as safe HTML, with its check-steps",
        "phrase_book": "in whose words an effect is told",
        "phrases": "texts with placeholders",
        "registries": "what high rooms hang in",
        "run_actions": "the verbs of procedures that are worked through",
        "spare_actions": "the verbs of spares",
        "wording_actions": "the verbs of what is said and written",
    },
    "mailroom": {
        "waiting": "a mail that waits, and what a batch of them asks at once",
        "addressing": "addresses of ours, and what stands behind their plus",
        "automatic": "whether a machine wrote it",
        "contents": "what a mail says and carries",
        "decoding": "bytes as text",
        "flowed": "lines that were broken to be joined again",
        "handing": "who takes a mail",
        "html_safe": "HTML made safe to be drawn",
        "html_text": "HTML as text",
        "imap": "mailboxes that are read",
        "invites": "a calendar entry as text",
        "letter": "a mail, read",
        "listener": "mail brought by SMTP and LMTP",
        "mime": "a mail taken apart by its bytes",
        "oauth": "logging in to a mailbox by a token",
        "own_words": "what somebody wrote themselves in an answer",
        "quotes": "what is quoted, for display",
        "reports": "what mail servers say about our mails",
        "rtf": "rich text as text or HTML",
        "smime": "what a signed mail carries",
        "tnef": "what Outlook wraps",
        "trust": "whether a sender is who the mail says",
    },
    "calls": {
        "adopting": "what a process finds when it comes up",
        "forget_actions": "forgetting who rang",
        "asking_actions": "the verbs of what people want of a call",
        "callers": "who rings, and what they are told of what they buy",
        "candidates": "who could be rung, by which telephone",
        "effects": "what a step writes, done by the verbs",
        "facts": "all that a step may know",
        "pin_tries": "how many wrong PINs there may be",
        "playing": "a recording as an answer to a browser",
        "runner": "the process that runs the calls of an exchange",
        "running": "one transaction an event",
        "standing_orders": "what is still to be done for a call that was left behind",
        "stored": "how a call lies in JSON",
        "country_rules": "what a country asks of a phone line",
        "divert_actions": "the verbs of ringing a line from outside",
        "divert_queries": "whose ring is our own, and when it is",
        "divert_tasks": "what the worker does to ring a line from outside",
        "provider_links": "our own addresses for a telephony provider",
        "twiml_actions": "calls that a telephony provider carries",
        "twiml_models": "legs at a telephony provider",
        "twiml_tasks": "what the worker tells a telephony provider",
        "line_actions": "the verbs of what is set",
        "line_queries": "what lines may name",
        "line_preview": "a line before anybody rings it",
        "line_starts": "phone lines to start from",
        "pin_rules": "which PINs are good enough",
        "pins": "how a caller's PIN is found",
        "bureau_actions": "the verbs of those who take messages",
        "bureau_models": "clients of the bureau, and what was taken for them",
        "bureau_queries": "what the bureau's desk reads",
        "bureau_tasks": "what falls due in the bureau, and its answers",
        "client_actions": "the verbs of the bureau's clients and their scripts",
        "scripts": "what is said and asked for a client, and when",
        "asking": "what a caller hears and keys before anybody is rung",
        "calling_back": "one of ours rings whom we promised it",
        "flow": "which event leads where on the phone line",
        "hunting": "whom a call rings, in which order",
        "locking": "a call under its lock, with all that a step asks of it",
        "noting": "a note for the journal spoken by one of ours",
        "reading": "open pages read out over the telephone",
        "simulate": "a call walked through without a telephone",
        "taking": "a message is taken by the recorder",
        "talking": "a telephone is picked up and joins the talk",
        "terms": "the words in which the flow is told",
        "turn": "one step of a call in the making",
        "translated": "what callers hear, in their languages",
        "wording": "what callers and engineers hear",
    },
    "lines": {
        "asterisk/": "calls at an Asterisk beside us",
        "sound": "sound as the telephone carries it",
        "speech": "words as files that can be heard",
        "audio": "any audio as telephones carry it",
        "melody": "a sign that can be heard",
        "exchange": "what a line driver is ordered and reports, for a call of several legs",
        "leg": "what a telephone leg is, whoever carries it",
        "twiml/": "legs in Twilio's language",
    },
    "outages": {
        "audience": "who hears of an outage, and how",
        "claims": "what a statement claims of people and causes",
        "unsubscribing": "what a click in a mail begins",
        "unsubscribe_actions": "the verbs of readers who want no more of our notices",
        "role_address": "whether an address is a role's",
        "calendar_lines": "a calendar as lines, however it was written",
        "carrier_actions": "the verbs of what carriers announce",
        "carrier_mail": "mails of carriers",
        "foreign_formats": "carriers' own formats, read by another program",
        "foreign_parser": "what that other program runs",
        "maintnote": "planned work as carriers and customers' programs write it",
        "matching": "which of our circuits a carrier means",
        "work_actions": "the verbs of planned work that customers hear of",
        "work_answers": "what customers say of planned work",
        "work_flow": "what may follow what in planned work",
        "work_rule_actions": "the verbs of what is agreed about planned work",
        "work_queries": "whom planned work touches, and what speaks against it",
        "work_tasks": "what falls due of planned work",
        "work_wording": "what customers read of planned work",
        "audience_query": "the audience as one statement of SQL",
        "effect": "what the failure of parts does",
        "feeds": "outages as Atom and RSS",
        "link_actions": "the verbs of links to what is told",
        "links": "what stands in secret addresses",
        "published": "what has been published, as plain facts",
        "published_queries": "what each brand has published, read whole",
        "needs_text": "what something needs, as people write it",
        "netbox": "NetBox's lists as parts",
        "netbox_door": "asking a NetBox for its lists",
        "foresight": "what would happen if",
        "part_actions": "the verbs of parts and what needs them",
        "preview": "what an update would say, to how many, at what price",
        "part_import_actions": "a list of parts, taken whole or not at all",
        "part_list": "parts and needs as a file lists them",
        "part_queries": "parts by what people call them",
        "registries": "what high rooms hang in",
        "saying": "what is said of an outage besides its own text",
        "cachet_words": "our outages in the words of Cachet's API",
        "statuspage": "our page in the words of Statuspage's API",
        "subscriber_actions": "the verbs of those who follow a public page",
        "report": "who was told what, and who could not be",
        "statements": "statements, and the messages that carry them",
        "wish_actions": "the verbs of how people want to hear",
        "wording": "what customers read of an outage",
        "work_calendar": "planned work as a calendar to subscribe to",
        "way_actions": "warnings of ways that a fault cuts off",
        "way_queries": "which ways to reach our own people a fault cuts off",
        "handover": "what outages say in a handover note",
    },
    "safety": {
        "duress": "the duress word in what somebody writes",
        "handover": "what visits say in a handover note",
        "site_actions": "the verbs of sites, duress words and badges",
        "telling": "who is told what of a visit, and by which way",
        "wording": "a visit in words, and the emergency note",
    },
    "people": {
        "reading_actions": "who read what is private of whom",
        "hours_actions": "the verbs of absences, of what somebody cannot do, and of terms",
        "locking": "the person that a verb is about",
        "numbers": "phone numbers, kept as E.164",
        "skill_actions": "the verbs of skills and newcomers",
        "skill_list": "people and skills as a table in a file",
        "skill_queries": "who knows what",
    },
    "portal": {
        "belt": "row-level security, put on and taken off",
        "door": "who is there, and in which company",
        "badge": "a picture of how something stands, for others' pages",
        "middleware": "what a session from a company's own sign-in does not open",
        "oidc": "OpenID Connect, as its client",
        "hot_status": "public pages in memory and in a folder",
        "outage_queries": "what a contact reads of outages",
        "policies": "what a customer may read at all",
        "status_page": "a public page as files",
        "wording": "what we promise, in their own words",
    },
    "paging": {
        "handling": "how long somebody was at work with a page",
        "answering": "what a reply does, and what is said back",
        "beats": "when a heartbeat is late",
        "beat_door": "the way in for beats, and whether our door is open",
        "comparison": "the old pager beside this one",
        "heartbeat_actions": "the verbs of heartbeats",
        "shadow_actions": "the verbs of shadow mode",
        "silence_actions": "the verbs of silences and planned work",
        "silencing": "what a silence keeps quiet, and how long",
        "middleware": "the short way to the machines' doors",
        "telling": "one person told something that wakes nobody",
        "formats/": "what monitoring systems send",
        "mail_beats": "beats by plain mail",
        "opsgenie": "what clients of Opsgenie's API read back",
        "mail_alarms": "alarms by plain mail",
        "wording": "what a page says",
        "copy_actions": "silent copies for newcomers",
        "mailbox_actions": "pages for mailboxes that nobody could read",
        "handover": "what paging says in a handover note, and of who stands behind whom",
    },
}
"""What a room has beside the files of every room, each with its one idea. A name that ends in `/` is a folder."""

PURE_NAMES = {
    "identity",
    "merge",
    "networks",
    "calling_back",
    "hunting",
    "noting",
    "reading",
    "simulate",
    "taking",
    "talking",
    "terms",
    "turn",
    "comparing",
    "asking",
    "shares",
    "score",
    "problem",
    "model",
    "explain",
    "exact",
    "eligible",
    "curtois",
    "ladder",
    "note",
    "difference",
    "duress",
    "swapping",
    "turn_file",
    "addressing",
    "answers",
    "audience",
    "auto_reply",
    "automatic",
    "beats",
    "bureau_mail",
    "calendar_lines",
    "clock",
    "comparison",
    "contents",
    "cost",
    "coverage",
    "decide",
    "decoding",
    "dialplan",
    "effect",
    "fitting",
    "flow",
    "flowed",
    "forwarded",
    "folding",
    "foresight",
    "hours",
    "html_safe",
    "html_text",
    "invites",
    "law",
    "load",
    "pay",
    "tally",
    "bought",
    "definitions",
    "letter",
    "maintnote",
    "markdown",
    "matching",
    "mime",
    "moving",
    "needs_text",
    "netbox",
    "own_words",
    "pace",
    "pager_text",
    "part_list",
    "phrase_book",
    "phrases",
    "priority",
    "promised",
    "published",
    "quotes",
    "reports",
    "resolve",
    "rtf",
    "search",
    "silencing",
    "skill_list",
    "smime",
    "smpp_pdu",
    "smpp_text",
    "sms_text",
    "snpp_reply",
    "sound",
    "standing",
    "cachet_words",
    "statuspage",
    "tap_block",
    "threading",
    "tnef",
    "work_flow",
}
PURE_FOLDERS = {"formats"}

EMPTY_NAMES = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "manager",
    "managers",
    "service",
    "services",
    "data",
    "info",
}
TOP_MODULES = {
    "__init__",
    "__main__",
    "apps",
    "wiring",
    "follow_ups",
    "urls",
    "asgi",
    "api",
    "settings",
    "cli",
    "demo",
    "demo_bureau",
    "demo_figures",
    "demo_desk",
    "demo_network",
    "demo_outages",
    "demo_phone",
    "demo_approaches",
    "demo_plans",
    "demo_rota_pony",
    "demo_rota_skills",
    "demo_safety",
    "notify",
}

READS_A_CLOCK = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "django.utils.timezone.now",
    "time.time",
    "time.time_ns",
}
READS_A_CLOCK_WITHOUT_ARGUMENTS = {
    "django.utils.timezone.localtime",
    "django.utils.timezone.localdate",
    "time.localtime",
    "time.gmtime",
}
OUTSIDE_A_DECISION = {
    "aiohttp",
    "asyncio",
    "django",
    "multiprocessing",
    "ninja",
    "os",
    "psycopg",
    "secrets",
    "socket",
    "subprocess",
    "threading",
    "time",
    "urllib.request",
}
MAKES_A_QUERY = {
    "objects",
    "_default_manager",
    "_base_manager",
    "filter",
    "exclude",
    "select_for_update",
    "order_by",
    "using",
}
WRITING_SQL = re.compile(r"\b(insert\s+into|update\s+\S+\s+(\w+\s+)?set|delete\s+from|truncate)\b", re.IGNORECASE)
SIGNALS = ("django.dispatch", "django.db.models.signals", "django.core.signals", "django.db.backends.signals")


@dataclass(frozen=True)
class Finding:
    """One breach: where, of which rule, what is wrong and what to do about it."""

    path: str
    line: int
    rule: str
    wrong: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule} {self.wrong}"


class Module:
    """A source file: its place in the house and what its names stand for."""

    def __init__(self, package: Path, file: Path) -> None:
        self.file = file
        self.path = file.relative_to(package).as_posix()
        *folders, _ = self.path.split("/")
        self.room = folders[0] if folders else ""
        self.folders = frozenset(folders[1:])
        self.stem = file.stem
        self.tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))

    @property
    def is_product(self) -> bool:
        """Whether the program itself runs it: tests and migrations have rules of their own."""
        return not ({self.room, *self.folders} & {"tests", "migrations"})

    @property
    def is_pure(self) -> bool:
        """Whether it decides: facts and an instant in, values out."""
        if not (self.room and self.is_product) or self.path == "base/clock.py":
            return False
        if "management" in self.folders:
            return False  # a command is called as people call what it shows
        return self.stem in PURE_NAMES or bool(self.folders & PURE_FOLDERS)

    @property
    def is_action(self) -> bool:
        """Whether it holds verbs: a room's `actions.py`, or in a big room `NOUN_actions.py` beside it."""
        return re.fullmatch(rf"{self.room}/(\w+_)?actions\.py", self.path) is not None

    @cached_property
    def nodes(self) -> list[tuple[ast.AST, tuple[str, ...]]]:
        """Every node with the names of the functions around it, outermost first."""
        return list(_walk(self.tree, ()))

    @cached_property
    def origins(self) -> dict[str, str]:
        """What an imported name stands for: `{"timezone": "django.utils.timezone"}`."""
        known = {}
        for node, _ in self.nodes:
            if isinstance(node, ast.Import):
                for name in node.names:
                    known[name.asname or name.name.split(".")[0]] = (
                        name.name if name.asname else name.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for name in node.names:
                    known[name.asname or name.name] = f"{'.' * node.level}{node.module or ''}.{name.name}"
        return known

    def origin(self, node: ast.AST) -> str:
        """The dotted name that `node` stands for, or "" where it is not a plain name."""
        if isinstance(node, ast.Name):
            return self.origins.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            base = self.origin(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    def functions_around(self, line: int) -> set[str]:
        return {
            node.name
            for node, _ in self.nodes
            if isinstance(node, type_of_function) and node.lineno <= line <= (node.end_lineno or node.lineno)
        }


def _walk(node: ast.AST, around: tuple[str, ...]) -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    yield node, around
    inner = (*around, node.name) if isinstance(node, type_of_function) else around
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, inner)


class House:
    """All modules of the package."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.modules: list[Module] = []
        self.unreadable: list[tuple[Path, int, str]] = []
        for file in sorted(package.rglob("*.py")):
            try:
                self.modules.append(Module(package, file))
            except SyntaxError as error:
                self.unreadable.append((file, error.lineno or 1, error.msg))

    @property
    def product(self) -> Iterator[Module]:
        return (module for module in self.modules if module.is_product)


Breach = tuple[Path, int, str]
Check = Callable[[House], Iterator[Breach]]
RULES: dict[str, tuple[str, Check]] = {}


def rule(number: int, sentence: str) -> Callable[[Check], Check]:
    """Enter a check into `RULES` as `HOUSE-number`."""

    def enter(check: Check) -> Check:
        RULES[f"HOUSE-{number}"] = (sentence, check)
        return check

    return enter


@rule(1, "A state changes in one place: `.state` is assigned only in a `_move` function of the room's actions.")
def check_state_writers(house: House) -> Iterator[Breach]:
    for module in house.product:
        for node, around in module.nodes:
            if not _writes_state(node):
                continue
            moves = any(name.startswith("_move") for name in around)
            if not (moves and (module.is_action or module.room == "base")):
                yield (
                    module.file,
                    _line(node),
                    "writes a state; call the room's `_move` in actions.py, which holds the lock",
                )


def _writes_state(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="state", ctx=ast.Store()):
            return True
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value="state"), *_]):
            return True
        case ast.Call(func=ast.Attribute(attr="update" | "aupdate", value=receiver), keywords=keywords):
            return _is_query(receiver) and any(keyword.arg == "state" for keyword in keywords)
    return False


@rule(2, "Own modules are imported at the top, so that the direction of imports can be seen and kept.")
def check_late_imports(house: House) -> Iterator[Breach]:
    for module in house.product:
        for node, around in module.nodes:
            # Django calls `ready` when the models exist; nothing that needs them can be imported before.
            if not around or (module.stem == "apps" and around == ("ready",)):
                continue
            if any(name.split(".")[0] in ("nightdesk", "") for name in _imported_fully(node)):
                yield (
                    module.file,
                    _line(node),
                    "imports our own code inside a function; import it at the top, or mend the layers",
                )
            if (
                isinstance(node, ast.Call)
                and module.origin(node.func).split(".")[-1] in ("import_module", "__import__")
                and node.args
                and str(_constant(node.args[0])).startswith("nightdesk")
            ):
                yield module.file, _line(node), "imports our own code by name inside a function; import it at the top"


def _imported_fully(node: ast.AST) -> list[str]:
    """Dotted names that an import statement brings in; one that starts with a dot is relative."""
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{'.' * node.level}{node.module or ''}.{name.name}" for name in node.names]
    return []


@rule(3, "`save` names the fields it writes, so that two writers do not undo each other.")
def check_named_fields(house: House) -> Iterator[Breach]:
    for module in house.product:
        fresh = {id(call) for call in _saved_as_made(module)}
        for node, around in module.nodes:
            if not (_calls(node, "save", "asave") and not node.args) or id(node) in fresh:
                continue
            names = {keyword.arg for keyword in node.keywords}
            forced = any(k.arg == "force_insert" and _constant(k.value) is True for k in node.keywords)
            passed_on = _on_super(node) and around[-1:] in (("save",), ("asave",))
            if not ("update_fields" in names or forced or passed_on):
                yield module.file, node.lineno, "saves every field; name those it changed with update_fields=[...]"


def _saved_as_made(module: Module) -> Iterator[ast.Call]:
    """Saves of an object that was constructed just there or by the statement before: every field is new."""
    for node, _ in module.nodes:
        if _calls(node, "save", "asave") and _constructs(node.func.value):
            yield node
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, [])
            if not isinstance(statements, list):
                continue
            for made, saved in pairwise(statements):
                match made, saved:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=value),
                        ast.Expr(value=ast.Call() | ast.Await() as expression),
                    ):
                        call = expression.value if isinstance(expression, ast.Await) else expression
                        if _constructs(value) and _calls(call, "save", "asave") and _name(call.func.value) == name:
                            yield call


def _constructs(node: ast.AST) -> bool:
    """Whether it calls something with a class's name."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name[:1].isupper()
    return False


@rule(4, "Decisions take facts and an instant and do nothing: no Django, no clock, no I/O in a pure module.")
def check_pure_modules(house: House) -> Iterator[Breach]:
    for module in house.product:
        if not module.is_pure:
            continue
        for node, _ in module.nodes:
            for name in _imported_fully(node):
                if any(name == outside or name.startswith(f"{outside}.") for outside in OUTSIDE_A_DECISION):
                    yield (
                        module.file,
                        _line(node),
                        f"imports {name} into a decision; take a fact as a parameter instead",
                    )
                elif name in ("nightdesk.base.clock", "nightdesk.base.clock.now"):
                    yield module.file, _line(node), "imports the clock into a decision; take `at` as a parameter"
                elif re.fullmatch(r"nightdesk\.\w+\.(models|actions|queries|tasks|api)(\..*)?", name):
                    yield (
                        module.file,
                        _line(node),
                        f"imports {name} into a decision; take its facts as a frozen dataclass",
                    )
            if _reads_a_clock(module, node):
                yield module.file, _line(node), "reads a clock in a decision; take `at` as a parameter"
            if isinstance(node, ast.Call) and module.origin(node.func) in ("open", "print", "input"):
                yield module.file, node.lineno, "does I/O in a decision; return a value and let the caller act"


@rule(5, "Promise, do not call: `on_commit` only wakes workers, in one function of base; no signals between rooms.")
def check_promises(house: House) -> Iterator[Breach]:
    for module in house.product:
        for node, around in module.nodes:
            hangs_on = isinstance(node, ast.Attribute | ast.Name) and module.origin(node).split(".")[-1] == "on_commit"
            if hangs_on and (module.path, *around[-1:]) != WAKE_UP:
                yield (
                    module.file,
                    _line(node),
                    "hangs work on a commit, which kill -9 loses; write a promise row instead",
                )
            if module.room != "access":
                for name in _imported_fully(node):
                    if name.startswith(SIGNALS) or "signals" in name.split("."):
                        yield module.file, _line(node), f"imports {name}; use a follow-up or a verb in wiring.py"
                        break


@rule(6, "A verb is one function: keyword-only, typed, atomic; takes by, via, at; named verb_noun, once in the house.")
def check_action_shape(house: House) -> Iterator[Breach]:
    taken: dict[str, str] = {}
    for module in house.product:
        if not module.is_action:
            continue
        for verb in module.tree.body:
            if not isinstance(verb, type_of_function) or verb.name.startswith("_"):
                continue
            for wrong in _misshapen(module, verb):
                yield module.file, verb.lineno, f"{verb.name} {wrong}"
            if verb.name in taken:
                yield (
                    module.file,
                    verb.lineno,
                    f"{verb.name} stands in {taken[verb.name]} too; give each verb its own name",
                )
            taken.setdefault(verb.name, module.path)


def _misshapen(module: Module, verb: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    if isinstance(verb, ast.AsyncFunctionDef):
        yield "is async, but a transaction is not; make it a plain function"
    if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", verb.name):
        yield "is not named verb_noun; say what it does to what, or start it with _"
    if not ast.get_docstring(verb):
        yield "has no docstring; say what becomes true, and what it raises"
    decorators = [d.func if isinstance(d, ast.Call) else d for d in verb.decorator_list]
    if not {module.origin(d).split(".")[-1] for d in decorators} & {"atomic", "verb"}:
        yield "is not one transaction; decorate it with @transaction.atomic"
    arguments = verb.args
    if arguments.posonlyargs or arguments.args or arguments.vararg or arguments.kwarg:
        yield "takes more than named parameters; put * first and name each"
    if verb.returns is None:
        yield "does not say what it returns; annotate it"
    annotations = {a.arg: a.annotation for a in arguments.kwonlyargs}
    for name, kind in (("by", "Actor"), ("via", "Door"), ("at", "datetime")):
        if name not in annotations:
            yield f"does not take `{name}: {kind}`; every verb does"
    for name, annotation in annotations.items():
        if annotation is None:
            yield f"has a parameter `{name}` without a type; annotate it"
        elif name in ("by", "via", "at"):
            written = _constant(annotation) or module.origin(annotation)
            expected = {"by": "Actor", "via": "Door", "at": "datetime"}[name]
            if str(written).split(".")[-1] != expected:
                yield f"takes `{name}` as something else than {expected}"


@rule(7, "Only the worker loop, intake and front catch everything, and they record it.")
def check_catch_all(house: House) -> Iterator[Breach]:
    for module in house.product:
        for node, _ in module.nodes:
            match node:
                case ast.ExceptHandler(type=None):
                    caught = {"Exception"}
                case ast.ExceptHandler(type=ast.Tuple(elts=kinds)):
                    caught = {module.origin(kind) for kind in kinds}
                case ast.ExceptHandler(type=kind) if kind is not None:
                    caught = {module.origin(kind)}
                case ast.Call(func=function, args=kinds) if module.origin(function) == "contextlib.suppress":
                    caught = {module.origin(kind) for kind in kinds}
                case _:
                    continue
            if not caught & {"Exception", "BaseException"}:
                continue
            # Tidying up and letting it go on hides nothing.
            if isinstance(node, ast.ExceptHandler) and isinstance(node.body[-1], ast.Raise) and not node.body[-1].exc:
                continue
            yield module.file, _line(node), "catches everything; name the exceptions that are expected here"


@rule(8, "Modules are named for one idea: no utils, helpers, common, manager, service, data or info.")
def check_module_names(house: House) -> Iterator[Breach]:
    seen: set[Path] = set()
    for module in house.modules:
        if "migrations" in module.folders:
            continue  # named for what they change
        parts = module.file.relative_to(house.package).parts
        for depth, part in enumerate(parts, start=1):
            place = house.package.joinpath(*parts[:depth])
            if place in seen:
                continue
            seen.add(place)
            name = part.removesuffix(".py")
            if name.split("_")[-1] in EMPTY_NAMES:
                yield module.file, 1, f"the name `{name}` says nothing; name the idea, or give each part its own module"


@rule(9, "Every room has the same files; what else a room has is listed with its one idea.")
def check_rooms(house: House) -> Iterator[Breach]:
    for entry in sorted(house.package.iterdir()):
        if entry.suffix == ".py" and entry.stem not in TOP_MODULES:
            yield entry, 1, "stands above the rooms; put it into the room that owns it, or into TOP_MODULES"
        if entry.is_dir() and entry.name not in ("management", "locale") and any(entry.rglob("*.py")):
            yield from _misfurnished(entry)


def _misfurnished(room: Path) -> Iterator[Breach]:
    opening = room / "__init__.py"
    if not opening.exists():
        yield opening, 1, "is missing; say there the room's nouns, verbs and whom it may import"
    elif not _docstring(opening):
        yield opening, 1, "has no docstring; say the room's nouns, verbs and whom it may import"
    if room.name == "base":
        return  # the floor under the rooms: its modules are machinery and have no common shape
    pages = room.name in PAGE_ROOMS
    own = OWN_MODULES.get(room.name, {})
    modules = ROOM_MODULES | set(own) | (PAGE_MODULES if pages else set())
    folders = (
        ROOM_FOLDERS | {name.rstrip("/") for name in own if name.endswith("/")} | (PAGE_FOLDERS if pages else set())
    )
    for entry in sorted(room.iterdir()):
        if entry.suffix == ".py" and entry.stem not in modules:
            yield entry, 1, f"is no file that rooms have; list it in OWN_MODULES[{room.name!r}] with its one idea"
        if entry.is_dir() and entry.name in ("templates", "static") and not pages:
            yield entry, 1, "holds pages outside console and portal; move them there"
        elif entry.is_dir() and entry.name not in folders and any(entry.rglob("*.py")):
            yield entry, 1, f"is no folder that rooms have; list it in OWN_MODULES[{room.name!r}] with its one idea"


@rule(10, "Actions and tasks are the only writers: queries, doors and pages write no rows.")
def check_writers(house: House) -> Iterator[Breach]:
    for module in house.product:
        if (
            module.room == "base"
            or module.is_action
            or module.stem == "tasks"
            or "management" in {module.room, *module.folders}
        ):
            continue
        queries = _names_of_queries(module)
        for node, _ in module.nodes:
            if isinstance(node, ast.Call) and (written := _write(node, queries)):
                yield module.file, node.lineno, f"writes rows by {written}; call a verb of the room's actions.py"


def _names_of_queries(module: Module) -> set[str]:
    """Names that were given a query somewhere in the module."""
    return {
        target.id
        for node, _ in module.nodes
        if isinstance(node, ast.Assign) and _is_query(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _write(call: ast.Call, queries: set[str]) -> str:
    """The call that writes, as a reader knows it; "" where it writes nothing."""
    match call.func:
        case ast.Attribute(attr="execute" | "executemany" | "copy" as how) if call.args:
            return f".{how} of SQL" if WRITING_SQL.search(_text(call.args[0])) else ""
        case ast.Attribute(attr=attr, value=receiver):
            verb = attr.removeprefix("a") if attr not in ("add", "all", "annotate", "aggregate") else attr
            on_query = _is_query(receiver) or _name(receiver) in queries
            writes = (
                verb in ("bulk_create", "bulk_update", "get_or_create", "update_or_create")
                or (verb == "save" and not call.args and not _on_super(call))
                or (verb == "delete" and not call.args and not call.keywords and not _on_super(call))
                or (verb == "update" and on_query)
                or (verb == "create" and (on_query or _last_name(receiver).endswith("_set")))
            )
            return f".{attr}" if writes else ""
    return ""


@rule(11, "There is one clock: base/clock.py. Everything else is told the instant.")
def check_clocks(house: House) -> Iterator[Breach]:
    for module in house.product:
        if module.path == "base/clock.py" or module.is_pure:
            continue  # a pure module is told so by HOUSE-4
        for node, _ in module.nodes:
            if _reads_a_clock(module, node):
                yield (
                    module.file,
                    _line(node),
                    "reads a clock of its own; use nightdesk.base.clock at the door and pass `at`",
                )


def _reads_a_clock(module: Module, node: ast.AST) -> bool:
    """A mention counts as well as a call: `default=timezone.now` reads the clock later."""
    if isinstance(node, ast.Call) and not (node.args or node.keywords):
        return module.origin(node.func) in READS_A_CLOCK_WITHOUT_ARGUMENTS
    return isinstance(node, ast.Attribute | ast.Name) and module.origin(node) in READS_A_CLOCK


def _calls(node: ast.AST, *methods: str) -> TypeGuard["_MethodCall"]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods


class _MethodCall(ast.Call):
    """What `_calls` has made sure of; only for the type checker."""

    func: ast.Attribute


def _on_super(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            return True
    return False


def _is_query(node: ast.AST) -> bool:
    """Whether a chain such as `Page.objects.filter(...)` stands there."""
    while True:
        match node:
            case ast.Attribute(attr=attr) if attr in MAKES_A_QUERY:
                return True
            case (
                ast.Call(func=inner) | ast.Attribute(value=inner) | ast.Await(value=inner) | ast.Subscript(value=inner)
            ):
                node = inner
            case _:
                return False


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else _name(node)


def _constant(node: ast.AST) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _text(node: ast.AST) -> str:
    """The fixed parts of a string, as far as they stand there."""
    return " ".join(str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant))


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


def _docstring(file: Path) -> str | None:
    try:
        return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    except SyntaxError:
        return "unreadable, and found so by itself"


def findings(package: Path, allowed: Iterable[Allowed] = ALLOWED) -> list[Finding]:
    """All breaches of the rules in `package`, without those that `allowed` lets through, in the order of the files."""
    house = House(package)
    excuses = list(allowed)
    used: set[Allowed] = set()
    found = [Finding(_shown(file), line, "HOUSE-0", f"cannot be read: {why}") for file, line, why in house.unreadable]
    by_file = {module.file: module for module in house.modules}
    for name, (_, check) in RULES.items():
        for file, line, wrong in check(house):
            module = by_file.get(file)
            places = {"*"} | (module.functions_around(line) if module else set())
            path = file.relative_to(package).as_posix()
            excuse = next((a for a in excuses if (a.rule, a.path) == (name, path) and a.function in places), None)
            if excuse:
                used.add(excuse)
            else:
                found.append(Finding(_shown(file), line, name, wrong))
    for excuse in excuses:
        file = package / excuse.path
        if excuse not in used and file.exists():
            wrong = f"nothing here needs the exception from {excuse.rule} for {excuse.function}; take it out of ALLOWED"
            found.append(Finding(_shown(file), 1, "HOUSE-0", wrong))
    return sorted(found, key=lambda finding: (finding.path, finding.line, finding.rule))


def _shown(file: Path) -> str:
    here = Path.cwd()
    return file.resolve().relative_to(here).as_posix() if file.resolve().is_relative_to(here) else str(file)


def main(arguments: list[str]) -> int:
    """Print the findings; 0 where there are none, 1 where there are, 2 where the folder is no package."""
    if arguments == ["--rules"]:
        for name, (sentence, _) in RULES.items():
            print(f"{name}  {sentence}")
        return 0
    package = Path(arguments[0]) if arguments else Path(__file__).parent.parent / "src" / "nightdesk"
    if not package.is_dir():
        print(f"There is no folder {package}; name the package to check.", file=sys.stderr)
        return 2
    found = findings(package)
    for finding in found:
        print(finding)
    print(f"House rules: {len(found)} to mend." if found else "House rules: kept.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
