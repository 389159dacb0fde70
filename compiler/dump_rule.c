/* SPDX-License-Identifier: MIT */
/* Parts of a finer exit rule as text, for svmc dump, decompile and graph. */
#include <inttypes.h>
#include <stdio.h>
#include <svmkit/vmcb.h>
#include "dump.h"

const char *dump_rule_access(const struct svmrt_exit_rule *rule)
{
	if (rule->code == SVM_EXIT_CODE_CPUID || !rule->access ||
	    rule->access == (SVMRT_ON_READ | SVMRT_ON_WRITE))
		return "";
	return rule->access == SVMRT_ON_READ ? "read" : "write";
}

bool dump_rule_value(const struct svmrt_exit_rule *rule)
{
	return rule->action == SVMRT_DO_TABLE && rule->access &&
	       (rule->code == SVM_EXIT_CODE_IOIO || rule->code == SVM_EXIT_CODE_NPF);
}

void dump_rule_range(const struct svmrt_exit_rule *rule, char text[48])
{
	int length = snprintf(text, 48, "0x%" PRIx64, (uint64_t)rule->first);

	if (rule->last != rule->first)
		snprintf(text + length, 48 - (size_t)length, "-0x%" PRIx64, (uint64_t)rule->last);
}
