# SPDX-License-Identifier: LGPL-2.1-or-later
# Against QEMU's programs: what we do to an image, they see, and the other way round.  hold, ops
# and randio are the library's side; scripts as in cli/.
interop_tests =
interop_tests += %D%/crypt-chain.sh
interop_tests += %D%/filters.sh
interop_tests += %D%/qcow2-all.sh
interop_tests += %D%/qcow2-bitmap.sh
interop_tests += %D%/qcow2-read.sh
if MODULE_VDI
interop_tests += %D%/chain-ops.sh
endif
interop_tests += %D%/qcow2-create.sh
interop_tests += %D%/qcow2-snapshot.sh
interop_tests += %D%/qcow2-repair.sh
interop_tests += %D%/qcow2-crypt.sh
interop_tests += %D%/qcow2-write.sh
if MODULE_NBD
interop_tests += %D%/nbd.sh
endif
if MODULE_VDI
interop_tests += %D%/devices.sh %D%/locks.sh %D%/vdi.sh
endif
check_PROGRAMS += %D%/damage %D%/hold %D%/ops %D%/randio
tests_interop_damage_LDADD = $(unit_shared)
if MODULE_LUKS
interop_tests += %D%/luks.sh
endif
check_PROGRAMS += %D%/hold %D%/ops %D%/randio
check_PROGRAMS += %D%/hold %D%/ops %D%/poke %D%/randio
tests_interop_hold_LDADD = $(unit_shared)
tests_interop_ops_LDADD = $(unit_shared)
tests_interop_poke_LDADD = $(unit_shared)
tests_interop_randio_LDADD = $(unit_shared)
TESTS += $(interop_tests)
EXTRA_DIST += %D%/locks.sh %D%/qcow2-read.sh %D%/qcow2-snapshot.sh %D%/qcow2-write.sh %D%/vdi.sh
EXTRA_DIST += %D%/chain-ops.sh %D%/locks.sh %D%/qcow2-read.sh %D%/qcow2-write.sh %D%/vdi.sh
EXTRA_DIST += %D%/filters.sh
EXTRA_DIST += %D%/qcow2-all.sh %D%/qcow2-bitmap.sh %D%/random.sh
EXTRA_DIST += %D%/luks.sh
EXTRA_DIST += %D%/locks.sh %D%/qcow2-read.sh %D%/qcow2-write.sh %D%/vdi.sh
EXTRA_DIST += %D%/locks.sh %D%/nbd.sh %D%/qcow2-write.sh %D%/vdi.sh
EXTRA_DIST += %D%/locks.sh %D%/qcow2-create.sh %D%/qcow2-repair.sh %D%/qcow2-write.sh %D%/vdi.sh
EXTRA_DIST += %D%/devices.sh %D%/locks.sh %D%/nbd.sh %D%/qcow2-read.sh %D%/qcow2-write.sh \
	%D%/vdi.sh
EXTRA_DIST += %D%/crypt-chain.sh %D%/qcow2-crypt.sh
