import { propertyDiff } from "../../server/diff.ts";
import { type Context, type Properties, type ResourceType, Secret, UNKNOWN } from "../../server/resource.ts";
import { isObject, same, unwrap } from "../../server/values.ts";
import { notKnown } from "../notKnown.ts";
import { type ClusterOutputs, convergeCluster, readCluster } from "./converge.ts";
import { asFound } from "./drift.ts";
import { checkInputs, plainInputs, type StoredCluster } from "./inputs.ts";
import { firstLine, isBusy, NoLeader, type WaitOptions } from "./leader.ts";
import { NotUp } from "./remote.ts";

const DEADLINE_SECONDS = 300;
/** A refresh does not wait for a cluster that is down. */
const READ_SECONDS = 10;
/** Members that run, but are busy, answer late. */
const BUSY_READ_SECONDS = 60;

/**
 * A PostgreSQL cluster under Patroni: what belongs to no machine and is done through the current leader. That is
 * Patroni's dynamic configuration, SQL roles (as SCRAM verifiers), databases, extensions and rights, and steps on
 * the leader's machine.
 *
 * Settings that need a restart are reported as `pendingRestarts`, never restarted for. What a declaration leaves
 * out (a role, a database) stays, as it may hold data; `delete` leaves everything as it is.
 */
export const cluster: ResourceType = {
  token: "phasewise-native:index:Cluster",

  async check(_ctx, { news }) {
    return checkInputs(news);
  },

  async diff(_ctx, { oldInputs, newInputs }) {
    return propertyDiff({ olds: oldInputs, news: newInputs, forcesReplacement: (path) => path === "name" });
  },

  async create(ctx, { inputs, preview }) {
    if (preview) return { id: "", outputs: unknownOutputs() };
    const wanted = plainInputs(inputs);
    const outputs = await convergeCluster(wanted, null, waiting(ctx, patience(ctx, wanted)));
    return { id: wanted.name, outputs: told(ctx, outputs) };
  },

  async update(ctx, { oldInputs, oldOutputs, newInputs, preview }) {
    if (preview) {
      const configured = same(oldInputs.dynamicConfiguration, newInputs.dynamicConfiguration);
      const outputs = unwrap(oldOutputs) as Properties;
      return { outputs: configured ? outputs : { ...outputs, pendingRestarts: UNKNOWN } };
    }
    const wanted = plainInputs(newInputs);
    const olds = plainInputs(oldInputs);
    sayKept(ctx, olds, wanted);
    const outputs = await convergeCluster(wanted, olds, waiting(ctx, patience(ctx, wanted)));
    return { outputs: told(ctx, outputs) };
  },

  async read(ctx, { id, inputs, outputs }) {
    if (inputs === null || outputs === null) {
      throw new Error(
        `A Cluster cannot be imported: the id ${id} says nothing about how to reach its members. Nothing was changed. ` +
          "Declare the Cluster instead: what is there already is taken over, and only differences are changed.",
      );
    }
    const wanted = plainInputs(inputs);
    try {
      const busyEnd = Date.now() + BUSY_READ_SECONDS * 1000;
      const state = await readCluster(wanted, { ...waiting(ctx, READ_SECONDS), busyEnd });
      const found = withSecrets(inputs, asFound(wanted, state));
      return { id, inputs: found, outputs: { ...state.outputs } };
    } catch (error) {
      if (isBusy(error)) {
        ctx.log(
          "warning",
          notKnown(
            `The members of the cluster ${wanted.name} are too busy to be looked at, and it is taken to be as it was: ${firstLine(error)}`,
          ),
        );
        return { id, inputs, outputs };
      }
      if (!(error instanceof NoLeader || error instanceof NotUp)) throw error;
      // It is not as it was declared, and the next update brings it back or says why it cannot.
      ctx.log("warning", firstLine(error));
      return { id, inputs: { ...inputs, found: "no working leader" }, outputs };
    }
  },

  async delete() {},
};

function patience(ctx: Context, wanted: StoredCluster): number {
  return ctx.timeoutSeconds || wanted.deadlineSeconds || DEADLINE_SECONDS;
}

function waiting(ctx: Context, seconds: number): WaitOptions {
  return {
    signal: ctx.signal,
    end: Date.now() + seconds * 1000,
    onWait: (line) => ctx.status(line),
    onWarning: (line) => ctx.log("warning", line),
  };
}

function unknownOutputs(): Properties {
  return {
    leader: UNKNOWN,
    timeline: UNKNOWN,
    systemIdentifier: UNKNOWN,
    postgresVersion: UNKNOWN,
    pendingRestarts: UNKNOWN,
  };
}

function told(ctx: Context, outputs: ClusterOutputs): Properties {
  for (const { member, parameters } of outputs.pendingRestarts) {
    ctx.log("warning", `${member} has to be restarted for ${parameters.join(", ")}: rollout does it.`);
  }
  return { ...outputs };
}

/** A role or a database that is no longer declared may hold data, so nothing is done about it but saying so. */
function sayKept(ctx: Context, olds: StoredCluster, wanted: StoredCluster): void {
  const kept = [
    ...Object.keys(olds.roles ?? {})
      .filter((name) => !(name in wanted.roles))
      .map((name) => `role ${name}`),
    ...Object.keys(olds.databases ?? {})
      .filter((name) => !(name in wanted.databases))
      .map((name) => `database ${name}`),
  ];
  if (kept.length === 0) return;
  ctx.log(
    "warning",
    `No longer declared, but left as they are, since they may hold data: ${kept.join(", ")}.`,
  );
}

/** The found inputs with the same values marked as secrets as before. */
function withSecrets(before: Properties, found: StoredCluster): Properties {
  return remark(before, found) as Properties;
}

function remark(before: unknown, found: unknown): unknown {
  if (before instanceof Secret) return new Secret(found);
  if (!isObject(before) || !isObject(found)) return found;
  return Object.fromEntries(Object.entries(found).map(([key, value]) => [key, remark(before[key], value)]));
}
