"""Telephone legs: how one is placed, what it is told, and what it reports; no idea why it is made.

Nouns: leg, call, step, key, line driver, speech. `leg.py` says what places a single leg, `exchange.py` what runs a call of
several; `twiml/` and `asterisk/` do it.
May import: customers, people, access, journal, base, knowledge; never mailroom, channels or anything above.
"""
