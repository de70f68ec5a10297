"""The shapes of the API's answers, as its description names them."""

from collections import Counter
from collections.abc import Iterator

from ninja import Schema

from nightdesk.api.v1 import api


def every_schema(of: type[Schema] = Schema) -> Iterator[type[Schema]]:
    for one in of.__subclasses__():
        yield one
        yield from every_schema(one)


def test_no_two_shapes_have_the_same_name():
    assert api.urls, "all routers are read"
    named = Counter(one.__name__ for one in set(every_schema()) if one.__module__.startswith("nightdesk."))
    assert named.total() > 100
    assert [name for name, times in named.items() if times > 1 and "[" not in name] == []


def test_the_description_is_made_once():
    assert api.get_openapi_schema(path_prefix="/") is api.get_openapi_schema(path_prefix="/")
