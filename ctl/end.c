/* SPDX-License-Identifier: MIT */
/*
 * One table for both views of an end, so that a new reason cannot get a text without a status.
 */
#include <stdio.h>
#include <string.h>
#include "end.h"
#include "text.h"

static const struct {
	const char *reason;
	int status;		/* enum ctl_status */
	const char *text;
} reasons[] = {
	{ "stop", CTL_OK, "the guest ended by exit policy `stop`" },
	{ "debug-exit", CTL_OK, "the guest wrote to its debug-exit port" },
	{ "power-off", CTL_OK, "the guest switched its power off" },
	{ "reset", CTL_RESET, "the guest reset its machine" },
	{ "shutdown", CTL_SHUTDOWN, "the guest shut down (triple fault)" },
	{ "invalid", CTL_INVALID, "VMRUN refused the guest's state (VMEXIT_INVALID)" },
	{ "broken", CTL_BROKEN, "the module could not continue the guest" },
	{ "error", CTL_BROKEN, "the daemon could not finish an exit of the guest" },
	{ "requested", CTL_STOPPED, "the guest was stopped on request" },
	{ "limit", CTL_STOPPED, "the guest reached a limit of its VM" },
};

static int find_reason(const char *reason)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!strcmp(reasons[i].reason, reason))
			return (int)i;
	}
	return -1;
}

int end_status(const cJSON *end)
{
	int i = find_reason(json_text(end, "reason", ""));

	if (i < 0)
		return CTL_ERROR;
	/* A debug-exit whose status is not told has not said that all is well. */
	if (!strcmp(reasons[i].reason, "debug-exit") && json_number(end, "status", -1) != 0)
		return CTL_GUEST_STATUS;
	return reasons[i].status;
}

void end_text(char *text, size_t size, const cJSON *end)
{
	const char *reason = json_text(end, "reason", "(none)");
	const char *exit_name = json_text(end, "exit", ""), *rip = json_text(end, "rip", "");
	const char *more = json_text(end, "text", "");
	const cJSON *status = json_member(end, "status");
	char raw[512], code[32] = "";
	int i = find_reason(reason);

	if (cJSON_IsNumber(status))
		snprintf(code, sizeof(code), ", status %.0f", status->valuedouble);
	snprintf(raw, sizeof(raw), "%s%.40s: vCPU %.0f%s%.32s%s%.20s%s%s%.200s",
		 i < 0 ? "the guest ended for a reason that svmctl does not know, " : reasons[i].text,
		 i < 0 ? reason : "", json_number(end, "vcpu", 0), *exit_name ? ", exit " : "",
		 exit_name, *rip ? " at rip=" : "", rip, code, *more ? ": " : "", more);
	text_escape(text, size, raw, strlen(raw), sizeof(raw));
}
