import { day, midnight, workingTime } from "../generate/clock.ts";
import type { Settings } from "../generate/example.ts";
import type { Ids } from "../generate/ids.ts";
import { idsAt, inOrder, owners } from "../generate/plan.ts";
import { Random } from "../generate/random.ts";
import { share } from "../generate/share.ts";
import { topicCount } from "../generate/words.ts";

/** How many there are of each for one organization, on the average. */
const perOrganization = {
  users: 5,
  chatbots: 3,
  documents: 20,
  chunks: 200,
  conversations: 120,
  messages: 720,
};
/** How long the system has been in use at the end of the data. */
const age = 540 * day;

/** What several tables must agree on; every table is written from it alone. */
export interface Plan {
  until: number;
  organizations: { count: number; ids: Ids; createdAt: Float64Array; users: Uint32Array };
  chatbots: {
    count: number;
    ids: Ids;
    organization: Uint32Array;
    createdAt: Float64Array;
    topic: Uint8Array;
  };
  documents: { count: number; chatbot: Uint32Array; createdAt: Float64Array; chunks: Uint32Array };
  conversations: {
    count: number;
    ids: Ids;
    chatbot: Uint32Array;
    startedAt: Float64Array;
    messages: Uint32Array;
  };
}

/** Few organizations have most of everything: each kind is shared out by itself. */
export function planFastbots({ seed, size, until }: Settings): Plan {
  const random = new Random(`${seed}/fastbots/plan`);
  const end = midnight(until);
  // The same order for all that is shared among organizations: who has many users has many chatbots.
  const tenants = () => new Random(`${seed}/fastbots/tenants`);
  const organizations = planOrganizations(size, end, random, tenants());
  const chatbots = planChatbots(organizations, end, random, tenants());
  return {
    until: end,
    organizations,
    chatbots,
    documents: planDocuments(size, chatbots, end, random),
    conversations: planConversations(size, chatbots, end, random),
  };
}

function planOrganizations(
  count: number,
  until: number,
  random: Random,
  tenants: Random,
): Plan["organizations"] {
  const createdAt = inOrder(count, () => workingTime(random, until - age, until - 30 * day));
  const users = share(
    { total: count * perOrganization.users, owners: count, least: 1, skew: "strong" },
    tenants,
  );
  return { count, createdAt, users, ids: idsAt(createdAt, random) };
}

function planChatbots(
  organizations: Plan["organizations"],
  until: number,
  random: Random,
  tenants: Random,
): Plan["chatbots"] {
  const count = organizations.count * perOrganization.chatbots;
  const organization = owners(
    share({ total: count, owners: organizations.count, least: 1, skew: "strong" }, tenants),
  );
  const createdAt = Float64Array.from(organization, (owner) =>
    workingTime(random, organizations.createdAt[owner]!, until - 7 * day),
  );
  const topic = Uint8Array.from(organization, () => random.below(topicCount));
  return { count, organization, createdAt, topic, ids: idsAt(createdAt, random) };
}

function planDocuments(
  size: number,
  chatbots: Plan["chatbots"],
  until: number,
  random: Random,
): Plan["documents"] {
  const count = size * perOrganization.documents;
  const chatbot = owners(share({ total: count, owners: chatbots.count, least: 1, skew: "some" }, random));
  const createdAt = Float64Array.from(chatbot, (owner) =>
    workingTime(random, chatbots.createdAt[owner]!, until),
  );
  const chunks = share(
    { total: size * perOrganization.chunks, owners: count, least: 1, skew: "slight" },
    random,
  );
  return { count, chatbot, createdAt, chunks };
}

/** In the order in which they began, as an application would have written them. */
function planConversations(
  size: number,
  chatbots: Plan["chatbots"],
  until: number,
  random: Random,
): Plan["conversations"] {
  const count = size * perOrganization.conversations;
  const unordered = owners(share({ total: count, owners: chatbots.count, least: 1, skew: "some" }, random));
  const starts = Float64Array.from(unordered, (owner) =>
    workingTime(random, chatbots.createdAt[owner]!, until),
  );
  const order = Uint32Array.from(starts.keys()).sort((a, b) => starts[a]! - starts[b]! || a - b);
  const startedAt = Float64Array.from(order, (index) => starts[index]!);
  return {
    count,
    startedAt,
    chatbot: order.map((index) => unordered[index]!),
    messages: share(
      { total: size * perOrganization.messages, owners: count, least: 2, skew: "slight" },
      random,
    ),
    ids: idsAt(startedAt, random),
  };
}
