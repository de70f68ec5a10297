"""Saying no by name. A refusal tells what was asked, what is so, and what to do; doors turn it into their own answer.

Over HTTP it becomes an RFC 9457 problem (`application/problem+json`) whose `type` ends in the stable `code`.
"""

from typing import Any, ClassVar


class Refusal(Exception):
    """A request that is understood and not done. Nothing has changed when one is raised."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "That cannot be done"

    def __init__(self, asked: str, so: str, do: str, **extra: Any) -> None:
        super().__init__(f"{asked} {so} {do}".strip())
        self.asked, self.so, self.do, self.extra = asked, so, do, extra

    def as_problem(self) -> dict[str, Any]:
        """The RFC 9457 members; `extra` facts stand beside them."""
        return {
            "type": f"urn:nightdesk:problem:{self.code}",
            "title": str(self.title),
            "status": self.status,
            "detail": str(self),
            "code": self.code,
            "asked": self.asked,
            "so": self.so,
            "do": self.do,
            **self.extra,
        }


class NotFound(Refusal):
    """The subject does not exist, or is not this actor's to see."""

    code = "not-found"
    status = 404
    title = "There is no such thing here"


class Forbidden(Refusal):
    """The actor is known but has no role that may do this."""

    code = "forbidden"
    status = 403
    title = "Your role does not allow that"


class SecondFactorNeeded(Refusal):
    """Who is signed in has a role that needs a second proof of who they are, and has none yet."""

    code = "second-factor"
    status = 403
    title = "Your role needs a second proof of who you are"


class NotSignedIn(Refusal):
    """Nobody is known behind the request."""

    code = "not-signed-in"
    status = 401
    title = "Sign in first"


class Invalid(Refusal):
    """The values given do not fit."""

    code = "invalid"
    status = 422
    title = "Something in that does not fit"


class IllegalTransition(Refusal):
    """The subject's state does not allow the verb."""

    code = "illegal-transition"
    status = 409
    title = "Its state does not allow that"


class TooMany(Refusal):
    """A limit was reached; `retry_after` seconds stand in the answer."""

    code = "too-many"
    status = 429
    title = "Too many at once"


class KeyReused(Refusal):
    """An idempotency key came back with a different request."""

    code = "idempotency-key-reused"
    status = 422
    title = "That idempotency key belongs to another request"
