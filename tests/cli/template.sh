#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The driver to copy works: created, read, mapped, refused where it should be.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan 15

run_ok "created" img-create -f template -o data_offset=64k x.template 1M
run_ok "img-info reads it" img-info --output=json x.template
like "$out" '"format": "template"' "it is recognised by its magic"
like "$out" '"data-offset": 65536' "and says where its bytes begin"
printf 'some guest bytes' | dd of=x.template bs=1 seek=$((65536 + 1234)) conv=notrunc status=none
run_ok "img-map maps it" img-map --output=json x.template
like "$out" '"offset": 65536' "to where they are"

run_ok "img-convert reads it" img-convert -O raw x.template out.raw
run_ok "and writes it" img-convert -O template out.raw back.template
run_ok "the same" img-compare x.template back.template

run_fails "a data offset that is not a multiple of 512 is refused" 1 \
  img-create -f template -o data_offset=1000 y.template 1M
ok "and leaves no file" test ! -e y.template

cp x.template cut.template
truncate -s 65536 cut.template
run_fails "a file that is too short is refused" 1 img-info cut.template
like "$err" 'header at 0x10' "with a line that says where"
cp x.template new.template
printf '\0\0\0\002' | dd of=new.template bs=1 seek=8 conv=notrunc status=none
run_fails "another version is refused" 1 img-info new.template
like "$err" 'version 2' "by its number"
