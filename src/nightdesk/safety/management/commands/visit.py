"""`nightdesk visit list`, `sites`, `go`, `drill`, `ok`, `help`, `vouch`, `end`, `cancel`, `show`."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import localtime

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.people.models import Person
from nightdesk.safety import actions, queries, wording
from nightdesk.safety.models import Site, Visit


class Command(BaseCommand):
    help = f"Site visits: who is out, and whether they are well. {queries.WE_NEVER_RING}"

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("list", help="who is out or is to go").add_argument("--all", action="store_true")
        what.add_parser("sites", help="sites, and what is wrong with their risk assessments")
        for name, text in (("go", "declare a visit that begins now"), ("drill", "the same as a drill")):
            one = what.add_parser(name, help=text)
            one.add_argument("site", help="the site's name")
            one.add_argument("--who", required=True, help="name of who goes")
            one.add_argument("--watcher", required=True, help="name of who watches; must be on duty")
            one.add_argument("--along", default="", help="name of who goes along")
            one.add_argument("--why", default="drill" if name == "drill" else "", required=name == "go")
            one.add_argument("--travel", type=int, default=0 if name == "drill" else 30, help="minutes there")
            one.add_argument("--work", type=int, default=60, help="minutes of work")
            one.add_argument(
                "--every", type=int, default=2 if name == "drill" else 30, help="minutes between questions"
            )
            one.add_argument(
                "--grace", type=int, default=2 if name == "drill" else 10, help="minutes before they are rung"
            )
        for name, text in (
            ("ok", "who is there is well"),
            ("help", "tell the watcher and the duty manager now"),
            ("vouch", "you have made sure that they are well"),
            ("end", "they are back safe"),
            ("cancel", "they do not go"),
            ("show", "what happened, and what happens next"),
        ):
            one = what.add_parser(name, help=text)
            one.add_argument("id", help="the visit's id, or its last digits")
            one.add_argument("--words", default="", help="what is said with it")
        for one in what.choices.values():
            one.add_argument("--as", dest="email", help="e-mail address of who does it")
            one.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by: Actor = actor_named(options["email"]) if options.get("email") else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        match options["what"]:
            case "list":
                rows = list(queries.visits()[:200] if options["all"] else queries.open_visits())
            case "sites":
                self._tell_sites(as_json=options["json"])
                return
            case "go" | "drill":
                rows = [_declare(options, doing)]
            case "show":
                self._show(_one(options["id"]), by)
                return
            case "cancel":
                rows = [actions.cancel_visit(visit_id=_one(options["id"]).pk, **doing)]
            case verb:
                said: dict[str, Callable[..., Visit]] = {
                    "ok": actions.check_in_visit,
                    "help": actions.call_for_help,
                    "vouch": actions.vouch_for_visitor,
                    "end": actions.end_visit,
                }
                rows = [said[verb](visit_id=_one(options["id"]).pk, words=options["words"], **doing)]
        self._tell([queries.as_seen_by(row, by.person_id) for row in rows], as_json=options["json"])

    def _tell(self, rows: list[Visit], *, as_json: bool) -> None:
        told = [
            {
                "id": str(row.pk),
                "people": wording.names(row),
                "site": row.site.name,
                "watcher": row.watcher.name,
                "state": row.state,
                "stands": wording.state_in_words(row),
                "back_by": row.back_by_at.isoformat(timespec="seconds"),
                "drill": row.drill,
                "warnings": queries.warnings_of(row, clock.now()),
            }
            for row in rows
        ]
        if as_json:
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for one in told:
            self.stdout.write(
                f"{one['id']}  {one['people']} at {one['site']}, watched by {one['watcher']}, back by {one['back_by']}: "
                f"{one['stands']}"
            )
            for warning in one["warnings"]:  # type: ignore[attr-defined]
                self.stdout.write(f"  {warning}")
        self.stdout.write(str(queries.WE_NEVER_RING) if told else "Nobody is out on a site.")

    def _tell_sites(self, *, as_json: bool) -> None:
        today = localtime(clock.now()).date()
        rows = [(row, queries.assessment_warning(row, today)) for row in queries.sites(None)]
        if as_json:
            told = [
                {"id": row.pk, "name": row.name, "address": row.address, "warning": warning} for row, warning in rows
            ]
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for row, warning in rows:
            self.stdout.write(f"{row.pk}  {row.name}, {' '.join(row.address.split())}  {warning}".rstrip())

    def _show(self, row: Visit, by: Actor) -> None:
        self._tell([queries.as_seen_by(row, by.person_id)], as_json=False)
        for event in queries.story(row, by.person_id):
            said = f"{localtime(event.at):%a %d %b %H:%M:%S %Z}  {queries.EVENT_WORDS.get(event.kind, event.kind)}"
            self.stdout.write(f"{said}  {event.by} ({event.via}) {event.words}".rstrip())
        for due in queries.what_comes(queries.as_seen_by(row, by.person_id), clock.now()):
            self.stdout.write(f"{localtime(due.at):%a %d %b %H:%M:%S %Z}  next, if nothing is heard: {due.step}")


def _declare(options: dict[str, Any], doing: dict[str, Any]) -> Visit:
    site = Site.objects.filter(name__iexact=options["site"], retired_at=None).first()
    if site is None:
        raise NotFound(
            f"The site {options['site'][:60]} was asked for.", "There is none.", "See nightdesk visit sites."
        )
    return actions.declare_visit(
        site_id=site.pk,
        person_id=_person(options["who"]),
        watcher_id=_person(options["watcher"]),
        companion_id=_person(options["along"]) if options["along"] else None,
        why=options["why"],
        travel_minutes=options["travel"],
        work_minutes=options["work"],
        every=timedelta(minutes=options["every"]),
        grace=timedelta(minutes=options["grace"]),
        drill=options["what"] == "drill",
        **doing,
    )


def _person(name: str) -> int:
    row = Person.objects.filter(name__iexact=name, active=True).first()
    if row is None:
        raise NotFound(
            f"{name[:60]} was asked for.", "Nobody of that name is on the staff list.", "Write the whole name."
        )
    return row.pk


def _one(text: str) -> Visit:
    found = [row for row in queries.visits()[:2000] if str(row.pk).endswith(text.lower())] if text else []
    if len(found) != 1:
        raise NotFound(
            f"The visit {text[:40]} was asked for.", "There is none, or several.", "See nightdesk visit list."
        )
    return found[0]
