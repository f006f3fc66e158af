# What a team does today without pgBackRest, and what measures both, on the primary of a stack in phase 1.
# Run as root: sh -s <what> [argument]; prints a figure alone on its last line.
set -eu
WORK=/data/bench
PARTS=/data/bench/parts
CONFIGURATION=/etc/pgbackrest/pgbackrest.conf
PGHOST=/run/postgresql
export PGHOST
cd /

setting() { sed -n "s/^$1 *= *//p" $CONFIGURATION | head -n 1; }
as_postgres() { runuser -u postgres -- env PGHOST=$PGHOST "$@"; }
sql() { as_postgres psql -XAtq -v ON_ERROR_STOP=1 "$@"; }
now() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.3f\n", to - from }'; }

# The same object storage, bucket and keys that the backups use; the keys never are an argument.
store() {
  printf 'user = "%s:%s"\n' "$(setting repo1-s3-key)" "$(setting repo1-s3-key-secret)" |
    curl -sSf -K - --aws-sigv4 "aws:amz:$(setting repo1-s3-region):s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
      --cacert "$(setting repo1-storage-ca-file)" "$@"
}
place() { echo "https://$(setting repo1-s3-endpoint):$(setting repo1-storage-port)/$(setting repo1-s3-bucket)/bench/$1"; }

# A stream in parts of 64 MB: an object is uploaded with its length, and 5 GB fit into no single request.
upload() {
  mkdir -p $PARTS
  number=0
  while :; do
    head -c 67108864 >$PARTS/part
    [ -s $PARTS/part ] || break
    store -T $PARTS/part "$(place "$1.$number")"
    number=$((number + 1))
  done
  echo $number >$WORK/$1.parts
}
download() {
  number=0
  while [ $number -lt "$(cat $WORK/$1.parts)" ]; do
    store "$(place "$1.$number")"
    number=$((number + 1))
  done
}
forget() {
  number=0
  while [ $number -lt "$(cat $WORK/$1.parts)" ]; do
    store -X DELETE "$(place "$1.$number")"
    number=$((number + 1))
  done
  rm -f $WORK/$1.parts
}

# As many GB of rows, half of each random, in ten tables; none of it left in the log.
fill() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends curl zstd >/dev/null
  install -d -o postgres -g postgres -m 0700 $WORK
  password=$(sed -n '/replication:/,/password:/ s/^ *password: *//p' /etc/patroni/member/10-member.yml | tr -d "\"'")
  install -o postgres -g postgres -m 0600 /dev/null $WORK/pgpass
  echo "127.0.0.1:5432:*:replicator:$password" >$WORK/pgpass
  as_postgres createdb bench
  for table in 0 1 2 3 4 5 6 7 8 9; do
    sql bench -c "CREATE TABLE rows_$table AS SELECT id, md5(random()::text) || md5(random()::text) || md5(random()::text) AS random, repeat('backup ', 14) AS plain FROM generate_series(1, $1 * 435000) id"
    sql bench -c "ALTER TABLE rows_$table ADD PRIMARY KEY (id)"
  done
  # Else the first who reads a row writes its page, and all of it were changed at the next backup.
  sql bench -c "VACUUM (FREEZE, ANALYZE)"
  sql bench -c CHECKPOINT
  sql bench -c "SELECT pg_database_size('bench')"
}

case $1 in
  fill) fill "$2" ;;
  # One tenth of one of the ten tables: one row in a hundred.
  rewrite)
    sql bench -c "UPDATE rows_0 SET random = md5(random) || md5(random::text || id) WHERE id <= (SELECT max(id) / 10 FROM rows_0)"
    sql bench -c CHECKPOINT
    ;;
  # By the very unit that the timers start. What is still to be archived is not part of it.
  backup)
    until [ "$(sql postgres -c "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")" = 0 ]; do sleep 1; done
    from=$(now)
    systemctl start "phasewise-backup@$2.service"
    since "$from"
    ;;
  basebackup)
    from=$(now)
    as_postgres env PGPASSFILE=$WORK/pgpass pg_basebackup -w -h 127.0.0.1 -U replicator -D - -Ft -X none -c fast --no-manifest | zstd -q -3 -c | upload base
    since "$from"
    ;;
  base-fetch)
    rm -rf $WORK/base && mkdir $WORK/base
    sync
    from=$(now)
    download base | zstd -q -d -c | tar -x -C $WORK/base
    sync -f $WORK/base
    since "$from"
    rm -rf $WORK/base
    forget base
    ;;
  restore)
    rm -rf $WORK/restored && install -d -o postgres -g postgres -m 0700 $WORK/restored
    sync
    from=$(now)
    as_postgres pgbackrest --stanza="$2" --pg1-path=$WORK/restored --process-max="$(nproc)" --type=none restore >/dev/null
    sync -f $WORK/restored
    since "$from"
    rm -rf $WORK/restored
    ;;
  dump)
    from=$(now)
    as_postgres pg_dump bench | gzip | upload dump
    since "$from"
    ;;
  dump-fetch)
    as_postgres createdb bench_restored
    from=$(now)
    download dump | gzip -d | sql bench_restored >/dev/null
    since "$from"
    as_postgres dropdb bench_restored
    forget dump
    ;;
  # Transactions a second, with the archive on or, for the server alone, off.
  pgbench-init)
    as_postgres createdb pgbench
    as_postgres pgbench -i -q -s 20 pgbench 2>/dev/null
    ;;
  pgbench)
    if [ "$2" = off ]; then sql postgres -c "ALTER SYSTEM SET archive_command = '/bin/true'"; else sql postgres -c "ALTER SYSTEM RESET archive_command"; fi
    sql postgres -c "SELECT pg_reload_conf()" >/dev/null
    sql postgres -c CHECKPOINT
    as_postgres pgbench -n -c 8 -j 2 -T "$3" pgbench 2>/dev/null | sed -n 's/^tps = \([0-9.]*\) .*/\1/p'
    sql postgres -c "ALTER SYSTEM RESET archive_command"
    sql postgres -c "SELECT pg_reload_conf()" >/dev/null
    ;;
  *)
    echo "unknown: $1" >&2
    exit 2
    ;;
esac
