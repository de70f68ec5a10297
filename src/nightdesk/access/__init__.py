"""Who may come in, and what each may do.

Nouns: brand, user, grant (a role in a brand), token (an API secret with scopes). Verbs: `actions.*`; `matrix.require` is the
one question, deny by default. May import journal and base.
"""
