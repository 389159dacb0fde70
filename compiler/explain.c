/* SPDX-License-Identifier: MIT */
/*
 * The rows of the tables as prose for svmc explain: one function for each kind of row. What a spec
 * can set is asked of the readers, so that this page cannot promise what they refuse.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include "checks/checks.h"
#include "dump.h"
#include "explain.h"
#include "number.h"
#include "platform.h"
#include "spec_tables.h"
#include "suggest.h"
#include "vmsa.h"

static const struct rule {
	const char *id, *family, *illegal_when, *result, *decided, *host_fact, *apm;
} rules[] = {
#define SVM_RULE(id_, class_, illegal_when_, result_, decided_, host_fact_, apm_) \
	{ #id_, class_, illegal_when_, result_, decided_, host_fact_, apm_ },
#include <svmkit/consistency.def>
#undef SVM_RULE
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* Rows stand apart by an empty line. */
static void begin(FILE *out, unsigned int count)
{
	if (count)
		fputc('\n', out);
}

/* A line of a row; nothing for an empty text. */
static void say(FILE *out, const char *label, const char *text)
{
	if (*text)
		fprintf(out, "  %-10s %s\n", label, text);
}

static void show_clean(FILE *out, uint8_t clean)
{
	/* APM volume 2, 15.15.3 */
	static const char *const names[] = {
		"I", "IOPM", "ASID", "TPR", "NP", "CRx", "DRx", "DT", "SEG", "CR2", "LBR", "AVIC",
		"CET",
	};

	if (clean == VMCB_NEVER_CACHED)
		say(out, "clean bit", "none: read at every VMRUN");
	else
		fprintf(out, "  %-10s %u (%s)\n", "clean bit", clean,
			clean < sizeof(names) / sizeof(names[0]) ? names[clean] : "reserved");
}

static const char *control_access(const struct vmcb_field_info *field)
{
	static const char *const texts[] = {
		[VMCB_IN] = "read by VMRUN", [VMCB_OUT] = "written by #VMEXIT",
		[VMCB_INOUT] = "read by VMRUN, written by #VMEXIT",
		[VMCB_SBZ] = "should be zero",
		[VMCB_HOST] = "for software; the processor ignores it",
	};

	return texts[field->access];
}

static const char *save_access(const struct vmcb_field_info *field)
{
	static const char *const texts[] = {
		[VMCB_BY_VMRUN] = "loaded by VMRUN, saved by #VMEXIT",
		[VMCB_BY_VMLOAD] = "loaded by VMLOAD, saved by VMSAVE",
		[VMCB_BY_VMRUN_NP] = "loaded by VMRUN with nested paging",
		[VMCB_BY_VMRUN_LBRV] = "loaded by VMRUN with LBR virtualisation",
		[VMCB_BY_VMRUN_PMC] = "loaded by VMRUN with PMC virtualisation",
		[VMCB_BY_VMRUN_IBS] = "loaded by VMRUN with IBS virtualisation",
		[VMCB_BY_NOTHING] = "not loaded",
	};

	return texts[field->loaded_by];
}

static void show_field_spec(FILE *out, const struct vmcb_field_info *field)
{
	char lower[64] = "";

	for (size_t i = 0; field->name[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)tolower((unsigned char)field->name[i]);
	if (vcpus_take_field(field))
		fprintf(out, "  %-10s vcpus: { state: { %s: VALUE } }\n", "spec", field->name);
	else if (control_takes_field(field))
		fprintf(out, "  %-10s control: { %s: VALUE }\n", "spec", lower);
	else if (!field->save && field->offset < 6 * 4)
		say(out, "spec", "control: { intercepts: [ +NAME, -NAME ] }");
	else
		say(out, "spec", "no key: the hypervisor decides it, and a template has zero there");
	if ((vcpus_take_field(field) || control_takes_field(field)) &&
	    !svmrt_takes_field(field) && !svmrt_takes_save_field(field))
		say(out, "svmrt.ko", "refuses a template that sets it: it decides itself");
}

static void show_field(FILE *out, const struct vmcb_field_info *field)
{
	fprintf(out, "%s: VMCB field, %s area\n", field->name,
		field->save ? "state save" : "control");
	say(out, "meaning", field->meaning);
	fprintf(out, "  %-10s VMCB offset 0x%03x, %u byte%s", "place", field->offset, field->bytes,
		field->bytes == 1 ? "" : "s");
	if (field->save)
		fprintf(out, " (0x%03x of the save area)\n", field->offset - VMCB_SAVE_OFFSET);
	else if (field->hi == field->lo)
		fprintf(out, ", bit %u\n", field->lo);
	else
		fprintf(out, ", bits %u:%u\n", field->hi, field->lo);
	say(out, "access", field->save ? save_access(field) : control_access(field));
	show_clean(out, field->clean);
	say(out, "feature", field->feature);
	say(out, "rule", field->rule);
	show_field_spec(out, field);
}

static void show_vmsa_field(FILE *out, const struct vmsa_field_info *field)
{
	static const struct {
		const char *type, *text;
	} swaps[] = {
		{ "A", "loaded and saved by hardware at every world switch (type A)" },
		{ "B", "as type A; the host keeps its own in its save area (type B)" },
		{ "C", "of the guest only when a feature says so (type C)" },
		{ "guest only", "loaded by VMRUN, the host has no such register" },
	};

	fprintf(out, "%s: VMSA field\n", field->name);
	say(out, "meaning", field->meaning);
	fprintf(out, "  %-10s VMSA offset 0x%03x, %u byte%s", "place", field->offset, field->bytes,
		field->bytes == 1 ? "" : "s");
	fprintf(out, vmsa_shared(field) ? ": that of the VMCB's save area\n" : "\n");
	for (size_t i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++)
		if (!strcmp(swaps[i].type, field->swap))
			say(out, "access", swaps[i].text);
	say(out, "feature", field->feature);
	if (field->reserved)
		say(out, "spec", "no key: reserved");
	else
		fprintf(out, "  %-10s with `confidential`, vcpus: { state: { %s: VALUE } }\n",
			"spec", field->name);
}

static const char *force_text(const struct svm_intercept_info *row)
{
	if (row->force == SVM_FORCE_ALWAYS)
		return "yes: svmrt.ko sets it whatever a template says";
	if (row->force == SVM_FORCE_IF_FEATURE)
		return "where the processor has the feature: svmrt.ko sets it there";
	return "no: the template decides";
}

static void show_intercept(FILE *out, const struct svm_intercept_info *row)
{
	const struct svm_exit_info *exit = svm_exit_by_code(row->exitcode);

	fprintf(out, "%s: intercept\n", row->name);
	say(out, "meaning", row->meaning);
	fprintf(out, "  %-10s VMCB offset 0x%03x, bit %u (word %u)\n", "place", row->word * 4,
		row->bit, row->word);
	fprintf(out, "  %-10s 0x%" PRIx64 " %s\n", "exit code", row->exitcode,
		exit ? exit->name : "");
	show_clean(out, 0);
	say(out, "feature", row->feature);
	say(out, "forced", force_text(row));
	say(out, "safety", row->safety);
	if (!svmrt_takes_intercept(row))
		say(out, "svmrt.ko", "refuses a template that sets it");
	if (row->force == SVM_FORCE_ALWAYS)
		say(out, "spec", "always set; control: { intercepts: [ ... ] } cannot remove it");
	else
		fprintf(out, "  %-10s control: { intercepts: [ +%s ] } or [ -%s ]\n", "spec",
			row->name, row->name);
}

/* Whether a VMCB can report the code, and so `exits:` may name it. */
static bool in_policy(const struct svm_exit_info *row)
{
	return row->kind != SVM_KIND_GHCB && row->kind != SVM_KIND_VC_CODE &&
	       svmrt_exit_slot(row->code) >= 0;
}

static void show_exit(FILE *out, const struct svm_exit_info *row)
{
	fprintf(out, "%s: exit code 0x%" PRIx64 "\n", row->name, row->code);
	say(out, "EXITINFO1", row->exitinfo1);
	say(out, "EXITINFO2", row->exitinfo2);
	say(out, "nRIP", row->nrip ? "valid, on processors that save it (8000_000A EDX[3])"
				   : "not valid");
	say(out, "note", row->note);
	for (size_t i = 0; i < svm_intercept_count; i++)
		if (svm_intercepts[i].exitcode == row->code)
			fprintf(out, "  %-10s %s\n", "intercept", svm_intercepts[i].name);
	if (in_policy(row))
		fprintf(out, "  %-10s exits: { %s: { do: ACTION, event: CLASS } }\n", "spec",
			row->name);
	else
		say(out, "spec", "no key: a code of the GHCB protocol or of #VC, never of a VMCB");
}

/* What a guest with a chipset finds, or NULL: #GP. */
static const struct platform_msr *find_platform_msr(uint32_t index)
{
	size_t count;
	const struct platform_msr *rows = platform_msrs(&count);

	for (size_t i = 0; i < count; i++)
		if (rows[i].row.first <= index && index <= rows[i].row.last)
			return &rows[i];
	return NULL;
}

static void show_platform_msr(FILE *out, const struct platform_msr *msr)
{
	fprintf(out, "  %-10s read: ", "chipset");
	if (msr->row.read == SVMRT_MSR_VALUE)
		fprintf(out, "0x%" PRIx64, (uint64_t)msr->row.value);
	else
		fprintf(out, "%s", dump_msr_access(msr->row.read));
	fprintf(out, ", write: %s\n", dump_msr_access(msr->row.write));
	say(out, "", msr->reason);
}

static void show_msr(FILE *out, const struct svm_msr_info *msr)
{
	fprintf(out, "%s: MSR 0x%" PRIx32 "\n", msr->name, msr->index);
	say(out, "meaning", msr->meaning);
	say(out, "source", msr->source);
	say(out, "guest", msr_is_switched(msr->index) ?
		"has it without an exit, unless a row of `msrs` says otherwise" :
		"#GP, unless a row of `msrs` answers");
	if (find_platform_msr(msr->index))
		show_platform_msr(out, find_platform_msr(msr->index));
	fprintf(out, "  %-10s msrs: [ { index: %s, read: VALUE, write: ignore } ]\n", "spec",
		msr->name);
}

static const struct check *find_check(const char *name)
{
	const struct check *check;

	for (size_t i = 0; (check = check_next(i)) != NULL; i++)
		if (!strcasecmp(check->name, name))
			return check;
	return NULL;
}

static void show_rule(FILE *out, const struct rule *rule)
{
	const bool warns = rule->id[0] == 'W';

	fprintf(out, "%s: consistency rule, class %s\n", rule->id, rule->family);
	say(out, warns ? "unwise if" : "illegal if", rule->illegal_when);
	say(out, "result", rule->result);
	say(out, "decided", !strcmp(rule->decided, "yes") ? "by the template alone" :
			    !strcmp(rule->decided, "partly") ? "by the template in part" :
							       rule->decided);
	say(out, "needs", rule->host_fact);
	fprintf(out, "  %-10s APM volume 2, %s\n", "source", rule->apm);
	if (find_check(rule->id) && find_check(rule->id)->kind == CHECK_KIND_SAVE)
		fprintf(out, "  %-10s allow: [ %s ] lets the state pass\n", "spec", rule->id);
	say(out, "svmc", !find_check(rule->id) ?
		"has no check of that name: svmrt.ko or the processor decides" :
		warns ? "warns of it" : "checks it in every spec");
}

/* A check of svmc's that is no row of the facts: the man page has its words. */
static void show_check(FILE *out, const struct check *check)
{
	fprintf(out, "%s: check of svmc\n", check->name);
	say(out, "rule in", check->section);
}

/* es for es.selector and its like. */
static bool is_part_of(const char *field, const char *segment)
{
	size_t length = strlen(segment);

	return !strncasecmp(field, segment, length) && field[length] == '.';
}

static const struct rule *find_rule(const char *id)
{
	for (size_t i = 0; i < RULE_COUNT; i++)
		if (!strcasecmp(rules[i].id, id))
			return &rules[i];
	return NULL;
}

unsigned int explain(FILE *out, const char *name)
{
	const char *bare = strncasecmp(name, "VMEXIT_", 7) ? name : name + 7;
	const char *bare_msr = strncasecmp(name, "MSR_", 4) ? name : name + 4;
	const struct rule *rule = find_rule(name);
	const struct check *check = rule ? NULL : find_check(name);
	uint64_t code = 0;
	const bool number = number_parse(name, UNIT_NONE, &code) == NUMBER_GOOD;
	const struct svm_exit_info *by_code = number ? svm_exit_by_code(code) : NULL;
	unsigned int count = 0;

	for (size_t i = 0; i < vmcb_field_count; i++)
		if (!strcasecmp(vmcb_fields[i].name, name) ||
		    is_part_of(vmcb_fields[i].name, name)) {
			begin(out, count++);
			show_field(out, &vmcb_fields[i]);
		}
	for (size_t i = 0; i < vmsa_field_count; i++)
		if (!strcasecmp(vmsa_fields[i].name, name) ||
		    is_part_of(vmsa_fields[i].name, name)) {
			begin(out, count++);
			show_vmsa_field(out, &vmsa_fields[i]);
		}
	for (size_t i = 0; i < svm_intercept_count; i++)
		if (!strcasecmp(svm_intercepts[i].name, name)) {
			begin(out, count++);
			show_intercept(out, &svm_intercepts[i]);
		}
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++)
		if (!strcasecmp(svm_exits[i].name, bare) || &svm_exits[i] == by_code) {
			begin(out, count++);
			show_exit(out, &svm_exits[i]);
		}
	for (size_t i = 0; i < svm_msr_count; i++)
		if (!strcasecmp(svm_msrs[i].name, bare_msr) || (number && svm_msrs[i].index == code)) {
			begin(out, count++);
			show_msr(out, &svm_msrs[i]);
		}
	if (rule || check)
		begin(out, count++);
	if (rule)
		show_rule(out, rule);
	else if (check)
		show_check(out, check);
	return count;
}

const char *explain_nearest(const char *name)
{
	struct suggest suggest;
	const struct check *check;

	suggest_begin(&suggest, name);
	for (size_t i = 0; i < vmcb_field_count; i++)
		suggest_offer(&suggest, vmcb_fields[i].name);
	for (size_t i = 0; i < vmsa_field_count; i++)
		suggest_offer(&suggest, vmsa_fields[i].name);
	for (size_t i = 0; i < svm_intercept_count; i++)
		suggest_offer(&suggest, svm_intercepts[i].name);
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++)
		suggest_offer(&suggest, svm_exits[i].name);
	for (size_t i = 0; i < svm_msr_count; i++)
		suggest_offer(&suggest, svm_msrs[i].name);
	for (size_t i = 0; i < RULE_COUNT; i++)
		suggest_offer(&suggest, rules[i].id);
	for (size_t i = 0; (check = check_next(i)) != NULL; i++)
		suggest_offer(&suggest, check->name);
	return suggest.best;
}
