import { emptyPreview } from "../emptyPreview.ts";
import type { Item } from "../item.ts";
import { seconds } from "../measure.ts";
import { shellScriptFloor } from "../shellScript.ts";

/** Phase 1 from nothing, with nothing to do, and with one changed setting. Leaves it up. */
export const measure: Item = async (bench) => {
  const { stack, runs } = bench;
  const fromNothing: number[] = [];
  const floor: number[] = [];
  for (let run = 0; run < runs; run++) {
    bench.progress(`up from nothing, ${run + 1} of ${runs}`);
    await stack.reset();
    await stack.expectOk("cloud", "start");
    floor.push(await seconds(() => shellScriptFloor(stack)));
    fromNothing.push(await seconds(() => stack.up()));
  }
  bench.progress("up with nothing to do, preview, one changed setting");
  const nothing = await bench.repeat(() => seconds(() => stack.up()));
  const empty: number[] = [];
  const preview = await bench.repeat(async () => {
    empty.push(await seconds(emptyPreview));
    return seconds(() => stack.expectOk("preview", stack.name));
  });
  const setting = await bench.repeat(async (run) => {
    stack.configure({ "phasewise:database": { parameters: { work_mem: `${20 + run}MB` } } });
    const took = await seconds(() => stack.up());
    const actual = await stack.sql("show work_mem");
    if (actual !== `${20 + run}MB`) throw new Error(`work_mem is ${actual} after up`);
    return took;
  });
  stack.configure({});
  await stack.up();
  bench.isUp();
  return [
    {
      name: "up of phase 1 from nothing, image cached",
      values: fromNothing,
      unit: "s",
      floor: { what: "the same machine and PostgreSQL by a shell script", values: floor },
      goal: { atMost: 20, of: "value" },
    },
    {
      name: "up with nothing to do, everything asked how it is",
      values: nothing,
      unit: "s",
      goal: { atMost: 4, of: "value" },
    },
    {
      name: "preview with nothing to do",
      values: preview,
      unit: "s",
      floor: { what: "preview of an empty program", values: empty },
      goal: { atMost: 1.5, of: "ratio" },
    },
    {
      name: "up with one changed setting, reloaded",
      values: setting,
      unit: "s",
      goal: { atMost: 6, of: "value" },
    },
  ];
};
