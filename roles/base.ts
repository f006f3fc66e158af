import { file, lines, reload, restart, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";

const SYSCTL = "/etc/sysctl.d/70-phasewise.conf";

/** Whether the kernel may promise more memory than it has. */
export type Overcommit = "never" | "always";

/**
 * Kernel settings of a machine that carries a database.
 *
 * - `overcommit`: PostgreSQL 17 documentation, 18.4.4 "Linux Memory Overcommit": where the kernel promises more than
 *   it has, it may kill the postmaster under memory pressure; where it never does (2), an allocation fails and one
 *   query with it. There is no swap, so the ratio is what may be promised of the memory; the rest stays for the
 *   kernel and the page cache. Redis, which forks to save, wants the opposite (1: Redis documentation,
 *   "Administration"), and gets it on machines without PostgreSQL. Beside PostgreSQL its memory is bounded so that
 *   its fork fits what may be promised (`largestRedisMemoryMb`): should that fail all the same, only the rewrite of its
 *   file waits.
 * - `swappiness`, `dirty_*`: "How to tune Linux parameters for OLTP Postgres" (postgres-ai/postgres-howtos, 0088) and
 *   I. Kosmodemiansky, "Linux IO internals for PostgreSQL administrators": write-back in small steps of 64 MB, so that
 *   the fsyncs of a checkpoint never meet gigabytes of dirty pages (the defaults are 10 % and 20 % of the memory).
 * - `ip_nonlocal_bind`: services bind to the private address even where the network comes up after them; PostgreSQL
 *   would otherwise start without that address and never take it again.
 */
function kernel(overcommit: Overcommit): Record<string, number> {
  return {
    "vm.overcommit_memory": overcommit === "never" ? 2 : 1,
    "vm.overcommit_ratio": 90,
    "vm.swappiness": 1,
    "vm.dirty_background_bytes": 64 * 1024 ** 2,
    "vm.dirty_bytes": 512 * 1024 ** 2,
    "net.ipv4.ip_nonlocal_bind": 1,
  };
}

const JOURNALD = lines(
  "[Journal]",
  "Storage=persistent",
  "SystemMaxUse=300M",
  "RuntimeMaxUse=32M",
  "MaxRetentionSec=30day",
  "RateLimitIntervalSec=30s",
  "RateLimitBurst=20000",
  "ForwardToSyslog=no",
);

/** Keys only. Forwarding of local ports stays: the commands reach private ports of the machine through it. */
const SSHD = lines(
  "PasswordAuthentication no",
  "KbdInteractiveAuthentication no",
  "PermitRootLogin prohibit-password",
  "AuthenticationMethods publickey",
  "AllowTcpForwarding local",
  "AllowAgentForwarding no",
  "X11Forwarding no",
  "PermitUserEnvironment no",
  // Of one connection: a command asks many things at once, and one that has ended still counts for a moment.
  "MaxSessions 32",
  "MaxAuthTries 4",
  "LoginGraceTime 20",
  "ClientAliveInterval 15",
  "ClientAliveCountMax 4",
  "UseDNS no",
);

/** What every machine has: time in UTC, bounded logs, kernel settings, SSH by key only. */
export function base(settings: { overcommit: Overcommit }): RoleManifest {
  return role("base", {
    packages: ["ca-certificates", "curl", "nftables", "openssh-server", "systemd-timesyncd"],
    files: [
      file("/etc/systemd/journald.conf.d/10-phasewise.conf", JOURNALD, {
        onChange: restart("systemd-journald.service"),
      }),
      file(
        SYSCTL,
        Object.entries(kernel(settings.overcommit))
          .map(([key, value]) => `${key} = ${value}\n`)
          .join(""),
      ),
      // The first value that sshd reads wins, so this name must sort before that of cloud-init.
      file("/etc/ssh/sshd_config.d/10-phasewise.conf", SSHD, { onChange: reload("ssh.service") }),
    ],
    prepare: [
      {
        name: "kernel settings",
        probe: overKernelSettings('[ "$(cat "$path")" = "$value" ] || exit 1'),
        act: overKernelSettings('printf %s "$value" > "$path"'),
      },
      {
        name: "time zone UTC",
        probe: '[ "$(readlink -f /etc/localtime)" = "$(readlink -f /usr/share/zoneinfo/Etc/UTC)" ]',
        act: "ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime && echo Etc/UTC > /etc/timezone",
      },
    ],
    units: [
      running("ssh.service", { stateful: true }),
      running("systemd-journald.service", { stateful: true }),
      // In a container it never runs: there the clock is the host's.
      { name: "systemd-timesyncd.service", state: "enabled", stateful: true },
    ],
  });
}

/** Runs `body` with $path and $value for each setting that this kernel lets the machine change (containers: few). */
function overKernelSettings(body: string): string {
  return lines(
    "while read -r key equals value; do",
    '  path=/proc/sys/$(echo "$key" | tr . /)',
    '  [ -w "$path" ] || continue',
    `  ${body}`,
    `done < ${SYSCTL}`,
  );
}
