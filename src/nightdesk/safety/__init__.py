"""Lone working: sites, visits to them, and who is told when a visitor falls silent.

Nouns: site, visit, sign (of life), watcher, alarm, emergency note, safety card (duress word, badge), drill.
Verbs: add, edit and retire a site; declare, begin, edit, cancel and end a visit; check in, call for help, note a sign, vouch for
a visitor, keep watch; set the duress word and the badge. What is due of a visit is decided in `decide`; ringing the watcher and
the duty manager are pages, so that no alarm can just stop. May import desk and what is below it, never calls.
"""
