"""Filesystems on block devices: made on blank ones, grown with them, mounted now and after a reboot.

They are mounted by mount units and not by /etc/fstab: inside a container systemd ignores fstab's devices.
"""

import os
import re
import stat
import struct
import time

from files import file_differences, read_actual
from state import write_atomically
from system import Failure, must, run

UNIT_FOLDER = "/etc/systemd/system"
DEVICE_SECONDS = 60
FORMATTING = "formatting.json"
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F", "-m", "1"], "xfs": ["mkfs.xfs", "-q", "-f"]}
# Only systemd and fstab understand these; the unit says the same by its dependencies.
UNIT_ONLY_OPTIONS = {"nofail", "auto", "noauto"}


def unit_name(path):
    """systemd's name of the mount unit of `path`: /data -> data.mount."""

    def escaped(character):
        if character == "/":
            return "-"
        if re.match(r"[A-Za-z0-9:_.]", character):
            return character
        return "".join(f"\\x{byte:02x}" for byte in character.encode())

    return "".join(escaped(character) for character in path.strip("/")) + ".mount"


def unit_text(mount):
    options = [option for option in mount["options"] if option not in UNIT_ONLY_OPTIONS]
    wanted = "WantedBy" if "nofail" in mount["options"] else "RequiredBy"
    return "\n".join([
        "[Unit]",
        f"Description=Volume at {mount['path']}",
        "Before=local-fs.target",
        "",
        "[Mount]",
        f"What={mount['device']}",
        f"Where={mount['path']}",
        f"Type={mount['filesystem']}",
        *([f"Options={','.join(options)}"] if options else []),
        "",
        "[Install]",
        f"{wanted}=local-fs.target",
        "",
    ])  # fmt: skip


def unit_file(mount):
    """The mount unit as a managed file."""
    path = f"{UNIT_FOLDER}/{unit_name(mount['path'])}"
    return {"path": path, "owner": "root", "group": "root", "mode": "0644", "content": unit_text(mount)}


def parse_mountinfo(text):
    """Mount point to device number "major:minor"; the mount on top counts."""
    found = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 4:
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), fields[4])
            found[point] = fields[2]
    return found


def mounted():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return parse_mountinfo(file.read())


def device_number(device):
    """ "major:minor" of a block device, None where there is none."""
    try:
        found = os.stat(device)
    except FileNotFoundError:
        return None
    if not stat.S_ISBLK(found.st_mode):
        raise Failure(f"{device} is not a block device")
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


def mount_differences(mount):
    """Which of device, filesystem (to be grown), unit and mounted are not as they should be."""
    number = device_number(mount["device"])
    if number is None:
        return ["device"]
    file = unit_file(mount)
    changed = ["unit"] if file_differences(file, file["content"].encode(), read_actual(file["path"])) else []
    if mounted().get(mount["path"]) != number:
        return [*changed, "mounted"]
    return [*changed, "size"] if grows(mount) else changed


def ensure_mount(mount, state, reporter, stop):
    """Brings one filesystem to what the manifest says. Formats a blank device only, never removes anything."""
    path, device = mount["path"], mount["device"]
    number = wait_for_device(device, reporter, stop)
    current = mounted().get(path)
    if current not in (None, number):
        raise Failure(f"{path} already carries the device {current}, not {device}; nothing was changed")
    if current != number:
        ensure_filesystem(mount, state, reporter)
        refuse_to_hide(path)
    os.makedirs(path, exist_ok=True)
    ensure_unit(mount, current == number, reporter)
    if current != number:
        must(["systemctl", "start", unit_name(path)], f"{device} cannot be mounted at {path}")
        if mounted().get(path) != number:
            raise Failure(f"systemd says that {path} is mounted, but {device} is not there")
        reporter.changed("mount", path, "mounted")
    if grows(mount):
        grow(mount)
        reporter.changed("mount", path, "grown")


def wait_for_device(device, reporter, stop):
    begin = time.monotonic()
    while (number := device_number(device)) is None:
        stop.check()
        waited = time.monotonic() - begin
        if waited > DEVICE_SECONDS:
            raise Failure(f"{device} did not appear within {DEVICE_SECONDS} s: is the volume attached to this server?")
        reporter.progress(f"waiting for {device} {int(waited)} s")
        time.sleep(0.5)
    return number


def ensure_filesystem(mount, state, reporter):
    device, wanted = mount["device"], mount["filesystem"]
    found = filesystem(device)
    if found == wanted:
        return
    if found is not None:
        raise Failure(f"{device} holds {found}, the manifest says {wanted}; nothing was formatted")
    interrupted = state.load(FORMATTING, None) == device
    if not interrupted and not is_blank(device):
        raise Failure(
            f"{device} holds data, but no filesystem that blkid knows; nothing was formatted. "
            f"If it may be lost: wipefs -a {device} && blkdiscard -z {device}"
        )
    reporter.progress(f"making {wanted} on {device}")
    state.save(FORMATTING, device)
    must([*MAKE[wanted], device], f"{device} cannot be formatted")
    state.save(FORMATTING, None)
    reporter.changed("mount", mount["path"], f"formatted as {wanted}")


def filesystem(device):
    """What blkid finds on the device by looking at it: "ext4", "a partition table", None for nothing."""
    done = run(["blkid", "-p", "-o", "export", device], merge=False)
    if done.code == 2:
        return None
    values = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
    if not done.ok or not ({"TYPE", "PTTYPE"} & set(values)):
        raise Failure(f"blkid cannot tell what {device} holds; nothing was changed", done.output)
    return values.get("TYPE") or "a partition table"


def is_blank(device, span=1 << 20):
    """Whether the first and the last MiB hold nothing but zeros."""
    with open(device, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        for offset in (0, max(0, size - span)):
            file.seek(offset)
            if file.read(span).strip(b"\0"):
                return False
    return True


def refuse_to_hide(path):
    if os.path.isdir(path) and os.listdir(path):
        raise Failure(f"{path} is not mounted and not empty: the volume would hide what is there. Move it away first.")


def ensure_unit(mount, already_mounted, reporter):
    file = unit_file(mount)
    name = unit_name(mount["path"])
    content = file["content"].encode()
    changed = file_differences(file, content, read_actual(file["path"]))
    if changed:
        write_atomically(file["path"], content, 0o644)
    # Repeated on purpose: a killed predecessor may have written the file and not reached this.
    must(["systemctl", "daemon-reload"], "systemd cannot read its units")
    must(["systemctl", "--quiet", "enable", name], f"{name} cannot be enabled")
    if changed:
        reporter.changed("mount", mount["path"], "unit written")
        if already_mounted:
            must(["systemctl", "reload", name], f"{mount['path']} cannot be remounted with its new options")


def grows(mount):
    """Whether the device has outgrown its filesystem by more than its last 64 MiB."""
    return device_size(mount["device"]) - filesystem_size(mount) > 64 << 20


def device_size(device):
    with open(device, "rb") as file:
        return file.seek(0, os.SEEK_END)


def filesystem_size(mount):
    """Bytes that the filesystem spans."""
    if mount["filesystem"] == "ext4":
        return ext4_size(mount["device"])
    output = must(["xfs_info", mount["path"]], f"{mount['path']}: its size cannot be read")
    found = re.search(r"^data\s+=\s+bsize=(\d+)\s+blocks=(\d+)", output, re.MULTILINE)
    if found is None:
        raise Failure(f"{mount['path']}: its size cannot be read", output)
    return int(found.group(1)) * int(found.group(2))


def ext4_size(device):
    """From the superblock at 1024: block count (low at 0x4, high at 0x150) times block size (2^(10 + 0x18))."""
    with open(device, "rb") as file:
        file.seek(1024)
        block = file.read(1024)
    low, high = struct.unpack_from("<I", block, 0x4)[0], struct.unpack_from("<I", block, 0x150)[0]
    return ((high << 32) | low) << (10 + struct.unpack_from("<I", block, 0x18)[0])


def grow(mount):
    command = ["resize2fs", mount["device"]] if mount["filesystem"] == "ext4" else ["xfs_growfs", mount["path"]]
    must(command, f"the filesystem at {mount['path']} cannot be grown")
