#!/usr/bin/python3 -B
"""Backups of a Redis in the stack's buckets.

due                          asked by a timer each hour: makes the day's backup where it is this machine's to make, for
                             every repository that lacks one
make                         makes one now
restore REPOSITORY:STAMP     puts one in the place of the data of this machine's Redis, whose own data is kept aside

A backup is what a replica would be given: one moment, whatever is written meanwhile. It is compressed and encrypted
with authentication (gpg, AES-256 in OCB mode) before it leaves, in one pass: no copy of it is ever on the disk here,
and a bucket shows it only when all of it has arrived.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import time

from dailyCopies import DAY, SPARE, Copier, appointment, obey, seconds_of, stamp_of
from objectStore import Failed

FOLDER = "/etc/phasewise/redis-backup"
PATIENCE = 2 * 3600
"""Seconds after the appointment from which a primary no longer waits for its replicas to make the backup."""
SUFFIX = ".rdb.gpg"


def moment_of(key, prefix):
    """Seconds since 1970 of the backup under this key; None where the key is no backup's."""
    if not key.startswith(prefix) or not key.endswith(SUFFIX):
        return None
    try:
        return seconds_of(key[len(prefix) : -len(SUFFIX)])
    except ValueError:
        return None


def whose(info, late):
    """Whether the Redis that says this of its replication makes the backup: (yes, why).

    A replica that follows, so that the primary need not fork for it; the primary where it has none, or where none of
    them has made it for long.
    """
    if info.get("role") == "slave":
        follows = info.get("master_link_status") == "up"
        return follows, "this is a replica" if follows else "this replica does not follow its primary"
    following = [text for name, text in info.items() if name.startswith("slave") and "state=online" in text]
    if following and not late:
        return False, "a replica makes it"
    return True, "no replica has made it" if following else "there is no replica"


def expired(keys, prefix, now, days):
    """The keys of backups that are older than so many days."""
    moments = [(moment_of(key, prefix), key) for key in keys]
    return [key for moment, key in moments if moment is not None and moment < now - days * DAY]


def parse_info(text):
    return dict(line.strip().split(":", 1) for line in text.splitlines() if ":" in line)


def without_mark(tail):
    """The last bytes of what redis-cli printed, without the mark that the server sent behind them, if it did.

    It is 40 hexadecimal digits, and redis-cli leaves it where it cannot shorten the file. Without it, the ninth byte
    from the end is the RDB's own mark of its end, which is no digit (255, before eight bytes of checksum).
    """
    rest = tail[:-40] if len(tail) >= 40 and all(byte in b"0123456789abcdef" for byte in tail[-40:]) else tail
    if rest[-9:-8] != b"\xff":
        raise Failed("what Redis sent ends before its end")
    return rest


def pump(source, sink):
    """An RDB from `source` to `sink`, which are both closed; throws where it is none or not whole."""
    with source, sink:
        tail = source.read(64)
        if not tail.startswith(b"REDIS"):
            raise Failed("Redis sent nothing")
        while block := source.read(1 << 20):
            tail += block
            sink.write(tail[:-64])
            tail = tail[-64:]
        sink.write(without_mark(tail))


class Machine(Copier):
    def moments(self, keys):
        found = [moment for key in keys if (moment := moment_of(key, self.prefix)) is not None]
        return {self.settings["cache"]: max(found)} if found else {}

    def redis(self, *words):
        done = subprocess.run([self.settings["client"], "-e", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"Redis does not answer {words[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()


def due(machine):
    now = time.time()
    last = appointment(now, machine.settings["at"])
    lacking = [
        number for number, keys in machine.look().items() if max(machine.moments(keys).values(), default=0) < last
    ]
    if not lacking:
        return
    mine, why = whose(parse_info(machine.redis("INFO", "replication")), now - last > PATIENCE)
    print(f"the backup of {machine.settings['cache']} is due: {why}", flush=True)
    if mine:
        make(machine, lacking)


def make(machine, numbers):
    now = time.time()
    key = machine.prefix + stamp_of(now) + SUFFIX
    with open(f"{FOLDER}/backup.password", encoding="utf-8") as password:
        environment = {**os.environ, "REDISCLI_AUTH": password.read().strip()}
    options = ["-s", machine.settings["socket"], "--user", machine.settings["user"], "--no-auth-warning"]
    command = ["redis-cli", *options, "--rdb", "-"]
    holding = machine.put(
        numbers, key, lambda: machine.encrypted("reading from Redis", command, "zlib", pump, environment)
    )
    machine.expire(holding, lambda keys, days: expired(keys, machine.prefix, now, days))


def restore(machine, number, stamp):
    store = machine.store(number)
    settings = machine.settings
    refuse_replicas(machine)
    place = shutil.disk_usage(os.path.dirname(settings["data"])).free
    needed = 2 * settings["memoryMb"] * 1024**2 + SPARE
    if place < needed:
        raise Failed(f"a restore takes up to {needed >> 20} MB of the volume, which has {place >> 20} MB free")
    kept = f"{settings['kept']}/{stamp_of(time.time())}"
    # What holds no finished data is a download that was cut off.
    for name in os.listdir(settings["kept"]):
        if name.endswith(".new") and not os.path.exists(f"{settings['kept']}/{name}/appendonlydir"):
            shutil.rmtree(f"{settings['kept']}/{name}")
    work = f"{kept}.new"
    os.mkdir(work, 0o700)
    try:
        prepared = prepare(machine, store, machine.prefix + stamp + SUFFIX, work)
    except BaseException:
        shutil.rmtree(work)
        raise
    data = f"{settings['data']}/appendonlydir"
    systemctl("stop", settings["unit"])
    if not os.path.exists(data):
        os.mkdir(data, 0o700)
        shutil.chown(data, "redis", "redis")
    exchange(prepared, data)
    try:
        systemctl("start", settings["unit"])
        count = machine.redis("DBSIZE")
    except Failed as error:
        systemctl("stop", settings["unit"])
        exchange(prepared, data)
        shutil.rmtree(work)
        systemctl("start", settings["unit"])
        raise Failed(f"Redis does not start from the backup, and goes on with its own data: {error}") from error
    os.rename(work, kept)
    with open(settings["report"], "w", encoding="utf-8") as file:
        json.dump({"keys": int(count), "kept": kept}, file)
    print(f"{stamp} is restored: {count} keys; the data of before is in {kept}", flush=True)


def refuse_replicas(machine):
    """One that does not answer has none that matter: it may be why there is a restore."""
    if os.path.exists(machine.settings["sentinels"]):
        raise Failed("Sentinels watch this cache: they would lead clients to a replica meanwhile")
    try:
        info = parse_info(machine.redis("INFO", "replication"))
    except Failed:
        return
    if info.get("role") != "master" or info.get("connected_slaves") != "0":
        raise Failed("this Redis is one of several")


def prepare(machine, store, key, work):
    """The backup as Redis' data: the base of an append-only file to which nothing was added."""
    base = f"{work}/base.rdb"
    with open(base, "xb") as target:
        machine.decrypt(store, key, target)
        os.fsync(target.fileno())
    check = subprocess.run(["redis-check-rdb", base], capture_output=True, text=True, check=False)
    if check.returncode:
        raise Failed(f"{key} is no good: {check.stdout.strip().splitlines()[-1:]}")
    folder = f"{work}/part"
    os.mkdir(folder, 0o700)
    name = "appendonly.aof.1.base.rdb"
    os.rename(base, f"{folder}/{name}")
    with open(f"{folder}/appendonly.aof.manifest", "w", encoding="utf-8") as file:
        file.write(f"file {name} seq 1 type b\n")
        file.flush()
        os.fsync(file.fileno())
    for path in (folder, f"{folder}/{name}", f"{folder}/appendonly.aof.manifest"):
        shutil.chown(path, "redis", "redis")
    os.rename(folder, f"{work}/appendonlydir")
    return f"{work}/appendonlydir"


def exchange(one, other):
    """At any moment, also that of a power failure, there is either at each place (renameat2, RENAME_EXCHANGE)."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(-100, one.encode(), -100, other.encode(), 2):
        raise OSError(ctypes.get_errno(), "exchange of two folders", other)
    os.sync()


def systemctl(verb, unit):
    if subprocess.run(["systemctl", verb, unit], check=False).returncode:
        raise Failed(f"systemctl {verb} {unit} failed")


def asked(machine, arguments):
    """What these arguments mean; None for nothing."""
    match arguments:
        case ["due"]:
            return lambda: machine.report(lambda: due(machine))
        case ["make"]:
            return lambda: machine.report(lambda: make(machine, list(machine.stores)))
        case ["restore", text] if found := re.fullmatch(r"(\d+):(\w+)", text):
            return lambda: restore(machine, int(found[1]), found[2])
    return None


if __name__ == "__main__":
    sys.exit(obey(asked(Machine(FOLDER), sys.argv[1:]), __doc__, "/run/phasewise-redis-backup.lock", "backup"))
