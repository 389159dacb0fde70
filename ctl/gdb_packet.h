/* SPDX-License-Identifier: MIT */
/*
 * Framing of GDB's remote serial protocol: $payload#checksum, acknowledgements, the interrupt byte,
 * and hexadecimal. Knows nothing of what packets mean; takes any bytes from its peer.
 */
#ifndef SVMKIT_CTL_GDB_PACKET_H
#define SVMKIT_CTL_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "json_out.h"

#define GDB_PACKET_BYTES 16384		/* payload of one packet, as it is told to GDB */

struct gdb_input {
	size_t length, start;
	char bytes[2 * GDB_PACKET_BYTES];
};

enum gdb_got { GDB_MORE, GDB_PACKET, GDB_INTERRUPT, GDB_NAK, GDB_DAMAGED };

/* Where the next bytes go, and how many; then add what came to `length`. Never none. */
char *gdb_input_room(struct gdb_input *input, size_t *bytes);
/* The next thing in it; of a packet the payload, binary escapes undone, and a NUL behind it. */
enum gdb_got gdb_input_next(struct gdb_input *input, char payload[GDB_PACKET_BYTES + 1],
			    size_t *length);
/* Appends `payload` as a packet. */
void gdb_put_packet(struct json_out *out, const char *payload, size_t length);

void gdb_put_hex(struct json_out *out, const void *bytes, size_t length);
/* `length` bytes from twice as many digits; false: there are fewer, or others. */
bool gdb_take_hex(const char *digits, void *bytes, size_t length);
/* Hexadecimal digits without 0x; moves on. False: there is none, or it does not fit. */
bool gdb_take_number(const char **at, uint64_t *value);

#endif
