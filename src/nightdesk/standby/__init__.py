"""The second site: what it knows of the main site, when it speaks for it, and how what it did comes home.

Nouns: pairing, watch, copy (of the main site's rows), test page, hand-back, drill. Verbs: make and revoke a pairing, agree to a
drill, take over, let go, take back. One program plays both parts: `NIGHTDESK_ROLE` says which. May import every room below it;
console and portal may import it.
"""
