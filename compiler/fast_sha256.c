/* SPDX-License-Identifier: MIT */
/*
 * Loading of libcrypto at run time, by the few functions that are needed: linked to svmc it would
 * cost every command the milliseconds of its start-up, and svmc would not run without it.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include "fast_sha256.h"
#include "svmt_digest.h"

#define WORTH_BYTES (1u << 20)	/* libmd hashes them in the time that libcrypto takes to start */

/* EVP of OpenSSL 3, evp(7): contexts are opaque, 1 is success. */
static struct {
	void *(*new)(void);
	void (*free)(void *context);
	int (*copy)(void *to, const void *from);
	int (*init)(void *context, const void *type, void *engine);
	int (*update)(void *context, const void *data, size_t bytes);
	int (*final)(void *context, unsigned char *digest, unsigned int *bytes);
	const void *(*sha256)(void);
} evp;
static bool loaded;

static bool load(void *library)
{
	static const struct {
		const char *name;
		void **into;
	} symbols[] = {
		{ "EVP_MD_CTX_new", (void **)&evp.new }, { "EVP_MD_CTX_free", (void **)&evp.free },
		{ "EVP_MD_CTX_copy_ex", (void **)&evp.copy },
		{ "EVP_DigestInit_ex", (void **)&evp.init },
		{ "EVP_DigestUpdate", (void **)&evp.update },
		{ "EVP_DigestFinal_ex", (void **)&evp.final },
		{ "EVP_sha256", (void **)&evp.sha256 },
	};

	for (size_t i = 0; library && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		*symbols[i].into = dlsym(library, symbols[i].name);
		if (!*symbols[i].into)
			return false;
	}
	return library;
}

static void whole(const void *data, uint64_t bytes, uint8_t digest[32])
{
	struct fast_sha256 hash;

	fast_sha256_begin(&hash);
	fast_sha256_add(&hash, data, bytes);
	fast_sha256_end(&hash, digest);
}

void fast_sha256_expect(uint64_t bytes)
{
	if (loaded || bytes < WORTH_BYTES)
		return;
	loaded = load(dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL));
	if (loaded)
		svmt_digest_by = whole;
}

/* A context of libcrypto that is ready, or NULL: then libmd does it. */
static void *ready(void)
{
	void *context = loaded ? evp.new() : NULL;

	if (context && evp.init(context, evp.sha256(), NULL) != 1) {
		evp.free(context);
		context = NULL;
	}
	return context;
}

void fast_sha256_begin(struct fast_sha256 *hash)
{
	hash->evp = ready();
	if (!hash->evp)
		SHA256Init(&hash->md);
}

void fast_sha256_add(struct fast_sha256 *hash, const void *data, uint64_t bytes)
{
	if (!hash->evp)
		SHA256Update(&hash->md, data, (size_t)bytes);
	else if (evp.update(hash->evp, data, (size_t)bytes) != 1)
		abort();	/* it has no reason to fail, and a wrong digest helps nobody */
}

void fast_sha256_peek(const struct fast_sha256 *hash, uint8_t digest[32])
{
	struct fast_sha256 copy = *hash;

	if (hash->evp) {
		copy.evp = evp.new();
		if (!copy.evp || evp.copy(copy.evp, hash->evp) != 1)
			abort();
	}
	fast_sha256_end(&copy, digest);
}

void fast_sha256_end(struct fast_sha256 *hash, uint8_t digest[32])
{
	if (!hash->evp) {
		SHA256Final(digest, &hash->md);
		return;
	}
	if (evp.final(hash->evp, digest, NULL) != 1)
		abort();
	evp.free(hash->evp);
	hash->evp = NULL;
}
