"""What happened: append-only, sealed, and readable by people.

Nouns: entry, kind, seal, personal text. Verbs: `actions.record`, `actions.erase_text`, `actions.drop_month`; the worker seals
(`tasks`), `queries.verify` reads the seals. Subjects are known by kind and id only. May import base.
"""
