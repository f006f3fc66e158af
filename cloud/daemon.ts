import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createHypervisor } from "./machines/hypervisor.ts";
import { startObjectStorage } from "./objects/server.ts";
import { askedToStop, startService } from "./service.ts";
import {
  paths,
  readSettings,
  removeDaemon,
  startTicks,
  writeDaemon,
  writeFailure,
  writeSettings,
} from "./state.ts";
import { StoreBusyError } from "./store/store.ts";

/** The process of a cloud: `node cloud/daemon.ts --directory <absolute path>`. Its output is the cloud's log. */

const { values } = parseArgs({ options: { directory: { type: "string" } } });
const directory = values.directory;
if (!directory) throw new Error("--directory is missing");
const settings = await readSettings(directory);
if (!settings) throw new Error(`there is no cloud in ${directory}`);

function log(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

const progressFile = paths(directory).progress;
const self = { pid: process.pid, startTicks: (await startTicks(process.pid)) ?? "" };
log(`starting (pid ${process.pid})`);
const service = await startService({
  directory,
  settings,
  parts: { createHypervisor, startObjectStorage },
  log,
  progress: (line) => {
    log(line);
    appendFileSync(progressFile, `${line}\n`, { mode: 0o600 });
  },
  onOwned: () => writeDaemon(directory, { ...self, ready: null }),
}).catch(async (error: unknown) => {
  if (error instanceof StoreBusyError) {
    log(`another process runs this cloud; pid ${process.pid} leaves it to that one`);
    process.exit(0);
  }
  log(`the start failed: ${error instanceof Error ? error.stack : error}`);
  await writeFailure(directory, error);
  process.exit(1);
});
if (service.apiPort !== settings.apiPort)
  await writeSettings(directory, { ...settings, apiPort: service.apiPort });
await writeDaemon(directory, { ...self, ready: service.ready });
log(`ready at ${service.ready.endpoint}`);
log(`stopping on ${await askedToStop()}`);
await service.close();
await removeDaemon(directory);
log("stopped");
// Work that did not end in time is left to the next daemon.
process.exit(0);
