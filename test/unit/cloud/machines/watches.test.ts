import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFailure } from "../../../../cloud/machines/power.ts";
import { allowWatches, usedUp } from "../../../../cloud/machines/watches.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phasewise-watches-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("allowWatches", () => {
  const raised = async (before: string) => {
    const file = join(folder, "limit");
    await writeFile(file, before);
    const said: string[] = [];
    await allowWatches((line) => said.push(line), file);
    return { after: await readFile(file, "utf8"), said };
  };

  it("raises Linux's own limit", async () => {
    expect(await raised("128\n")).toEqual({ after: "8192", said: [] });
  });

  it("leaves a higher one alone", async () => {
    expect(await raised("65536\n")).toEqual({ after: "65536\n", said: [] });
  });

  it("says how many machines there can be where the limit stays", async () => {
    const said: string[] = [];
    // The kernel refuses to set it, as in a container whose /proc/sys is read-only.
    await allowWatches((line) => said.push(line), "/proc/sys/kernel/cap_last_cap");
    expect(said).toEqual([
      expect.stringMatching(
        /^About 8 machines can run at once on this host, as all clouds together have 4\d instances of inotify, and the limit could not be raised \(E.*\)\. As the host's administrator: sysctl -w fs\.inotify\.max_user_instances=8192$/,
      ),
    ]);
  });
});

describe("startFailure", () => {
  const noise =
    'Attempted to remove disk file system under "/run/systemd/nspawn/propagate/phasewise-4-server-5", and we can\'t allow that.\n';

  it("says how nspawn ended and not what it always says", () => {
    expect(startFailure(5, [noise, "systemd-nspawn ended with code 255\n"], usedUp(125, 128))).toBe(
      "Server 5 did not start: systemd-nspawn ended with code 255\nThis host's instances of inotify are used up (125 of 128), which each machine needs: sysctl -w fs.inotify.max_user_instances=8192",
    );
    expect(startFailure(5, ["one\ntwo\n", "systemd-nspawn ended with code 1\n"], usedUp(60, 128))).toBe(
      "Server 5 did not start: one\ntwo\nsystemd-nspawn ended with code 1",
    );
    expect(startFailure(5, ["", ""], null)).toBe("Server 5 did not start; its init said nothing.");
  });
});
