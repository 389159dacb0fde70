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

/* Records carry the low 32 bits; the table knows the whole code, unknown codes stay as they are. */
static char *put_exit(char *at, uint32_t code)
{
	const struct svm_exit_info *row = svm_exit_by_code(code);

	at = PUT(at, ",\"exit\":\"");
	at = row ? put_text(at, row->name) : json_put_hex(at, code);
	at = PUT(at, "\",\"code\":\"");
	return json_put_hex(at, row ? row->code : code);
}

size_t event_json_body(char *body, uint64_t vm, unsigned int vcpu, const struct svmrt_event *event)
{
	const char *mode = svmrt_mode_name(SVMRT_EVENT_MODE(event->flags));
	const char *action = svmrt_action_name(SVMRT_EVENT_ACTION(event->flags));
	char *at = body;

	at = PUT(at, ",\"vm\":");
	at = json_put_u64(at, vm);
	at = PUT(at, ",\"vcpu\":");
	at = json_put_u64(at, vcpu);
	at = PUT(at, ",\"seq\":");
	at = put_count(at, event->seq);
	at = put_exit(at, event->code);
	at = PUT(at, "\",\"info1\":\"");
	at = json_put_hex(at, event->exitinfo1);
	at = PUT(at, "\",\"info2\":\"");
	at = json_put_hex(at, event->exitinfo2);
	at = PUT(at, "\",\"intinfo\":\"");
	at = json_put_hex(at, event->exitintinfo);
	at = PUT(at, "\",\"rip\":\"");
	at = json_put_hex(at, event->rip);
	at = PUT(at, "\",\"rax\":\"");
	at = json_put_hex(at, event->rax);
	at = PUT(at, "\",\"tsc\":\"");
	at = json_put_hex(at, event->tsc);
	at = PUT(at, "\",\"cpl\":");
	*at++ = (char)('0' + SVMRT_EVENT_CPL(event->flags));
	at = PUT(at, ",\"mode\":\"");
	at = put_text(at, mode ? mode : "unknown");
	at = PUT(at, "\",\"shadow\":");
	at = event->flags & SVMRT_EVENT_SHADOW ? PUT(at, "true") : PUT(at, "false");
	at = PUT(at, ",\"action\":\"");
	at = put_text(at, action ? action : "unknown");
	at = PUT(at, "\"}}\n");
	return (size_t)(at - body);
}
