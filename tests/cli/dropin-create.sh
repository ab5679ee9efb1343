#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# create as qemu-img does it: what it prints, its exit status, and the image it makes.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

# facts FILE: what the real qemu-img says of it, without what depends on when and where it is
facts () {
  "$peer" info --output=json "$1" 2>&1 | grep -v '"actual-size"'
}

# both NAME ARGS...: created by both; same output, same image
both () {
  create_name=$1
  shift
  rm -f new
  peer_rc=0
  "$peer" create "$@" >.peer 2>.peer-err || peer_rc=$?
  facts new >.peer-facts
  rm -f new
  ours_rc=0
  "$ours" create "$@" >.ours 2>.ours-err || ours_rc=$?
  facts new >.ours-facts
  if [ "$peer_rc" = "$ours_rc" ] && cmp -s .peer .ours && cmp -s .peer-facts .ours-facts; then
    pass "$create_name"
    return
  fi
  fail "$create_name"
  diag "create $*"
  diag "exit status: peer $peer_rc, ours $ours_rc; $(head -n 2 .ours-err)"
  diag "$(diff -u .peer .ours; diff -u .peer-facts .ours-facts)"
}

qemu-img create -q -f qcow2 base.qcow2 5M
truncate -s 3M base.raw

both "raw" new 1M
both "raw, odd size" -f raw new 1000
both "raw, size as an option" -f raw -o size=1M new
both "raw, size twice" -f raw -o size=1M new 2M
both "raw, no size" -f raw new
both "raw, falloc" -o preallocation=falloc new 1M
both "raw, full" -o preallocation=full new 1M
both "qcow2" -f qcow2 new 1G
both "qcow2, fraction" -f qcow2 new 1.5G
both "qcow2, hex" -f qcow2 new 0x100000
both "qcow2, size 0" -f qcow2 new 0
both "qcow2 v2" -f qcow2 -o compat=0.10 new 1G
both "qcow2 v2 by its new name" -f qcow2 -o compat=v2 new 1G
both "many options" -f qcow2 -o cluster_size=4k,lazy_refcounts=on -o refcount_bits=1 new 1G
both "zstd" -f qcow2 -o compression_type=zstd new 1G
both "extended L2" -f qcow2 -o extended_l2=on new 1G
for p in off metadata falloc full; do
  both "preallocation $p" -f qcow2 -o preallocation=$p new 10M
done
both "data file" -f qcow2 -o data_file=data,data_file_raw=on new 1M
both "overlay" -f qcow2 -b base.qcow2 -F qcow2 new
both "overlay of raw" -f qcow2 -b base.raw -F raw new
both "overlay, larger" -f qcow2 -b base.qcow2 -F qcow2 new 1G
both "overlay, options" -f qcow2 -o backing_file=base.qcow2,backing_fmt=qcow2 new
both "overlay, no format" -f qcow2 -b base.qcow2 new
both "overlay of nothing" -f qcow2 -b no-such -F raw new
both "overlay of nothing, unsafe" -f qcow2 -u -b no-such -F raw new 1M
both "overlay of nothing, unsafe, no size" -f qcow2 -u -b no-such -F raw new
both "overlay, wrong format" -f qcow2 -b base.raw -F qcow2 new
both "overlay where there is none" -f raw -b base.raw -F raw new
both "quiet" -q -f qcow2 new 1M
both "unknown format" -f no-such new 1M
both "unknown option" -f qcow2 -o no-such=1 new 1M
both "wrong value" -f qcow2 -o lazy_refcounts=maybe new 1M
both "wrong cluster size" -f qcow2 -o cluster_size=3k new 1M
both "cluster size too big" -f qcow2 -o cluster_size=4M new 1M
both "wrong refcount width" -f qcow2 -o refcount_bits=3 new 1M
both "options exclude each other" -f qcow2 -o compat=v2,lazy_refcounts=on new 1M
both "wide refcounts need v3" -f qcow2 -o compat=v2,refcount_bits=1 new 1M
both "no folder" -f qcow2 no/such/folder 1M
both "too big" -f qcow2 -o cluster_size=512 new 1P
both "bad size" -f qcow2 new 1X
both "negative size" -f qcow2 new -- -1
both "too many operands" new 1M 2M
both "no operand"

# Options are listed as "  name=<type>  - help"; help is in our own words, keep_data_file came with
# 11.0, and our raw knows preallocation, not only the file below.
names () {
  sed -n 's/^  \([a-z_.-]*\)=<.*> *- .*/\1/p' | grep -Ev '^keep_data_file$'
}
but_preallocation () {
  names | grep -v '^preallocation$'
}
same_filtered "-o help" names create -f qcow2 -o help
same_filtered "-o ?" names create -f qcow2 -o '?'
same_filtered "-o help with a file" names create -f qcow2 -o help new
same_filtered "-o help of raw" but_preallocation create -f raw -o help
