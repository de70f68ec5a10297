"""What a batch of work asks once: addresses of ours, the rules of a desk, who writes from an address, their contract.

Inside `remembering` a `remembered` question goes to the database once for the same arguments; outside, every time. What the
batch writes itself it must `forget`; and the batch is short, so an answer is as old as a read a moment earlier.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")

_memory: ContextVar[dict[Any, dict[Any, Any]] | None] = ContextVar("memory", default=None)
"""By question, its answers by what was asked."""


@contextmanager
def remembering() -> Iterator[None]:
    """Whatever is `remembered` is asked once in here; at the end it is forgotten."""
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def remember(ask: Callable[Asked, Answer], answer: Answer, *args: Asked.args, **named: Asked.kwargs) -> None:
    """What the `remembered` question would be answered in the batch is known already."""
    memory = _memory.get()
    if memory is not None:
        memory.setdefault(_question(ask), {})[_asked(args, named)] = answer


def forget(ask: Callable[Asked, Answer], *, where: Callable[..., bool]) -> None:
    """The batch itself has changed what the `remembered` question is answered for arguments of which `where` is true; it is
    asked anew.
    """
    memory = _memory.get()
    if memory is not None:
        answers = memory.get(_question(ask), {})
        for args, named in [key for key in answers if where(*key[0], **dict(key[1]))]:
            del answers[args, named]


def _question(ask: Callable[..., Any]) -> Callable[..., Any]:
    return getattr(ask, "__wrapped__", ask)


def _asked(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
    return args, tuple(sorted(named.items()))


def remembered(ask: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """The question, answered from memory where it was asked before in the batch. Its arguments are hashable, and nobody may
    change what it answers.
    """

    @wraps(ask)
    def answer(*args: Asked.args, **named: Asked.kwargs) -> Answer:
        memory = _memory.get()
        if memory is None:
            return ask(*args, **named)
        answers, key = memory.setdefault(ask, {}), _asked(args, named)
        if key not in answers:
            answers[key] = ask(*args, **named)
        return answers[key]  # type: ignore[no-any-return]

    return answer
