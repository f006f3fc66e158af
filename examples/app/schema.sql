-- As the owner: npx phasewise psql <stack> --role owner -- -f examples/app/schema.sql
CREATE TABLE IF NOT EXISTS notes (
  id uuid PRIMARY KEY,
  text text NOT NULL,
  written timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS notes_written ON notes (written DESC);
