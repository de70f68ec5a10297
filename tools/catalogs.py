"""What customers read, in their languages: `src/nightdesk/locale/LANGUAGE/LC_MESSAGES/django.po`, and what is compiled of it.

    python -m tools.catalogs           brings the catalogs up to date with the program's texts, and compiles them
    python -m tools.catalogs --check   a line for each text that is missing or wrong; exit status 1 if there is any

A text that is new stands in the catalog with nothing beside it until somebody has written its translation there.
"""

import ast
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).parent.parent
PRODUCT = ROOT / "src" / "nightdesk"
LOCALE = PRODUCT / "locale"
LANGUAGES = ("de", "fr")
SOURCES = (
    "portal", "base", "console/templates/account", "console/templates/allauth", "console/templates/mfa",
    "console/templatetags", "console/context.py", "console/middleware.py", "console/views/survey.py",
    "console/templates/console/skeleton.html", "console/templates/console/alone.html",
    "console/templates/console/answer.html", "console/templates/console/offline.html", "console/templates/console/survey.html",
    "console/templates/console/unsubscribe.html", "console/views/unsubscribe.py", "console/views/pacing.py",
    "console/templates/console/parts/problem.html", "channels/links.py",
    "console/templates/console/answer_refused.html",
    "console/templates/403.html", "console/templates/403_csrf.html", "console/templates/404.html",
    "console/templates/429.html", "console/templates/500.html",
    "access/actions.py", "access/session_actions.py", "access/queries.py",
    "channels/endpoint_actions.py", "customers/actions.py", "customers/contact_actions.py", "customers/identity_actions.py",
    "customers/queries.py", "customers/models.py",
    "desk/actions.py", "desk/attaching.py", "desk/attachment_actions.py", "desk/clock_wording.py", "desk/customer_actions.py",
    "desk/finding.py", "desk/mail_actions.py", "desk/models.py", "desk/queries.py", "desk/survey_actions.py", "desk/wording.py",
    "outages/link_actions.py", "outages/models.py", "outages/saying.py", "outages/statements.py", "outages/subscriber_actions.py",
    "outages/unsubscribe_actions.py", "outages/unsubscribing.py", "outages/way_actions.py", "outages/wish_actions.py",
    "outages/wording.py", "outages/work_wording.py", "knowledge/queries.py", "people/numbers.py",
    "reports/incident_writing.py", "reports/figure_wording.py",
)  # fmt: skip
"""Whose texts customers may come to read, as files and folders of the product; what only staff read there is translated too."""

_SINGLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_CALL = re.compile(r"\b(n?gettext|_)\(((?:[^()\"']|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\([^()]*\))*)\)")
_STRING = re.compile(r"u?(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")
_PLACES = re.compile(r"%\(\w+\)[sd]|%[sdr]|\{[^{}]*\}")


class Text(NamedTuple):
    """A text of the program, with its plural ("" where it has none)."""

    one: str
    many: str = ""


def texts_of(source: Path) -> Iterator[Text]:
    """What a module or template says."""
    if source.suffix == ".py":
        yield from _of_module(source.read_text())
    elif source.suffix in (".html", ".txt"):
        yield from _of_template(source.read_text())


def _of_module(source: str) -> Iterator[Text]:
    whole = ast.parse(source)
    # Sentences of the journal are read by staff alone.
    journal = {id(said) for node in ast.walk(whole) if _name_of(node) == "kind" for said in ast.walk(node)}
    for node in ast.walk(whole):
        if id(node) in journal:
            continue
        if isinstance(node, ast.ClassDef):
            yield from map(Text, _titles(node))
        if not isinstance(node, ast.Call):
            continue
        name = _name_of(node)
        said = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if name in _SINGLE and len(said) == 1:
            yield Text(said[0])
        elif name in _PLURAL and len(said) == 2:
            yield Text(*said)


def _name_of(node: ast.AST) -> str:
    """Of what is called."""
    return getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""


def _titles(refusal: ast.ClassDef) -> Iterator[str]:
    """What a page is headed with that says a refusal: it stands in the class, which knows of no languages."""
    for line in refusal.body:
        if isinstance(line, ast.Assign | ast.AnnAssign) and isinstance(line.value, ast.Constant):
            target = line.target if isinstance(line, ast.AnnAssign) else line.targets[0]
            if isinstance(target, ast.Name) and target.id == "title" and isinstance(line.value.value, str):
                yield line.value.value


def _of_template(source: str) -> Iterator[Text]:
    for name, given in _CALL.findall(templatize(source)):
        said = [ast.literal_eval(one) for one in _STRING.findall(given)]
        if said:
            yield Text(said[0], said[1] if name == "ngettext" else "")


def texts() -> dict[Text, list[str]]:
    """All that customers may read, with where it stands, in the order of the files."""
    found: dict[Text, list[str]] = {}
    for name in SOURCES:
        place = PRODUCT / name
        for source in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if "tests" in source.parts or "migrations" in source.parts or not source.is_file():
                continue
            for text in texts_of(source):
                where = found.setdefault(text, [])
                if (name_of := str(source.relative_to(PRODUCT))) not in where:
                    where.append(name_of)
    return found


def catalog_of(language: str) -> Catalog:
    """The catalog as it is kept; an empty one where there is none."""
    kept = _place(language)
    return read_po(io.BytesIO(kept.read_bytes()), locale=language) if kept.exists() else Catalog(language)


def brought_up_to_date(old: Catalog, wanted: dict[Text, list[str]]) -> Catalog:
    """The texts that are wanted, and no others, with what they are in the old catalog."""
    new = Catalog(old.locale, project="Nightdesk", charset="utf-8", fuzzy=False)
    new.header_comment = (
        "# What customers read. python -m tools.catalogs keeps it; fill in the empty ones, then run it again."
    )
    for text, where in wanted.items():
        plural = (text.one, text.many) if text.many else text.one
        before = old.get(plural) or old.get(text.one)
        said = (
            before.string if before is not None and bool(text.many) == isinstance(before.string, tuple | list) else None
        )
        new.add(plural, string=said, auto_comments=where)
    return new


def faults_of(catalog: Catalog, wanted: dict[Text, list[str]]) -> Iterator[str]:
    """A line for each text that nobody has translated, that says other facts, or that is wanted no more."""
    known = set()
    for message in catalog:
        if not message.id:
            continue
        text = Text(*message.id) if isinstance(message.id, tuple | list) else Text(message.id)
        known.add(text)
        if text not in wanted:
            yield f"{text.one[:60]!r} is said no more; run python -m tools.catalogs"
        else:
            yield from _faults_of(text, message)
    for text in wanted:
        if text not in known:
            yield f"{text.one[:60]!r} is new; run python -m tools.catalogs, and write its translation"


def _faults_of(text: Text, message: Message) -> Iterator[str]:
    said = [one or "" for one in message.string] if isinstance(message.string, tuple | list) else [message.string or ""]
    if not all(said):
        yield f"{text.one[:60]!r} has no translation"
        return
    if message.fuzzy:
        yield f"{text.one[:60]!r} is marked as doubtful"
    for place, one in enumerate(said):
        own = sorted(set(_PLACES.findall(text.one if place == 0 or not text.many else text.many)))
        theirs = sorted(set(_PLACES.findall(one)))
        # A singular may leave out its number: "one of your services".
        if theirs != own and not (text.many and set(theirs) <= set(_PLACES.findall(text.one + text.many))):
            yield f"{text.one[:60]!r} names {own}, and its translation {theirs}"
        if text.one[:1].isspace() != one[:1].isspace() or text.one[-1:].isspace() != one[-1:].isspace():
            yield f"{text.one[:60]!r} begins or ends with white space, and its translation does otherwise"


def compiled(catalog: Catalog) -> bytes:
    """The catalog as the program reads it; the same texts are the same bytes."""
    catalog.creation_date = catalog.revision_date = datetime(2000, 1, 1, tzinfo=UTC)
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def written(catalog: Catalog) -> bytes:
    """The catalog as people read it: without the hour, so that the same texts are the same bytes."""
    file = io.BytesIO()
    write_po(file, catalog, width=120, sort_output=False, ignore_obsolete=True)
    lines = file.getvalue().decode().splitlines(keepends=True)
    kept = [
        line
        for line in lines
        if not line.startswith(('"POT-Creation', '"PO-Revision', '"Last-Trans', '"Generated', '"Report'))
    ]
    return "".join(kept).encode()


def _place(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def main() -> int:
    """See the module."""
    settings.configure(USE_I18N=True)
    wanted = texts()
    wrong = 0
    for language in LANGUAGES:
        place = _place(language)
        if "--check" not in sys.argv[1:]:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(written(brought_up_to_date(catalog_of(language), wanted)))
            place.with_suffix(".mo").write_bytes(compiled(catalog_of(language)))
        kept = catalog_of(language)
        lines = list(faults_of(kept, wanted))
        if place.with_suffix(".mo").read_bytes() != compiled(kept):
            lines.append("what is compiled is older; run python -m tools.catalogs")
        for line in lines:
            print(f"{place.relative_to(ROOT)}: {line}")
        wrong += len(lines)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
