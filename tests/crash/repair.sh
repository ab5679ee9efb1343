#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Repairs: wherever they are cut short, what could be read reads the same, and another one mends as
# much.
. "${top_srcdir:-.}/tests/crash/crash.sh"
plan
samples=${BLKIMG_TEST_SAMPLES:-4}
kills=2
damage=$top_builddir/tests/interop/.libs/damage
[ -x "$damage" ] || damage=$top_builddir/tests/interop/damage
rounds=${BLKIMG_TEST_ROUNDS:-4}

head -c 200000 /dev/urandom >old.raw && truncate -s 512k old.raw
head -c 90000 /dev/urandom >new.raw && truncate -s 512k new.raw
for opts in cluster_size=512 cluster_size=4k,refcount_bits=1 cluster_size=4k,refcount_bits=64 \
  cluster_size=16k,extended_l2=on cluster_size=64k,lazy_refcounts=on compat=0.10,cluster_size=1k; do
  img-convert -c -O qcow2 -o "$opts" old.raw base || exit 99
  case $opts in
    *refcount_bits=1) ;;
    *) img-snapshot -c s base || exit 99 ;;
  esac
  img-convert -n -O qcow2 new.raw base || exit 99
  i=0
  while [ $i -lt "$rounds" ]; do
    i=$((i + 1))
    n=$((seed % 1000000 * 1000 + i))
    cp base t.qcow2 && "$damage" hurt $n t.qcow2 >/dev/null || exit 99
    crash "repair of all, damage $n, $opts" -W t.qcow2 \
      "img-check -q -r all t.qcow2; [ \$? -lt 4 ]" t.qcow2
    crash "repair of leaks, damage $n, $opts" -w \
      "img-check -q -r leaks t.qcow2; [ \$? -lt 4 ]" t.qcow2
  done
done

# Each class that needs new space, of the golden images.
mkimg=$top_builddir/tests/images/mkimg
[ ! -x "$top_builddir/tests/images/.libs/mkimg" ] || mkimg=$top_builddir/tests/images/.libs/mkimg
for case in data-past-end-backing-v2 header-is-data l1-half-backing l1-is-data l1-past-end-backing \
  l2-is-l1 l2-past-end-backing-v2 refcount-1-bit refcount-2-bits snapshot-l1-is-data; do
  for spec in "$top_srcdir/tests/images/qcow2/$case"/*.spec; do
    name=${spec##*/}
    "$mkimg" "$spec" "${name%.spec}" || exit 99
  done
  crash "repair of all, $case" -W x.qcow2 "img-check -q -r all x.qcow2" x.qcow2
done
