import { day, midnight, workingTime } from "../generate/clock.ts";
import { Embeddings } from "../generate/embeddings.ts";
import type { Example, Settings, Table } from "../generate/example.ts";
import type { Ids } from "../generate/ids.ts";
import { idsAt, inOrder, owners } from "../generate/plan.ts";
import { Random } from "../generate/random.ts";
import { share } from "../generate/share.ts";
import { tableOf } from "../generate/table.ts";
import { phrasesByTopic, some, topicCount, topicName } from "../generate/words.ts";

export const example: Example = {
  title: "ReplyX: assistants that answer in dialogs, knowledge searched by cosine distance",
  version: 1,
  unit: "users",
  // At the largest scale there are the 316,000 pieces of knowledge for which an index of 316 lists is made.
  scales: { small: 60, medium: 500, large: 3160 },
  extensions: ["vector"],
  query: `SELECT content FROM knowledge_embeddings
  ORDER BY embedding <=> (SELECT embedding FROM knowledge_embeddings LIMIT 1) LIMIT 5;`,
  tables(settings) {
    const plan = planReplyx(settings);
    const seeded = (table: string) => () => new Random(`${settings.seed}/replyx/${table}`);
    return [
      assistants(plan, seeded("assistants")),
      dialogs(plan, seeded("dialogs")),
      dialogMessages(plan, seeded("dialog_messages")),
      knowledge(plan, settings.dimension, seeded("knowledge_embeddings")),
    ];
  },
};

/** How many there are of each for one user, on the average. */
const perUser = { assistants: 2, dialogs: 50, messages: 300, knowledge: 100 };

interface Plan {
  until: number;
  /** Each assistant's user. */
  user: Uint32Array;
  userIds: Ids;
  ids: Ids;
  createdAt: Float64Array;
  dialogs: { assistant: Uint32Array; startedAt: Float64Array; ids: Ids; messages: Uint32Array };
  /** Each piece of knowledge's assistant. */
  knowledge: Uint32Array;
}

function planReplyx({ seed, size, until }: Settings): Plan {
  const random = new Random(`${seed}/replyx/plan`);
  const end = midnight(until);
  const count = size * perUser.assistants;
  const user = owners(share({ total: count, owners: size, least: 1, skew: "strong" }, random));
  const createdAt = inOrder(count, () => workingTime(random, end - 400 * day, end - 3 * day));
  const total = size * perUser.dialogs;
  const startedAt = inOrder(total, () => workingTime(random, end - 360 * day, end));
  // A dialog belongs to an assistant that was there, and the oldest have most.
  let there = 1;
  const assistant = Uint32Array.from(startedAt, (time) => {
    while (there < count && createdAt[there]! <= time) there++;
    return Math.floor(there * random.float() ** 2);
  });
  return {
    until: end,
    user,
    createdAt,
    ids: idsAt(createdAt, random),
    userIds: idsAt(createdAt.slice(0, size), random),
    dialogs: {
      assistant,
      startedAt,
      ids: idsAt(startedAt, random),
      messages: share({ total: size * perUser.messages, owners: total, least: 2, skew: "slight" }, random),
    },
    knowledge: owners(
      share({ total: size * perUser.knowledge, owners: count, least: 1, skew: "some" }, random),
    ),
  };
}

function assistants(plan: Plan, seeded: () => Random): Table {
  const columns = ["id", "user_id", "name", "is_active", "created_at"];
  return tableOf({ name: "assistants", columns, rows: plan.user.length }, seeded, (out, random, index) => {
    out.uuid(plan.ids.of(index));
    out.uuid(plan.userIds.of(plan.user[index]!));
    out.text(`${topicName(index)} assistant`);
    out.boolean(random.chance(0.8));
    out.timestamp(plan.createdAt[index]!);
  });
}

function dialogs({ dialogs: all, ids }: Plan, seeded: () => Random): Table {
  const columns = ["id", "assistant_id", "channel", "started_at"];
  return tableOf({ name: "dialogs", columns, rows: all.assistant.length }, seeded, (out, random, index) => {
    out.uuid(all.ids.of(index));
    out.uuid(ids.of(all.assistant[index]!));
    out.text(random.pick(["telegram", "telegram", "web", "site"]));
    out.timestamp(all.startedAt[index]!);
  });
}

function dialogMessages({ dialogs: all }: Plan, seeded: () => Random): Table {
  const dialog = owners(all.messages);
  const phrases = phrasesByTopic(new Random("phrases"));
  const columns = ["id", "dialog_id", "sender", "text", "timestamp"];
  let time = 0;
  return tableOf({ name: "dialog_messages", columns, rows: dialog.length }, seeded, (out, random, index) => {
    const of = dialog[index]!;
    const first = dialog[index - 1] !== of;
    time = first ? all.startedAt[of]! : time + Math.floor(random.logNormal(30_000, 0.9));
    const asked = first || random.chance(0.5);
    const { questions, answers } = phrases[all.assistant[of]! % topicCount]!;
    out.newUuid(time, random);
    out.uuid(all.ids.of(of));
    out.text(asked ? "user" : random.chance(0.9) ? "assistant" : "manager");
    out.joined(asked ? some(questions, 1, 3, random) : some(answers, 3, 12, random));
    out.timestamp(time);
  });
}

function knowledge(plan: Plan, dimension: number, seeded: () => Random): Table {
  const columns = ["id", "assistant_id", "importance", "content", "embedding", "created_at"];
  return {
    name: "knowledge_embeddings",
    columns,
    rows: plan.knowledge.length,
    *write(out) {
      const random = seeded();
      const embeddings = new Embeddings(dimension, 4 * topicCount, random);
      const phrases = phrasesByTopic(random);
      let document = embeddings.document(0, random);
      for (const [index, assistant] of plan.knowledge.entries()) {
        const topic = assistant % topicCount;
        // A document of an assistant has about eight pieces.
        if (plan.knowledge[index - 1] !== assistant || random.chance(1 / 8))
          document = embeddings.document(topic + topicCount * random.below(4), random);
        const time = workingTime(random, plan.createdAt[assistant]!, plan.until);
        out.row(columns.length);
        out.newUuid(time, random);
        out.uuid(plan.ids.of(assistant));
        // Little is very important.
        out.integer(1 + Math.floor(10 * random.float() ** 2));
        out.joined(some(phrases[topic]!.passages, 5, 20, random));
        out.vector(embeddings.chunk(document, random));
        out.timestamp(time);
        if (out.full) yield;
      }
    },
  };
}
