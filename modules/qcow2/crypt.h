/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* crypt.h - what opening, creating and amending share of encryption; crypt.c. */
#ifndef QCOW2_CRYPT_H
#define QCOW2_CRYPT_H

#include "luks.h"

/* What method AES encrypts with; SECRET is looked up at NODE. */
int qcow2_crypt_aes (struct crypt **cipher, const struct img_node *node, const char *secret,
                     struct img_error *err);

#endif
