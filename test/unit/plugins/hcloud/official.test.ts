import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sdk from "@pulumi/hcloud/package.json" with { type: "json" };
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type Answer,
  askHost,
  choosePlugin,
  downloadUrl,
  STAND_IN_FOLDER,
} from "../../../../plugins/hcloud/official.ts";
import { VERSION } from "../../../../plugins/hcloud/version.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "phasewise-test-"));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

const unreachable: Answer = { there: false, reason: "the host cannot be reached" };

function choose(env: NodeJS.ProcessEnv, answer: Answer = unreachable) {
  const asked: string[] = [];
  const ask = async (url: string) => {
    asked.push(url);
    return answer;
  };
  const options = { cacheFile: join(folder, "new", "plugin.json"), env: { HOME: folder, ...env }, ask };
  return { asked, choice: choosePlugin(options) };
}

function install(path: string): string {
  mkdirSync(path, { recursive: true });
  const file = join(path, "pulumi-resource-hcloud");
  writeFileSync(file, "");
  chmodSync(file, 0o755);
  return file;
}

describe("the choice of the plugin", () => {
  it("is the stand-in where nothing is installed and nothing can be downloaded; asked once a day", async () => {
    const reason = `the official plugin ${VERSION} is not installed, and the host cannot be reached`;
    const first = choose({ PATH: "" });
    expect(await first.choice).toEqual({ use: "stand-in", reason });
    expect(first.asked).toEqual([downloadUrl()]);
    const second = choose({ PATH: "" }, { there: true });
    expect(await second.choice).toEqual({ use: "stand-in", reason });
    expect(second.asked).toEqual([]);
    vi.useFakeTimers({ now: Date.now() + 25 * 60 * 60 * 1000, toFake: ["Date"] });
    const third = choose({ PATH: "" }, { there: true });
    expect(await third.choice).toMatchObject({ use: "official" });
  });

  it("is the official one where it can be downloaded, which is not remembered", async () => {
    const { choice } = choose({ PATH: "" }, { there: true });
    expect(await choice).toEqual({ use: "official", reason: `Pulumi can download it from ${downloadUrl()}` });
    expect(existsSync(join(folder, "new", "plugin.json"))).toBe(false);
  });

  it("is the official one where Pulumi has it, unless its download was broken off", async () => {
    const place = join(folder, ".pulumi", "plugins", `resource-hcloud-v${VERSION}`);
    const file = install(place);
    const { choice, asked } = choose({ PATH: "" });
    expect(await choice).toEqual({ use: "official", reason: `it is installed as ${file}` });
    expect(asked).toEqual([]);
    writeFileSync(`${place}.partial`, "");
    expect(await choose({ PATH: "" }).choice).toMatchObject({ use: "stand-in" });
  });

  it("looks into PULUMI_HOME and on PATH, and does not take the stand-in for the official one", async () => {
    const home = join(folder, "home");
    install(join(home, "plugins", `resource-hcloud-v${VERSION}`));
    expect(await choose({ PATH: "", PULUMI_HOME: home }).choice).toMatchObject({ use: "official" });
    install(join(folder, "path"));
    expect(await choose({ PATH: join(folder, "path") }).choice).toMatchObject({ use: "official" });
    expect(await choose({ PATH: STAND_IN_FOLDER }).choice).toMatchObject({ use: "stand-in" });
  });

  it("asks again where what it remembered is broken or about another version", async () => {
    const cacheFile = join(folder, "new", "plugin.json");
    await choose({ PATH: "" }).choice;
    for (const text of [
      "{",
      JSON.stringify({ ...JSON.parse(readFileSync(cacheFile, "utf8")), url: "https://other" }),
    ]) {
      writeFileSync(cacheFile, text);
      const { asked, choice } = choose({ PATH: "" });
      await choice;
      expect(asked).toHaveLength(1);
    }
  });

  it("can be settled by the environment", async () => {
    const variable = "PHASEWISE_HCLOUD_PLUGIN";
    expect(await choose({ [variable]: "official" }).choice).toEqual({
      use: "official",
      reason: `${variable} says so`,
    });
    await expect(choose({ [variable]: "mine" }).choice).rejects.toThrow(
      `${variable} must be official or stand-in, but is "mine".`,
    );
  });
});

describe("the download host", () => {
  it("is Pulumi's, in the version of the SDK that is used", () => {
    expect(VERSION).toBe(sdk.version);
    expect(downloadUrl("linux", "x64")).toBe(
      `https://get.pulumi.com/releases/plugins/pulumi-resource-hcloud-v${VERSION}-linux-amd64.tar.gz`,
    );
    expect(downloadUrl("darwin", "arm64")).toContain("-darwin-arm64.tar.gz");
  });

  it("that does not answer is given up in time", async () => {
    const start = Date.now();
    const refused = await askHost("https://127.0.0.1:1/x", 1000, {});
    expect(refused).toMatchObject({ there: false, reason: expect.stringContaining("cannot be reached") });
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    const slow = await askHost(`https://127.0.0.1:${port}/x`, 300, {});
    silent.close();
    expect(slow).toEqual({ there: false, reason: `127.0.0.1:${port} did not answer within 300 ms` });
    expect(Date.now() - start).toBeLessThan(1500);
  });
});
