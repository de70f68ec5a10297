"""What must not stand in the tree: registry hosts, paths of one machine, pages that load from outside.

    python -m tools.clean_tree       one line a finding, exit status 1 if there is any

Registry hosts bind a build to one index; a machine's paths work nowhere else; and during an outage there is no outside
to load a script or style sheet from.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Unwanted:
    """Text that may stand in no file (whose name ends in one of `suffixes`, if there are any)."""

    pattern: re.Pattern[str]
    wrong: str
    suffixes: tuple[str, ...] = ()


# This checkout, this user's home, and where build machines like to keep theirs; a home made up for a test is fine.
# A path of one folder, such as /src, is too common a word.
MACHINE_PATHS = [
    *(re.escape(str(place)) + r"\b" for place in (ROOT, Path.home()) if len(place.parts) > 2),
    r"/(work|root|farm)/\w",
]
PAGES = (".html", ".css", ".js", ".svg", ".txt", ".py")
# Written so that no pattern finds its own line here.
UNWANTED = (
    Unwanted(
        re.compile(
            r"\b(pypi|pythonhosted|npmjs|debian|rubygems)[.](org|com)\b|\bcrates[.]io\b|\bproxy[.]golang[.]org\b"
            r"|--(extra-)?index-url[ =]\S"
        ),
        "names a package registry; let the machine's own settings choose it",
    ),
    Unwanted(
        re.compile(rf"(?<![\w.~<>{{}}*$-])({'|'.join(MACHINE_PATHS)})"),
        "names a path of one machine; take it from a setting or a temporary folder",
    ),
    Unwanted(
        re.compile(
            r"""<script[^>]*\bsrc\s*=\s*["']?(https?:)?//|<link[^>]*\bhref\s*=\s*["']?(https?:)?//[^>]*"""
            r"""(stylesheet|\.css|font|\.woff)|<link[^>]*(stylesheet|preload|icon)[^>]*\bhref\s*=\s*["']?(https?:)?//"""
            r"""|@import\s+(url\()?\s*["']?(https?:)?//|\burl\(\s*["']?(https?:)?//""",
            re.IGNORECASE,
        ),
        "loads from outside; ship the file with the program",
        PAGES,
    ),
)


@dataclass(frozen=True)
class Finding:
    """One line that should not be there."""

    path: str
    line: int
    wrong: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.wrong}: {self.text.strip()[:120]}"


def files_of(root: Path) -> list[Path]:
    """What would be handed on: git's files and those it does not ignore; every file where there is no git."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=False,
        capture_output=True,
    )
    if listed.returncode != 0:
        return sorted(file for file in root.rglob("*") if file.is_file())
    names = sorted({name for name in listed.stdout.decode().split("\0") if name})
    # A file can be listed and gone: deleted, but not yet committed.
    return [root / name for name in names if (root / name).is_file()]


def findings(root: Path) -> Iterator[Finding]:
    """Every unwanted line of the tree; files that are no UTF-8 text are passed over."""
    for file in files_of(root):
        path = file.relative_to(root).as_posix()
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for unwanted in UNWANTED:
            if unwanted.suffixes and not path.endswith(unwanted.suffixes):
                continue
            for number, text in enumerate(lines, start=1):
                if unwanted.pattern.search(text):
                    yield Finding(path, number, unwanted.wrong, text)


def main(arguments: list[str]) -> int:
    """Print the findings; 1 if there are any."""
    found = list(findings(Path(arguments[0]) if arguments else ROOT))
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
