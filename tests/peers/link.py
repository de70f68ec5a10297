"""A cable between two programs, in a mood: what goes over it is passed on, late, not at all, or cut off half way.

On its own each connection keeps its order, as TCP does; between connections what was sent first may come last.
"""

import random
import socket
import threading
import time
from contextlib import suppress
from typing import Literal, Self

Mood = Literal["calm", "rough", "silent", "down"]
"""rough: each piece waits up to `LONGEST_S`, and some connections break in the middle; silent: it takes what is sent and passes
nothing on; down: whoever calls is refused."""
LONGEST_S = 0.4
BREAKS = 0.04
_PIECE = 16384


class Link:
    """Whoever connects to `port` of `here` reaches `to`, a port of `there` that may be set later."""

    def __init__(self, to: int = 0, *, here: str = "127.0.0.1", there: str = "127.0.0.1", seed: int = 0) -> None:
        self.to, self.mood = to, "calm"
        self._there = there
        self._chance = random.Random(seed)
        self._door = socket.create_server((here, 0))
        self.port: int = self._door.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = False

    def feel(self, mood: Mood) -> None:
        """From now on. What is open breaks, so that nobody goes on as before."""
        self.mood = mood
        with self._lock:
            broken, self._open = self._open, set()
        for one in broken:
            _shut(one)

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        _shut(self._door)
        self.feel("down")

    def _serve(self) -> None:
        while not self._ended:
            with suppress(OSError):
                caller, _ = self._door.accept()
                threading.Thread(target=self._connect, args=(caller,), daemon=True).start()

    def _connect(self, caller: socket.socket) -> None:
        if self.mood == "down":
            _shut(caller)
            return
        try:
            inside = socket.create_connection((self._there, self.to), 5)
        except OSError:
            _shut(caller)
            return
        with self._lock:
            self._open |= {caller, inside}
        for pair in ((caller, inside), (inside, caller)):
            threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if self.mood == "silent":
                    continue
                if self.mood == "rough":
                    time.sleep(self._chance.random() * LONGEST_S)
                    if self._chance.random() < BREAKS:
                        sink.sendall(piece[: len(piece) // 2])
                        break
                sink.sendall(piece)
        for end in (source, sink):
            _shut(end)
        with self._lock:
            self._open -= {source, sink}


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
