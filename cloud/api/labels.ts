import { ApiError } from "./errors.ts";

export type Labels = Record<string, string>;

const segment = /^[a-z0-9A-Z](?:[-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?$/;
const dnsLabel = /^[a-z0-9A-Z](?:[-a-z0-9A-Z]{0,61}[a-z0-9A-Z])?$/;

function validPrefix(prefix: string): boolean {
  return prefix.length <= 253 && prefix.split(".").every((label) => dnsLabel.test(label));
}

function validKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return segment.test(key);
  return validPrefix(key.slice(0, slash)) && segment.test(key.slice(slash + 1));
}

function validValue(value: string): boolean {
  return value === "" || segment.test(value);
}

/** What is wrong with labels that a client wants to set, in Hetzner's rules; empty: nothing. */
export function labelFaults(labels: Record<string, unknown>): string[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith("hetzner.cloud/"))
      return [`label key '${key}': the prefix hetzner.cloud/ is reserved`];
    if (!validKey(key)) return [`label key '${key}' is not correctly formatted`];
    if (typeof value !== "string") return [`label value of '${key}' is not a string`];
    if (!validValue(value)) return [`label value '${value}' (key: ${key}) is not correctly formatted`];
    return [];
  });
}

type Requirement = (labels: Labels) => boolean;

const tokens = /\s*(?:(==|!=|=|!|,|\(|\))|([a-z0-9A-Z][-_./a-z0-9A-Z]*))/y;

function tokenize(selector: string): string[] {
  const found: string[] = [];
  tokens.lastIndex = 0;
  while (selector.slice(tokens.lastIndex).trim() !== "") {
    const match = tokens.exec(selector);
    if (!match) throw badSelector();
    found.push(match[1] ?? match[2] ?? "");
  }
  return found;
}

function badSelector(): ApiError {
  return new ApiError("invalid_input", "invalid input in field 'label_selector'", {
    details: {
      fields: [{ name: "label_selector", messages: ["label selector is not correctly formatted"] }],
    },
  });
}

const word = /^[a-z0-9A-Z]/;

class Parser {
  readonly #tokens: string[];
  #next = 0;

  constructor(tokens: string[]) {
    this.#tokens = tokens;
  }

  get done(): boolean {
    return this.#next >= this.#tokens.length;
  }

  #take(): string | undefined {
    return this.#tokens[this.#next++];
  }

  #peek(): string | undefined {
    return this.#tokens[this.#next];
  }

  expect(token: string): void {
    if (this.#take() !== token) throw badSelector();
  }

  #word(valid: (text: string) => boolean): string {
    const token = this.#take();
    if (token === undefined || !word.test(token) || !valid(token)) throw badSelector();
    return token;
  }

  /** A value may be left out (`k=`), which means the empty one. */
  #value(): string {
    const token = this.#peek();
    if (token === undefined || !word.test(token)) return "";
    return this.#word(validValue);
  }

  #set(): Set<string> {
    this.expect("(");
    const values = new Set([this.#value()]);
    while (this.#peek() === ",") {
      this.#take();
      values.add(this.#value());
    }
    this.expect(")");
    return values;
  }

  requirement(): Requirement {
    if (this.#peek() === "!") {
      this.#take();
      const key = this.#word(validKey);
      return (labels) => !Object.hasOwn(labels, key);
    }
    const key = this.#word(validKey);
    const operator = this.#peek();
    if (operator === "=" || operator === "==") {
      this.#take();
      const value = this.#value();
      return (labels) => Object.hasOwn(labels, key) && labels[key] === value;
    }
    if (operator === "!=") {
      this.#take();
      const value = this.#value();
      return (labels) => !Object.hasOwn(labels, key) || labels[key] !== value;
    }
    if (operator === "in" || operator === "notin") {
      this.#take();
      const values = this.#set();
      const among: Requirement = (labels) => Object.hasOwn(labels, key) && values.has(labels[key] as string);
      return operator === "in" ? among : (labels) => !among(labels);
    }
    return (labels) => Object.hasOwn(labels, key);
  }
}

function parse(selector: string): Requirement {
  const parser = new Parser(tokenize(selector));
  const requirements = [parser.requirement()];
  while (!parser.done) {
    parser.expect(",");
    requirements.push(parser.requirement());
  }
  return (labels) => requirements.every((requirement) => requirement(labels));
}

const parsed = new Map<string, Requirement>();

/**
 * Whether labels match a selector: `k=v`, `k==v`, `k!=v`, `k`, `!k`, `k in (a,b)`, `k notin (a,b)`, joined by
 * commas. Labels without the key match `!=` and `notin`, as in Kubernetes.
 *
 * @throws ApiError invalid_input when the selector is malformed or empty.
 */
export function labelMatcher(selector: string): (labels: Labels) => boolean {
  let matcher = parsed.get(selector);
  if (!matcher) {
    matcher = parse(selector);
    if (parsed.size >= 1000) parsed.clear();
    parsed.set(selector, matcher);
  }
  return matcher;
}
