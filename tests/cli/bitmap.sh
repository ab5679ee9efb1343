#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img-bitmap: actions in order, what they say, what stays.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

names () {
  img-info --output=json "$1" | sed -n 's/.*"name": "\([a-z0-9]*\)".*/\1/p' | grep -v file | tr '\n' ' '
}

img-create -q -f qcow2 x.qcow2 10M
run_ok "add" img-bitmap --add -g 4k x.qcow2 one
run_ok "add without recording" img-bitmap --add --disable x.qcow2 two
is "$(names x.qcow2)" "one two " "both are there"
run_ok "the image is sound" img-check -q x.qcow2

head -c 5000 /dev/urandom >d.raw && truncate -s 10M d.raw
run_ok "write" img-convert -n -O qcow2 d.raw x.qcow2
run_ok "merge" img-bitmap --merge one --output=json x.qcow2 two
like "$out" '"dirty-bytes": 10485760' "what was copied is marked"
run_ok "the image is sound" img-check -q x.qcow2

run_fails "twice" 1 img-bitmap --add x.qcow2 one
is "$(printf '%s\n' "$err" | wc -l)" 1 "one line"
like "$err" 'Operation add on bitmap one failed: x.qcow2: Bitmap already exists' "which says what"
run_fails "the second action fails" 1 img-bitmap --remove --remove x.qcow2 one
is "$(names x.qcow2)" "two " "the first has happened"
run_fails "granularity" 1 img-bitmap --add -g 3000 x.qcow2 three
run_fails "no such bitmap" 1 img-bitmap --clear x.qcow2 three
run_fails "no such source" 1 img-bitmap --merge three x.qcow2 two
run_ok "merge with itself" img-bitmap --merge two x.qcow2 two
run_ok "clear" img-bitmap --clear --output=json x.qcow2 two
like "$out" '"dirty-bytes": 0' "nothing is marked"

# Many are stored with one directory: each takes a table and a cluster of marks, and no more.
img-create -q -f qcow2 m.qcow2 1M
for i in 0 1 2 3 4 5 6 7 8 9; do
  img-bitmap --add m.qcow2 "m$i"
  img-bitmap --add --merge "m$i" --disable m.qcow2 "o$i"
done
head -c 1M d.raw >m.raw
run_ok "ten have a cluster of marks" img-convert -n -O qcow2 m.raw m.qcow2
run_ok "convert of many" img-convert --bitmaps -O qcow2 m.qcow2 n.qcow2
is "$(names n.qcow2)" "$(names m.qcow2)" "all are there"
run_ok "the image is sound" img-check n.qcow2
unlike "$out" 'leak' "nothing has leaked"
img-convert -O qcow2 m.qcow2 o.qcow2
bare=$(wc -c <o.qcow2) full=$(wc -c <n.qcow2)
is $(((full - bare) / 65536)) 31 "20 tables, 10 clusters, 1 directory"

# What failed half way has taken no room and left no trace.
img-create -q -f qcow2 z.qcow2 1M
img-bitmap --add z.qcow2 a
run_fails "a later action fails" 1 img-bitmap --clear --disable --merge nope --enable z.qcow2 a
like "$err" 'Operation merge on bitmap a failed' "which says what"
like "$(img-info z.qcow2 | tr -d '\n')" 'flags: *name: a' "what was before it has happened"
run_ok "the image is sound" img-check z.qcow2
unlike "$out" 'leak' "nothing has leaked"

img-create -q -f qcow2 y.qcow2 5M
run_fails "sizes differ" 1 img-bitmap --merge two -b x.qcow2 -F qcow2 --add y.qcow2 two
run_ok "add three" img-bitmap --add x.qcow2 three
run_ok "remove all" img-bitmap --remove-all x.qcow2
is "$(names x.qcow2)" "" "none is left"
run_ok "the image is sound" img-check x.qcow2
unlike "$out" 'leak' "nothing has leaked"

for line in 'x.qcow2 a' '--add x.qcow2' '--add --remove-all x.qcow2' '-g 4k --clear x.qcow2 a' \
  '-F qcow2 --merge b x.qcow2 a' '-b y.qcow2 --add x.qcow2 a' '--remove-all x.qcow2 a'; do
  # shellcheck disable=SC2086
  run_fails "usage: $line" 64 img-bitmap $line
done

img-create -q -f qcow2 -o compat=0.10 v2.qcow2 1M
run_fails "version 2" 1 img-bitmap --add v2.qcow2 a
img-create -q -f raw r.raw 1M
run_fails "raw" 1 img-bitmap --add -f raw r.raw a
like "$err" 'raw images cannot keep bitmaps' "says so"
