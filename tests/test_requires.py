"""A test that needs an outside program is skipped by name, or fails where everything is required."""

import pytest

from tests.requires import requires
from tools.system_parts import PARTS, Part

pytest_plugins = ["pytester"]

SUITE = """
    import pytest
    from tests.requires import requires

    @requires("shell")
    def test_with_a_part_that_is_there(): pass

    @requires("shell", "telex")
    def test_with_a_part_that_is_missing(): raise AssertionError("it ran")

    def test_that_skips_itself(): pytest.skip("not on a Sunday")

    @pytest.mark.xfail(strict=True)
    def test_that_fails_as_expected(): assert False
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setitem(PARTS, "shell", Part("dash", "sh"))
    monkeypatch.setitem(PARTS, "telex", Part("telex-server", "no-such-telex-program"))
    monkeypatch.delenv("NIGHTDESK_REQUIRE_ALL", raising=False)
    pytester.makeini("[pytest]\nmarkers =\n    system: drives real outside parts\n")
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_inprocess("-p", "no:django", "-p", "tests.plugin", "--strict-markers", "-rs", *arguments)


def test_a_missing_part_skips_by_name_and_says_what_to_install(suite: pytest.Pytester) -> None:
    suite.makepyfile(SUITE)
    result = run(suite)
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["*telex not installed (apt-get install telex-server)*"])


def test_where_everything_is_required_every_skip_fails_with_its_reason(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_REQUIRE_ALL", "1")
    suite.makepyfile(SUITE)
    result = run(suite)
    # A skip inside the test fails the test; one before it is an error of its set-up.
    result.assert_outcomes(passed=1, failed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*allows no skip*telex not installed*", "*allows no skip*not on a Sunday*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_where_everything_is_required_a_skipped_file_fails(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_REQUIRE_ALL", "1")
    suite.makepyfile("import pytest\npytest.importorskip('no_such_module')\n")
    result = run(suite)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*allows no skip*no_such_module*"])


def test_a_test_with_an_outside_part_can_be_chosen_as_a_system_test(suite: pytest.Pytester) -> None:
    suite.makepyfile(SUITE)
    run(suite, "-m", "system").assert_outcomes(passed=1, skipped=1, deselected=2)


def test_a_part_that_nobody_knows_is_refused_when_the_file_is_read() -> None:
    with pytest.raises(LookupError, match=r"requires\('chromuim'\): name one or more of .*chromium"):
        requires("chromuim")
    with pytest.raises(LookupError):
        requires()
