/* SPDX-License-Identifier: MIT */
/*
 * svmc-sign: signatures of SEV-SNP ID blocks, ECDSA P-384 with SHA-384 by libcrypto. Run by
 * `svmc measure` with the key files as arguments and the block on standard input.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include "id_block.h"

#define REFUSED 1
#define UNREADABLE 3
#define NUMBER_BYTES 72

static int fail(int status, const char *what, const char *why)
{
	fprintf(stderr, "svmc-sign: %s: %s\n", what, why);
	return status;
}

static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "no reason given";
}

/* A password is never asked for: a signing step of a build has nobody to answer. */
static int no_password(char *buffer, int size, int writing, void *argument)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)argument;
	return -1;
}

static int read_key(const char *path, EVP_PKEY **key)
{
	FILE *file = fopen(path, "re");
	char group[64] = "";
	size_t length = 0;

	if (!file) {
		perror(path);
		return UNREADABLE;
	}
	*key = PEM_read_PrivateKey(file, NULL, no_password, NULL);
	fclose(file);
	if (!*key)
		return fail(REFUSED, path, "no private key in PEM form without a password");
	if (!EVP_PKEY_get_utf8_string_param(*key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					    &length) || strcmp(group, "secp384r1"))
		return fail(REFUSED, path,
			    "not a key of the curve P-384, which ID blocks are signed "
			    "with; make one with `openssl ecparam -name secp384r1 -genkey -noout`");
	return 0;
}

static int put_number(const BIGNUM *number, uint8_t out[NUMBER_BYTES])
{
	return BN_bn2lebinpad(number, out, NUMBER_BYTES) == NUMBER_BYTES ? 0 : -1;
}

static int put_public(EVP_PKEY *key, struct id_public_key *out)
{
	BIGNUM *x = NULL, *y = NULL;
	int result = -1;

	out->curve = 2;
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y))
		result = put_number(x, out->qx) || put_number(y, out->qy);
	BN_free(x);
	BN_free(y);
	return result;
}

static int sign(EVP_PKEY *key, const void *data, size_t bytes, struct id_signature *out)
{
	unsigned char der[256];
	const unsigned char *at = der;
	size_t length = sizeof(der);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	ECDSA_SIG *signature = NULL;
	int result = -1;

	if (context && EVP_DigestSignInit(context, NULL, EVP_sha384(), NULL, key) == 1 &&
	    EVP_DigestSign(context, der, &length, data, bytes) == 1)
		signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
	if (signature)
		result = put_number(ECDSA_SIG_get0_r(signature), out->r) ||
			 put_number(ECDSA_SIG_get0_s(signature), out->s);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(context);
	return result;
}

static int fill(struct id_auth *auth, const struct id_block *block, EVP_PKEY *id, EVP_PKEY *author)
{
	auth->id_key_algo = 1;
	if (put_public(id, &auth->id_key) || sign(id, block, sizeof(*block),
						  &auth->block_signature))
		return -1;
	if (!author)
		return 0;
	auth->author_key_algo = 1;
	return put_public(author, &auth->author_key) ||
	       sign(author, &auth->id_key, sizeof(auth->id_key), &auth->id_key_signature);
}

int main(int argc, char **argv)
{
	EVP_PKEY *id = NULL, *author = NULL;
	struct id_auth auth = { 0 };
	struct id_block block;
	int status;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: svmc-sign ID-KEY [AUTHOR-KEY] <ID-BLOCK >ID-AUTH\n"
				"Run by `svmc measure --id-key`.\n");
		return 2;
	}
	status = read_key(argv[1], &id);
	if (!status && argc == 3)
		status = read_key(argv[2], &author);
	if (!status && fread(&block, sizeof(block), 1, stdin) != 1)
		status = fail(UNREADABLE, "standard input", "no ID block of 96 bytes");
	if (!status && fill(&auth, &block, id, author))
		status = fail(REFUSED, "signing failed", reason());
	if (!status && (fwrite(&auth, sizeof(auth), 1, stdout) != 1 || fflush(stdout)))
		status = fail(UNREADABLE, "standard output", "cannot write");
	EVP_PKEY_free(id);
	EVP_PKEY_free(author);
	return status;
}
