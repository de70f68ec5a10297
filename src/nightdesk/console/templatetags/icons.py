"""`{% lucide "phone" size=18 aria_hidden="true" %}`: an icon, drawn once for a name and what is said of it.

In templates it is the library `lucide` (settings.TEMPLATES). The package's own tag takes the icon's tree apart each time, and a
page has dozens.
"""

from functools import cache

from django import template
from lucide.templatetags import lucide as drawn

register = template.Library()
register.simple_tag(cache(drawn.lucide), name="lucide")
