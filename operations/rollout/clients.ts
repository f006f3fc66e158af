import type { PromotionReport } from "../promote/report.ts";

/** What clients saw of planned work; `announcedErrors` of their errors fell into what they were told of. */
export type WatchedCanary = PromotionReport["canary"] & { announcedErrors: number };

/** Whether no row is missing and no client saw an error that nobody was told of; so too where nothing was done. */
export function isUnhurt({ canary }: { canary: WatchedCanary | null }): boolean {
  return canary === null || (canary.missing === 0 && canary.errors <= canary.announcedErrors);
}

/** Rows, errors and the longest waits, for people. */
export function clientLines(canary: WatchedCanary): string[] {
  const announced = canary.announcedErrors > 0 ? ` (${canary.announcedErrors} of them announced)` : "";
  return [
    `  rows     ${canary.acknowledged} acknowledged, ${canary.missing} missing`,
    `  clients  ${canary.errors} errors${announced}; 99 % of their waits within ${canary.p99StallMs} ms, the longest:`,
    ...canary.stalls.map(({ ms, step }) => `  wait     ${ms} ms${step ? ` during ${step}` : ""}`),
  ];
}
