import { readFileSync } from "node:fs";
import type { PreviewReport } from "../operations/deploy/preview.ts";

/** The comment under a pull request: what `phasewise preview --json` says, in Markdown. */
export function previewComment({ stack, changes, resources, price }: PreviewReport): string {
  const counts = Object.entries(changes).filter(([kind, count]) => kind !== "same" && count > 0);
  const summary = counts.map(([kind, count]) => `${count} to ${kind}`).join(", ") || "nothing to change";
  const rows = resources.map(
    ({ operation, type, name, properties }) =>
      `| ${operation} | ${type.split(":").at(-1)} ${code(name)} | ${properties.map(code).join(", ")} |`,
  );
  const table = rows.length > 0 ? ["| | resource | changed |", "|---|---|---|", ...rows, ""] : [];
  return [`### ${stack}: ${summary}`, "", ...table, ...priceLines(price), ""].join("\n");
}

function priceLines(price: PreviewReport["price"]): string[] {
  if (price === null) return ["The price is not known."];
  const { asOf, currency, difference, monthly, notes } = price;
  const change = difference === null ? "" : ` (${difference < 0 ? "" : "+"}${difference.toFixed(2)})`;
  const sum = `**${monthly.toFixed(2)} ${currency} a month** without VAT${change}, prices of ${asOf}.`;
  return [sum, ...notes.map((note) => `- ${note}`)];
}

/** A name inside of a table's cell. */
function code(text: string): string {
  return `\`${text.replace(/[`\n]/g, " ").replaceAll("|", "\\|")}\``;
}

if (import.meta.main) {
  const report = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as PreviewReport;
  process.stdout.write(previewComment(report));
}
