"""What search reads: one row a ticket with every word of it, kept by triggers, so that no door can forget to.

The words of one ticket stand in one row, so that those asked for may stand in different entries. A row also has marks,
which begin with "§" and so are never words: its brand (§b), customer (§c), contact (§p), queue (§q), tags (§t), kind (§k)
and month (§m), and whether it is open, resolved, closed or cancelled (§s), or a major incident (§major). One index intersects words and marks; see docs/decisions/0023.
"""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

FOLDING = """
CREATE FUNCTION desk_folded(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT regexp_replace(
    CASE WHEN octet_length(words) = length(words) THEN lower(words)
    ELSE replace(replace(replace(replace(translate(
           lower(regexp_replace(normalize(words, NFKD), '[\u0300-\u036f]', '', 'g')), 'øłđħı', 'oldhi'),
         'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
    END, '[!-/:-@[-`{-~]', ' ', 'g')
$$;
COMMENT ON FUNCTION desk_folded IS 'Words without case, accents and punctuation; nightdesk.desk.search.folded says the same.';

CREATE FUNCTION desk_vector(words text, weight "char") RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT setweight(to_tsvector('simple', desk_folded(left(words, 50000))), weight)
$$;

CREATE FUNCTION desk_joined(one tsvector, two tsvector) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN one || two;
EXCEPTION WHEN program_limit_exceeded THEN
  RETURN one;  -- a ticket of a megabyte of words is found by those it has; nothing is refused for it
END $$;
"""

HEAD = """
CREATE FUNCTION desk_head(ticket desk_ticket) RETURNS tsvector LANGUAGE sql STABLE AS $$
  SELECT desk_vector(ticket.title || ' ' || ticket.number, 'A')
      || desk_vector(ticket.requester_name || ' ' || ticket.requester_address, 'B')
      || array_to_tsvector(array_remove(ARRAY[
           '§b' || ticket.brand_id,
           '§c' || ticket.customer_id,
           '§p' || ticket.contact_id,
           '§q' || ticket.queue_id,
           '§m' || to_char(ticket.opened_at AT TIME ZONE 'UTC', 'YYYYMM'),
           '§k' || ticket.kind,
           '§s' || desk_standing(ticket),
           CASE WHEN ticket.major THEN '§major' END
         ] || (SELECT array_agg('§t' || tag) FROM unnest(ticket.tags) tag), NULL))
$$;

CREATE FUNCTION desk_said(of_ticket uuid) RETURNS tsvector LANGUAGE plpgsql STABLE AS $$
DECLARE
  said tsvector := '';
  part tsvector;
BEGIN
  FOR part IN
    SELECT desk_vector(e.text, CASE WHEN e.public THEN 'C' ELSE 'D' END::"char")
      FROM desk_entry e WHERE e.ticket_id = of_ticket AND e.text <> '' ORDER BY e.at, e.id
  LOOP
    said := desk_joined(said, part);
  END LOOP;
  FOR part IN
    SELECT desk_vector(a.name || ' ' || a.text, CASE WHEN e.public THEN 'C' ELSE 'D' END::"char")
      FROM desk_entry e JOIN desk_attachment a ON a.entry_id = e.id WHERE e.ticket_id = of_ticket ORDER BY a.id
  LOOP
    said := desk_joined(said, part);
  END LOOP;
  RETURN said;
END $$;

CREATE FUNCTION desk_index_ticket(of_ticket uuid) RETURNS void LANGUAGE sql AS $$
  INSERT INTO desk_searchable (ticket_id, at, words)
  SELECT t.id, t.opened_at, desk_joined(desk_head(t), desk_said(t.id)) FROM desk_ticket t WHERE t.id = of_ticket
  ON CONFLICT (ticket_id) DO UPDATE SET at = excluded.at, words = excluded.words
$$;
"""

STANDING = """
CREATE FUNCTION desk_standing(ticket desk_ticket) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN ticket.state NOT IN ('new', 'assigned', 'in_progress', 'pending') THEN ticket.state
              WHEN ticket.merged_into_id IS NULL THEN 'open' ELSE 'merged' END
$$;
"""

TRIGGERS = """
CREATE FUNCTION desk_ticket_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO desk_searchable (ticket_id, at, words) VALUES (NEW.id, NEW.opened_at, desk_head(NEW));
  ELSIF (OLD.title, OLD.number, OLD.brand_id, OLD.requester_name, OLD.requester_address, OLD.opened_at, OLD.tags)
        IS DISTINCT FROM
        (NEW.title, NEW.number, NEW.brand_id, NEW.requester_name, NEW.requester_address, NEW.opened_at, NEW.tags)
     OR (OLD.customer_id, OLD.contact_id, OLD.queue_id, OLD.kind, OLD.major)
        IS DISTINCT FROM (NEW.customer_id, NEW.contact_id, NEW.queue_id, NEW.kind, NEW.major)
  THEN
    PERFORM desk_index_ticket(NEW.id);
  ELSIF desk_standing(OLD) <> desk_standing(NEW) THEN
    UPDATE desk_searchable
       SET words = desk_joined(ts_delete(words, '§s' || desk_standing(OLD)), array_to_tsvector(ARRAY['§s' || desk_standing(NEW)]))
     WHERE ticket_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER desk_ticket_is_searched AFTER INSERT OR UPDATE OF title, number, brand_id, requester_name,
  requester_address, opened_at, tags, customer_id, contact_id, queue_id, kind, major, state, merged_into_id ON desk_ticket
  FOR EACH ROW EXECUTE FUNCTION desk_ticket_changed();

CREATE FUNCTION desk_entry_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE desk_searchable
       SET words = desk_joined(words, desk_vector(NEW.text, CASE WHEN NEW.public THEN 'C' ELSE 'D' END::"char"))
     WHERE ticket_id = NEW.ticket_id;
    RETURN NULL;
  END IF;
  PERFORM desk_index_ticket(OLD.ticket_id);
  IF TG_OP = 'UPDATE' AND NEW.ticket_id <> OLD.ticket_id THEN
    PERFORM desk_index_ticket(NEW.ticket_id);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER desk_entry_is_searched AFTER INSERT ON desk_entry
  FOR EACH ROW WHEN (NEW.text <> '') EXECUTE FUNCTION desk_entry_changed();
CREATE TRIGGER desk_entry_is_searched_anew AFTER UPDATE OF text, public, ticket_id OR DELETE ON desk_entry
  FOR EACH ROW EXECUTE FUNCTION desk_entry_changed();

CREATE FUNCTION desk_attachment_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE desk_searchable s
       SET words = desk_joined(s.words, desk_vector(NEW.name || ' ' || NEW.text, CASE WHEN e.public THEN 'C' ELSE 'D' END::"char"))
      FROM desk_entry e WHERE e.id = NEW.entry_id AND s.ticket_id = e.ticket_id;
  ELSE
    PERFORM desk_index_ticket(e.ticket_id) FROM desk_entry e WHERE e.id = OLD.entry_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER desk_attachment_is_searched AFTER INSERT OR DELETE OR UPDATE OF text, name ON desk_attachment
  FOR EACH ROW EXECUTE FUNCTION desk_attachment_changed();

-- The words lie beside the rows, so that a thousand rows that the index found are read from a few pages.
ALTER TABLE desk_searchable SET (toast_tuple_target = 128, autovacuum_vacuum_scale_factor = 0.02);
INSERT INTO desk_searchable (ticket_id, at, words)
  SELECT t.id, t.opened_at, desk_joined(desk_head(t), desk_said(t.id)) FROM desk_ticket t;
CREATE INDEX customer_words ON customers_customer
  USING gin (to_tsvector('simple', desk_folded(name || ' ' || ref)));
"""

# The planner takes a look at one row for cheap, while the row's words lie elsewhere and are long; so it would now and then
# walk through all rows in their order. Here it has nothing but the index of words: not even that of `at`, for which the zone is.
FOUND = """
CREATE FUNCTION desk_found(wanted tsquery, most integer) RETURNS TABLE (ticket_id uuid, at timestamptz)
  LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
  SET jit = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  RETURN QUERY SELECT s.ticket_id, s.at FROM desk_searchable s WHERE s.words @@ wanted LIMIT most;
END $$;

CREATE FUNCTION desk_found_newest(wanted tsquery, before timestamptz, before_id uuid, most integer)
  RETURNS TABLE (ticket_id uuid, at timestamptz)
  LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
  SET jit = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  RETURN QUERY SELECT s.ticket_id, s.at FROM desk_searchable s
    WHERE s.words @@ wanted AND (s.at AT TIME ZONE 'UTC', s.ticket_id) < (before AT TIME ZONE 'UTC', before_id)
    ORDER BY s.at DESC, s.ticket_id DESC LIMIT most;
END $$;
"""

UNDO = """
DROP FUNCTION desk_found, desk_found_newest;
DROP INDEX customer_words;
DROP TRIGGER desk_attachment_is_searched ON desk_attachment;
DROP TRIGGER desk_entry_is_searched_anew ON desk_entry;
DROP TRIGGER desk_entry_is_searched ON desk_entry;
DROP TRIGGER desk_ticket_is_searched ON desk_ticket;
DROP FUNCTION desk_attachment_changed, desk_entry_changed, desk_ticket_changed, desk_index_ticket, desk_said, desk_head,
  desk_standing, desk_joined, desk_vector, desk_folded;
"""


class Migration(migrations.Migration):
    dependencies = [("desk", "0040_face")]

    operations = [
        migrations.CreateModel(
            name="Searchable",
            fields=[
                (
                    "ticket",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="desk.ticket",
                    ),
                ),
                ("at", models.DateTimeField()),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["words"], name="searchable_words"),
                    models.Index(fields=["at"], name="searchable_at"),
                ],
            },
        ),
        migrations.RunSQL([FOLDING + STANDING + HEAD + TRIGGERS + FOUND], [UNDO]),
    ]
