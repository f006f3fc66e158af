import type { Example, Table } from "../generate/example.ts";
import { Random } from "../generate/random.ts";
import { tableOf, type WriteRow } from "../generate/table.ts";
import { person, phrasesByTopic, some, topicCount } from "../generate/words.ts";
import { immigrationRequirements, kbliCodes, servicePrices } from "./business.ts";
import { type Plan, planZantara } from "./plan.ts";

export const example: Example = {
  title: "ZANTARA: customers, business rules, memory and audit (the tables' names are ours)",
  version: 1,
  unit: "clients",
  scales: { small: 200, medium: 3000, large: 20_000 },
  extensions: [],
  query: `SELECT code, title FROM kbli_codes
  WHERE to_tsvector('simple', title || ' ' || description) @@ to_tsquery('simple', 'kopi & daring') LIMIT 5;`,
  tables(settings) {
    const plan = planZantara(settings);
    const seeded = (table: string) => () => new Random(`${settings.seed}/zantara/${table}`);
    return [
      teamMembers(plan, seeded("crm_team_members")),
      clients(plan, seeded("crm_clients")),
      interactions(plan, seeded("crm_interactions")),
      kbliCodes(seeded("kbli_codes")),
      immigrationRequirements(plan, seeded("immigration_requirements")),
      servicePrices(plan, seeded("service_prices")),
      memoryFacts(plan, seeded("user_memory_facts")),
      searchHistory(plan, seeded("user_search_history")),
      preferences(plan, seeded("user_preferences")),
      auditEvents(plan, seeded("audit_events")),
      accessLogs(plan, seeded("access_logs")),
      performanceLogs(plan, seeded("performance_logs")),
    ];
  },
};

/** How many there are of each for one client, on the average. */
const perClient = { interactions: 25, facts: 15, searches: 20, events: 30, accesses: 60, measurements: 40 };

const phrases = phrasesByTopic(new Random("zantara/phrases"));

function teamMembers(plan: Plan, seeded: () => Random): Table {
  const columns = ["id", "name", "email", "role"];
  return tableOf(
    { name: "crm_team_members", columns, rows: plan.memberCount },
    seeded,
    (out, random, index) => {
      const { name, email } = person(index + 1, random);
      out.uuid(plan.members.of(index));
      out.text(name);
      out.text(email.replace("@", ".team@"));
      out.text(random.pick(["consultant", "consultant", "tax", "legal", "lead"]));
    },
  );
}

function clients(plan: Plan, seeded: () => Random): Table {
  const columns = ["id", "owner_id", "name", "email", "tier", "created_at"];
  return tableOf({ name: "crm_clients", columns, rows: plan.clientCount }, seeded, (out, random, index) => {
    const { name, email } = person(index + 1, random);
    out.uuid(plan.clients.of(index));
    out.uuid(plan.members.of(random.below(plan.memberCount)));
    out.text(name);
    out.text(email);
    out.text("DDDCCCBBAS"[random.below(10)]!);
    out.timestamp(plan.createdAt[index]!);
  });
}

/** A table that grows with time: an id, what `write` adds, and the moment, which is its last column. */
function overTime(
  plan: Plan,
  seeded: () => Random,
  { name, columns, each, time: column }: { name: string; columns: string[]; each: number; time: string },
  write: WriteRow,
): Table {
  const rows = plan.clientCount * each;
  const times = plan.times(name, rows);
  return tableOf({ name, columns: ["id", ...columns, column], rows }, seeded, (out, random, index) => {
    out.newUuid(times[index]!, random);
    write(out, random, index);
    out.timestamp(times[index]!);
  });
}

function interactions(plan: Plan, seeded: () => Random): Table {
  const columns = ["client_id", "team_member_id", "channel", "summary"];
  const table = { name: "crm_interactions", columns, each: perClient.interactions, time: "occurred_at" };
  return overTime(plan, seeded, table, (out, random) => {
    out.uuid(plan.clients.of(plan.someClient(random)));
    out.uuid(plan.members.of(random.below(plan.memberCount)));
    out.text(random.pick(["whatsapp", "whatsapp", "email", "call", "meeting"]));
    out.joined(some(phrases[random.below(topicCount)]!.answers, 3, 12, random));
  });
}

function memoryFacts(plan: Plan, seeded: () => Random): Table {
  const columns = ["user_id", "fact", "confidence"];
  const table = { name: "user_memory_facts", columns, each: perClient.facts, time: "created_at" };
  return overTime(plan, seeded, table, (out, random) => {
    out.uuid(plan.clients.of(plan.someClient(random)));
    out.joined(some(phrases[random.below(topicCount)]!.passages, 1, 2, random));
    out.real(random.between(50, 100) / 100);
  });
}

function searchHistory(plan: Plan, seeded: () => Random): Table {
  const columns = ["user_id", "query", "results"];
  const table = { name: "user_search_history", columns, each: perClient.searches, time: "searched_at" };
  return overTime(plan, seeded, table, (out, random) => {
    out.uuid(plan.clients.of(plan.someClient(random)));
    out.joined(some(phrases[random.below(topicCount)]!.questions, 1, 1, random));
    out.integer(Math.floor(random.logNormal(8, 1)));
  });
}

function preferences(plan: Plan, seeded: () => Random): Table {
  const columns = ["user_id", "preferences"];
  return tableOf(
    { name: "user_preferences", columns, rows: plan.clientCount },
    seeded,
    (out, random, index) => {
      out.uuid(plan.clients.of(index));
      out.jsonb({ language: random.pick(["id", "en", "it", "uk"]), notify: random.chance(0.6) });
    },
  );
}

function auditEvents(plan: Plan, seeded: () => Random): Table {
  const columns = ["actor_id", "event", "payload"];
  const table = { name: "audit_events", columns, each: perClient.events, time: "occurred_at" };
  return overTime(plan, seeded, table, (out, random) => {
    out.uuid(plan.members.of(Math.floor(plan.memberCount * random.float() ** 2)));
    out.text(random.pick(["client_read", "client_changed", "document_read", "price_changed", "login"]));
    out.jsonb({ client: random.below(plan.clientCount), via: random.pick(["web", "api"]) });
  });
}

function accessLogs(plan: Plan, seeded: () => Random): Table {
  const columns = ["path", "status", "milliseconds"];
  const table = { name: "access_logs", columns, each: perClient.accesses, time: "occurred_at" };
  return overTime(plan, seeded, table, (out, random) => {
    out.text(random.pick(["/api/query", "/api/query", "/api/clients", "/api/kbli", "/health"]));
    out.integer(random.chance(0.97) ? 200 : random.pick([400, 401, 404, 500]));
    out.real(random.logNormal(120, 0.9));
  });
}

function performanceLogs(plan: Plan, seeded: () => Random): Table {
  const columns = ["operation", "milliseconds"];
  const table = { name: "performance_logs", columns, each: perClient.measurements, time: "measured_at" };
  return overTime(plan, seeded, table, (out, random) => {
    out.text(random.pick(["search", "rerank", "generate", "cache_get", "cache_set", "embed"]));
    out.real(random.logNormal(60, 1.2));
  });
}
