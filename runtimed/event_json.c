/* SPDX-License-Identifier: MIT */
/*
 * Encodes event records without printf and without allocation. A line with all fields is put together
 * from texts that are kept ready, by exit code and by flags, with copies of a fixed size that may
 * write behind their text; the next one overwrites that. The unit test compares with cJSON's output
 * for every exit code and flag, bench/stream counts the instructions.
 */
#include <emmintrin.h>
#include <string.h>
#include "event_json.h"
#include "json_out.h"
#include "tables.h"

#define PUT(at, literal) put_bytes((at), (literal), sizeof(literal) - 1)

#define EXIT_TEXT_BYTES 112
#define FLAGS_TEXT_BYTES 64
#define ACTION_TEXT_BYTES 32
#define ACTIONS_KEPT 16


/* A text that is kept ready; bytes 0: it was not made yet. */
#define KEPT(size) struct { uint32_t bytes; char text[size]; }

static KEPT(EXIT_TEXT_BYTES) exit_texts[SVMRT_SLOTS];	/* ,"exit":"IOIO", ... "info1":"0x */
static KEPT(FLAGS_TEXT_BYTES) flags_texts[64];		/* ","cpl":0, ... "action":" */
static KEPT(ACTION_TEXT_BYTES) action_texts[ACTIONS_KEPT];	/* skip"}} and LF */

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

void event_json_head(struct event_json_head *head, uint64_t vm, unsigned int vcpu)
{
	char *at = head->text;

	at = PUT(at, ",\"vm\":");
	at = json_put_u64(at, vm);
	at = PUT(at, ",\"vcpu\":");
	at = json_put_u64(at, vcpu);
	at = PUT(at, ",\"seq\":");
	head->fixed_bytes = (size_t)(at - head->text);
	head->seq = 0;
	head->bytes = (size_t)(put_count(at, 0) - head->text);
}

static void set_seq(struct event_json_head *head, uint64_t seq)
{
	char *last = &head->text[head->bytes - 1];

	/* At 2^53 the digits give way to a string, which ends in a quote. */
	if (seq == head->seq + 1 && *last >= '0' && *last < '9' && !(seq >> 53))
		++*last;
	else if (seq != head->seq)
		head->bytes = (size_t)(put_count(head->text + head->fixed_bytes, seq) - head->text);
	head->seq = seq;
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

/* What the flags of a record say, up to the quote in front of the action. */
static char *put_flags(char *at, uint32_t flags, uint32_t fields)
{
	const char *mode = svmrt_mode_name(SVMRT_EVENT_MODE(flags));

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
	if (has(fields, FIELD_ACTION))
		at = PUT(at, ",\"action\":\"");
	return at;
}

static char *put_action(char *at, unsigned int number)
{
	const char *action = svmrt_action_name(number);

	at = put_text(at, action ? action : "unknown");
	return PUT(at, "\"}}\n");
}

static size_t some_fields(char *body, struct event_json_head *head,
			  const struct svmrt_event *event, uint32_t fields)
{
	char *at = put_bytes(body, head->text, head->bytes);

	at = put_exit(at, event->code, fields);
	PUT_HEX(at, fields, FIELD_INFO1, "info1", event->exitinfo1);
	PUT_HEX(at, fields, FIELD_INFO2, "info2", event->exitinfo2);
	PUT_HEX(at, fields, FIELD_INTINFO, "intinfo", event->exitintinfo);
	PUT_HEX(at, fields, FIELD_RIP, "rip", event->rip);
	PUT_HEX(at, fields, FIELD_RAX, "rax", event->rax);
	PUT_HEX(at, fields, FIELD_TSC, "tsc", event->tsc);
	at = put_flags(at, event->flags, fields);
	if (has(fields, FIELD_ACTION))
		at = put_action(at, SVMRT_EVENT_ACTION(event->flags));
	else
		at = PUT(at, "}}\n");
	return (size_t)(at - body);
}

/* 16 digits at once, of which the leading zeros are left out by where the copy begins. */
static inline char *put_digits(char *at, uint64_t value)
{
	const __m128i low = _mm_set1_epi8(15);
	__m128i bytes = _mm_cvtsi64_si128((long long)__builtin_bswap64(value));
	__m128i digits = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(bytes, 4), low),
					   _mm_and_si128(bytes, low));
	__m128i letters = _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(9)),
					_mm_set1_epi8('a' - '0' - 10));
	unsigned int zeros = (unsigned int)__builtin_clzll(value | 1) / 4;
	char text[32];

	/* Most events have no EXITINTINFO, and many no EXITINFO2. */
	if (!value) {
		*at = '0';
		return at + 1;
	}
	_mm_storeu_si128((__m128i *)(void *)text,
			 _mm_add_epi8(digits, _mm_add_epi8(letters, _mm_set1_epi8('0'))));
	_mm_storeu_si128((__m128i *)(void *)at,
			 _mm_loadu_si128((const __m128i *)(const void *)(text + zeros)));
	return at + 16 - zeros;
}

/* Not inline: it is called once for each code. */
static void __attribute__((noinline)) keep_exit(unsigned int slot, uint32_t code)
{
	char *end = put_exit(exit_texts[slot].text, code, EVENT_FIELDS_ALL);

	end = PUT(end, ",\"info1\":\"0x");
	exit_texts[slot].bytes = (uint32_t)(end - exit_texts[slot].text);
}

static void __attribute__((noinline)) keep_flags(uint32_t flags)
{
	char *end = PUT(flags_texts[flags].text, "\"");

	end = put_flags(end, flags, EVENT_FIELDS_ALL);
	flags_texts[flags].bytes = (uint32_t)(end - flags_texts[flags].text);
}

static void __attribute__((noinline)) keep_action(unsigned int action)
{
	char *end = put_action(action_texts[action].text, action);

	action_texts[action].bytes = (uint32_t)(end - action_texts[action].text);
}

#define PUT_KEPT(at, kept) (memcpy((at), (kept)->text, sizeof((kept)->text)), (at) + (kept)->bytes)

static size_t all_fields(char *body, struct event_json_head *head,
			 const struct svmrt_event *event, unsigned int slot)
{
	const unsigned int action = SVMRT_EVENT_ACTION(event->flags), flags = event->flags & 63;
	char *at = body;

	if (!exit_texts[slot].bytes)
		keep_exit(slot, event->code);
	if (!flags_texts[flags].bytes)
		keep_flags(flags);
	if (!action_texts[action].bytes)
		keep_action(action);
	memcpy(at, head->text, sizeof(head->text));
	at += head->bytes;
	at = PUT_KEPT(at, &exit_texts[slot]);
	at = put_digits(at, event->exitinfo1);
	at = put_digits(PUT(at, "\",\"info2\":\"0x"), event->exitinfo2);
	at = put_digits(PUT(at, "\",\"intinfo\":\"0x"), event->exitintinfo);
	at = put_digits(PUT(at, "\",\"rip\":\"0x"), event->rip);
	at = put_digits(PUT(at, "\",\"rax\":\"0x"), event->rax);
	at = put_digits(PUT(at, "\",\"tsc\":\"0x"), event->tsc);
	at = PUT_KEPT(at, &flags_texts[flags]);
	at = PUT_KEPT(at, &action_texts[action]);
	return (size_t)(at - body);
}

size_t event_json_body(char *body, struct event_json_head *head,
		       const struct svmrt_event *event, uint32_t fields)
{
	/* Records have the low half of the code; the negative ones are negative in both sizes. */
	int slot = svmrt_exit_slot((__u64)(__s64)(__s32)event->code);

	set_seq(head, event->seq);
	if (fields != EVENT_FIELDS_ALL || slot < 0 ||
	    SVMRT_EVENT_ACTION(event->flags) >= ACTIONS_KEPT)
		return some_fields(body, head, event, fields);
	return all_fields(body, head, event, (unsigned int)slot);
}
