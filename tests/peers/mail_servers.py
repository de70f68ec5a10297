"""Debian's dovecot and postfix on loopback, in folders of their own: mailboxes read by IMAP, and mail brought by SMTP.

Dovecot runs as whoever runs the tests. Postfix' master wants to be root (`can_run_postfix`). Both end with the test.
"""

import datetime
import imaplib
import ipaddress
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default as modern
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.system.stack import free_port, until

PASSWORD = "a mailbox of a test"


def can_run_postfix() -> bool:
    """Whether we may: its master starts only as root."""
    return os.geteuid() == 0


def make_certificate(folder: Path, called: str = "localhost") -> tuple[Path, Path]:
    """A certificate of its own signing for localhost and 127.0.0.1, and its key, in PEM. Two that are trusted at once must
    not be `called` the same.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


class _Server:
    """A program in a folder of its own."""

    def __init__(self, name: str) -> None:
        place = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/var/tmp")
        self.folder = Path(tempfile.mkdtemp(prefix=f"nightdesk-{name}-", dir=place))
        self.folder.chmod(0o755)
        self.process: subprocess.Popen[bytes] | None = None

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command: str) -> None:
        """Start it in a group of its own, its words in `log`."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def stop(self) -> None:
        """End it and what it has started."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def words(self) -> str:
        """The end of what it said."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]


def answers(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Dovecot(_Server):
    """Mailboxes in Maildir: `put` a mail into one, or let postfix do it. `port` speaks plain and STARTTLS, `tls_port` TLS.

    `introspection_url`: where it asks whether an access token is good (RFC 7662); it then takes tokens by `mechanisms` too.
    """

    def __init__(
        self,
        users: Iterable[str],
        *,
        idles: bool = True,
        introspection_url: str = "",
        mechanisms: str = "xoauth2 oauthbearer",
    ) -> None:
        super().__init__("dovecot")
        self.users = list(users)
        self.port, self.tls_port = free_port(), free_port()
        self.certificate, self._key = make_certificate(self.folder)
        self._idles = idles
        self._introspection_url, self._mechanisms = introspection_url, mechanisms
        root = os.geteuid() == 0
        self.owner = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.geteuid())
        self._inside = "dovecot" if root else self.owner.pw_name
        self._log_in = "dovenull" if root else self.owner.pw_name

    def __enter__(self) -> Self:
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir()
        self._own(self.folder / "mail")
        self.set_password(PASSWORD)
        for user in self.users:
            self.folder_of(user)
        (self.folder / "dovecot.conf").write_text(self._configuration())
        (self.folder / "oauth2.conf").write_text(
            f"introspection_mode = post\nintrospection_url = {self._introspection_url}\nusername_attribute = username\n"
            "active_attribute = active\nactive_value = true\nuse_grant_password = no\ndebug = no\n"
        )
        self.start()
        return self

    def start(self) -> None:
        """Run it, and come back when it answers."""
        self.run("/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf"))
        until(lambda: answers(self.port) and answers(self.tls_port), 15, f"dovecot answers: {self.words()}")

    def set_password(self, password: str) -> None:
        """Everybody's password from now on."""
        lines = [
            f"{user}:{{PLAIN}}{password}:{self.owner.pw_uid}:{self.owner.pw_gid}::{self.folder}/mail/{user}"
            for user in self.users
        ]
        (self.folder / "users").write_text("\n".join(lines) + "\n")

    def folder_of(self, user: str) -> Path:
        """The user's Maildir."""
        folder = self.folder / "mail" / user
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._own(folder)
        return folder

    def put(self, user: str, raw: bytes) -> None:
        """A mail arrives in the user's mailbox."""
        folder = self.folder_of(user)
        name = f"{time.time_ns()}.{os.getpid()}.test"
        draft = folder / "tmp" / name
        draft.write_bytes(raw)
        self._own(draft)
        draft.rename(folder / "new" / name)

    def mails(self, user: str) -> list[Message]:
        """Every mail in the user's mailbox, in the order of arrival."""
        folder = self.folder_of(user)
        files = sorted([*folder.glob("new/*"), *folder.glob("cur/*")], key=lambda file: file.name)
        return [BytesParser(policy=modern).parsebytes(file.read_bytes()) for file in files]

    def session(self, user: str) -> imaplib.IMAP4:
        """Somebody else's mail program, logged in."""
        session = imaplib.IMAP4("127.0.0.1", self.port)
        session.login(user, PASSWORD)
        return session

    def forget_uids(self, user: str) -> None:
        """The server starts its UIDs anew, as after a repair or a move."""
        for file in self.folder_of(user).glob("dovecot*"):
            file.unlink()

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            for each in [path, *path.rglob("*")] if path.is_dir() else [path]:
                os.chown(each, self.owner.pw_uid, self.owner.pw_gid)

    def _configuration(self) -> str:
        by_token = (
            f"auth_mechanisms = plain login {self._mechanisms}\npassdb {{\n  driver = oauth2\n"
            f"  mechanisms = {self._mechanisms}\n  args = {self.folder}/oauth2.conf\n}}\n"
        )
        capability = "" if self._idles else "imap_capability = IMAP4rev1 UIDPLUS\n"
        return f"""
protocols = imap
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
ssl = yes
ssl_cert = <{self.certificate}
ssl_key = <{self._key}
disable_plaintext_auth = no
mail_location = maildir:{self.folder}/mail/%u
default_internal_user = {self._inside}
default_internal_group = {pwd.getpwnam(self._inside).pw_name}
default_login_user = {self._log_in}
first_valid_uid = 1
auth_failure_delay = 0
{capability}{by_token if self._introspection_url else ""}mail_max_userip_connections = 50
passdb {{
  driver = passwd-file
  args = {self.folder}/users
}}
userdb {{
  driver = passwd-file
  args = {self.folder}/users
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {self.port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {self.tls_port}
    ssl = yes
  }}
}}
"""


class Postfix(_Server):
    """A mail server for `domains` that go to `lmtp`/`smtp` places, and for users whose mail lies in dovecot's Maildirs.

    `hand_on`: domain -> a transport as `lmtp:inet:127.0.0.1:2424` or `smtp:[127.0.0.1]:2525`. Mail to another address of
    the dovecot users' domains is refused with 5.1.1 at the door when `refuses`, else accepted and bounced later.
    """

    def __init__(self, dovecot: Dovecot, hand_on: Mapping[str, str], *, refuses: bool = False) -> None:
        super().__init__("postfix")
        self.port = free_port()
        self._dovecot, self._hand_on, self._refuses = dovecot, dict(hand_on), refuses

    def __enter__(self) -> Self:
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        etc = self.folder / "etc"
        domains = sorted({user.partition("@")[2] for user in self._dovecot.users})
        (etc / "transport").write_text("".join(f"{domain} {to}\n" for domain, to in self._hand_on.items()))
        (etc / "mailboxes").write_text("".join(f"{user} mail/{user}/\n" for user in self._dovecot.users))
        (etc / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {self.folder}/spool
data_directory = {self.folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.test.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
relay_domains = {" ".join(self._hand_on)}
transport_maps = texthash:{etc}/transport
virtual_mailbox_domains = {" ".join(domains)}
virtual_mailbox_maps = texthash:{etc}/mailboxes
virtual_mailbox_base = {self._dovecot.folder}
virtual_uid_maps = static:{self._dovecot.owner.pw_uid}
virtual_gid_maps = static:{self._dovecot.owner.pw_gid}
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = {"yes" if self._refuses else "no"}
recipient_delimiter = +
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
smtp_tls_security_level = none
maillog_file = {self.folder}/log
maillog_file_prefixes = {self.folder.parent}
disable_dns_lookups = yes
""")
        (etc / "master.cf").write_text(f"""
127.0.0.1:{self.port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")
        subprocess.run(["/usr/sbin/postfix", "-c", str(etc), "check"], check=True, capture_output=True, timeout=30)
        self.start()
        return self

    def start(self) -> None:
        """Run it, or run it again after `stop`, with what it still holds; come back when it answers."""
        self.run("/usr/lib/postfix/sbin/master", "-c", str(self.folder / "etc"), "-d")
        until(lambda: answers(self.port), 15, "postfix answers")

    def send(self, sender: str, to: str, subject: str = "", body: str = "", **headers: str) -> None:
        """Hand it a mail, as a mail program does. Underscores in names of headers are hyphens."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, to, subject
        for name, value in headers.items():
            del mail[name.replace("_", "-")]
            mail[name.replace("_", "-")] = value
        mail.set_content(body)
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as session:
            session.sendmail(headers.get("Return_Path", sender).strip("<>"), [to], mail.as_bytes())

    def queued(self) -> int:
        """How many mails it still holds."""
        return sum(
            len(list((self.folder / "spool" / name).rglob("*[0-9A-F]"))) for name in ("active", "deferred", "incoming")
        )
