#!/usr/bin/env node
// Started by whatever Node the system has (18 or newer): goes on under the Node 24 of node_modules, which
// runs the TypeScript sources as they are.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(root, "node_modules", "node", "bin", "node");
const major = Number(process.versions.node.split(".")[0]);

if (!existsSync(join(root, "node_modules", "commander")) || (major < 24 && !existsSync(node))) {
  process.stderr.write(
    "error: Phasewise's libraries are not installed; nothing was changed.\n" +
      `  do: run \`npm ci\` in ${root}, then this command again.\n`,
  );
  process.exit(1);
}

if (major >= 24) {
  // Compiled code is kept between runs: it halves the start of a command.
  module.enableCompileCache?.();
  const { main } = await import("../scripts/main.ts");
  await main(process.argv.slice(2));
} else {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    // The fourth channel tells the command that this process is gone, however it went.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, PHASEWISE_LAUNCHER: String(process.pid) },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(
      `error: ${node} could not be started: ${error.message}\n  do: run \`npm ci\` again.\n`,
    );
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal) {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
      process.kill(process.pid, signal);
    } else {
      process.exit(code ?? 1);
    }
  });
}
