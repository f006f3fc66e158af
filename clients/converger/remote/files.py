"""Directories and files: what differs, and putting it right."""

import grp
import os
import pwd
import stat

from masking import render
from state import write_atomically
from system import Failure

# A change below these makes systemd read its unit files again.
UNIT_FOLDERS = ("/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/", "/usr/local/lib/systemd/system/")


class Actual:
    """One path as it is: kind "file", "directory" or "other"; content in bytes, for files."""

    def __init__(self, kind, mode, owner, group, content=None):
        self.kind = kind
        self.mode = mode
        self.owner = owner
        self.group = group
        self.content = content


def read_actual(path):
    """What is at `path`, None if nothing is. A symbolic link is "other"."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    owner, group = owner_name(found.st_uid), group_name(found.st_gid)
    if stat.S_ISDIR(found.st_mode):
        return Actual("directory", mode, owner, group)
    if not stat.S_ISREG(found.st_mode):
        return Actual("other", mode, owner, group)
    with open(path, "rb") as file:
        return Actual("file", mode, owner, group, file.read())


def file_differences(wanted, content, actual):
    """Which of missing, kind, content, mode, owner, group differ; a seed file can only be missing."""
    if actual is None:
        return ["missing"]
    if wanted.get("seed"):
        return []
    if actual.kind != "file":
        return ["kind"]
    changed = ["content"] if actual.content != content else []
    return changed + attribute_differences(wanted, actual)


def directory_differences(wanted, actual):
    if actual is None:
        return ["missing"]
    if actual.kind != "directory":
        return ["kind"]
    return attribute_differences(wanted, actual)


def attribute_differences(wanted, actual):
    changed = ["mode"] if int(wanted["mode"], 8) != int(actual.mode, 8) else []
    changed += ["owner"] if wanted["owner"] != actual.owner else []
    return changed + (["group"] if wanted["group"] != actual.group else [])


def content_of(wanted, secrets):
    return render(wanted["content"], secrets).encode()


def ensure_directory(wanted, reporter):
    """Makes the directory, parents included (0755, root's), and gives it its mode and owner. True if it changed."""
    path = wanted["path"]
    actual = read_actual(path)
    changed = directory_differences(wanted, actual)
    if not changed:
        return False
    if changed == ["kind"]:
        raise Failure(f"{path} should be a directory but is something else; it was left as it is. Move it away.")
    identity = identity_of(wanted)
    if actual is None:
        os.makedirs(path, exist_ok=True)
    os.chown(path, *identity)
    os.chmod(path, int(wanted["mode"], 8))
    reporter.changed("directory", path, words(changed))
    return True


def ensure_file(wanted, content, reporter, before_write):
    """Writes the file if it differs. `before_write(actual)` records what the change will ask for.

    Returns the list of differences that were put right.
    """
    path = wanted["path"]
    actual = read_actual(path)
    changed = file_differences(wanted, content, actual)
    if not changed:
        return changed
    if actual is not None and actual.kind == "directory":
        raise Failure(f"{path} should be a file but is a directory; it was left as it is. Move it away.")
    identity = identity_of(wanted)
    mode = int(wanted["mode"], 8)
    if actual is not None and actual.kind == "file" and "content" not in changed:
        os.chown(path, *identity)
        os.chmod(path, mode)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        before_write(actual)
        write_atomically(path, content, mode, identity)
    reporter.changed("file", path, words(changed))
    return changed


def words(changed):
    return "made" if changed == ["missing"] else ", ".join(changed)


def remove_file(path, reporter):
    """Removes a file that no manifest names any longer; True if there was one."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    reporter.changed("file", path, "removed")
    return True


def is_unit_file(path):
    return path.startswith(UNIT_FOLDERS)


def identity_of(wanted):
    """(uid, gid) of a file's owner and group."""
    try:
        user = pwd.getpwnam(wanted["owner"]).pw_uid
    except KeyError:
        raise Failure(f"{wanted['path']}: the machine has no user {wanted['owner']}") from None
    try:
        return user, grp.getgrnam(wanted["group"]).gr_gid
    except KeyError:
        raise Failure(f"{wanted['path']}: the machine has no group {wanted['group']}") from None


def owner_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid):
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
