#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the README and the manual pages tell users to type does what it is for: each example is run, in order, in a
# folder with the files that the examples name.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer gzip
plan later

mkdir files bin
head -c 3000000 /dev/urandom >files/disk.raw
truncate -s 4M files/disk.raw
gzip <files/disk.raw >files/disk.raw.gz
printf first >files/passphrase
printf second >files/another
for name in disk old base scratch; do
  img-convert -O qcow2 files/disk.raw "files/$name.qcow2" || exit 99
done
cp files/base.qcow2 files/newer.qcow2
img-create -q -f qcow2 -b base.qcow2 -F qcow2 files/overlay.qcow2
img-create -q -f qcow2 -b overlay.qcow2 -F qcow2 files/top.qcow2
img-bitmap --add files/old.qcow2 monday
# `ssh HOST COMMAND` is this host.
printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >bin/ssh
chmod +x bin/ssh
PATH=$tmp/bin:$PATH

# examples PAGE: its indented command lines, continued ones joined; gigabytes are megabytes here, and
# keys are made in no time
examples () {
  awk '/^    (img[- ]|[a-z]+ .*\| img-)/ || more {
    more = sub (/\\$/, "")
    gsub (/^ +/, "")
    printf "%s%s", $0, more ? "" : "\n"
  }' "$1" | sed -e 's/\([0-9]\)G\>/\1M/g' \
    -e 's/encrypt\.format=luks,\|encrypt\.state=active,/&encrypt.iter-time=10,/' \
    -e 's/-o key-secret/-o iter-time=10,key-secret/'
}

for page in "$top_srcdir/README.md" "$top_srcdir"/tools/*.pod "$top_srcdir"/modules/*/*.pod; do
  name=${page##*/}
  examples "$page" >lines
  [ -s lines ] || continue
  rm -rf work
  cp -R files work
  while read -r line <&3; do
    case $line in
      *passphrase*) have encryption "${name%.pod}: $line" || continue ;;
    esac
    (cd work && sh -ec "$line") >.out 2>.err </dev/null
    rc=$?
    # the first of a pipe has no exit status here, but says what is wrong
    is "$rc$(grep '^img' .err)" 0 "${name%.pod}: $line"
    [ "$rc" = 0 ] || diag "$(cat .err)"
  done 3<lines
done
run_ok "a page without examples would be seen" test "$tap_count" -gt 50
