/* SPDX-License-Identifier: MIT */
/*
 * QEMU's firmware configuration device (docs/specs/fw_cfg in QEMU's sources): how firmware, and a
 * kernel's qemu_fw_cfg, ask the machine about itself. Reads only: no item can be written.
 */
#ifndef SVMRUND_FW_CFG_H
#define SVMRUND_FW_CFG_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int fw_cfg_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
