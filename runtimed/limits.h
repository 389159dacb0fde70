/* SPDX-License-Identifier: MIT */
/*
 * The built-in limits in one place; svmrund.conf(5) changes most of them (struct config_limits). A
 * request that meets one is answered with error 3 whose data names it, in lower case without LIMIT_.
 */
#ifndef SVMRUND_LIMITS_H
#define SVMRUND_LIMITS_H

#define LIMIT_CLIENTS 64u
#define LIMIT_LINE_BYTES (32u << 20)		/* templates come inline, in base64 */
#define LIMIT_INPUT_BYTES (128u << 20)		/* unfinished lines of all clients together */
#define LIMIT_NESTING 32u			/* arrays and objects in one message */
#define LIMIT_BATCH 64u				/* requests in one batch */
#define LIMIT_SUBSCRIPTIONS 64u			/* events and consoles, per client */
#define LIMIT_PENDING 256u			/* requests without an answer yet, per client */
#define LIMIT_VMS 64u
#define LIMIT_DESCRIPTORS 16u			/* received and not used yet, per client */
#define LIMIT_ACCESS_BYTES (1u << 20)		/* memory.read and memory.write */
#define LIMIT_TEMPLATES 64u
#define LIMIT_TEMPLATE_BYTES (512u << 20)	/* images of all loaded templates together */
#define LIMIT_VM_VCPUS 255u
#define LIMIT_VM_MEMORY_BYTES (1ull << 40)	/* memory of one template */
#define LIMIT_OUTPUT_BYTES (16u << 20)		/* per client; above it, it is disconnected */
#define LIMIT_STALL_MS 10000u			/* a lossless reader that stalls loses its hold */

/* Above HIGH a lossy subscriber loses events, a lossless one holds the vCPUs, until below LOW. */
#define OUTPUT_HIGH_BYTES (4u << 20)
#define OUTPUT_LOW_BYTES (1u << 20)

#define CONSOLE_HISTORY_BYTES (64u << 10)
#define CONSOLE_PENDING_BYTES (64u << 10)
#define CONSOLE_INPUT_BYTES (64u << 10)		/* error 3, limit console_input_bytes */
#define RING_ENTRIES 8192u
#define RING_ENTRIES_SILENT 64u			/* of a VM whose policy streams nothing */
#define DRAIN_BATCH 1024u			/* event records per turn of the loop and vCPU */
#define TICK_MS 50u
#define REPLAY_MAX_VMS LIMIT_VMS
#define REPLAY_MAX_VCPUS 255u
#define KICK_REPEAT_MS 100u
#define SHUTDOWN_FLUSH_MS 2000u
#define SHUTDOWN_STOP_MS 10000u

#endif
