"""Telephone legs: how one is placed, what it is told, and what it reports; no idea why it is made.

Nouns: leg, step, key, line driver. `leg.py` says what every line driver does; `twiml/` is the first of them.
May import: customers, people, access, journal, base, knowledge; never mailroom, channels or anything above.
"""
