#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# resize as qemu-img does it: the same output, exit status and size.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

size () {
  "$peer" info --output=json "$1" | sed -n 's/^ *"virtual-size": \([0-9]*\).*/\1/p' | head -n 1
}

# both NAME FILE ARGS...: FILE by the peer, its twin by us; FILE stands for @
both () {
  both_name=$1 both_file=$2
  shift 2
  peer_rc=0 ours_rc=0
  "$peer" resize "$@" >"$tmp/.p" 2>/dev/null || peer_rc=$?
  (cd twin && "$ours" resize "$@" >"$tmp/.o" 2>"$tmp/.oe") || ours_rc=$?
  is "$ours_rc: $(cat "$tmp/.o")" "$peer_rc: $(cat "$tmp/.p")" "$both_name"
  is "$(size "twin/$both_file")" "$(size "$both_file")" "$both_name: the same size"
  ok "$both_name: the same disk" "$peer" compare -q "$both_file" "twin/$both_file"
}

"$peer" create -q -f qcow2 a.qcow2 4M
qemu-io -c 'write -P 1 0 3M' a.qcow2 >/dev/null
"$peer" create -q -f qcow2 -o compat=0.10 v2.qcow2 1M
"$peer" snapshot -c s v2.qcow2
truncate -s 4M a.raw
mkdir twin && cp a.qcow2 v2.qcow2 a.raw twin/
for f in a.qcow2 "-f raw a.raw"; do
  file=${f##* }
  # shellcheck disable=SC2086
  {
    both "$f: grow" "$file" $f 5M
    both "$f: add" "$file" $f +1M
    both "$f: no --shrink" "$file" $f 2M
    both "$f: shrink" "$file" --shrink $f 2M
    both "$f: take away" "$file" --shrink $f -512k
    both "$f: take away too much" "$file" --shrink $f -5G
    both "$f: grow again" "$file" $f 4M
    both "$f: the same" "$file" $f +0
    both "$f: odd" "$file" $f 5000001
    both "$f: zero" "$file" --shrink $f 0
    both "$f: not a number" "$file" $f lots
    both "$f: too large" "$file" $f 9E
    both "$f: -q" "$file" -q $f 6M
    both "$f: falloc" "$file" --preallocation=falloc $f 7M
    both "$f: full" "$file" --preallocation=full $f 8M
    both "$f: metadata" "$file" --preallocation=metadata $f 9M
    both "$f: preallocated shrink" "$file" --shrink --preallocation=full $f 1M
    both "$f: no such mode" "$file" --preallocation=none $f 9M
    both "$f: unknown option" "$file" --no-such $f 9M
  }
done
both "version 2 with snapshots" v2.qcow2 v2.qcow2 2M
both "version 2 with snapshots, smaller" v2.qcow2 --shrink v2.qcow2 512k
same "no size" resize a.qcow2
same "nothing" resize
same "no such file" resize none 1M
same "too many" resize a.qcow2 1M 2M
