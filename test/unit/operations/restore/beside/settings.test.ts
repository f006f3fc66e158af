import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  besideSettings,
  withOrigin,
  withoutOrigin,
} from "../../../../../operations/restore/beside/settings.ts";

const origin = { stack: "production", cluster: "main", to: "2026-11-21T09:30:00Z" };

test("a new stack has the other's settings, but for what only one stack can have", () => {
  const text = [
    "# Phase 1 on Hetzner: npx phasewise up production",
    "encryptionsalt: v1:abc",
    "config:",
    "  hcloud:token: { secure: v1:xyz }",
    "  phasewise:phase: 2",
    "  # large",
    "  phasewise:volume: { sizeGb: 100 }",
    "  phasewise:endpoint: { domain: db.example.com }",
    "  phasewise:alerts: { slack: { secure: v1:key } }",
    "  phasewise:backup: { retentionDays: 7, secondRepository: { bucket: acme-second } }",
    "  phasewise:objectStorage:",
    "    bucket: acme-production-backups",
    "    accessKey: { secure: v1:key }",
    "    secretKey: { secure: v1:key }",
    "",
  ].join("\n");
  const made = besideSettings({ text, bucket: "acme-production-backups" }, origin, "before");
  expect(parse(made)).toEqual({
    config: {
      "phasewise:phase": 2,
      "phasewise:volume": { sizeGb: 100 },
      "phasewise:endpoint": {},
      "phasewise:backup": { retentionDays: 7 },
      "phasewise:objectStorage": { bucket: "acme-production-backups-before" },
      "phasewise:origin": origin,
    },
  });
  expect(made).toMatch(/^# The settings of stacks\/Pulumi\.production\.yaml when/);
  expect(made).not.toContain("up production");
  expect(made).toContain("# large");
});

test("a bucket that is not named stays the stack's own, and a long name stays within S3's bounds", () => {
  const plain = besideSettings({ text: "config:\n  phasewise:phase: 1\n", bucket: "b" }, origin, "n");
  expect(parse(plain)).toEqual({ config: { "phasewise:phase": 1, "phasewise:origin": origin } });
  const long = `config:\n  phasewise:objectStorage:\n    bucket: ${"b".repeat(63)}\n`;
  const { config } = parse(besideSettings({ text: long, bucket: "b".repeat(63) }, origin, "new"));
  expect(config["phasewise:objectStorage"].bucket).toBe(`${"b".repeat(59)}-new`);
});

test("what was begun stands in a file and is taken out of it, and nothing else is changed", () => {
  const text = "# ours\nconfig:\n  phasewise:phase: 1 # for now\n";
  expect(withoutOrigin(withOrigin(text, origin))).toBe(text);
  expect(parse(withOrigin(text, origin)).config["phasewise:origin"]).toEqual(origin);
  // Pulumi would read it as a time otherwise, and make another text of it.
  expect(withOrigin(text, origin)).toContain('to: "2026-11-21T09:30:00Z"\n');
});
