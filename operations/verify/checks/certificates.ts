import { X509Certificate } from "node:crypto";
import { type Check, combine, type Finding } from "../check.ts";

/** Certificates are renewed by `up` long before; this near to the end nobody has run it for too long. */
const soonDays = 21;

export const certificates: Check = {
  name: "certificates",
  async run(world) {
    const { topology } = world;
    const endpoints = topology.clusters.map((cluster) =>
      world.sql(cluster, "monitor", async ({ certificate }) => {
        const until = new Date(certificate.valid_to);
        return judge(`endpoint ${topology.endpoints.write.host}`, until, world.now, topology.stack);
      }),
    );
    const machines = topology.machines.map(async (machine) => {
      const text = await world.run(machine, "cat /etc/phasewise/tls/root/node.pem");
      const until = new Date(new X509Certificate(text).validTo);
      return judge(machine.name, until, world.now, topology.stack);
    });
    const authority = new Date(new X509Certificate(topology.caCertificate).validTo);
    const all = [judge("authority", authority, world.now, topology.stack), ...endpoints, ...machines];
    return combine(await Promise.all(all));
  },
};

/** @param until When the certificate ends. */
export function judge(what: string, until: Date, now: Date, stack: string): Finding {
  const days = Math.floor((until.getTime() - now.getTime()) / 86_400_000);
  const date = until.toISOString().slice(0, 10);
  if (days >= soonDays) return { ok: true, detail: `${what} until ${date}` };
  const detail = days < 0 ? `${what} has ended on ${date}` : `${what} ends in ${days} days, on ${date}`;
  return { ok: false, detail, fix: `npx phasewise up ${stack} renews it` };
}
