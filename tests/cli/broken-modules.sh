#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Modules that are not as they should be: one line each, and the others go on.
. "${top_srcdir:-.}/tests/cli/lib.sh"
case $(img-modules raw) in
  */raw.so*) ;;
  *) skip_all "modules are linked in" ;;
esac
plan

mkdir m
printf 'nonsense\n' >m/aaa.manifest
printf 'module bbb\nabi 99\n' >m/bbb.manifest
printf 'module ccc\nabi 1\ndriver ccc\nkind format\nmagic 0 CCC\n' >m/ccc.manifest
printf 'module ddd\nabi 1\ndriver ddd\nkind protocol\nschemes ddd\n' >m/ddd.manifest
echo "not a shared object" >m/ddd.so
printf 'module qcow2\nabi 1\n' >'m/Evil name.manifest'
printf 'module twice\nabi 1\ndriver raw\nkind format\n' >m/twice.manifest
echo "no manifest" >m/stray.so
BLKIMG_MODULE_PATH=$BLKIMG_MODULE_PATH:$PWD/m
export BLKIMG_MODULE_PATH

truncate -s 1M x.raw
run_ok "img-modules" img-modules
all=$out
# said NAME WHY: one line of img-modules about that module says so
said () {
  like "$all$err" "$2" "$1: says why"
}
said aaa "aaa.manifest, line 1: 'nonsense' is not a statement of a manifest"
said bbb "bbb.manifest: made for module ABI 99, but this is 1"
said ccc "there is no ccc.so in"
said ddd "ddd.so: .*(file too short|invalid ELF header)"
said "a hostile name" "'Evil name' is not a valid name for a module"
said twice "module 'raw' has a driver 'raw' already"
said stray "there is no manifest beside .*/stray.so"

run_ok "others work" img-info x.raw
is "$err" "" "without a word about them"
run_fails "asking for one" 1 img-info -f bbb x.raw
like "$err" "^img-info: x.raw: module 'bbb' cannot be used: bbb.manifest: made for" "tells"
run_fails "its scheme" 1 img-info ddd:x
like "$err" "^img-info: ddd:x: module 'ddd' cannot be used: " "tells"
printf CCC >c.img
run_fails "its magic" 1 img-info c.img
like "$err" "^img-info: c.img: module 'ccc' cannot be used: " "tells"
run_ok "unless the format is named" img-info -f raw c.img
run_fails "a name from elsewhere" 1 img-info -f ../../../tmp/x x.raw
like "$err" "Unknown driver '../../../tmp/x'" "is no path"
