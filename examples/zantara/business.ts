import { day } from "../generate/clock.ts";
import type { Table } from "../generate/example.ts";
import type { Random } from "../generate/random.ts";
import { tableOf } from "../generate/table.ts";
import type { Plan } from "./plan.ts";

const sectors = "Perdagangan,Industri,Konstruksi,Jasa,Pertanian,Perikanan,Pariwisata,Transportasi".split(",");
const goods =
  "makanan,pakaian,kopi,furnitur,perangkat lunak,bahan bangunan,kendaraan,hasil laut,penginapan".split(",");
const forms = ["besar", "eceran", "khusus", "rumah tangga", "daring"];
const visas = ["B211A", "C1", "D12", "E23", "E28A", "E31A", "E33G"];
const papers = [
  "a passport that is valid for six more months",
  "a recent photograph on a white ground",
  "a statement of the bank for the last three months",
  "a letter of the sponsor",
  "a certificate of the company's registration",
  "an insurance for the whole stay",
];
const services = [
  "company formation",
  "work permit",
  "visa extension",
  "tax report",
  "accounting",
  "licence",
];

/** The register of kinds of business, with five digits each. */
export function kbliCodes(seeded: () => Random): Table {
  const columns = ["code", "title", "description", "risk", "foreign_ownership_percent"];
  const rows = 1500;
  return tableOf({ name: "kbli_codes", columns, rows }, seeded, (out, random, index) => {
    const [sector, good, form] = [random.pick(sectors), random.pick(goods), random.pick(forms)];
    out.text(String(1000 + 60 * index).padStart(5, "0"));
    out.text(`${sector} ${form} ${good}`);
    out.text(
      `Kelompok ini mencakup usaha ${sector.toLowerCase()} ${form} ${good}, termasuk ${random.pick(goods)}.`,
    );
    out.text(random.pick(["low", "low", "medium", "high"]));
    out.integer(random.pick([0, 49, 67, 100, 100]));
  });
}

export function immigrationRequirements(plan: Plan, seeded: () => Random): Table {
  const columns = ["id", "visa_type", "position", "requirement"];
  const rows = visas.length * papers.length;
  return tableOf({ name: "immigration_requirements", columns, rows }, seeded, (out, random, index) => {
    out.newUuid(plan.until - 300 * day, random);
    out.text(visas[Math.floor(index / papers.length)]!);
    out.integer(1 + (index % papers.length));
    out.text(papers[(index + random.below(2)) % papers.length]!);
  });
}

/** Each service's price, and what it was before. */
export function servicePrices(plan: Plan, seeded: () => Random): Table {
  const changes = 8;
  const columns = ["id", "service", "amount", "currency", "valid_from"];
  const rows = services.length * changes;
  return tableOf({ name: "service_prices", columns, rows }, seeded, (out, random, index) => {
    const time = plan.until - (90 * (changes - (index % changes)) + random.below(30)) * day;
    out.newUuid(time, random);
    out.text(services[Math.floor(index / changes)]!);
    out.hundredths(100 * Math.round(random.logNormal(4_000_000, 0.5)));
    out.text("IDR");
    out.date(time);
  });
}
