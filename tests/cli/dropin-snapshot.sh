#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# snapshot as qemu-img does it: the same output and exit status, and the same snapshots afterwards.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

# After 7.2 the head line differs, and widths; each wrote down its own moment.  Where no icount was
# recorded 7.2 says 0.
squeezed () {
  squeezed_snapshots | sed -e 's/[0-9]*-[0-9]*-[0-9]* [0-9:]* /DATE /' -e 's/ -- *$/ 0/; s/ *$//'
}

# both NAME ARGS...: the same command on a.qcow2 by the peer and on its twin by us
both () {
  both_name=$1
  shift
  peer_rc=0 ours_rc=0
  "$peer" snapshot "$@" a.qcow2 >"$tmp/.p" 2>/dev/null || peer_rc=$?
  (cd twin && "$ours" snapshot "$@" a.qcow2 >"$tmp/.o" 2>"$tmp/.oe") || ours_rc=$?
  is "$ours_rc: $(squeezed <"$tmp/.o")" "$peer_rc: $(squeezed <"$tmp/.p")" "$both_name"
  is "$(cd twin && "$ours" snapshot -l a.qcow2 | squeezed)" \
    "$("$peer" snapshot -l a.qcow2 | squeezed)" "$both_name: the same list"
  ok "$both_name: the same disk" "$peer" compare -q a.qcow2 twin/a.qcow2
  ok "$both_name: consistent" "$peer" check -q twin/a.qcow2
}

"$peer" create -q -f qcow2 a.qcow2 4M
qemu-io -c 'write -P 1 0 1M' a.qcow2 >/dev/null
mkdir twin && cp a.qcow2 twin/
both "create" -c s1
both "create, the name there is" -c s1
both "create, an ID as name" -c 1
qemu-io -c 'write -P 2 64k 2M' a.qcow2 >/dev/null
qemu-io -c 'write -P 2 64k 2M' twin/a.qcow2 >/dev/null
both "create with data" -c later
both "create, a long name" -c "$(printf 'n%0250d' 0)"
both "create, no name" -c ''
both "apply" -a s1
both "apply, an ID before a name" -a 1
both "apply, none" -a none
both "delete, none" -d none
both "delete, no ID" -d 2
both "delete, a name like an ID" -d 1
both "delete the first of two" -d s1
both "create: the next ID" -c again
both "-q" -q -d later
both "-q list" -q -l
both "mixed" -l -c x
both "mixed the same" -c x -c y
both "-U is for looking" -U -c x
both "-U" -U -l
both "unknown option" --no-such
both "no JSON there" --output=json
both "image options" -l --image-opts

# With a bitmap, recording or not, there is no way back; without it there is again.
for by in "" twin; do
  qemu-img bitmap --add "${by:+$by/}a.qcow2" m
done
both "apply, with a bitmap" -a s1
both "create, with a bitmap" -c beside
for by in "" twin; do
  qemu-img bitmap --disable "${by:+$by/}a.qcow2" m
done
both "apply, with a disabled one" -a s1
for by in "" twin; do
  qemu-img bitmap --remove "${by:+$by/}a.qcow2" m
done
both "apply, without" -a beside

qemu-img create -q -f raw r.raw 1M
same "list, raw" snapshot -l r.raw
same "create, raw" snapshot -c x r.raw
same "apply, raw" snapshot -a x r.raw
same "delete, raw" snapshot -d x r.raw
same "no operand" snapshot -l
same "nothing" snapshot
same "two operands" snapshot -l a.qcow2 a.qcow2
same "no such file" snapshot -l none
same_filtered "list by options" squeezed snapshot --image-opts -l driver=qcow2,file.filename=a.qcow2
