"""What of the main site the second one has: the tables, the rows of each, and what is left out of them. The one list.

A section is a table. Its rows go over as they are, ids and all, so that everything here works on them unchanged. Left out are
columns that lead to tables which do not go (they are empty here), and what only the main site's master key opens but for second
factors, without which nobody could sign in here.
Providers' routes do not go: the second site has its own, on other networks.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from django.apps import apps
from django.db import models

AHEAD_DAYS = 14
"""Overrides and absences so far ahead go over: who is on for the next days."""
BEHIND_DAYS = 7
SHOWN_DAYS = 400
"""Outages so old still stand on a status page, whose punctuality looks back over a year."""


@dataclass(frozen=True, slots=True)
class Section:
    """`where`: which rows, in SQL over the table as `t`. `blank` columns go as NULL, `instead` as this SQL says.

    `sealed`: a column of JSON in which `SECRETS` lie sealed with the site's own master key: they go over open inside the letter,
    and are sealed there with the other's.
    `comes_back`: rows made here are kept for the main site; others that were made here go when it is followed again.
    """

    model: str
    where: str = "true"
    blank: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    sealed: str = ""
    comes_back: bool = False


SECRETS = ("secret", "seed")
"""Of a second factor: of an authenticator app, and of recovery codes."""

_OPEN_PAGE = "SELECT p.id FROM paging_page p WHERE p.state <> 'resolved' AND NOT p.shadow"
_SHOWN_OUTAGE = (
    "SELECT o.id FROM outages_outage o WHERE o.resolved_at IS NULL OR o.public"  # noqa: S608 - numbers of ours
    f" AND o.resolved_at > nightdesk_now() - interval '{SHOWN_DAYS} days'"
)
_OPEN_OUTAGE = (
    "SELECT o.id FROM outages_outage o WHERE o.resolved_at IS NULL"  # noqa: S608 - likewise
    f" OR o.resolved_at > nightdesk_now() - interval '{BEHIND_DAYS} days'"
)
_SHOWN_WORK = (
    "SELECT w.id FROM outages_work w"  # noqa: S608 - likewise
    f" WHERE w.until_at > nightdesk_now() - interval '{BEHIND_DAYS} days'"
)
_BOUGHT = "t.subscription_id IN (SELECT s.id FROM customers_subscription s WHERE s.ended_at IS NULL)"
_NEED = "SELECT n.id FROM outages_need n LEFT JOIN customers_subscription s ON s.id = n.subscription_id WHERE s.ended_at IS NULL"
_NOT_OVER = f"(t.until_at IS NULL OR t.until_at > nightdesk_now() - interval '{BEHIND_DAYS} days')"
_SOON = (
    f"t.ends_at > nightdesk_now() - interval '{BEHIND_DAYS} days'"
    f" AND t.starts_at < nightdesk_now() + interval '{AHEAD_DAYS} days'"
)

SECTIONS = (
    # Who may come in, and who we are.
    Section("access.Brand"),
    Section("access.User"),
    Section("access.Grant"),
    Section("account.EmailAddress"),
    # A passkey belongs to the main site's name.
    Section("mfa.Authenticator", "t.type <> 'webauthn'", sealed="data"),
    Section("people.Person"),
    Section("people.Team"),
    Section("people.Team_members"),
    Section("people.Skill"),
    Section("people.PersonSkill"),
    Section("people.Absence", _SOON),
    Section("people.ContactMethod"),
    Section("people.NotifyRule"),
    # Who the customers are, what they buy, and when they may wake whom.
    Section("customers.Hours"),
    Section("customers.Customer"),
    Section("customers.Contact"),
    Section("customers.Contract"),
    Section("customers.Service"),
    Section("customers.Subscription", "t.ended_at IS NULL"),
    Section("customers.SkillNeed"),
    Section("customers.Peer"),
    Section("knowledge.Phrase"),
    # Who is on.
    Section("rota.Rota"),
    Section("rota.Seat"),
    Section("rota.SeatSkill"),
    Section("rota.AnswersFor"),
    Section("rota.Layer"),
    Section("rota.LayerMember"),
    Section("rota.Override", _SOON),
    Section("duty.Hold", _NOT_OVER),
    Section("duty.Acceptance", f"t.turn_at > nightdesk_now() - interval '{BEHIND_DAYS} days'"),
    Section("duty.HandoverRules"),
    Section("duty.Pairing"),
    Section("duty.Away", _NOT_OVER),
    # What rings, and for what.
    Section("paging.Policy"),
    Section("paging.Integration"),
    Section("paging.MailRules"),
    Section("paging.TurnTaking"),
    Section("paging.Silence", "t.ended_at IS NULL", ("work",)),
    Section(
        "paging.Page",
        f"t.id IN ({_OPEN_PAGE}) AND (t.folded_into_id IS NULL OR t.folded_into_id IN ({_OPEN_PAGE}))",
        comes_back=True,
    ),
    Section(
        "paging.Alarm",
        f"t.resolved_at IS NULL AND (t.page_id IS NULL OR t.page_id IN ({_OPEN_PAGE}))",
        ("silence",),
        comes_back=True,
    ),
    # What is told of faults, and whom they touch.
    Section("outages.Part"),
    Section("outages.Need", f"t.id IN ({_NEED})"),
    Section("outages.Member", f"t.need_id IN ({_NEED})"),
    Section("outages.Reach", _BOUGHT),
    Section("outages.WayPart"),
    Section("outages.Rules"),
    Section("outages.StatementTemplate"),
    Section("outages.Wish"),
    Section("outages.Subscriber"),
    Section("outages.Outage", f"t.id IN ({_SHOWN_OUTAGE})", ("page",), comes_back=True),
    Section("outages.FailedPart", f"t.outage_id IN ({_SHOWN_OUTAGE})", comes_back=True),
    Section("outages.Touched", f"t.outage_id IN ({_OPEN_OUTAGE}) AND {_BOUGHT}", comes_back=True),
    Section("outages.Affected", f"t.outage_id IN ({_OPEN_OUTAGE})", comes_back=True),
    Section("outages.Update", f"t.outage_id IN ({_SHOWN_OUTAGE})", comes_back=True),
    Section("outages.Work", f"t.id IN ({_SHOWN_WORK})", ("planned",)),
    Section("outages.WorkPart", f"t.work_id IN ({_SHOWN_WORK})"),
    # The phone line, in a voice of the provider's: recordings are files, and stay at the main site.
    Section("calls.Line", instead={"prompts": "'{}'::jsonb"}),
)
"""Every table after those that it leads to."""

COMES_BACK_ONLY = (
    Section("journal.Entry"),
    Section("journal.PersonalText"),
    Section("paging.RawAlarm"),
    Section("channels.Message"),
    # Routes are each site's own, and their numbers mean nothing at the other.
    Section("channels.Delivery", instead={"route_id": "NULL::bigint", "routes_tried": "'[]'::jsonb"}),
    Section("channels.Attempt", instead={"route_id": "NULL::bigint"}),
    Section("calls.Message", blank=("call", "recording")),
)
"""What the second site tells of its time alone, beside the rows that come back of `SECTIONS`."""


@dataclass(frozen=True, slots=True)
class Table:
    """A section as the database has it. `columns` in their order; `sent` what stands for each in a SELECT over `t`."""

    name: str
    section: Section
    columns: tuple[str, ...]
    sent: tuple[str, ...]
    numbered: bool
    """Its ids are numbers; else UUIDs."""

    @property
    def bucket(self) -> str:
        """SQL over `t`: in which part of the table a row goes over, so that one change does not send all of it."""
        return "t.id / 1000" if self.numbered else "('x' || left(md5(t.id::text), 1))::bit(4)::int"

    @property
    def rows(self) -> str:
        """SELECT of (bucket, id, and every column), of the rows that go over."""
        names = ", ".join(f'{sent} AS "{column}"' for column, sent in zip(self.columns, self.sent, strict=True))
        return (
            f"SELECT {self.bucket} AS bucket, t.id AS row_id, r AS told FROM {self.name} t"  # noqa: S608 - names of ours
            f" CROSS JOIN LATERAL (SELECT {names}) r WHERE {self.section.where}"
        )


@cache
def tables() -> dict[str, Table]:
    """Every section by its model's label, in the order of `SECTIONS`. Raises ValueError where a row could not go over."""
    known = {section.model for section in SECTIONS}
    return {section.model: _table(section, known) for section in SECTIONS}


@cache
def coming_back() -> dict[str, Table]:
    """Every table of which rows come back to the main site, in an order in which they can be put there."""
    known = {section.model for section in (*SECTIONS, *COMES_BACK_ONLY)}
    back = {label: table for label, table in tables().items() if table.section.comes_back}
    return back | {section.model: _table(section, known) for section in COMES_BACK_ONLY}


def _table(section: Section, known: set[str]) -> Table:
    model = apps.get_model(section.model)
    columns, sent = [], []
    for column in model._meta.local_concrete_fields:
        if column.generated:
            continue
        name = str(column.column)
        blank = column.name in section.blank or (column.is_relation and column.null and _leads_to(column) not in known)
        if column.is_relation and not column.null and _leads_to(column) not in known:
            raise ValueError(f"{section.model}.{column.name} leads to {_leads_to(column)}, which does not go over.")
        columns.append(name)
        sent.append("NULL" if blank else section.instead.get(column.name, f't."{name}"'))
    numbered = not isinstance(model._meta.pk, models.UUIDField)
    return Table(str(model._meta.db_table), section, tuple(columns), tuple(sent), numbered)


def _leads_to(column: "models.Field[object, object]") -> str:
    other = column.related_model
    assert isinstance(other, type)
    return str(other._meta.label)


def leading_here(label: str) -> Iterator[tuple[str, str]]:
    """Every (table, column) of the whole program that leads to rows of the section."""
    model = apps.get_model(label)
    for other in apps.get_models(include_auto_created=True):
        if not other._meta.managed:
            continue
        for column in other._meta.local_concrete_fields:
            if column.is_relation and column.related_model is model:
                yield str(other._meta.db_table), str(column.column)


@cache
def shape() -> str:
    """Something that differs where two versions of the program could not read each other's rows."""
    told = "\n".join(f"{label} {table.columns}" for label, table in tables().items())
    return hashlib.sha256(told.encode()).hexdigest()[:16]
