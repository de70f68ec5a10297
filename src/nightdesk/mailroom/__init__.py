"""Every mail in: kept raw first, read afterwards, handed on by address and thread; loops and bounces are known here.

Nouns: mailbox, address of ours, mail, letter (a mail that was read), report (of a mail server on ours), handler.
Verbs: receive a mail, read it, try it again; set up mailboxes and addresses. Whoever acts on a mail lies above and is
registered in `handing.py` by wiring. `letter`, `html_text`, `own_words`, `automatic`, `reports` are pure.
May import: knowledge, customers, people, access, journal, base; never lines, channels, paging or above.
"""
