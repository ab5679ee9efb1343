/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-unlock.c - which key slots open with a passphrase.
 *
 * Owns: the order in which slots are tried, and the threads.  A derivation cannot be broken off, so
 * that slots go by work: the quick ones together, and those that ask for more than twice as much
 * only when none of these opens.  It takes as long as the slot that opens, wherever it stands, and
 * thrice that at most.  luks.c has judged how much work all slots may ask for. */
#include <pthread.h>
#include <string.h>

#include <blkimg/cleanup.h>

#include "luks-slot.h"

struct trial {
  const struct luks *l;
  const struct luks_io *io;
  const uint8_t *pass;
  size_t n;
  uint8_t slots[LUKS_SLOTS]; /* by growing work */
  unsigned n_slots;
  bool all; /* or until one opens */
  pthread_mutex_t lock;
  unsigned next, end; /* of slots */
  unsigned opens;
  uint8_t *key;
  struct img_error error; /* of the first that cannot be tried */
};

/* The next slot to try, -1: none. */
static int
take (struct trial *t)
{
  IMG_GUARD (&t->lock);
  if (t->next == t->end || (t->opens && !t->all))
    return -1;
  return t->slots[t->next++];
}

static void
note (struct trial *t, unsigned slot, int rc, const uint8_t *key, const struct img_error *err)
{
  IMG_GUARD (&t->lock);
  if (rc == 1) {
    t->opens |= 1u << slot;
    memcpy (t->key, key, t->l->key_length);
  } else if (rc < 0 && t->error.code == 0) {
    t->error = *err;
  }
}

static int
try_some (struct img_pool *pool, unsigned worker, void *arg, struct img_error *ignored)
{
  struct trial *t = arg;
  uint8_t key[CRYPT_MAX_KEY];
  int slot;

  (void) pool;
  (void) worker;
  (void) ignored;
  while ((slot = take (t)) >= 0) {
    struct img_error err = IMG_ERROR_INIT;
    int rc = luks_try_slot (t->l, (unsigned) slot, t->io, t->pass, t->n, key, &err);
    note (t, (unsigned) slot, rc, key, &err);
  }
  explicit_bzero (key, sizeof key);
  return 0;
}

static uint64_t
work_of (const struct trial *t, unsigned i)
{
  return t->l->slots[t->slots[i]].iterations;
}

static void
add_slot (struct trial *t, unsigned slot)
{
  unsigned i = t->n_slots++;

  t->slots[i] = (uint8_t) slot;
  for (; i > 0 && work_of (t, i - 1) > work_of (t, i); i--) {
    uint8_t moved = t->slots[i];
    t->slots[i] = t->slots[i - 1];
    t->slots[i - 1] = moved;
  }
}

static int
run (struct trial *t, struct img_error *err)
{
  while (t->end < t->n_slots && (t->all || t->opens == 0)) {
    uint64_t most = 2 * work_of (t, t->end);
    while (t->end < t->n_slots && (t->all || work_of (t, t->end) <= most))
      t->end++;
    if (img_parallel (t->end - t->next, try_some, t, err) < 0)
      return -1;
  }
  if (t->error.code && (t->all || t->opens == 0)) {
    *err = t->error;
    return -1;
  }
  return 0;
}

int
luks_try_slots (const struct luks *l, const struct luks_io *io, const uint8_t *pass, size_t n,
                unsigned which, unsigned *opens, uint8_t *key, struct img_error *err)
{
  struct trial t = { .l = l, .io = io, .pass = pass, .n = n, .all = opens != NULL, .key = key,
                     .error = IMG_ERROR_INIT };
  int rc;

  pthread_mutex_init (&t.lock, NULL);
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (l->slots[i].active && (which & 1u << i))
      add_slot (&t, i);
  rc = run (&t, err);
  pthread_mutex_destroy (&t.lock);
  if (opens)
    *opens = t.opens;
  return rc < 0 ? -1 : t.opens != 0;
}

int
luks_unlock (const struct luks *l, const struct luks_io *io, const uint8_t *pass, size_t n,
             uint8_t key[CRYPT_MAX_KEY], struct img_error *err)
{
  int rc = luks_try_slots (l, io, pass, n, ~0u, NULL, key, err);

  if (rc == 0)
    return img_error_set (err, EACCES, _("Invalid password, cannot unlock any keyslot"));
  return rc < 0 ? -1 : 0;
}

int
luks_open (const struct luks *l, const struct luks_io *io, const struct img_node *node,
           const char *secret, const char *key_option, struct crypt **c, struct img_error *err)
{
  uint8_t key[CRYPT_MAX_KEY], *pass;
  size_t n;
  int rc;

  if (secret == NULL)
    return img_error_set (err, EINVAL, _("Parameter '%s' is required for cipher"), key_option);
  if (img_node_secret (node, secret, &pass, &n, err) < 0)
    return -1;
  rc = luks_unlock (l, io, pass, n, key, err);
  img_secret_free (pass, n);
  if (rc == 0)
    rc = crypt_new (c, &l->spec, key, l->key_length, err);
  explicit_bzero (key, sizeof key);
  return rc;
}
