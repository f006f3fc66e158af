/**
 * Begins every warning of a look that came to no answer, so that whoever reads the engine's events can tell what was
 * not looked at from what was, and is as it was declared.
 */
const MARK = "not known: ";

/** @param why Names the machine, and says what it is taken to be. */
export function notKnown(why: string): string {
  return `${MARK}${why}`;
}
