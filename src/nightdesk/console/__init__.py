"""All pages of the staff: Tonight, a page's story, What happens next, and each room's own.

A view parses what came, asks the matrix, calls one verb of a room or reads, and renders; it decides nothing. May import
every room; nothing imports it but the files that connect the house.
"""
