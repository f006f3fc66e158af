/**
 * A dead man's switch. What tells people of a fault lives on a machine that can itself be lost: so an alert that always
 * fires goes out each minute, to somebody outside of the stack who tells people when it stays away. It takes the whole
 * way that alerts take, by Prometheus and Alertmanager.
 */

/** The name that monitoring of others gives to such an alert, too. */
const ALERT = "Watchdog";
const RECEIVER = "heartbeat";

/** The group of rules that is there beside those of docs/prometheus-rules.yaml where a heartbeat is asked for. */
export const heartbeatRules = {
  name: "phasewise-heartbeat",
  rules: [
    {
      alert: ALERT,
      expr: "vector(1)",
      annotations: {
        summary: "Alerts of this stack are being sent: tell people when this message stays away",
        runbook: "docs/alerts.md#when-core-1-itself-is-lost",
      },
    },
  ],
};

/**
 * Each minute: Alertmanager looks at a group each `group_interval`, and sends again what was sent longer ago than
 * `repeat_interval`, which is less than two of them so that a look that comes a moment early does not skip one.
 */
export function heartbeatRoute() {
  return {
    receiver: RECEIVER,
    matchers: [`alertname="${ALERT}"`],
    group_wait: "1s",
    group_interval: "30s",
    repeat_interval: "50s",
  };
}

/** @param urlFile Where its address stands; it is a secret, as those of other receivers. */
export function heartbeatReceiver(urlFile: string) {
  // No word of its end: whoever takes any message for a sign of life would be told that it lives.
  return { name: RECEIVER, webhook_configs: [{ url_file: urlFile, send_resolved: false }] };
}
