/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/qcow2-rig.h - the qcow2 driver on files in memory, and a disk's contents beside it. */
#ifndef TESTS_QCOW2_RIG_H
#define TESTS_QCOW2_RIG_H

#include "fake.h"

enum { RIG_CAP = 4 << 20 /* bytes that a file in memory can have */ };

const struct img_driver *rig_driver (void);
/* A new image with the create options OPTIONS, in a file in memory. */
struct img_node *rig_make (const char *options, uint64_t size);
/* Opens the image in FILE, which is the node's afterwards.  FLAGS: IMG_OPEN_*.  NULL: *err. */
struct img_node *rig_open (struct img_node *file, unsigned flags, struct img_error *err);
/* A file with what DATA holds. */
struct img_node *rig_file (const uint8_t *data, uint64_t size, unsigned flags);
/* The driver's check of an image with these bytes; fails the test when it does not get through. */
struct img_check rig_check (const uint8_t *data, uint64_t size);

/* What the guest disk holds. */
struct rig_disk {
  struct img_node *node;
  uint8_t *bytes;
  uint8_t *known;  /* one a byte: 1 where that is certain */
  uint8_t *safe;   /* the same after a power cut: flushed, and not touched since */
  uint8_t *packed; /* one a cluster: holds a stream that nobody can decode */
  uint64_t size, most;
  uint64_t state; /* random */
};
struct rig_disk *rig_disk_new (struct img_node *node, uint64_t most, uint64_t seed);
void rig_disk_free (struct rig_disk *d); /* and its node */
/* One random operation.  -1: it failed, as *err says; what it touched is not known then. */
int rig_operate (struct rig_disk *d, struct img_error *err);
/* Where NODE first differs from BYTES, of those that are KNOWN; UINT64_MAX: nowhere. */
uint64_t rig_differs (struct img_node *node, const uint8_t *bytes, const uint8_t *known,
                      uint64_t size);
/* Reads NODE, an image that should hold what is known of D, and fails the test where it differs. */
void rig_compare (const struct rig_disk *d, struct img_node *node, const uint8_t *known);

#endif
