import type { Stack } from "./stack.ts";

/** Settings that let core-1 watch a stack and tell nobody who is there. */
export const watched = { "phasewise:alerts": { webhook: "http://127.0.0.1:9/nobody" } };

/** Every alert that has fired in the last two hours, as Prometheus on core-1 remembers them: "ArchiveGap cluster=main". */
export async function firedAlerts(stack: Stack): Promise<string[]> {
  const query = 'max_over_time(ALERTS{alertstate="firing",alertname!="Watchdog"}[2h])';
  const ask = `curl -sS --fail -G http://127.0.0.1:9090/api/v1/query --data-urlencode 'query=${query}'`;
  const answer = JSON.parse(await stack.expectOk("ssh", stack.name, "core-1", "--", ask)) as {
    data: { result: { metric: Record<string, string> }[] };
  };
  return answer.data.result.map(({ metric: { alertname, alertstate: _, ...labels } }) =>
    [
      alertname,
      ...Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    ].join(" "),
  );
}
