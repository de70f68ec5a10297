"""Whatever was ever sent to somebody is found by their address, however it was spelt: for whoever wants to see it, or be erased.

It knows each address once with all its rows, so it is a fraction of the size of the table's others.
"""

from functools import partial

from django.db import migrations

from nightdesk.base.months import make_index

SPELT = partial(make_index, "channels_delivery", "delivery_spelt", "(lower(address))")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("channels", "0009_goes_with")]
    operations = [
        migrations.RunPython(
            lambda _apps, _editor: SPELT(), lambda _apps, editor: editor.execute("DROP INDEX delivery_spelt")
        ),
    ]
