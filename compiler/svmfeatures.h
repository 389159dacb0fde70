/* SPDX-License-Identifier: MIT */
/* Which SVM features (bits of CPUID 8000_000A EDX) the fields and intercepts of a VMCB need. */
#ifndef SVMC_SVMFEATURES_H
#define SVMC_SVMFEATURES_H

#include "comp.h"

enum { FEATURE_NONE = -1, FEATURE_UNKNOWN = -2 };

/* Bit of EDX that a row of the tables needs, or one of the above. */
int field_feature(const struct vmcb_field_info *field);
int intercept_feature(const struct svm_intercept_info *intercept);

/* Bits that the selected set's VMCB needs. */
uint32_t features_of_vmcb(const struct comp *c);

/* Whether all bits of the field are clear, however wide it is. */
bool field_is_zero(const struct svmk_vmcb *vmcb, const struct vmcb_field_info *field);

#endif
