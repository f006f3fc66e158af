import type { Blueprint } from "../../infra/blueprint.ts";
import { cutOver } from "../promote/steps/cutOver.ts";
import { joinStandby } from "../promote/steps/joinStandby.ts";
import type { PromotionStep } from "../promote/steps/promotionStep.ts";
import { retire } from "../promote/steps/retire.ts";
import { verifyJoined } from "../promote/steps/verifyJoined.ts";
import type { Step } from "../workflow/step.ts";
import type { ScaleWorld } from "./world.ts";

type ScaleStep = Step<ScaleWorld>;

/** What a change of size consists of, as far as its steps depend on it. */
export interface ScaleRequest {
  before: Blueprint;
  after: Blueprint;
  /** Machines that get another type, in their order. */
  resize: string[];
}

/** Add, join, resize one machine after the other, lead away from what leaves, take it away, write it down. */
export function scaleSteps({ after, before, resize }: ScaleRequest): ScaleStep[] {
  const members = (blueprint: Blueprint) => blueprint.clusters.flatMap((cluster) => cluster.members);
  const joining = members(after).filter((name) => !members(before).includes(name));
  const leaving = members(before).filter((name) => !members(after).includes(name));
  return [
    expand,
    ...joining.map((name) => ofMembers(joinStandby(name))),
    ...resize.flatMap((name, index) => resizing(name, resize.slice(0, index + 1))),
    ...(leaving.length > 0 ? [ofMembers(cutOver(members(before), members(after)))] : []),
    ...(joining.length + leaving.length > 0 ? [ofMembers(verifyJoined)] : []),
    ...leaving.map((name) => ofMembers(retire(name, !after.nodes.some((node) => node.name === name)))),
    contract,
    record,
    verify,
  ];
}

function ofMembers({ act, final, name, probe, title }: PromotionStep): ScaleStep {
  return {
    name,
    title,
    ...(final ? { final } : {}),
    probe: (world) => probe(world.members),
    act: (world) => act(world.members),
  };
}

const expand: ScaleStep = {
  name: "expand",
  title: "add what the new size has beside what there is, and grow volumes",
  // A run that finds everything there ends within seconds; nobody else knows whether all of it is.
  probe: async () => false,
  act: (world) => world.deploy("expanded", []),
};

function resizing(name: string, resized: string[]): ScaleStep[] {
  const done = async (world: ScaleWorld) => world.hasNewType(name);
  return [
    {
      name: `lead-away-${name}`,
      title: `lead clients and the primary away from ${name}`,
      probe: done,
      act: (world) => world.leadAway(name),
    },
    {
      name: `resize-${name}`,
      title: `turn ${name} off, change its type, turn it on`,
      probe: done,
      act: async (world) => {
        await world.stop(name);
        await world.deploy("expanded", resized);
      },
    },
    {
      name: `settle-${name}`,
      title: `let ${name} serve again, and check everything`,
      probe: async () => false,
      act: (world) => world.settle(name),
    },
  ];
}

const contract: ScaleStep = {
  name: "contract",
  title: "take away what the new size does not have",
  final: true,
  probe: async () => false,
  act: (world) => world.deploy("contracted", []),
};

const record: ScaleStep = {
  name: "record",
  title: "write the new size into the stack's file",
  probe: (world) => world.isRecorded(),
  act: (world) => world.record(),
};

const verify: ScaleStep = {
  name: "verify",
  title: "check everything",
  probe: async () => false,
  act: (world) => world.members.verify(),
};
