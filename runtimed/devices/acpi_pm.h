/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware: PM1 events and control, and the power-management timer. */
#ifndef SVMRUND_ACPI_PM_H
#define SVMRUND_ACPI_PM_H

#include "../engine.h"

struct vm;

/* 0, or -1 with `error` filled. */
int acpi_pm_add(struct vm *vm, struct engine_error *error);

#endif
