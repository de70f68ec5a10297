"""Each house rule catches what it is for, and lets the right way through."""

from pathlib import Path
from textwrap import dedent

import pytest

from tools.house import RULES, Allowed, Finding, findings, main

VERB = '''
from django.db import transaction

@transaction.atomic
def acknowledge_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> Page:
    """`by` owns the page."""
    {body}
'''


def verb(body: str = "return page_id", *, name: str = "acknowledge_page") -> str:
    return VERB.format(body=body).replace("acknowledge_page", name)


CAUGHT = [
    # (rule, file, source): each line of the source that ends in `# here` must be found, and no other.
    ("HOUSE-1", "paging/queries.py", "def show(page):\n    page.state = 'resolved'  # here\n"),
    ("HOUSE-1", "paging/tasks.py", "def _move(page):\n    page.state = 'resolved'  # here\n"),
    ("HOUSE-1", "paging/actions.py", "def _close(page):\n    page.state = 'resolved'  # here\n"),
    ("HOUSE-1", "paging/tasks.py", "def ring(page):\n    setattr(page, 'state', 'resolved')  # here\n"),
    ("HOUSE-1", "paging/tasks.py", "def ring():\n    Page.objects.filter(id=1).update(state='resolved')  # here\n"),
    ("HOUSE-1", "paging/tasks.py", "def ring(page):\n    page.at, page.state = 1, 2  # here\n"),
    ("HOUSE-2", "paging/actions.py", "def _ring():\n    from nightdesk.duty import queries  # here\n"),
    ("HOUSE-2", "paging/actions.py", "def _ring():\n    import nightdesk.duty  # here\n"),
    ("HOUSE-2", "paging/actions.py", "def _ring():\n    from . import models  # here\n"),
    ("HOUSE-2", "paging/actions.py", "def _ring():\n    from .models import Page  # here\n"),
    (
        "HOUSE-2",
        "paging/actions.py",
        "import importlib\ndef _ring():\n    importlib.import_module('nightdesk.duty.queries')  # here\n",
    ),
    ("HOUSE-3", "paging/actions.py", "def _note(page):\n    page.save()  # here\n"),
    ("HOUSE-3", "paging/actions.py", "async def _note(page):\n    await page.asave()  # here\n"),
    ("HOUSE-3", "paging/actions.py", "def _note():\n    page = find(1)\n    page.save()  # here\n"),
    ("HOUSE-3", "paging/actions.py", "def _note(page):\n    page.save(force_insert=False)  # here\n"),
    ("HOUSE-3", "paging/actions.py", "def _note(other):\n    page = Page()\n    other.save()  # here\n"),
    ("HOUSE-4", "rota/resolve.py", "from django.utils import timezone  # here\n"),
    ("HOUSE-4", "rota/resolve.py", "import django.db  # here\n"),
    ("HOUSE-4", "paging/decide.py", "import datetime as dt\ndef f():\n    return dt.datetime.now(dt.UTC)  # here\n"),
    ("HOUSE-4", "desk/clock.py", "from datetime import datetime\ndef f():\n    return datetime.utcnow()  # here\n"),
    ("HOUSE-4", "customers/hours.py", "from datetime import date\ndef f():\n    return date.today()  # here\n"),
    ("HOUSE-4", "calls/flow.py", "import time  # here\ndef f():\n    return time.time()  # here\n"),
    ("HOUSE-4", "customers/promised.py", "from nightdesk.base.clock import now  # here\n"),
    ("HOUSE-4", "customers/promised.py", "from nightdesk.base import clock  # here\n"),
    ("HOUSE-4", "customers/priority.py", "from nightdesk.customers.models import Contract  # here\n"),
    ("HOUSE-4", "customers/priority.py", "from nightdesk.customers import models  # here\n"),
    ("HOUSE-4", "paging/formats/events_v2.py", "from django.http import HttpRequest  # here\n"),
    ("HOUSE-4", "paging/formats/events_v2.py", "def read(path):\n    return open(path).read()  # here\n"),
    ("HOUSE-5", "paging/actions.py", "from django.db import transaction\ntransaction.on_commit(ring)  # here\n"),
    ("HOUSE-5", "paging/actions.py", "from django.db.transaction import on_commit\non_commit(ring)  # here\n"),
    (
        "HOUSE-5",
        "base/promises.py",
        "from django.db import transaction\ndef ring():\n    transaction.on_commit(call)  # here\n",
    ),
    ("HOUSE-5", "paging/models.py", "from django.db.models.signals import post_save  # here\n"),
    ("HOUSE-5", "paging/models.py", "from django.db.models import signals  # here\n"),
    ("HOUSE-5", "paging/tasks.py", "from django.dispatch import receiver  # here\n"),
    ("HOUSE-5", "paging/tasks.py", "from nightdesk.duty.signals import passed  # here\n"),
    (
        "HOUSE-6",
        "paging/actions.py",
        verb().replace("@transaction.atomic\ndef", "def").replace("Page:", "Page:  # here"),
    ),
    ("HOUSE-6", "paging/actions.py", verb(name="acknowledge").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace("*, ", "").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace(" -> Page:", ":  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace("by: Actor", "by: str").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace("by: Actor, ", "").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace(", via: Door", "").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace(", at: datetime", "").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace("page_id: UUID", "page_id").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace('"""`by` owns the page."""', "").replace("Page:", "Page:  # here")),
    ("HOUSE-6", "paging/actions.py", verb().replace("def ", "async def ").replace("Page:", "Page:  # here")),
    ("HOUSE-7", "paging/tasks.py", "try:\n    ring()\nexcept Exception:  # here\n    pass\n"),
    ("HOUSE-7", "paging/tasks.py", "try:\n    ring()\nexcept:  # here\n    pass\n"),
    ("HOUSE-7", "paging/tasks.py", "try:\n    ring()\nexcept (KeyError, BaseException):  # here\n    pass\n"),
    ("HOUSE-7", "paging/tasks.py", "from contextlib import suppress\nwith suppress(Exception):  # here\n    ring()\n"),
    ("HOUSE-7", "paging/tasks.py", "try:\n    a()\nexcept Exception as e:  # here\n    raise Failed from e\n"),
    ("HOUSE-8", "paging/utils.py", "  # here\n"),
    ("HOUSE-8", "paging/page_helpers.py", "  # here\n"),
    ("HOUSE-8", "paging/services/pages.py", "  # here\n"),
    ("HOUSE-8", "paging/tests/common.py", "  # here\n"),
    ("HOUSE-9", "paging/cleverness.py", "  # here\n"),
    ("HOUSE-9", "paging/parts/one.py", "  # here\n"),
    ("HOUSE-9", "paging/views.py", "  # here\n"),
    ("HOUSE-9", "paging/__init__.py", "x = 1  # here\n"),
    ("HOUSE-9", "misplaced.py", "  # here\n"),
    ("HOUSE-10", "paging/queries.py", "def show():\n    return Page.objects.create(text='')  # here\n"),
    ("HOUSE-10", "paging/queries.py", "def show(page):\n    page.save(update_fields=['text'])  # here\n"),
    ("HOUSE-10", "paging/api.py", "def show(page):\n    page.delete()  # here\n"),
    ("HOUSE-10", "paging/api.py", "def show():\n    Page.objects.filter(id=1).update(text='')  # here\n"),
    ("HOUSE-10", "paging/api.py", "def show():\n    q = Page.objects.all()\n    q.update(text='')  # here\n"),
    ("HOUSE-10", "paging/api.py", "async def show():\n    await Page.objects.aget_or_create(id=1)  # here\n"),
    ("HOUSE-10", "paging/models.py", "def show(page):\n    page.note_set.create(text='')  # here\n"),
    ("HOUSE-10", "console/views.py", "def show():\n    Page.objects.bulk_create([])  # here\n"),
    ("HOUSE-10", "paging/queries.py", "def show(c):\n    c.execute('UPDATE page SET text = %s', [1])  # here\n"),
    ("HOUSE-10", "paging/queries.py", "def show(c, t):\n    c.execute(f'INSERT INTO {t} VALUES (1)')  # here\n"),
    ("HOUSE-11", "paging/actions.py", "from django.utils import timezone\nx = timezone.now()  # here\n"),
    ("HOUSE-11", "paging/models.py", "from django.utils import timezone\nf = Field(default=timezone.now)  # here\n"),
    ("HOUSE-11", "paging/models.py", "from datetime import datetime, UTC\nx = datetime.now(UTC)  # here\n"),
    ("HOUSE-11", "paging/tasks.py", "import time\nx = time.time()  # here\n"),
    ("HOUSE-11", "paging/tasks.py", "from django.utils import timezone\nx = timezone.localtime()  # here\n"),
    ("HOUSE-11", "base/worker.py", "from datetime import date\nx = date.today()  # here\n"),
]

LET_THROUGH = [
    ("HOUSE-1", "paging/actions.py", "def _move_page(page, to):\n    page.state = to\n"),
    ("HOUSE-1", "paging/tests/test_page.py", "def test_it(page):\n    page.state = 'resolved'\n"),
    ("HOUSE-1", "paging/migrations/0002_state.py", "def forwards(page):\n    page.state = 'resolved'\n"),
    ("HOUSE-1", "paging/queries.py", "def show(page):\n    return page.state\n"),
    ("HOUSE-2", "paging/actions.py", "from nightdesk.duty import queries\ndef _ring():\n    import json\n"),
    ("HOUSE-2", "paging/apps.py", "class Paging:\n    def ready(self):\n        from nightdesk.paging import tasks\n"),
    ("HOUSE-3", "paging/actions.py", "def _note(page):\n    page.save(update_fields=['text'])\n"),
    ("HOUSE-3", "paging/actions.py", "def _note(page):\n    page.save(force_insert=True)\n"),
    ("HOUSE-3", "paging/actions.py", "def _note():\n    page = Page(text='')\n    page.save()\n"),
    ("HOUSE-3", "paging/actions.py", "async def _note():\n    page = models.Page(text='')\n    await page.asave()\n"),
    ("HOUSE-3", "paging/actions.py", "def _note():\n    Page(text='').save()\n"),
    ("HOUSE-3", "paging/actions.py", "def _note():\n    Page.objects.create(text='')\n"),
    ("HOUSE-3", "paging/actions.py", "def _keep(storage, f):\n    storage.save('name', f)\n"),
    (
        "HOUSE-3",
        "paging/models.py",
        "class Page:\n    def save(self, **options):\n        super().save(**options)\n",
    ),
    ("HOUSE-4", "rota/resolve.py", "from datetime import datetime\ndef f(at: datetime):\n    return at.now_or_never\n"),
    ("HOUSE-4", "rota/resolve.py", "from nightdesk.base.refusals import Invalid\nfrom datetime import time\n"),
    ("HOUSE-4", "base/clock.py", "from datetime import datetime, UTC\nx = datetime.now(UTC)\n"),
    ("HOUSE-4", "rota/queries.py", "from django.db import models\n"),
    ("HOUSE-4", "rota/tests/clock.py", "import time\n"),
    (
        "HOUSE-5",
        "base/promises.py",
        "from django.db import transaction\ndef wake_workers():\n    transaction.on_commit(n)\n",
    ),
    ("HOUSE-5", "access/accounts.py", "from allauth.account.signals import user_signed_up\n"),
    ("HOUSE-5", "base/supervisor.py", "import signal\n"),
    ("HOUSE-6", "paging/actions.py", verb()),
    ("HOUSE-6", "paging/actions.py", verb().replace("@transaction.atomic", "@verb('page.ack')")),
    ("HOUSE-6", "paging/actions.py", verb().replace("by: Actor", 'by: "Actor"')),
    ("HOUSE-6", "paging/actions.py", "def _move(page):\n    pass\n"),
    ("HOUSE-6", "paging/queries.py", "def show(page):\n    pass\n"),
    ("HOUSE-7", "paging/tasks.py", "try:\n    ring()\nexcept KeyError:\n    pass\n"),
    ("HOUSE-7", "paging/tasks.py", "try:\n    ring()\nexcept BaseException:\n    tidy()\n    raise\n"),
    ("HOUSE-8", "paging/decide.py", "x = 1\n"),
    ("HOUSE-8", "base/servicing.py", "x = 1\n"),
    ("HOUSE-8", "paging/migrations/0002_page_info.py", "x = 1\n"),
    ("HOUSE-9", "paging/actions.py", "x = 1\n"),
    ("HOUSE-9", "paging/formats/events_v2.py", "x = 1\n"),
    ("HOUSE-9", "console/views.py", "x = 1\n"),
    ("HOUSE-9", "base/anything.py", "x = 1\n"),
    ("HOUSE-9", "wiring.py", "x = 1\n"),
    ("HOUSE-9", "management/commands/serve.py", "x = 1\n"),
    ("HOUSE-10", "paging/actions.py", "def _note(page):\n    Page.objects.create(text='')\n    page.delete()\n"),
    ("HOUSE-10", "paging/tasks.py", "def ring():\n    Page.objects.filter(id=1).update(text='')\n"),
    ("HOUSE-10", "base/leases.py", "def claim():\n    Row.objects.filter(id=1).update(by=1)\n"),
    ("HOUSE-10", "paging/management/commands/page.py", "Page.objects.create(text='')\n"),
    ("HOUSE-10", "paging/tests/test_page.py", "Page.objects.create(text='')\n"),
    (
        "HOUSE-10",
        "paging/api.py",
        "def show(a, b, cache):\n    a.update(b)\n    a.update(x=1)\n    cache.delete('k')\n",
    ),
    ("HOUSE-10", "paging/queries.py", "def show(c):\n    c.execute('SELECT 1 FOR UPDATE SKIP LOCKED')\n"),
    ("HOUSE-10", "console/views.py", "def show(client):\n    return client.create(to='x')\n"),
    ("HOUSE-11", "base/clock.py", "from datetime import datetime, UTC\nx = datetime.now(UTC)\n"),
    (
        "HOUSE-11",
        "paging/queries.py",
        "from django.utils import timezone\ndef f(at):\n    return timezone.localtime(at)\n",
    ),
    ("HOUSE-11", "paging/tasks.py", "import time\nx = time.monotonic()\n"),
    ("HOUSE-11", "paging/tests/test_page.py", "from datetime import datetime, UTC\nx = datetime.now(UTC)\n"),
]


def build(package: Path, files: dict[str, str]) -> Path:
    """A package of these files, with the opening that every room must have."""
    for path, source in files.items():
        file = package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(source), encoding="utf-8")
        if file.parent != package:
            opening = package / path.split("/")[0] / "__init__.py"
            if not opening.exists():
                opening.write_text('"""A room."""\n', encoding="utf-8")
    return package


def broken(package: Path, rule: str, allowed: tuple[Allowed, ...] = ()) -> list[Finding]:
    return [finding for finding in findings(package, allowed) if finding.rule == rule]


def ids(cases: list[tuple[str, str, str]]) -> list[str]:
    return [f"{rule}-{path}-{number}" for number, (rule, path, _) in enumerate(cases)]


@pytest.mark.parametrize(("rule", "path", "source"), CAUGHT, ids=ids(CAUGHT))
def test_a_breach_is_found_where_it_stands(tmp_path: Path, rule: str, path: str, source: str) -> None:
    expected = {number for number, line in enumerate(source.splitlines(), start=1) if line.endswith("# here")}
    assert expected
    found = broken(build(tmp_path, {path: source}), rule)
    whole_file = rule in ("HOUSE-8", "HOUSE-9")
    assert {finding.line for finding in found} == ({1} if whole_file else expected)
    assert all(finding.path.endswith(path) or whole_file for finding in found)


@pytest.mark.parametrize(("rule", "path", "source"), LET_THROUGH, ids=ids(LET_THROUGH))
def test_the_right_way_is_let_through(tmp_path: Path, rule: str, path: str, source: str) -> None:
    assert broken(build(tmp_path, {path: source}), rule) == []


def test_every_rule_has_both_kinds_of_examples() -> None:
    assert {rule for rule, _, _ in CAUGHT} == set(RULES) == {rule for rule, _, _ in LET_THROUGH}


def test_a_verb_has_its_name_for_itself_in_the_whole_house(tmp_path: Path) -> None:
    build(tmp_path, {"paging/actions.py": verb(), "outages/actions.py": verb()})
    (found,) = broken(tmp_path, "HOUSE-6")
    assert found.path.endswith("paging/actions.py")
    assert "outages/actions.py" in found.wrong


def test_a_room_without_an_opening_is_found(tmp_path: Path) -> None:
    build(tmp_path, {"paging/actions.py": "x = 1\n"})
    (tmp_path / "paging" / "__init__.py").unlink()
    assert [finding.path.split("/")[-1] for finding in broken(tmp_path, "HOUSE-9")] == ["__init__.py"]


def test_pages_stand_only_in_console_and_portal(tmp_path: Path) -> None:
    build(tmp_path, {"paging/actions.py": "x = 1\n", "portal/views.py": "x = 1\n"})
    (tmp_path / "paging" / "templates").mkdir()
    (tmp_path / "portal" / "templates").mkdir()
    assert [finding.path.split("/")[-2:] for finding in broken(tmp_path, "HOUSE-9")] == [["paging", "templates"]]


def test_an_exception_lets_through_its_own_function_and_no_other(tmp_path: Path) -> None:
    catching = "def {}():\n    try:\n        ring()\n    except Exception:\n        pass\n"
    build(tmp_path, {"paging/tasks.py": catching.format("loop") + catching.format("other")})
    allowed = (Allowed("HOUSE-7", "paging/tasks.py", "loop", "it is the loop"),)
    assert [finding.line for finding in broken(tmp_path, "HOUSE-7", allowed)] == [9]


def test_an_exception_that_lets_nothing_through_is_found(tmp_path: Path) -> None:
    build(tmp_path, {"paging/tasks.py": "x = 1\n"})
    allowed = (
        Allowed("HOUSE-7", "paging/tasks.py", "*", "not needed any more"),
        Allowed("HOUSE-7", "paging/not_yet_written.py", "*", "may come"),
    )
    (found,) = broken(tmp_path, "HOUSE-0", allowed)
    assert found.path.endswith("paging/tasks.py")


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    build(tmp_path, {"paging/tasks.py": "def (\n"})
    assert [finding.line for finding in broken(tmp_path, "HOUSE-0")] == [1]


def test_the_command_fails_with_one_line_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(tmp_path, {"paging/queries.py": "def show(page):\n    page.delete()\n"})
    assert main([str(tmp_path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{tmp_path}/paging/queries.py:2: HOUSE-10 ")


def test_the_command_succeeds_on_a_clean_house(tmp_path: Path) -> None:
    assert main([str(build(tmp_path, {"desk/actions.py": verb()}))]) == 0


def test_the_command_says_when_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
