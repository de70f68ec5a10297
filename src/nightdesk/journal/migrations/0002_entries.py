"""The record itself: partitioned by month, and what the database refuses."""

from django.db import migrations

TABLES = """
CREATE TABLE journal_entry (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind varchar(60) NOT NULL,
    version smallint NOT NULL,
    by_kind varchar(12) NOT NULL,
    by_id varchar(60) NOT NULL,
    by_name varchar(120) NOT NULL,
    via varchar(10) NOT NULL,
    subject_kind varchar(30) NOT NULL,
    subject_id varchar(60) NOT NULL,
    brand_id bigint,
    cause uuid,
    facts jsonb NOT NULL,
    commitment bytea,
    xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE journal_entry_default PARTITION OF journal_entry DEFAULT;
CREATE INDEX journal_at ON journal_entry (at DESC, id DESC);
CREATE INDEX journal_subject ON journal_entry (subject_kind, subject_id, at);
CREATE INDEX journal_brand ON journal_entry (brand_id, at DESC);
CREATE INDEX journal_kind ON journal_entry (kind, at DESC);
CREATE INDEX journal_xid ON journal_entry (xid);

CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The journal is append-only: % on % was refused.', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER journal_entry_stays BEFORE UPDATE OR DELETE ON journal_entry
    FOR EACH ROW EXECUTE FUNCTION journal_refuse();
CREATE TRIGGER journal_entry_stays_whole BEFORE TRUNCATE ON journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse();
CREATE TRIGGER journal_seal_stays BEFORE UPDATE OR DELETE ON journal_seal
    FOR EACH ROW EXECUTE FUNCTION journal_refuse();
CREATE TRIGGER journal_seal_stays_whole BEFORE TRUNCATE ON journal_seal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_initial"), ("base", "0002_months")]
    operations = [
        migrations.RunSQL(TABLES, "DROP TABLE journal_entry; DROP FUNCTION journal_refuse() CASCADE"),
    ]
