"""The files of docs/deploy name what exists, and are read by the programs that they are for, as far as those are here."""

import os
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import get_commands

from tests.requires import requires
from tests.system.stack import free_port

DEPLOY = Path(__file__).parents[1] / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
MOST_EXPOSED = 1.5
"""Of 10, as `systemd-analyze security` counts; most services of a distribution have above 9."""


def test_each_file_names_only_settings_and_commands_that_there_are() -> None:
    told = "\n".join(path.read_text(encoding="utf-8") for path in DEPLOY.iterdir())
    named = set(re.findall(r"\bNIGHTDESK_[A-Z_]+", told))
    # What stands there is what the program has: test_docs.py sees to that.
    assert named <= set(
        re.findall(r"`(NIGHTDESK_[A-Z_]+)`", (DEPLOY.parent / "operating.md").read_text(encoding="utf-8"))
    )
    started = set(re.findall(r"ExecStart=/opt/nightdesk/bin/nightdesk (\w+)", told))
    assert started == {"migrate", "web", "worker", "listen", "line"}
    assert started <= get_commands().keys()
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in DEPLOY.iterdir()} - {"README.md"} == set(re.findall(r"\]\(([\w.-]+)\)", page))


def test_the_units_differ_in_what_they_start_only() -> None:
    def fence(path: Path) -> list[str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [line for line in lines[lines.index("NoNewPrivileges=yes") :] if not line.startswith("#")]

    assert len(UNITS) == 5
    assert all(fence(path) == fence(UNITS[0]) for path in UNITS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_understands_the_units_and_finds_them_little_exposed(tmp_path: Path) -> None:
    program = tmp_path / "nightdesk"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/nightdesk/bin/nightdesk", str(program))
        (tmp_path / path.name).write_text(text)
    names = [str(tmp_path / path.name) for path in UNITS]
    read = subprocess.run(
        ["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in read.stderr.splitlines() if str(tmp_path) in line or "nightdesk" in line] == []
    asked = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", *names]
    rated = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert rated.returncode == 0, rated.stdout[-3000:] + rated.stderr


class Says(BaseHTTPRequestHandler):
    """Answers with what it was sent, and the second half of it only when it is let."""

    let = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        heads = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Host")
        self.wfile.write("".join(f"{name}: {self.headers.get(name)}\n" for name in heads).encode())
        self.wfile.flush()
        self.let.wait(20)
        self.wfile.write(b"end\n")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def behind_nginx(folder: Path) -> Iterator[str]:
    """The address of nginx, with our file, in front of `Says`; only ports, TLS and its own folders are changed."""
    server = HTTPServer(("127.0.0.1", 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    front = HTTPServer(("127.0.0.1", 0), Says)
    port = front.server_port
    front.server_close()
    site = (
        (DEPLOY / "nginx.conf").read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{server.server_port}")
    )
    site = re.sub(r"listen 443 ssl http2;", f"listen 127.0.0.1:{port};", site)
    site = re.sub(r"^ *(listen \[::\]|listen 80|ssl_\w+ ).*$", "", site, flags=re.MULTILINE)
    site = site.replace(
        "server_name night.example.net;\n    return 308", f"listen unix:{folder}/plain;\n    return 308", 1
    )
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;"
    config = folder / "nginx.conf"
    config.write_text(f"{whole} events {{}} http {{ {paths}\n{site}\n}}")
    checked = subprocess.run(
        ["nginx", "-t", "-c", str(config)], capture_output=True, text=True, check=False, timeout=20
    )
    assert checked.returncode == 0, checked.stderr
    running = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        Says.let.set()
        running.terminate()
        running.wait(20)
        server.shutdown()
        server.server_close()


@requires("nginx")
def test_nginx_passes_on_who_asks_holds_no_stream_back_and_shows_no_figures(tmp_path: Path) -> None:
    Says.let.clear()
    with behind_nginx(tmp_path) as address:
        asked = urllib.request.Request(f"{address}/live", headers={"X-Forwarded-For": "198.51.100.9"})
        answer = _patiently(asked)
        heads = dict(answer.readline().decode().strip().split(": ", 1) for _ in range(4))  # before the end is written
        assert heads["X-Forwarded-For"] == "127.0.0.1"  # not what a stranger claimed
        assert heads["X-Forwarded-Proto"] == "http"
        assert heads["X-Forwarded-Host"] == urlsplit(address).hostname
        Says.let.set()
        assert answer.read() == b"end\n"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/metrics", timeout=10)


def _patiently(asked: urllib.request.Request) -> "urllib.response.addinfourl":
    """The answer, once nginx is up."""
    for _ in range(200):
        try:
            return urllib.request.urlopen(asked, timeout=20)  # type: ignore[no-any-return]
        except urllib.error.HTTPError:
            raise
        except OSError:
            threading.Event().wait(0.05)
    raise AssertionError("nginx did not come up")


@contextmanager
def behind_caddy(folder: Path) -> Iterator[str]:
    """The address of Caddy, with our file, in front of `Says`; only its name and ports are changed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    address = f"http://127.0.0.1:{free_port()}"
    site = site.replace("night.example.net", address).replace("127.0.0.1:8080", f"127.0.0.1:{server.server_port}")
    config = folder / "Caddyfile"
    config.write_text(f"{{\n\tadmin off\n}}\n{site}")
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
    running = subprocess.Popen(command, env=os.environ | home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield address
    finally:
        Says.let.set()
        running.terminate()
        running.wait(30)
        server.shutdown()
        server.server_close()


@requires("caddy")
def test_caddy_passes_on_who_asks_holds_no_stream_back_and_shows_no_figures(tmp_path: Path) -> None:
    Says.let.clear()
    with behind_caddy(tmp_path) as address:
        asked = urllib.request.Request(f"{address}/live", headers={"X-Forwarded-For": "198.51.100.9"})
        answer = _patiently(asked)
        heads = dict(answer.readline().decode().strip().split(": ", 1) for _ in range(4))  # before the end is written
        assert heads["X-Forwarded-For"] == "127.0.0.1"  # not what a stranger claimed
        assert heads["X-Forwarded-Proto"] == "http"
        assert heads["X-Forwarded-Host"] == heads["Host"] == urlsplit(address).netloc
        Says.let.set()
        assert answer.read() == b"end\n"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/metrics", timeout=10)


@requires("caddy")
def test_the_site_as_it_stands_is_one_that_caddy_takes(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = ["caddy", "validate", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    read = subprocess.run(command, env=os.environ | home, capture_output=True, text=True, check=False, timeout=60)
    assert read.returncode == 0, read.stderr


@requires("nginx")
def test_the_site_with_tls_is_one_that_nginx_takes(tmp_path: Path) -> None:
    key, chain = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    named = ["-subj", "/CN=night.example.net", "-keyout", str(key), "-out", str(chain)]
    subprocess.run([*made, *named], check=True, capture_output=True, timeout=20)
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8").replace("/etc/ssl/nightdesk", str(tmp_path))
    site = re.sub(r"listen (\[::\]:)?(80|443)", lambda found: f"listen {found[1] or '127.0.0.1:'}{found[2]}80", site)
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/pid; error_log {tmp_path}/errors; events {{}} http {{ {site} }}")
    checked = subprocess.run(
        ["nginx", "-t", "-c", str(config)], capture_output=True, text=True, check=False, timeout=20
    )
    assert checked.returncode == 0, checked.stderr
