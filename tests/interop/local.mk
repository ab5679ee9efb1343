# SPDX-License-Identifier: LGPL-2.1-or-later
# Against QEMU's programs: what we do to an image, they see, and the other way round.  damage, hold,
# ops, poke and randio are the library's side; scripts as in cli/.
interop_tests =
interop_tests += %D%/crypt-chain.sh
interop_tests += %D%/qcow2-crypt.sh
interop_tests += %D%/qcow2-repair.sh
if MODULE_LUKS
interop_tests += %D%/luks.sh
endif
interop_tests += %D%/filters.sh
interop_tests += %D%/qcow2-all.sh
interop_tests += %D%/qcow2-bitmap.sh
interop_tests += %D%/qcow2-create.sh
interop_tests += %D%/qcow2-read.sh
interop_tests += %D%/qcow2-snapshot.sh
interop_tests += %D%/qcow2-write.sh
if MODULE_NBD
interop_tests += %D%/nbd.sh
endif
if MODULE_VDI
interop_tests += %D%/chain-ops.sh
interop_tests += %D%/devices.sh
interop_tests += %D%/locks.sh
interop_tests += %D%/vdi.sh
endif
TESTS += $(interop_tests)
check_PROGRAMS += %D%/damage
check_PROGRAMS += %D%/hold
check_PROGRAMS += %D%/ops
check_PROGRAMS += %D%/poke
check_PROGRAMS += %D%/randio
tests_interop_damage_LDADD = $(unit_shared)
tests_interop_hold_LDADD = $(unit_shared)
tests_interop_ops_LDADD = $(unit_shared)
tests_interop_poke_LDADD = $(unit_shared)
tests_interop_randio_LDADD = $(unit_shared)
# All of them, whatever modules there are.
EXTRA_DIST += %D%/chain-ops.sh
EXTRA_DIST += %D%/crypt-chain.sh
EXTRA_DIST += %D%/devices.sh
EXTRA_DIST += %D%/filters.sh
EXTRA_DIST += %D%/locks.sh
EXTRA_DIST += %D%/luks.sh
EXTRA_DIST += %D%/nbd.sh
EXTRA_DIST += %D%/qcow2-all.sh
EXTRA_DIST += %D%/qcow2-bitmap.sh
EXTRA_DIST += %D%/qcow2-create.sh
EXTRA_DIST += %D%/qcow2-crypt.sh
EXTRA_DIST += %D%/qcow2-read.sh
EXTRA_DIST += %D%/qcow2-repair.sh
EXTRA_DIST += %D%/qcow2-snapshot.sh
EXTRA_DIST += %D%/qcow2-write.sh
EXTRA_DIST += %D%/random.sh
EXTRA_DIST += %D%/vdi.sh
