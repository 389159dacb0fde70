/* SPDX-License-Identifier: MIT */
/*
 * Encodes event records without printf and without allocation. The unit test parses the result with
 * cJSON for every exit code and flag.
 */
#include <string.h>
#include "event_json.h"
#include "json_out.h"
#include "tables.h"

#define PUT(at, literal) put_bytes((at), (literal), sizeof(literal) - 1)

static char *put_bytes(char *at, const char *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static char *put_text(char *at, const char *text)
{
	return put_bytes(at, text, strlen(text));
}

/* Numbers that a double cannot hold go as hex strings. */
static char *put_count(char *at, uint64_t value)
{
	if (value >> 53 == 0)
		return json_put_u64(at, value);
	*at++ = '"';
	at = json_put_hex(at, value);
	*at++ = '"';
	return at;
}

enum field {
	FIELD_EXIT, FIELD_CODE, FIELD_INFO1, FIELD_INFO2, FIELD_INTINFO, FIELD_RIP, FIELD_RAX,
	FIELD_TSC, FIELD_CPL, FIELD_MODE, FIELD_SHADOW, FIELD_ACTION, FIELDS
};
_Static_assert(EVENT_FIELDS_ALL == (1u << FIELDS) - 1, "a bit for every field");

bool event_json_field(const char *name, uint32_t *bit)
{
	static const char *const names[FIELDS] = {
		"exit", "code", "info1", "info2", "intinfo", "rip", "rax", "tsc", "cpl", "mode",
		"shadow", "action",
	};

	for (unsigned int i = 0; i < FIELDS; i++) {
		if (strcmp(names[i], name))
			continue;
		*bit = 1u << i;
		return true;
	}
	*bit = 0;
	return !strcmp(name, "subscription") || !strcmp(name, "vm") || !strcmp(name, "vcpu") ||
		!strcmp(name, "seq");
}

static bool has(uint32_t fields, enum field field)
{
	return fields >> field & 1;
}

/* Records carry the low 32 bits; the table knows the whole code, unknown codes stay as they are. */
static char *put_exit(char *at, uint32_t code, uint32_t fields)
{
	const struct svm_exit_info *row = svm_exit_by_code(code);

	if (has(fields, FIELD_EXIT)) {
		at = PUT(at, ",\"exit\":\"");
		at = row ? put_text(at, row->name) : json_put_hex(at, code);
		*at++ = '"';
	}
	if (has(fields, FIELD_CODE)) {
		at = PUT(at, ",\"code\":\"");
		at = json_put_hex(at, row ? row->code : code);
		*at++ = '"';
	}
	return at;
}

#define PUT_HEX(at, fields, field, name, value) do { \
		if (has((fields), (field))) { \
			(at) = PUT((at), ",\"" name "\":\""); \
			(at) = json_put_hex((at), (value)); \
			*(at)++ = '"'; \
		} \
	} while (0)

/* What the flags of a record say. */
static char *put_flags(char *at, uint32_t flags, uint32_t fields)
{
	const char *mode = svmrt_mode_name(SVMRT_EVENT_MODE(flags));
	const char *action = svmrt_action_name(SVMRT_EVENT_ACTION(flags));

	if (has(fields, FIELD_CPL)) {
		at = PUT(at, ",\"cpl\":");
		*at++ = (char)('0' + SVMRT_EVENT_CPL(flags));
	}
	if (has(fields, FIELD_MODE)) {
		at = PUT(at, ",\"mode\":\"");
		at = put_text(at, mode ? mode : "unknown");
		*at++ = '"';
	}
	if (has(fields, FIELD_SHADOW)) {
		at = PUT(at, ",\"shadow\":");
		at = flags & SVMRT_EVENT_SHADOW ? PUT(at, "true") : PUT(at, "false");
	}
	if (has(fields, FIELD_ACTION)) {
		at = PUT(at, ",\"action\":\"");
		at = put_text(at, action ? action : "unknown");
		*at++ = '"';
	}
	return at;
}

size_t event_json_body(char *body, uint64_t vm, unsigned int vcpu, const struct svmrt_event *event,
		       uint32_t fields)
{
	char *at = body;

	at = PUT(at, ",\"vm\":");
	at = json_put_u64(at, vm);
	at = PUT(at, ",\"vcpu\":");
	at = json_put_u64(at, vcpu);
	at = PUT(at, ",\"seq\":");
	at = put_count(at, event->seq);
	at = put_exit(at, event->code, fields);
	PUT_HEX(at, fields, FIELD_INFO1, "info1", event->exitinfo1);
	PUT_HEX(at, fields, FIELD_INFO2, "info2", event->exitinfo2);
	PUT_HEX(at, fields, FIELD_INTINFO, "intinfo", event->exitintinfo);
	PUT_HEX(at, fields, FIELD_RIP, "rip", event->rip);
	PUT_HEX(at, fields, FIELD_RAX, "rax", event->rax);
	PUT_HEX(at, fields, FIELD_TSC, "tsc", event->tsc);
	at = put_flags(at, event->flags, fields);
	at = PUT(at, "}}\n");
	return (size_t)(at - body);
}
