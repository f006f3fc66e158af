#!/bin/sh
# A member that has lost its data (its volume, its machine) can never be the same member again: it would have forgotten
# what it voted for, so etcd refuses it for ever. While the others are a majority, it gives up its old place, takes a
# new one and copies from them. Before each start of etcd, as root; a member that has its data ends here at once.
#
# Environment: ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY. Files: /etc/default/etcd, /etc/default/etcd-initial.
set -u
defaults=${PHASEWISE_DEFAULTS:-/etc/default}
. "$defaults/etcd"
[ -f "$defaults/etcd-initial" ] || exit 0
. "$defaults/etcd-initial"
[ -z "$(find "$ETCD_DATA_DIR/member/wal" -name '*.wal' 2>/dev/null | head -1)" ] || exit 0

export ETCDCTL_API=3
peer=$ETCD_INITIAL_ADVERTISE_PEER_URLS
others=$(echo "$ETCD_INITIAL_CLUSTER" | tr , '\n' | cut -d= -f2- | grep -vxF "$peer" | sed 's/:2380$/:2379/')
ask() { etcdctl --endpoints="$endpoint" --dial-timeout=2s --command-timeout=5s "$@"; }

# The first of the others that knows the members. Nobody: this may be the first start of them all.
members=
for endpoint in $others; do
  members=$(ask member list --write-out=simple 2>/dev/null) && [ -n "$members" ] && break
  members=
done
[ -n "$members" ] || exit 0

# "id, started or unstarted, name, peer URL, client URLs, learner". Client URLs are told by a member that has started.
own=$(echo "$members" | awk -F', ' -v peer="$peer" '$4 == peer')
id=$(echo "$own" | cut -d, -f1)
name=$(echo "$own" | awk -F', ' '{ print $3 }')
clients=$(echo "$own" | awk -F', ' '{ print $5 }')

if [ -n "$clients" ]; then
  echo "The data of this member is lost; it takes a new place." >&2
  ask member remove "$id" >&2 || exit 1
  own=
elif [ "$ETCD_INITIAL_CLUSTER_STATE" = existing ]; then
  # Who joins is added by an operation, which has written whom it finds.
  exit 0
fi
if [ -z "$own" ]; then
  ask member add "$ETCD_NAME" --peer-urls="$peer" >&2 || exit 1
elif [ -n "$name" ]; then
  # One of those that begin the store together, and the others were faster.
  exit 0
fi

members=$(ask member list --write-out=simple) || exit 1
cluster=$(echo "$members" | awk -F', ' -v peer="$peer" -v name="$ETCD_NAME" \
  '{ printf "%s%s=%s", (NR > 1 ? "," : ""), ($4 == peer ? name : $3), $4 }')
{
  echo "ETCD_INITIAL_CLUSTER=$cluster"
  echo "ETCD_INITIAL_CLUSTER_STATE=existing"
  echo "ETCD_INITIAL_CLUSTER_TOKEN=$ETCD_INITIAL_CLUSTER_TOKEN"
} > "$defaults/etcd-initial.new" && mv "$defaults/etcd-initial.new" "$defaults/etcd-initial"
# What a start with the old place has begun is of no use, and never had a vote.
rm -rf "$ETCD_DATA_DIR/member"
