import { createHash } from "node:crypto";

/**
 * What the leader's timer calls (roles/upkeep.ts): a procedure in the database, so that it is wherever the data is,
 * after a failover too, and runs with the owner's rights and no others.
 */

/** Of views: each by itself, so that one that fails keeps no other back. Refreshed concurrently: readers go on. */
const refreshes = `
  FOR due IN SELECT * FROM phasewise.refreshes
    WHERE begun IS NULL OR begun + make_interval(mins => minutes) <= clock_timestamp() + interval '30 seconds'
    ORDER BY schema, name
  LOOP
    UPDATE phasewise.refreshes SET begun = clock_timestamp() WHERE schema = due.schema AND name = due.name;
    COMMIT;
    BEGIN
      EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY %I.%I', due.schema, due.name);
      UPDATE phasewise.refreshes SET ended = clock_timestamp(), error = NULL
        WHERE schema = due.schema AND name = due.name;
      RAISE INFO 'refreshed %.%', due.schema, due.name;
    EXCEPTION WHEN OTHERS THEN
      UPDATE phasewise.refreshes SET error = SQLERRM WHERE schema = due.schema AND name = due.name;
      faults := faults || format('%I.%I: %s', due.schema, due.name, SQLERRM);
    END;
    COMMIT;
  END LOOP;`;

/**
 * Of partitions: as plan/partitions.ts makes them. A month that any partition reaches into is left alone: the command
 * says what is wrong with it.
 */
const partitions = `
  FOR rule IN SELECT * FROM phasewise.partition_rules ORDER BY schema, name
  LOOP
    FOR month IN SELECT generate_series(date_trunc('month', now()),
      date_trunc('month', now()) + make_interval(months => rule.ahead), interval '1 month')
    LOOP
      partition := rule.name || '_' || to_char(month, 'YYYY_MM');
      CONTINUE WHEN phasewise.covered(format('%I.%I', rule.schema, rule.name), month::date);
      BEGIN
        EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)',
          rule.schema, partition, rule.schema, rule.name);
        EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
          rule.schema, rule.name, rule.schema, partition, month::date, (month + interval '1 month')::date);
        RAISE INFO 'made %.%', rule.schema, partition;
      EXCEPTION WHEN OTHERS THEN
        faults := faults || format('%I.%I: %s', rule.schema, partition, SQLERRM);
      END;
      COMMIT;
    END LOOP;
  END LOOP;`;

/** Each statement can be repeated. */
const statements = [
  "CREATE SCHEMA IF NOT EXISTS phasewise",
  "REVOKE ALL ON SCHEMA phasewise FROM PUBLIC",
  `CREATE TABLE IF NOT EXISTS phasewise.refreshes (schema text, name text, minutes int NOT NULL,
  begun timestamptz, ended timestamptz, error text, PRIMARY KEY (schema, name))`,
  `CREATE TABLE IF NOT EXISTS phasewise.partition_rules (schema text, name text, key_column text NOT NULL,
  ahead int NOT NULL, PRIMARY KEY (schema, name))`,
  `CREATE OR REPLACE FUNCTION phasewise.covered(parent regclass, month date) RETURNS boolean
LANGUAGE sql STABLE SET timezone TO 'UTC' AS $body$
  SELECT EXISTS (
    SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
      regexp_match(pg_get_expr(c.relpartbound, c.oid),
        '^FOR VALUES FROM \\((?:''([^'']+)''|MINVALUE)\\) TO \\((?:''([^'']+)''|MAXVALUE)\\)$') AS bound
    WHERE i.inhparent = parent AND bound IS NOT NULL
      AND coalesce(bound[1], '-infinity')::timestamptz < (month + interval '1 month')
      AND coalesce(bound[2], 'infinity')::timestamptz > month)
$body$`,
  `CREATE OR REPLACE PROCEDURE phasewise.upkeep() LANGUAGE plpgsql AS $body$
DECLARE
  due record;
  rule record;
  month timestamptz;
  partition text;
  faults text[] := '{}';
BEGIN
  PERFORM set_config('timezone', 'UTC', false);
  PERFORM set_config('lock_timeout', '3s', false);
${partitions}
${refreshes}
  IF faults <> '{}' THEN
    RAISE EXCEPTION '%', array_to_string(faults, '; ');
  END IF;
END
$body$`,
];

/** What the installed procedure says of itself, so that another version is found and replaced. */
export const upkeepVersion = createHash("sha256").update(statements.join("\n")).digest("hex").slice(0, 16);

export const upkeepSql = [...statements, `COMMENT ON PROCEDURE phasewise.upkeep() IS '${upkeepVersion}'`];
