import type { Random } from "./random.ts";

const hour = 3_600_000;
export const day = 24 * hour;

/** Milliseconds since 1970 of midnight (UTC) of a date as 2026-06-30. */
export function midnight(date: string): number {
  return Date.parse(`${date}T00:00:00Z`);
}

/**
 * A moment at which people work, between two others (milliseconds, UTC): weekends are a fifth of the week's days'
 * traffic, the morning and the early afternoon are busiest, one in twelve falls outside of 8 to 18 o'clock. Later
 * days are more likely than earlier ones, as in a product that grows.
 */
export function workingTime(random: Random, from: number, to: number): number {
  for (let attempt = 0; attempt < 8; attempt++) {
    const start = Math.floor((from + (to - from) * random.float() ** 0.6) / day) * day;
    const weekday = new Date(start).getUTCDay();
    if ((weekday === 0 || weekday === 6) && !random.chance(0.2)) continue;
    const time = start + timeOfDay(random);
    if (time >= from && time < to) return time;
  }
  // A span of a few hours may hold no working time at all.
  return Math.floor(from + (to - from) * random.float());
}

function timeOfDay(random: Random): number {
  if (random.chance(1 / 12)) return Math.floor(random.float() * day);
  const peak = random.chance(0.55) ? 10 : 14.5;
  const at = Math.min(Math.max(peak + 1.6 * random.normal(), 8), 17.999);
  return Math.floor(at * hour);
}
