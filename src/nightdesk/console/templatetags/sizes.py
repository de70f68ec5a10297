"""How much that is, in few characters."""

from django import template

register = template.Library()


@register.filter
def size(count: int) -> str:
    """ "512 bytes", "3.4 kB", "12 MB": by thousands, as file managers count."""
    if count < 1000:
        return f"{count} bytes"
    value = count / 1000
    for unit in ("kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
