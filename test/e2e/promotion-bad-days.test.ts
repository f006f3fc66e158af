import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { mend } from "./faults.ts";
import { type Day, Promotion } from "./promotionDays/day.ts";
import { Stack } from "./stack.ts";
import { chosenOf, variantsIn } from "./variants.ts";

/**
 * What may go wrong while a stack is promoted: in each case the operator is told, --resume brings it to its end or
 * --abort takes it back, and no acknowledged row is lost. A run takes one of them; PHASEWISE_TEST_BAD_DAYS takes others.
 */
const stack = new Stack("promotion-bad-days");
const days = await variantsIn<Day>(join(import.meta.dirname, "promotionDays"), "day.ts");
const chosen = chosenOf(days, 1, process.env.PHASEWISE_TEST_BAD_DAYS);

beforeAll(async () => {
  await stack.reset();
  await stack.up();
  await stack.backedUp();
});

afterAll(async () => {
  await mend(stack);
  await stack.remove();
});

describe("a promotion on a bad day", () => {
  afterEach(async () => {
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
    expect(await stack.servers()).toHaveLength(1);
  });

  test.each(chosen)("$name", ({ run }) => run(new Promotion(stack)));
});
