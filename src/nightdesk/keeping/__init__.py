"""Safe-keeping: what is backed up and proved, what a company or a person gets to take away, and what is erased.

Nouns: backup (one sealed file with everything in it), verified (restored into a PostgreSQL of its own and compared), export,
erasure. Verbs: `actions.*`, `erasing_actions.*`; `archive` writes and reads the file, `restoring` plays it back, `tasks` is the
worker's thread that does it every day. May import every room but the pages.
"""
