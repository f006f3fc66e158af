import { stripVTControlCharacters } from "node:util";
import type { EngineEvent, OpType, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { drifted, driftLine } from "../drift/differences.ts";
import { parseUrn, resourceLabel, typeLabel } from "./names.ts";

const doing: Partial<Record<OpType, string>> = {
  create: "creating",
  "create-replacement": "creating",
  update: "updating",
  delete: "deleting",
  "delete-replaced": "deleting",
  import: "importing",
};

const done: Partial<Record<OpType, string>> = {
  create: "created",
  "create-replacement": "created anew",
  update: "updated",
  delete: "deleted",
  "delete-replaced": "deleted the replaced",
  import: "imported",
};

interface Running {
  verb: string;
  /** Milliseconds. */
  start: number;
  announced: boolean;
  /** The newest line about it, and when one was last shown. */
  status: string;
  shown: string;
  shownAt: number;
}

/** Made in no time and in numbers, and of no interest one by one: told of together. */
const quietTypes = ["Password", "KeyPair", "Certificate"].map((name) => `phasewise-native:index:${name}`);

/** A resource that takes longer than this (milliseconds) is named while it is being worked on. */
const announceAfter = 1500;
/** What it is at is told this often (milliseconds): a second has dozens of small steps. */
const statusEvery = 2000;

/**
 * Turns the engine's events into short lines for people: one a finished resource, and what long work is at.
 * Components and what stays as it is are left out. Holds no clock of its own: every call is given the time.
 */
export class Progress {
  readonly #running = new Map<string, Running>();
  /** Quiet resources that were not told of yet, by what was done and their type. */
  readonly #quiet = new Map<string, { word: string; type: string; names: string[] }>();
  readonly #planned: boolean;

  /** @param planned The events are a preview's: what would be done is told at once. */
  constructor(planned: boolean) {
    this.#planned = planned;
  }

  /** @param now Milliseconds. */
  event(event: EngineEvent, now: number): string[] {
    const before = event.resourcePreEvent?.metadata;
    if (before) return this.#begin(before, now);
    const after = event.resOutputsEvent?.metadata;
    if (after?.op === "refresh") return looked(after);
    if (after) return this.#end(after, now, true);
    const failed = event.resOpFailedEvent?.metadata;
    if (failed) return this.#end(failed, now, false);
    const diagnostic = event.diagnosticEvent;
    if (!diagnostic) return [];
    const text = plain(diagnostic.message);
    if (text === "") return [];
    if (diagnostic.severity === "warning") return [`warning: ${this.#prefix(diagnostic.urn)}${text}`];
    const running = this.#running.get(diagnostic.urn ?? "");
    if (diagnostic.severity === "info" && running)
      running.status = `${this.#prefix(diagnostic.urn)}${text.split("\n")[0]}`;
    return [];
  }

  /** Names what has been running for a while, and what it is at; to be called about every second, and at the end. */
  tick(now: number): string[] {
    const lines = [...this.#quiet.values()].map(({ word, type, names }) =>
      names.length === 1 ? `${word} ${type} ${names[0]}` : `${word} ${names.length} of ${type}`,
    );
    this.#quiet.clear();
    for (const [urn, running] of this.#running) {
      if (now - running.start < announceAfter) continue;
      if (!running.announced) {
        running.announced = true;
        lines.push(`${running.verb} ${resourceLabel(urn)} ...`);
      }
      if (running.status === running.shown || now - running.shownAt < statusEvery) continue;
      running.shown = running.status;
      running.shownAt = now;
      lines.push(`  ${running.status}`);
    }
    return lines;
  }

  #begin(step: StepEventMetadata, now: number): string[] {
    const verb = doing[step.op];
    if (!verb || !isCustom(step)) return [];
    if (this.#planned) {
      const { type } = parseUrn(step.urn);
      if (!quietTypes.includes(type) || step.op === "update") return [planned(step)];
      this.#keep(sign(step.op), step.urn);
      return [];
    }
    this.#running.set(step.urn, { verb, start: now, announced: false, status: "", shown: "", shownAt: 0 });
    return [];
  }

  #end(step: StepEventMetadata, now: number, ok: boolean): string[] {
    const running = this.#running.get(step.urn);
    this.#running.delete(step.urn);
    if (!running) return [];
    const quiet = quietTypes.includes(parseUrn(step.urn).type);
    if (ok && quiet && !running.announced) {
      this.#keep(done[step.op] ?? step.op, step.urn);
      return [];
    }
    const seconds = ((now - running.start) / 1000).toFixed(1);
    return [
      `${ok ? (done[step.op] ?? step.op) : `failed ${running.verb}`} ${resourceLabel(step.urn)} (${seconds} s)`,
    ];
  }

  #keep(word: string, urn: string): void {
    const { type, name } = parseUrn(urn);
    const key = `${word} ${type}`;
    const known = this.#quiet.get(key) ?? { word, type: typeLabel(type), names: [] };
    known.names.push(name);
    this.#quiet.set(key, known);
  }

  #prefix(urn: string | undefined): string {
    return urn ? `${resourceLabel(urn)}: ` : "";
  }
}

/** What somebody changed by hand. */
function looked(step: StepEventMetadata): string[] {
  const found = drifted(step);
  return found ? [`found: ${driftLine(found)}`] : [];
}

function isCustom(step: StepEventMetadata): boolean {
  if (step.type.startsWith("pulumi:")) return false;
  return (step.new ?? step.old)?.custom === true;
}

function planned(step: StepEventMetadata): string {
  const keys = Object.keys(step.detailedDiff ?? {});
  const changed = keys.length > 0 ? keys : (step.diffs ?? []);
  const details = step.op === "update" && changed.length > 0 ? `: ${changed.join(", ")}` : "";
  return `${sign(step.op)} ${resourceLabel(step.urn)}${details}`;
}

function sign(op: OpType): string {
  return { create: "+", update: "~", delete: "-", import: "=" }[op as string] ?? "+-";
}

/** Without the engine's colour marks (`<{%reset%}>`) and escape sequences. */
export function plain(text: string): string {
  return stripVTControlCharacters(text.replace(/<\{%.*?%\}>/g, "")).trim();
}
