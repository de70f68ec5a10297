"""Unpack Debian's newest Asterisk below `.asterisk/`, for tests and benches: nothing of it is installed or configured.

    python -m tools.asterisk      what `make asterisk` runs; some 80 MB are fetched once

Debian's stable releases have none; the one of `sid` brings a C library of its own, and runs with that. The mirror is the one
that this machine's apt uses. Any user may do it, where mmdebstrap has a way for them (root, or user namespaces).
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.system_parts import ROOT, find_part

PLACE = ROOT / ".asterisk"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LEFT_OUT = ("./dev", "./usr/share/doc", "./usr/share/locale", "./usr/share/man", "./var/lib/apt", "./var/cache")


def mirror() -> str:
    """Where this machine gets Debian's packages from. Raises LookupError."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(COMPONENT)", "Created-By: Packages"],
        check=False,
        capture_output=True,
        text=True,
    )
    rows = [row.split() for row in asked.stdout.splitlines()]
    # What apt has not fetched yet has no origin: then the name of the archive must do.
    for wanted in ("Debian", ""):
        for uri, *rest in rows:
            if rest[-1:] == ["main"] and uri.rstrip("/").endswith("/debian") and (wanted in rest or not wanted):
                return uri.rstrip("/")
    raise LookupError("apt names no mirror of Debian; it must have one in its sources.")


def unpack(place: Path) -> None:
    """`place` holds it, whole or not at all. Raises CalledProcessError and LookupError."""
    source = f"deb [signed-by={KEYRING}] {mirror()} sid main"
    options = ('Acquire::Check-Valid-Until "false"', 'APT::Install-Recommends "false"')
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".asterisk-") as folder:
        packed, whole = Path(folder) / "root.tar", Path(folder) / "root"
        whole.mkdir()
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=extract", "--include=asterisk"]
            + [f"--aptopt={option}" for option in options]
            + ["sid", str(packed), source],
            check=True,
        )
        subprocess.run(
            ["tar", "--extract", "--no-same-owner", "--file", str(packed), "--directory", str(whole)]
            + [f"--exclude={left_out}" for left_out in LEFT_OUT],
            check=True,
        )
        whole.chmod(0o755)
        whole.rename(place)


def main() -> int:
    """0 where it is there afterwards; else what is missing is said."""
    if (PLACE / "usr/sbin/asterisk").exists():
        return 0
    if find_part("mmdebstrap") is None or shutil.which("apt-get") is None:
        print("Unpacking Asterisk needs mmdebstrap: apt-get install mmdebstrap", file=sys.stderr)
        return 1
    print("Fetching Debian's Asterisk for the tests of the phone line (80 MB) ...", file=sys.stderr)
    try:
        unpack(PLACE)
    except (subprocess.CalledProcessError, LookupError) as trouble:
        print(f"Asterisk cannot be unpacked: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
