import { serve } from "../server/serve.ts";
import { authority } from "./authority.ts";
import { bucket } from "./bucket.ts";
import { certificate } from "./certificate.ts";
import { cluster } from "./cluster/cluster.ts";
import { host } from "./host/host.ts";
import { keyPair } from "./keyPair.ts";
import { password } from "./password.ts";

await serve({
  name: "phasewise-native",
  version: "0.1.0",
  resources: [host, cluster, bucket, password, keyPair, authority, certificate],
});
