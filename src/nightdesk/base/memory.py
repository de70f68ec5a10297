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

_memory: ContextVar[dict[Any, Any] | None] = ContextVar("memory", default=None)


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
        memory[_key(ask, args, named)] = answer


def forget(ask: Callable[Asked, Answer], *, where: Callable[..., bool]) -> None:
    """The batch itself has changed what the `remembered` question is answered for arguments of which `where` is true; it is
    asked anew.
    """
    memory = _memory.get()
    if memory is not None:
        asked = getattr(ask, "__wrapped__", ask)
        for key in [key for key in memory if key[0] is asked and where(*key[1], **dict(key[2]))]:
            del memory[key]


def _key(ask: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return (getattr(ask, "__wrapped__", ask), args, tuple(sorted(named.items())))


def remembered(ask: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """The question, answered from memory where it was asked before in the batch. Its arguments are hashable, and nobody may
    change what it answers.
    """

    @wraps(ask)
    def answer(*args: Asked.args, **named: Asked.kwargs) -> Answer:
        memory = _memory.get()
        if memory is None:
            return ask(*args, **named)
        key = _key(ask, args, named)
        if key not in memory:
            memory[key] = ask(*args, **named)
        return memory[key]  # type: ignore[no-any-return]

    return answer
