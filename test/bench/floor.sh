# What a plain shell script needs for the same machine: a filesystem on the volume, and a PostgreSQL with pgvector in
# it that answers. Run on the machine as root; $1 is the volume's device.
set -eu
mkfs.ext4 -q -F "$1"
mkdir -p /data
mount "$1" /data
install -d -o postgres -g postgres -m 0700 /data/main
runuser -u postgres -- /usr/lib/postgresql/17/bin/initdb -D /data/main --data-checksums -A peer >/dev/null
runuser -u postgres -- /usr/lib/postgresql/17/bin/pg_ctl -D /data/main -w -s -l /tmp/floor.log start
runuser -u postgres -- psql -q -c 'create extension vector'
