import type { CheckResult, VerifyReport } from "../operations/verify/check.ts";
import { styled, table } from "./output.ts";

/** All checks, each with what to do about it where there is something. */
export async function verifyTable(report: VerifyReport): Promise<string> {
  const rows = report.checks.map((check) => [
    mark(check),
    check.name,
    check.fix ? `${check.detail}\n-> ${check.fix}` : check.detail,
  ]);
  return table(["", "Check", "Found"], rows);
}

/** One line: is it as it should be? */
export function verdict(report: VerifyReport, stack: string): string {
  const failed = report.checks.filter((check) => !check.ok).length;
  if (failed === 0)
    return styled("green", `${stack} is as it should be: ${report.checks.length} checks passed.`);
  return styled(
    "red",
    `${stack} is not as it should be: ${failed} of ${report.checks.length} checks failed.`,
  );
}

function mark(check: CheckResult): string {
  if (!check.ok) return styled("red", "FAIL");
  return check.fix ? styled("yellow", "wait") : styled("green", "ok");
}
