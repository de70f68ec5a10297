"""What a peer has received, and how a test waits for it without guessing a time."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Record(Generic[T]):
    """A list that only grows, safe between threads. Order is the order of arrival."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._came_at: list[float] = []
        self._grown = threading.Condition()

    def add(self, item: T) -> None:
        with self._grown:
            self._items.append(item)
            self._came_at.append(time.time())
            self._grown.notify_all()

    def all(self, where: Callable[[T], bool] = lambda _: True) -> list[T]:
        """Everything up to now that satisfies `where`."""
        with self._grown:
            return [item for item in self._items if where(item)]

    def since(self, start: int) -> list[tuple[float, T]]:
        """Everything from number `start` (from 0) on, each with the instant at which it came, in seconds since the epoch."""
        with self._grown:
            return list(zip(self._came_at[start:], self._items[start:], strict=True))

    def wait(self, count: int = 1, where: Callable[[T], bool] = lambda _: True, seconds: float = 60.0) -> list[T]:
        """The items that satisfy `where`, as soon as there are `count`; AssertionError after `seconds`."""

        def found() -> list[T]:
            return [item for item in self._items if where(item)]

        with self._grown:
            enough = self._grown.wait_for(lambda: len(found()) >= count, timeout=seconds)
            assert enough, f"{len(found())} of {count} came within {seconds} s; in all: {self._items!r}"
            return found()

    def one(self, where: Callable[[T], bool] = lambda _: True, seconds: float = 60.0) -> T:
        """The first item that satisfies `where`, waiting for it; AssertionError after `seconds`."""
        return self.wait(1, where, seconds)[0]
