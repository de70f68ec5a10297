"""The import of parts: a list of parts and needs becomes what stands, or nothing does."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.customers.models import Customer, Service, Subscription
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages import effect, part_queries
from nightdesk.outages.models import Member, Need, Part
from nightdesk.outages.needs_text import Wanted
from nightdesk.outages.part_list import ListedNeeds, ListedPart, Owner, PartsPlan, Problem

PARTS_IMPORTED = kind("parts.imported", gettext_lazy("{by} imported parts and what needs them"))

FIELDS = ("name", "kind", "aliases", "provider", "provider_ref", "public_name", "position")


class PartsUnfit(Refusal):
    """A list of parts has problems, so that nothing of it was taken; `problems` are all of them."""

    code = "parts-unfit"
    status = 422
    title = "The list does not fit, and nothing of it was taken"


@dataclass
class PartsImport:
    """What was done, or in a dry run would be: keys of parts, names of those whose needs are new. `same`: parts as they were."""

    dry_run: bool
    made: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    same: int = 0
    problems: list[Problem] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def does_something(self) -> bool:
        """Whether anything is, or would be, other than before."""
        return bool(self.made or self.changed or self.retired or self.needs)


@transaction.atomic
def apply_parts_import(
    *, brand_id: int, plan: PartsPlan, dry_run: bool = False, by: Actor, via: Door, at: datetime
) -> PartsImport:
    """The brand's parts and needs are as the plan says, all of it or, where there is one problem, nothing.

    Importing the same list again changes nothing. A dry run says what would be done, with every problem, and takes it back.
    One entry in the journal stands for all of it. Raises Forbidden, NotFound (no such brand), PartsUnfit.
    """
    require(by, "apply_parts_import", brand_id)
    asked = _("An import of %(parts)d parts and the needs of %(owners)d was asked for.") % {
        "parts": len(plan.parts),
        "owners": len(plan.needs),
    }
    if not Brand.objects.filter(pk=brand_id).exists():
        raise NotFound(asked, _("There is no such brand."), _("Choose one of the list."))
    part_queries.lock_parts(brand_id)
    work = _Import(brand_id, plan, PartsImport(dry_run, ignored=plan.ignored, notes=plan.notes), at)
    # With a list that cannot be read there is nothing to compare.
    if plan.parts or plan.needs or not plan.problems:
        work.take()
    result = work.result
    result.problems[:0] = plan.problems
    if result.problems and not dry_run:
        raise PartsUnfit(
            asked,
            _("There are problems in it, the first at %(place)s: %(what)s: %(so)s")
            % {"place": result.problems[0].place, "what": result.problems[0].what, "so": result.problems[0].so},
            _("Mend them, and import it again: nothing of it was taken."),
            problems=[asdict(problem) for problem in result.problems],
        )
    if dry_run:
        transaction.set_rollback(True)
    elif result.does_something:
        facts = {name: len(getattr(result, name)) for name in ("made", "changed", "retired", "needs")}
        facts["same"] = result.same
        record(PARTS_IMPORTED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return result


class _Import:
    """One import: the brand's parts in memory, and what becomes of them."""

    def __init__(self, brand_id: int, plan: PartsPlan, result: PartsImport, at: datetime) -> None:
        self.brand_id, self.plan, self.result, self.at = brand_id, plan, result, at
        self.rows = {row.key: row for row in Part.objects.select_for_update().filter(brand=brand_id)}

    def take(self) -> None:
        self._write_parts()
        retiring = self._retiring()
        self._write_needs({row.key for row in retiring})
        self._retire(retiring)
        try:
            part_queries.refuse_circles(self.brand_id, "")
        except part_queries.PartsInCircle as circle:
            self._problem("needs", " ".join(circle.extra["parts"]), circle.so, circle.do)

    def _problem(self, place: str, what: str, so: str, do: str) -> None:
        self.result.problems.append(Problem(place, what, so, do))

    # ---- Parts ----

    def _write_parts(self) -> None:
        new, changed = [], []
        for listed in self.plan.parts:
            row = self.rows.get(listed.key)
            if row is None:
                if listed.retired:
                    continue
                if listed.kind is None:
                    self._problem(listed.place, listed.key, "A new part is of some kind.", "Say which, as its kind.")
                    continue
                row = Part(brand_id=self.brand_id, key=listed.key, name=listed.name or listed.key)
                self._set(row, listed)
                new.append(row)
            elif self._set(row, listed):
                changed.append(row)
        for row in Part.objects.bulk_create(new, batch_size=2000):
            self.rows[row.key] = row
        if changed:
            Part.objects.bulk_update(changed, [*FIELDS, "public", "retired_at"], batch_size=1000)
        self.result.made = [row.key for row in new]
        self.result.changed = [row.key for row in changed]
        self.result.same = len(self.plan.parts) - len(new) - len(changed)

    @staticmethod
    def _set(row: Part, listed: ListedPart) -> bool:
        """Whether the row was another before. What retires it comes later."""
        said: dict[str, Any] = {name: getattr(listed, name) for name in FIELDS}
        if listed.aliases is not None:
            said["aliases"] = list(listed.aliases)
        if listed.public_name is not None:
            said["public"] = bool(listed.public_name)
        wanted = {name: value for name, value in said.items() if value is not None}
        if row.retired_at is not None and not listed.retired:
            wanted["retired_at"] = None
        changed = [name for name, value in wanted.items() if getattr(row, name) != value]
        for name in changed:
            setattr(row, name, wanted[name])
        return bool(changed)

    # ---- Needs ----

    def _write_needs(self, retiring: set[str]) -> None:
        wanted: dict[effect.Owner, tuple[ListedNeeds, tuple[Wanted, ...]]] = {}
        in_use = [row for row in self.rows.values() if row.retired_at is None and row.key not in retiring]
        book = part_queries.KeyBook.of(in_use)
        owners = self._owners([listed for listed in self.plan.needs if not listed.owner.key])
        for listed in self.plan.needs:
            owner = self._part_owner(listed, retiring) if listed.owner.key else owners.get(listed.owner)
            if owner is None:
                continue
            try:
                resolved = book.resolved(listed.needs)
            except part_queries.UnknownPart as unknown:
                self._problem(listed.place, unknown.key, unknown.so, "Give the key of a part that is in use.")
                continue
            if owner in wanted and wanted[owner][1] != resolved:
                so = f"The needs of the same are said at {wanted[owner][0].place}."
                self._problem(listed.place, str(listed.owner), so, "Call it by one name.")
                continue
            wanted[owner] = (listed, resolved)
        by_kind: defaultdict[str, list[int]] = defaultdict(list)
        for kind_of, number in wanted:
            by_kind[kind_of].append(number)
        standing = {
            (kind_of, number): needs
            for kind_of, numbers in by_kind.items()
            for number, needs in part_queries.needs_of(kind_of, numbers).items()
        }
        new = {owner: (listed, needs) for owner, (listed, needs) in wanted.items() if standing.get(owner, ()) != needs}
        replaced: defaultdict[str, list[int]] = defaultdict(list)
        for kind_of, number in new:
            replaced[kind_of].append(number)
        for kind_of, numbers in replaced.items():
            Need.objects.filter(**{f"{kind_of}__in": numbers}).delete()
        self._write_rows([(owner, needs) for owner, (_listed, needs) in new.items()], book.ids)
        self.result.needs = [str(listed.owner) for listed, _needs in new.values()]

    def _write_rows(self, wanted: Iterable[tuple[effect.Owner, Sequence[Wanted]]], ids: Mapping[str, int]) -> None:
        """The needs of owners that have none."""
        pairs = [
            (Need(brand_id=self.brand_id, at_least=need.at_least, **{f"{kind_of}_id": number}), need)
            for (kind_of, number), needs in wanted
            for need in needs
        ]
        Need.objects.bulk_create([row for row, _need in pairs], batch_size=5000)
        members = (Member(need=row, part_id=ids[key]) for row, need in pairs for key in need.keys)
        Member.objects.bulk_create(members, batch_size=5000)

    def _part_owner(self, listed: ListedNeeds, retiring: set[str]) -> effect.Owner | None:
        row = self.rows.get(listed.owner.key)
        if row is not None and row.key not in retiring and row.retired_at is None:
            return effect.PART, row.pk
        if row is None and listed.owner.key not in {part.key for part in self.plan.parts}:
            self._problem(listed.place, listed.owner.key, "There is no such part.", "List it as well, or mend the key.")
        return None

    def _owners(self, listed: Sequence[ListedNeeds]) -> dict[Owner, effect.Owner]:
        """The services and subscriptions that are meant, and a problem for each that cannot be told."""
        if not listed:
            return {}
        services = list(Service.objects.filter(brand=self.brand_id))
        by_service = {row.name.lower(): row for row in services} | {row.key.lower(): row for row in services}
        wanted = {each.owner.customer for each in listed if each.owner.customer}
        customers: defaultdict[str, list[Customer]] = defaultdict(list)
        rows = Customer.objects.filter(brand=self.brand_id).annotate(low_ref=Lower("ref"), low_name=Lower("name"))
        for row in rows.filter(low_name__in=wanted):
            customers[row.name.lower()].append(row)
        for row in rows.filter(low_ref__in=wanted):
            customers[row.ref.lower()] = [row]
        meant = [row.pk for found in customers.values() for row in found]
        bought: defaultdict[tuple[int, int], list[Subscription]] = defaultdict(list)
        for subscription in Subscription.objects.filter(customer__in=meant).order_by("id"):
            bought[subscription.customer_id, subscription.service_id].append(subscription)
        found: dict[Owner, effect.Owner] = {}
        for each in listed:
            try:
                found[each.owner] = self._one(each, by_service, customers, bought)
            except _Unclear as unclear:
                self._problem(each.place, unclear.what, unclear.so, unclear.do)
        return found

    @staticmethod
    def _one(
        listed: ListedNeeds,
        services: dict[str, Service],
        customers: dict[str, list[Customer]],
        bought: dict[tuple[int, int], list[Subscription]],
    ) -> effect.Owner:
        owner = listed.owner
        service = services.get(owner.service)
        if service is None:
            raise _Unclear(owner.service, "There is no such service.", "Give the key or the name of one.")
        if not owner.customer:
            return effect.SERVICE, service.pk
        called = customers.get(owner.customer, [])
        if len(called) != 1:
            so = "There is no such customer." if not called else "Several customers are called so."
            raise _Unclear(owner.customer, so, "Give the customer's number.")
        all_of_it = bought.get((called[0].pk, service.pk), [])
        rows = [row for row in all_of_it if owner.label is None or row.label.lower() == owner.label.lower()]
        if len(rows) != 1:
            labels = ", ".join(row.label or "(none)" for row in all_of_it[:5])
            so = f"They buy it as {labels}." if all_of_it else "They do not buy that."
            raise _Unclear(str(owner), so, "Give one of these labels." if all_of_it else "Let them buy it first.")
        return effect.SUBSCRIPTION, rows[0].pk

    # ---- Out of use ----

    def _retiring(self) -> list[Part]:
        leaving = {listed.key for listed in self.plan.parts if listed.retired}
        # Where something could not be read, what is missing from the list may stand in just that line.
        if self.plan.whole is not None and not self.plan.problems:
            listed_keys = {listed.key for listed in self.plan.parts}
            leaving |= {key for key in self.rows if key.startswith(self.plan.whole) and key not in listed_keys}
        return [row for key, row in self.rows.items() if key in leaving and row.retired_at is None]

    def _retire(self, retiring: list[Part]) -> None:
        ids = [row.pk for row in retiring]
        Need.objects.filter(part__in=ids).delete()
        for member in Member.objects.filter(part__in=ids).select_related("part", "need")[:50]:
            needing = part_queries.names_of_owners([member.need])
            so = f"It would be retired, and {needing[0]} needs it."
            self._problem(member.part.key, member.part.name, so, "Say there what is needed in its place.")
        for number, outages in part_queries.open_failures(ids).items():
            key = next(row.key for row in retiring if row.pk == number)
            self._problem(key, key, f"{', '.join(sorted(outages))} is about it.", "Let that be over first.")
        Part.objects.filter(id__in=ids).update(retired_at=self.at)
        self.result.retired = [row.key for row in retiring]


class _Unclear(Exception):
    """It cannot be told which service or subscription is meant."""

    def __init__(self, what: str, so: str, do: str) -> None:
        super().__init__(what, so, do)
        self.what, self.so, self.do = what, so, do
