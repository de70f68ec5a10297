"""Whether an address is a role's, which many read, or somebody's own: what one reader may end of it hangs on that."""

import re

ROLES = frozenset({
    # RFC 2142, and what companies call such mailboxes besides.
    "noc", "abuse", "security", "postmaster", "hostmaster", "usenet", "news", "webmaster", "www", "uucp", "ftp", "info",
    "marketing", "sales", "support", "trouble", "admin", "administrator", "office", "helpdesk", "help", "servicedesk",
    "service", "services", "it", "edv", "ops", "operations", "network", "networks", "netops", "peering", "maintenance",
    "outage", "outages", "incident", "incidents", "alert", "alerts", "alarm", "alarms", "monitoring", "oncall", "duty",
    "desk", "contact", "team", "staff", "all", "billing", "accounts", "dispatch", "reception", "technik", "betrieb",
    "rufbereitschaft",
})  # fmt: skip
_PARTS = re.compile(r"[._-]+")


def is_role_address(email: str) -> bool:
    """Whether the address is a role's by its name: "noc@", "it.support@", "noc-uk+outages@"; and not "al.brown@".

    The first or the last word of the name says so. It cannot be told of every shared mailbox; who else has it is asked apart.
    """
    name = email.partition("@")[0].partition("+")[0].lower()
    words = [word for word in _PARTS.split(name) if word]
    return bool(words) and not ROLES.isdisjoint({"".join(words), words[0], words[-1]})
