import { namespacePath } from "../networks/namespaces.ts";
import { deviceFolder, type Place, serverNamespace, serverPaths } from "./names.ts";

/**
 * What runs a machine for as long as it is powered on: nspawn ends with 133 when the machine reboots, and is started
 * again, as firmware would, on a network that remembers nothing. It needs no daemon. How nspawn ended otherwise is its
 * last word.
 *
 * Arguments: $1 the machine's control groups, one a line; $2 its network namespace; $3 a file to lock; $4 the file
 * for init's messages; the rest nspawn's.
 */
export const superviseScript = `
groups=$1 namespace=$2 console=$4
exec 9>"$3"
flock --nonblock 9 || exit 1
shift 4
while :; do
  ip netns exec "$namespace" nft flush ruleset
  for link in $(ip -n "$namespace" -brief link show | cut -d@ -f1 | cut -d' ' -f1); do
    [ "$link" = lo ] && continue
    ip -n "$namespace" link set "$link" down
    ip -n "$namespace" address flush dev "$link"
  done
  (
    for group in $groups; do echo "$BASHPID" > "$group/machine/cgroup.procs" || exit 1; done
    exec systemd-nspawn "$@" 9>&- </dev/null >"$console" 2>&1
  )
  status=$?
  [ $status = 133 ] || { echo "systemd-nspawn ended with code $status"; exit "$status"; }
  for group in $groups; do find "$group/machine" -mindepth 1 -depth -type d -exec rmdir {} + ; done
done
`;

/** Capabilities that machines do without: they make no device nodes, and don't speak for the host's hardware. */
const dropped = ["CAP_MKNOD", "CAP_SYS_TTY_CONFIG", "CAP_AUDIT_CONTROL"];

/** And these they have beyond nspawn's own: their network is theirs, and a mounted disk can grow. */
const added = ["CAP_NET_ADMIN", "CAP_SYS_RESOURCE"];

export interface Command {
  command: string[];
  env: Record<string, string>;
}

/**
 * The command that runs a machine; pure.
 * @param groups Folders of its control groups.
 */
export function superviseCommand(place: Place, serverId: number, groups: string[]): Command {
  const paths = serverPaths(place.directory, serverId);
  const name = serverNamespace(place.slot, serverId);
  const nspawn = [
    "--quiet",
    "--boot",
    "--register=no",
    "--keep-unit",
    `--machine=${name}`,
    `--directory=${paths.root}`,
    `--network-namespace-path=${namespacePath(name)}`,
    `--capability=${added.join(",")}`,
    `--drop-capability=${dropped.join(",")}`,
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    "--console=pipe",
    // Without it, systemd would take the disks in fstab for the host's and leave them out.
    "--setenv=SYSTEMD_SYSFS_CHECK=0",
    `--bind-ro=${escapeBind(deviceFolder(place.slot, serverId))}:/dev/disk`,
    `--bind-ro=${escapeBind(paths.network)}:/run/systemd/network`,
  ];
  return {
    command: [
      "bash",
      "-c",
      superviseScript,
      name,
      groups.join("\n"),
      name,
      paths.lock,
      paths.console,
      ...nspawn,
    ],
    env: {
      // systemd of Debian 13 wants control groups of version 2, which every kernel that we meet has.
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1",
      SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network",
    },
  };
}

// nspawn splits at colons.
function escapeBind(path: string): string {
  return path.replace(/[\\:]/g, (character) => `\\${character}`);
}
