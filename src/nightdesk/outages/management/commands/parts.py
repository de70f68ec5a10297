"""`nightdesk parts`: what can fail, what needs it, and what would happen if.

Everything that the web pages do with parts, by their keys: list, save, retire, say needs and reach, import from a file or from
NetBox, ask what a failure would do, and keep the phrase book.
"""

import json
import os
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.customers.models import Customer, Service, Subscription
from nightdesk.knowledge import wording_actions
from nightdesk.knowledge.models import Phrase
from nightdesk.outages import part_actions, part_queries
from nightdesk.outages.effect import PART, SERVICE, SUBSCRIPTION, Effect, Owner
from nightdesk.outages.models import Part
from nightdesk.outages.needs_text import Unreadable, read_needs, write_needs
from nightdesk.outages.netbox import Wiring, plan_netbox, read_lists
from nightdesk.outages.netbox_door import fetch_lists
from nightdesk.outages.part_import_actions import PartsImport, apply_parts_import
from nightdesk.outages.part_list import PartsPlan, Problem, plan_parts

VARIABLE = "NETBOX_TOKEN"
"""The environment variable that holds it: on the command line everybody on the machine could read it."""


class Command(BaseCommand):
    help = "List, change and import parts and what needs them; ask what a failure would do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        listing = does.add_parser("list", help="which there are, with what each needs")
        listing.add_argument("--search", default="", metavar="WORDS")
        listing.add_argument("--json", action="store_true")
        saving = does.add_parser("save", help="a part is as given")
        saving.add_argument("key")
        saving.add_argument("name")
        saving.add_argument("kind", choices=Part.Kind.values)
        saving.add_argument("--alias", action="append", default=[], help="a name in monitoring; may be repeated")
        saving.add_argument("--provider", default="")
        saving.add_argument("--provider-ref", default="")
        saving.add_argument("--public-name", default="")
        saving.add_argument("--position", type=int, default=0)
        retiring = does.add_parser("retire", help="take a part out of use")
        retiring.add_argument("key")
        needing = does.add_parser("needs", help="say all that something needs: 'sw2; any of up1 up2', or none")
        needing.add_argument("needs", nargs="?", help="left out: say what it needs now")
        reaching = does.add_parser("reach", help="over which of its services a customer's channel runs")
        reaching.add_argument("channel", choices=part_actions.CHANNELS)
        reaching.add_argument("over", nargs="*", metavar="SERVICE", help="keys of services; none: over nothing of ours")
        for each, wanted in ((needing, False), (reaching, True)):
            each.add_argument("--customer", required=wanted, metavar="REF")
            if not wanted:
                each.add_argument("--part", metavar="KEY")
                each.add_argument("--service", metavar="KEY")
                each.add_argument("--label")
            else:
                each.add_argument("--contact", metavar="EMAIL", help="of this contact alone")
        importing = does.add_parser("import", help="read a CSV file of parts and needs: all of it, or nothing")
        importing.add_argument("file")
        importing.add_argument("--whole", action="store_true", help="retire parts that are not in it")
        importing.add_argument(
            "--column", action="append", default=[], metavar="THEIRS=OURS", help="what a column of theirs means"
        )
        netbox = does.add_parser("netbox", help=f"take sites, racks, devices and circuits from NetBox; ${VARIABLE}")
        netbox.add_argument("source", help="its address, or a JSON file of its lists")
        netbox.add_argument("--site", default="", metavar="SLUG")
        netbox.add_argument("--roles", default=" ".join(Wiring().roles), help="nearest to the core first")
        netbox.add_argument("--upstream-types", default=" ".join(Wiring().upstream_types))
        for each in (importing, netbox):
            each.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
            each.add_argument("--json", action="store_true")
        supposing = does.add_parser("what-if", help="what the failure of parts would do")
        supposing.add_argument("keys", nargs="+", metavar="KEY")
        supposing.add_argument("--effect", choices=["down", "degraded", "reduced"], default="down")
        weak = does.add_parser("weak", help="parts whose loss alone takes something down, and those that nothing needs")
        phrase = does.add_parser("phrase", help="say what an effect means to those who buy a service")
        phrase.add_argument("effect", choices=["down", "degraded", "reduced"])
        phrase.add_argument("text", nargs="?", help="left out: the phrase is removed")
        phrase.add_argument("--service", metavar="KEY", help="left out: for services without words of their own")
        phrase.add_argument("--workaround", default="")
        phrase.add_argument("--language", default="en-gb")
        for each in (listing, saving, retiring, needing, reaching, importing, netbox, supposing, weak, phrase):
            each.add_argument("--brand", metavar="SLUG", help="short name of the brand; needed where there are several")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises the refusals of the verbs, and NotFound for a brand, part, customer or file that is not there."""
        brand = _brand_named(options["brand"])
        does = {
            "list": self._list, "save": self._save, "retire": self._retire, "needs": self._needs, "reach": self._reach,
            "import": self._import, "netbox": self._netbox, "what-if": self._what_if, "weak": self._weak,
            "phrase": self._phrase,
        }  # fmt: skip
        does[options["does"]](brand, options)

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(line)

    def _list(self, brand: Brand, options: Any) -> None:
        rows = Part.objects.filter(brand=brand, retired_at=None)
        if options["search"]:
            rows = rows.filter(name__icontains=options["search"]) | rows.filter(key__icontains=options["search"])
        needs = part_queries.needs_of(PART, [row.pk for row in rows])
        told = [(row, write_needs(needs.get(row.pk, ()))) for row in rows]
        if options["json"]:
            names = ("key", "name", "kind", "aliases", "provider", "provider_ref", "public_name", "position")
            shown = [{name: getattr(row, name) for name in names} | {"needs": text} for row, text in told]
            self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2))
            return
        self._say(f"{row.key:<24} {row.kind:<9} {row.name}  [{text}]" for row, text in told)

    def _save(self, brand: Brand, options: Any) -> None:
        known = Part.objects.filter(brand=brand, key=options["key"].lower()).first()
        names = ("key", "name", "kind", "provider", "provider_ref", "public_name", "position")
        row = part_actions.save_part(
            brand_id=brand.pk, part_id=known.pk if known else None, aliases=options["alias"],
            **{name: options[name] for name in names}, **_doing(),
        )  # fmt: skip
        self.stdout.write(_("%s is on the list.") % row.key)

    def _retire(self, brand: Brand, options: Any) -> None:
        part = part_queries.parts_called(brand.pk, options["key"])[0]
        part_actions.retire_part(part_id=part.pk, **_doing())
        self.stdout.write(_("%s is retired.") % part.key)

    def _needs(self, brand: Brand, options: Any) -> None:
        owner = _owner(brand, options)
        if options["needs"] is None:
            stands = part_queries.needs_of(owner[0], [owner[1]]).get(owner[1], ())
        else:
            try:
                wanted = read_needs(options["needs"])
            except Unreadable as bad:
                raise Invalid(_("What something needs was to be saved."), f"{bad.what}: {bad.so}", bad.do) from bad
            stands = part_actions.save_needs(owner=owner, needs=wanted, **_doing())
        self.stdout.write(write_needs(stands))

    def _reach(self, brand: Brand, options: Any) -> None:
        customer = _customer(brand, options["customer"])
        bought = [_subscription(customer, _service(brand, key), None).pk for key in options["over"]]
        contact = None
        if options["contact"]:
            contact = customer.contacts.filter(email__iexact=options["contact"]).first()
            if contact is None:
                raise _missing(_("contact"), options["contact"])
        part_actions.save_reach(
            customer_id=customer.pk, channel=options["channel"], subscription_ids=bought,
            contact_id=contact.pk if contact else None, **_doing(),
        )  # fmt: skip
        self.stdout.write(_("Saved."))

    def _import(self, brand: Brand, options: Any) -> None:
        mapping = dict(each.partition("=")[::2] for each in options["column"])
        plan = plan_parts(_content(options["file"]), mapping, whole=options["whole"])
        self._apply(brand, plan, options)

    def _netbox(self, brand: Brand, options: Any) -> None:
        source = options["source"]
        if source.startswith(("http://", "https://")):
            lists: Any = fetch_lists(url=source, token=os.environ.get(VARIABLE, ""), site=options["site"])
        else:
            lists = read_lists(_content(source))
        wiring = Wiring(tuple(options["roles"].split()), tuple(options["upstream_types"].split()))
        plan = PartsPlan(problems=(lists,)) if isinstance(lists, Problem) else plan_netbox(lists, wiring)
        self._apply(brand, plan, options)

    def _apply(self, brand: Brand, plan: PartsPlan, options: Any) -> None:
        result: PartsImport = apply_parts_import(brand_id=brand.pk, plan=plan, dry_run=options["dry_run"], **_doing())
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result), ensure_ascii=False))
            return
        for problem in result.problems:
            self.stderr.write(f"{problem.place}: {problem.what}: {problem.so} {problem.do}")
        for note in result.notes:
            self.stderr.write(note)
        if result.ignored:
            self.stderr.write(_("Columns left out: %s.") % ", ".join(result.ignored))
        for what in ("made", "changed", "retired", "needs"):
            self.stdout.write(f"{what:<8}{len(getattr(result, what)):>7}  {_few(getattr(result, what))}".rstrip())
        self.stdout.write(f"{'same':<8}{result.same:>7}")
        if result.dry_run:
            self.stdout.write(_("This was a dry run: nothing was written."))

    def _what_if(self, brand: Brand, options: Any) -> None:
        effect = Effect[options["effect"].upper()]
        failed = {row.pk: effect for row in part_queries.parts_called(brand.pk, " ".join(options["keys"]))}
        found = part_queries.what_if(brand.pk, failed)
        self._say(f"{row.key:<24} {each.name.lower()}" for row, each in found.parts)
        for one in found.services:
            counts = ", ".join(f"{count} {each.name.lower()}" for each, count in one.subscriptions.items())
            self.stdout.write(f"{one.service.name}: {one.effect.name.lower()} ({counts}; customers: {one.customers})")
            self.stdout.write(f"    {one.words.text} {one.words.workaround}".rstrip())
        self.stdout.write(
            _("%(customers)d customers, %(contacts)d people who speak for them.")
            % {"customers": len(found.customers), "contacts": found.contacts}
        )

    def _weak(self, brand: Brand, _options: Any) -> None:
        for row, lost in part_queries.weak_points(brand.pk):
            self.stdout.write(f"{row.key:<24} {lost.customers:>6} customers {lost.subscriptions:>6} subscriptions")
        unneeded = part_queries.unneeded(Part.objects.filter(brand=brand))
        self.stdout.write(_("Nothing needs: %s") % (", ".join(row.key for row in unneeded) or "-"))

    def _phrase(self, brand: Brand, options: Any) -> None:
        service = _service(brand, options["service"]) if options["service"] else None
        if options["text"] is not None:
            wording_actions.save_phrase(
                brand_id=brand.pk, service_id=service.pk if service else None,
                **{name: options[name] for name in ("effect", "text", "workaround", "language")}, **_doing(),
            )  # fmt: skip
            self.stdout.write(_("Saved."))
            return
        where = {
            "brand": brand,
            "service": service,
            "effect": options["effect"],
            "language": options["language"].lower(),
        }
        row = Phrase.objects.filter(**where).first()
        if row is None:
            raise _missing(_("phrase"), options["effect"])
        wording_actions.remove_phrase(phrase_id=row.pk, **_doing())
        self.stdout.write(_("Removed."))


def _doing() -> dict[str, Any]:
    return {"by": OPERATOR, "via": Door.CLI, "at": clock.now()}


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")


def _missing(what: str, name: str) -> NotFound:
    return NotFound(
        _("The %(what)s %(name)s was asked for.") % {"what": what, "name": name},
        _("There is none."),
        _("Look at the list."),
    )


def _brand_named(slug: str | None) -> Brand:
    brands = list(Brand.objects.order_by("slug"))
    found = [brand for brand in brands if slug in (None, brand.slug)]
    if len(found) != 1:
        raise NotFound(
            _("Parts of the brand %s were asked for.") % (slug or "?"),
            _("There is none with this short name.") if slug else _("There are several brands, or none."),
            _("Give one of: %s.") % ", ".join(brand.slug for brand in brands),
        )
    return found[0]


def _owner(brand: Brand, options: Any) -> Owner:
    if options["part"]:
        return PART, part_queries.parts_called(brand.pk, options["part"])[0].pk
    if not options["service"]:
        raise Invalid(_("Needs were asked for."), _("It is not said whose."), _("Give --part, or --service."))
    service = _service(brand, options["service"])
    if not options["customer"]:
        return SERVICE, service.pk
    return SUBSCRIPTION, _subscription(_customer(brand, options["customer"]), service, options["label"]).pk


def _service(brand: Brand, key: str) -> Service:
    found = Service.objects.filter(brand=brand, key__iexact=key).first()
    if found is None:
        raise _missing(_("service"), key)
    return found


def _customer(brand: Brand, ref: str) -> Customer:
    found = Customer.objects.filter(brand=brand, ref__iexact=ref).first()
    if found is None:
        raise _missing(_("customer"), ref)
    return found


def _subscription(customer: Customer, service: Service, label: str | None) -> Subscription:
    rows = customer.subscriptions.filter(service=service)
    found = list(rows if label is None else rows.filter(label__iexact=label))
    if len(found) != 1:
        labels = ", ".join(row.label or "-" for row in rows[:5])
        raise NotFound(
            _("What %(customer)s buys of %(service)s was asked for.") % {"customer": customer, "service": service},
            _("They do not buy that.") if not labels else _("They buy it as: %s.") % labels,
            _("Give one of these as --label.") if labels else "",
        )
    return found[0]


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as unreadable:
        raise NotFound(
            _("The file %s was to be read.") % file, f"{unreadable.strerror}.", _("Give the path of a file.")
        ) from unreadable
