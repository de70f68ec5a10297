"""What is paid for on-call work, and which figures about people are reckoned."""

from django.db import models

from nightdesk.access.models import Brand


class PayRates(models.Model):
    """Rates of a brand, in the plain values of `pay.read_rates`."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="pay_rates")
    rates = models.JSONField(default=dict)


class FigureSwitches(models.Model):
    """The figures of `load.Figure`, and "pay", that are not reckoned of a brand's people."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="figure_switches")
    off = models.JSONField(default=list)
