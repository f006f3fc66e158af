/** The pages of docs/runbooks that a check's fix may name. */
export const runbooks = [
  "archive-stuck",
  "bucket-lost",
  "damaged-backup",
  "disk-full",
  "machine-lost",
  "volume-lost",
] as const;

export type Runbook = (typeof runbooks)[number];

/** A fix with the page that tells it step by step. */
export function withRunbook(fix: string, page: Runbook): string {
  return `${fix} (docs/runbooks/${page}.md)`;
}
