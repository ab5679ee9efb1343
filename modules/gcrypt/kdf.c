/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdf.c - keys from passphrases: PBKDF2 (RFC 8018), argon2 (RFC 9106).
 *
 * Owns: the threads for argon2's lanes.  Refuses: limits; whoever asks has looked at the
 * numbers. */
#include <pthread.h>
#include <stdlib.h>

#include "gcrypt.h"

int
gcrypt_pbkdf2 (const char *hash, const void *pass, size_t pass_length, const void *salt,
               size_t salt_length, uint64_t iterations, void *out, size_t out_length,
               struct img_error *err)
{
  int algo = gcrypt_hash (hash);
  gcry_error_t code;

  if (algo == 0)
    return img_error_set (err, ENOTSUP, _("hash '%s' is not offered by libgcrypt"), hash);
  code = gcry_kdf_derive (pass, pass_length, GCRY_KDF_PBKDF2, algo, salt, salt_length,
                          (unsigned long) iterations, out_length, out);
  return code ? gcrypt_failed ("PBKDF2", code, err) : 0;
}

/* ---- argon2 ---- */

enum { MAX_THREADS = 64 };

struct job {
  gcry_kdf_job_fn_t run;
  void *arg;
};

struct jobs {
  unsigned n;
  pthread_t threads[MAX_THREADS];
  struct job jobs[MAX_THREADS];
};

static void *
run_job (void *arg)
{
  struct job *job = arg;

  job->run (job->arg);
  return NULL;
}

/* One lane of one slice; they are independent of each other until wait_all. */
static int
dispatch (void *context, gcry_kdf_job_fn_t run, void *arg)
{
  struct jobs *jobs = context;

  if (jobs->n < MAX_THREADS) {
    jobs->jobs[jobs->n] = (struct job) { run, arg };
    if (pthread_create (&jobs->threads[jobs->n], NULL, run_job, &jobs->jobs[jobs->n]) == 0) {
      jobs->n++;
      return 0;
    }
  }
  run (arg);
  return 0;
}

static int
wait_all (void *context)
{
  struct jobs *jobs = context;

  for (unsigned i = 0; i < jobs->n; i++)
    pthread_join (jobs->threads[i], NULL);
  jobs->n = 0;
  return 0;
}

int
gcrypt_argon2 (enum img_argon2 type, const void *pass, size_t pass_length, const void *salt,
               size_t salt_length, uint32_t time, uint32_t memory, uint32_t lanes, void *out,
               size_t out_length, struct img_error *err)
{
  unsigned long params[4] = { out_length, time, memory, lanes };
  struct jobs jobs = { .n = 0 };
  gcry_kdf_thread_ops_t ops = { &jobs, dispatch, wait_all };
  gcry_kdf_hd_t handle;
  gcry_error_t code;

  code = gcry_kdf_open (&handle, GCRY_KDF_ARGON2,
                        type == IMG_ARGON2I ? GCRY_KDF_ARGON2I : GCRY_KDF_ARGON2ID, params, 4,
                        pass, pass_length, salt, salt_length, NULL, 0, NULL, 0);
  if (code)
    return gcrypt_failed ("argon2", code, err);
  code = gcry_kdf_compute (handle, lanes > 1 ? &ops : NULL);
  if (code == 0)
    code = gcry_kdf_final (handle, out_length, out);
  gcry_kdf_close (handle);
  return code ? gcrypt_failed ("argon2", code, err) : 0;
}
