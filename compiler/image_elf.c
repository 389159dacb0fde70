/* SPDX-License-Identifier: MIT */
/*
 * Static ELF images, 32-bit and 64-bit: what is loaded is said by the program headers alone, at
 * their physical addresses. Symbols, relocations and sections are not looked at.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>
#include "image.h"

/* Both classes in the wider form, with the offset of each field that a message may name. */
struct elf_header {
	uint64_t entry, phoff;
	uint32_t version;
	uint16_t type, machine, phentsize, phnum;
};

#define AT(image, field) \
	(is_64(image) ? offsetof(Elf64_Ehdr, field) : offsetof(Elf32_Ehdr, field))
#define PHENTSIZE(image) (is_64(image) ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))

static bool is_64(const struct image *image)
{
	return image->data[EI_CLASS] == ELFCLASS64;
}

static bool check_ident(struct comp *c, const struct image *image)
{
	const uint8_t *ident = image->data;

	if (image->bytes < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG))
		return image_error(c, image, 0, "not an ELF image; for other files there is `bin`");
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return image_error(c, image, EI_CLASS, "class %u; the rule is 1 (32-bit) or 2 "
				   "(64-bit)", ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return image_error(c, image, EI_DATA, "byte order %u; x86 images have 1 (little "
				   "endian)", ident[EI_DATA]);
	if (ident[EI_VERSION] != EV_CURRENT)
		return image_error(c, image, EI_VERSION, "version %u; the rule is 1",
				   ident[EI_VERSION]);
	if (image->bytes < (is_64(image) ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return image_error(c, image, image->bytes, "the file ends inside the ELF header");
	return true;
}

static struct elf_header read_header(const struct image *image)
{
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;

	if (is_64(image)) {
		memcpy(&wide, image->data, sizeof(wide));
		return (struct elf_header){ wide.e_entry, wide.e_phoff, wide.e_version, wide.e_type,
					    wide.e_machine, wide.e_phentsize, wide.e_phnum };
	}
	memcpy(&narrow, image->data, sizeof(narrow));
	return (struct elf_header){ narrow.e_entry, narrow.e_phoff, narrow.e_version, narrow.e_type,
				    narrow.e_machine, narrow.e_phentsize, narrow.e_phnum };
}

static bool check_header(struct comp *c, const struct image *image, const struct elf_header *h)
{
	if (h->type == ET_DYN)
		return image_error(c, image, AT(image, e_type), "position-independent; link it "
				   "with -static -no-pie");
	if (h->type != ET_EXEC)
		return image_error(c, image, AT(image, e_type), "type %u; the rule is 2, an "
				   "executable", h->type);
	if (h->machine != EM_386 && h->machine != EM_X86_64)
		return image_error(c, image, AT(image, e_machine), "machine %u; the rule is 3 "
				   "(i386) or 62 (x86-64)", h->machine);
	if (h->version != EV_CURRENT)
		return image_error(c, image, AT(image, e_version), "version %" PRIu32
				   "; the rule is 1", h->version);
	if (h->phentsize != PHENTSIZE(image))
		return image_error(c, image, AT(image, e_phentsize), "program headers of %u bytes; "
				   "the rule is %zu", h->phentsize, PHENTSIZE(image));
	if (!h->phnum || h->phnum > IMAGE_MAX_HEADERS)
		return image_error(c, image, AT(image, e_phnum), "%u program headers; the rule is "
				   "1 to %u", h->phnum, IMAGE_MAX_HEADERS);
	if (h->phoff > image->bytes || image->bytes - h->phoff < h->phnum * PHENTSIZE(image))
		return image_error(c, image, AT(image, e_phoff), "%u program headers at 0x%" PRIx64
				   " do not fit the file of 0x%" PRIx64 " bytes", h->phnum,
				   h->phoff, image->bytes);
	return true;
}

static Elf64_Phdr read_segment(const struct image *image, uint64_t offset)
{
	Elf64_Phdr wide;
	Elf32_Phdr p;

	if (is_64(image)) {
		memcpy(&wide, image->data + offset, sizeof(wide));
		return wide;
	}
	memcpy(&p, image->data + offset, sizeof(p));
	return (Elf64_Phdr){ .p_type = p.p_type, .p_offset = p.p_offset, .p_vaddr = p.p_vaddr,
			     .p_paddr = p.p_paddr, .p_filesz = p.p_filesz, .p_memsz = p.p_memsz };
}

static bool add_segment(struct comp *c, struct image *image, uint64_t at, const Elf64_Phdr *p)
{
	if (p->p_type == PT_INTERP || p->p_type == PT_DYNAMIC)
		return image_error(c, image, at, "dynamically linked; link it with -static");
	if (p->p_type != PT_LOAD || !p->p_memsz)
		return true;
	if (p->p_filesz > p->p_memsz)
		return image_error(c, image, at, "a segment with 0x%" PRIx64 " bytes in the file "
				   "but 0x%" PRIx64 " in memory; memory is at least as large",
				   p->p_filesz, p->p_memsz);
	if (p->p_offset > image->bytes || p->p_filesz > image->bytes - p->p_offset)
		return image_error(c, image, at, "a segment of 0x%" PRIx64 " bytes at 0x%" PRIx64
				   " does not fit the file of 0x%" PRIx64 " bytes", p->p_filesz,
				   p->p_offset, image->bytes);
	if (p->p_memsz > UINT64_MAX - p->p_paddr || p->p_memsz > UINT64_MAX - p->p_vaddr)
		return image_error(c, image, at, "a segment of 0x%" PRIx64 " bytes at physical 0x%"
				   PRIx64 ", virtual 0x%" PRIx64 " ends above 2^64", p->p_memsz,
				   p->p_paddr, p->p_vaddr);
	image->segments = arena_grow(&c->arena, image->segments, image->count, &image->capacity,
				     sizeof(*image->segments));
	image->segments[image->count++] = (struct image_segment){
		.offset = p->p_offset, .file_bytes = p->p_filesz, .gpa = p->p_paddr,
		.vaddr = p->p_vaddr, .bytes = p->p_memsz,
	};
	return true;
}

/* One note of a PT_NOTE segment, whose bytes lie in the file: name and contents padded to 4. */
static bool next_note(const struct image *image, uint64_t *at, uint64_t end, Elf64_Nhdr *note,
		      uint64_t *contents)
{
	if (end - *at < sizeof(*note))
		return false;
	memcpy(note, image->data + *at, sizeof(*note));
	*contents = *at + sizeof(*note) + ((uint64_t)note->n_namesz + 3) / 4 * 4;
	*at = *contents + ((uint64_t)note->n_descsz + 3) / 4 * 4;
	return *contents <= end && note->n_descsz <= end - *contents;
}

bool image_elf_note(struct comp *c, const struct image *image, const char *name, uint32_t type,
		    uint64_t *offset, uint64_t *bytes)
{
	const struct elf_header header = read_header(image);

	*bytes = 0;
	for (uint16_t i = 0; i < header.phnum; i++) {
		const uint64_t at = header.phoff + i * PHENTSIZE(image);
		const Elf64_Phdr segment = read_segment(image, at);
		uint64_t note_at = segment.p_offset, note_end, contents;
		Elf64_Nhdr note;

		if (segment.p_type != PT_NOTE)
			continue;
		if (note_at > image->bytes || segment.p_filesz > image->bytes - note_at)
			return image_error(c, image, at, "notes of 0x%" PRIx64 " bytes at 0x%"
					   PRIx64 " do not fit the file of 0x%" PRIx64 " bytes",
					   segment.p_filesz, note_at, image->bytes);
		note_end = note_at + segment.p_filesz;
		while (note_at < note_end &&
		       next_note(image, &note_at, note_end, &note, &contents)) {
			if (note.n_type != type || note.n_namesz != strlen(name) + 1 ||
			    memcmp(image->data + contents - (note.n_namesz + 3) / 4 * 4, name,
				   note.n_namesz))
				continue;
			*offset = contents;
			*bytes = note.n_descsz;
			return true;
		}
	}
	return true;
}

bool image_read_elf(struct comp *c, struct image *image)
{
	struct elf_header header;

	if (!check_ident(c, image))
		return false;
	header = read_header(image);
	if (!check_header(c, image, &header))
		return false;
	image->entry = header.entry;
	for (uint16_t i = 0; i < header.phnum; i++) {
		const uint64_t at = header.phoff + i * PHENTSIZE(image);
		const Elf64_Phdr segment = read_segment(image, at);

		if (!add_segment(c, image, at, &segment))
			return false;
	}
	if (!image->count)
		return image_error(c, image, header.phoff, "no segment is loaded (PT_LOAD); there "
				   "is nothing to run");
	return true;
}
