/**
 * What is read of the system catalogs, in as few questions as can be: over a line of 40 ms each round trip counts.
 * Each query gives one row with one column of JSON.
 */

const userSchemas = `n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'`;

export const extensionsQuery = `SELECT json_agg(extname) FROM pg_extension`;

export const factsQuery = `SELECT json_build_object(
  'now', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'statisticsSince', to_char(coalesce((SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
    pg_postmaster_start_time()) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))`;

/** Rows as the planner estimates them: those of the last ANALYZE, scaled to the present size; -1: never counted. */
export const tablesQuery = `SELECT json_agg(json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname,
  'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'm' THEN 'materialized view' ELSE 'other' END,
  'rows', CASE WHEN c.relkind NOT IN ('r', 'm') THEN 0 WHEN s.bytes = 0 THEN 0
    WHEN c.reltuples < 0 OR c.relpages = 0 THEN -1
    ELSE round(c.reltuples::numeric / c.relpages * (s.bytes / current_setting('block_size')::int)) END,
  'bytes', s.bytes,
  'parent', (SELECT inhparent::int8 FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition),
  'bounds', pg_get_expr(c.relpartbound, c.oid),
  'partitionKey', pg_get_partkeydef(c.oid),
  'query', CASE WHEN c.relkind = 'm' THEN pg_get_viewdef(c.oid) END) ORDER BY n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
  LATERAL (SELECT CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) ELSE 0 END AS bytes) s
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND ${userSchemas}`;

export const indexesQuery = `SELECT json_agg(json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'table', x.indrelid::int8,
  'unique', x.indisunique, 'valid', x.indisvalid AND x.indisready,
  'constraint', EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')),
  'body', substring(d.text FROM position(' USING ' || am.amname || ' (' IN d.text) + 1),
  'options', coalesce(c.reloptions, '{}'), 'method', am.amname,
  'keys', (SELECT json_agg(CASE WHEN x.indkey[k] <> 0 THEN
      concat_ws(':', x.indkey[k], x.indclass[k], x.indcollation[k], x.indoption[k]) END ORDER BY k)
    FROM generate_series(0, x.indnkeyatts - 1) k),
  'included', coalesce((SELECT json_agg(x.indkey[k]) FROM generate_series(x.indnkeyatts, x.indnatts - 1) k), '[]'),
  'predicate', pg_get_expr(x.indpred, x.indrelid),
  'parent', (SELECT inhparent::int8 FROM pg_inherits WHERE inhrelid = c.oid),
  'bytes', CASE WHEN c.relkind = 'i' THEN pg_relation_size(c.oid) ELSE 0 END,
  'scans', coalesce(pg_stat_get_numscans(c.oid), 0)) ORDER BY c.oid)
FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_am am ON am.oid = c.relam, LATERAL (SELECT pg_get_indexdef(c.oid) AS text) d
WHERE ${userSchemas}`;

export const foreignKeysQuery = `SELECT json_agg(json_build_object(
  'name', k.conname, 'table', k.conrelid::int8, 'columns', k.conkey,
  'names', (SELECT json_agg(a.attname ORDER BY o) FROM unnest(k.conkey) WITH ORDINALITY u(num, o)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num),
  'references', k.confrelid::regclass::text))
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND ${userSchemas}`;

export const constructionQuery = `SELECT json_agg(json_build_object('index', index_relid::int8, 'pid', pid))
FROM pg_stat_progress_create_index WHERE datname = current_database()`;

/** @param $1 [{schema, name, column}] as JSON. */
export const vectorColumnsQuery = `SELECT json_agg(json_build_object(
  'table', a.attrelid::int8, 'column', a.attname, 'type', t.typname,
  'dimension', CASE WHEN a.atttypmod > 0 THEN a.atttypmod END))
FROM jsonb_to_recordset($1::jsonb) AS w(schema text, name text, "column" text)
  JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w."column" AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid`;

/**
 * PostgreSQL's own form of definitions: each is made on an empty copy of its table, which goes with the transaction,
 * and read back. So they are compared as PostgreSQL understands them, and what it refuses is known before anything
 * is built. So do extensions that are yet to be made.
 */
export const definitionsFunction = `CREATE FUNCTION pg_temp.phasewise_definitions(wanted jsonb, extensions text[])
RETURNS TABLE (key text, ok boolean, missing boolean, answer text) LANGUAGE plpgsql AS $body$
DECLARE
  w record;
  extension text;
BEGIN
  FOREACH extension IN ARRAY extensions LOOP
    BEGIN
      EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', extension);
    EXCEPTION WHEN OTHERS THEN NULL;  -- what needs it says so below
    END;
  END LOOP;
  FOR w IN SELECT * FROM jsonb_to_recordset(wanted) AS x(key text, schema text, name text, "create" text)
  LOOP
    BEGIN
      IF w.name IS NULL THEN
        EXECUTE 'CREATE TEMP VIEW phasewise_definition AS ' || w."create";
        answer := pg_get_viewdef('pg_temp.phasewise_definition'::regclass);
        DROP VIEW pg_temp.phasewise_definition;
      ELSE
        EXECUTE format('CREATE TEMP TABLE %I (LIKE %I.%I)', w.name, w.schema, w.name);
        EXECUTE w."create";
        SELECT substring(pg_get_indexdef(x.indexrelid)
            FROM position(' USING ' || am.amname || ' (' IN pg_get_indexdef(x.indexrelid)) + 1)
          INTO answer FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am am ON am.oid = c.relam
          WHERE x.indrelid = format('pg_temp.%I', w.name)::regclass;
        EXECUTE format('DROP TABLE pg_temp.%I', w.name);
      END IF;
      key := w.key; ok := true; missing := false;
    EXCEPTION WHEN OTHERS THEN
      key := w.key; ok := false; answer := SQLERRM;
      missing := SQLSTATE IN ('42P01', '42703');
    END;
    RETURN NEXT;
  END LOOP;
END $body$`;

export const upkeepQuery = `SELECT json_build_object(
  'version', obj_description(to_regprocedure('phasewise.upkeep()'), 'pg_proc'),
  'refreshes', coalesce((SELECT json_agg(json_build_object('schema', schema, 'name', name, 'minutes', minutes))
    FROM phasewise.refreshes), '[]'),
  'partitions', coalesce((SELECT json_agg(json_build_object('schema', schema, 'name', name, 'column', key_column,
    'ahead', ahead)) FROM phasewise.partition_rules), '[]'))`;
