import type { IndexesReport, Outcome, OutcomeList } from "../operations/indexes/report.ts";
import type { UndoReport } from "../operations/indexes/undo.ts";
import { styled, table } from "./output.ts";

const titles: Record<OutcomeList, [string, Parameters<typeof styled>[0]]> = {
  created: ["created", "green"],
  repaired: ["repaired", "green"],
  present: ["present", "dim"],
  skipped: ["skipped", "yellow"],
  failed: ["failed", "red"],
};

/** A report for people: what became of each entry, advice, and what to do next. */
export async function indexesText(report: IndexesReport): Promise<string> {
  return report.dryRun ? dryRunText(report) : `${await outcomeTable(report)}\n\n${closing(report)}`;
}

async function outcomeTable(report: IndexesReport): Promise<string> {
  const rows = (Object.keys(titles) as OutcomeList[]).flatMap((list) =>
    report[list].map((one) => [
      styled(titles[list][1], titles[list][0]),
      one.catalogue,
      one.name,
      one.table ?? "",
      told(one),
    ]),
  );
  return table(["", "Catalogue", "Name", "Table", ""], rows);
}

function told({ note, reason, todo, seconds, bytes }: Outcome): string {
  const made = seconds === undefined ? [] : [`${seconds} s${bytes ? `, ${megabytes(bytes)}` : ""}`];
  return [...made, note, reason && (todo ? `${reason}. ${todo}` : reason)].filter(Boolean).join("; ");
}

function closing(report: IndexesReport): string {
  const counts = (Object.keys(titles) as OutcomeList[])
    .filter((list) => report[list].length > 0)
    .map((list) => `${report[list].length} ${list}`);
  const lines = [
    `${counts.join(", ") || "nothing asked for"} (${report.databaseSeconds.toFixed(1)} s in the database).`,
  ];
  if (report.advice.length > 0) {
    lines.push("", "Worth a look; nothing is done about it:");
    for (const { table: on, text, sql } of report.advice) lines.push(`  ${on}: ${text}`, `    ${sql}`);
  }
  if (report.run) lines.push("", `Take it back: npx phasewise indexes ${report.stack} --undo ${report.run}`);
  return lines.join("\n");
}

/** SQL that can be read, and run by psql. */
function dryRunText(report: IndexesReport): string {
  const lines: string[] = [];
  for (const list of ["created", "repaired"] as const) {
    for (const { catalogue, name, sql, note } of report[list]) {
      lines.push(
        `-- ${catalogue}: ${name}${note ? ` (${note})` : ""}`,
        ...(sql ?? []).map((one) => `${one};`),
        "",
      );
    }
  }
  for (const { catalogue, name, note } of report.present)
    lines.push(`-- present: ${catalogue}: ${name}${note ? ` (${note})` : ""}`);
  for (const { catalogue, name, reason } of report.skipped)
    lines.push(`-- skipped: ${catalogue}: ${name}: ${reason}`);
  for (const { catalogue, name, reason, todo } of report.failed)
    lines.push(`-- would fail: ${catalogue}: ${name}: ${reason}. ${todo}`);
  return lines.join("\n");
}

export function undoText(report: UndoReport): string {
  if (report.run === null) return "There is no run that can be taken back.";
  const lines = [
    ...report.undone.map((one) => `${styled("green", "undone")}  ${one.title}`),
    ...report.left.map((one) => `${styled("yellow", "left")}    ${one.title}: ${one.reason}`),
    ...report.failed.map((one) => `${styled("red", "failed")}  ${one.title}: ${one.reason}. ${one.todo}`),
  ];
  return [...lines, `The run ${report.run}: ${report.undone.length} steps are taken back.`].join("\n");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}
