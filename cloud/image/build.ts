import { createWriteStream } from "node:fs";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { environment, run } from "../machines/run.ts";
import { buildProblem } from "./problems.ts";
import { builderArguments, filesVariable, type Recipe } from "./recipe.ts";
import { disablePrebaked } from "./services.ts";

/** A line at least so often, so that nobody takes a slow mirror for a dead build. */
const heartbeatMs = 15_000;

/**
 * Builds an image's root in a folder. Everything that it starts ends with this process, however that ends.
 * @param folder An empty one; the root becomes its subfolder "root".
 * @param log File for what the builder says.
 * @throws Problem
 */
export async function buildRoot(
  recipe: Recipe,
  folder: string,
  log: string,
  onProgress: (line: string) => void,
): Promise<void> {
  const files = join(folder, "files");
  for (const [path, content] of Object.entries(recipe.files)) await place(join(files, path), content);
  const root = join(folder, "root");
  await bootstrap(recipe, { root, files, log }, onProgress);
  onProgress("Machine image: finishing");
  await finish(recipe, root);
  await rm(files, { recursive: true });
}

async function bootstrap(
  recipe: Recipe,
  { root, files, log }: { root: string; files: string; log: string },
  onProgress: (line: string) => void,
): Promise<void> {
  // setpriv: killed when this process is. unshare: all of the builder's processes and mounts end with the first one.
  // umask: the image's files are for all of its users, whatever ours.
  const wrapper = ["--pdeathsig", "KILL", "unshare", "--fork", "--pid", "--kill-child", "--mount-proc"];
  const shell = ["sh", "-c", 'umask 022; exec "$@"', "sh", "mmdebstrap", ...builderArguments(recipe, root)];
  const builder = execa("setpriv", [...wrapper, ...shell], {
    env: environment({ ...proxyEnvironment(), [filesVariable]: files }),
    extendEnv: false,
    cwd: "/",
    stdin: "ignore",
    all: true,
    buffer: false,
    reject: false,
  });
  const started = Date.now();
  let stage = "starting";
  const tell = () => onProgress(`Machine image: ${stage} (${Math.round((Date.now() - started) / 1000)} s)`);
  const heartbeat = setInterval(tell, heartbeatMs);
  const file = createWriteStream(log, { mode: 0o600 });
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: builder.all })) {
      file.write(`${line}\n`);
      lines.push(line);
      const told = stageOf(line);
      if (!told || told === stage) continue;
      stage = told;
      tell();
    }
  } finally {
    clearInterval(heartbeat);
    file.end();
  }
  const result = await builder;
  if (result.exitCode !== 0) throw buildProblem(lines.join("\n"), log);
}

/** What the builder announces, by the beginnings of its lines, in our words. */
const stages: [announced: string, stage: string][] = [
  ["I: running apt-get update", "reading the mirror's lists"],
  ["I: downloading packages", "downloading packages"],
  ["I: extracting archives", "unpacking the base system"],
  ["I: installing", "installing packages"],
];

function stageOf(line: string): string | null {
  return stages.find(([announced]) => line.startsWith(announced))?.[1] ?? null;
}

function proxyEnvironment(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** What makes a bare Debian a server that the cloud can start: no identity of its own, and the network by networkd. */
async function finish(recipe: Recipe, root: string): Promise<void> {
  await disablePrebaked(root, recipe.prebaked);
  await run("chroot", [root, "systemctl", "--quiet", "enable", "systemd-networkd.service"]);
  await run("chroot", [root, "sh", "-c", "rm -f /etc/ssh/ssh_host_* /etc/hostname /var/lib/dbus/machine-id"]);
  for (const empty of ["etc/machine-id", "etc/resolv.conf", "etc/fstab"]) {
    await rm(join(root, empty), { force: true });
    await place(join(root, empty), "");
  }
}

async function place(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFile(path, content);
  await chmod(path, 0o644);
}
