/* SPDX-License-Identifier: MIT */
/* Applying a profile, and the one place that knows where a register of vcpus.state lives. */
#include <string.h>
#include "profile.h"
#include "wide.h"

const struct profile *profile_find(const char *name)
{
	for (size_t i = 0; profiles[i]; i++)
		if (!strcmp(profiles[i]->name, name))
			return profiles[i];
	return NULL;
}

/* The VMCB has a save area for confidential guests too, which svmc checks as it does others. */
static bool find_in_vmsa(struct comp *c, const char *name, struct register_place *place)
{
	const struct vmsa_field_info *field = vmsa_field_find(name);

	if (!strcmp(name, "vmsa_gpa")) {
		place->word = (__u64 *)c->spec.vmsa_gpa;
		return true;
	}
	if (!field || field->reserved)
		return false;
	place->vmsa = field;
	place->field = vmsa_shared(field);
	place->bits = field->bytes * 8u;
	return true;
}

uint64_t profile_get(const struct profile *profile, const char *field)
{
	uint64_t value = 0;

	for (const struct profile_value *v = profile->values; *v->field; v++)
		if (text_is(v->field, field))
			value = v->value;
	return value;
}

/* A register of 64 bits that the register page holds, or NULL. */
static __u64 *find_word(struct svmrt_vcpu_state *state, const char *name)
{
	for (unsigned int i = 0; i < 16; i++)
		if (svmrt_gpr_name[i][1] == name[1] && !strcmp(svmrt_gpr_name[i], name))
			return &state->gpr[i];
	if (!strncmp(name, "dr", 2) && name[2] >= '0' && name[2] <= '3' && !name[3])
		return &state->dr[name[2] - '0'];
	return strcmp(name, "xcr0") ? NULL : &state->xcr0;
}

bool register_find(struct comp *c, const char *name, struct register_place *place)
{
	struct svmrt_vcpu_state *state = c->spec.state;
	const struct vmcb_field_info *field = vmcb_field_find(name, true);

	*place = (struct register_place){ .bits = 64 };
	if (c->spec.launch.head.kind)
		return find_in_vmsa(c, name, place);
	if (field) {
		place->field = field;
		place->bits = field->bytes * 8u;
		/* Reserved ranges have no name in the language. */
		return field->loaded_by != VMCB_BY_NOTHING;
	}
	place->word = find_word(state, name);
	for (size_t i = 0; !place->word && fxsave_register(i); i++) {
		const struct fxsave_register *reg = fxsave_register(i);

		if (strcmp(reg->name, name))
			continue;
		place->bytes = &state->fxsave[reg->offset];
		place->bits = reg->bytes * 8u;
	}
	return place->word || place->bytes;
}

void register_set(struct comp *c, const struct register_place *place, uint64_t value)
{
	const struct vmcb_field_info *f = place->field;

	if (f)
		vmcb_set_field(c->spec.vmcb, f->offset, f->bytes, f->hi, f->lo, f->clean, value);
	else if (place->vmsa)
		vmsa_set(c->spec.vmsa, place->vmsa, value);
	else
		*place->word = value;
}

uint64_t register_get(const struct comp *c, const struct register_place *place)
{
	const struct vmcb_field_info *f = place->field;

	if (f)
		return vmcb_get_field(c->spec.vmcb, f->offset, f->bytes, f->hi, f->lo);
	return place->vmsa ? vmsa_get(c->spec.vmsa, place->vmsa) : *place->word;
}

static void set_intercept(struct svmk_vmcb *vmcb, const struct svm_intercept_info *row)
{
	vmcb_set_intercepts(vmcb, row->word,
			    vmcb_get_intercepts(vmcb, row->word) | 1u << row->bit);
}

static void set_intercepts(struct svmk_vmcb *vmcb)
{
	for (size_t i = 0; i < svm_intercept_count; i++)
		if (svm_intercepts[i].force == SVM_FORCE_ALWAYS)
			set_intercept(vmcb, &svm_intercepts[i]);
	for (size_t i = 0; profile_intercepts[i]; i++) {
		const struct svm_intercept_info *row = svm_intercept_find(profile_intercepts[i]);

		if (row)
			set_intercept(vmcb, row);
	}
}

void profile_apply(struct comp *c)
{
	const struct profile *profile = c->spec.profile;
	const uint32_t mxcsr = 0x1f80;	/* APM volume 1, 4.2.2: value at reset */

	for (const struct profile_value *v = profile->values; *v->field; v++) {
		struct register_place place;

		if (register_find(c, v->field, &place))
			register_set(c, &place, v->value);
	}
	if (!c->spec.launch.head.kind) {
		memcpy(c->spec.state->fxsave, &profile->fcw, sizeof(profile->fcw));
		c->spec.state->fxsave[4] = profile->ftw;
		memcpy(c->spec.state->fxsave + 24, &mxcsr, sizeof(mxcsr));
	} else if (!c->spec.launch.profile) {
		vmsa_set(c->spec.vmsa, vmsa_field_find("x87_fcw"), profile->fcw);
		vmsa_set(c->spec.vmsa, vmsa_field_find("x87_ftw"), profile->ftw);
		vmsa_set(c->spec.vmsa, vmsa_field_find("mxcsr"), mxcsr);
	}
	launch_profile_apply(c, true);
	set_intercepts(c->spec.vmcb);
	vmcb_set_NP_ENABLE(c->spec.vmcb, 1);
	vmcb_set_V_INTR_MASKING(c->spec.vmcb, 1);
}
