"""Staff: who they are, how each can be reached, and by whose rules.

Nouns: person, team, contact method, notify rule, phone number. Verbs: `actions.*`. May import access, journal, base.
"""
