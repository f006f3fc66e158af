-- ReplyX: assistants that answer in dialogs from what they have been taught.
-- Users live in the system that signs them in; here they are ids.

CREATE TABLE assistants (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  name text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dialogs (
  id uuid PRIMARY KEY,
  assistant_id uuid NOT NULL,
  channel text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dialog_messages (
  id uuid PRIMARY KEY,
  dialog_id uuid NOT NULL,
  sender text NOT NULL CHECK (sender IN ('user', 'assistant', 'manager')),
  text text NOT NULL,
  timestamp timestamptz NOT NULL DEFAULT now()
);

-- {dimension} is the number of the embedding model that the system uses.
CREATE TABLE knowledge_embeddings (
  id uuid PRIMARY KEY,
  assistant_id uuid NOT NULL,
  importance integer NOT NULL CHECK (importance BETWEEN 1 AND 10),
  content text NOT NULL,
  embedding vector({dimension}) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE dialogs ADD CONSTRAINT dialogs_assistant
  FOREIGN KEY (assistant_id) REFERENCES assistants ON DELETE CASCADE;

ALTER TABLE dialog_messages ADD CONSTRAINT dialog_messages_dialog
  FOREIGN KEY (dialog_id) REFERENCES dialogs ON DELETE CASCADE;

ALTER TABLE knowledge_embeddings ADD CONSTRAINT knowledge_embeddings_assistant
  FOREIGN KEY (assistant_id) REFERENCES assistants ON DELETE CASCADE;
