"""Entries that are written by one statement change the row of words of their ticket once; small words are folded in place.

A ticket that a mail opens comes with the mail's words and with those of the automatic reply: joining them first saves one of
two times that all its words are put into the index.
"""

from django.db import migrations

AT_ONCE = """
-- Not STRICT: PostgreSQL puts a function into the statement that calls it only where it sees that nothing comes of nothing.
CREATE OR REPLACE FUNCTION desk_folded(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT regexp_replace(
    CASE WHEN octet_length(words) = length(words) THEN lower(words)
    ELSE replace(replace(replace(replace(translate(
           lower(regexp_replace(normalize(words, NFKD), '[\u0300-\u036f]', '', 'g')), 'øłđħı', 'oldhi'),
         'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
    END, '[!-/:-@[-`{-~]', ' ', 'g')
$$;

CREATE AGGREGATE desk_all_joined(tsvector) (SFUNC = desk_joined, STYPE = tsvector, INITCOND = '', PARALLEL = SAFE);

CREATE FUNCTION desk_entries_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  said record;
BEGIN
  FOR said IN
    SELECT ticket_id, desk_all_joined(
             desk_vector(text, CASE WHEN public THEN 'C' ELSE 'D' END::"char") ORDER BY at, id) AS words
      FROM written WHERE text <> '' GROUP BY ticket_id
  LOOP
    UPDATE desk_searchable SET words = desk_joined(words, said.words) WHERE ticket_id = said.ticket_id;
  END LOOP;
  RETURN NULL;
END $$;
DROP TRIGGER desk_entry_is_searched ON desk_entry;
CREATE TRIGGER desk_entry_is_searched AFTER INSERT ON desk_entry
  REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION desk_entries_written();
"""

ONE_BY_ONE = """
DROP TRIGGER desk_entry_is_searched ON desk_entry;
CREATE TRIGGER desk_entry_is_searched AFTER INSERT ON desk_entry
  FOR EACH ROW WHEN (NEW.text <> '') EXECUTE FUNCTION desk_entry_changed();
DROP FUNCTION desk_entries_written;
DROP AGGREGATE desk_all_joined(tsvector);
ALTER FUNCTION desk_folded STRICT;
"""


class Migration(migrations.Migration):
    dependencies = [("desk", "0080_outages")]

    operations = [migrations.RunSQL([AT_ONCE], [ONE_BY_ONE])]
