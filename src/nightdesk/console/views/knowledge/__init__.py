"""What is known: procedures, what to say, templates, spares, briefings."""
