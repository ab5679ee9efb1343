/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* table.c - the block map: pieces of it in memory, read when asked for, at most 16 MiB of them.
 *
 * Owns the order in which changes reach the file.  Data is there before the map says so, and the
 * header counts a block as used before the map names it: who trusts the header to know the first
 * free block would hand it out twice.  A crash between leaves blocks that nothing names. */
#include <errno.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "vdi.h"

#define MAX_LOADED 256u
#define PAGE_BYTES (VDI_PAGE_ENTRIES * 4u)

int
vdi_table_init (struct vdi *v, struct img_error *err)
{
  v->n_pages = (uint32_t) img_div_up (v->h.blocks, VDI_PAGE_ENTRIES);
  v->n_loaded = v->hand = 0;
  v->pages = calloc (v->n_pages + 1u, sizeof *v->pages);
  v->ring = calloc (MAX_LOADED, sizeof *v->ring);
  if (v->pages == NULL || v->ring == NULL) {
    vdi_table_free (v);
    return img_error_errno (err, ENOMEM, _("block map"));
  }
  return 0;
}

void
vdi_table_free (struct vdi *v)
{
  for (uint32_t i = 0; v->ring && i < v->n_loaded; i++)
    free (v->ring[i]);
  free (v->ring);
  free (v->pages);
  v->ring = v->pages = NULL;
  v->n_loaded = 0;
}

static uint32_t
page_entries (const struct vdi *v, uint32_t number)
{
  return (uint32_t) img_min (VDI_PAGE_ENTRIES,
                             v->h.blocks - (uint64_t) number * VDI_PAGE_ENTRIES);
}

static uint64_t
page_offset (const struct vdi *v, uint32_t number)
{
  return v->h.offset_map + (uint64_t) number * PAGE_BYTES;
}

static int
read_page (struct img_node *node, struct vdi_page *page, uint32_t number, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  uint32_t n = page_entries (v, number);

  if (img_pread (img_child (node, 0), page->entries, n * 4u, page_offset (v, number), 0, err) < 0)
    return img_error_prefix (err, _("block map"));
  for (uint32_t i = 0; i < n; i++)
    page->entries[i] = le32_get (&page->entries[i]);
  page->number = number;
  page->dirty_from = page->dirty_to = 0;
  return 0;
}

/* An empty page, or the one that has been in memory the longest. */
static struct vdi_page *
take_page (struct img_node *node, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  struct vdi_page *page;

  if (v->n_loaded < MAX_LOADED) {
    page = malloc (sizeof *page);
    if (page == NULL)
      img_error_errno (err, ENOMEM, _("block map"));
    else
      v->ring[v->n_loaded++] = page;
    return page;
  }
  page = v->ring[v->hand];
  if (page->dirty_from < page->dirty_to && vdi_flush (node, err) < 0)
    return NULL;
  v->hand = (v->hand + 1) % MAX_LOADED;
  if (page->number < v->n_pages)
    v->pages[page->number] = NULL;
  return page;
}

static int
get_page (struct img_node *node, uint32_t number, struct vdi_page **result, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);

  if (v->pages[number] == NULL) {
    struct vdi_page *page = take_page (node, err);
    if (page == NULL)
      return -1;
    page->number = UINT32_MAX; /* until it is one */
    page->dirty_from = page->dirty_to = 0;
    if (read_page (node, page, number, err) < 0)
      return -1;
    v->pages[number] = page;
  }
  *result = v->pages[number];
  return 0;
}

int
vdi_entry_get (struct img_node *node, uint32_t index, uint32_t *entry, struct img_error *err)
{
  struct vdi_page *page;

  if (get_page (node, index / VDI_PAGE_ENTRIES, &page, err) < 0)
    return -1;
  *entry = page->entries[index % VDI_PAGE_ENTRIES];
  return 0;
}

int
vdi_entry_set (struct img_node *node, uint32_t index, uint32_t entry, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  struct vdi_page *page;
  uint32_t i = index % VDI_PAGE_ENTRIES;

  if (get_page (node, index / VDI_PAGE_ENTRIES, &page, err) < 0)
    return -1;
  page->entries[i] = entry;
  if (page->dirty_from == page->dirty_to)
    page->dirty_from = page->dirty_to = i;
  page->dirty_from = (uint32_t) img_min (page->dirty_from, i);
  page->dirty_to = (uint32_t) img_max (page->dirty_to, i + 1);
  v->dirty = true;
  return 0;
}

static int
write_page (struct img_node *node, struct vdi_page *page, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  uint32_t n = page->dirty_to - page->dirty_from;
  IMG_CLEANUP (free) uint8_t *bytes = malloc (n * 4u);

  if (bytes == NULL)
    return img_error_errno (err, ENOMEM, _("block map"));
  for (uint32_t i = 0; i < n; i++)
    le32_put (bytes + i * 4u, page->entries[page->dirty_from + i]);
  if (img_pwrite (img_child (node, 0), bytes, n * 4u,
                  page_offset (v, page->number) + page->dirty_from * 4u, 0, err) < 0)
    return img_error_prefix (err, _("block map"));
  page->dirty_from = page->dirty_to = 0;
  return 0;
}

/* Everything before this is on disk before anything after it; a new file needs no order. */
static int
barrier (struct img_node *node, struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);

  return v->flags & IMG_OPEN_NEW ? 0 : img_flush (img_child (node, 0), err);
}

/* Has the header count all blocks that are in use; it will be asked again when that failed. */
static int
write_count (struct img_node *node, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  uint32_t before = v->h.allocated;

  v->h.allocated = v->next;
  if (vdi_header_write (&v->h, img_child (node, 0), err) == 0 && barrier (node, err) == 0)
    return 0;
  v->h.allocated = before;
  return -1;
}

int
vdi_flush (struct img_node *node, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);

  if (!v->dirty)
    return 0;
  /* The data, then the count, which must not pass the end of the file, then the map. */
  if (barrier (node, err) < 0)
    return -1;
  if (v->h.allocated != v->next && write_count (node, err) < 0)
    return -1;
  for (uint32_t i = 0; i < v->n_loaded; i++)
    if (v->ring[i]->dirty_from < v->ring[i]->dirty_to && write_page (node, v->ring[i], err) < 0)
      return -1;
  v->dirty = false;
  return 0;
}
