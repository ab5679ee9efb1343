/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-amend.c - passphrases added to and taken from a LUKS1 header.
 *
 * Owns: which slots a request means, and the order of writing: a new slot's key material is on disk
 * before the header says that it counts; a slot to be erased is out of the header after its
 * material is gone, so that an interruption leaves nothing that opens with the old passphrase.
 * While the only slot in use is written over another one has the new passphrase: one always opens.
 * Refuses, unless forced: the erasure of the last slot, writing over one that is in use. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "luks-slot.h"

const char *const luks_state_words[] = { "active", "inactive", NULL };

struct change {
  struct luks *l;
  const struct luks_io *io;
  struct img_node *node;
  const char *state, *old_secret, *new_secret;
  int keyslot; /* -1: not said */
  bool force, has_iter_time;
  uint64_t iter_time;
};

static const char *
get (const struct img_opts *opts, const char *prefix, const char *name)
{
  char key[64];

  snprintf (key, sizeof key, "%s%s", prefix, name);
  return img_opts_string (opts, key);
}

static int
parse_change (struct change *c, const struct img_amend *amend, const char *prefix,
              struct img_error *err)
{
  char key[64];
  uint64_t n;

  c->state = get (amend->opts, prefix, "state");
  c->old_secret = get (amend->opts, prefix, "old-secret");
  c->new_secret = get (amend->opts, prefix, "new-secret");
  c->force = amend->flags & IMG_AMEND_FORCE;
  c->keyslot = -1;
  c->has_iter_time = get (amend->opts, prefix, "iter-time") != NULL;
  snprintf (key, sizeof key, "%s%s", prefix, "iter-time");
  c->iter_time = c->has_iter_time ? img_opts_number (amend->opts, key) : LUKS_DEFAULT_ITER_TIME;
  if (c->iter_time == 0)
    return img_error_set (err, EINVAL, _("iter-time must be more than zero"));
  if (c->state == NULL)
    return img_error_set (err, EINVAL, _("Parameter '%s%s' is missing"), prefix, "state");
  if (get (amend->opts, prefix, "keyslot") == NULL)
    return 0;
  snprintf (key, sizeof key, "%s%s", prefix, "keyslot");
  n = img_opts_number (amend->opts, key);
  if (n >= LUKS_SLOTS)
    return img_error_set (err, EINVAL, _("Invalid keyslot %" PRIu64 ". Keyslot must be between 0 "
                                         "and %d"), n, LUKS_SLOTS - 1);
  c->keyslot = (int) n;
  return 0;
}

/* ---- adding ---- */

static int
free_slot (const struct change *c, struct img_error *err)
{
  const struct luks *l = c->l;

  if (c->keyslot >= 0 && l->slots[c->keyslot].active && !c->force)
    return img_error_set (err, EEXIST, _("Refusing to overwrite active keyslot %d - please erase "
                                         "it first"), c->keyslot);
  if (c->keyslot >= 0)
    return c->keyslot;
  for (int i = 0; i < LUKS_SLOTS; i++)
    if (!l->slots[i].active)
      return i;
  return img_error_set (err, ENOSPC, _("Can't add a keyslot - all keyslots are in use"));
}

static int
find_key (const struct change *c, const char *secret, uint8_t *key, struct img_error *err)
{
  uint8_t *pass;
  size_t n;
  int rc;

  if (secret == NULL)
    return img_error_set (err, EINVAL, _("Parameter '%s' is required for cipher"), "key-secret");
  if (img_node_secret (c->node, secret, &pass, &n, err) < 0)
    return -1;
  rc = luks_unlock (c->l, c->io, pass, n, key, err);
  img_secret_free (pass, n);
  return rc;
}

static int
flush (const struct change *c, struct img_error *err)
{
  return c->io->flush ? c->io->flush (c->io->arg, err) : 0;
}

static unsigned
active_slots (const struct luks *l)
{
  unsigned slots = 0;

  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    slots |= l->slots[i].active ? 1u << i : 0;
  return slots;
}

static int
wipe_slots (const struct change *c, unsigned slots, struct img_error *err)
{
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if ((slots & 1u << i) && luks_wipe_slot (c->l, i, c->io, err) < 0)
      return -1;
  return flush (c, err) < 0 ? -1 : luks_write (c->l, c->io, err);
}

/* The header with slot I inactive goes out first where it was in use: half of two key materials
 * opens with neither passphrase, and nothing may claim that it does. */
static int
write_slot (const struct change *c, unsigned i, const uint8_t *key, const uint8_t *pass, size_t n,
            struct img_error *err)
{
  uint32_t iterations;

  if (luks_slot_iterations (c->l, i, c->iter_time, &iterations, err) < 0)
    return -1;
  if (c->l->slots[i].active) {
    c->l->slots[i].active = false;
    if (luks_write (c->l, c->io, err) < 0 || flush (c, err) < 0)
      return -1;
  }
  if (luks_fill_slot (c->l, i, c->io, pass, n, key, iterations, err) < 0 || flush (c, err) < 0)
    return -1;
  return luks_write (c->l, c->io, err);
}

static int
write_only_slot (const struct change *c, unsigned i, const uint8_t *key, const uint8_t *pass,
                 size_t n, struct img_error *err)
{
  unsigned other = (i + 1) % LUKS_SLOTS;

  if (write_slot (c, other, key, pass, n, err) < 0 || flush (c, err) < 0
      || write_slot (c, i, key, pass, n, err) < 0 || flush (c, err) < 0)
    return -1;
  return wipe_slots (c, 1u << other, err);
}

static int
add (const struct change *c, const char *secret, struct img_error *err)
{
  uint8_t key[CRYPT_MAX_KEY], *pass;
  size_t n;
  int rc, slot;

  if (c->new_secret == NULL)
    return img_error_set (err, EINVAL, _("'new-secret' is required to activate a keyslot"));
  if (c->old_secret)
    return img_error_set (err, EINVAL, _("'old-secret' must not be given when activating "
                                         "keyslots"));
  slot = free_slot (c, err);
  if (slot < 0)
    return -1;
  rc = find_key (c, secret, key, err);
  if (rc == 0)
    rc = img_node_secret (c->node, c->new_secret, &pass, &n, err);
  if (rc == 0) {
    rc = (active_slots (c->l) == 1u << slot ? write_only_slot : write_slot) (
      c, (unsigned) slot, key, pass, n, err);
    img_secret_free (pass, n);
  }
  explicit_bzero (key, sizeof key);
  return rc;
}

/* ---- erasing ---- */

/* Bit I of *SLOTS: slot I opens with the old passphrase.  Only ONLY is tried unless it is -1. */
static int
matching (const struct change *c, int only, unsigned *slots, struct img_error *err)
{
  uint8_t key[CRYPT_MAX_KEY], *pass;
  size_t n;
  int rc;

  if (img_node_secret (c->node, c->old_secret, &pass, &n, err) < 0)
    return -1;
  rc = luks_try_slots (c->l, c->io, pass, n, only < 0 ? ~0u : 1u << only, slots, key, err);
  explicit_bzero (key, sizeof key);
  img_secret_free (pass, n);
  return rc < 0 ? -1 : 0;
}

static int
select_slots (const struct change *c, unsigned *slots, struct img_error *err)
{
  if (c->new_secret)
    return img_error_set (err, EINVAL, _("'new-secret' must not be given when erasing keyslots"));
  if (c->has_iter_time)
    return img_error_set (err, EINVAL, _("'iter-time' must not be given when erasing keyslots"));
  if (c->keyslot < 0 && c->old_secret == NULL)
    return img_error_set (err, EINVAL, _("To erase keyslot(s), either explicit keyslot index or "
                                         "the password currently contained in them must be "
                                         "given"));
  if (c->keyslot >= 0 && !c->l->slots[c->keyslot].active && !c->force)
    return img_error_set (err, EINVAL, _("Given keyslot %d is already erased (inactive)"),
                          c->keyslot);
  *slots = c->keyslot >= 0 ? 1u << c->keyslot : 0;
  if (c->old_secret && matching (c, c->keyslot, slots, err) < 0)
    return -1;
  if (*slots == 0 && c->keyslot >= 0)
    return img_error_set (err, EACCES, _("This keyslot %d doesn't contain the given (old) "
                                         "password"), c->keyslot);
  if (*slots == 0)
    return img_error_set (err, EACCES, _("No keyslots match given (old) password for erase "
                                         "operation"));
  if ((active_slots (c->l) & ~*slots) == 0 && !c->force)
    return img_error_set (err, EPERM, _("Refusing to erase the last active keyslots - this would "
                                        "erase all the data in the image irreversibly"));
  return 0;
}

static int
erase (const struct change *c, struct img_error *err)
{
  unsigned slots = 0;

  if (select_slots (c, &slots, err) < 0)
    return -1;
  return wipe_slots (c, slots, err);
}

int
luks_amend (struct luks *l, const struct luks_io *io, struct img_node *node, const char *secret,
            const struct img_amend *amend, const char *prefix, struct img_error *err)
{
  struct change c = { .l = l, .io = io, .node = node };
  int rc;

  if (parse_change (&c, amend, prefix, err) < 0)
    return -1;
  rc = strcmp (c.state, "active") == 0 ? add (&c, secret, err) : erase (&c, err);
  return rc < 0 ? -1 : flush (&c, err);
}
