"""Reading what customers were promised. `promised_now` is the question that every door asks."""

import json
from collections.abc import Collection
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from nightdesk.customers.hours import SupportHours, first_instant
from nightdesk.customers.models import Contract, Hours
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import ContractFacts, Cover, OutOfHours, contract_at, what_is_promised
from nightdesk.customers.stored import hours_from, may_wake_from, targets_from


def promised_now(customer_id: int | None, priority: Priority, at: datetime, work_type: str | None = None) -> Cover:
    """What this customer is promised for something of this priority (and kind of work) that arrives at `at`.

    One query. A customer without a contract, one that does not exist, and None are promised nothing.
    """
    return what_is_promised(
        contract_facts(customer_id, at) if customer_id is not None else None, priority, at, work_type
    )


def contract_facts(customer_id: int, at: datetime) -> ContractFacts | None:
    """The customer's contract at `at`, valid then or not, see `contract_at`. None for a customer without any."""
    return contract_at(contracts_of([customer_id]).get(customer_id, ()), at)


def contracts_of(customer_ids: Collection[int]) -> dict[int, list[ContractFacts]]:
    """By customer, all their contracts in order of their beginnings; one query. Who has none is not in it."""
    found: dict[int, list[ContractFacts]] = {}
    rows = Contract.objects.filter(customer__in=customer_ids).select_related("hours").order_by("valid_from")
    for row in rows:
        found.setdefault(row.customer_id, []).append(facts_of(row))
    return found


def facts_of(contract: Contract) -> ContractFacts:
    """What the row says. Its dates begin at midnight by the clocks of its hours' zone."""
    zone = ZoneInfo(contract.hours.zone)
    respond, fix = targets_from(contract.targets)
    return ContractFacts(
        hours=support_hours(contract.hours),
        out_of_hours=OutOfHours(contract.out_of_hours),
        may_wake=may_wake_from(contract.may_wake),
        respond_targets=respond,
        fix_targets=fix,
        not_at_night=frozenset(contract.not_at_night),
        valid_from=midnight(contract.valid_from, zone),
        valid_until=midnight(contract.valid_until, zone) if contract.valid_until is not None else None,
    )


def support_hours(hours: Hours) -> SupportHours:
    """The calendar that the row means; kept by what the row says, so that an edited one is never answered from before."""
    return _support_hours(
        hours.zone, json.dumps(hours.week), hours.nation, hours.subdivision, json.dumps(hours.exceptions)
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the local day begins."""
    return first_instant(datetime.combine(day, time()), zone).astimezone(UTC)


@lru_cache(maxsize=1024)
def _support_hours(zone: str, week: str, nation: str, subdivision: str, exceptions: str) -> SupportHours:
    return hours_from(zone, json.loads(week), nation, subdivision, json.loads(exceptions))
