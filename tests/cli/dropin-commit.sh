#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# commit and rebase as qemu-img does them; their results are tests/interop/chain-ops.sh.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 b.qcow2
qemu-img create -q -f qcow2 -b b.qcow2 -F qcow2 c.qcow2 2M
qemu-io -c 'write -P 3 5k 100k' c.qcow2 >/dev/null
truncate -s 1M r.raw

same "commit" commit -d c.qcow2
same "commit -q" commit -q -d c.qcow2
same "commit -b" commit -b a.qcow2 c.qcow2
same "commit -b, path" commit -b ./a.qcow2 c.qcow2
same "commit -b, absolute" commit -b "$PWD/a.qcow2" c.qcow2
same "commit -b, not of the chain" commit -b r.raw c.qcow2
same "commit -b, itself" commit -b c.qcow2 c.qcow2
same "commit -b, empty" commit -b '' c.qcow2
same "commit -r" commit -d -r 100M c.qcow2
same "commit -r, not a rate" commit -r x c.qcow2
same "commit of the lowest" commit a.qcow2
same "commit of raw" commit -f raw r.raw
same "commit of nothing" commit
same "commit of two" commit a.qcow2 b.qcow2
same "commit, no such file" commit no-such
same "commit -t" commit -d -t none c.qcow2
ends () {
  tr '\r' '\n' | sed '/^    ([0-9.]*\/100%)$/d'
}
same_filtered "commit -p" ends commit -p -d c.qcow2

same "rebase, no format" rebase -b a.qcow2 c.qcow2
same "rebase -u, no format" rebase -u -b a.qcow2 c.qcow2
same "rebase, no such file" rebase -b no-such -F qcow2 c.qcow2
same "rebase, no such format" rebase -b a.qcow2 -F no-such c.qcow2
same "rebase -u, no such format" rebase -u -b a.qcow2 -F no-such c.qcow2
same "rebase, nothing said" rebase c.qcow2
same "rebase onto itself" rebase -b a.qcow2 -F qcow2 a.qcow2
same "rebase onto what uses it" rebase -b b.qcow2 -F qcow2 a.qcow2
same "rebase of raw" rebase -f raw -b a.qcow2 -F qcow2 r.raw
same "rebase -u of raw" rebase -u -f raw -b a.qcow2 -F qcow2 r.raw
same "rebase" rebase -b a.qcow2 -F qcow2 c.qcow2
same "rebase -u -U" rebase -u -U -b b.qcow2 -F qcow2 c.qcow2
same_filtered "info then" without_children info --backing-chain c.qcow2
same_filtered "rebase -p" ends rebase -p -b a.qcow2 -F qcow2 c.qcow2
same "rebase onto nothing" rebase -b '' c.qcow2
same "rebase -u alone" rebase -u b.qcow2
same_filtered "info of that" without_children info b.qcow2
