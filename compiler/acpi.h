/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, which svmc writes into guest memory when the guest has a chipset, as firmware would
 * (ACPI 6.3). They describe the devices of lib/pc.h, the vCPUs and the spec's own devices.
 */
#ifndef SVMC_ACPI_H
#define SVMC_ACPI_H

#include "aml.h"
#include "comp.h"

/*
 * Put the tables into memory, in one block: where firmware has them (E0000h) when `memory` has that
 * place, else as high in RAM below 4 GiB as there is room. spec.acpi_gpa and spec.acpi_bytes tell where.
 */
void acpi_build(struct comp *c);

/* The body of the DSDT. */
void acpi_dsdt(struct comp *c, struct aml *aml);

#endif
