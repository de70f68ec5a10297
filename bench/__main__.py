"""`python -m bench [NAME ...]`: each benchmark in a process of its own, on a database of its own."""

import subprocess
import sys
from pathlib import Path

MACHINERY = {
    "__init__",
    "__main__",
    "desk_filling",
    "figure",
    "ground",
    "mail_counter",
    "plain_view",
    "rota_bound",
    "rota_cases",
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; the exit status tells whether every one ran to its end."""
    known = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if file.stem not in MACHINERY)
    if unknown := [name for name in names if name not in known]:
        print(f"There is no benchmark {unknown[0]!r}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    failed = [
        name
        for name in names or known
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode
    ]
    if failed:
        print(f"Did not run to the end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
