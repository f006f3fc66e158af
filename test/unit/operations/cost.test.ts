import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { storedPriceList } from "../../../clients/hetzner/priceList.ts";
import { pricing } from "../../../cloud/catalogue/pricing.ts";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { askPrices } from "../../../operations/cost/prices.ts";
import { costLine, costReport, costRows } from "../../../operations/cost/report.ts";
import { config } from "../infra/settings.ts";

async function withApi<T>(listener: RequestListener, work: (endpoint: string) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const day = new Date("2026-11-21T10:00:00Z");
const ask = (endpoint: string) => askPrices({ endpoint, token: "T" }, "hetzner", day);

describe("prices", () => {
  it("are asked for with the token, and are of today", async () => {
    const seen: unknown[] = [];
    const asked = await withApi((request, response) => {
      seen.push(request.url, request.headers.authorization);
      response.end(JSON.stringify({ pricing }));
    }, ask);
    expect(seen).toEqual(["/v1/pricing", "Bearer T"]);
    expect(asked.fallback).toBeNull();
    expect(asked.prices).toMatchObject({ source: "api", asOf: "2026-11-21" });
  });

  it("are the stored ones where nobody answers, and it is said why", async () => {
    const endpoint = await withApi(
      () => {},
      async (free) => free,
    );
    const asked = await ask(endpoint);
    expect(asked.prices).toEqual(storedPriceList("hetzner"));
    expect(asked.fallback).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\/pricing: connect ECONNREFUSED/);
  });

  it("are the stored ones where the answer is an error, no price list or no JSON", async () => {
    const answers: [number, string, RegExp][] = [
      [
        503,
        JSON.stringify({ error: { code: "maintenance", message: "later" } }),
        /later \(maintenance, 503\)/,
      ],
      [200, JSON.stringify({ pricing: {} }), /gave no price list: pricing\.currency/],
      [200, "<html>", /not valid JSON/],
    ];
    for (const [status, text, why] of answers) {
      const asked = await withApi((_, response) => void response.writeHead(status).end(text), ask);
      expect(asked.fallback).toMatch(why);
      expect(asked.prices.source).toBe("stored");
    }
  });

  it("are not waited for", async () => {
    const started = Date.now();
    const asked = await withApi(() => {}, ask);
    expect(asked.fallback).toMatch(/timeout/);
    expect(Date.now() - started).toBeLessThan(8_000);
  });
});

const settings = config();
const plan = hetznerPlan(blueprintOf(settings), settings, "production");
const stored = storedPriceList("hetzner");
const base = { stack: "production", phase: 1, plan, asked: { prices: stored, fallback: null } };
const server = (serverType: string) => ({
  urn: "urn:pulumi:production::phasewise::hcloud:index/server:Server::phasewise-core-1",
  type: "hcloud:index/server:Server",
  inputs: { location: "fsn1", serverType },
});
const volume = {
  urn: "urn:pulumi:production::phasewise::hcloud:index/volume:Volume::phasewise-old",
  type: "hcloud:index/volume:Volume",
  inputs: { location: "fsn1", size: 100 },
};

describe("a report", () => {
  it("of what was never brought up: all of it is more than before", () => {
    const report = costReport({ ...base, deployed: [] });
    expect(report).toMatchObject({ stack: "production", phase: 1, monthly: 27.62, difference: 27.62 });
    expect(report.deployed).toEqual({ monthly: 0, parts: [] });
    expect(costLine(report)).toBe("27.62 EUR a month without VAT (+27.62), prices of 2026-06-15");
  });

  it("of a change: what is more, what is less, what goes away", () => {
    const report = costReport({ ...base, deployed: [server("cpx32"), volume] });
    expect(report.difference).toBe(-12.09);
    expect(costRows(report)).toEqual([
      { name: "server core-1", what: "cpx32 in fsn1 -> cpx22 in fsn1", monthly: 19.49, difference: -14.5 },
      { name: "primary-ipv4 core-1", what: "IPv4 address in fsn1", monthly: 0.5, difference: 0.5 },
      { name: "volume core-1-data", what: "20 GB in fsn1", monthly: 1.14, difference: 1.14 },
      {
        name: "object-storage buckets",
        what: "base price, 1 TB with 1 TB of traffic",
        monthly: 6.49,
        difference: 6.49,
      },
      { name: "volume old", what: "100 GB in fsn1", monthly: null, difference: -5.72 },
    ]);
  });

  it("says what is not confirmed, and of which day", () => {
    expect(costReport({ ...base, deployed: [] }).notes).toEqual([
      "Not confirmed, from the stored list of 2026-06-15: volume (20 GB in fsn1), object-storage (base price, 1 TB with 1 TB of traffic).",
    ]);
  });

  it("says that the stored list was used, why, and of which day it is", () => {
    const asked = { prices: stored, fallback: "connect ECONNREFUSED" };
    const report = costReport({ ...base, asked, deployed: [] });
    expect(report.notes[0]).toBe(
      "The cloud's price list is not to be had (connect ECONNREFUSED). These are the stored prices of 2026-06-15.",
    );
    expect(report).toMatchObject({ source: "stored", asOf: "2026-06-15" });
  });

  it("does not guess what is deployed", () => {
    const report = costReport({ ...base, deployed: { unavailable: "no passphrase" } });
    expect(report).toMatchObject({ deployed: null, difference: null, monthly: 27.62 });
    expect(report.notes.at(-1)).toBe("What is deployed is not known: no passphrase");
    expect(costLine(report)).toBe("27.62 EUR a month without VAT, prices of 2026-06-15");
    expect(costRows(report).every((row) => row.difference === null)).toBe(true);
  });

  it("leaves out a bucket that somebody else bills, and says so", () => {
    const [bucket] = plan.buckets;
    const elsewhere = { ...plan, buckets: [{ ...bucket!, endpoint: "https://s3.example.com" }] };
    const report = costReport({ ...base, plan: elsewhere, deployed: [] });
    expect(report.monthly).toBe(21.13);
    expect(report.notes.at(-1)).toBe(
      "The buckets at https://s3.example.com are billed by somebody else; they are not in this.",
    );
  });
});
