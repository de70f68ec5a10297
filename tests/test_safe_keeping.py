"""Safe-keeping with whole processes: killed in the middle, restored on a machine that has nothing, upgraded into a fault."""

import http.cookiejar
import os
import random
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import psycopg
import pytest

from nightdesk.base import binaries, postgres
from nightdesk.base.tests.places import open_folder
from tests import schema
from tests.system.stack import ROOT, Stack

KILLS = int(os.environ.get("NIGHTDESK_KILLS", "6"))
SEED = int(os.environ.get("NIGHTDESK_SEED", str(random.SystemRandom().randrange(10**6))))
EMAIL, PASSWORD = "bo@north.example", "a long password for tests"
MAKE_USER = f"""
import django; django.setup()
from nightdesk.access.actions import grant_role, make_user
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock, files
from nightdesk.base.actors import Door
doing = dict(by=OPERATOR, via=Door.CLI, at=clock.now())
user = make_user(email="{EMAIL}", name="Bo", password="{PASSWORD}", **doing)
grant_role(user_id=user.pk, role="admin", brand_id=None, **doing)
for number in range(40):
    files.keep_file(bytes(str(number), "ascii") * 300_000)
"""


class Place:
    """An installation: its state folder, and its commands as a person types them."""

    def __init__(self, state: Path, **environment: str) -> None:
        self.state = state
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
        self.environment = kept | {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "NIGHTDESK_STATE_DIR": str(state),
            "NIGHTDESK_BACKUP_KEY": "the key of these tests",
            "NIGHTDESK_DEMO": "0",
            "DJANGO_SETTINGS_MODULE": "nightdesk.settings",
        }
        self.environment |= environment

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "nightdesk", *words],
            env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *words: str, status: int = 0) -> str:
        process = self.begin(*words)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == status, said
        return said

    def backups(self) -> list[str]:
        return sorted(path.name for path in (self.state / "backups").glob("*.backup"))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        server = postgres.Server(self.state)
        try:
            with psycopg.connect(server.start()) as connection:
                return connection.execute(query).fetchall()
        finally:
            server.release()


@pytest.fixture(scope="module")
def model():
    """An installation with a user and some files, stopped; copied for each test."""
    with open_folder() as folder:
        place = Place(folder / "state")
        server = postgres.Server(place.state, choice=binaries.found()[:1])
        try:
            schema.read_in(server.start())
            environment = place.environment | {"NIGHTDESK_DATABASE_URL": server.url}
            done = subprocess.run([sys.executable, "-c", MAKE_USER], env=environment, check=False)
            assert done.returncode == 0
        finally:
            server.stop()
        yield place.state


@pytest.fixture
def home(model):
    with open_folder() as folder:
        subprocess.run(["cp", "-a", model, folder / "state"], check=True)
        yield Place(folder / "state")


def test_killed_in_the_middle_of_a_backup_nothing_half_is_there(home):
    chance = random.Random(SEED)
    print("seed", SEED)
    home.run("backup")
    whole = home.backups()
    took = -time.monotonic()
    home.run("backup")
    took += time.monotonic()
    for _ in range(KILLS):
        before = home.backups()
        process = home.begin("backup")
        time.sleep(chance.uniform(0.3, 1.0) * took)
        process.kill()
        process.communicate()
        for name in home.backups():
            if name not in before:  # it was done before it was killed, and is whole
                home.run("backup", "--verify", name)
        assert set(before) <= set(home.backups())
    home.run("backup", "--verify")
    assert whole[0] in home.backups()
    assert not list((home.state / "backups").glob("*.unfinished"))


def test_killed_in_the_middle_of_a_restore_the_database_is_what_it_was(home):
    chance = random.Random(SEED)
    print("seed", SEED)
    home.run("backup")
    name = home.backups()[-1]
    users = "SELECT email, name FROM access_user ORDER BY 1"
    before = home.rows(users)
    server = postgres.Server(home.state)
    with psycopg.connect(server.start()) as connection:
        connection.execute("UPDATE access_user SET name = 'Bo, later'")
    server.release()
    later = home.rows(users)
    assert later != before
    for _ in range(KILLS):
        process = home.begin("restore", name, "--replace")
        time.sleep(chance.uniform(1.0, 8.0))
        process.kill()
        process.communicate()
        found = home.rows(users)
        assert found in (later, before), found
        if found == before:  # it had taken the old one's place already
            break
    home.run("restore", name, "--replace")
    assert home.rows(users) == before
    home.run("journal", "verify")


def signed_in(url: str) -> str:
    """The page behind the log-in, as a browser without JavaScript gets there."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    form = opener.open(f"{url}/account/login/", timeout=30).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    sent = urllib.parse.urlencode({"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}).encode()
    request = urllib.request.Request(f"{url}/account/login/", sent, {"Referer": url, "Origin": url})
    return str(opener.open(request, timeout=30).geturl())


def test_restored_on_a_machine_that_has_nothing_people_sign_in_as_before(home):
    home.run("backup", "--verify")
    key = (home.state / "secret.key").read_text()
    with open_folder() as folder:
        shutil.copy(home.state / "backups" / home.backups()[-1], folder / "it.backup")
        shutil.rmtree(home.state)
        state = folder / "state"
        state.mkdir(mode=0o711)
        new = Place(state)
        said = new.run("restore", str(folder / "it.backup"))
        assert "Restored" in said
        assert (state / "secret.key").read_text().split() == key.split()
        assert len(list((state / "files").glob("??/*"))) == 40
        assert "not empty" in new.run("restore", str(folder / "it.backup"), status=2)
        new.run("journal", "verify")
        stack = Stack(state, NIGHTDESK_BACKUP_KEY="the key of these tests")
        stack.start()
        try:
            assert not signed_in(stack.url).endswith("/login/")
        finally:
            stack.stop()


BROKEN = {
    "__init__.py": "",
    "migrations/__init__.py": "",
    "migrations/0001_half.py": """
from django.db import migrations
class Migration(migrations.Migration):
    operations = [migrations.RunSQL("CREATE TABLE half (x int); DELETE FROM access_grant")]
""",
    "migrations/0002_fails.py": """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("broken_version", "0001_half")]
    operations = [migrations.RunSQL("ALTER TABLE nowhere ADD COLUMN x int")]
""",
}


def test_an_upgrade_that_fails_half_way_is_undone(home):
    assert "of this version" in home.run("upgrade")
    with open_folder() as folder:
        for name, content in BROKEN.items():
            file = folder / "broken_version" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        (folder / "broken_settings.py").write_text(
            "from nightdesk.settings import *\nINSTALLED_APPS += ['broken_version']\n"
        )
        grants = home.rows("SELECT role FROM access_grant")
        assert grants
        path = f"{home.environment['PYTHONPATH']}{os.pathsep}{folder}"
        newer = Place(home.state, DJANGO_SETTINGS_MODULE="broken_settings", PYTHONPATH=path)
        said = newer.run("upgrade", status=1)
        assert "as it was before" in said
        assert 'relation "nowhere" does not exist' in said
    assert home.rows("SELECT role FROM access_grant") == grants
    assert home.rows("SELECT to_regclass('half')") == [(None,)]
    assert "of this version" in home.run("upgrade")
    assert len(home.backups()) == 1
