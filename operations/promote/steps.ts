import type { Blueprint } from "../../infra/blueprint.ts";
import type { Step } from "../workflow/step.ts";
import type { PromotionWorld } from "./world.ts";

type PromotionStep = Step<PromotionWorld>;

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
  return [
    expand(from.phase, to.phase, { voters: joiningVoters, members: joining }),
    ...joiningVoters.map(joinVoter),
    ...joining.map(joinStandby),
    verifyBetween,
    ...clusters
      .filter(({ before, after }) => without(before, after).length > 0)
      .map(({ before, after }) => cutOver(before, after)),
    confirm,
    ...leaving.map(retire),
    ...leavingVoters.map(leaveVoter),
    contract(to.phase),
    record(from.phase, to.phase),
    verifyAfter,
  ];
}

function pairs(from: Blueprint, to: Blueprint): { before: string[]; after: string[] }[] {
  return to.clusters.map(({ name, members }) => ({
    before: from.clusters.find((cluster) => cluster.name === name)?.members ?? [],
    after: members,
  }));
}

function expand(from: number, to: number, joining: { voters: string[]; members: string[] }): PromotionStep {
  return {
    name: "expand",
    title: `add what phase ${to} has beside what phase ${from} has`,
    // A run that finds everything there ends within seconds; nobody else knows whether all of it is.
    probe: async () => false,
    act: (world) => world.deploy({ from, to }),
    undo: async (world) => {
      // A new machine begins to copy as soon as it is there: long before its own step.
      for (const name of joining.members) await world.abandon(name);
      for (const name of joining.voters) await world.removeVoter(name);
      await world.deploy({ phase: from });
    },
  };
}

function joinVoter(name: string): PromotionStep {
  return {
    name: `join-voter-${name}`,
    title: `give ${name} a vote in etcd`,
    probe: async (world) => (await world.voters()).some((voter) => voter.name === name && !voter.learner),
    act: (world) => world.addVoter(name),
    undo: (world) => world.removeVoter(name),
  };
}

function joinStandby(name: string): PromotionStep {
  return {
    name: `join-standby-${name}`,
    title: `wait until ${name} has copied the data and follows the primary`,
    probe: async (world) =>
      (await world.members()).some((member) => member.name === name && member.streaming),
    act: (world) => world.awaitStandby(name),
    undo: (world) => world.abandon(name),
  };
}

const verifyBetween: PromotionStep = {
  name: "verify-joined",
  title: "check everything before clients are moved",
  probe: async () => false,
  act: (world) => world.verify(),
};

function cutOver(before: string[], after: string[]): PromotionStep {
  const [target] = after;
  const [origin] = before;
  if (target === undefined || origin === undefined) throw new Error("a cluster without members");
  return {
    name: "cut-over",
    title: `move the primary to ${target}`,
    probe: async (world) => after.includes((await leader(world)) ?? ""),
    act: (world) => world.moveLeader(target),
    undo: async (world) => {
      if (!before.includes((await leader(world)) ?? "")) await world.moveLeader(origin);
    },
  };
}

async function leader(world: PromotionWorld): Promise<string | undefined> {
  return (await world.members()).find((member) => member.leader)?.name;
}

const confirm: PromotionStep = {
  name: "confirm",
  title: "check that no client saw an error and no row is missing",
  probe: async () => false,
  act: (world) => world.confirm(),
};

function retire(name: string): PromotionStep {
  return {
    name: `retire-${name}`,
    title: `end PostgreSQL on ${name} and delete its copy of the data`,
    final: true,
    probe: (world) => world.isRetired(name),
    act: (world) => world.retire(name),
  };
}

function leaveVoter(name: string): PromotionStep {
  return {
    name: `leave-voter-${name}`,
    title: `take ${name}'s vote in etcd, and end its etcd`,
    final: true,
    probe: async () => false,
    act: (world) => world.removeVoter(name),
  };
}

function contract(phase: number): PromotionStep {
  return {
    name: "contract",
    title: `take away what phase ${phase} does not have`,
    final: true,
    probe: async () => false,
    act: (world) => world.deploy({ phase }),
  };
}

function record(from: number, to: number): PromotionStep {
  return {
    name: "record",
    title: `write phase ${to} into the stack's file`,
    probe: async (world) => (await world.filePhase()) === to,
    act: (world) => world.writePhase(to),
    undo: (world) => world.writePhase(from),
  };
}

const verifyAfter: PromotionStep = {
  name: "verify",
  title: "check everything",
  probe: async () => false,
  act: (world) => world.verify(),
};

function without(names: string[], taken: string[]): string[] {
  return names.filter((name) => !taken.includes(name));
}
