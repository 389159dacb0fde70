/* SPDX-License-Identifier: MIT */
/*
 * `confidential:`: kind of guest, the VMM whose launch is foretold and the day that it is foretold
 * for. Read before the rest of the spec, since it decides which profiles and registers there are.
 */
#include <ctype.h>
#include <string.h>
#include "launch.h"
#include "profile.h"
#include "read.h"
#include "spec_tables.h"

static bool fail_word(struct comp *c, const struct node *node, const char *what,
		      const char *(*name)(uint32_t), uint32_t first)
{
	const char *list = "";

	for (uint32_t i = first; name(i); i++)
		list = arena_printf(&c->arena, "%s%s%s", list, i == first ? "" : ", ", name(i));
	diag_error(&c->diag, &node->range, "`%s` is %s; the rule is one of %s", what,
		   node_quote(&c->arena, node), list);
	return false;
}

static bool read_kind(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;
	const uint32_t kind = node->kind == NODE_SCALAR ? launch_kind_find(node->text) : 0;

	launch->kind_range = node->range;
	if (!kind)
		return fail_word(c, node, "kind", launch_kind_name, SVMT_LAUNCH_SEV_ES);
	launch->head.kind = kind;
	return true;
}

static bool read_vmm(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;
	const uint32_t vmm = node->kind == NODE_SCALAR ? launch_vmm_find(node->text) : 0;

	launch->vmm_range = node->range;
	if (!vmm)
		return fail_word(c, node, "vmm", launch_vmm_name, SVMT_VMM_QEMU);
	launch->head.vmm = vmm;
	return true;
}

static bool is_date(const char *text, uint32_t *date)
{
	static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint32_t month, day;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	*date = 0;
	for (size_t i = 0; i < 10; i++) {
		if (i == 4 || i == 7)
			continue;
		if (!isdigit((unsigned char)text[i]))
			return false;
		*date = *date * 10 + (uint32_t)(text[i] - '0');
	}
	month = *date / 100 % 100;
	day = *date % 100;
	return *date >= 20000101 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static bool read_as_of(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;
	char known[16];

	launch->as_of_range = node->range;
	if (node->kind != NODE_SCALAR || !is_date(node->text, &launch->head.as_of)) {
		diag_error(&c->diag, &node->range, "`as_of` is %s; the rule is a date, as in "
			   "2026-05-01", node_quote(&c->arena, node));
		return false;
	}
	if (launch->head.as_of <= LAUNCH_KNOWN_UNTIL)
		return true;
	launch_date(LAUNCH_KNOWN_UNTIL, known);
	diag_error(&c->diag, &node->range,
		   "`as_of` is %s, but this svmc knows the VMMs until %s and "
		   "cannot promise that they stay so; name a day until then, or install a newer "
		   "svmkit",
		   node->text, known);
	return false;
}

static bool read_policy(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;

	uint64_t policy = 0;

	launch->policy_range = node->range;
	launch->has_policy = read_number(c, node, "policy", 64, UNIT_NONE, &policy);
	launch->head.policy = policy;
	return launch->has_policy;
}

static bool read_signature(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;
	uint32_t known;
	uint64_t value = 0;
	const char *name;

	launch->signature_range = node->range;
	for (size_t i = 0; (name = launch_signature_at(i, &known)) != NULL; i++)
		if (node->kind == NODE_SCALAR && !strcmp(node->text, name))
			value = known;
	if (!value && node->kind == NODE_SCALAR && isalpha((unsigned char)*node->text)) {
		diag_error(&c->diag, &node->range, "`vcpu_signature` is %s; the rule is a number "
			   "(CPUID Fn0000_0001_EAX), or epyc, rome, milan, genoa or turin",
			   node_quote(&c->arena, node));
		return false;
	}
	if (!value && !read_number(c, node, "vcpu_signature", 32, UNIT_NONE, &value))
		return false;
	launch->head.vcpu_signature = (uint32_t)value;
	return true;
}

static bool read_firmware(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;
	const char *text;

	launch->firmware = node;
	launch->firmware_range = node->range;
	return read_text(c, node, "firmware", &text);
}

/* `bytes` bytes, no more and no fewer. */
static bool read_hex(struct comp *c, const struct node *node, const char *what, uint8_t *out,
		     size_t bytes)
{
	size_t length = 0;

	if (node->kind == NODE_SCALAR && !read_hex_bytes(node->text, out, bytes, &length) &&
	    length == bytes)
		return true;
	diag_error(&c->diag, &node->range, "`%s` is %s; the rule is %zu hexadecimal digits", what,
		   node_quote(&c->arena, node), 2 * bytes);
	return false;
}

static bool read_sha256(struct comp *c, const struct node *node, void *into)
{
	return read_hex(c, node, "sha256", into, 32);
}

static const struct key digest_keys[] = { { "sha256", read_sha256, true, 0 } };
KEY_TABLE(launch_digest_keys, digest_keys);

static bool read_hashed(struct comp *c, const struct node *node, struct spec_launch *launch,
			enum launch_file which, const char *what)
{
	const char *text;

	launch->file_range[which] = node->range;
	if (node->kind == NODE_MAP) {
		launch->has_digest[which] = true;
		return read_map(c, node, what, digest_keys, 1, launch->digest[which]);
	}
	launch->file[which] = node;
	if (which == LAUNCH_CMDLINE && node->kind == NODE_SCALAR)
		return true;
	return read_text(c, node, what, &text);
}

static bool read_kernel(struct comp *c, const struct node *node, void *into)
{
	return read_hashed(c, node, into, LAUNCH_KERNEL, "kernel");
}

static bool read_initrd(struct comp *c, const struct node *node, void *into)
{
	return read_hashed(c, node, into, LAUNCH_INITRD, "initrd");
}

static bool read_cmdline(struct comp *c, const struct node *node, void *into)
{
	return read_hashed(c, node, into, LAUNCH_CMDLINE, "cmdline");
}

static bool read_family(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;

	return read_hex(c, node, "family_id", launch->head.family_id, 16);
}

static bool read_image(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;

	return read_hex(c, node, "image_id", launch->head.image_id, 16);
}

static bool read_svn(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;
	uint64_t value = 0;

	if (!read_number(c, node, "guest_svn", 32, UNIT_NONE, &value))
		return false;
	launch->head.guest_svn = (uint32_t)value;
	return true;
}

static const struct key id_keys[] = {
	{ "family_id", read_family, false, 0 }, { "image_id", read_image, false, 0 },
	{ "guest_svn", read_svn, false, 0 },
};
KEY_TABLE(launch_id_keys, id_keys);

static bool read_id_block(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;

	launch->id_block_range = node->range;
	launch->head.flags |= SVMT_LAUNCH_F_ID_BLOCK;
	return read_map(c, node, "id_block", id_keys, sizeof(id_keys) / sizeof(id_keys[0]), launch);
}

static bool read_row_at(struct comp *c, const struct node *node, void *into)
{
	struct svmt_launch_row *row = into;
	uint64_t gpa = 0;
	const bool good = read_number(c, node, "at", 64, UNIT_SIZE, &gpa);

	row->gpa = gpa;
	return good;
}

static bool read_row_size(struct comp *c, const struct node *node, void *into)
{
	struct svmt_launch_row *row = into;
	uint64_t bytes = 0;
	const bool good = read_number(c, node, "size", 64, UNIT_SIZE, &bytes);

	row->bytes = bytes;
	return good;
}

static bool read_row_type(struct comp *c, const struct node *node, void *into)
{
	struct svmt_launch_row *row = into;
	const uint32_t type = node->kind == NODE_SCALAR ? launch_type_find(node->text) : 0;

	row->type = type;
	if (type && type != SVMT_PAGE_VMSA)
		return true;
	diag_error(&c->diag, &node->range, "`type` is %s; the rule is normal, zero, unmeasured, "
		   "secrets or cpuid", node_quote(&c->arena, node));
	return false;
}

static const struct key row_keys[] = {
	{ "at", read_row_at, true, 0 }, { "size", read_row_size, true, 0 },
	{ "type", read_row_type, false, 0 },
};
KEY_TABLE(launch_row_keys, row_keys);

static bool read_rows(struct comp *c, const struct node *node, void *into)
{
	struct spec_launch *launch = into;
	bool good = want_list(c, node, "launch");

	launch->rows_range = node->range;
	if (good && node->count > LAUNCH_MAX_ROWS) {
		diag_error(&c->diag, &node->range, "`launch` has %zu items; at most %u",
			   node->count, LAUNCH_MAX_ROWS);
		return false;
	}
	for (size_t i = 0; good && i < node->count; i++) {
		struct svmt_launch_row row = { .type = SVMT_PAGE_NORMAL };

		good = read_map(c, node->items[i], "an item of launch", row_keys,
				sizeof(row_keys) / sizeof(row_keys[0]), &row);
		launch_add_row(c, row.gpa, row.bytes, row.type, "the launch item",
			       &node->items[i]->range);
	}
	return good;
}

/* `features` is read by hand: signed names are relative to the profile. */
static const struct key keys[] = {
	{ "kind", read_kind, true, 0 }, { "vmm", read_vmm, true, 0 },
	{ "as_of", read_as_of, false, 0 }, { "policy", read_policy, false, 0 },
	{ "features", NULL, false, 0 }, { "vcpu_signature", read_signature, false, 0 },
	{ "firmware", read_firmware, false, 0 }, { "kernel", read_kernel, false, 0 },
	{ "initrd", read_initrd, false, 0 }, { "cmdline", read_cmdline, false, 0 },
	{ "id_block", read_id_block, false, 0 }, { "launch", read_rows, false, 0 },
};
KEY_TABLE(launch_keys, keys);

static bool find_vmm_profile(struct comp *c)
{
	struct spec_launch *launch = &c->spec.launch;
	const char *vmm = launch_vmm_name(launch->head.vmm);
	struct launch_profile oldest;
	char date[16];

	c->spec.profile_range = launch->vmm_range;
	if (launch->head.vmm == SVMT_VMM_RAW)
		return true;
	if (!launch->head.as_of) {
		diag_error(&c->diag, &launch->range, "confidential has no `as_of`; `vmm: %s` gives "
			   "vCPUs other registers at other times, so name the day", vmm);
		return false;
	}
	launch->profile = launch_profile_of(c, vmm, launch->head.as_of);
	if (launch->profile) {
		c->spec.profile = launch_profile_shell(c);
		return true;
	}
	for (size_t i = 0; launch_profile_at(i, &oldest); i++)
		if (!strcmp(oldest.vmm, vmm))
			break;
	launch_date(oldest.since, date);
	diag_error(&c->diag, &launch->as_of_range, "no profile of %s is that old; the oldest is of "
		   "%s", vmm, date);
	return false;
}

static bool read_features(struct comp *c, const struct node *node)
{
	struct spec_launch *launch = &c->spec.launch;
	const bool snp = launch->head.kind == SVMT_LAUNCH_SEV_SNP;
	uint64_t features = launch_default_features(launch);

	launch->head.features = features;
	if (!node)
		return true;
	launch->features_range = node->range;
	if (!read_flags(c, node, "sev_features", features, &features))
		return false;
	launch->has_features = true;
	launch->head.features = features;
	if ((features & 1) == snp)
		return true;
	diag_error(&c->diag, &node->range,
		   snp ? "`features` are without SNPActive, but the guest is "
			 "sev-snp; add it"
		       : "`features` have SNPActive, but the guest is sev-es; remove "
			 "it, or write `kind: sev-snp`");
	return false;
}

static bool check_policy(struct comp *c)
{
	struct spec_launch *launch = &c->spec.launch;
	const bool snp = launch->head.kind == SVMT_LAUNCH_SEV_SNP;

	if (!launch->has_policy)
		launch->head.policy = snp ? SNP_POLICY_DEFAULT : ES_POLICY_DEFAULT;
	if (launch->head.policy & (snp ? 1u << 17 : 1u << 2))
		return true;
	diag_error(&c->diag, &launch->policy_range,
		   snp ? "the policy lacks bit 17, which must be one "
			 "for sev-snp"
		       : "the policy lacks bit 2, which makes the guest sev-es");
	return false;
}

static bool check_signature(struct comp *c, bool given)
{
	struct spec_launch *launch = &c->spec.launch;
	const bool wanted = launch->head.vmm == SVMT_VMM_QEMU;

	if (wanted == given)
		return true;
	if (wanted)
		diag_error(
			&c->diag, &launch->range,
			"confidential has no `vcpu_signature`; QEMU "
			"puts it into RDX, so name the processor, as in `vcpu_signature: milan`");
	else
		diag_error(&c->diag, &launch->signature_range,
			   "`vcpu_signature` is for `vmm: qemu`; "
			   "%s does not put it anywhere",
			   launch_vmm_name(launch->head.vmm));
	return false;
}

/* Keys that go together or not at all. */
static bool check_files(struct comp *c)
{
	static const char *const names[] = { "kernel", "initrd", "cmdline" };
	const struct spec_launch *launch = &c->spec.launch;
	const bool kernel = launch->file_range[LAUNCH_KERNEL].source;
	bool good = true;

	for (int i = 0; i < LAUNCH_FILES; i++) {
		if (!launch->file_range[i].source || (launch->firmware && kernel))
			continue;
		diag_error(&c->diag, &launch->file_range[i], launch->firmware ?
			   "`%s` without `kernel`: firmware is told of all three or of none" :
			   "`%s` without `firmware`, which is what looks at the hashes", names[i]);
		good = false;
	}
	if (launch->firmware && launch->rows_range.source) {
		diag_error(&c->diag, &launch->rows_range, "`launch` beside `firmware`, which says "
			   "itself what is measured; remove one");
		diag_note(&c->diag, &launch->firmware_range, "the firmware is here");
		good = false;
	} else if (launch->head.vmm != SVMT_VMM_RAW && !launch->firmware &&
		   !launch->rows_range.source) {
		diag_error(&c->diag, &launch->range, "confidential has neither `firmware` nor "
			   "`launch`; %s launches a firmware, so name its file",
			   launch_vmm_name(launch->head.vmm));
		good = false;
	}
	if (launch->id_block_range.source && launch->head.kind != SVMT_LAUNCH_SEV_SNP) {
		diag_error(&c->diag, &launch->id_block_range, "`id_block` is for sev-snp; a sev-es "
			   "guest has none");
		good = false;
	}
	return good;
}

void launch_read(struct comp *c)
{
	struct spec_launch *launch = &c->spec.launch;
	const struct node *node = node_get(c->root, "confidential");
	bool good;

	if (!node)
		return;
	launch->range = node->range;
	good = read_map(c, node, "confidential", keys, sizeof(keys) / sizeof(keys[0]), launch);
	/* What is not known must not make registers unknown, too. */
	if (!launch->head.kind)
		launch->head.kind = SVMT_LAUNCH_SEV_SNP;
	good = good && find_vmm_profile(c);
	if (good) {
		good = read_features(c, node_get(node, "features"));
		good &= check_policy(c);
		good &= check_signature(c, node_get(node, "vcpu_signature") != NULL);
		good &= check_files(c);
	}
	if (!good)
		c->spec.bad |= PART_LAUNCH | PART_PROFILE;
}
