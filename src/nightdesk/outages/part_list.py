"""Parts and what needs them, as a file lists them: read into one plan, whatever the file is. No database here.

A line is about a part (`key`), about a service for all who buy it (`service`), or about what one customer buys (`customer`,
`service`, and `label` where they buy it more than once). The columns (COLUMNS):

| column | holds |
| --- | --- |
| key | what the part is called in lists: small letters, digits and . _ : / + - |
| name | its name; the key where nothing is said |
| kind | site, rack, device, circuit, upstream or shared |
| aliases | the names that monitoring has for it, parted by spaces, commas or semicolons |
| provider, provider_ref | the carrier, and its number for the circuit |
| public_name | how the public status page calls it; `none` takes it off that page |
| position | its place on that page, a number |
| needs | what it needs: `sw2; any of up1 up2; 2 of mx1 mx2 mx3`, see `needs_text`; `none` for nothing |
| retired | yes: it is taken out of use |
| customer | a customer's number, or its name |
| service | a service's key, or its name |
| label | the label by which the customer knows what it buys |

An empty field says nothing. Several lines about the same thing add to its needs. Other columns are left out and named in the
plan, unless the reader says what they mean.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from nightdesk.base.csv_table import BadField, RowError, cleaned, read_table, word
from nightdesk.outages.needs_text import NONE, Unreadable, Wanted, key_of, read_needs, together

COLUMNS = (
    "key",
    "name",
    "kind",
    "aliases",
    "provider",
    "provider_ref",
    "public_name",
    "position",
    "needs",
    "retired",
    "customer",
    "service",
    "label",
)
KINDS = ("site", "rack", "device", "circuit", "upstream", "shared")
KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {kind: kind for kind in KINDS}
    | {f"{kind}s": kind for kind in KINDS}
    | {
        "location": "site",
        "pop": "site",
        "building": "site",
        "cabinet": "rack",
        "switch": "device",
        "router": "device",
        "server": "device",
        "host": "device",
        "firewall": "device",
        "link": "circuit",
        "line": "circuit",
        "fibre": "circuit",
        "fiber": "circuit",
        "transit": "upstream",
        "uplink": "upstream",
        "carrier": "upstream",
        "cluster": "shared",
        "platform": "shared",
    }
)
HEADER_WORDS: Mapping[str, str] = MappingProxyType(
    {column: column for column in COLUMNS}
    | {
        "part": "key",
        "id": "key",
        "slug": "key",
        "type": "kind",
        "class": "kind",
        "alias": "aliases",
        "monitoring_name": "aliases",
        "monitoring_names": "aliases",
        "hostname": "aliases",
        "carrier": "provider",
        "carrier_ref": "provider_ref",
        "circuit_id": "provider_ref",
        "cid": "provider_ref",
        "status_page_name": "public_name",
        "order": "position",
        "depends_on": "needs",
        "dependencies": "needs",
        "requires": "needs",
        "customer_ref": "customer",
        "customer_name": "customer",
        "account": "customer",
        "service_key": "service",
        "service_name": "service",
        "product": "service",
        "subscription": "label",
        "subscription_label": "label",
    }
)
_YES = {"yes": True, "y": True, "true": True, "1": True, "x": True, "no": False, "n": False, "false": False, "0": False}


@dataclass(frozen=True)
class Problem:
    """Something that cannot be used. `place` says where it stands (`line 12, needs`), `what` was given, `so` is what is wrong
    with it, `do` the remedy.
    """

    place: str
    what: str
    so: str
    do: str


@dataclass(frozen=True)
class ListedPart:
    """What a list says of one part; None where it says nothing, "" where it says that there is none."""

    place: str
    key: str
    name: str | None = None
    kind: str | None = None
    aliases: tuple[str, ...] | None = None
    provider: str | None = None
    provider_ref: str | None = None
    public_name: str | None = None
    position: int | None = None
    retired: bool | None = None


@dataclass(frozen=True)
class Owner:
    """Who needs something: a part by its `key`, else a service, else what a customer buys of it."""

    key: str = ""
    service: str = ""
    customer: str = ""
    label: str | None = None

    def __str__(self) -> str:
        return self.key or " ".join(filter(None, [self.customer, self.service, self.label]))


@dataclass(frozen=True)
class ListedNeeds:
    """What a list says that the owner needs, all of it; () for nothing."""

    place: str
    owner: Owner
    needs: tuple[Wanted, ...]


@dataclass(frozen=True)
class PartsPlan:
    """What an import would do. `whole`: parts whose key begins with it, and that the list does not have, are retired; None:
    what is not in the list stays as it is. `ignored` are columns that mean nothing; `notes` say what could not be told from it.
    """

    parts: tuple[ListedPart, ...] = ()
    needs: tuple[ListedNeeds, ...] = ()
    problems: tuple[Problem, ...] = ()
    whole: str | None = None
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def plan_parts(content: bytes, mapping: Mapping[str, str] | None = None, *, whole: bool = False) -> PartsPlan:
    """Read the file. `mapping`: names of its columns -> COLUMNS, for those that HEADER_WORDS does not know.

    Never raises for what a file holds.
    """
    if unknown := [f"{name} = {column}" for name, column in (mapping or {}).items() if column not in COLUMNS]:
        so, do = "There are no such columns here.", f"Choose of {', '.join(COLUMNS)}."
        return PartsPlan(problems=(Problem("mapping", ", ".join(unknown)[:200], so, do),))
    said = {word(name): column for name, column in (mapping or {}).items()}
    words = {name: column for name, column in HEADER_WORDS.items() if column not in said.values()} | said
    table = read_table(content, words, COLUMNS, ("key", "service"))
    if isinstance(table, RowError):
        return PartsPlan(problems=(_problem(table.line, table.column, table),))
    reader = _Reader()
    for line, given in table.records():
        if isinstance(given, BadField):
            reader.problems.append(_problem(line, None, given))
        else:
            reader.take(line, given)
    return PartsPlan(
        tuple(reader.parts.values()),
        tuple(ListedNeeds(place, owner, together(needs)) for owner, (place, needs) in reader.needs.items()),
        tuple(reader.problems),
        whole="" if whole else None,
        ignored=table.ignored_columns,
    )


def _problem(line: int, column: str | None, bad: "BadField | RowError | Unreadable") -> Problem:
    place = f"line {line}, {column}" if column else f"line {line}"
    return Problem(place, bad.what, bad.so, bad.do)


Value = TypeVar("Value")


def _long(text: str) -> str:
    return cleaned(text.strip().replace("\r", "").replace("\n", ";"), MOST_OF_A_LIST)


MOST_OF_A_LIST = 4000
_FIELD: Mapping[str, Callable[[str], str]] = {"needs": _long, "aliases": _long}


class _Reader:
    """The lines so far."""

    def __init__(self) -> None:
        self.parts: dict[str, ListedPart] = {}
        self.needs: dict[Owner, tuple[str, list[Wanted]]] = {}
        self.problems: list[Problem] = []

    def take(self, line: int, given: Mapping[str, str]) -> None:
        """What the line says, or every problem that it has."""
        before = len(self.problems)
        fields: dict[str, str] = {}
        for column, text in given.items():
            if kept := self._read(line, column, _FIELD.get(column, cleaned), text):
                fields[column] = kept
        needs = self._read(line, "needs", read_needs, fields["needs"]) if "needs" in fields else None
        owner = self._owner(line, fields)
        listed = self._part(line, owner.key, fields) if owner and owner.key else None
        if owner is None or len(self.problems) > before:
            return
        if listed is not None:
            self._agree(line, listed)
        if needs is not None:
            self.needs.setdefault(owner, (f"line {line}, needs", []))[1].extend(needs)

    def _read(self, line: int, column: str, reader: Callable[[str], Value], text: str) -> Value | None:
        try:
            return reader(text)
        except (BadField, Unreadable) as bad:
            self.problems.append(_problem(line, column, bad))
            return None

    def _owner(self, line: int, fields: Mapping[str, str]) -> Owner | None:
        if "key" in fields:
            if other := next((column for column in ("customer", "service", "label") if column in fields), None):
                bad = BadField(fields[other], "The line is about a part as well.", "Give it a line of its own.")
                self.problems.append(_problem(line, other, bad))
                return None
            key = self._read(line, "key", key_of, fields["key"])
            return Owner(key=key) if key else None
        if "service" not in fields:
            bad = BadField("no key", "A line names a part, or a service.", "Give the key of one, or the service.")
            self.problems.append(_problem(line, "key", bad))
            return None
        if "needs" not in fields:
            bad = BadField("no needs", "Of a service only its needs are said here.", "Say them, or none.")
            self.problems.append(_problem(line, "needs", bad))
            return None
        return Owner(
            service=fields["service"].lower(), customer=fields.get("customer", "").lower(), label=fields.get("label")
        )

    def _part(self, line: int, key: str, fields: Mapping[str, str]) -> ListedPart | None:
        readers: Mapping[str, Callable[[str], object]] = {
            "kind": _kind, "aliases": _aliases, "provider": _or_none, "provider_ref": _or_none,
            "public_name": _or_none, "position": _position, "retired": _yes, "name": _name,
        }  # fmt: skip
        said = {
            column: self._read(line, column, reader, fields[column])
            for column, reader in readers.items()
            if column in fields
        }
        return ListedPart(f"line {line}", key, **said)  # type: ignore[arg-type]

    def _agree(self, line: int, listed: ListedPart) -> None:
        """One part of what all its lines say; two that say different things are a problem."""
        before = self.parts.get(listed.key)
        if before is None:
            self.parts[listed.key] = listed
            return
        for column in ("name", "kind", "aliases", "provider", "provider_ref", "public_name", "position", "retired"):
            old, new = getattr(before, column), getattr(listed, column)
            if new is not None and old is not None and old != new:
                bad = BadField(str(new), f"The {before.place} says {old}.", "Make the two lines agree.")
                self.problems.append(_problem(line, column, bad))
            elif new is not None:
                before = replace(before, **{column: new})
        self.parts[listed.key] = before


def _kind(text: str) -> str:
    try:
        return KIND_WORDS[word(text)]
    except KeyError:
        raise BadField(text, "It is no kind of part.", f"Give one of {', '.join(KINDS)}.") from None


def _name(text: str) -> str:
    if len(text) > 200:
        raise BadField(f"{text[:40]}...", "It has more than 200 characters.", "Shorten it.")
    return text


def _or_none(text: str) -> str:
    if len(text) > 120:
        raise BadField(f"{text[:40]}...", "It has more than 120 characters.", "Shorten it.")
    return "" if text.lower() == NONE else text


def _aliases(text: str) -> tuple[str, ...]:
    return as_aliases([] if text.lower() == NONE else re.split(r"[\s,;|]+", text))


def as_aliases(names: Iterable[str]) -> tuple[str, ...]:
    """The names of monitoring as they are kept: small letters, each once, in order. Raises BadField for one too long."""
    kept = sorted({" ".join(name.lower().split()) for name in names} - {""})
    if long := next((name for name in kept if len(name) > 200), None):
        raise BadField(f"{long[:40]}...", "It has more than 200 characters.", "Shorten it.")
    return tuple(kept)


def _position(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise BadField(text, "It is no place on a page.", "Give a number from 0 on.")
    return int(text)


def _yes(text: str) -> bool:
    try:
        return _YES[word(text)]
    except KeyError:
        raise BadField(text, "It is neither yes nor no.", "Give yes or no.") from None
