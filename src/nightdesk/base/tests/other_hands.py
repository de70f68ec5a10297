"""Somebody else at the same database: a second connection, threads of their own, and a look at who waits for whom."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from nightdesk.base import ear


@contextmanager
def another_connection() -> Iterator[psycopg.Connection[Any]]:
    """A session of its own, in a transaction that the test commits or rolls back."""
    with psycopg.connect(**ear.address()) as other:
        yield other


class Hand(threading.Thread):
    """`work` in a thread with a Django connection of its own; `join` gives its value, or raises what it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:
            self._error = error
        finally:
            connection.close()

    def result(self) -> Any:
        self.join(30)
        assert not self.is_alive(), "it did not end in time"
        if self._error:
            raise self._error
        return self._value


def until(true: Callable[[], Any], within_s: float = 60.0) -> Any:
    """What `true` gives as soon as that is something."""
    end = time.monotonic() + within_s
    while not (value := true()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return value


def somebody_waits_for(other: psycopg.Connection[Any]) -> bool:
    """Whether another session of this database waits for a lock that `other` holds."""
    return waiting_for(other) > 0


def waiting_for(other: psycopg.Connection[Any]) -> int:
    """How many sessions of this database wait for a lock that `other` holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [other.info.backend_pid]
        )
        return int(cursor.fetchone()[0])
