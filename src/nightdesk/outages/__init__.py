"""Parts and what depends on them, outages, updates, who is touched, status pages, feeds, planned work."""
