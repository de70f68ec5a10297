"""The outside programs that system tests drive: where each is, and installing what is missing where that is allowed.

    python -m tools.system_parts     install what is missing, or say which tests will be skipped

As root, or where sudo asks for no password, the Debian packages are installed; their services are not started. With
`NIGHTDESK_INSTALL=0` nothing is ever installed. What npm brings lies in the tree itself: `make test` fetches it.
"""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Daemons live outside an ordinary user's PATH.
MORE_PLACES = ("/usr/sbin", "/sbin", "/usr/local/sbin")
ROOT = Path(__file__).parent.parent
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Part:
    """An outside program: the package that brings it, and its command's name or full path.

    `is_file`: no command but a file that is read (a Perl module); `npm`: a file that npm brings; `target`: what make is asked
    for, where it stands in an environment of its own.
    """

    package: str
    command: str
    npm: bool = False
    is_file: bool = False
    target: str = ""


PARTS = {
    "chromium": Part("chromium", "chromium"),
    "alertmanager": Part("prometheus-alertmanager", "prometheus-alertmanager"),
    "postfix": Part("postfix", "postfix"),
    "postgresql": Part("postgresql-15", "/usr/lib/postgresql/15/bin/postgres"),
    "patroni": Part("patroni", "patroni"),
    "etcd": Part("etcd-server", "etcd"),
    "python-etcd": Part("python3-etcd", "/usr/lib/python3/dist-packages/etcd/__init__.py", is_file=True),
    "nginx": Part("nginx", "nginx"),
    "caddy": Part("caddy", "caddy"),
    "wrk": Part("wrk", "wrk"),
    "kannel": Part("kannel", "bearerbox"),
    "perl-smpp": Part("libnet-smpp-perl", "/usr/share/perl5/Net/SMPP.pm", is_file=True),
    "perl-snpp": Part("libnet-snpp-perl", "/usr/share/perl5/Net/SNPP/Server.pm", is_file=True),
    "nagios": Part("nagios4-core", "nagios4"),
    "dovecot": Part("dovecot-imapd", "dovecot"),
    "clamd": Part("clamav-daemon", "clamd"),
    "mmdebstrap": Part("mmdebstrap", "mmdebstrap"),
    "asterisk": Part("asterisk", str(ROOT / ".asterisk/usr/sbin/asterisk"), is_file=True, target="asterisk"),
    "baresip": Part("baresip-core", "baresip"),
    "sipp": Part("sip-tester", "sipp"),
    "espeak-ng": Part("espeak-ng", "espeak-ng"),
    "sox": Part("sox", "sox"),
    "carriers": Part("circuit-maintenance-parser", str(ROOT / ".carriers/bin/python"), is_file=True, target="carriers"),
    "ortools": Part(
        "ortools", str(Path(sysconfig.get_path("purelib")) / "ortools/__init__.py"), is_file=True, target=".venv/.dev"
    ),
    "axe": Part("axe-core", str(ROOT / "node_modules/axe-core/axe.min.js"), npm=True),
    "smpp": Part("smpp", str(ROOT / "node_modules/smpp/package.json"), npm=True),
    "status-widget": Part(
        "@statuspage/status-widget",
        str(ROOT / "node_modules/@statuspage/status-widget/package.json"),
        npm=True,
    ),
    "oidc-provider": Part("oidc-provider", str(ROOT / "node_modules/oidc-provider/package.json"), npm=True),
    "http_ece": Part("http_ece", str(ROOT / "node_modules/http_ece/package.json"), npm=True),
}
"""By the name that `tests.requires.requires` takes."""


def find_part(name: str) -> Path | None:
    """Where the command of the part is; None where it is not installed. Raises KeyError for a part nobody knows."""
    part = PARTS[name]
    if part.npm or part.is_file:
        return Path(part.command) if Path(part.command).is_file() else None
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), *MORE_PLACES])
    found = shutil.which(part.command, path=places)
    return Path(found) if found else None


def missing_parts() -> list[str]:
    return [name for name in PARTS if find_part(name) is None]


def how_to_install(names: Iterable[str]) -> str:
    """The commands that bring the parts: "apt-get install chromium nginx; npm ci"."""
    parts = [PARTS[name] for name in names]
    packages = " ".join(part.package for part in parts if not part.npm and not part.target)
    commands = [f"apt-get install {packages}"] if packages else []
    commands += ["npm ci"] if any(part.npm for part in parts) else []
    return "; ".join([*commands, *(f"make {part.target}" for part in parts if part.target)])


def find_tests_needing(names: set[str], root: Path = ROOT) -> list[str]:
    """Tests that say `requires(...)` of one of these parts: `path::test`, `path::Class`, or `path` for a whole file."""
    found = []
    for file in sorted([*root.glob("tests/**/test_*.py"), *root.glob("src/**/test_*.py")]):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found += list(_requiring(tree, names, file.relative_to(root).as_posix()))
    return found


def _requiring(scope: ast.Module | ast.ClassDef, names: set[str], path: str) -> Iterator[str]:
    for node in scope.body:
        if isinstance(node, ast.Assign) and _required(node.value) & names:
            yield path
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            here = f"{path}::{node.name}"
            if any(_required(decorator) & names for decorator in node.decorator_list):
                yield here
            elif isinstance(node, ast.ClassDef):
                yield from _requiring(node, names, here)


def _required(node: ast.AST) -> set[str]:
    """The parts named in calls of `requires` anywhere below `node`."""
    return {
        argument.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "requires"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def root_command() -> list[str] | None:
    """What to put before a command so that it runs as root; None where nothing may be installed here."""
    if os.environ.get("NIGHTDESK_INSTALL") == "0" or shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def install(packages: list[str], as_root: list[str]) -> str | None:
    """Install the packages without starting what they bring. None when that worked, else what apt-get said."""
    settings = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    apt = [*as_root, *settings, "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    wanted = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    with _services_kept_stopped(as_root):
        answer = subprocess.run(wanted, check=False, capture_output=True, text=True)
        if answer.returncode != 0:  # a fresh machine has no package lists yet
            subprocess.run([*apt, "update"], check=False, capture_output=True)
            answer = subprocess.run(wanted, check=False, capture_output=True, text=True)
    return None if answer.returncode == 0 else (answer.stderr or answer.stdout).strip()


@contextmanager
def _services_kept_stopped(as_root: list[str]) -> Iterator[None]:
    """Debian asks this file before a package starts its service; 101 means no. One that is there already stays."""
    ours = not POLICY.exists()
    if ours:
        subprocess.run([*as_root, "tee", str(POLICY)], input=b"#!/bin/sh\nexit 101\n", capture_output=True, check=True)
        subprocess.run([*as_root, "chmod", "755", str(POLICY)], check=True)
    try:
        yield
    finally:
        if ours:
            subprocess.run([*as_root, "rm", "-f", str(POLICY)], check=True)


def main() -> int:
    """Install or explain. Always 0: the tests themselves say what a missing part means."""
    missing = missing_parts()
    if not missing:
        return 0
    packages = [PARTS[name].package for name in missing if not PARTS[name].npm and not PARTS[name].target]
    as_root = root_command()
    if as_root is None or not packages:
        why = "they are not installed, and nothing may be installed here"
    else:
        print(f"Installing for the system tests: {' '.join(packages)}", file=sys.stderr)
        failure = install(packages, as_root)
        missing = missing_parts()
        if not missing:
            return 0
        why = f"apt-get could not install them:\n{failure or 'it said nothing'}"
    print(f"Without {', '.join(missing)} ({why}) these tests are skipped:", file=sys.stderr)
    for test in find_tests_needing(set(missing)) or ["none so far"]:
        print(f"  {test}", file=sys.stderr)
    print(f"To run them: {how_to_install(missing)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
