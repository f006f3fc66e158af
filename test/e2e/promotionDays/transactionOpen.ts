import { readFileSync } from "node:fs";
import pg from "pg";
import { expect } from "vitest";
import type { Stack } from "../stack.ts";
import type { Day } from "./day.ts";

/** A client of the application's, on the clients' endpoint. */
async function connected(stack: Stack): Promise<pg.Client> {
  const url = new URL((await stack.expectOk("url", stack.name, "--show-secrets")).trim());
  const ca = readFileSync(url.searchParams.get("sslrootcert")!, "utf8");
  url.search = "";
  const client = new pg.Client({ connectionString: url.href, ssl: { ca } });
  await client.connect();
  return client;
}

export default {
  name: "a client holds a transaction open when the primary is to move: nobody is cut off, and it moves once that has ended",
  async run(promotion) {
    const { stack } = promotion;
    await promotion.done("--to", "2", "--pause-before", "cut-over");
    const client = await connected(stack);
    try {
      await client.query("BEGIN");
      // PostgreSQL would end it after a minute.
      await client.query("SET LOCAL idle_in_transaction_session_timeout = 0");
      await client.query("CREATE TEMPORARY TABLE held ON COMMIT DROP AS SELECT 1 AS number");
      const end = async () => {
        expect((await client.query("SELECT number FROM held")).rows).toEqual([{ number: 1 }]);
        await client.query("COMMIT");
      };
      const outcome = await promotion.struckAt("trying again", end, "--resume", "--pause-before", "confirm");
      expect(outcome.code, outcome.stderr).toBe(0);
      expect(outcome.stderr).toMatch(/The primary was not moved from core-1 to db-1: .*transaction/);
      expect(JSON.parse(outcome.stdout).canary).toMatchObject({ missing: 0, errors: 0 });
      expect((await client.query("SELECT 1 AS number")).rows).toEqual([{ number: 1 }]);
    } finally {
      await client.end();
    }
    await promotion.done("--abort");
  },
} satisfies Day;
