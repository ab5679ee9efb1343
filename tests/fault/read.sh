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
sweep measure 'img-measure -O qcow2 top.qcow2'
sweep compare 'img-compare x.qcow2 r.raw'
sweep compare-chain 'img-compare top.qcow2 c.qcow2'
