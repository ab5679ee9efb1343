/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rules: which event arms which error, and which request then fails.
 *
 * An event arms the inject-error rules that name it; those that an earlier event armed are
 * forgotten then.  An armed rule fails each request that fits, or (once) the first.  set-state
 * rules change the state, which rules may ask for. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>

#include "blkdebug.h"

static const char *const events[] = {
  "l1_update", "l1_grow_alloc_table", "l1_grow_write_table", "l1_grow_activate_table", "l2_load",
  "l2_update", "l2_update_compressed", "l2_alloc_cow_read", "l2_alloc_write", "read_aio",
  "read_backing_aio", "read_compressed", "write_aio", "write_compressed", "vmstate_load",
  "vmstate_save", "cow_read", "cow_write", "reftable_load", "reftable_grow", "reftable_update",
  "refblock_load", "refblock_update", "refblock_update_part", "refblock_alloc",
  "refblock_alloc_hookup", "refblock_alloc_write", "refblock_alloc_write_blocks",
  "refblock_alloc_write_table", "refblock_alloc_switch_table", "cluster_alloc",
  "cluster_alloc_bytes", "cluster_free", "flush_to_os", "flush_to_disk", "pwritev_rmw_head",
  "pwritev_rmw_after_head", "pwritev_rmw_tail", "pwritev_rmw_after_tail", "pwritev",
  "pwritev_zero", "pwritev_done", "empty_image_prepare", "l1_shrink_write_table",
  "l1_shrink_free_l2_clusters", "cor_write", "cluster_alloc_space", "none", NULL
};

static const char *const io_words[] = {
  "read", "write", "write-zeroes", "discard", "flush", "block-status", NULL
};

static int
word_index (const char *const *words, const char *word)
{
  for (int i = 0; words[i]; i++)
    if (strcmp (words[i], word) == 0)
      return i;
  return -1;
}

void
blkdebug_rules_init (struct blkdebug_rules *r)
{
  pthread_mutex_init (&r->lock, NULL);
  r->state = 1;
}

void
blkdebug_rules_release (struct blkdebug_rules *r)
{
  for (size_t i = 0; i < r->rules.n; i++)
    free (r->rules.v[i].section);
  img_vec_free (&r->rules);
  pthread_mutex_destroy (&r->lock);
}

/* ---- reading ---- */

/* The rule of SECTION, a new one if need be; NULL: out of memory. */
static struct blkdebug_rule *
rule_of (struct blkdebug_rules *r, const char *section, bool set_state)
{
  struct blkdebug_rule rule = { .set_state = set_state, .event = -1, .code = EIO,
                                .sector = UINT64_MAX };

  for (size_t i = 0; i < r->rules.n; i++)
    if (strcmp (r->rules.v[i].section, section) == 0)
      return &r->rules.v[i];
  rule.io = BLKDEBUG_READ | BLKDEBUG_WRITE | BLKDEBUG_ZERO | BLKDEBUG_DISCARD | BLKDEBUG_FLUSH;
  rule.section = strdup (section);
  if (rule.section && img_vec_push (&r->rules, rule) == 0)
    return &r->rules.v[r->rules.n - 1];
  free (rule.section);
  return NULL;
}

static int
set_number (uint64_t *to, const char *key, const char *value, struct img_error *err)
{
  char *end;

  errno = 0;
  *to = strtoull (value, &end, 0);
  if (end == value || *end != '\0' || errno != 0)
    return img_error_set (err, EINVAL, _("'%s' is not a number, as %s should be"), value, key);
  return 0;
}

static int
set_bool (bool *to, const char *key, const char *value, struct img_error *err)
{
  *to = strcmp (value, "on") == 0 || strcmp (value, "true") == 0 || strcmp (value, "yes") == 0;
  if (!*to && strcmp (value, "off") != 0 && strcmp (value, "false") != 0
      && strcmp (value, "no") != 0)
    return img_error_set (err, EINVAL, _("%s is 'on' or 'off', not '%s'"), key, value);
  return 0;
}

static int
set_event (struct blkdebug_rule *rule, const char *value, struct img_error *err)
{
  IMG_CLEANUP (free) char *plain = strdup (value);

  if (plain == NULL)
    return img_error_errno (err, ENOMEM, _("blkdebug rules"));
  for (char *p = plain; *p; p++) /* l2_alloc.write in files that people have */
    if (*p == '.')
      *p = '_';
  rule->event = word_index (events, plain);
  if (rule->event < 0)
    return img_error_set (err, EINVAL, _("there is no event '%s'"), value);
  return 0;
}

static int
set_io (struct blkdebug_rule *rule, const char *value, struct img_error *err)
{
  int i = word_index (io_words, value);

  if (i < 0)
    return img_error_set (err, EINVAL, _("'%s' is not a kind of I/O"), value);
  rule->io = 1u << i;
  return 0;
}

/* KEY=VALUE of a section; NUMBER holds what is a number. */
static int
set_key (struct blkdebug_rule *rule, const char *key, const char *value, struct img_error *err)
{
  uint64_t number = 0;
  bool ignored;

  if (strcmp (key, "event") == 0)
    return set_event (rule, value, err);
  if (strcmp (key, "state") == 0)
    return set_number (&rule->state, key, value, err);
  if (rule->set_state && strcmp (key, "new_state") == 0)
    return set_number (&rule->new_state, key, value, err);
  if (!rule->set_state && strcmp (key, "iotype") == 0)
    return set_io (rule, value, err);
  if (!rule->set_state && strcmp (key, "errno") == 0) {
    if (set_number (&number, key, value, err) < 0)
      return -1;
    if (number == 0 || number > 4095)
      return img_error_set (err, EINVAL, _("errno %s is not an error"), value);
    rule->code = (int) number;
    return 0;
  }
  if (!rule->set_state && strcmp (key, "sector") == 0)
    return strcmp (value, "-1") == 0 ? 0 : set_number (&rule->sector, key, value, err);
  if (!rule->set_state && strcmp (key, "once") == 0)
    return set_bool (&rule->once, key, value, err);
  if (!rule->set_state && strcmp (key, "immediately") == 0) /* all I/O is synchronous here */
    return set_bool (&ignored, key, value, err);
  return img_error_set (err, EINVAL, _("%s has no '%s'"), rule->section, key);
}

int
blkdebug_rules_add (struct blkdebug_rules *r, const struct img_opts *opts, struct img_error *err)
{
  const char *key, *value;

  for (size_t i = 0; i < img_opts_count (opts); i++) {
    img_opts_pair (opts, i, &key, &value);
    bool set_state = strncmp (key, "set-state.", 10) == 0;
    const char *last = strrchr (key, '.');
    if (!set_state && strncmp (key, "inject-error.", 13) != 0)
      continue;
    IMG_CLEANUP (free) char *section = strndup (key, (size_t) (last - key));
    struct blkdebug_rule *rule = section ? rule_of (r, section, set_state) : NULL;
    if (rule == NULL)
      return img_error_errno (err, ENOMEM, _("blkdebug rules"));
    if (set_key (rule, last + 1, value, err) < 0)
      return -1;
  }
  for (size_t i = 0; i < r->rules.n; i++)
    if (r->rules.v[i].event < 0)
      return img_error_set (err, EINVAL, _("%s names no event"), r->rules.v[i].section);
  blkdebug_rules_event (r, "none");
  return 0;
}

/* ---- what happens ---- */

/* Under the lock. */
static void
arm (struct blkdebug_rules *r, int event)
{
  uint64_t state = r->state;
  bool first = true;

  for (size_t i = 0; i < r->rules.n; i++) {
    struct blkdebug_rule *rule = &r->rules.v[i];
    if (rule->event != event || (rule->state != 0 && rule->state != state))
      continue;
    if (rule->set_state) {
      r->state = rule->new_state;
      continue;
    }
    for (size_t k = 0; first && k < r->rules.n; k++)
      r->rules.v[k].armed = false;
    first = false;
    rule->armed = true;
  }
}

void
blkdebug_rules_event (struct blkdebug_rules *r, const char *event)
{
  int i = word_index (events, event);
  IMG_GUARD (&r->lock);

  if (i >= 0)
    arm (r, i);
}

static bool
fits (const struct blkdebug_rule *rule, enum blkdebug_io io, uint64_t offset, uint64_t length)
{
  return rule->armed && (rule->io & io)
         && (rule->sector == UINT64_MAX
             || (rule->sector >= offset / 512 && rule->sector < (offset + length + 511) / 512));
}

int
blkdebug_rules_io (struct blkdebug_rules *r, enum blkdebug_io io, uint64_t offset,
                   uint64_t length, struct img_error *err)
{
  IMG_GUARD (&r->lock);

  for (size_t i = 0; i < r->rules.n; i++) {
    struct blkdebug_rule *rule = &r->rules.v[i];
    if (!fits (rule, io, offset, length))
      continue;
    if (rule->once)
      rule->armed = false;
    return img_error_errno (err, rule->code, _("blkdebug at offset 0x%" PRIx64), offset);
  }
  return 0;
}
