import { describe, expect, it } from "vitest";
import { limitWrites } from "../../../../cloud/machines/groups.ts";
import { parseHierarchies, usedHierarchies } from "../../../../cloud/machines/hierarchies.ts";
import { parseMemoryStat } from "../../../../cloud/machines/stats.ts";

const versionOne = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw,relatime shared:4 - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
34 30 0:30 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/usr/lib/agent,name=systemd
35 30 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
36 22 0:28 / /mnt/second rw,relatime - cgroup cgroup rw,memory
`;
const versionTwo =
  "29 22 0:25 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

describe("parseHierarchies", () => {
  it("finds the hierarchies of version 1, each once, and the unified one beside them", () => {
    expect(parseHierarchies(versionOne)).toEqual([
      { version: 1, path: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
      { version: 1, path: "/sys/fs/cgroup/memory", controllers: ["memory"] },
      { version: 1, path: "/sys/fs/cgroup/freezer", controllers: ["freezer"] },
      { version: 1, path: "/sys/fs/cgroup/systemd", controllers: ["name=systemd"] },
      { version: 2, path: "/sys/fs/cgroup/unified", controllers: [] },
    ]);
  });

  it("finds the one of version 2", () => {
    expect(parseHierarchies(versionTwo)).toEqual([{ version: 2, path: "/sys/fs/cgroup", controllers: [] }]);
  });

  it("leaves out what machines need no group in", () => {
    const paths = usedHierarchies(parseHierarchies(versionOne)).map(({ path }) => path);
    expect(paths).not.toContain("/sys/fs/cgroup/freezer");
    expect(paths).toHaveLength(4);
  });
});

describe("limitWrites", () => {
  const limits = { cores: 2, memoryBytes: 4 * 2 ** 30 };

  it("limits memory and processor time with version 2", () => {
    expect(limitWrites({ version: 2, path: "/x", controllers: [] }, limits)).toEqual([
      { file: "memory.max", value: "4294967296" },
      { file: "cpu.max", value: "200000 100000" },
    ]);
  });

  it("writes only what a hierarchy of version 1 controls", () => {
    expect(limitWrites({ version: 1, path: "/x", controllers: ["memory"] }, limits)).toEqual([
      { file: "memory.limit_in_bytes", value: "4294967296" },
    ]);
    expect(limitWrites({ version: 1, path: "/x", controllers: ["cpu", "cpuacct"] }, limits)).toEqual([
      { file: "cpu.cfs_period_us", value: "100000" },
      { file: "cpu.cfs_quota_us", value: "200000" },
    ]);
    expect(limitWrites({ version: 1, path: "/x", controllers: ["devices"] }, limits)).toEqual([]);
  });
});

describe("parseMemoryStat", () => {
  it("reads version 1 with its subgroups", () => {
    const text = "cache 9\nrss 1\nshmem 2\ntotal_cache 99\ntotal_rss 1000\ntotal_shmem 500\n";
    expect(parseMemoryStat(text)).toEqual({ anonymousBytes: 1000, sharedBytes: 500 });
  });

  it("reads version 2", () => {
    expect(parseMemoryStat("anon 7\nfile 50\nshmem 3\n")).toEqual({ anonymousBytes: 7, sharedBytes: 3 });
  });

  it("does not take an unknown format for an empty machine", () => {
    expect(() => parseMemoryStat("nonsense 1\n")).toThrow("memory.stat names neither");
  });
});
