import { readFileSync } from "node:fs";

/** Asks Sentinels, and acts on what they say: see its own text. Several roles have a copy of it. */
export const SENTINELS_PROGRAM = readFileSync(new URL("./sentinels.py", import.meta.url), "utf8");
