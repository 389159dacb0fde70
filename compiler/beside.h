/* SPDX-License-Identifier: MIT */
/* Where the other programs are that svmc runs. */
#ifndef SVMC_BESIDE_H
#define SVMC_BESIDE_H

#define BESIDE_BYTES 4096

/* The program beside the running one (a build tree), or else where `make install` puts it. */
const char *program_beside(const char *name, char room[BESIDE_BYTES]);

#endif
