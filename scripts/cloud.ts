import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";

interface Options extends CommonOptions {
  yes?: boolean;
}

export function cloud(program: Command): void {
  const group = program.command("cloud").description("the embedded Hetzner cloud of this checkout");
  start(group);
  stop(group);
  status(group);
  env(group);
  rotateKeys(group);
  destroy(group);
}

function start(group: Command): void {
  group
    .command("start")
    .description("start its daemon; `up` of an embedded stack does it by itself")
    .option("--json", "{endpoint, pid} as JSON on standard output")
    .action((options: Options) =>
      run(options, async (ctx) => {
        const { ensureCloud } = await import("../operations/deploy/cloud.ts");
        const { endpoint, pid } = await ensureCloud(ctx);
        if (options.json) printJson({ endpoint, pid });
        else print(`The embedded cloud runs at ${endpoint} (process ${pid}).`);
        return 0;
      }),
    );
}

function stop(group: Command): void {
  group
    .command("stop")
    .description("stop its daemon; its machines run on")
    .option("--json", "{stopped} as JSON on standard output")
    .action((options: Options) =>
      run(options, async () => {
        const { stopEmbedded } = await import("../operations/embeddedCloud.ts");
        const stopped = await stopEmbedded();
        if (options.json) printJson({ stopped });
        else
          print(
            stopped
              ? "The embedded cloud is stopped; its machines run on."
              : "The embedded cloud did not run.",
          );
        return 0;
      }),
    );
}

function status(group: Command): void {
  group
    .command("status")
    .description("whether it runs, and where")
    .option("--json", "{state, endpoint?, pid?} as JSON on standard output")
    .action((options: Options) =>
      run(options, async () => {
        const { embeddedStatus } = await import("../operations/embeddedCloud.ts");
        const found = await embeddedStatus();
        const shown = {
          state: found.state,
          ...("pid" in found ? { pid: found.pid } : {}),
          ...(found.state === "running"
            ? { endpoint: found.endpoint, objectStorage: found.objectStorage.endpoint }
            : {}),
        };
        if (options.json) printJson(shown);
        else
          print(
            Object.entries(shown)
              .map(([key, value]) => `${key}: ${value}`)
              .join("\n"),
          );
        return 0;
      }),
    );
}

function env(group: Command): void {
  group
    .command("env")
    .description("the exports that point other clients at it, the token among them")
    .option("--json", "the variables as JSON on standard output")
    .addHelpText("after", '\nExample:\n  eval "$(npx phasewise cloud env)" && hcloud server list')
    .action((options: Options) =>
      run(options, async () => {
        const { cloudVariables } = await import("../operations/cloudVariables.ts");
        const variables = await cloudVariables();
        if (options.json) printJson(variables);
        else for (const [name, value] of Object.entries(variables)) print(`export ${name}='${value}'`);
        return 0;
      }),
    );
}

function rotateKeys(group: Command): void {
  group
    .command("rotate-keys")
    .description("revoke the object storage's keys and make new ones; `up` then tells them to each stack")
    .option("--json", "{rotated} as JSON on standard output")
    .action((options: Options) =>
      run(options, async (ctx) => {
        const { rotateObjectKeys } = await import("../operations/embeddedCloud.ts");
        await rotateObjectKeys(ctx);
        if (options.json) printJson({ rotated: true });
        else print("The object storage has new keys: run npx phasewise up for each stack that uses it.");
        return 0;
      }),
    );
}

function destroy(group: Command): void {
  group
    .command("destroy")
    .description("remove it with all machines, volumes, buckets, and the state of the stacks on it")
    .option("-y, --yes", "do not ask")
    .option("--json", "{destroyed} as JSON on standard output")
    .action((options: Options) =>
      run(options, async (ctx) => {
        const { destroyEmbedded } = await import("../operations/embeddedCloud.ts");
        const question = "Remove the embedded cloud with all data of all stacks on it?";
        if (!options.yes) requireTerminal("npx phasewise cloud destroy");
        if (!options.yes && !(await ask(question))) return 130;
        await destroyEmbedded(ctx);
        if (options.json) printJson({ destroyed: true });
        else print("The embedded cloud is gone.");
        return 0;
      }),
    );
}
