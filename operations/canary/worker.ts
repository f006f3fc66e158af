import { parentPort, workerData } from "node:worker_threads";
import { LedgerWriter } from "./ledger.ts";
import { Load, type LoadSettings } from "./load.ts";

/** The load runs in a thread of its own: what the command does meanwhile must not count as a stall. */
const { settings, folder, segment } = workerData as {
  settings: LoadSettings;
  folder: string;
  segment: string;
};
const ledger = new LedgerWriter(folder, segment);
const load = new Load(settings, ledger);
parentPort!.on("message", (asked: "report" | "stop") => {
  if (asked === "stop") load.stop();
  else parentPort!.postMessage(load.report);
});
const report = await load.run();
ledger.close();
parentPort!.postMessage(report);
parentPort!.close();
