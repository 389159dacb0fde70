/* SPDX-License-Identifier: MIT */
/* A VMSA page of svmc dump --bytes: its fields in the order of the table. */
#include <inttypes.h>
#include "dump_bytes.h"
#include "vmsa.h"

void bytes_show_vmsa(struct bytes_printer *p)
{
	const uint64_t begin = p->at;

	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmsa_field_info *f = &vmsa_fields[i];

		bytes_show(p, begin + f->offset - p->at, "reserved");
		if (f->bytes <= 8)
			bytes_show(p, f->bytes, "%s = 0x%" PRIx64, f->name,
				   vmsa_get(p->image + begin, f));
		else
			bytes_show(p, f->bytes, "%s", f->name);
	}
	bytes_show(p, begin + VMSA_PAGE_BYTES - p->at, "reserved");
}
