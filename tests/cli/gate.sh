#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What images may make us open: backing files and data files of every hostile kind.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img
plan

# overlay FILE BACKING FORMAT: an image that names BACKING, which nobody looked at
overlay () {
  qemu-img create -q -u -f qcow2 -b "$2" -F "$3" "$1" 1M
}
# rename FILE OLD NEW: writes NEW over OLD, which is as long, inside FILE
rename () {
  offset=$(grep -abo -e "$2" "$1" | head -n 1 | cut -d: -f1)
  [ "${#2}" -eq "${#3}" ] && printf %s "$3" | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
}
# Opening a FIFO waits for ever: what hangs did open it.
timely () { timeout 10 "$@"; }

truncate -s 1M base.raw
mkfifo fifo
mkdir sub dir
ln -s fifo to-fifo
overlay local.qcow2 base.raw raw
overlay sub/relative.qcow2 ../base.raw raw
overlay absolute.qcow2 "$PWD/base.raw" raw
overlay prefixed.qcow2 file:base.raw raw
overlay missing.qcow2 no-such raw
overlay nbd.qcow2 nbd://localhost:1/x raw
overlay nbd-old.qcow2 nbd:localhost:1 raw
overlay http.qcow2 http://localhost:1/x raw
overlay fd.qcow2 fd:0 raw
overlay json.qcow2 'json:{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}' raw
overlay fifo.qcow2 fifo raw
overlay fifo-link.qcow2 to-fifo raw
overlay device.qcow2 /dev/zero raw
overlay dir.qcow2 dir raw
overlay self.qcow2 xelf.qcow2 qcow2
rename self.qcow2 xelf.qcow2 self.qcow2
overlay one.qcow2 two.qcow2 qcow2
overlay two.qcow2 "$PWD/one.qcow2" qcow2
overlay format.qcow2 base.raw raw
rename format.qcow2 'raw' '../'

for image in local sub/relative absolute prefixed; do
  run_ok "$image: opened" img-map --output=json $image.qcow2
  run_fails "$image: not with --untrusted" 1 img-map --untrusted $image.qcow2
  like "$err" "backing file '.*base.raw' is not opened: the image is not trusted" "says so"
  like "$err" 'Without --untrusted' "and what would allow it"
done

# refused IMAGE WHY...: one line that says which file and why
refused () {
  image=$1
  shift
  run_fails "$image: refused" 1 timely img-map "$image.qcow2"
  like "$err" "^img-map: $image.qcow2: .*$1" "$image: says why"
}
may_be_allowed () {
  like "$err" "^--allow-any-backing opens it" "$image: says what would allow it"
}
for image in nbd nbd-old http fd; do
  refused $image "is not opened: it names a protocol"
  may_be_allowed
done
refused json "is not opened: it is a json: name"
may_be_allowed
refused fifo "backing file 'fifo' is not opened: it is a FIFO"
refused fifo-link "backing file 'to-fifo' is not opened: it is a FIFO"
refused device "is not opened: it is a device, but not a disk"
refused dir "is not opened: it is a directory"
refused missing "backing file 'no-such': No such file"
refused self "is a loop: the image uses itself"
refused one "is a loop: the image uses itself"
refused format "Unknown driver '../'"
have JSON "json:, allowed" && run_ok "json:, allowed" img-map --output=json --allow-any-backing json.qcow2

# Information opens the named file and nothing else.
for image in nbd json fifo device missing self one format; do
  run_ok "info of $image" timely img-info $image.qcow2
  run_ok "info of $image, not trusted" timely img-info --untrusted $image.qcow2
done
run_fails "info --backing-chain asks for more" 1 timely img-info --backing-chain fifo.qcow2
like "$err" "is not opened: it is a FIFO" "and passes the gate"
run_fails "info --backing-chain of a loop" 1 timely img-info --backing-chain one.qcow2
like "$err" "is a loop" "ends"
run_ok "info --backing-chain" img-info --backing-chain local.qcow2
like "$out" '^image: base.raw$' "names all"

# Data files are paths and nothing else (CVE-2024-4467, CVE-2024-32498).
data () {
  rm -f data.raw
  qemu-img create -q -f qcow2 -o data_file=DATA-FILE-NAME-OF-32-CHARACTERS. "$1" 1M
  rm -f DATA-FILE-NAME-OF-32-CHARACTERS.
  rename "$1" DATA-FILE-NAME-OF-32-CHARACTERS. "$2"
}
data data-nbd.qcow2 'nbd://localhost:10809/export-123'
data data-json.qcow2 'json:{"driver":"null-co","a":12}'
data data-fifo.qcow2 ././././././././././././././fifo
for image in data-nbd data-json; do
  run_ok "info of $image" timely img-info $image.qcow2
  run_fails "$image" 1 timely img-map $image.qcow2
  like "$err" "data-file '(nbd|json):.*': No such file" "is a file that is not there"
  run_fails "$image, even if all is allowed" 1 timely img-map --allow-any-backing $image.qcow2
  unlike "$err" 'protocol|connect|null-co.*opened' "is a file"
done
run_ok "info of a data file that is a FIFO" timely img-info data-fifo.qcow2
run_fails "a data file that is a FIFO" 1 timely img-map data-fifo.qcow2
like "$err" "is not opened: it is a FIFO" "is refused"
run_fails "a data file, not trusted" 1 timely img-map --untrusted data-nbd.qcow2
like "$err" "the image is not trusted" "is refused"

# What the user names is opened.
run_ok "the user's own backing" img-map --output=json --image-opts \
  driver=qcow2,file.filename=nbd.qcow2,backing.driver=raw,backing.file.filename=base.raw
run_ok "none" img-map --output=json --untrusted --image-opts \
  driver=qcow2,file.filename=nbd.qcow2,backing=
