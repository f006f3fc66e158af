import type { Blueprint } from "../../../infra/blueprint.ts";
import { confirm } from "./confirm.ts";
import { contract } from "./contract.ts";
import { cutOver } from "./cutOver.ts";
import { expand } from "./expand.ts";
import { joinReplica } from "./joinReplica.ts";
import { joinStandby } from "./joinStandby.ts";
import { joinVoter } from "./joinVoter.ts";
import { leaveVoter } from "./leaveVoter.ts";
import { moveCache } from "./moveCache.ts";
import type { PromotionStep } from "./promotionStep.ts";
import { record } from "./record.ts";
import { retire } from "./retire.ts";
import { retireReplica } from "./retireReplica.ts";
import { verify } from "./verify.ts";
import { verifyJoined } from "./verifyJoined.ts";

/**
 * What leads from one phase to another, up or down: expand, join, verify, cut over, confirm, contract. It follows from
 * what the two phases consist of; a phase that is added later needs nothing here.
 */
export function promotionSteps(from: Blueprint, to: Blueprint): PromotionStep[] {
  const joiningVoters = without(to.consensus.members, from.consensus.members);
  const leavingVoters = without(from.consensus.members, to.consensus.members);
  const clusters = pairs(from, to);
  const joining = clusters.flatMap(({ before, after }) => without(after, before));
  const leaving = clusters.flatMap(({ before, after }) => without(before, after));
  const caches = from.caches.flatMap(({ name, on }) => {
    const now = to.caches.find((cache) => cache.name === name);
    return now ? [{ name, before: on, after: now.on }] : [];
  });
  const newReplicas = caches.flatMap(({ name: cache, before, after }) =>
    without(after, before).map((name) => ({ cache, name, before })),
  );
  return [
    expand(from.phase, to.phase, { voters: joiningVoters, members: joining, replicas: newReplicas }),
    ...joiningVoters.map(joinVoter),
    ...joining.map(joinStandby),
    ...newReplicas.map(({ cache, name }) => joinReplica(cache, name)),
    verifyJoined,
    ...clusters
      .filter(({ before, after }) => without(before, after).length > 0)
      .map(({ before, after }) => cutOver(before, after)),
    ...caches
      .filter(({ before, after }) => without(before, after).length > 0)
      .map(({ name, after }) => moveCache(name, after)),
    confirm,
    ...leaving.map((name) => retire(name, !to.nodes.some((node) => node.name === name))),
    ...caches.flatMap(({ name, before, after }) =>
      without(before, after).map((replica) => retireReplica(name, replica, after)),
    ),
    ...leavingVoters.map(leaveVoter),
    contract(to.phase),
    record(from.phase, to.phase),
    verify,
  ];
}

function pairs(from: Blueprint, to: Blueprint): { before: string[]; after: string[] }[] {
  return to.clusters.map(({ name, members }) => ({
    before: from.clusters.find((cluster) => cluster.name === name)?.members ?? [],
    after: members,
  }));
}

function without(names: string[], taken: string[]): string[] {
  return names.filter((name) => !taken.includes(name));
}
