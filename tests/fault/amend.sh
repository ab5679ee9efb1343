#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Options that change in place, with faults: at worst the image has leaks afterwards.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images
cp start/top.qcow2 start/t.qcow2
"$series" listing start >start.listing
sweep amend-width in-place 'img-amend -o refcount_bits=64 t.qcow2'
sweep amend-version in-place 'img-amend -o compat=0.10 t.qcow2'
