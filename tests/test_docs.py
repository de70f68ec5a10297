"""The docs name everything that an operator or a caller can meet, and their links lead somewhere."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "nightdesk"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
SETTING = re.compile(r"NIGHTDESK_[A-Z0-9_]*[A-Z0-9]")


def missing_from(text: str, names: set[str]) -> set[str]:
    """Those of `names` that stand nowhere in `text` as code: in `back quotes`, whole."""
    code = " \n ".join(re.findall(r"`([^`\n]+)`", text))
    return {name for name in names if not re.search(rf"(?<![\w.{{/-]){re.escape(name)}(?![\w}}/-]|\.\w)", code)}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def anchors_of(file: Path) -> set[str]:
    """What headings can be linked to, spelt as the usual hosts of git repositories do."""
    headings = re.findall(r"^#{1,6} (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(file: Path) -> list[str]:
    """Links of a page that lead to no file or heading of this tree; links to elsewhere are not followed."""
    text = file.read_text(encoding="utf-8")
    broken = []
    for link in [first or second for first, second in LINK.findall(text)]:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path) if path else file
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors_of(target)):
            broken.append(link)
    return broken


def settings_in_the_source() -> set[str]:
    """Every variable that the program's code names; of a secret, `NAME` stands for `NAME_FILE` too."""
    names = set()
    for file in SOURCE.rglob("*.py"):
        if "tests" in file.relative_to(SOURCE).parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SETTING.fullmatch(node.value):
                names.add(node.value)
    return {name for name in names if name.removesuffix("_FILE") == name or name.removesuffix("_FILE") not in names}


@pytest.fixture(scope="session")
def program() -> None:
    """Every module of the program is imported, so that every registry is filled."""
    pytest.importorskip("nightdesk.settings")
    package = importlib.import_module("nightdesk")
    for module in pkgutil.walk_packages(package.__path__, "nightdesk."):
        # These do something when they are imported, or are nobody's to import.
        if not re.search(r"\.(tests|migrations|commands|__main__|asgi)(\.|$)", module.name):
            importlib.import_module(module.name)


def test_every_setting_is_explained_to_the_operator(program: None) -> None:
    registry = importlib.import_module("nightdesk.base.env").REGISTRY
    assert missing_from(page("operating.md"), settings_in_the_source() | set(registry)) == set()


def test_no_setting_is_explained_that_does_not_exist(program: None) -> None:
    registry = importlib.import_module("nightdesk.base.env").REGISTRY
    assert set(SETTING.findall(page("operating.md"))) <= settings_in_the_source() | set(registry)


def test_every_refusal_code_is_explained_to_the_caller(program: None) -> None:
    refusal = importlib.import_module("nightdesk.base.refusals").Refusal
    codes = {kind.code for kind in [refusal, *subclasses(refusal)] if kind.__module__.startswith("nightdesk.")}
    assert missing_from(page("api.md"), codes) == set()


def test_every_kind_of_journal_entry_is_explained(program: None) -> None:
    kinds = importlib.import_module("nightdesk.journal.kinds").KINDS
    assert missing_from(page("journal.md"), set(kinds)) == set()


def test_every_channel_is_explained_to_the_operator(program: None) -> None:
    channels = importlib.import_module("nightdesk.channels.registry").CHANNELS
    assert missing_from(page("operating.md"), set(channels)) == set()


def test_every_command_is_explained_to_the_operator(program: None) -> None:
    get_commands = importlib.import_module("django.core.management").get_commands
    commands = {f"nightdesk {name}" for name, app in get_commands().items() if str(app).startswith("nightdesk")}
    assert missing_from(page("operating.md"), commands) == set()


def test_every_route_of_a_machine_is_explained_to_the_caller(program: None) -> None:
    assert missing_from(page("api.md"), set(machine_routes())) == set()


def machine_routes() -> Iterator[str]:
    """Routes that are no pages of ours, written as OpenAPI does: `/api/v1/pages/{page_id}`."""
    resolver = importlib.import_module("django.urls").get_resolver()

    def walk(patterns: list[object], before: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            route = before + str(pattern.pattern)  # type: ignore[attr-defined]
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns, route)
            else:
                view = getattr(pattern.callback, "view_class", pattern.callback)  # type: ignore[attr-defined]
                yield route, view.__module__

    for route, module in walk(resolver.url_patterns, "/"):
        if not module.startswith(("nightdesk.console", "nightdesk.portal", "allauth.", "django.")):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


def subclasses(kind: type) -> Iterator[type]:
    child: type
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(file: Path) -> None:
    assert broken_links(file) == []


def test_every_test_that_proves_a_defence_exists() -> None:
    """docs/security.md names for each defence what fails without it."""
    named = set(re.findall(r"`(test_\w+)`", page("security.md")))
    tests = "\n".join(
        file.read_text(encoding="utf-8") for file in [*SOURCE.rglob("test_*.py"), *ROOT.glob("tests/**/*.py")]
    )
    assert named - set(re.findall(r"def (test_\w+)\(", tests)) == set()


def test_every_decision_is_in_the_index() -> None:
    index = page("decisions/README.md")
    decisions = {file.name for file in (DOCS / "decisions").glob("[0-9]*.md")}
    assert {name for name in decisions if f"]({name})" not in index} == set()


def test_the_glossary_gives_each_word_once_with_a_source() -> None:
    rows = re.findall(r"^\| (?!word |---)([^|]+) \| ([^|]+) \| ([^|]+) \|$", page("glossary.md"), flags=re.MULTILINE)
    assert len(rows) > 50
    # `part` has two meanings in the trade itself: of a text, and of a network.
    words = [word for row in rows for word in row[0].split(", ") if word != "part"]
    assert {word for word in words if words.count(word) > 1} == set()
    known = re.compile(r"ITIL|on-call|SIP|industry \(|ours")
    assert [word for word, _, source in rows if not known.match(source)] == []


def test_a_name_counts_as_explained_only_when_it_stands_whole_in_back_quotes() -> None:
    text = "The word page and `nightdesk pages`, `page.acknowledged` and `/api/v1/pages/{id}` stand here."
    wanted = {"page", "nightdesk page", "nightdesk pages", "page.acknowledged", "/api/v1/pages", "/api/v1/pages/{id}"}
    assert missing_from(text, wanted) == {"page", "nightdesk page", "/api/v1/pages"}


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# What's there, now\n", encoding="utf-8")
    file = tmp_path / "page.md"
    file.write_text(
        "[a](there.md) [b](there.md#whats-there-now) [c](https://example.org/x) ![d](gone.png) [e](gone.md) "
        "[f](there.md#gone) [g](#gone)\n",
        encoding="utf-8",
    )
    assert broken_links(file) == ["gone.png", "gone.md", "there.md#gone", "#gone"]
