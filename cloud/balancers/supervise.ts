import { namespacePath } from "../networks/namespaces.ts";

/**
 * What keeps a load balancer's HAProxy running, with or without a daemon. One that starts anew knows nothing of its
 * targets; what was true when it was last reloaded is forgotten.
 *
 * Arguments: $1 its folder, the rest the command.
 */
const script = `
folder=$1
shift
while :; do
  "$@" </dev/null >"$folder/log" 2>&1
  rm -f "$folder/state"
  sleep 0.2
done
`;

/** Debian's user for HAProxy, which the package makes. */
export const balancerUser = "haproxy";

/**
 * The command that runs a load balancer, for as long as nobody kills it; pure. HAProxy itself has no right at all:
 * the namespace lets everybody listen on low ports.
 */
export function balancerCommand(namespace: string, folder: string, openFiles: number): string[] {
  const user = [`--reuid=${balancerUser}`, `--regid=${balancerUser}`, "--clear-groups"];
  const haproxy = ["haproxy", "-W", "-q", "-S", `${folder}/master.sock`, "-f", `${folder}/haproxy.cfg`];
  return [
    ...["bash", "-c", script, "phasewise", folder],
    ...["nsenter", `--net=${namespacePath(namespace)}`],
    ...["prlimit", `--nofile=${openFiles}:${openFiles}`],
    ...["setpriv", ...user, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"],
    ...haproxy,
  ];
}
