/* SPDX-License-Identifier: MIT */
/* A VMCB page of svmc dump --bytes: the words of the tables in the order of their offsets. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "dump_bytes.h"

struct label {
	char text[200];
	size_t used;
};

__attribute__((format(printf, 2, 3)))
static void append(struct label *label, const char *format, ...)
{
	va_list args;
	int added;

	va_start(args, format);
	added = vsnprintf(label->text + label->used, sizeof(label->text) - label->used, format,
			  args);
	va_end(args);
	label->used += added > 0 ? (size_t)added : 0;
	if (label->used >= sizeof(label->text))
		label->used = sizeof(label->text) - 1;
}

/* Bytes of the word at the offset, or 0; the widest row is the word, the others parts of it. */
static unsigned int word_bytes(unsigned int offset)
{
	unsigned int bytes = 0;

	for (size_t i = 0; i < vmcb_field_count; i++)
		if (vmcb_fields[i].offset == offset && vmcb_fields[i].bytes > bytes)
			bytes = vmcb_fields[i].bytes;
	return bytes;
}

/* Where the next word begins behind the offset, or the end of the page. */
static unsigned int next_word(unsigned int offset)
{
	unsigned int next = VMCB_PAGE_BYTES;

	for (size_t i = 0; i < vmcb_field_count; i++)
		if (vmcb_fields[i].offset > offset && vmcb_fields[i].offset < next)
			next = vmcb_fields[i].offset;
	return next;
}

static void name_intercepts(struct label *label, const struct svmk_vmcb *vmcb, unsigned int word)
{
	append(label, "intercepts %u:", word);
	for (size_t i = 0; i < svm_intercept_count; i++)
		if (svm_intercepts[i].word == word &&
		    vmcb_get_intercepts(vmcb, word) & 1u << svm_intercepts[i].bit)
			append(label, " %s", svm_intercepts[i].name);
}

/* Fields that are not zero by value; of a word that is zero the names alone. */
static void name_fields(struct label *label, const struct svmk_vmcb *vmcb, unsigned int offset)
{
	bool zero = true;

	for (unsigned int pass = 0; pass < 2 && zero; pass++)
		for (size_t i = 0; i < vmcb_field_count; i++) {
			const struct vmcb_field_info *f = &vmcb_fields[i];
			const char *separator = label->used ? ", " : "";
			uint64_t value;

			if (f->offset != offset)
				continue;
			if (f->bytes > 8) {
				append(label, "%s%s", separator, f->name);
				zero = false;
				continue;
			}
			value = vmcb_get_field(vmcb, f->offset, f->bytes, f->hi, f->lo);
			if (value)
				append(label, "%s%s = 0x%" PRIx64, separator, f->name, value);
			else if (pass)
				append(label, "%s%s", separator, f->name);
			zero &= !value;
		}
}

void bytes_show_vmcb(struct bytes_printer *p)
{
	const uint64_t begin = p->at;
	struct svmk_vmcb vmcb;

	memcpy(&vmcb, p->image + begin, sizeof(vmcb));
	for (unsigned int at = 0; at < VMCB_PAGE_BYTES; at = (unsigned int)(p->at - begin)) {
		const unsigned int next = next_word(at);
		unsigned int bytes = word_bytes(at);
		struct label label = { .used = 0 };

		if (bytes > next - at)
			bytes = next - at;
		if (!bytes) {
			bytes_show(p, next - at, "reserved");
			continue;
		}
		if (at < 6 * 4)
			name_intercepts(&label, &vmcb, at / 4);
		else
			name_fields(&label, &vmcb, at);
		bytes_show(p, bytes, "%s", label.text);
	}
}
