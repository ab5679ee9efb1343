#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands that run out of memory, at some place or from there on.  BLKIMG_FAULT_STRIDE=1 tries all.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
faults=$top_builddir/tests/fault/allocs.so
stride=${BLKIMG_FAULT_STRIDE:-23}
export seed stride
: >hit
FAULT=memory:1:ENOMEM+ FAULT_LOG=$tmp/hit LD_PRELOAD=$faults img-info /dev/null >/dev/null 2>&1
[ -s hit ] || skip_all "this build has another malloc than libc's"
plan
what_fails () {
  echo memory ENOMEM ENOMEM+
}
images
img-bitmap --add -g 4k start/top.qcow2 a && cp start/top.qcow2 start/t.qcow2 || exit 99
"$series" listing start >start.listing

sweep info 'img-info --backing-chain --output=json top.qcow2'
sweep info-plain 'img-info top.qcow2'
sweep map 'img-map --output=json top.qcow2'
sweep check 'img-check c.qcow2'
sweep compare 'img-compare top.qcow2 c.qcow2'
sweep create 'img-create -q -f qcow2 -b base.qcow2 -F qcow2 new.qcow2'
sweep convert 'img-convert -O qcow2 top.qcow2 new.qcow2'
sweep compress 'img-convert -c -O qcow2 r.raw new.qcow2'
sweep decompress 'img-convert -O raw c.qcow2 new.raw'
sweep convert-bitmaps 'img-convert --bitmaps -O qcow2 t.qcow2 new.qcow2'
here='"$PWD"'
sweep stream-in "img-convert -c -O qcow2 - new.qcow2 <$here/r.raw"
sweep stream-out stream "TMPDIR=. img-convert -c -O qcow2 x.qcow2 - >$here/t.out"
sweep dd-out stream "img-dd if=x.qcow2 bs=64k skip=1 count=9 >$here/t.out"
sweep compare-list "TMPDIR=. img-compare --list --output=json x.qcow2 old.raw >$here/.run-json; rc=\$?
  [ \$rc -le 1 ] || exit \$rc; grep -v elapsed $here/.run-json"
sweep into-qcow2 in-place 'img-convert -n -O qcow2 r.raw t.qcow2'
sweep snapshot in-place 'SOURCE_DATE_EPOCH=1 img-snapshot -c s t.qcow2'
