import { access, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** Clients that others wrote, installed from their own registries and kept for the next run. */

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "phasewise", "test-tools");

async function present(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function apt(name: string): Promise<void> {
  await execa("apt-get", ["install", "--yes", "--no-install-recommends", name], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
}

/** The path of the `hcloud` CLI as Debian has it. */
export async function hcloudCli(): Promise<string> {
  if (!(await present("/usr/bin/hcloud"))) await apt("hcloud-cli");
  return "/usr/bin/hcloud";
}

/** A Python that has Hetzner's client from PyPI. */
export async function hcloudPython(): Promise<string> {
  const folder = join(cache, "hcloud-python-2.27.0");
  const python = join(folder, "bin", "python");
  const complete = join(folder, "complete");
  if (await present(complete)) return python;
  await mkdir(cache, { recursive: true });
  const made = await execa("python3", ["-m", "venv", "--clear", folder], { reject: false });
  if (made.failed) {
    await apt("python3-venv");
    await execa("python3", ["-m", "venv", "--clear", folder]);
  }
  await execa(python, ["-m", "pip", "install", "--quiet", "hcloud==2.27.0"]);
  await execa("touch", [complete]);
  return python;
}
