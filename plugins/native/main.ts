import { enableCompileCache, flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Halves the start, which every preview waits for. Only modules that are imported after this line profit.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "phasewise", "modules"));

const { serve } = await import("../server/serve.ts");
const { authority } = await import("./authority.ts");
const { bucket } = await import("./bucket.ts");
const { certificate } = await import("./certificate.ts");
const { cluster } = await import("./cluster/cluster.ts");
const { host } = await import("./host/host.ts");
const { keyPair } = await import("./keyPair.ts");
const { password } = await import("./password.ts");

await serve({
  name: "phasewise-native",
  version: "0.1.0",
  resources: [host, cluster, bucket, password, keyPair, authority, certificate],
});

// Pulumi ends plugins by a signal, which would lose it.
flushCompileCache();
