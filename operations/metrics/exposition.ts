/** One line of what an exporter says: a metric's name, its labels, its value. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g;

/**
 * Reads Prometheus' text format (Prometheus documentation, "Exposition formats"), without its comments.
 * @throws Error that names the line which is none.
 */
export function parseExposition(text: string): Sample[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const match = LINE.exec(line.trim());
    const value = match && numberOf(match[3]!);
    if (!match || value === null) throw new Error(`this is no line of metrics: ${line.slice(0, 120)}`);
    const labels = [...(match[2] ?? "").matchAll(LABEL)].map(([, name, text]) => [name!, unescaped(text!)]);
    return { name: match[1]!, labels: Object.fromEntries(labels), value: value! };
  });
}

function numberOf(text: string): number | null {
  const special: Record<string, number> = {
    NaN: Number.NaN,
    "+Inf": Infinity,
    Inf: Infinity,
    "-Inf": -Infinity,
  };
  if (text in special) return special[text]!;
  const value = Number(text);
  return Number.isNaN(value) ? null : value;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}
