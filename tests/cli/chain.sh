#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# commit and rebase, natively.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# base <- mid <- top, which reads as top.raw; mid as mid.raw
head -c 700000 /dev/urandom >base.raw && truncate -s 1M base.raw
cp base.raw mid.raw
head -c 200000 /dev/urandom | dd of=mid.raw bs=1k seek=100 conv=notrunc 2>/dev/null
cp mid.raw top.raw && truncate -s 2M top.raw
head -c 100000 /dev/urandom | dd of=top.raw bs=1k seek=250 conv=notrunc 2>/dev/null
head -c 70000 /dev/zero | dd of=top.raw bs=1k seek=10 conv=notrunc 2>/dev/null
mkdir start
{
  img-convert -O qcow2 base.raw start/base.qcow2 &&
  img-create -f qcow2 -u -b "$tmp/mid.raw" -F raw start/mid.qcow2 1M &&
  img-rebase -b base.qcow2 -F qcow2 start/mid.qcow2 &&
  img-create -f qcow2 -u -b "$tmp/top.raw" -F raw start/top.qcow2 2M &&
  img-rebase -b mid.qcow2 -F qcow2 start/top.qcow2
} >/dev/null || { echo "Bail out! no images"; exit 99; }
fresh () {
  cd "$tmp" && rm -rf w && cp -a start w && cd w || exit 99
}
facts () { # WORD: what img-info says
  img-info --output=json "$2" | sed -n "s/^    \"$1\": \"*\([^\",]*\).*/\1/p"
}

fresh
ok "the chain reads as it should" img-compare -q top.qcow2 ../top.raw
small=$(wc -c <top.qcow2)
ok "rebase wrote only what differs" test "$small" -lt 900000
run_ok "commit" img-commit top.qcow2
is "$out" "Image committed." "says so"
ok "same through the top" img-compare -q top.qcow2 ../top.raw
ok "the base has it" img-compare -q mid.qcow2 ../top.raw
is "$(facts virtual-size mid.qcow2)" 2097152 "the base has grown"
is "$(img-map --output=json top.qcow2 | grep -c '"depth": 0')" 0 "the top is empty"
ok "and has given its space back" test "$(du -k top.qcow2 | cut -f1)" -lt "$(du -k ../start/top.qcow2 | cut -f1)"

fresh
run_ok "commit -d" img-commit -q -d top.qcow2
is "$out" "" "quietly"
isnt "$(img-map --output=json top.qcow2 | grep -c '"depth": 0')" 0 "the top is as it was"

fresh
run_ok "commit -b" img-commit -b base.qcow2 --output=json top.qcow2
like "$out" '"base": "base.qcow2"' "JSON: base"
like "$out" '"emptied": false' "JSON: emptied"
ok "the base has all" img-compare -q base.qcow2 ../top.raw
fresh
ok "-b with a path" img-commit -q -b "$PWD/base.qcow2" top.qcow2
cd ..
ok "-b relative to the image" img-commit -q -b base.qcow2 w/top.qcow2
cd w || exit 99
run_fails "-b of no image of the chain" 1 img-commit -b ../base.raw top.qcow2
run_fails "-b of the image itself" 1 img-commit -b top.qcow2 top.qcow2
run_fails "commit without a backing file" 1 img-commit base.qcow2
run_fails "usage" 64 img-commit

fresh
run_ok "rebase down" img-rebase -b base.qcow2 -F qcow2 --output=json top.qcow2
like "$out" '"backing-filename": "base.qcow2"' "JSON"
is "$(facts backing-filename top.qcow2)" base.qcow2 "recorded"
ok "reads the same" img-compare -q top.qcow2 ../top.raw
run_ok "rebase up again" img-rebase -b mid.qcow2 -B qcow2 top.qcow2
is "$out" "" "without a word"
ok "reads the same then" img-compare -q top.qcow2 ../top.raw
run_ok "rebase onto nothing" img-rebase -c -b "" top.qcow2
ok "reads the same, alone" img-compare -q top.qcow2 ../top.raw
is "$(facts backing-filename top.qcow2)" "" "no backing file"
run_ok "rebase of an image without one" img-rebase -b base.qcow2 -F qcow2 top.qcow2
ok "reads the same on top of others' data" img-compare -q top.qcow2 ../top.raw
ok "is consistent" img-check -q top.qcow2

fresh
before=$(cksum <top.qcow2)
run_fails "no format" 1 img-rebase -b base.qcow2 top.qcow2
like "$err" 'Detected format of qcow2' "which it would be"
run_fails "no such file" 1 img-rebase -b no-such -F qcow2 top.qcow2
run_fails "no such format" 1 img-rebase -b base.qcow2 -F no-such top.qcow2
run_fails "its own backing file" 1 img-rebase -b top.qcow2 -F qcow2 top.qcow2
run_fails "a format without backing files" 1 img-rebase -f raw -b base.qcow2 -F qcow2 ../base.raw
run_fails "rebase: nothing said" 64 img-rebase top.qcow2
is "$(cksum <top.qcow2)" "$before" "nothing was changed by all that"
mv mid.qcow2 moved.qcow2
run_ok "unsafe" img-rebase -u -b moved.qcow2 -F qcow2 top.qcow2
ok "found again" img-compare -q top.qcow2 ../top.raw
