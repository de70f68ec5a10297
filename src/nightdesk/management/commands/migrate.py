"""`nightdesk migrate`: Django's migrations, with a short patience for locks, the coming months' partitions, and the belt."""

import logging
from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from nightdesk.base import clock
from nightdesk.base.first_tables import quick_first_tables
from nightdesk.base.months import make_months
from nightdesk.journal.tasks import keep_xids_rising
from nightdesk.portal.policies import by_hand, lay_belt
from nightdesk.wiring import PARTITIONED

log = logging.getLogger(__name__)


class Command(DjangoMigrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with connections[options["database"]].cursor() as cursor:
            # A migration that cannot have its lock gives up, instead of making every request behind it wait.
            cursor.execute("SET lock_timeout = '2s'")
        if not MigrationRecorder(connections[options["database"]]).has_table():
            log.info("Making the tables of an empty database; this takes a moment, once.")
        with quick_first_tables():
            super().handle(*args, **options)
        make_months(PARTITIONED, clock.now(), behind=2)
        keep_xids_rising()
        if problem := lay_belt():
            self.stderr.write(
                f"Customers' pages stay shut, all else works: {problem}\n"
                f"Have somebody who may make roles run this once, then run nightdesk migrate again:\n{by_hand()}"
            )
