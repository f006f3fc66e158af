"""What programs share that put an encrypted copy into the stack's buckets each day.

A copy is made once and sent to every repository as it is made. A repository that does not answer keeps none from the
others: what it said is kept, told at the end, and the program fails.
"""

import concurrent.futures
import contextlib
import datetime
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from objectStore import Failed, Store, Upload

DAY = 86400
PART = 32 * 1024 * 1024
"""Bytes of a part of an upload; there may be 10,000 of them."""
BUSY = 75
"""Exit status where another one is being made (EX_TEMPFAIL): nothing failed."""
SPARE = 512 * 1024 * 1024
"""Bytes that stay free on the volume, at least."""
STAMP = "%Y%m%dT%H%M%SZ"
QUIET = ["--quiet", "--no-options", "--no-secmem-warning"]


def seconds_of(stamp):
    """Since 1970, of a moment as names carry it; throws ValueError where it is none."""
    moment = datetime.datetime.strptime(stamp, STAMP)
    return int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())


def stamp_of(second):
    return time.strftime(STAMP, time.gmtime(second))


def appointment(now, at):
    """When the last daily copy should have been made; `at` in minutes after midnight UTC."""
    return now - (now - at * 60) % DAY


def through(source, sink):
    """All of one pipe into another, which are both closed."""
    with source, sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def exposition(copy, newest, failed, now):
    """Prometheus' text of one program's run.

    `newest`: by repository, by what is copied, when the newest copy was made (seconds); `failed`: by repository, whether
    it has not got what it should.
    """
    lines = []

    def metric(name, text, samples):
        lines.extend([f"# HELP {name} {text}", f"# TYPE {name} gauge"] if samples else [])
        for labels, value in samples:
            inner = ",".join(f'{key}="{one}"' for key, one in {"copy": copy, **labels}.items())
            lines.append(f"{name}{{{inner}}} {value}")

    metric("phasewise_copy_asked_timestamp_seconds", "When it was last asked whether a copy is due", [({}, int(now))])
    metric(
        "phasewise_copy_failed",
        "Whether that failed for a repository",
        [({"repository": one}, int(value)) for one, value in sorted(failed.items())],
    )
    metric(
        "phasewise_copy_newest_timestamp_seconds",
        "When the newest copy in a repository was made",
        [
            ({"of": of, "repository": one}, moment)
            for one, found in sorted(newest.items())
            for of, moment in sorted(found.items())
        ],
    )
    return "\n".join(lines) + "\n"


class Copier:
    """One program's settings, repositories and key. `moments(keys)` of what inherits from it: when the newest copy of
    each thing was made, by its name (seconds)."""

    def __init__(self, folder):
        self.configuration = folder
        with open(f"{folder}/settings.json", encoding="utf-8") as file:
            self.settings = json.load(file)
        with open(f"{folder}/storage.json", encoding="utf-8") as file:
            keys = json.load(file)
        self.prefix = self.settings["prefix"]
        self.repositories = dict(enumerate(self.settings["repositories"], 1))
        self.stores = {
            number: Store({**place, "prefix": self.prefix}, keys[number - 1])
            for number, place in self.repositories.items()
        }
        self.keys = {}
        """By repository, what it was last seen to hold."""
        self.faults = {}
        """By repository, what it did not do."""

    def moments(self, keys):
        raise NotImplementedError

    def each(self, numbers, act):
        """What `act(number)` gives for the repositories where it does not fail: all of them at once."""
        numbers = list(numbers)
        if not numbers:
            return {}
        with concurrent.futures.ThreadPoolExecutor(len(numbers)) as pool:
            asked = {number: pool.submit(act, number) for number in numbers}
        results = {}
        for number, answer in asked.items():
            try:
                results[number] = answer.result()
            except Failed as error:
                self.fail(number, error)
        return results

    def fail(self, number, error):
        self.faults.setdefault(number, []).append(str(error))

    def named(self, number):
        """For people."""
        return "" if len(self.stores) == 1 else f"repository {number}: "

    def look(self, numbers=None):
        """What the repositories hold that answer, the oldest first."""
        found = self.each(self.stores if numbers is None else numbers, lambda number: self.stores[number].list())
        self.keys.update(found)
        return found

    def put(self, numbers, key, made):
        """Sends one copy to these repositories, and gives those that have it then. `made` gives a context of a stream,
        and throws at its end where that was not all. Where no repository takes it, it is not even begun."""
        uploads = self.each(numbers, lambda number: Upload(self.stores[number], key))
        if not uploads:
            return []
        begun = time.time()
        try:
            with made() as stream:
                while part := stream.read(PART):
                    taken = self.each(uploads, lambda number: uploads[number].add(part))
                    for lost in uploads.keys() - taken.keys():
                        uploads.pop(lost).abandon()
                    if not uploads:
                        raise Failed(f"{key}: no repository takes it")
        except BaseException:
            for upload in uploads.values():
                upload.abandon()
            raise
        holding = list(self.each(uploads, lambda number: uploads[number].finish()))
        for number in holding:
            size, seconds = uploads[number].size, time.time() - begun
            print(f"{self.named(number)}{key}: {size} bytes in {seconds:.1f} s", flush=True)
        return holding

    def expire(self, numbers, old):
        """Removes the keys that `old(keys, days)` names, of all that a repository holds."""

        def act(number, held):
            days = self.repositories[number]["keepDays"]
            for key in old(held, days):
                self.stores[number].request("DELETE", key)
                print(f"{self.named(number)}{key}: older than {days} days, removed", flush=True)

        found = self.look(numbers)
        self.each(found, lambda number: act(number, found[number]))

    def gpg(self, home, *options):
        """The key is in a file, and it is as strong as the cipher: nothing is won by stretching it."""
        key = ["--passphrase-file", f"{self.configuration}/cipher.password", "--pinentry-mode", "loopback"]
        return ["gpg", "--homedir", home, "--batch", "--no-tty", *QUIET, "--no-autostart", *key, *options]

    @contextlib.contextmanager
    def encrypted(self, what, command, compress, pump=through, environment=None):
        """What a command prints, encrypted with authentication (AES-256 in OCB mode): a stream.

        Left in order, it throws where the stream was not whole. `pump` carries it from the command to gpg.
        """
        with tempfile.TemporaryDirectory(prefix="copy-") as home, concurrent.futures.ThreadPoolExecutor(1) as pool:
            read = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
            modes = ["--cipher-algo", "AES256", "--force-ocb", "--s2k-count", "65536", "--compress-algo", compress]
            encrypt = subprocess.Popen(
                self.gpg(home, *modes, "--symmetric"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            between = pool.submit(pump, read.stdout, encrypt.stdin)
            try:
                yield encrypt.stdout
                for name, process in (("gpg", encrypt), (what, read)):
                    if process.wait():
                        raise Failed(f"{name} ended with code {process.returncode}")
                between.result()
            finally:
                for process in (encrypt, read):
                    process.kill()
                    process.wait()
                encrypt.stdout.close()

    def store(self, number):
        """The repository that somebody named by its number."""
        if number not in self.stores:
            raise Failed(f"there is no repository {number}")
        return self.stores[number]

    def decrypt(self, store, key, target):
        """Writes what a copy in a repository holds to a file or pipe."""
        with tempfile.TemporaryDirectory(prefix="copy-") as home:
            process = subprocess.Popen(self.gpg(home, "--decrypt"), stdin=subprocess.PIPE, stdout=target)
            try:
                with process.stdin:
                    store.fetch(key, process.stdin)
            except BrokenPipeError:
                pass
            finally:
                code = process.wait()
            if code:
                raise Failed(f"{key} cannot be decrypted: another key, or it was damaged")

    def report(self, act):
        """Makes copies, and tells Prometheus; throws also where a repository has not got its own."""
        broken = True
        try:
            act()
            broken = False
        finally:
            self.tell(broken)
        if self.faults:
            raise Failed("\n".join(f"{self.named(one)}{text}" for one in sorted(self.faults) for text in self.faults[one]))

    def tell(self, broken):
        """By the node exporter, where there is one."""
        folder = self.settings["textfiles"]
        if not os.path.isdir(folder):
            return
        newest = {number: self.moments(keys) for number, keys in self.keys.items()}
        failed = {number: broken or number in self.faults for number in self.stores}
        name = self.prefix.strip("/")
        path = os.path.join(folder, f"phasewise-copies-{name.replace('/', '-')}.prom")
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(exposition(name, newest, failed, time.time()))
        os.chmod(f"{path}.new", 0o644)
        os.replace(f"{path}.new", path)


def obey(act, usage, lock, what):
    """Does what a program's arguments mean, where they mean something; its exit status."""
    if act is None:
        print(usage, file=sys.stderr)
        return 2
    return alone(lock, what, act)


def alone(lock, what, act):
    """Acts while nobody else does; the program's exit status."""
    with open(lock, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another {what} is being made or restored", file=sys.stderr)
            return BUSY
        try:
            act()
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
    return 0
