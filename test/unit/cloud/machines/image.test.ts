import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildProblem } from "../../../../cloud/image/problems.ts";
import { builderArguments, recipe, recipeHash, sharedAptOptions } from "../../../../cloud/image/recipe.ts";

const name = fc.stringMatching(/^[a-z][a-z0-9+.-]{1,12}$/);

describe("recipe", () => {
  it("is the same for the same packages, in whatever order and however often", () => {
    fc.assert(
      fc.property(fc.uniqueArray(name), (packages) => {
        const hash = recipeHash(recipe(packages, "amd64", []));
        expect(recipeHash(recipe([...packages.toReversed(), ...packages], "amd64", []))).toBe(hash);
      }),
    );
  });

  it("is another one with another package, architecture or setting", () => {
    const hashes = [
      recipe([], "amd64", []),
      recipe(["patroni"], "amd64", []),
      recipe([], "arm64", []),
      recipe([], "amd64", ['Acquire::Check-Date "false";']),
    ].map(recipeHash);
    expect(new Set(hashes).size).toBe(4);
  });

  it("prebakes only what the base system has not", () => {
    const { packages, prebaked } = recipe(["jq", "patroni"], "amd64", []);
    expect(prebaked).toEqual(["patroni"]);
    expect(packages).toContain("jq");
    expect(packages.filter((other) => other === "jq")).toHaveLength(1);
  });
});

describe("builderArguments", () => {
  it("takes Debian with its updates and its security updates", () => {
    const args = builderArguments(recipe(["patroni"], "amd64", ['Acquire::Check-Date "false";']), "/target");
    expect(args.slice(-5)).toEqual([
      "trixie",
      "/target",
      "deb http://deb.debian.org/debian trixie main",
      "deb http://deb.debian.org/debian trixie-updates main",
      "deb http://deb.debian.org/debian-security trixie-security main",
    ]);
    expect(args).toContain('--aptopt=Acquire::Check-Date "false";');
    expect(args).toContain("--architectures=amd64");
  });
});

describe("sharedAptOptions", () => {
  it("takes of the host's settings only those that say how to believe the mirror", () => {
    const dump =
      'Acquire::Check-Valid-Until "false";\nAcquire::http::Proxy "http://x:1";\nAPT::Architecture "amd64";\n';
    expect(sharedAptOptions(dump)).toEqual(['Acquire::Check-Valid-Until "false";']);
  });
});

describe("buildProblem", () => {
  it("says that the disk is full", () => {
    const problem = buildProblem(
      "I: installing\ndpkg: error processing archive x.deb (--unpack):\n cannot copy: No space left on device\n",
      "/log",
    );
    expect(problem.happened).toBe("The disk was full before the machine image was built.");
    expect(problem.left).toBe("Nothing of the unfinished image was kept; no machine was changed.");
    expect(problem.todo).toEqual([
      "Free some room, or put the cache on another disk: PHASEWISE_CACHE=/path/on/another/disk. Then run the command again.",
      "All that the builder said is in /log.",
    ]);
    expect(problem.details.at(-1)).toContain("No space left on device");
  });

  it("names a package that Debian does not have", () => {
    const problem = buildProblem("I: x\nE: Unable to locate package patronii\nE: apt-get failed\n", "/log");
    expect(problem.happened).toBe(
      "The machine image could not be built: Debian 13 has no package named patronii.",
    );
    expect(problem.details).toEqual(["E: Unable to locate package patronii", "E: apt-get failed"]);
  });

  it("says that the mirror can't be reached", () => {
    const problem = buildProblem(
      "Err:1 http://deb.debian.org/debian trixie InRelease\n  Could not connect to x:80\n",
      "/l",
    );
    expect(problem.happened).toBe(
      "The machine image could not be built: Debian's mirror http://deb.debian.org/debian can't be reached.",
    );
  });

  it("shows the builder's last words where it knows no better", () => {
    const problem = buildProblem("one\ntwo\n\n", "/log");
    expect(problem.happened).toBe("The machine image could not be built.");
    expect(problem.details).toEqual(["one", "two"]);
  });
});
