#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writing into an image that is there, with faults: at worst it has leaks afterwards.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images
cp start/top.qcow2 start/t.qcow2
"$series" listing start >start.listing

sweep into-qcow2 in-place 'img-convert -n -O qcow2 r.raw t.qcow2'
sweep into-compressed in-place 'img-convert -n -c -O qcow2 r.raw t.qcow2'

# Snapshots: of plain and compressed clusters.
img-snapshot -c s start/t.qcow2
img-convert -n -O qcow2 start/r.raw start/t.qcow2
"$series" listing start >start.listing
sweep snapshot-create in-place 'SOURCE_DATE_EPOCH=1 img-snapshot -c s2 t.qcow2'
sweep snapshot-apply in-place 'img-snapshot -a s t.qcow2'
sweep snapshot-delete in-place 'img-snapshot -d s t.qcow2'
sweep shrink in-place 'img-resize -q --shrink t.qcow2 300k'
sweep grow in-place 'img-resize -q --preallocation=metadata t.qcow2 2M'
sweep dd in-place 'img-dd if=r.raw of=t.qcow2 bs=1000 skip=3 seek=70 count=400 conv=notrunc,fsync'
sweep bench-write in-place 'img-bench -q -w -c 12 -d 1 -s 64k --flush-interval 8 t.qcow2'
