#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# amend as qemu-img does it: the same outcome, the same image, sound afterwards.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

mkdir p o

# What the image is.  For version 2 the peer keeps bitmaps that nobody can see.
facts () {
  "$peer" info --output=json "$1" 2>/dev/null | grep -v -e '"actual-size"' -e '"filename"' -e '"date-.*sec"' -e '"full-backing-filename"'
}

# make OPTIONS [COMMAND...]: the image x.qcow2 in both folders
make () {
  make_options=$1
  shift
  for f in p o; do
    rm -f $f/*
    (cd $f && "$peer" create -q -f raw base.raw 4M &&
      qemu-io -f raw -c 'write -P 9 0 4M' base.raw >/dev/null &&
      "$peer" create -q -f qcow2 -o "$make_options" x.qcow2 4M && for c; do
      case $c in
        snapshot*) "$peer" snapshot -c s x.qcow2 || exit 1 ;;
        *) qemu-io -f qcow2 -c "$c" x.qcow2 >/dev/null || exit 1 ;;
      esac
    done) || fail "cannot make the image"
  done
}

# amend ARGS...
amend () {
  (cd p && "$peer" convert -O raw x.qcow2 before && "$peer" amend "$@" x.qcow2 >../p.out 2>../p.err); want=$?
  (cd o && "$ours" convert -O raw x.qcow2 before && "$ours" amend "$@" x.qcow2 >../o.out 2>../o.err); got=$?
  facts p/x.qcow2 >p.facts
  facts o/x.qcow2 >o.facts
  why=
  [ $want = $got ] || why="exit status $got, not $want"
  cmp -s p.out o.out || why="$why; other output"
  diff p.facts o.facts >diff.out || why="$why; $(cat diff.out)"
  (cd o && "$peer" check -q x.qcow2) >check.out 2>&1 || why="$why; $(head -n 3 check.out)"
  img-check -q o/x.qcow2 >check.out 2>&1 || why="$why; ours: $(head -n 3 check.out)"
  "$peer" convert -O raw o/x.qcow2 o/after 2>/dev/null &&
    cmp -n "$(wc -c <o/before | awk -v a="$(wc -c <o/after)" '{ print $1 < a ? $1 : a }')" \
      o/before o/after >cmp.out 2>&1 || why="$why; reads differently: $(cat cmp.out)"
  "$peer" compare -q p/x.qcow2 o/x.qcow2 >/dev/null 2>&1 || why="$why; not what the peer's reads as"
  ! "$peer" snapshot -l p/x.qcow2 | grep -q . || {
    "$peer" convert -l s -O raw p/x.qcow2 p/s && "$peer" convert -l s -O raw o/x.qcow2 o/s &&
      cmp p/s o/s || why="$why; the snapshot differs"
  }
  if [ -z "$why" ]; then
    pass "$name: amend $*"
  else
    fail "$name: amend $*"
    diag "$why"
    diag "$(head -n 1 p.err o.err)"
  fi
}

zeroes='write -z 0 256k'
data='write -P 3 64k 1M'
holes='write -z 128k 300k'
for opts in lazy_refcounts=on cluster_size=4k,backing_file=base.raw,backing_fmt=raw; do
  name=$opts
  make "$opts" "$data" "$zeroes" "$holes" snapshot 'write -P 7 500k 1M' 'write -z 900k 100k'
  amend -o refcount_bits=1
  amend -o refcount_bits=2
  amend -o refcount_bits=64
  amend -o compat=0.10
  amend -o compat=0.10,refcount_bits=16
  amend -o refcount_bits=8
  amend -o lazy_refcounts=on
  amend -o compat=1.1,lazy_refcounts=on
  amend -o lazy_refcounts=off
  amend -o compat=v2
  amend -o compat=v3,refcount_bits=32
done

name=plain
make compat=1.1 "$data"
for o in size=8M size=9000k,compat=0.10 compat=foo refcount_bits=3 refcount_bits=0 \
  refcount_bits=128 data_file=x data_file_raw=on data_file_raw=off backing_file=x backing_fmt=raw \
  no_such=1 cluster_size=4k compat=v3 compat=0.10,lazy_refcounts=on size=x; do
  amend -o $o
done
amend -f qcow2 -o compat=1.1
amend -f raw -o size=1M
amend -t none -o refcount_bits=8
amend -t bogus -o refcount_bits=8
amend -q -o refcount_bits=16
amend --force -o refcount_bits=32
amend --image-opts -f qcow2 -o refcount_bits=8
amend
name=subclusters
make extended_l2=on "$data" "$zeroes"
amend -o compat=0.10
amend -o refcount_bits=4
name='fragmented table'
make cluster_size=512 'write -P 3 0 4M'
amend -o refcount_bits=64
amend -o refcount_bits=1

# With a data file, whose name is relative to where the command runs.
for opts in data_file=d.raw data_file=d.raw,data_file_raw=on; do
  for o in compat=0.10 data_file_raw=on data_file_raw=off data_file=e.raw refcount_bits=4; do
    rm -f ./*.raw
    qemu-img create -q -f qcow2 -o $opts x.qcow2 1M && qemu-io -c "$data" x.qcow2 >/dev/null
    cp d.raw e.raw && cp x.qcow2 y.qcow2
    want=0 got=0
    "$peer" amend -o $o x.qcow2 2>/dev/null || want=$?
    "$ours" amend -o $o y.qcow2 2>/dev/null || got=$?
    facts x.qcow2 >p.facts && facts y.qcow2 >o.facts
    ok "$opts: amend -o $o" eval '[ $want = $got ] && cmp p.facts o.facts && qemu-img check -q y.qcow2'
  done
done
