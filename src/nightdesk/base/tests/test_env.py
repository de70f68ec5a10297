"""Settings say what is wrong with them, and the state folder is where the rules put it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nightdesk.base import env


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(env, "REGISTRY", {})
    for name in ("X", "X_FILE", "NIGHTDESK_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_not_set_or_empty_takes_the_default(monkeypatch):
    for given in (None, "", "  "):
        if given is not None:
            monkeypatch.setenv("X", given)
        env.REGISTRY.clear()
        assert env.text("X", "calm", "h") == "calm"
        env.REGISTRY.clear()
        assert env.integer("X", 7, "h", least=100) == 7
        env.REGISTRY.clear()
        assert env.flag("X", True, "h") is True
        env.REGISTRY.clear()
        assert env.path("X", None, "h") is None
        env.REGISTRY.clear()
        assert env.secret("X", None, "h") is None


def test_every_declaration_is_registered_with_its_kind_default_and_help():
    env.integer("X", 8080, "Port.")
    assert {"X": env.Setting("X", "integer", 8080, "Port.")} == env.REGISTRY


def test_two_declarations_of_one_name_must_say_the_same():
    env.text("X", "a", "h")
    env.text("X", "a", "h")
    with pytest.raises(ValueError, match="declared twice"):
        env.text("X", "b", "h")


@pytest.mark.parametrize(("given", "meant"), [("0", 0), ("-3", -3), ("+12", 12), (" 5 ", 5), ("10", 10)])
def test_a_whole_number_is_read(monkeypatch, given, meant):
    monkeypatch.setenv("X", given)
    assert env.integer("X", 1, "h", least=-3, most=12) == meant


@pytest.mark.parametrize("given", ["1_0", "1.0", "0x10", "ten", "-4", "13", "٣", "9" * 19])
def test_a_bad_number_is_refused_with_name_value_and_bounds(monkeypatch, given):
    monkeypatch.setenv("X", given)
    with pytest.raises(env.BadSetting) as refused:
        env.integer("X", 1, "h", least=-3, most=12)
    assert str(refused.value) == f"X is {given!r}. Expected: a whole number from -3 up to 12."


@pytest.mark.parametrize(("given", "meant"), [("1", True), ("YES", True), ("on", True), ("0", False), ("False", False)])
def test_a_flag_is_read_in_any_case(monkeypatch, given, meant):
    monkeypatch.setenv("X", given)
    assert env.flag("X", not meant, "h") is meant


def test_a_flag_that_is_neither_is_refused(monkeypatch):
    monkeypatch.setenv("X", "maybe")
    with pytest.raises(env.BadSetting, match=r"^X is 'maybe'. Expected: 1, true"):
        env.flag("X", False, "h")


def test_paths_become_absolute_and_know_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/bo")
    monkeypatch.setenv("X", "here")
    assert env.path("X", None, "h") == tmp_path / "here"
    monkeypatch.setenv("X", "~/there")
    assert env.path("X", None, "h") == Path("/home/bo/there")
    monkeypatch.setenv("X", "~no_such_user_here/there")
    with pytest.raises(env.BadSetting, match="X is '~no_such_user_here/there'"):
        env.path("X", None, "h")


def test_a_secret_comes_from_the_variable_or_the_file_but_not_both(monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text("s3cret with space \n")
    monkeypatch.setenv("X_FILE", str(file))
    assert env.secret("X", None, "h") == "s3cret with space "
    monkeypatch.setenv("X", "pla1n")
    with pytest.raises(env.BadSetting) as refused:
        env.secret("X", None, "h")
    assert "X_FILE" in str(refused.value)
    assert "pla1n" not in str(refused.value)
    monkeypatch.delenv("X_FILE")
    assert env.secret("X", None, "h") == "pla1n"


@pytest.mark.parametrize("content", [None, b"\n", b"\xff\xfe"])
def test_a_secret_file_without_a_secret_is_refused_by_its_own_name(monkeypatch, tmp_path, content):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("X_FILE", str(file))
    with pytest.raises(env.BadSetting, match=r"^X_FILE is "):
        env.secret("X", None, "h")


def test_the_state_folder_is_the_one_that_is_given(monkeypatch, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("NIGHTDESK_STATE_DIR", str(tmp_path / "link" / "state"))
    assert env.state_dir() == (tmp_path / "real" / "state").resolve()


def test_a_source_checkout_keeps_its_state_inside(monkeypatch, tmp_path):
    here = tmp_path / "src" / "nightdesk" / "base" / "env.py"
    monkeypatch.setattr(env, "__file__", str(here))
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")  # a worktree has a file there
    assert env.state_dir() == (tmp_path / ".state").resolve()


@pytest.mark.parametrize(("uid", "expected"), [(0, "/var/lib/nightdesk"), (1000, "/home/bo/.local/share/nightdesk")])
def test_an_installed_package_keeps_its_state_where_the_system_does(monkeypatch, tmp_path, uid, expected):
    monkeypatch.setattr(env, "__file__", str(tmp_path / "site-packages" / "nightdesk" / "base" / "env.py"))
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setenv("HOME", "/home/bo")
    assert env.state_dir() == Path(expected).resolve()


@pytest.mark.parametrize("how", ["a folder", "empty", "no text"])
def test_a_master_key_that_cannot_be_had_is_refused_in_words_and_stays_as_it_is(tmp_path, how):
    place = tmp_path / "secret.key"
    if how == "a folder":
        place.mkdir()  # which root cannot read either
    else:
        place.write_bytes(b"" if how == "empty" else b"\xff\xfe")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    done = subprocess.run(
        [sys.executable, "-m", "nightdesk", "check"],
        env=kept | {"NIGHTDESK_STATE_DIR": str(tmp_path), "NIGHTDESK_DATABASE_URL": "postgresql://nowhere/nothing"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"the master key in {place} cannot be had" in done.stderr
    assert "NIGHTDESK_SECRET_KEY" in done.stderr
    assert place.is_dir() if how == "a folder" else place.stat().st_size in (0, 2)
