/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lock.c - advisory locks that QEMU's programs and running virtual machines honour.
 *
 * The scheme is that of QEMU's block permissions: whoever uses a file in a certain way holds a
 * shared lock on byte 100 + n, and whoever cannot bear that others do holds one on byte 200 + n; n
 * is 0 for consistent reads, 1 for writes, 2 for writes that change nothing, 3 for resizing.  So
 * two shared locks never conflict by themselves: each side takes its own bytes first and then asks
 * whether anybody holds those that exclude it.  Open-file-description locks (fcntl(2)): they
 * belong to the descriptor, not to the process, and end with it.
 *
 * Which bytes are held when was seen with F_OFD_GETLK while qemu-io, qemu-nbd and qemu-img 7.2 had
 * images open (tests/interop/locks.sh holds us to it):
 *   raw, reading 100; raw, writing 100 101; resizing 103 as well
 *   formats with metadata, reading 100 201 203; writing 100 101 103 201 203
 *   the source of a copy 100 201 203; only looking at facts: as reading, without 100
 *   -U: nothing of 200 and above */
#include <config.h>

#include <errno.h>
#include <fcntl.h>

#include "file.h"

#define FILE_LOCK_PERM 100
#define FILE_LOCK_UNSHARED 200
#define FILE_LOCK_BITS 4

static const char *const file_perm_names[FILE_LOCK_BITS] = { "consistent read", "write",
                                                             "write unchanged", "resize" };

static int
file_lock_byte (int fd, short type, off_t byte)
{
  struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
  return fcntl (fd, F_OFD_SETLK, &fl);
}

/* Does anybody else hold a lock there?  -1: error. */
static int
file_byte_held (int fd, off_t byte, struct img_error *err)
{
  struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
  if (fcntl (fd, F_OFD_GETLK, &fl) < 0)
    return img_error_errno (err, errno, _("Failed to lock byte %d"), (int) byte);
  return fl.l_type != F_UNLCK;
}

static void
file_unlock_bytes (int fd, unsigned mask, off_t base)
{
  for (int i = 0; i < FILE_LOCK_BITS; i++)
    if (mask & 1u << i)
      file_lock_byte (fd, F_UNLCK, base + i);
}

/* Takes the bytes of MASK; on failure those that it took before stay, which the caller gives up. */
static int
file_lock_bytes (int fd, unsigned mask, off_t base, struct img_error *err)
{
  for (int i = 0; i < FILE_LOCK_BITS; i++)
    if ((mask & 1u << i) && file_lock_byte (fd, F_RDLCK, base + i) < 0) {
      if (errno == EAGAIN || errno == EACCES)
        return img_error_set (err, EAGAIN, _("Failed to lock byte %d"), (int) base + i);
      return img_error_errno (err, errno, _("Failed to lock byte %d"), (int) base + i);
    }
  return 0;
}

static int
file_lock_conflict (int fd, struct file_locks want, struct img_error *err)
{
  for (int i = 0, held; i < FILE_LOCK_BITS; i++) {
    if (!(want.perm & 1u << i))
      continue;
    if ((held = file_byte_held (fd, FILE_LOCK_UNSHARED + i, err)) != 0)
      return held < 0 ? -1 : img_error_set (err, EAGAIN, _("Failed to get \"%s\" lock"),
                                            file_perm_names[i]);
  }
  for (int i = 0, held; i < FILE_LOCK_BITS; i++) {
    if (!(want.unshared & 1u << i))
      continue;
    if ((held = file_byte_held (fd, FILE_LOCK_PERM + i, err)) != 0)
      return held < 0 ? -1 : img_error_set (err, EAGAIN, _("Failed to get shared \"%s\" lock"),
                                            file_perm_names[i]);
  }
  return 0;
}

int
file_lock_change (int fd, struct file_locks *held, struct file_locks want, const char *name,
                  struct img_error *err)
{
  struct file_locks more = { want.perm & ~held->perm, want.unshared & ~held->unshared };

  if (file_lock_bytes (fd, more.perm, FILE_LOCK_PERM, err) < 0
      || file_lock_bytes (fd, more.unshared, FILE_LOCK_UNSHARED, err) < 0
      || file_lock_conflict (fd, more, err) < 0) {
    file_unlock_bytes (fd, more.perm, FILE_LOCK_PERM);
    file_unlock_bytes (fd, more.unshared, FILE_LOCK_UNSHARED);
    return err->code == EAGAIN
             ? img_error_hint (err, _("Is another process using the image [%s]?"), name)
             : -1;
  }
  file_unlock_bytes (fd, held->perm & ~want.perm, FILE_LOCK_PERM);
  file_unlock_bytes (fd, held->unshared & ~want.unshared, FILE_LOCK_UNSHARED);
  *held = want;
  return 0;
}

int
file_lock (struct img_node *node, unsigned flags, struct img_error *err)
{
  struct file *f = img_node_priv (node);
  struct file_locks want = { 0, 0 };

  if (f->locking == FILE_LOCKING_OFF)
    return 0;
  if (!(flags & IMG_OPEN_NO_IO))
    want.perm |= FILE_PERM_READ;
  if (flags & IMG_OPEN_RDWR)
    want.perm |= FILE_PERM_WRITE;
  if ((flags & IMG_OPEN_STABLE) && (flags & IMG_OPEN_RDWR))
    want.perm |= FILE_PERM_RESIZE;
  if ((flags & IMG_OPEN_STABLE) && !(flags & IMG_OPEN_SHARE))
    want.unshared |= FILE_PERM_WRITE | FILE_PERM_RESIZE;
  if (file_lock_change (f->fd, &f->locks, want, img_filename (node), err) == 0)
    return 0;
  if (f->locking == FILE_LOCKING_ON || err->code == EAGAIN || err->code == ENOLCK)
    return -1;
  IMG_TRACE ("file_unlocked", node, "%s", err->message);
  img_error_clear (err);
  f->locking = FILE_LOCKING_OFF;
  return 0;
}
