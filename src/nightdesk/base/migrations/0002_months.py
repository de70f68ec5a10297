from django.db import migrations

from nightdesk.base.months import MAKE_FUNCTION


class Migration(migrations.Migration):
    dependencies = [("base", "0001_initial")]
    operations = [migrations.RunSQL(MAKE_FUNCTION, "DROP FUNCTION nightdesk_make_month(regclass, date)")]
