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
