import { readFile } from "node:fs/promises";
import { CommandError, run } from "../machines/run.ts";

interface Mount {
  target: string;
  type: string;
}

/** What a disk ("7:0") is mounted as, in the words of /proc/<pid>/mountinfo. The last mounted comes first. */
export function mountsOf(mountinfo: string, numbers: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of mountinfo.split("\n")) {
    const [mount, filesystem] = line.split(" - ");
    const fields = mount?.split(" ") ?? [];
    const target = fields[4];
    if (fields[2] !== numbers || !target || !filesystem) continue;
    mounts.unshift({ target: unescapeOctal(target), type: filesystem.split(" ")[0] ?? "" });
  }
  return mounts;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}

// What pulling the cable of a disk does: the mount goes, and then every access through what is still open fails.
// First the mount (umount2 with MNT_DETACH), as XFS would not even let itself be unmounted afterwards; then
// FS_IOC_SHUTDOWN of linux/fs.h, which with 0 brings to the disk all that was written before.
const cutOffScript = `
import ctypes, fcntl, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)
if libc.umount2(os.fsencode(sys.argv[1]), 2) != 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
fcntl.ioctl(folder, 0x8004587d, struct.pack("I", 0))
`;

/**
 * Makes a running machine let go of a disk, whoever uses it there.
 * @param leader The machine's init process.
 * @returns Whether a file system was cut off, so that programs with open files on it now get I/O errors.
 */
export async function unplugDisk(leader: number, numbers: string): Promise<boolean> {
  const mountinfo = await readFile(`/proc/${leader}/mountinfo`, "utf8");
  const inside = ["--target", String(leader), "--mount", "--"];
  let cutOff = false;
  for (const { target, type } of mountsOf(mountinfo, numbers)) {
    if (await unmount(inside, target)) continue;
    if (type !== "ext4" && type !== "xfs") {
      throw new Error(
        `The volume is mounted at ${target} and in use, and a file system of type ${type} can't be cut off. Nothing was changed. End what uses it, or power the server off.`,
      );
    }
    await run("nsenter", [...inside, "python3", "-c", cutOffScript, target]);
    cutOff = true;
  }
  return cutOff;
}

async function unmount(inside: string[], target: string): Promise<boolean> {
  try {
    await run("nsenter", [...inside, "umount", target]);
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode !== undefined) return false;
    throw error;
  }
}
