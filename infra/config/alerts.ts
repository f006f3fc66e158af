import ipaddr from "ipaddr.js";
import { z } from "zod";
import { expecting, expectingSecret } from "./expectation.ts";
import { describe, type Fault } from "./fault.ts";
import { text, trueOrFalse, wholeNumber } from "./fields.ts";
import type { Settings } from "./settings.ts";

/** Who is told of what goes wrong: what a stack's file says, and what must fit together. */

const secretHint = (name: string) =>
  `npx pulumi config set --secret --path phasewise:alerts.${name} (it asks for the value)`;

/** Where nobody listens in: the machine itself, and the network of the stack. */
const inside = ["127.0.0.0/8", "10.0.0.0/16"].map((range) => ipaddr.IPv4.parseCIDR(range));

/** Whoever has such an address may post there: it travels encrypted, or does not leave the private network. */
function isReceiver(value: string): boolean {
  if (!/^\S{1,2000}$/.test(value) || !URL.canParse(value)) return false;
  const { hostname, protocol } = new URL(value);
  if (protocol === "https:") return true;
  if (protocol !== "http:" || !ipaddr.IPv4.isValidFourPartDecimal(hostname)) return false;
  return inside.some((range) => ipaddr.IPv4.parse(hostname).match(range));
}

const receiver = (name: string, what: string) =>
  expectingSecret(
    z.string().refine(isReceiver),
    `${what}: an address that starts with https://, or http:// with an address in 10.0.0.0/16 or 127.0.0.0/8`,
    secretHint(name),
    "https://encrypted.invalid",
  );

const address = text(
  /^[^\s@<>,;:"()]+@[^\s@<>,;:"()]+$/,
  "an address for mail, as ops@example.com",
  "write the address alone",
);

const email = z.strictObject({
  to: expecting(
    z.array(address).min(1),
    "a list of addresses for mail, one or more",
    'write a list, as ["ops@example.com"]',
  ),
  from: address,
  server: text(
    /^[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?:[1-9]\d{0,4}$/,
    "an SMTP server with its port, as smtp.example.com:587 (465: TLS from the first byte; else STARTTLS is demanded)",
    "write name, colon and port, as smtp.example.com:587",
  ),
  user: text(/^[!-~]{1,200}$/, "a user's name at the SMTP server", "write the name alone").optional(),
  password: expectingSecret(
    z.string().regex(/^[!-~]([ -~]{0,198}[!-~])?$/),
    "one line of at most 200 characters of ASCII, without a blank at its ends",
    secretHint("email.password"),
  ).optional(),
});

export const alerts = z
  .strictObject({
    webhook: receiver("webhook", "where Alertmanager posts its JSON").optional(),
    slack: receiver("slack", "an incoming webhook of Slack, or of what speaks like it").optional(),
    email: email.optional(),
    heartbeat: receiver(
      "heartbeat",
      "where a message is posted each minute, for somebody outside who tells when none comes",
    ).optional(),
    runbooks: text(
      /^https?:\/\/[^\s?#"'<>]+[^\s?#/"'<>]$/,
      "where the folder docs/ can be read, as https://git.example.com/acme/phasewise/blob/main",
      "write the address that /docs/... follows, without a slash at its end",
    ).default(""),
    monitoring: trueOrFalse().default(false),
    repeatHours: wholeNumber(1, 168, "(hours)").default(4),
  })
  .optional();

type Given = { settings: Partial<Settings> };

export function alertsHaveAReceiver({ settings: { alerts: wanted } }: Given): Fault[] {
  if (!wanted || wanted.webhook || wanted.slack || wanted.email) return [];
  return [
    {
      path: "phasewise:alerts",
      found: "no receiver",
      allowed: "one or more of webhook, slack, email",
      fix: `name one, as ${secretHint("webhook")}, or take alerts out`,
    },
  ];
}

/** Every alarm is judged by what the exporters tell. */
export function alertsHaveMetrics({ settings: { alerts: wanted, metrics } }: Given): Fault[] {
  if (!wanted || metrics?.enabled !== false) return [];
  return [
    {
      path: "phasewise:metrics.enabled",
      found: describe(false),
      allowed: "true where there are alerts: they are judged by what the exporters tell",
      fix: "take it out, or take alerts out",
    },
  ];
}

export function mailHasUserAndPassword({ settings: { alerts: wanted } }: Given): Fault[] {
  const { user, password } = wanted?.email ?? {};
  if ((user === undefined) === (password === undefined)) return [];
  const missing = user === undefined ? "user" : "password";
  return [
    {
      path: `phasewise:alerts.email.${missing}`,
      found: "nothing",
      allowed: "user and password, both or neither",
      fix: missing === "user" ? "write the user's name at the SMTP server" : secretHint("email.password"),
    },
  ];
}
