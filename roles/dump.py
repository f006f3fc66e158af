#!/usr/bin/python3 -B
"""Dumps of a cluster's databases (pg_dump) in the stack's buckets: portable files beside the backups.

due                                 asked by a timer each hour: makes the day's dumps where they are this machine's to
                                    make, for every repository that lacks one
make [DATABASE]                     makes one of each database, or of this one, now
restore REPOSITORY DATABASE NAME AS makes a new database out of a dump; on the primary

A dump is one moment of one database, made by several connections at once. It is put together on the volume, and
encrypted with authentication (gpg, AES-256 in OCB mode) on its way: a bucket shows it only when all of it is there.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

from dailyCopies import DAY, SPARE, Copier, appointment, obey, seconds_of, stamp_of
from objectStore import Failed

NAME = re.compile(r"(\d{8}T\d{6}Z)-(\d+)\.tar\.gpg")


def parse(key, prefix):
    """(database, seconds since 1970, bytes of the database) of a dump; None where the key is no dump's."""
    database, _, name = key.removeprefix(prefix).rpartition("/")
    found = NAME.fullmatch(name)
    if not key.startswith(prefix) or not database or not found:
        return None
    return database, seconds_of(found[1]), int(found[2])


def missing(keys, prefix, databases, last):
    """The databases without a dump since their appointment."""
    dumps = [dump for key in keys if (dump := parse(key, prefix))]
    return [one for one in databases if not any(name == one and moment >= last for name, moment, _ in dumps)]


def expired(keys, prefix, now, days):
    """The keys of dumps that are older than so many days."""
    return [key for key in keys if (dump := parse(key, prefix)) and dump[1] < now - days * DAY]


class Machine(Copier):
    def moments(self, keys):
        dumps = [dump for key in keys if (dump := parse(key, self.prefix))]
        return {of: max(moment for name, moment, _ in dumps if name == of) for of, _, _ in dumps}

    def postgres(self, program, *words):
        """A command of PostgreSQL's, as its owner."""
        connection = ["-h", self.settings["socket"]] if program != "tar" else []
        path = program if program == "tar" else f"{self.settings['bin']}/{program}"
        return ["runuser", "-u", "postgres", "--", path, *connection, *words]

    def run(self, program, *words):
        done = subprocess.run(self.postgres(program, *words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{program} ended with code {done.returncode}: {done.stderr.strip()[-600:]}")
        return done.stdout.strip()

    def sql(self, text, database="postgres"):
        return self.run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text)

    def room(self, needed, what):
        free = shutil.disk_usage(self.settings["work"]).free
        if free < needed + SPARE:
            raise Failed(f"{what} takes up to {(needed + SPARE) >> 20} MB of the volume, which has {free >> 20} MB free")

    def folder(self, name):
        """An empty one, PostgreSQL's."""
        path = f"{self.settings['work']}/{name}"
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path, 0o700)
        shutil.chown(path, "postgres", "postgres")
        return path


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def due(machine):
    settings = machine.settings
    last = appointment(time.time(), settings["at"])
    lacking = {
        number: missing(keys, machine.prefix, settings["databases"], last) for number, keys in machine.look().items()
    }
    wanted = {
        one: [number for number, databases in lacking.items() if one in databases] for one in settings["databases"]
    }
    if not any(wanted.values()):
        return
    maker = subprocess.run([settings["maker"], "where"], capture_output=True, text=True, check=True).stdout.strip()
    names = ", ".join(one for one, numbers in wanted.items() if numbers)
    print(f"dumps are due of {names}: {maker or 'nobody'} makes them", flush=True)
    if maker == settings["name"]:
        make(machine, wanted)


def make(machine, wanted):
    """`wanted`: by database, the repositories that are to have a dump of it."""
    failed = []
    for database, numbers in wanted.items():
        if not numbers:
            continue
        try:
            one(machine, database, numbers)
        except Failed as error:
            failed.append(f"{database}: {error}")
    if failed:
        raise Failed("; ".join(failed))


def one(machine, database, numbers):
    now = time.time()
    size = int(machine.sql(f"SELECT pg_database_size({literal(database)})"))
    machine.room(size // 2, f"a dump of {database}")
    key = f"{machine.prefix}{database}/{stamp_of(now)}-{size}.tar.gpg"
    holding = machine.put(numbers, key, lambda: dumped(machine, database))

    def old(keys, days):
        # The others are removed when they have a newer one themselves.
        return [one for one in expired(keys, machine.prefix, now, days) if parse(one, machine.prefix)[0] == database]

    machine.expire(holding, old)


@contextlib.contextmanager
def dumped(machine, database):
    """A dump as an encrypted archive: a stream."""
    folder = machine.folder(f"dump-{database}")
    try:
        jobs = ["-j", str(machine.settings["jobs"]), "--compress=zstd:3", "--lock-wait-timeout=60s"]
        machine.run("pg_dump", "-Fd", *jobs, "-f", f"{folder}/{database}", "-d", database)
        archive = machine.postgres("tar", "-C", folder, "-cf", "-", database)
        with machine.encrypted("tar", archive, "none") as stream:
            yield stream
    finally:
        shutil.rmtree(folder)


def restore(machine, number, database, name, target):
    """Out of a repository. Under a temporary name until it is whole: what a killed one left is dropped by the next."""
    store = machine.store(number)
    key = f"{machine.prefix}{database}/{name}"
    dump = parse(key, machine.prefix)
    if dump is None:
        raise Failed(f"{key} is no dump's name")
    if machine.sql("SELECT pg_is_in_recovery()") == "t":
        raise Failed("this machine is a standby: a dump is restored on the primary")
    if machine.sql(f"SELECT count(*) FROM pg_database WHERE datname = {literal(target)}") != "0":
        raise Failed(f"there is a database {target} already")
    stored = int(store.request("HEAD", key)[0]["content-length"])
    machine.room(stored + dump[2] * 6 // 5, f"a restore of {key}")
    folder = machine.folder("restore")
    draft = "phasewise_restoring_dump"
    try:
        receive(machine, store, key, folder)
        machine.sql(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)")
        owner = machine.sql(
            "SELECT coalesce((SELECT pg_get_userbyid(datdba) FROM pg_database "
            f"WHERE datname = {literal(database)}), 'postgres')"
        )
        machine.sql(f"CREATE DATABASE {draft} OWNER {quoted(owner)} TEMPLATE template0")
        jobs = ["-j", str(machine.settings["jobs"]), "--exit-on-error"]
        machine.run("pg_restore", "-Fd", *jobs, "-d", draft, f"{folder}/{database}")
        machine.sql("ANALYZE", draft)
        machine.sql(f"ALTER DATABASE {draft} RENAME TO {quoted(target)}")
    except BaseException:
        machine.sql(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)")
        raise
    finally:
        shutil.rmtree(folder)
    print(f"{target} is made of {key}", flush=True)


def receive(machine, store, key, folder):
    unpack = subprocess.Popen(machine.postgres("tar", "-C", folder, "-xf", "-"), stdin=subprocess.PIPE)
    try:
        with unpack.stdin:
            machine.decrypt(store, key, unpack.stdin)
    finally:
        code = unpack.wait()
    if code:
        raise Failed(f"{key} cannot be unpacked: tar ended with code {code}")


def asked(machine, arguments):
    """What these arguments mean; None for nothing."""
    all_of = list(machine.stores)
    match arguments:
        case ["due"]:
            return lambda: machine.report(lambda: due(machine))
        case ["make"]:
            return lambda: machine.report(lambda: make(machine, {one: all_of for one in machine.settings["databases"]}))
        case ["make", database]:
            return lambda: machine.report(lambda: make(machine, {database: all_of}))
        case ["restore", number, database, name, target] if number.isdigit():
            return lambda: restore(machine, int(number), database, name, target)
    return None


if __name__ == "__main__":
    sys.exit(obey(asked(Machine("/etc/phasewise/dump"), sys.argv[1:]), __doc__, "/run/phasewise-dump.lock", "dump"))
