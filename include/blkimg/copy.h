/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/copy.h - moving and comparing the contents of images, in parallel.
 *
 * Each function starts threads of its own and returns when they are gone; meanwhile the images are
 * its alone to write.  -1 and *err on failure, ECANCELED after img_progress_cancel.  Option structs
 * grow at their end (see blkimg.h); zero is the default of every option. */
#ifndef BLKIMG_COPY_H
#define BLKIMG_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blkimg/error.h>
#include <blkimg/node.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Shared between the thread that works and one that watches (or a signal thread that cancels). */
struct img_progress;
struct img_progress *img_progress_new (void);          /* NULL when out of memory */
void img_progress_free (struct img_progress *p);       /* NULL allowed */
uint64_t img_progress_done (const struct img_progress *p);  /* bytes; any thread */
uint64_t img_progress_total (const struct img_progress *p); /* bytes; any thread */
/* By work that counts in units of its own; P may be NULL.  False: it was cancelled. */
bool img_progress_tell (void *p, uint64_t done, uint64_t total);
void img_progress_cancel (struct img_progress *p);          /* any thread; async-signal-safe */

enum img_reflink { IMG_REFLINK_AUTO, IMG_REFLINK_NEVER, IMG_REFLINK_ALWAYS };

/* What img_copy did, in guest bytes of the target. */
struct img_copy_stats {
  uint64_t data;       /* written */
  uint64_t zero;       /* made to read as zero, or left so */
  uint64_t compressed; /* written as streams, */
  uint64_t streams;    /* which take that many bytes */
  uint64_t shared;     /* moved by the kernel: reflink, copy_file_range */
};

struct img_copy_opts {
  size_t struct_size;
  unsigned workers;          /* 0: what the machine has */
  uint64_t sparse;           /* smallest zero run left unwritten; 0: write all */
  bool compress;             /* -c */
  bool target_is_zero;       /* the target is known to read as zero */
  bool out_of_order;         /* -W: host space need not follow guest order */
  bool copy_range;           /* -C: copy_file_range; excludes zero detection */
  bool salvage;              /* read errors become zeroes */
  enum img_reflink reflink;  /* share blocks with the source where the file system can */
  uint64_t rate;             /* bytes a second; 0: no limit */
  struct img_progress *progress; /* or NULL */
  /* Ranges that were salvaged, if not NULL; called from worker threads, one at a time. */
  void (*salvaged) (void *arg, uint64_t offset, uint64_t length, const struct img_error *why);
  void *salvaged_arg;
  /* -B: what a source's own layer leaves to its backing image is left to the target's. */
  bool overlay;
  struct img_copy_stats *stats; /* added to when the copy succeeds, or NULL */
  /* Only LENGTH bytes (0: up to the source's end) from SRC_OFFSET of the source, of which there is
   * one, on; they go to DST_OFFSET and the rest of the target stays as it is. */
  uint64_t src_offset, length, dst_offset;
  bool leave_zeroes;         /* where the source is zero the target stays as it is */
  bool grow;                 /* img_copy_from_stream: an old target becomes longer if need be */
};

/* Copies the sources, one after the other, to the start of DST, which is at least as long.  Does
 * not flush. */
int img_copy (struct img_node *dst, struct img_node *const *src, unsigned n_src,
              const struct img_copy_opts *opts, struct img_error *err);

struct img_create_params; /* blkimg.h */
/* Writes the sources, one after the other, to FD, from front to back, as a new image as CREATE
 * says: raw, or a format whose driver can lay it out beforehand (img_driver.layout).  NAME is for
 * messages.  Nothing but the image is written. */
int img_copy_to_stream (int fd, const char *name, const struct img_create_params *create,
                        struct img_node *const *src, unsigned n_src,
                        const struct img_copy_opts *opts, struct img_error *err);

struct img_commit_opts {
  size_t struct_size;
  const char *base; /* an image below NODE, by name; NULL: the one that it names itself */
  bool drop;        /* NODE is not emptied afterwards; so with BASE */
  unsigned workers; /* 0: what the machine has */
  uint64_t rate;    /* bytes a second; 0: no limit */
  struct img_progress *progress;
};
struct img_commit {
  const char *base; /* the image written to; lives as long as NODE */
  bool emptied;     /* NODE is; not where its format cannot be */
  struct img_copy_stats copied;
};
/* Writes what NODE, open for writing, and the images between it and the base define into the base,
 * which grows where it is shorter.  At any moment NODE shows what it showed.  On return all is on
 * stable storage. */
int img_commit (struct img_node *node, const struct img_commit_opts *opts,
                struct img_commit *result, struct img_error *err);

struct img_open_params; /* blkimg.h */
struct img_rebase_opts {
  size_t struct_size;
  bool unsafe;      /* only record the name */
  bool compress;    /* what is written */
  unsigned workers; /* 0: what the machine has */
  struct img_progress *progress;
  const struct img_open_params *backing; /* how the new backing image is opened */
  struct img_copy_stats *stats; /* added to, or NULL */
};
/* Records NAME (NULL or "": none) as NODE's backing file, after writing into NODE, which is open
 * for writing, what it would not show any more.  At any moment it shows what it showed.  On return
 * all is on stable storage. */
int img_rebase (struct img_node *node, const char *name, const char *format,
                const struct img_rebase_opts *opts, struct img_error *err);

/* Copies what FD gives, until its end or `length` bytes of it, into DST from `dst_offset` on, which
 * grows as it comes if it is a target that was just made, or with `grow`.  `src_offset` bytes are
 * read and forgotten first; 1: there were fewer.  *BYTES: how many were copied.  NAME is for
 * messages. */
int img_copy_from_stream (struct img_node *dst, int fd, const char *name,
                          const struct img_copy_opts *opts, uint64_t *bytes,
                          struct img_error *err);
/* The same to a descriptor, byte for byte; `dst_offset` is 0. */
int img_copy_stream (int fd, const char *name, int from, const char *from_name,
                     const struct img_copy_opts *opts, uint64_t *bytes, struct img_error *err);

enum img_compare_result {
  IMG_COMPARE_SAME,
  IMG_COMPARE_CONTENT, /* bytes differ */
  IMG_COMPARE_STATUS,  /* strict: allocated here, not there */
  IMG_COMPARE_SIZE     /* strict */
};
struct img_compare_opts {
  size_t struct_size;
  unsigned workers;  /* 0: what the machine has */
  bool strict;       /* sizes and allocation must be the same, too */
  struct img_progress *progress;
  /* If not NULL, the comparison does not end at the first difference: all are told, in order and
   * merged, in sectors of 512 bytes, as CONTENT or, where only that differs, as STATUS.  Called
   * from worker threads, one at a time. */
  void (*differs) (void *arg, uint64_t offset, uint64_t length, enum img_compare_result kind);
  void *differs_arg;
};
struct img_compare {
  enum img_compare_result result;
  uint64_t offset;     /* of the first sector of 512 bytes that differs, or the first extent */
  bool size_differs;   /* not strict: the longer one's rest is zero or not part of `result` */
  /* what failed when img_compare returned -1: 0 = the first image, 1 = the second */
  int failed_image;
  bool failed_status;  /* the allocation status, not the data, could not be had */
};
/* Compares what two images read as.  0: *RESULT says what was found, a difference, too. */
int img_compare (struct img_node *a, struct img_node *b, const struct img_compare_opts *opts,
                 struct img_compare *result, struct img_error *err);

#ifdef __cplusplus
}
#endif
#endif
