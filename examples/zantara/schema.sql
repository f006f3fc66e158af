-- ZANTARA: customers, business rules, memory and audit of a consultancy's assistant. The system names domains and no
-- tables: these tables and columns are Phasewise's own proposal for them, and so are the indexes in
-- catalogues/zantara.yaml.

-- Customer relations.
CREATE TABLE crm_team_members (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL,
  role text NOT NULL
);

CREATE TABLE crm_clients (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  name text NOT NULL,
  email text NOT NULL,
  tier text NOT NULL CHECK (tier IN ('S', 'A', 'B', 'C', 'D')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE crm_interactions (
  id uuid PRIMARY KEY,
  client_id uuid NOT NULL,
  team_member_id uuid NOT NULL,
  channel text NOT NULL,
  summary text NOT NULL,
  occurred_at timestamptz NOT NULL DEFAULT now()
);

-- Business rules.
CREATE TABLE kbli_codes (
  code text PRIMARY KEY,
  title text NOT NULL,
  description text NOT NULL,
  risk text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
  foreign_ownership_percent integer NOT NULL
);

CREATE TABLE immigration_requirements (
  id uuid PRIMARY KEY,
  visa_type text NOT NULL,
  position integer NOT NULL,
  requirement text NOT NULL
);

CREATE TABLE service_prices (
  id uuid PRIMARY KEY,
  service text NOT NULL,
  amount numeric(12, 2) NOT NULL,
  currency text NOT NULL,
  valid_from date NOT NULL
);

-- What is remembered of users; a user's id is that of the client.
CREATE TABLE user_memory_facts (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  fact text NOT NULL,
  confidence real NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_search_history (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  query text NOT NULL,
  results integer NOT NULL,
  searched_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_preferences (
  user_id uuid PRIMARY KEY,
  preferences jsonb NOT NULL
);

-- Audit.
CREATE TABLE audit_events (
  id uuid PRIMARY KEY,
  actor_id uuid NOT NULL,
  event text NOT NULL,
  payload jsonb NOT NULL,
  occurred_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE access_logs (
  id uuid PRIMARY KEY,
  path text NOT NULL,
  status integer NOT NULL,
  milliseconds real NOT NULL,
  occurred_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE performance_logs (
  id uuid PRIMARY KEY,
  operation text NOT NULL,
  milliseconds real NOT NULL,
  measured_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE crm_clients ADD CONSTRAINT crm_clients_owner
  FOREIGN KEY (owner_id) REFERENCES crm_team_members;

ALTER TABLE crm_interactions ADD CONSTRAINT crm_interactions_client
  FOREIGN KEY (client_id) REFERENCES crm_clients ON DELETE CASCADE;

ALTER TABLE crm_interactions ADD CONSTRAINT crm_interactions_team_member
  FOREIGN KEY (team_member_id) REFERENCES crm_team_members;
