import { day, midnight, workingTime } from "../generate/clock.ts";
import type { CopyWriter } from "../generate/copyWriter.ts";
import type { Example, Settings, Table } from "../generate/example.ts";
import type { Ids } from "../generate/ids.ts";
import { idsAt, inOrder, owners } from "../generate/plan.ts";
import { Random } from "../generate/random.ts";
import { share } from "../generate/share.ts";
import { tableOf } from "../generate/table.ts";
import { company, phrasesByTopic, some, topicCount, topicName } from "../generate/words.ts";

export const example: Example = {
  title: "Venture system: content, calendar, notifications and money of many ventures",
  version: 1,
  unit: "ventures",
  scales: { small: 100, medium: 2000, large: 20_000 },
  extensions: [],
  query: `SELECT date_trunc('month', date)::date AS month, sum(amount), count(*) FROM financial_records
  WHERE venture_id = (SELECT id FROM ventures LIMIT 1) GROUP BY 1 ORDER BY 1;`,
  tables(settings) {
    const plan = planVentures(settings);
    const seeded = (table: string) => () => new Random(`${settings.seed}/ventures/${table}`);
    return [
      ventures(plan, seeded("ventures")),
      contentDrafts(plan, seeded("content_drafts")),
      calendarEvents(plan, seeded("calendar_events")),
      notifications(plan, seeded("notifications")),
      financialRecords(plan, seeded("financial_records")),
      socialPosts(plan, seeded("social_posts")),
      sharedAssets(plan, seeded("shared_assets")),
      eventLog(plan, seeded("event_log")),
    ];
  },
};

/** How many there are of each for one venture, on the average. */
const perVenture = {
  drafts: 30,
  events: 40,
  notifications: 150,
  records: 200,
  posts: 60,
  assets: 25,
  logged: 100,
};

interface Plan {
  until: number;
  count: number;
  ids: Ids;
  /** Each venture's user. */
  user: Uint32Array;
  userIds: Ids;
  createdAt: Float64Array;
  /** To which venture each of so many rows belongs: the same few ventures have most of everything. */
  shared(perVenture: number): Uint32Array;
}

function planVentures({ seed, size: count, until }: Settings): Plan {
  const random = new Random(`${seed}/ventures/plan`);
  const end = midnight(until);
  const createdAt = inOrder(count, () => workingTime(random, end - 720 * day, end - 7 * day));
  const users = Math.ceil(count / 3);
  const user = owners(share({ total: count, owners: users, least: 1, skew: "slight" }, random));
  const shared = (each: number) =>
    owners(
      share(
        { total: count * each, owners: count, least: 1, skew: "some" },
        new Random(`${seed}/ventures/shares`),
      ),
    );
  const ids = idsAt(createdAt, random);
  const userIds = idsAt(createdAt.slice(0, users), random);
  return { until: end, count, ids, user, userIds, createdAt, shared };
}

function ventures(plan: Plan, seeded: () => Random): Table {
  const columns = ["id", "user_id", "name", "is_active", "created_at"];
  return tableOf({ name: "ventures", columns, rows: plan.count }, seeded, (out, random, index) => {
    out.uuid(plan.ids.of(index));
    out.uuid(plan.userIds.of(plan.user[index]!));
    out.text(company(random));
    out.boolean(random.chance(0.7));
    out.timestamp(plan.createdAt[index]!);
  });
}

/** What every table of a venture begins with: its columns, its rows' venture, and a time of each. */
function ofVenture(
  plan: Plan,
  name: string,
  columns: string[],
  each: number,
  rest: (out: CopyWriter, random: Random, time: number, venture: number) => void,
  seeded: () => Random,
): Table {
  const venture = plan.shared(each);
  const table = { name, columns: ["id", "venture_id", ...columns], rows: venture.length };
  return tableOf(table, seeded, (out, random, index) => {
    const owner = venture[index]!;
    const time = workingTime(random, plan.createdAt[owner]!, plan.until);
    out.newUuid(time, random);
    out.uuid(plan.ids.of(owner));
    rest(out, random, time, owner);
  });
}

function contentDrafts(plan: Plan, seeded: () => Random): Table {
  const phrases = phrasesByTopic(new Random("phrases"));
  const columns = ["title", "body", "status", "created_at"];
  const rest = (out: CopyWriter, random: Random, time: number, venture: number) => {
    const topic = venture % topicCount;
    out.text(`All about ${topicName(topic)}, part ${random.between(1, 40)}`);
    out.joined(some(phrases[topic]!.passages, 12, 80, random));
    out.text(random.chance(0.5) ? "published" : random.pick(["draft", "review"]));
    out.timestamp(time);
  };
  return ofVenture(plan, "content_drafts", columns, perVenture.drafts, rest, seeded);
}

function calendarEvents(plan: Plan, seeded: () => Random): Table {
  const columns = ["title", "start_date", "end_date", "completed"];
  const rest = (out: CopyWriter, random: Random, time: number, venture: number) => {
    // A fifth lies ahead of the data's end.
    const start = time + (random.chance(0.2) ? plan.until - time + random.below(60) * day : 0);
    out.text(
      `${random.pick(["Call", "Launch", "Review", "Planning", "Workshop"])}: ${topicName(venture % topicCount)}`,
    );
    out.timestamp(start);
    out.timestamp(start + random.pick([0.5, 1, 1, 2, 8]) * 3_600_000);
    out.boolean(start < plan.until && random.chance(0.9));
  };
  return ofVenture(plan, "calendar_events", columns, perVenture.events, rest, seeded);
}

function notifications(plan: Plan, seeded: () => Random): Table {
  const phrases = phrasesByTopic(new Random("phrases"));
  const columns = ["user_id", "text", "read", "created_at"];
  const rest = (out: CopyWriter, random: Random, time: number, venture: number) => {
    out.uuid(plan.userIds.of(plan.user[venture]!));
    out.joined(some(phrases[venture % topicCount]!.answers, 1, 2, random));
    // What is older than a month has been read, but for a few.
    out.boolean(random.chance(time < plan.until - 30 * day ? 0.97 : 0.6));
    out.timestamp(time);
  };
  return ofVenture(plan, "notifications", columns, perVenture.notifications, rest, seeded);
}

function financialRecords(plan: Plan, seeded: () => Random): Table {
  const columns = ["kind", "amount", "date", "created_at"];
  const rest = (out: CopyWriter, random: Random, time: number) => {
    const expense = random.chance(0.35);
    out.text(expense ? "expense" : "income");
    out.hundredths(Math.max(1, Math.round(random.logNormal(8_000, 1.2))) * (expense ? -1 : 1));
    // Some are written days after the day that they belong to.
    out.date(time - (random.chance(0.3) ? random.between(1, 20) * day : 0));
    out.timestamp(time);
  };
  return ofVenture(plan, "financial_records", columns, perVenture.records, rest, seeded);
}

function socialPosts(plan: Plan, seeded: () => Random): Table {
  const phrases = phrasesByTopic(new Random("phrases"));
  const columns = ["network", "text", "likes", "created_at"];
  const rest = (out: CopyWriter, random: Random, time: number, venture: number) => {
    out.text(random.pick(["instagram", "linkedin", "mastodon", "tiktok"]));
    out.joined(some(phrases[venture % topicCount]!.passages, 2, 5, random));
    out.integer(Math.floor(random.logNormal(12, 1.4)));
    out.timestamp(time);
  };
  return ofVenture(plan, "social_posts", columns, perVenture.posts, rest, seeded);
}

function sharedAssets(plan: Plan, seeded: () => Random): Table {
  const columns = ["name", "media_type", "bytes", "created_at"];
  const rest = (out: CopyWriter, random: Random, time: number, venture: number) => {
    const type = random.pick(["image/png", "image/jpeg", "video/mp4", "application/pdf"]);
    out.text(`${topicName(venture % topicCount)}-${random.between(1, 9999)}.${type.split("/")[1]}`);
    out.text(type);
    out.bigint(Math.floor(random.logNormal(400_000, 1.5)));
    out.timestamp(time);
  };
  return ofVenture(plan, "shared_assets", columns, perVenture.assets, rest, seeded);
}

function eventLog(plan: Plan, seeded: () => Random): Table {
  const rows = plan.count * perVenture.logged;
  const columns = ["event", "venture_id", "payload", "occurred_at"];
  const span = 90 * day;
  return tableOf({ name: "event_log", columns, rows }, seeded, (out, random, index) => {
    out.text(random.pick(["event_created", "event_updated", "event_updated", "event_completed"]));
    out.uuid(plan.ids.of(Math.floor(plan.count * random.float() ** 2)));
    out.jsonb({ by: random.pick(["user", "agent"]), fields: random.between(1, 4) });
    out.timestamp(plan.until - span + Math.floor((span * index) / rows));
  });
}
