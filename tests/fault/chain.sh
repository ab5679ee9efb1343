#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# commit and rebase, with faults: what is seen through the top stays.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images
(
  cd start && cp old.raw mid.raw &&
  img-convert -O qcow2 -B base.qcow2 -F qcow2 mid.raw mid.qcow2 &&
  cp top.qcow2 t.qcow2 && img-rebase -q -b mid.qcow2 -F qcow2 t.qcow2
) || exit 99
"$series" listing start >start.listing

sweep commit same-view 'img-commit t.qcow2'
sweep commit-base same-view 'img-commit -b base.qcow2 t.qcow2'
sweep rebase same-view 'img-rebase -b base.qcow2 -F qcow2 t.qcow2'
sweep rebase-nothing same-view "img-rebase -b '' t.qcow2"
sweep rebase-compressed same-view "img-rebase -c -b '' t.qcow2"
