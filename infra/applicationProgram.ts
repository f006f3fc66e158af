import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const main = fileURLToPath(new URL("../examples/app/main.ts", import.meta.url));

/** The reference application as one file for Node, gzipped, as base64; the same for the same sources and libraries. */
export async function applicationProgram(): Promise<string> {
  const { rolldown } = await import("rolldown");
  // The driver's native part is asked for only where somebody wants it.
  const bundle = await rolldown({ input: main, platform: "node", external: ["pg-native"], logLevel: "warn" });
  const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
  await bundle.close();
  return gzipSync(output[0].code, { level: 9 }).toString("base64");
}
