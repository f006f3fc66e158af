#!/usr/bin/python3 -B
"""Dumps of a cluster's databases (pg_dump) in the stack's bucket: portable files beside the backups.

due                          asked by a timer each hour: makes the day's dumps where they are this machine's to make
make [DATABASE]              makes one of each database, or of this one, now
restore DATABASE NAME AS     makes a new database out of a dump; on the primary

A dump is one moment of one database, made by several connections at once. It is put together on the volume, and
encrypted with authentication (gpg, AES-256 in OCB mode) on its way: the bucket shows it only when all of it is there.
"""

import datetime
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from objectStore import Failed, Store

FOLDER = "/etc/phasewise/dump"
DAY = 86400
PART = 32 * 1024 * 1024
"""Bytes of a part of an upload; there may be 10,000 of them."""
BUSY = 75
"""Exit status where another dump is being made (EX_TEMPFAIL): nothing failed."""
SPARE = 512 * 1024 * 1024
"""Bytes that stay free on the volume, at least."""
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"(\d{8}T\d{6}Z)-(\d+)\.tar\.gpg")
QUIET = ["--quiet", "--no-options", "--no-secmem-warning"]


def parse(key, prefix):
    """(database, seconds since 1970, bytes of the database) of a dump; None where the key is no dump's."""
    database, _, name = key.removeprefix(prefix).rpartition("/")
    found = NAME.fullmatch(name)
    if not key.startswith(prefix) or not database or not found:
        return None
    moment = datetime.datetime.strptime(found[1], STAMP).replace(tzinfo=datetime.timezone.utc)
    return database, int(moment.timestamp()), int(found[2])


def appointment(now, at):
    """When the last daily dump should have been made; `at` in minutes after midnight UTC."""
    return now - (now - at * 60) % DAY


def missing(keys, prefix, databases, last):
    """The databases without a dump since their appointment."""
    dumps = [dump for key in keys if (dump := parse(key, prefix))]
    return [one for one in databases if not any(name == one and moment >= last for name, moment, _ in dumps)]


def expired(keys, prefix, now, days):
    """The keys of dumps that are older than so many days."""
    return [key for key in keys if (dump := parse(key, prefix)) and dump[1] < now - days * DAY]


class Machine:
    def __init__(self):
        with open(f"{FOLDER}/settings.json", encoding="utf-8") as file:
            self.settings = json.load(file)
        with open(f"{FOLDER}/storage.json", encoding="utf-8") as file:
            self.store = Store(self.settings, json.load(file))

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

    def gpg(self, home, *options):
        """The key is in a file, and it is as strong as the cipher: nothing is won by stretching it."""
        key = ["--passphrase-file", f"{FOLDER}/cipher.password", "--pinentry-mode", "loopback"]
        return ["gpg", "--homedir", home, "--batch", "--no-tty", *QUIET, "--no-autostart", *key, *options]

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
    lacking = missing(
        machine.store.list(), settings["prefix"], settings["databases"], appointment(time.time(), settings["at"])
    )
    if not lacking:
        return
    maker = subprocess.run([settings["maker"], "where"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"dumps are due of {', '.join(lacking)}: {maker or 'nobody'} makes them", flush=True)
    if maker == settings["name"]:
        make(machine, lacking)


def make(machine, databases):
    failed = []
    for database in databases:
        try:
            one(machine, database)
        except Failed as error:
            failed.append(f"{database}: {error}")
    if failed:
        raise Failed("; ".join(failed))


def one(machine, database):
    settings = machine.settings
    now = time.time()
    size = int(machine.sql(f"SELECT pg_database_size({literal(database)})"))
    machine.room(size // 2, f"a dump of {database}")
    folder = machine.folder(f"dump-{database}")
    try:
        jobs = ["-j", str(settings["jobs"]), "--compress=zstd:3", "--lock-wait-timeout=60s"]
        machine.run("pg_dump", "-Fd", *jobs, "-f", f"{folder}/{database}", "-d", database)
        name = f"{time.strftime(STAMP, time.gmtime(now))}-{size}.tar.gpg"
        key = f"{settings['prefix']}{database}/{name}"
        stored = send(machine, folder, database, key)
    finally:
        shutil.rmtree(folder)
    print(f"{key}: {stored} bytes in {time.time() - now:.1f} s", flush=True)
    for old in expired(machine.store.list(), f"{settings['prefix']}", now, settings["keepDays"]):
        # The others are removed when they have a newer one themselves.
        if parse(old, settings["prefix"])[0] == database:
            machine.store.request("DELETE", old)
            print(f"{old}: older than {settings['keepDays']} days, removed", flush=True)


def send(machine, folder, database, key):
    with tempfile.TemporaryDirectory(prefix="dump-") as home:
        read = subprocess.Popen(machine.postgres("tar", "-C", folder, "-cf", "-", database), stdout=subprocess.PIPE)
        modes = ["--cipher-algo", "AES256", "--force-ocb", "--s2k-count", "65536", "--compress-algo", "none"]
        encrypt = subprocess.Popen(
            machine.gpg(home, *modes, "--symmetric"), stdin=read.stdout, stdout=subprocess.PIPE
        )
        read.stdout.close()

        def whole():
            for name, process in (("gpg", encrypt), ("tar", read)):
                if process.wait():
                    raise Failed(f"{name} ended with code {process.returncode}")

        try:
            return machine.store.upload(key, iter(lambda: encrypt.stdout.read(PART), b""), whole)
        finally:
            for process in (encrypt, read):
                process.kill()
                process.wait()
            encrypt.stdout.close()


def restore(machine, database, name, target):
    """Under a temporary name until it is whole: what a killed one left is dropped by the next."""
    settings = machine.settings
    key = f"{settings['prefix']}{database}/{name}"
    dump = parse(key, settings["prefix"])
    if dump is None:
        raise Failed(f"{key} is no dump's name")
    if machine.sql("SELECT pg_is_in_recovery()") == "t":
        raise Failed("this machine is a standby: a dump is restored on the primary")
    if machine.sql(f"SELECT count(*) FROM pg_database WHERE datname = {literal(target)}") != "0":
        raise Failed(f"there is a database {target} already")
    stored = int(machine.store.request("HEAD", key)[0]["content-length"])
    machine.room(stored + dump[2] * 6 // 5, f"a restore of {key}")
    folder = machine.folder("restore")
    draft = "phasewise_restoring_dump"
    try:
        receive(machine, key, folder)
        machine.sql(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)")
        owner = machine.sql(
            "SELECT coalesce((SELECT pg_get_userbyid(datdba) FROM pg_database "
            f"WHERE datname = {literal(database)}), 'postgres')"
        )
        machine.sql(f"CREATE DATABASE {draft} OWNER {quoted(owner)} TEMPLATE template0")
        jobs = ["-j", str(settings["jobs"]), "--exit-on-error"]
        machine.run("pg_restore", "-Fd", *jobs, "-d", draft, f"{folder}/{database}")
        machine.sql("ANALYZE", draft)
        machine.sql(f"ALTER DATABASE {draft} RENAME TO {quoted(target)}")
    except BaseException:
        machine.sql(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)")
        raise
    finally:
        shutil.rmtree(folder)
    print(f"{target} is made of {key}", flush=True)


def receive(machine, key, folder):
    with tempfile.TemporaryDirectory(prefix="dump-") as home:
        decrypt = subprocess.Popen(
            machine.gpg(home, "--decrypt"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        unpack = subprocess.Popen(machine.postgres("tar", "-C", folder, "-xf", "-"), stdin=decrypt.stdout)
        decrypt.stdout.close()
        try:
            with decrypt.stdin:
                machine.store.fetch(key, decrypt.stdin)
        except BrokenPipeError:
            pass
        finally:
            codes = decrypt.wait(), unpack.wait()
        if codes[0]:
            raise Failed(f"{key} cannot be decrypted: another key, or it was damaged")
        if codes[1]:
            raise Failed(f"{key} cannot be unpacked: tar ended with code {codes[1]}")


def main(arguments):
    machine = Machine()
    with open("/run/phasewise-dump.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another dump is being made or restored", file=sys.stderr)
            return BUSY
        try:
            match arguments:
                case ["due"]:
                    due(machine)
                case ["make"]:
                    make(machine, machine.settings["databases"])
                case ["make", database]:
                    make(machine, [database])
                case ["restore", database, name, target]:
                    restore(machine, database, name, target)
                case _:
                    print(__doc__, file=sys.stderr)
                    return 2
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
