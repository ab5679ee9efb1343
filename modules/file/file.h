/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* file.h - what the parts of this module share.  One `struct file` is one open file or device. */
#ifndef FILE_H
#define FILE_H

#include <stdatomic.h>
#include <sys/types.h>

#include <blkimg/module.h>

/* What the file system or device turned out not to do; bits of `missing`, asked for once only. */
enum {
  FILE_NO_SEEK = 1,   /* SEEK_DATA, SEEK_HOLE */
  FILE_NO_PUNCH = 2,  /* fallocate: punch hole */
  FILE_NO_ZERO = 4,   /* fallocate: zero range */
  FILE_NO_TAKE = 8,   /* fallocate: allocate */
  FILE_NO_DISCARD = 16, /* BLKDISCARD */
  FILE_NO_BLKZERO = 32, /* BLKZEROOUT */
  FILE_NO_FIEMAP = 64,  /* FS_IOC_FIEMAP that is good for our purpose */
  FILE_FIEMAP = 128     /* no lack: it is */
};

/* The lock bytes of QEMU's permission scheme, as a mask (lock.c). */
enum {
  FILE_PERM_READ = 1,   /* consistent read */
  FILE_PERM_WRITE = 2,
  FILE_PERM_RESIZE = 8
};
struct file_locks {
  unsigned perm, unshared; /* FILE_PERM_* held: bytes 100 + n, bytes 200 + n */
};

enum file_aio { FILE_AIO_THREADS, FILE_AIO_NATIVE, FILE_AIO_URING };

enum file_locking { FILE_LOCKING_AUTO, FILE_LOCKING_ON, FILE_LOCKING_OFF };

struct file {
  int fd;
  unsigned flags; /* IMG_OPEN_* */
  bool device;    /* a block device, not a regular file */
  enum file_locking locking;
  struct file_locks locks;
  _Atomic unsigned missing;  /* FILE_NO_* */
  _Atomic int lost;          /* errno of a failed flush: what was written before may be gone */
  _Atomic bool padded;       /* O_DIRECT wrote whole blocks past the end; close cuts them off */
  enum file_aio aio;
  unsigned aio_batch;        /* requests that go to the kernel at once; 0: no limit */
};

static inline bool
file_lacks (const struct file *f, unsigned what)
{
  return (atomic_load_explicit (&f->missing, memory_order_relaxed) & what) != 0;
}

static inline void
file_set_lacks (struct file *f, unsigned what)
{
  atomic_fetch_or_explicit (&f->missing, what, memory_order_relaxed);
}

/* file.c: NAME without the prefix "SCHEME:". */
const char *file_path (const char *name, const char *scheme);
/* The length of what FD is open on. */
int file_length (int fd, uint64_t *bytes, struct img_error *err);

/* io.c */
int file_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                struct img_error *err);
int file_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err);
int file_flush (struct img_node *node, struct img_error *err);

/* direct.c */
int file_direct_limits (struct img_node *node, uint64_t length, struct img_error *err);

/* extents.c */
int file_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
              unsigned n, struct img_error *err);

/* fiemap.c: the first up to N extents, as file_map has them.  0: it cannot tell. */
unsigned file_fiemap (struct file *f, uint64_t offset, uint64_t length, struct img_extent *ext,
                      unsigned n);

/* space.c */
int file_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
               struct img_error *err);
int file_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
int file_allocate (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);

/* resize.c */
int file_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
                 struct img_error *err);
/* Makes the regular file FD, now OLD bytes long, SIZE bytes long; as before on failure. */
int file_set_length (int fd, uint64_t old, uint64_t size, enum img_prealloc prealloc,
                     struct img_error *err);

/* share.c */
int file_copy_from (struct img_node *node, uint64_t offset, struct img_node *src,
                    uint64_t src_offset, uint64_t length, unsigned flags, struct img_error *err);

/* lock.c */
int file_lock (struct img_node *node, unsigned flags, struct img_error *err);
/* Holds WANT instead of *HELD on FD, or fails and holds *HELD as before.  NAME is for the hint. */
int file_lock_change (int fd, struct file_locks *held, struct file_locks want, const char *name,
                      struct img_error *err);

/* aio.c */
extern const struct img_aio_ops file_aio_ops;
extern const char *const file_aio_words[];
/* Whether AIO goes with how F is open. */
int file_aio_check (const struct file *f, enum file_aio aio, struct img_error *err);

/* create.c */
extern const struct img_optdesc file_create_opts[];
int file_create (struct img_create *c, struct img_error *err);
int file_device_create (struct img_create *c, struct img_error *err);

#endif
