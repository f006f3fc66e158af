import type { HetznerAccess } from "../../clients/hetzner.ts";
import type { Config } from "../../infra/config.ts";
import { hetznerPlan } from "../../infra/hetzner/plan.ts";
import type { RecordedResource } from "../../infra/hetzner/prices/deployed.ts";
import { PriceError } from "../../infra/hetzner/prices/price.ts";
import { availablePhases, blueprintOf } from "../../infra/phases/available.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { productionAccess } from "../deploy/access.ts";
import type { Prepared } from "../deploy/prepare.ts";
import { readStackFile, type StackFile } from "../deploy/stackFile.ts";
import { readStateFile } from "../deploy/state.ts";
import { validate } from "../deploy/validate.ts";
import { embeddedPaths, openDeployment, projectName, readState } from "../deploy/workspace.ts";
import { embeddedStatus } from "../embeddedCloud.ts";
import { askPrices } from "./prices.ts";
import { type CostArgs, type CostReport, costReport } from "./report.ts";

export interface CostOptions {
  /** Price the stack as if its file asked for this phase. */
  phase?: number;
}

/** What a stack costs as its file is, beside what is deployed. Touches nothing and starts nothing. */
export async function cost(stack: string, options: CostOptions, ctx: OperationContext): Promise<CostReport> {
  const file = inPhase(await readStackFile(stack), options.phase);
  const config = validate(file);
  const { access, deployed } = file.embedded ? await embeddedWorld(file) : await production(file, ctx);
  const asked = await askPrices(access, file.embedded ? "embedded" : "hetzner");
  return reportOf({ ...planned(config, stack), asked, deployed });
}

/**
 * The price of a stack that is about to be brought up; null where there is none, which is told and holds nothing up.
 */
export async function costOf(prepared: Prepared, ctx: OperationContext): Promise<CostReport | null> {
  const { config, deployment, state, access } = prepared;
  const { stack, embedded } = deployment.file;
  const asked = await askPrices(access, embedded ? "embedded" : "hetzner");
  try {
    return costReport({ ...planned(config, stack), asked, deployed: state?.resources ?? [] });
  } catch (error) {
    if (!(error instanceof PriceError)) throw error;
    ctx.onLine(`warning: no price: ${error.message}`);
    return null;
  }
}

/** @throws Problem (exit 2) where this version cannot build the phase. */
function inPhase(file: StackFile, phase: number | undefined): StackFile {
  if (phase === undefined) return file;
  if (availablePhases.some((each) => each === phase)) {
    return { ...file, config: { ...file.config, "phasewise:phase": phase } };
  }
  throw new Problem({
    happened: `This version cannot build phase ${phase}, so it has no price.`,
    left: "Nothing was changed.",
    todo: [`Give one of: ${availablePhases.join(", ")}`],
    exitCode: 2,
  });
}

function planned(config: Config, stack: string): Pick<CostArgs, "stack" | "phase" | "plan"> {
  return { stack, phase: config.phase, plan: hetznerPlan(blueprintOf(config), config, stack) };
}

interface World {
  access: HetznerAccess | { unavailable: string };
  deployed: RecordedResource[] | { unavailable: string };
}

/** Neither the cloud nor the engine is started for a price. */
async function embeddedWorld({ stack }: StackFile): Promise<World> {
  const [status, state] = await Promise.all([
    embeddedStatus(),
    readStateFile(embeddedPaths.state(), projectName, stack),
  ]);
  const access =
    status.state === "running" ? status : { unavailable: `the embedded cloud is ${status.state}` };
  return { access, deployed: state?.resources ?? [] };
}

async function production(file: StackFile, ctx: OperationContext): Promise<World> {
  const deployment = await openDeployment(file, ctx);
  const orWhyNot = (error: unknown) => ({ unavailable: messageOf(error).trim().split("\n").at(-1) ?? "" });
  const [access, state] = await Promise.all([
    productionAccess(deployment).catch(orWhyNot),
    readState(deployment).catch(orWhyNot),
  ]);
  const deployed = state !== null && "unavailable" in state ? state : (state?.resources ?? []);
  return { access, deployed };
}

function reportOf(args: CostArgs): CostReport {
  try {
    return costReport(args);
  } catch (error) {
    if (!(error instanceof PriceError)) throw error;
    throw new Problem({
      happened: `${args.stack} has no price: ${error.message}.`,
      details: args.asked.fallback === null ? [] : [`The stored list is used: ${args.asked.fallback}`],
      left: "Nothing was changed.",
      todo: ["Ask where the price list of the cloud can be had, or look at https://www.hetzner.com/cloud."],
      cause: error,
    });
  }
}
