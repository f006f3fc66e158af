import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "../../../cloud/lock.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "phasewise-lock-"));
  path = join(folder, "cloud", "lock.sqlite");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("withLock", () => {
  it("lets one caller in at a time", async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withLock(path, undefined, async () => {
          most = Math.max(most, ++inside);
          await sleep(5);
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
  });

  it("gives what the body gives, and is free after a failure", async () => {
    await expect(withLock(path, undefined, async () => Promise.reject(new Error("no")))).rejects.toThrow(
      "no",
    );
    expect(await withLock(path, undefined, async () => 7)).toBe(7);
  });

  it("can be waited for no longer", async () => {
    await withLock(path, undefined, async () => {
      await expect(withLock(path, AbortSignal.timeout(60), async () => 0)).rejects.toThrow(/timeout/i);
    });
  });

  it("holds on when its file is removed while others wait", async () => {
    const order: string[] = [];
    const first = withLock(path, undefined, async () => {
      await sleep(60);
      await rm(join(folder, "cloud"), { recursive: true });
      order.push("first");
    });
    await sleep(20);
    const others = [1, 2].map((n) =>
      withLock(path, undefined, async () => {
        order.push(`in ${n}`);
        await stat(path);
        await sleep(20);
        order.push(`out ${n}`);
      }),
    );
    await Promise.all([first, ...others]);
    expect(order[0]).toBe("first");
    expect(order[1]?.replace("in", "out")).toBe(order[2]);
    expect(order).toHaveLength(5);
  });

  it("ends with a process that is killed", async () => {
    const script = `
      const { withLock } = await import(${JSON.stringify(new URL("../../../cloud/lock.ts", import.meta.url).href)});
      await withLock(${JSON.stringify(path)}, undefined, () => {
        console.log("held");
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await expect(withLock(path, AbortSignal.timeout(100), async () => 0)).rejects.toThrow();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await withLock(path, AbortSignal.timeout(2000), async () => 1)).toBe(1);
  });
});
