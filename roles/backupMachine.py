"""The machine of a cluster's member, as those see and change it who make backups."""

import datetime
import fcntl
import json
import os
import subprocess
import time

from backupRules import gap_of, good, newest_everywhere, unsure


class Machine:
    """What the program does on the machine."""

    def __init__(self, settings):
        self.settings = settings
        self.stanza = settings["stanza"]
        self.spool = settings["spool"]
        # PostgreSQL and the repositories are its owner's.
        whose = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self.owner = whose if os.getuid() == 0 else {}

    def path(self, name, repository=1):
        """What is about the log of one of several repositories lies where that is sent from (see archivePush.ts)."""
        return os.path.join(self.spool, *([] if repository == 1 else [str(repository)]), name)

    def pgbackrest(self, *arguments, repository=None):
        repo = [] if repository is None else [f"--repo={repository}"]
        return ["pgbackrest", f"--stanza={self.stanza}", *repo, *arguments]

    def sql(self, text):
        command = ["psql", "-h", self.settings["socket"], "-d", "postgres", "-XAtqc", text]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30, **self.owner)
        return done.stdout.strip()

    def members(self):
        """What Patroni says of the cluster's members; as root."""
        tls = "/etc/phasewise/tls/root"
        trust = ["--cacert", f"{tls}/ca.pem", "--cert", f"{tls}/node.pem", "--key", f"{tls}/node.key"]
        url = f"https://{self.settings['address']}:{self.settings['patroni']}/cluster"
        command = ["curl", "-sS", "--fail", "--max-time", "10", *trust, url]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return json.loads(answer)["members"]

    def info(self):
        """What the repositories hold; None where they do not answer."""
        command = self.pgbackrest("--io-timeout=2", "--output=json", "info")
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, **self.owner)
        # Its messages of errors have line ends in them, which only the lenient reader takes.
        return json.loads(done.stdout, strict=False) if done.returncode == 0 else None

    def read(self, name, otherwise, repository=1):
        try:
            with open(self.path(name, repository), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return otherwise
        except ValueError:
            # The machine went down while it was written, before there was a way to write it whole.
            return otherwise

    def write(self, name, value, repository=1):
        path = self.path(name, repository)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)

    def lost(self, repository):
        try:
            with open(self.path("given-up", repository), encoding="utf-8") as file:
                return gap_of(file.readlines())
        except FileNotFoundError:
            return None

    def try_again(self, repository):
        """Log is sent again, wherever it was given up because the storage did not answer."""
        try:
            os.unlink(self.path("giving-up", repository))
        except FileNotFoundError:
            pass

    def settle(self, gap, repository):
        """Writes the ended gap to the others, unless more was given up meanwhile."""
        with open(self.path("given-up.lock", repository), "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            giving_up = os.path.exists(self.path("giving-up", repository))
            if giving_up or self.lost(repository)["last"] != gap["last"]:
                return False
            gaps = [one for one in self.read("gaps.json", [], repository) if one["from"] != gap["from"]]
            self.write("gaps.json", [*gaps, gap], repository)
            os.unlink(self.path("given-up", repository))
            return True

    def gaps(self):
        """What was given up, in each repository: (open, past)."""
        opened, past = [], []
        for repository in self.settings["repositories"]:
            lost = self.lost(repository)
            opened += [{**lost, "repository": repository}] if lost else []
            past += [{**gap, "repository": repository} for gap in self.read("gaps.json", [], repository)]
        return opened, past

    def send_again(self, info, answered):
        """A standby counts what it streamed as archived, and the primary that was lost may not have sent the last of
        it: that is sent again. pgBackRest knows what it has.

        Of several repositories one that does not say so may lack what is here no longer: it counts as lost from when
        that one last answered. `answered` as `answers_of` has it."""
        current = self.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
        timeline = int(current[:8], 16)
        repositories = self.settings["repositories"]
        silent = [one for one in repositories if not good(info or [], self.stanza, one)[1]]
        for repository in silent if len(repositories) > 1 else []:
            self.give_up(repository, current, answered.get(str(repository), 0))
        folder = os.path.join(self.settings["data"], "pg_wal", "archive_status")
        names = unsure(os.listdir(folder), timeline, newest_everywhere(info or [], self.stanza))
        for name in names:
            os.rename(os.path.join(folder, name), os.path.join(folder, name.replace(".done", ".ready")))
        if names:
            print(f"This is the primary now: {len(names)} segments from before are sent again.", flush=True)

    def give_up(self, repository, segment, since):
        """As `archive-push` writes it down."""
        moment = datetime.datetime.fromtimestamp(since, datetime.timezone.utc) if since else None
        text = moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""
        with open(self.path("given-up.lock", repository), "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with open(self.path("given-up", repository), "a", encoding="utf-8") as file:
                file.write(f"{int(time.time())} {segment} {text}\n")
                file.flush()
                os.fsync(file.fileno())
                # PostgreSQL's owner adds to it.
                owner = os.stat(self.spool)
                for one in (file, lock):
                    os.fchown(one.fileno(), owner.st_uid, owner.st_gid)
        print(f"Repository {repository} does not say which log it has: what it lacks is given up.", flush=True)

    def leads(self):
        """Whether the primary is here; None where PostgreSQL does not answer."""
        try:
            return self.sql("SELECT pg_is_in_recovery()") == "f"
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None

    def active(self):
        """Whether a backup is being made here."""
        units = ["phasewise-backup@full.service", "phasewise-backup@diff.service"]
        states = subprocess.run(["systemctl", "is-active", *units], capture_output=True, text=True).stdout
        return "activating" in states

    def stop(self):
        """A backup that was begun on a standby needs the primary that was there then, and may wait long for it."""
        print("The primary was lost: the backup that was being made here is ended.", flush=True)
        subprocess.run(["systemctl", "stop", "phasewise-backup@full.service", "phasewise-backup@diff.service"], check=True)

    def wish(self):
        """What `start` wrote down, once; None where it did not."""
        wish = self.read("wanted.json", None)
        if wish is not None:
            os.unlink(self.path("wanted.json"))
        return wish

    def start(self, kind, repositories=None):
        """`repositories`: which alone want one; None for all."""
        if repositories is not None:
            self.write("wanted.json", {"at": int(time.time()), "repositories": repositories})
        subprocess.run(
            ["systemctl", "start", "--no-block", f"phasewise-backup@{kind}.service"], check=True
        )
