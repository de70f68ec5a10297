"""The API's description of itself, with what ninja does not say: problems, CSV, once-only keys, names of operations."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from nightdesk.api import problems

PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable; `asked`, `so` and `do` are the sentences of `detail`.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "asked": {"type": "string"},
        "so": {"type": "string"},
        "do": {"type": "string"},
        "retry_after": {"type": "integer", "description": "Seconds; also in the header Retry-After."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "examples": [
        {
            "type": "urn:nightdesk:problem:not-found",
            "title": "There is no such thing here",
            "status": 404,
            "detail": "Page 0198c0de was asked for. There is none. Look at the list of open pages.",
            "code": "not-found",
            "asked": "Page 0198c0de was asked for.",
            "so": "There is none.",
            "do": "Look at the list of open pages.",
        }
    ],
}
PROBLEMS = {
    400: "The request cannot be read",
    401: "Nobody is known behind the request",
    403: "No role or scope of the caller allows it",
    404: "There is no such thing, or it is not the caller's to see",
    409: "The state of things does not allow it",
    413: "The body is too large",
    422: "Values do not fit",
    429: "Too many requests; see Retry-After",
    500: "Something broke; the problem's `id` stands in the log",
    503: "The database is away or busy; see Retry-After",
}
ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "For 24 hours a repeat with the same key gets the first answer, and nothing is done twice.",
    "example": "6a1f4a52-8a0b-4c52-9d1e-0d1f1f6f9a01",
}


class Api(NinjaAPI):
    """NinjaAPI with one way to say no and a complete description."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: dict[str | None, OpenAPISchema] = {}

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of the function: a verb and a noun, as everywhere in the house."""
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """OpenAPI 3.1. It is made once, for it takes a second and everybody may ask for it: change nothing of it."""
        made = self._made.get(path_prefix)
        if made is None:
            made = self._made[path_prefix] = self._make(path_prefix, path_params)
        return made

    def _make(self, path_prefix: str | None, path_params: dict[str, Any] | None) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schema["components"]["schemas"]["Problem"] = PROBLEM
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                _complete(method, operation)
        return schema

    def get_root_path(self, path_params: dict[str, Any]) -> str:  # noqa: ARG002 - there are none
        """Where all of it stands."""
        return reverse("api:openapi-json").removesuffix("openapi.json")

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:  # noqa: ARG002 - the error says it all
        """Everything that an operation raises, as a problem."""
        return problems.answer(exc)


def _complete(method: str, operation: dict[str, Any]) -> None:
    operation["summary"] = operation.pop("description", operation["summary"]).strip().removesuffix(".")
    for parameter in operation.get("parameters", []):
        # Leaving a parameter out is how nothing is said; there is no null in an address.
        options = parameter["schema"].get("anyOf", [])
        if {"type": "null"} in options:
            parameter["schema"] |= next(option for option in options if option != {"type": "null"})
            del parameter["schema"]["anyOf"]
    responses = operation["responses"]
    for status, meaning in PROBLEMS.items():
        if status in (401, 403) and not operation.get("security"):
            continue
        responses[status] = {
            "description": meaning,
            "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status in (429, 503):
            responses[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    if method == "post":
        operation.setdefault("parameters", []).append(ONCE)
    content = responses.get(200, {}).get("content", {})
    if "Listing_" in str(content.get("application/json", {}).get("schema", {}).get("$ref", "")):
        content["text/csv"] = {"schema": {"type": "string"}}
        responses[200]["headers"] = {
            "Link": {"description": "With CSV: where the list goes on.", "schema": {"type": "string"}}
        }
