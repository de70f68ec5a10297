"""The service desk: incidents and service requests, whose owner is the desk from the first word to the last.

Nouns: ticket, entry (of its story), party (who is written to), queue, team rule, attachment, link, watch.
Verbs: open, take a message, reply, note, assign, escalate (functionally, hierarchically), wait, resolve, close, reopen.
May import: outages, paging, duty, rota, channels, lines, mailroom, knowledge, customers, people, access, journal, base.
`decide`, `clock`, `threading` are pure. Pages stand in console and portal.
"""
