"""The delivery ledger and its attempts, partitioned by month."""

from django.db import migrations

TABLES = """
CREATE TABLE channels_delivery (
    id uuid NOT NULL,
    month date NOT NULL,
    lane varchar(20) NOT NULL,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    leased_by uuid,
    leased_at timestamptz,
    attempt integer NOT NULL DEFAULT 0,
    ended_at timestamptz,
    message_id uuid NOT NULL,
    brand_id bigint,
    occurrence varchar(200) NOT NULL,
    subject_kind varchar(30) NOT NULL,
    subject_id varchar(60) NOT NULL,
    recipient_kind varchar(10) NOT NULL,
    recipient_id varchar(40) NOT NULL,
    channel varchar(20) NOT NULL,
    address varchar(320) NOT NULL,
    state varchar(14) NOT NULL,
    route_id bigint,
    routes_tried jsonb NOT NULL DEFAULT '[]',
    provider_id varchar(200) NOT NULL DEFAULT '',
    reason varchar(300) NOT NULL DEFAULT '',
    valid_until timestamptz,
    accepted_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    PRIMARY KEY (id, month),
    UNIQUE (occurrence, month)
) PARTITION BY RANGE (month);
CREATE TABLE channels_delivery_default PARTITION OF channels_delivery DEFAULT;
-- No index knows leased_by: leasing a row is then an update that touches no index at all.
CREATE INDEX delivery_due ON channels_delivery (lane, due_at) WHERE ended_at IS NULL;
CREATE INDEX delivery_message ON channels_delivery (message_id);
CREATE INDEX delivery_subject ON channels_delivery (subject_kind, subject_id);
CREATE INDEX delivery_recipient ON channels_delivery (recipient_kind, recipient_id, created_at DESC);
CREATE INDEX delivery_address ON channels_delivery (address, created_at DESC);
CREATE INDEX delivery_provider ON channels_delivery (provider_id) WHERE provider_id <> '';

CREATE TABLE channels_attempt (
    id uuid NOT NULL,
    month date NOT NULL,
    delivery_id uuid NOT NULL,
    number integer NOT NULL,
    is_receipt boolean NOT NULL DEFAULT false,
    route_id bigint,
    route_name varchar(60) NOT NULL,
    at timestamptz NOT NULL,
    took_ms integer NOT NULL,
    outcome varchar(14) NOT NULL,
    reason varchar(300) NOT NULL DEFAULT '',
    provider_id varchar(200) NOT NULL DEFAULT '',
    PRIMARY KEY (id, month)
) PARTITION BY RANGE (month);
CREATE TABLE channels_attempt_default PARTITION OF channels_attempt DEFAULT;
CREATE INDEX attempt_delivery ON channels_attempt (delivery_id);
CREATE INDEX attempt_at ON channels_attempt (at);
"""


class Migration(migrations.Migration):
    dependencies = [("channels", "0001_initial"), ("base", "0002_months")]
    operations = [
        migrations.RunSQL(TABLES, "DROP TABLE channels_attempt; DROP TABLE channels_delivery"),
    ]
