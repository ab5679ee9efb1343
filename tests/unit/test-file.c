/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/image.h"
#include "tests/unit/seed.h"
#include "suite.h"

#define KIB UINT64_C (1024)
#define MIB (KIB * 1024)
#define WHOLE(node) 0, img_size (node)

static struct img_node *
file (const char *name, unsigned flags)
{
  return image_open (name, "file", flags);
}

static void
fill (struct img_node *node, uint64_t offset, uint64_t length)
{
  char *buf = malloc (length);
  memset (buf, 'x', length);
  ok (img_pwrite (node, buf, length, offset, 0, &err));
  free (buf);
}

/* All of NODE is extents of these kinds, each of UNIT bytes: 'd', 'z', '?' for any. */
static void
looks_like (struct img_node *node, uint64_t unit, const char *kinds)
{
  for (uint64_t i = 0; kinds[i]; i++) {
    struct img_extent ext;
    if (kinds[i] == '?')
      continue;
    ok (img_map (node, i * unit, unit, &ext, 1, &err));
    ck_assert_uint_eq (ext.offset, i * unit);
    ck_assert_msg (ext.length == unit, "unit %d: half of it is another kind", (int) i);
    ck_assert_msg ((ext.kind == IMG_EXTENT_DATA) == (kinds[i] == 'd'), "unit %d", (int) i);
  }
}

START_TEST (holes_are_zeroes)
{
  struct img_extent ext[8];
  image_file ("x", 10 * MIB);
  struct img_node *node = file ("x", IMG_OPENF_RDWR);
  fill (node, MIB, MIB);
  fill (node, 4 * MIB, 2 * MIB);
  ck_assert_int_eq (img_map (node, WHOLE (node), ext, 8, &err), 5);
  ck_assert_uint_eq (ext[0].kind, IMG_EXTENT_ZERO);
  ck_assert_uint_eq (ext[1].kind, IMG_EXTENT_DATA);
  ck_assert_uint_eq (ext[1].host_offset, MIB);
  ck_assert_uint_eq (ext[1].child, IMG_CHILD_SELF);
  ck_assert_uint_eq (ext[2].offset, 2 * MIB);
  ck_assert_uint_eq (ext[2].length, 2 * MIB);
  ck_assert_uint_eq (ext[4].offset + ext[4].length, 10 * MIB);
  /* A window that is cut off at both ends, and too few places for the answer. */
  ck_assert_int_eq (img_map (node, MIB + 5, 4 * MIB, ext, 2, &err), 2);
  ck_assert_uint_eq (ext[0].offset, MIB + 5);
  ck_assert_uint_eq (ext[0].length, MIB - 5);
  ck_assert_uint_eq (ext[1].kind, IMG_EXTENT_ZERO);
  image_close (node);
}
END_TEST

/* Many extents asked for at once are those that are found one by one: what was written, synced or
 * not, what was allocated or punched. */
START_TEST (many_extents_at_once)
{
  uint64_t seed = test_seed ();
  image_file ("x", 8 * MIB);
  int fd = open ("x", O_RDWR);
  ck_assert_int_ge (fd, 0);
  for (int i = 0; i < 200; i++) {
    off_t at = (off_t) rnd_below (&seed, 2000) * 4096;
    off_t n = (off_t) (1 + rnd_below (&seed, 5)) * 4096;
    int how = (int) rnd_below (&seed, 6);
    if (how == 0)
      fallocate (fd, FALLOC_FL_KEEP_SIZE, at, n);
    else if (how == 1)
      fallocate (fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, at, n);
    else if (how == 2)
      fallocate (fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE, at, n);
    else
      ck_assert_int_eq (pwrite (fd, "data", 4, at), 4);
    if (i == 100)
      fsync (fd);
  }
  close (fd);
  struct img_node *node = file ("x", 0);
  struct img_extent many[64], one;
  for (uint64_t at = 0; at < img_size (node);) {
    int n = img_map (node, at, img_size (node) - at, many, 64, &err);
    ck_assert_int_gt (n, 0);
    for (int i = 0; i < n; i++) {
      ok (img_map (node, many[i].offset, img_size (node) - many[i].offset, &one, 1, &err));
      ck_assert_uint_eq (one.kind, many[i].kind);
      ck_assert_uint_eq (one.flags, many[i].flags);
      ck_assert_uint_eq (one.host_offset, many[i].host_offset);
      if (i < n - 1)
        ck_assert_uint_eq (one.length, many[i].length);
    }
    at = many[n - 1].offset + many[n - 1].length;
  }
  image_close (node);
}
END_TEST

START_TEST (a_file_that_shrinks_meanwhile)
{
  char c;
  struct img_extent ext[8];
  image_file ("x", 4 * MIB);
  struct img_node *node = file ("x", IMG_OPENF_RDWR);
  fill (node, 0, 4 * MIB);
  ck_assert_int_eq (truncate ("x", MIB), 0);
  ck_assert_int_eq (img_map (node, WHOLE (node), ext, 8, &err), 2);
  ck_assert_uint_eq (ext[0].length, MIB);
  ck_assert_uint_eq (ext[1].kind, IMG_EXTENT_ZERO);
  ck_assert_int_eq (img_pread (node, &c, 1, 2 * MIB, 0, &err), -1);
  ck_assert_msg (strstr (err.message, "0x200000") != NULL, "%s", err.message);
  image_close (node);
}
END_TEST

START_TEST (zeroes_and_discards)
{
  image_file ("x", 4 * MIB);
  struct img_node *node = file ("x", IMG_OPENF_RDWR | IMG_OPENF_UNMAP);
  char c = 1;
  fill (node, 0, 4 * MIB);
  ok (img_zero (node, MIB, MIB, 0, &err)); /* zeroes that stay allocated */
  ck_assert_uint_ge ((uint64_t) image_stat ("x").st_blocks * 512, 4 * MIB);
  ok (img_zero (node, 2 * MIB, MIB, IMG_IO_UNMAP, &err));
  ck_assert_uint_lt ((uint64_t) image_stat ("x").st_blocks * 512, 3 * MIB + 64 * KIB);
  looks_like (node, MIB, "d?zd");
  ok (img_discard (node, 3 * MIB, MIB, 0, &err));
  looks_like (node, MIB, "d?zz");
  ok (img_zero (node, 1, 100, 0, &err));
  ok (img_pread (node, &c, 1, 100, 0, &err));
  ck_assert_int_eq (c, 0);
  ok (img_pread (node, &c, 1, 101, 0, &err));
  ck_assert_int_eq (c, 'x');
  ck_assert_uint_eq ((uint64_t) image_stat ("x").st_size, 4 * MIB);
  image_close (node);
}
END_TEST

START_TEST (space)
{
  image_file ("x", MIB);
  struct img_node *node = file ("x", IMG_OPENF_RDWR);
  ok (img_resize (node, 2 * MIB, IMG_PREALLOC_OFF, 0, &err));
  ck_assert_int_eq (image_stat ("x").st_blocks, 0);
  ok (img_allocate (node, 0, MIB, &err));
  ck_assert_uint_ge ((uint64_t) image_stat ("x").st_blocks * 512, MIB);
  ok (img_resize (node, 3 * MIB, IMG_PREALLOC_FALLOC, 0, &err));
  ck_assert_uint_ge ((uint64_t) image_stat ("x").st_blocks * 512, 2 * MIB);
  looks_like (node, MIB, "zzz");
  ok (img_resize (node, 4 * MIB + 512, IMG_PREALLOC_FULL, 0, &err));
  looks_like (node, MIB, "zzzd");
  ck_assert_uint_eq (img_size (node), 4 * MIB + 512);
  ck_assert_int_eq (img_resize (node, 5 * MIB, IMG_PREALLOC_METADATA, 0, &err), -1);
  ck_assert_int_eq (img_resize (node, INT64_MAX, IMG_PREALLOC_FALLOC, 0, &err), -1);
  ck_assert_uint_eq ((uint64_t) image_stat ("x").st_size, 4 * MIB + 512);
  ck_assert_uint_eq (img_size (node), 4 * MIB + 512);
  ck_assert_int_eq (img_resize (node, MIB, IMG_PREALLOC_OFF, 0, &err), -1);
  ok (img_resize (node, MIB, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, &err));
  ck_assert_uint_eq ((uint64_t) image_stat ("x").st_size, MIB);
  image_close (node);
}
END_TEST

START_TEST (copies_in_the_kernel)
{
  char buf[8];
  image_file ("a", MIB);
  image_file ("b", MIB);
  image_poke ("a", 70000, "content", 8);
  struct img_node *a = file ("a", 0), *b = file ("b", IMG_OPENF_RDWR);
  int r = img_copy_range (b, 5, a, 70000, 8, 0, &err);
  ck_assert_int_ge (r, 0);
  if (r == 0) {
    ok (img_pread (b, buf, 8, 5, 0, &err));
    ck_assert_str_eq (buf, "content");
  }
  /* Shared blocks only: never of parts of blocks. */
  ck_assert_int_eq (img_copy_range (b, 5, a, 70000, 8, IMG_IO_NO_FALLBACK, &err), 1);
  image_close (a);
  image_close (b);
}
END_TEST

START_TEST (what_is_neither_file_nor_device)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
  int s = socket (AF_UNIX, SOCK_STREAM, 0);
  ck_assert_int_eq (bind (s, (struct sockaddr *) &address, sizeof address), 0);
  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  image_refused ("fifo", NULL, 0, "not a regular file");
  image_refused ("fifo", NULL, IMG_OPENF_RDWR, "not a regular file");
  image_refused ("socket", NULL, 0, "not a regular file");
  image_refused ("/dev/null", NULL, 0, "not a regular file");
  image_refused ("/dev/zero", "host_device", 0, "not a block device");
  image_refused (".", NULL, 0, "directory");
  image_refused ("nothing", NULL, 0, "No such file");
  image_refused ("", NULL, 0, "empty");
  ck_assert_int_eq (image_try_create ("fifo", "raw", NULL, MIB), -1);
  ck_assert_int_eq (image_try_create (".", "raw", NULL, MIB), -1);
  close (s);
}
END_TEST

START_TEST (names)
{
  image_file ("a:b", MIB);
  image_file ("plain", MIB);
  image_close (image_open ("./a:b", "raw", 0));
  image_close (image_open ("file:a:b", "raw", 0));
  image_close (image_open ("file:plain", "raw", 0));
  image_refused ("host_device:plain", "raw", 0, "not a block device");
  image_close (image_open ("driver=file,filename=a:b,locking=off,aio=io_uring,drop-cache=off", NULL,
                           IMG_OPENF_IMAGE_OPTS));
  image_refused ("driver=file,filename=plain,aio=maybe", NULL, IMG_OPENF_IMAGE_OPTS, "aio");
  image_refused ("driver=file,filename=plain,nonsense=1", NULL, IMG_OPENF_IMAGE_OPTS, "nonsense");
  image_refused ("driver=file", NULL, IMG_OPENF_IMAGE_OPTS, "file");
}
END_TEST

/* ---- locks ---- */

static void
locked (unsigned flags, const char *format, const char *what)
{
  image_refused ("x", format, flags, what);
  ck_assert_str_eq (err.hint, "Is another process using the image [x]?");
}

START_TEST (locks_of_a_stable_reader)
{
  image_file ("x", MIB);
  struct img_node *first = image_open ("x", "raw", IMG_OPENF_STABLE);
  image_close (image_open ("x", "raw", IMG_OPENF_STABLE));
  image_close (image_open ("x", "raw", 0));
  locked (IMG_OPENF_RDWR, "raw", "Failed to get \"write\" lock");
  ck_assert_int_eq (image_try_create ("x", "raw", NULL, 5), -1);
  ck_assert_msg (strstr (err.message, "Failed to get \"write\" lock") != NULL, "%s", err.message);
  ck_assert_uint_eq ((uint64_t) image_stat ("x").st_size, MIB);
  image_close (first);
  image_close (image_open ("x", "raw", IMG_OPENF_RDWR));
}
END_TEST

START_TEST (locks_of_a_writer)
{
  image_file ("x", MIB);
  struct img_node *first = image_open ("x", "raw", IMG_OPENF_RDWR);
  image_close (image_open ("x", "raw", IMG_OPENF_RDWR)); /* plain images may have many writers */
  locked (IMG_OPENF_STABLE, "raw", "Failed to get shared \"write\" lock");
  image_close (image_open ("x", "raw", IMG_OPENF_STABLE | IMG_OPENF_SHARE));
  image_close (image_open ("driver=raw,file.driver=file,file.filename=x,file.locking=off", NULL,
                           IMG_OPENF_IMAGE_OPTS | IMG_OPENF_STABLE));
  image_close (first);
}
END_TEST

START_TEST (locks_of_a_resize)
{
  image_file ("x", MIB);
  struct img_node *node = image_open ("x", "raw", IMG_OPENF_RDWR), *other;
  struct flock fl = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 203, .l_len = 1 };
  int fd = open ("x", O_RDWR);
  ck_assert_int_eq (fcntl (fd, F_OFD_SETLK, &fl), 0);
  ck_assert_int_eq (img_resize (node, 2 * MIB, IMG_PREALLOC_OFF, 0, &err), -1);
  ck_assert_msg (strstr (err.message, "Failed to get \"resize\" lock") != NULL, "%s", err.message);
  close (fd);
  ok (img_resize (node, 2 * MIB, IMG_PREALLOC_OFF, 0, &err));
  /* The lock was for the time of the resize only. */
  fd = open ("x", O_RDWR);
  fl.l_type = F_WRLCK;
  fl.l_start = 103;
  ck_assert_int_eq (fcntl (fd, F_OFD_GETLK, &fl), 0);
  ck_assert_int_eq (fl.l_type, F_UNLCK);
  /* Somebody holds a byte for himself alone. */
  fl.l_type = F_WRLCK;
  fl.l_start = 102;
  fl.l_len = 100;
  ck_assert_int_eq (fcntl (fd, F_OFD_SETLK, &fl), 0);
  other = image_try ("x", "raw", IMG_OPENF_STABLE);
  ck_assert_ptr_null (other);
  ck_assert_msg (strstr (err.message, "Failed to lock byte 201") != NULL, "%s", err.message);
  close (fd);
  image_close (node);
}
END_TEST

/* ---- cache modes ---- */

static struct img_node *
open_cached (const char *name, enum img_cache cache)
{
  struct img_open_params p = { .struct_size = sizeof p, .format = "raw", .flags = IMG_OPENF_RDWR,
                               .cache = cache };
  struct img_node *node = img_open (name, &p, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  return node;
}

START_TEST (every_cache_mode)
{
  static const enum img_cache modes[] = { IMG_CACHE_WRITEBACK, IMG_CACHE_NONE,
                                          IMG_CACHE_WRITETHROUGH, IMG_CACHE_DIRECTSYNC,
                                          IMG_CACHE_UNSAFE };
  char in[1000], out[1000];
  image_file ("x", 5 * KIB + 512); /* no whole page at the end */
  struct img_node *node = open_cached ("x", modes[_i]);
  memset (out, 'a' + _i, sizeof out);
  ok (img_pwrite (node, out, sizeof out, 77, 0, &err));
  ok (img_pwrite (node, out, sizeof out, 5 * KIB + 512 - sizeof out, 0, &err));
  ok (img_flush (node, &err));
  ok (img_pread (node, in, sizeof in, 5 * KIB + 512 - sizeof in, 0, &err));
  ck_assert_mem_eq (in, out, sizeof in);
  ok (img_pread (node, in, sizeof in, 77, 0, &err));
  ck_assert_mem_eq (in, out, sizeof in);
  image_close (node);
  ck_assert_uint_eq ((uint64_t) image_stat ("x").st_size, 5 * KIB + 512);
}
END_TEST

START_TEST (create_options)
{
  image_create ("full", "raw", "preallocation=full", MIB);
  ck_assert_uint_ge ((uint64_t) image_stat ("full").st_blocks * 512, MIB);
  image_create ("falloc", "raw", "preallocation=falloc,nocow=on,extent_size_hint=64k", MIB);
  ck_assert_uint_ge ((uint64_t) image_stat ("falloc").st_blocks * 512, MIB);
  image_create ("off", "raw", NULL, MIB);
  ck_assert_int_eq (image_stat ("off").st_blocks, 0);
  ck_assert_uint_eq ((uint64_t) image_stat ("off").st_size, MIB);
  ck_assert_int_eq (image_try_create ("huge", "raw", "preallocation=falloc", INT64_MAX), -1);
  ck_assert_int_eq (access ("huge", F_OK), -1);
  ck_assert_int_eq (image_try_create ("hint", "raw", "extent_size_hint=4G", MIB), -1);
  ck_assert_int_eq (access ("hint", F_OK), -1);
  ck_assert_int_eq (image_try_create ("no/such/folder", "raw", NULL, MIB), -1);
  /* What stood there goes. */
  image_create ("full", "raw", NULL, KIB);
  ck_assert_uint_eq ((uint64_t) image_stat ("full").st_size, KIB);
  ck_assert_int_eq (image_stat ("full").st_blocks, 0);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("file");
  TCase *t = tcase_create ("file");
  tcase_add_checked_fixture (t, image_folder_make, image_folder_remove);
  tcase_add_test (t, holes_are_zeroes);
  tcase_add_test (t, many_extents_at_once);
  tcase_add_test (t, a_file_that_shrinks_meanwhile);
  tcase_add_test (t, zeroes_and_discards);
  tcase_add_test (t, space);
  tcase_add_test (t, copies_in_the_kernel);
  tcase_add_test (t, what_is_neither_file_nor_device);
  tcase_add_test (t, names);
  tcase_add_test (t, locks_of_a_stable_reader);
  tcase_add_test (t, locks_of_a_writer);
  tcase_add_test (t, locks_of_a_resize);
  tcase_add_loop_test (t, every_cache_mode, 0, 5);
  tcase_add_test (t, create_options);
  suite_add_tcase (s, t);
  return run_suite (s);
}
