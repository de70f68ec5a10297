"""The one clock: every process follows this function, so a rehearsal that replaces it moves the whole installation."""

from django.db import migrations

MAKE = """
CREATE FUNCTION nightdesk_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT clock_timestamp() $$;
-- Room on each page for the next version of a row that is leased: an update that touches no index.
ALTER TABLE base_promise SET (fillfactor = 60);
"""


class Migration(migrations.Migration):
    dependencies = [("base", "0002_months")]
    operations = [migrations.RunSQL(MAKE, "DROP FUNCTION nightdesk_now()")]
