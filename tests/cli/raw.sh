#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The commands on raw images, which every installation has.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

run_ok "create" img-create -f raw x.raw 1M
is "$out" "Formatting 'x.raw', fmt=raw size=1048576" "says what was made"
is "$(stat -c %s x.raw)" 1048576 "as long as asked for"
run_fails "create without a size" 1 img-create x2.raw
run_fails "create without a name" 64 img-create
run_fails "create with a bad size" 64 img-create x2.raw 1X
run_fails "create with three operands" 64 img-create x2.raw 1M 2M
ok "nothing was made" test ! -e x2.raw

run_ok "info" img-info x.raw
like "$out" '^virtual size: 1 MiB \(1048576 bytes\)$' "says the size"
run_ok "info, JSON" img-info --output=json x.raw
like "$out" '^    "virtual-size": 1048576,$' "says the size"
run_ok "info, limits" img-info --limits x.raw
like "$out" '^    request alignment: [0-9]+$' "says how requests must lie"
run_fails "info without a name" 64 img-info
run_fails "info of nothing" 1 img-info no-such
like "$err" "^img-info: .*no-such.*No such file" "says what is not there"

printf x | dd of=x.raw bs=1 seek=524288 conv=notrunc 2>/dev/null
run_ok "map" img-map x.raw
like "$out" '^0x80000 +0x1000 +0x80000 +x.raw$' "says where the data are"
run_ok "map, JSON" img-map --output=json x.raw
like "$out" '"zero": false, "data": true, "compressed": false, "offset": 524288' "says where, too"
run_ok "map behind the end" img-map --output=json -s 2M x.raw
is "$out" "[]" "is empty"

run_fails "check" 63 img-check x.raw
run_ok "measure" img-measure --size 10M
is "$out" "required size: 10485760
fully allocated size: 10485760" "of raw is the size"
run_ok "measure of a file" img-measure -O raw x.raw
run_fails "measure of nothing" 64 img-measure -O raw

run_ok "an object is taken" img-info --object secret,id=s,data=x x.raw
run_fails "an unknown one is not" 64 img-info --object no-such,id=s x.raw
like "$err" "unknown object type 'no-such'" "and named"
run_fails "one without an id is not" 64 img-info --object secret,data=x x.raw
