"""`{% lucide "phone" size=18 aria_hidden="true" %}`: an icon, drawn once for a name and what is said of it.

The library `lucide` by its own name (settings.TEMPLATES); its tag takes each icon's tree apart anew, and a page has dozens.
"""

from functools import cache

from django import template
from lucide.templatetags import lucide as drawn

register = template.Library()
register.simple_tag(cache(drawn.lucide), name="lucide")
