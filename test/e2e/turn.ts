/**
 * Which variants a run takes where there are more than it has time for: another number each hour, so that all come
 * round in the course of days. PHASEWISE_TEST_TURN sets it.
 */
export function currentTurn(): number {
  return Number(process.env.PHASEWISE_TEST_TURN ?? Math.floor(Date.now() / 3_600_000));
}

/** Whether it is the turn of one of several things: the one at `place`, from 0, of `of`. */
export function isTurnOf(place: number, of: number): boolean {
  return currentTurn() % of === place;
}
