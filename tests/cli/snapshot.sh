#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Internal snapshots by our own commands alone.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# holds SNAPSHOT FILE NAME: it reads as FILE
holds () {
  rm -f o.raw
  ok "$3" sh -c 'img-convert -l "$1" -O raw s.qcow2 o.raw && cmp "$2" o.raw' - "$1" "$2"
}
clean () {
  ok "$1: consistent, nothing lost" img-check -q s.qcow2
}

head -c 700000 /dev/urandom >a.raw && truncate -s 2M a.raw
{ head -c 100000 a.raw; head -c 900000 /dev/urandom; } >b.raw && truncate -s 2M b.raw
img-convert -O qcow2 -o cluster_size=4k a.raw s.qcow2

run_ok "no snapshots" img-snapshot s.qcow2
is "$out" "" "nothing is printed"
run_ok "none, JSON" img-snapshot --output=json s.qcow2
is "$out" "[
]" "an empty array"
run_ok "create" img-snapshot -c one s.qcow2
is "$out$err" "" "says nothing"
clean "created"
img-convert -n -O qcow2 b.raw s.qcow2
run_ok "another" img-snapshot -c two --output=json s.qcow2
like "$out" '"action": "create"' "JSON: what was done"
like "$out" '"id": "2"' "JSON: the ID"
like "$out" '"name": "two"' "JSON: the name"
run_ok "list" img-snapshot -l s.qcow2
is "$(printf '%s\n' "$out" | cut -c 1-24)" "Snapshot list:
ID      TAG             
1       one             
2       two             " "both are listed"
capture img-info s.qcow2
info=$(printf '%s\n' "$out" | sed -n '/^Snapshot/,/^2 /p')
capture img-snapshot s.qcow2
is "$out" "$info" "as info lists them"
run_ok "list, JSON" img-snapshot --output=json s.qcow2
like "$out" '"vm-state-size": 0' "JSON: keys of info"
holds one a.raw "the first holds what was"
holds two b.raw "the second, too"
run_ok "apply by ID" img-snapshot -a 1 s.qcow2
ok "it is what it was" img-compare -q s.qcow2 a.raw
clean "applied"
run_ok "delete by name" img-snapshot -d one s.qcow2
clean "deleted"
ok "it is the same" img-compare -q s.qcow2 a.raw
holds two b.raw "and the other snapshot"
run_ok "delete by ID" img-snapshot -d 2 s.qcow2
clean "none left"
run_ok "IDs begin anew" img-snapshot -c 'a name' s.qcow2
capture img-snapshot --output=json s.qcow2
like "$out" '"id": "1"' "with 1"

# A snapshot has the size that the disk had.
run_ok "resize with a snapshot" img-resize -q s.qcow2 3M
run_ok "back" img-snapshot -a 'a name' s.qcow2
capture img-info --output=json s.qcow2
like "$out" '"virtual-size": 2097152' "the size is as before"
clean "other size"

# Many.
img-create -q -f qcow2 -o cluster_size=512 m.qcow2 100k
n=0
while [ $n -lt 60 ]; do
  n=$((n + 1))
  img-snapshot -c "s$n" m.qcow2 || break
done
is "$n" 60 "sixty snapshots"
ok "consistent" img-check -q m.qcow2
ok "one in the middle goes" img-snapshot -d s30 m.qcow2
ok "the first goes" img-snapshot -d s1 m.qcow2
ok "the last goes" img-snapshot -d s60 m.qcow2
is "$(img-snapshot m.qcow2 | wc -l)" 59 "the others are there"
ok "still consistent" img-check -q m.qcow2

# What fails leaves everything as it was.
img-create -q -f qcow2 -o refcount_bits=1 1bit.qcow2 1M
img-convert -O qcow2 -o refcount_bits=1 a.raw 1bit.qcow2
cp 1bit.qcow2 1bit.old
run_fails "refcounts of one bit" 1 img-snapshot -c s 1bit.qcow2
is "$(printf '%s\n' "$err" | wc -l)" 1 "one line"
like "$err" 'refcount.*1 bits' "says why"
same_bytes 1bit.qcow2 1bit.old "unchanged"
img-create -q -f qcow2 -o data_file=d.raw d.qcow2 1M
run_fails "a data file" 1 img-snapshot -c s d.qcow2
like "$err" 'data file' "says why"
run_fails "no such snapshot, apply" 1 img-snapshot -a none s.qcow2
run_fails "no such snapshot, delete" 1 img-snapshot -d none s.qcow2
like "$err" "there is no snapshot 'none'" "says so"
run_fails "a name too long" 1 img-snapshot -c "$(printf '%0300d' 0)" s.qcow2
run_fails "a format without snapshots" 1 img-snapshot -f raw -c x a.raw
like "$err" "no internal snapshots" "says so"
run_ok "of such a format there are none" img-snapshot -f raw a.raw
run_fails "several at once" 64 img-snapshot -c x -d y s.qcow2
run_fails "-U is for looking" 64 img-snapshot -U -c x s.qcow2
run_ok "-U looks" img-snapshot -U s.qcow2
run_fails "no image" 64 img-snapshot
run_fails "no name" 64 img-snapshot -c '' s.qcow2
like "$err" 'The name of a snapshot cannot be empty' "says so"
