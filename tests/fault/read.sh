#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands that only look, with faults.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images

sweep info 'img-info x.qcow2'
sweep info-chain 'img-info --backing-chain --output=json top.qcow2'
sweep map 'img-map --output=json top.qcow2'
sweep map-raw 'img-map -f raw r.raw'
sweep check 'img-check x.qcow2'
sweep check-compressed 'img-check --output=json c.qcow2'
sweep check-vdi 'img-check v.vdi'
sweep measure 'img-measure -O qcow2 top.qcow2'
sweep bench 'img-bench -q -c 600 -d 8 -s 2k x.qcow2'
sweep compare 'img-compare x.qcow2 r.raw'
sweep compare-chain 'img-compare top.qcow2 c.qcow2'

# An answer that cannot be printed is no answer.
cd start || exit 99
for command in 'img-info x.qcow2' 'img-info --output=json x.qcow2' 'img-map top.qcow2' \
  'img-map --output=json top.qcow2' 'img-check x.qcow2' 'img-check --output=json x.qcow2' \
  'img-measure -O raw x.qcow2' 'img-compare x.qcow2 r.raw' \
  'img-compare --list x.qcow2 old.raw' 'img-info --help' 'img --version'; do
  rc=0
  $command >/dev/full 2>../full-err || rc=$?
  like "$rc-$(cat ../full-err)" '^[1-9][0-9]*-.*No space left' "$command: says that its output is lost"
  case $command in img-compare*) is "$rc" 4 "$command: that is no answer" ;; esac
done
