"""`nightdesk standby`: the second site, from either side of it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from nightdesk.access.models import User
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.people.queries import actor_of_user
from nightdesk.standby import actions, queries
from nightdesk.standby.models import Drill


class Command(BaseCommand):
    help = (
        "`serve` the second site (with NIGHTDESK_ROLE=standby); `show` how the sites stand to each other. At the main site:"
        " `pair` a second one, `silent` SECONDS, `end` the pairing, `agree` to a drill, `drill`."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
        what.add_parser("serve", help="hold up the second site, as `nightdesk serve` does the main one")
        show = what.add_parser("show", help="how the two sites stand to each other")
        show.add_argument("--json", action="store_true")
        pair = what.add_parser("pair", help="make the key that the second site pulls with; printed alone, once")
        pair.add_argument("name", help="what it is called, for example: Leeds")
        silent = what.add_parser("silent", help="after how many seconds of silence it speaks for this one")
        silent.add_argument("seconds", type=int)
        what.add_parser("end", help="end the pairing: its key opens nothing any more")
        agree = what.add_parser("agree", help="agree to be paged by the second site within a day")
        agree.add_argument("--as", dest="email", required=True, help="e-mail address of who agrees")
        drill = what.add_parser("drill", help="have whoever agreed paged by the second site; see `show` for the report")
        drill.add_argument("--json", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        getattr(self, f"_{options['what']}")(options)

    def _serve(self, options: dict[str, Any]) -> None:
        del options
        call_command("serve", demo=False)

    def _pair(self, options: dict[str, Any]) -> None:
        row, key = actions.pair_second_site(name=options["name"], by=OPERATOR, via=Door.CLI, at=clock.now())
        self.stdout.write(f"{row.name} may pull. Its key, told this once, for NIGHTDESK_STANDBY_KEY there:")
        self.stdout.write(key)

    def _silent(self, options: dict[str, Any]) -> None:
        row = actions.edit_second_site(silent_after_s=options["seconds"], by=OPERATOR, via=Door.CLI, at=clock.now())
        self.stdout.write(f"{row.name} speaks for us after {row.silent_after_s} s of silence.")

    def _end(self, options: dict[str, Any]) -> None:
        del options
        actions.revoke_second_site(by=OPERATOR, via=Door.CLI, at=clock.now())
        self.stdout.write("No second site may pull.")

    def _agree(self, options: dict[str, Any]) -> None:
        user = User.objects.filter(email__iexact=options["email"], is_active=True).first()
        by = actor_of_user(user) if user is not None else None
        if by is None or by.person_id is None:
            raise NotFound(
                f"{options['email']} was to agree.", "Nobody on the staff logs in with that.", "Name another."
            )
        actions.agree_to_drill(person_id=by.person_id, by=by, via=Door.CLI, at=clock.now())
        self.stdout.write(f"{by.name} may be paged by the second site until this time tomorrow.")

    def _drill(self, options: dict[str, Any]) -> None:
        drill = actions.start_drill(by=OPERATOR, via=Door.CLI, at=clock.now())
        if options["json"]:
            self.stdout.write(json.dumps({"id": str(drill.pk), "person": drill.person.name}))
        else:
            self.stdout.write(f"{drill.person.name} is paged by the second site now. See: nightdesk standby show")

    def _show(self, options: dict[str, Any]) -> None:
        told = queries.standing(clock.now())
        if options["json"]:
            self.stdout.write(json.dumps(told, default=str))
            return
        for name, value in told.items():
            if value not in (None, "", {}):
                self.stdout.write(f"{name.replace('_', ' ')}: {value}")
        for drill in Drill.objects.select_related("person")[:1]:
            self.stdout.write(f"last drill: {drill.person.name}, {drill.report or 'no report yet'}")
