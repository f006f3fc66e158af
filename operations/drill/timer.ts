/** What runs a drill by itself on a machine of an operator's. */
export interface Timer {
  service: { path: string; text: string };
  timer: { path: string; text: string };
}

/**
 * Two systemd units of a user. The drill runs on the first of each month, in the night; one that was missed, because the
 * machine was off, is made up for.
 * @param place The checkout, and the program that runs its commands, as absolute paths.
 */
export function drillTimer(
  stack: string,
  place: { folder: string; program: string; command: string },
): Timer {
  const name = `phasewise-drill-${stack}`;
  const path = (kind: string) => `~/.config/systemd/user/${name}.${kind}`;
  return {
    service: {
      path: path("service"),
      text: `[Unit]
Description=Restore drill of ${stack}
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory=${place.folder}
# The cloud's token and Pulumi's passphrase, one NAME=value a line, readable by its owner only.
EnvironmentFile=-%h/.config/phasewise/${stack}.env
ExecStart=${place.program} ${place.command} drill ${stack} --json
TimeoutStartSec=12h
`,
    },
    timer: {
      path: path("timer"),
      text: `[Unit]
Description=When the restore drill of ${stack} runs

[Timer]
OnCalendar=*-*-01 03:30:00
RandomizedDelaySec=1h
Persistent=yes

[Install]
WantedBy=timers.target
`,
    },
  };
}
