"""`nightdesk migrate`: Django's migrations, with a short patience for locks, and the coming months' partitions."""

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections

from nightdesk.base import clock
from nightdesk.base.months import make_months
from nightdesk.journal.tasks import keep_xids_rising
from nightdesk.wiring import PARTITIONED


class Command(DjangoMigrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with connections[options["database"]].cursor() as cursor:
            # A migration that cannot have its lock gives up, instead of making every request behind it wait.
            cursor.execute("SET lock_timeout = '2s'")
        super().handle(*args, **options)
        make_months(PARTITIONED, clock.now(), behind=2)
        keep_xids_rising()
