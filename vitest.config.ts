import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000 } },
      { test: { name: "components", include: ["test/components/**/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "cloud",
          include: ["test/cloud/**/*.test.ts"],
          globalSetup: "test/prepare.ts",
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: "test/prepare.ts",
          testTimeout: 900_000,
          hookTimeout: 1_200_000,
          // They wait for machines for most of their time, each with a cloud of its own.
          maxWorkers: Number(process.env.PHASEWISE_TEST_LANES ?? 2),
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
