import { stringify } from "yaml";
import { heartbeatReceiver, heartbeatRoute } from "./heartbeat.ts";

/** Who is told of alerts. Addresses and passwords that are secrets travel beside this. */
export interface AlertReceivers {
  /** Whether there is one of each. */
  webhook: boolean;
  slack: boolean;
  /** Whether somebody outside is told each minute that alerts are sent: see heartbeat.ts. */
  heartbeat: boolean;
  email: MailReceiver | null;
  /** Where the folder docs/ can be read, without a slash at its end. */
  runbooks: string;
  /** Whether the alarms about load, memory and the like are sent too. */
  monitoring: boolean;
  /** After how long an alert that goes on is told again. */
  repeatHours: number;
}

export interface MailReceiver {
  to: string[];
  from: string;
  /** As smtp.example.com:587. */
  server: string;
  /** Null: the server asks for none. */
  user: string | null;
}

/** Read by Alertmanager at each message, so that its own settings hold no secret. */
export const RECEIVER_FILES = {
  webhook: "/etc/phasewise/alerts/webhook",
  slack: "/etc/phasewise/alerts/slack",
  password: "/etc/phasewise/alerts/mail-password",
  heartbeat: "/etc/phasewise/alerts/heartbeat",
} as const;

const EACH = (text: string) => `{{ range .Alerts }}${text}{{ end }}`;

/** To whom alerts go: to all receivers, those of one cause in one message. The heartbeat goes its own way. */
export function alertmanagerConfiguration(receivers: AlertReceivers): string {
  const { email, heartbeat, repeatHours, slack, webhook } = receivers;
  return stringify(
    {
      route: {
        receiver: "operators",
        group_by: ["alertname", "stack", "cluster"],
        group_wait: "10s",
        group_interval: "1m",
        repeat_interval: `${repeatHours}h`,
        ...(heartbeat ? { routes: [heartbeatRoute()] } : {}),
      },
      receivers: [
        {
          name: "operators",
          ...(webhook
            ? { webhook_configs: [{ url_file: RECEIVER_FILES.webhook, send_resolved: true }] }
            : {}),
          ...(slack ? { slack_configs: [slackMessage()] } : {}),
          ...(email ? { email_configs: email.to.map((to) => mail(to, email)) } : {}),
        },
        ...(heartbeat ? [heartbeatReceiver(RECEIVER_FILES.heartbeat)] : []),
      ],
    },
    { lineWidth: 0 },
  );
}

function slackMessage() {
  return {
    api_url_file: RECEIVER_FILES.slack,
    send_resolved: true,
    title: "{{ .Status | toUpper }} {{ .CommonLabels.stack }}: {{ .CommonLabels.alertname }}",
    title_link: "{{ .CommonAnnotations.runbook_url }}",
    text: EACH("{{ .Annotations.summary }}\n{{ .Annotations.runbook_url }}\n"),
  };
}

/** Alertmanager's own text has all labels and annotations, the runbook's link among them. */
function mail(to: string, { from, server, user }: MailReceiver) {
  return {
    to,
    from,
    smarthost: server,
    require_tls: true,
    send_resolved: true,
    ...(user === null ? {} : { auth_username: user, auth_password_file: RECEIVER_FILES.password }),
    headers: {
      Subject: "{{ .Status | toUpper }} {{ .CommonLabels.stack }}: {{ .CommonLabels.alertname }}",
    },
  };
}
