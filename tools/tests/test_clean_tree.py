"""Nothing in the tree ties it to a registry, to one machine, or to somebody else's web server."""

import subprocess
from pathlib import Path

import pytest

from tools.clean_tree import ROOT, files_of, findings, main

# A middle dot is taken out before use, so that these lines are not what they are about.
UNWANTED = [
    ("lock.txt", "see https://pyp·i.org/simple"),
    ("lock.txt", "https://files.pyt·honhosted.org/packages/x.whl"),
    ("package.json", "https://registry.npm·js.org/x"),
    ("Dockerfile", "deb http://deb.deb·ian.org/debian bookworm main"),
    ("lock.txt", "--i·ndex-url https://mirror.example/simple"),
    ("notes.md", "run /ro·ot/nightdesk/run"),
    ("notes.md", f"in `{Path.home()}/·nightdesk`"),
    ("notes.md", f"in {ROOT}"),
    ("notes.md", "in (/wo·rk/main)"),
    ("page.html", '<sc·ript defer src="https://cdn.example/htmx.js"></script>'),
    ("page.html", '<sc·ript src="//cdn.example/htmx.js"></script>'),
    ("page.html", '<li·nk rel="stylesheet" href="https://cdn.example/x">'),
    ("page.html", '<li·nk href="https://cdn.example/x.css" rel="stylesheet">'),
    ("style.css", "@im·port url·(https://fonts.example/inter);"),
    ("style.css", "src: url·('//fonts.example/inter.woff2')"),
    ("view.py", "page = '<sc·ript src=\"https://cdn.example/x.js\">'"),
]
WANTED = [
    ("notes.md", "the state lies in /var/lib/nightdesk or ~/.local/share/nightdesk"),
    ("notes.md", "see https://www.postgresql.org/docs/15/ and https://example.org/home/news"),
    ("notes.md", "the homework/workshop folder; and/work is a word"),
    ("notes.md", "the state folder must not lie under /root"),
    ("test_env.py", 'monkeypatch.setenv("HOME", "/home/bo")'),
    ("urls.py", 'path("home/", home)'),
    ("page.html", '<script src="{% static "htmx.js" %}"></script>'),
    ("page.html", '<a href="https://www.example.org/">our site</a>'),
    ("page.html", '<link rel="canonical" href="https://status.example.org/">'),
    ("style.css", "background: url(bell.svg)"),
    ("icon.svg", '<svg xmlns="http://www.w3.org/2000/svg">'),
]


@pytest.mark.parametrize(("name", "text"), UNWANTED)
def test_an_unwanted_line_is_found(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(f"first\n{text.replace('·', '')}\n", encoding="utf-8")
    assert {(finding.path, finding.line) for finding in findings(tmp_path)} == {(name, 2)}
    assert main([str(tmp_path)]) == 1


@pytest.mark.parametrize(("name", "text"), WANTED)
def test_an_ordinary_line_is_let_through(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(f"{text}\n", encoding="utf-8")
    assert list(findings(tmp_path)) == []
    assert main([str(tmp_path)]) == 0


def test_a_picture_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "face.png").write_bytes(b"\x89PNG\xff\xfe in /ro" + b"ot/x")
    assert list(findings(tmp_path)) == []


def test_what_git_ignores_is_not_read_and_what_it_will_take_is(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("state/\n", encoding="utf-8")
    (tmp_path / "state").mkdir()
    for name in ("state/log", "new.md"):
        (tmp_path / name).write_text("in /ro" + "ot/x\n", encoding="utf-8")
    assert [file.name for file in files_of(tmp_path)] == [".gitignore", "new.md"]
    assert [finding.path for finding in findings(tmp_path)] == ["new.md"]
