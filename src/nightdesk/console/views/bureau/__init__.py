"""The bureau's pages: the desk, a call by its script, messages, clients and their scripts."""
