"""Who hears of an outage, and how."""
