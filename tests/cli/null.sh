#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks that are not there.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

run_ok "info of null-co://" img-info null-co://
like "$out" 'virtual size: 1 GiB' "the size that it has by itself"
run_ok "a size of its own" img-info --image-opts driver=null-aio,size=3M
like "$out" '(3145728 bytes)' "which is the one asked for"
head -c 100000 /dev/urandom >a.raw && truncate -s 1M a.raw
ok "whatever is written vanishes" img-convert -n --target-image-opts a.raw driver=raw,file.driver=null-co,file.size=1M
run_fails "what is in it is not what was written" 1 img-compare --image-opts \
  driver=raw,file.filename=a.raw driver=null-co,size=1M
truncate -s 1M z.raw
ok "it reads as zero" img-compare --image-opts driver=raw,file.filename=z.raw driver=null-co,size=1M
run_ok "and says so if asked" img-map --output=json --image-opts driver=null-co,size=1M,read-zeroes=on
like "$out" '"zero": true' "zero"
run_fails "no name after the slashes" 1 img-info null-co://x
like "$err" 'null-co://' "says what it may be"
