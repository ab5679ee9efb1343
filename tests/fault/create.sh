#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands that make an image, with faults: it is there, whole, or it is not there.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images

sweep create-raw 'img-create -q t.raw 1M'
sweep create-qcow2 'img-create -q -f qcow2 t.qcow2 1M'
sweep create-vdi 'img-create -q -f vdi t.vdi 1M'
sweep create-vdi-static 'img-create -q -f vdi -o static=on t.vdi 1M'
sweep create-over over 'img-create -q -f qcow2 old.raw 1M'
sweep create-metadata 'img-create -q -f qcow2 -o preallocation=metadata,cluster_size=4k t.qcow2 1M'
sweep create-falloc 'img-create -q -f qcow2 -o preallocation=falloc t.qcow2 1M'
sweep create-full 'img-create -q -f raw -o preallocation=full t.raw 1M'
sweep create-backing 'img-create -q -f qcow2 -b base.qcow2 -F qcow2 t.qcow2'
have encryption create-aes && sweep create-aes 'img-create -q --object secret,id=k,data=x -f qcow2 -o encrypt.format=aes,encrypt.key-secret=k t.qcow2 1M'
sweep create-data-file 'img-create -q -f qcow2 -o data_file=t.data,data_file_raw=on t.qcow2 1M'
