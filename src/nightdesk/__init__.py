"""Rota, paging, phone line, service desk and outage news for providers that answer at night."""

__version__ = "0.1.0"
