"""The machine's SSH host key: the one from its first boot is replaced, since user data is no place for secrets."""

import glob
import os

from system import must

PRIVATE = "/etc/ssh/phasewise_host_ed25519_key"
PUBLIC = f"{PRIVATE}.pub"
FIRST_BOOT = "/etc/ssh/ssh_host_ed25519_key.pub"
CONFIGURATION = "/etc/ssh/sshd_config.d/10-phasewise-host-key.conf"
UNIT = "ssh.service"


def managed_files(key):
    """The files of a host key {privateKey, publicKey}; none without one."""
    if not key:
        return []
    root = {"owner": "root", "group": "root", "onChange": [{"unit": UNIT, "action": "reload"}]}
    return [
        {"path": PRIVATE, "mode": "0600", "content": key["privateKey"], **root},
        {"path": PUBLIC, "mode": "0644", "content": key["publicKey"] + "\n", **root},
        {"path": CONFIGURATION, "mode": "0644", "content": f"HostKey {PRIVATE}\n", **root},
    ]


def finish(reporter):
    """After the files are written: refuses a configuration that sshd does not take, forgets the first keys."""
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    must(["/usr/sbin/sshd", "-t"], "sshd does not accept its configuration; it still runs with the old one")
    for path in first_boot_keys():
        os.unlink(path)
        reporter.changed("file", path, "removed")


def first_boot_keys():
    return glob.glob("/etc/ssh/ssh_host_*_key") + glob.glob("/etc/ssh/ssh_host_*_key.pub")


def public_key():
    """The key that the machine shows now, "ssh-ed25519 AAAA...", without its comment."""
    for path in (PUBLIC, FIRST_BOOT):
        try:
            with open(path, encoding="ascii") as file:
                return " ".join(file.read().split()[:2])
        except FileNotFoundError:
            continue
    return None
