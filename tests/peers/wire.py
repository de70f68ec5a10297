"""A cable of packets between this machine and a network of its own (a namespace), in a mood: packets get lost, come late and
overtake each other, as on a bad line. Needs root and /dev/net/tun.

What TCP makes of that is the kernels' business at both ends; above it everything is slow, and connections break.
"""

import contextlib
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from typing import Literal, Self

HERE, THERE = "10.77.9.254", "10.77.9.1"
"""This machine, as it is reached from the other end; and the other end."""
Mood = Literal["calm", "rough", "cut"]
LOST, HELD_BACK = 0.05, 0.25
"""When it is rough, so many of all packets get lost, and so many are overtaken by those behind them."""
LONGEST_S = 0.3
_TUN, _NO_HEADER, _SET = 0x0001, 0x1000, 0x400454CA
_LONGEST_PACKET = 65536


class Wire:
    """`space` is the namespace at the other end; a program is started there by `prefix`."""

    def __init__(self, space: str = "nightdesk-chaos", *, seed: int = 0) -> None:
        self.space, self.mood = space, "calm"
        self.lost = self.overtaken = 0
        self.prefix = ["ip", "netns", "exec", space]
        self._chance = random.Random(seed)
        self._ends: list[int] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="wire", daemon=True)

    def feel(self, mood: Mood) -> None:
        """From now on."""
        self.mood = mood

    def __enter__(self) -> Self:
        _ip("netns", "del", self.space, must=False)  # of one that was killed
        _ip("netns", "add", self.space)
        try:
            for name, address in (("nd-here", HERE), ("nd-there", THERE)):
                self._ends.append(_opened(name))
                where = () if address == HERE else ("-n", self.space)
                if where:
                    _ip("link", "set", name, "netns", self.space)
                    _ip(*where, "link", "set", "lo", "up")
                _ip(*where, "addr", "add", f"{address}/24", "dev", name)
                _ip(*where, "link", "set", name, "up")
        except BaseException:
            self.__exit__()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(5)
        for end in self._ends:
            os.close(end)
        _ip("netns", "del", self.space, must=False)

    def _carry(self) -> None:
        """Each packet goes to the other end at its time; the later of two that fall due together goes last."""
        waiting: list[tuple[float, int, int, bytes]] = []
        number = 0
        while not self._ended.is_set():
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _due, _number, end, packet = heapq.heappop(waiting)
                with contextlib.suppress(OSError):  # the device is being taken away
                    os.write(end, packet)
            wait_s = min(waiting[0][0] - now, 0.2) if waiting else 0.2
            for end in select.select(self._ends, (), (), max(wait_s, 0.0))[0]:
                number += 1
                delay = self._delay()
                with contextlib.suppress(OSError):
                    packet = os.read(end, _LONGEST_PACKET)
                    if delay is not None:
                        other = self._ends[1 - self._ends.index(end)]
                        heapq.heappush(waiting, (time.monotonic() + delay, number, other, packet))

    def _delay(self) -> float | None:
        """How long the next packet takes; None: it gets lost."""
        if self.mood == "cut" or (self.mood == "rough" and self._chance.random() < LOST):
            self.lost += 1
            return None
        if self.mood == "rough" and self._chance.random() < HELD_BACK:
            self.overtaken += 1
            return self._chance.random() * LONGEST_S
        return 0.0


def _opened(name: str) -> int:
    """A device whose packets are read and written here."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _SET, struct.pack("16sH22x", name.encode(), _TUN | _NO_HEADER))
    return end


def _ip(*words: str, must: bool = True) -> None:
    subprocess.run(["ip", *words], check=must, capture_output=True)
