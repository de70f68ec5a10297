"""The whole program on a PostgreSQL that is not its own: Debian's 15, named by NIGHTDESK_DATABASE_URL."""

import os
import tempfile
from pathlib import Path

import psycopg

from nightdesk.base import postgres
from nightdesk.base.binaries import found
from tests.peers.mail_sink import MailSink
from tests.requires import requires
from tests.system.stack import stack, until


@requires("postgresql")
def test_it_serves_on_an_outside_postgresql_15_and_leaves_it_running() -> None:
    debians = [one for one in found() if one.wheel is None and one.major == 15]
    with tempfile.TemporaryDirectory(prefix="nightdesk-outside-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711 if os.geteuid() == 0 else 0o700)
        outside = postgres.Server(Path(folder), choice=debians)
        url = outside.start()
        try:
            with MailSink() as mails, stack(NIGHTDESK_DATABASE_URL=url) as running:
                staged = running.stage(
                    people=[
                        {"name": "Bo", "email": "bo@quayside.example", "phone": "+447700900101"},
                        {"name": "Al", "email": "al@quayside.example", "phone": "+447700900102"},
                    ],
                    smtp={"host": mails.host, "port": mails.port},
                    step_s=60,
                    formats=["generic"],
                )
                status, _ = running.post(f"/hooks/generic/{staged['keys']['generic']}", {"summary": "disk full"})
                assert status // 100 == 2
                until(lambda: mails.mails.all(lambda mail: b"disk full" in mail.raw), 10, "the mail arrives")
                assert running.rows("SHOW server_version_num")[0][0].startswith("15")
                assert not (running.state / "postgres").exists(), "a database of its own was made"
            with psycopg.connect(url) as still_there:
                assert still_there.execute("SELECT count(*) FROM paging_page").fetchone() == (1,)
        finally:
            outside.stop()
