"""The wheel alone is the program: templates, static files and migrations are inside, and nothing of the clone is needed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.system.stack import Stack, until

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_wheel_holds_what_the_program_reads_at_run_time_and_no_tests(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "nightdesk"
    wanted = {
        f"nightdesk/{file.relative_to(package).as_posix()}"
        for file in package.rglob("*")
        if file.is_file()
        and not {"tests", "__pycache__"} & set(file.relative_to(package).parts)
        and file.suffix not in {".pyc"}
    }
    assert wanted <= inside, sorted(wanted - inside)[:10]
    assert not [name for name in inside if "/tests/" in name]


def test_installed_wheel_serves_its_demo(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(home), str(wheel)],
        check=True,
        capture_output=True,
    )
    state = tmp_path / "state"
    state.mkdir()
    served = Stack(state)
    served.environment |= {"PYTHONPATH": str(home)}
    served.command = [sys.executable, "-m", "nightdesk", "demo"]
    served.folder = tmp_path
    try:
        served.start()
        until(lambda: "amara@quayside.example" in served.words(), 20, "the log-ins are printed")
        login = served.get("/account/login/")
        assert "stylesheet" in login
        assert served.get("/static/console/nightdesk.css").startswith("/*")
    finally:
        served.stop()
