import { workingTime } from "../generate/clock.ts";
import type { CopyWriter } from "../generate/copyWriter.ts";
import { Embeddings } from "../generate/embeddings.ts";
import type { Example, Settings, Table } from "../generate/example.ts";
import { owners, sum } from "../generate/plan.ts";
import { Random } from "../generate/random.ts";
import { tableOf } from "../generate/table.ts";
import { company, person, phrasesByTopic, some, topicCount, topicName } from "../generate/words.ts";
import { type Plan, planFastbots } from "./plan.ts";

export const example: Example = {
  title: "FastBots.ai: chatbots that answer from documents by vector search",
  version: 1,
  unit: "organizations",
  scales: { small: 40, medium: 500, large: 5000 },
  extensions: ["vector"],
  query: `SELECT content FROM document_chunks
  WHERE chatbot_id = (SELECT chatbot_id FROM document_chunks LIMIT 1)
  ORDER BY embedding <-> (SELECT embedding FROM document_chunks LIMIT 1) LIMIT 5;`,
  tables(settings) {
    const plan = planFastbots(settings);
    const random = (table: string) => () => new Random(`${settings.seed}/fastbots/${table}`);
    return [
      organizations(plan, random("organizations")),
      users(plan, random("users")),
      chatbots(plan, random("chatbots")),
      documentChunks(plan, settings, random("document_chunks")),
      conversations(plan, random("conversations")),
      messages(plan, random("messages")),
    ];
  },
};

function organizations({ organizations: all }: Plan, seeded: () => Random): Table {
  const columns = ["id", "name", "plan", "created_at"];
  return tableOf({ name: "organizations", columns, rows: all.count }, seeded, (out, random, index) => {
    out.uuid(all.ids.of(index));
    out.text(company(random));
    out.text(planOf(all.users[index]!));
    out.timestamp(all.createdAt[index]!);
  });
}

function planOf(users: number): string {
  if (users > 20) return "enterprise";
  if (users > 6) return "business";
  return users > 2 ? "starter" : "free";
}

function users({ organizations: all, until }: Plan, seeded: () => Random): Table {
  const owner = owners(all.users);
  const columns = ["id", "organization_id", "email", "name", "role", "created_at", "last_seen_at"];
  return tableOf({ name: "users", columns, rows: owner.length }, seeded, (out, random, index) => {
    const organization = owner[index]!;
    const createdAt = workingTime(random, all.createdAt[organization]!, until);
    const { name, email } = person(index + 1, random);
    out.newUuid(createdAt, random);
    out.uuid(all.ids.of(organization));
    out.text(email);
    out.text(name);
    out.text(owner[index - 1] !== organization ? "owner" : random.chance(0.2) ? "admin" : "member");
    out.timestamp(createdAt);
    if (random.chance(0.1)) out.null();
    else out.timestamp(workingTime(random, createdAt, until));
  });
}

function chatbots({ chatbots: all, organizations: { ids } }: Plan, seeded: () => Random): Table {
  const columns = ["id", "organization_id", "name", "is_active", "temperature", "settings", "created_at"];
  return tableOf({ name: "chatbots", columns, rows: all.count }, seeded, (out, random, index) => {
    const topic = topicName(all.topic[index]!);
    out.uuid(all.ids.of(index));
    out.uuid(ids.of(all.organization[index]!));
    out.text(`${topic} assistant ${index + 1}`);
    out.boolean(random.chance(0.85));
    out.real(random.between(0, 10) / 10);
    out.jsonb({ language: random.pick(["en", "de", "fr", "es"]), topic, handover: random.chance(0.4) });
    out.timestamp(all.createdAt[index]!);
  });
}

function documentChunks(plan: Plan, settings: Settings, seeded: () => Random): Table {
  const { chatbots: bots, documents, organizations: tenants } = plan;
  return {
    name: "document_chunks",
    columns: [
      ...["id", "organization_id", "chatbot_id", "source", "position"],
      ...["content", "embedding", "created_at"],
    ],
    rows: sum(documents.chunks),
    *write(out: CopyWriter) {
      const random = seeded();
      const embeddings = new Embeddings(settings.dimension, 4 * topicCount, random);
      const phrases = phrasesByTopic(random);
      for (let index = 0; index < documents.count; index++) {
        const bot = documents.chatbot[index]!;
        const topic = bots.topic[bot]!;
        const place = embeddings.document(topic + topicCount * random.below(4), random);
        const source = `${topicName(topic)}/document-${index + 1}.pdf`;
        for (let position = 0; position < documents.chunks[index]!; position++) {
          out.row(8);
          out.newUuid(documents.createdAt[index]!, random);
          out.uuid(tenants.ids.of(bots.organization[bot]!));
          out.uuid(bots.ids.of(bot));
          out.text(source);
          out.integer(position);
          out.joined(some(phrases[topic]!.passages, 7, 24, random));
          out.vector(embeddings.chunk(place, random));
          out.timestamp(documents.createdAt[index]!);
          if (out.full) yield;
        }
      }
    },
  };
}

function conversations(plan: Plan, seeded: () => Random): Table {
  const { conversations: all, chatbots: bots, organizations: tenants } = plan;
  const columns = ["id", "organization_id", "chatbot_id", "channel", "resolved", "started_at", "ended_at"];
  return tableOf({ name: "conversations", columns, rows: all.count }, seeded, (out, random, index) => {
    const bot = all.chatbot[index]!;
    out.uuid(all.ids.of(index));
    out.uuid(tenants.ids.of(bots.organization[bot]!));
    out.uuid(bots.ids.of(bot));
    out.text(random.chance(0.7) ? "web" : random.pick(["whatsapp", "email", "api"]));
    out.boolean(random.chance(0.8));
    out.timestamp(all.startedAt[index]!);
    if (random.chance(0.05)) out.null();
    else out.timestamp(all.startedAt[index]! + random.logNormal(240_000, 0.8));
  });
}

function messages(plan: Plan, seeded: () => Random): Table {
  const { conversations: all, chatbots: bots, organizations: tenants } = plan;
  return {
    name: "messages",
    columns: ["id", "organization_id", "conversation_id", "role", "content", "tokens", "created_at"],
    rows: sum(all.messages),
    *write(out: CopyWriter) {
      const random = seeded();
      const phrases = phrasesByTopic(random);
      for (let index = 0; index < all.count; index++) {
        const bot = all.chatbot[index]!;
        const { questions, answers } = phrases[bots.topic[bot]!]!;
        let time = all.startedAt[index]!;
        for (let number = 0; number < all.messages[index]!; number++) {
          const asked = number % 2 === 0;
          const content = asked ? some(questions, 1, 3, random) : some(answers, 3, 12, random);
          out.row(7);
          out.newUuid(time, random);
          out.uuid(tenants.ids.of(bots.organization[bot]!));
          out.uuid(all.ids.of(index));
          out.text(asked ? "user" : "assistant");
          out.joined(content);
          out.integer(Math.ceil(content.reduce((before, one) => before + one.length, 0) / 4));
          out.timestamp(time);
          time += Math.floor(random.logNormal(asked ? 2_000 : 45_000, 0.6));
          if (out.full) yield;
        }
      }
    },
  };
}
