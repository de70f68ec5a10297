"""Skips that cannot hide: what an outside program's absence means, and `NIGHTDESK_REQUIRE_ALL=1`. And tables left empty.

Loaded by name from the root conftest: `pytest_plugins = ["tests.plugin"]`.
"""

import os
from collections.abc import Generator

import pytest
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings
from whitenoise.middleware import WhiteNoiseMiddleware

from tests.emptied import empty_tables
from tools.system_parts import find_part, how_to_install

REQUIRE_ALL = "NIGHTDESK_REQUIRE_ALL"
EXAMPLES = "NIGHTDESK_EXAMPLES"
"""How many of a property's examples are tried, in per cent: `.ci/run` has twenty minutes."""


def pytest_configure(config: pytest.Config) -> None:
    # How fast an example is says only what else the machine does; speed is measured in bench/.
    settings.register_profile("nightdesk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("nightdesk")
    config.addinivalue_line(
        "markers", "requires(*parts): drives outside programs of tools.system_parts; implies system"
    )


@pytest.fixture(scope="session", autouse=True)
def _committed_rows_go() -> None:
    """After each test that commits; what others write is rolled back."""
    TransactionTestCase._fixture_teardown = lambda _test: empty_tables()


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_for_once() -> None:
    """Each test client has middleware of its own, and looking for the files takes longer than most requests."""
    look, found = WhiteNoiseMiddleware.add_files_from_finders, {}

    def look_once(self: WhiteNoiseMiddleware) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = look_once


# First, so that `-m system` and `-m "not system"` see what is added here.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("requires"):
            item.add_marker(pytest.mark.system)
    share = int(os.environ.get(EXAMPLES, "100"))
    for function in {getattr(item.obj, "__func__", item.obj) for item in items if isinstance(item, pytest.Function)}:
        # Where hypothesis keeps what `@settings` said, and its own plugin looks for it.
        if share < 100 and (asked := getattr(function, "_hypothesis_internal_use_settings", None)) is not None:
            fewer = settings(asked, max_examples=max(1, asked.max_examples * share // 100))
            function._hypothesis_internal_use_settings = fewer


# First, so that no fixture starts before the answer is known.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    parts = {part for mark in item.iter_markers("requires") for part in mark.args}
    missing = sorted(part for part in parts if find_part(part) is None)
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed ({how_to_install(missing)})")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where everything is required, a skip is a failure that says why it was skipped."""
    if os.environ.get(REQUIRE_ALL) != "1":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, and {REQUIRE_ALL}=1 allows no skip. {reason}"
