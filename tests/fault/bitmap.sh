#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bitmaps that are changed, and that record, with faults: at worst the image has leaks afterwards.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images
cp start/top.qcow2 start/t.qcow2
"$series" listing start >start.listing
sweep bitmap-add in-place 'img-bitmap --add -g 4k t.qcow2 a'
img-bitmap --add -g 512 start/t.qcow2 a || exit 99
"$series" listing start >start.listing
sweep bitmap-record in-place 'img-convert -n -O qcow2 r.raw t.qcow2'
img-bitmap --add -g 64k start/t.qcow2 b || exit 99
"$series" listing start >start.listing
sweep bitmap-remove in-place 'img-bitmap --remove-all t.qcow2'
sweep convert-bitmaps 'img-convert --bitmaps -O qcow2 t.qcow2 new.qcow2'
sweep bitmap-edit in-place 'img-bitmap --merge a --disable --remove t.qcow2 b'
