#!/usr/bin/python3 -B
"""Backups of a Redis in the stack's bucket.

due             asked by a timer each hour: makes the day's backup where it is this machine's to make
make            makes one now
restore STAMP   puts one in the place of the data of this machine's Redis, whose own data is kept aside

A backup is what a replica would be given: one moment, whatever is written meanwhile. It is compressed and encrypted
with authentication (gpg, AES-256 in OCB mode) before it leaves, in one pass: no copy of it is ever on the disk here,
and the bucket shows it only when all of it has arrived.
"""

import concurrent.futures
import ctypes
import datetime
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from objectStore import Failed, Store

FOLDER = "/etc/phasewise/redis-backup"
DAY = 86400
PART = 32 * 1024 * 1024
"""Bytes of a part of an upload; there may be 10,000 of them."""
PATIENCE = 2 * 3600
"""Seconds after the appointment from which a primary no longer waits for its replicas to make the backup."""
BUSY = 75
"""Exit status where another backup or restore is being made (EX_TEMPFAIL): nothing failed."""
SPARE = 512 * 1024 * 1024
"""Bytes that a restore leaves free on the volume, at least."""
SUFFIX = ".rdb.gpg"
QUIET = ["--quiet", "--no-options", "--no-secmem-warning"]
STAMP = "%Y%m%dT%H%M%SZ"


def stamp_of(key, prefix):
    """Seconds since 1970 of the backup under this key; None where the key is no backup's."""
    if not key.startswith(prefix) or not key.endswith(SUFFIX):
        return None
    try:
        moment = datetime.datetime.strptime(key[len(prefix) : -len(SUFFIX)], STAMP)
    except ValueError:
        return None
    return int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())


def appointment(now, at):
    """When the last daily backup should have been made; `at` in minutes after midnight UTC."""
    return now - (now - at * 60) % DAY


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
    stamps = [(stamp_of(key, prefix), key) for key in keys]
    return [key for stamp, key in stamps if stamp is not None and stamp < now - days * DAY]


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


class Machine:
    def __init__(self):
        with open(f"{FOLDER}/settings.json", encoding="utf-8") as file:
            self.settings = json.load(file)
        with open(f"{FOLDER}/storage.json", encoding="utf-8") as file:
            self.store = Store(self.settings, json.load(file))

    def redis(self, *words):
        done = subprocess.run([self.settings["client"], "-e", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"Redis does not answer {words[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def gpg(self, home, *options):
        """The key is in a file, and it is as strong as the cipher: nothing is won by stretching it."""
        key = ["--passphrase-file", f"{FOLDER}/cipher.password", "--pinentry-mode", "loopback"]
        return ["gpg", "--homedir", home, "--batch", "--no-tty", *QUIET, "--no-autostart", *key, *options]


def due(machine):
    now = time.time()
    last = appointment(now, machine.settings["at"])
    stamps = [stamp for key in machine.store.list() if (stamp := stamp_of(key, machine.settings["prefix"]))]
    if stamps and max(stamps) >= last:
        return
    mine, why = whose(parse_info(machine.redis("INFO", "replication")), now - last > PATIENCE)
    print(f"the backup of {machine.settings['cache']} is due: {why}", flush=True)
    if mine:
        make(machine)


def make(machine):
    settings = machine.settings
    now = time.time()
    key = settings["prefix"] + time.strftime(STAMP, time.gmtime(now)) + SUFFIX
    with tempfile.TemporaryDirectory(prefix="redis-backup-") as home, open(f"{FOLDER}/backup.password") as password:
        environment = {**os.environ, "REDISCLI_AUTH": password.read().strip()}
        options = ["-s", settings["socket"], "--user", settings["user"], "--no-auth-warning"]
        options = [*options, "--rdb", "-"]
        read = subprocess.Popen(["redis-cli", *options], env=environment, stdout=subprocess.PIPE)
        modes = ["--cipher-algo", "AES256", "--force-ocb", "--s2k-count", "65536", "--compress-algo", "zlib"]
        encrypt = subprocess.Popen(
            machine.gpg(home, *modes, "--symmetric"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        between = concurrent.futures.ThreadPoolExecutor(1).submit(pump, read.stdout, encrypt.stdin)

        def whole():
            for name, process in (("gpg", encrypt), ("reading from Redis", read)):
                if process.wait():
                    raise Failed(f"{name} ended with code {process.returncode}")
            between.result()

        try:
            size = machine.store.upload(key, iter(lambda: encrypt.stdout.read(PART), b""), whole)
        finally:
            for process in (encrypt, read):
                process.kill()
                process.wait()
            encrypt.stdout.close()
    print(f"{key}: {size} bytes in {time.time() - now:.1f} s", flush=True)
    for old in expired(machine.store.list(), settings["prefix"], now, settings["retentionDays"]):
        machine.store.request("DELETE", old)
        print(f"{old}: older than {settings['retentionDays']} days, removed", flush=True)


def restore(machine, stamp):
    settings = machine.settings
    refuse_replicas(machine)
    place = shutil.disk_usage(os.path.dirname(settings["data"])).free
    needed = 2 * settings["memoryMb"] * 1024**2 + SPARE
    if place < needed:
        raise Failed(f"a restore takes up to {needed >> 20} MB of the volume, which has {place >> 20} MB free")
    kept = f"{settings['kept']}/{time.strftime(STAMP, time.gmtime())}"
    # What holds no finished data is a download that was cut off.
    for name in os.listdir(settings["kept"]):
        if name.endswith(".new") and not os.path.exists(f"{settings['kept']}/{name}/appendonlydir"):
            shutil.rmtree(f"{settings['kept']}/{name}")
    work = f"{kept}.new"
    os.mkdir(work, 0o700)
    try:
        prepared = prepare(machine, settings["prefix"] + stamp + SUFFIX, work)
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


def prepare(machine, key, work):
    """The backup as Redis' data: the base of an append-only file to which nothing was added."""
    base = f"{work}/base.rdb"
    with tempfile.TemporaryDirectory(prefix="redis-backup-") as home, open(base, "xb") as target:
        decrypt = subprocess.Popen(machine.gpg(home, "--decrypt"), stdin=subprocess.PIPE, stdout=target)
        try:
            with decrypt.stdin:
                machine.store.fetch(key, decrypt.stdin)
        except BrokenPipeError:
            pass
        finally:
            code = decrypt.wait()
        if code:
            raise Failed(f"{key} cannot be decrypted: another key, or it was damaged")
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


def main(arguments):
    machine = Machine()
    with open("/run/phasewise-redis-backup.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another backup or restore is being made", file=sys.stderr)
            return BUSY
        try:
            match arguments:
                case ["due"]:
                    due(machine)
                case ["make"]:
                    make(machine)
                case ["restore", stamp]:
                    restore(machine, stamp)
                case _:
                    print(__doc__, file=sys.stderr)
                    return 2
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
