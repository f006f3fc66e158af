import type { FastifyInstance } from "fastify";
import { messageOf } from "../toolchain/problem.ts";
import { Cloud } from "./api/cloud.ts";
import { BalancerKeeper } from "./api/keepBalancers.ts";
import type { Kinds } from "./api/model.ts";
import { pruneActions } from "./api/prune.ts";
import { tasks } from "./api/registry.ts";
import { createApi } from "./api/server.ts";
import { world } from "./api/specs.ts";
import { watchServers } from "./api/watch.ts";
import type { Hypervisor, HypervisorOptions } from "./hypervisor.ts";
import { type ObjectStorageAccess, paths, type Ready, type Settings } from "./state.ts";
import { Store } from "./store/store.ts";

/** A running object storage. */
export interface ObjectStorage extends ObjectStorageAccess {
  close(): Promise<void>;
}

export interface ObjectStorageOptions {
  directory: string;
  /** Where it listens; the first one stands in its endpoint. */
  addresses: string[];
  region: string;
  log(line: string): void;
}

/** What a cloud is put together from. */
export interface Parts {
  createHypervisor(options: HypervisorOptions): Promise<Hypervisor>;
  startObjectStorage(options: ObjectStorageOptions): Promise<ObjectStorage>;
}

export interface ServiceOptions {
  directory: string;
  settings: Settings;
  parts: Parts;
  /** A line for the log. */
  log(line: string): void;
  /** A line for whoever waits for the start. */
  progress(line: string): void;
  /** Called once it is sure that no other process runs this cloud. */
  onOwned(): Promise<void>;
}

export interface Service {
  ready: Ready;
  apiPort: number;
  /** Ends the API and lets go of everything. Machines go on. */
  close(): Promise<void>;
}

/** Where the one S3 endpoint claims to be; Hetzner has one in fsn1, nbg1 and hel1 each. */
const objectStorageRegion = "fsn1";

/** How long work that is under way may still take when the cloud stops. */
const stopMs = 20_000;

async function listen(app: FastifyInstance, preferred: number, log: (line: string) => void): Promise<number> {
  try {
    await app.listen({ host: "127.0.0.1", port: preferred });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    log(`port ${preferred} is taken by another process; the API takes a free one`);
    await app.listen({ host: "127.0.0.1", port: 0 });
  }
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new Error("the API has no port");
  return address.port;
}

/**
 * Starts a cloud: takes up what the store knows, brings the world there, and answers requests.
 *
 * @throws StoreBusyError when another process runs the cloud of this directory.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { directory, settings, parts, log, progress } = options;
  const files = paths(directory);
  const store = new Store<Kinds>(files.store);
  const undo: (() => Promise<void>)[] = [async () => store.close()];
  const close = async () => {
    for (const step of undo.reverse()) await step();
    undo.length = 0;
  };
  try {
    await options.onOwned();
    const hypervisor = await parts.createHypervisor({
      directory: files.machines,
      imagePackages: settings.imagePackages,
      onProgress: progress,
    });
    undo.push(() => hypervisor.close());
    const objects = await parts.startObjectStorage({
      directory: files.objects,
      addresses: [hypervisor.publicRange.gateway],
      region: objectStorageRegion,
      log,
    });
    undo.push(() => objects.close());
    const { endpoint: objectsEndpoint, region, accessKey, secretKey, caCertificate } = objects;
    const objectStorage = { endpoint: objectsEndpoint, region, accessKey, secretKey, caCertificate };
    const cloud = new Cloud({ store, hypervisor, tasks, log });
    pruneActions(cloud.store);
    progress("Bringing the machines to where they were");
    await hypervisor.reconcile(world(store)).catch((error: unknown) => {
      // One machine that does not boot keeps nobody from the others; the API says of each whether it runs.
      log(`not everything came back: ${messageOf(error)}`);
      progress(`Not everything came back: ${messageOf(error)}`);
    });
    const watch = await watchServers(cloud, log);
    undo.push(() => watch.stop());
    const balancers = new BalancerKeeper(cloud, log);
    balancers.start();
    undo.push(() => balancers.stop());
    undo.push(() => cloud.engine.stop(stopMs));
    cloud.engine.kick();
    const app = createApi({ cloud, token: settings.token, log });
    undo.push(() => app.close());
    const apiPort = await listen(app, settings.apiPort, log);
    const endpoint = `http://127.0.0.1:${apiPort}/v1`;
    return { ready: { endpoint, objectStorage, publicRange: hypervisor.publicRange }, apiPort, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Resolves with the signal that asks this process to end. */
export function askedToStop(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => resolve(signal));
  });
}
