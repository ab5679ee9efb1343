#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job, with faults.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images

sweep raw-to-qcow2 'img-convert -O qcow2 r.raw t.qcow2'
sweep qcow2-to-raw 'img-convert -O raw x.qcow2 t.raw'
sweep raw-to-raw 'img-convert -O raw r.raw t.raw'
sweep compress 'img-convert -c -O qcow2 r.raw t.qcow2'
sweep decompress 'img-convert -O raw c.qcow2 t.raw'
sweep chain 'img-convert -O qcow2 top.qcow2 t.qcow2'
sweep kernel-copy 'img-convert -C -O raw r.raw t.raw'
have encryption encrypt && sweep encrypt 'img-convert --object secret,id=k,data=x -O qcow2 -o encrypt.format=aes,encrypt.key-secret=k r.raw t.qcow2'
have encryption decrypt && sweep decrypt 'img-convert --object secret,id=k,data=x -O raw --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=k t.raw'
# What is encrypted is never twice the same: two commands, and what is left is plain.
secret='--object secret,id=s,data=s'
luks=driver=luks,key-secret=s,file.filename
have encryption luks-to-raw && sweep luks-to-raw "img-convert $secret --image-opts $luks=l.luks -O raw t.raw"
have encryption raw-to-luks && sweep raw-to-luks "img-convert -t unsafe $secret -O luks -o key-secret=s,iter-time=1 r.raw t.luks || exit 1
  img-convert $secret --image-opts $luks=t.luks -O raw t.raw; rc=\$?; rm t.luks; exit \$rc"
sweep one-worker 'img-convert -m 1 -O qcow2 x.qcow2 t.qcow2'
sweep raw-to-vdi 'img-convert -O vdi r.raw t.vdi'
sweep vdi-to-qcow2 'img-convert -O qcow2 v.vdi t.qcow2'
sweep dd 'img-dd if=x.qcow2 of=t.raw bs=64k skip=1 count=9'
sweep several 'img-convert -O raw r.raw x.qcow2 t.raw'
sweep over 'img-convert -O qcow2 r.raw old.raw'
sweep preallocated 'img-convert -O qcow2 -o preallocation=metadata r.raw t.qcow2'
