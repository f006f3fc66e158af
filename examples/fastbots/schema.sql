-- FastBots.ai: chatbots that answer from a customer's own documents.
-- Each table of a tenant carries organization_id, by which a later phase shards.

CREATE TABLE organizations (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  plan text NOT NULL CHECK (plan IN ('free', 'starter', 'business', 'enterprise')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  email text NOT NULL,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz
);

CREATE TABLE chatbots (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  name text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  temperature real NOT NULL DEFAULT 0.2,
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

-- What a chatbot knows: each document in pieces, each piece with its embedding.
-- {dimension} is the number of the embedding model that the system uses.
CREATE TABLE document_chunks (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  chatbot_id uuid NOT NULL,
  source text NOT NULL,
  position integer NOT NULL,
  content text NOT NULL,
  embedding vector({dimension}) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE conversations (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  chatbot_id uuid NOT NULL,
  channel text NOT NULL CHECK (channel IN ('web', 'whatsapp', 'email', 'api')),
  resolved boolean NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz
);

CREATE TABLE messages (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('user', 'assistant')),
  content text NOT NULL,
  tokens integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE users ADD CONSTRAINT users_email_unique UNIQUE (email);

ALTER TABLE users ADD CONSTRAINT users_organization
  FOREIGN KEY (organization_id) REFERENCES organizations;

ALTER TABLE chatbots ADD CONSTRAINT chatbots_organization
  FOREIGN KEY (organization_id) REFERENCES organizations;

ALTER TABLE document_chunks ADD CONSTRAINT document_chunks_chatbot
  FOREIGN KEY (chatbot_id) REFERENCES chatbots ON DELETE CASCADE;

ALTER TABLE conversations ADD CONSTRAINT conversations_chatbot
  FOREIGN KEY (chatbot_id) REFERENCES chatbots ON DELETE CASCADE;

ALTER TABLE messages ADD CONSTRAINT messages_conversation
  FOREIGN KEY (conversation_id) REFERENCES conversations ON DELETE CASCADE;
