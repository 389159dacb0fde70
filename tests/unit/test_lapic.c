// SPDX-License-Identifier: MIT
/*
 * The local APIC's pure model, enumerated: priorities over all vectors and TPRs, every transition of
 * IA32_APIC_BASE, every destination, the timer's arithmetic, every x2APIC MSR.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lapic.h"

#define XAPIC (SVMRT_APIC_DEFAULT_BASE | SVMRT_APIC_AE)
#define X2APIC (XAPIC | SVMRT_APIC_EXTD)
#define MASK 0xfffffff000ULL

static struct svmrt_lapic apic;
static struct svmrt_apic_msg msg;

static void ack(unsigned int vector)
{
	svmrt_lapic_take(&apic, vector);
	svmrt_lapic_serve(&apic, vector);
}

static void fresh(uint32_t id, uint64_t base)
{
	svmrt_lapic_reset(&apic, id, base);
	svmrt_lapic_write(&apic, APIC_REG_SVR, 0x1ff, 0, &msg);
}

static void a_vector_is_delivered_if_its_class_is_above_tpr_and_what_is_served(void **state)
{
	unsigned int vector, tpr, served;

	(void)state;
	for (vector = 16; vector < 256; vector++)
		for (tpr = 0; tpr < 256; tpr += 5)
			for (served = 0; served < 256; served += 7) {
				unsigned int ppr = tpr;

				fresh(0, XAPIC);
				apic.tpr = tpr;
				if (served >= 16) {
					assert_true(svmrt_lapic_accept(&apic, served, 0));
					ack(served);
					if (served >> 4 > tpr >> 4)
						ppr = served & 0xf0;
				}
				assert_int_equal(ppr, svmrt_lapic_ppr(&apic));
				assert_true(svmrt_lapic_accept(&apic, vector, 0));
				assert_int_equal(vector >> 4 > ppr >> 4 ? (int)vector : -1,
						 svmrt_lapic_pending(&apic));
			}
}

static void the_virtual_wire_takes_interrupts_of_the_pic_and_nmis(void **state)
{
	(void)state;
	svmrt_lapic_reset(&apic, 0, XAPIC);
	assert_false(svmrt_lapic_local(&apic, LVT_LINT1, &msg));
	svmrt_lapic_virtual_wire(&apic);
	assert_true(svmrt_lapic_on(&apic));
	assert_true(svmrt_lapic_local(&apic, LVT_LINT0, &msg));
	assert_int_equal(APIC_EXTINT, msg.mode);
	assert_true(svmrt_lapic_local(&apic, LVT_LINT1, &msg));
	assert_int_equal(APIC_NMI, msg.mode);
}

static void interrupts_end_in_the_order_of_their_priority(void **state)
{
	unsigned int a, b;

	(void)state;
	for (a = 16; a < 256; a++)
		for (b = 16; b < 256; b += 3) {
			unsigned int high = a > b ? a : b, low = a > b ? b : a;

			if (a == b)
				continue;
			fresh(0, XAPIC);
			svmrt_lapic_accept(&apic, a, 1);
			svmrt_lapic_accept(&apic, b, 0);
			assert_int_equal(high, svmrt_lapic_pending(&apic));
			ack(low);
			ack(high);
			/* Only a level-triggered vector is told. */
			assert_int_equal(high == a ? APIC_DO_EOI : 0,
					 svmrt_lapic_write(&apic, APIC_REG_EOI, 0, 0, &msg));
			assert_int_equal(low == a ? APIC_DO_EOI : 0,
					 svmrt_lapic_write(&apic, APIC_REG_EOI, 0, 0, &msg));
			assert_int_equal(a, msg.vector);
			assert_int_equal(0, svmrt_lapic_write(&apic, APIC_REG_EOI, 0, 0, &msg));
		}
}

/* It is on its way to the core, taken or not, while the same one arrives again. */
static void a_vector_that_arrives_during_delivery_is_not_lost(void **state)
{
	unsigned int v, taken;

	(void)state;
	for (v = 16; v < 256; v++)
		for (taken = 0; taken < 2; taken++) {
			fresh(0, XAPIC);
			assert_true(svmrt_lapic_accept(&apic, v, 0));
			assert_false(svmrt_lapic_accept(&apic, v, 0));	/* one is enough */
			svmrt_lapic_take(&apic, v);
			assert_int_equal(-1, svmrt_lapic_pending(&apic));
			assert_true(svmrt_lapic_accept(&apic, v, 0));
			if (!taken) {
				svmrt_lapic_put_back(&apic, v);
				assert_int_equal(v, svmrt_lapic_pending(&apic));
				continue;
			}
			svmrt_lapic_serve(&apic, v);
			assert_int_equal(-1, svmrt_lapic_pending(&apic));
			svmrt_lapic_write(&apic, APIC_REG_EOI, 0, 0, &msg);
			assert_int_equal(v, svmrt_lapic_pending(&apic));
		}
}

static void illegal_vectors_are_errors_and_not_interrupts(void **state)
{
	uint32_t value;
	unsigned int v;

	(void)state;
	for (v = 0; v < 16; v++) {
		fresh(0, XAPIC);
		svmrt_lapic_write(&apic, APIC_REG_LVT + LVT_ERROR * 16, 0x33, 0, &msg);
		assert_false(svmrt_lapic_accept(&apic, v, 0));
		assert_int_equal(0x33, svmrt_lapic_pending(&apic));
		svmrt_lapic_read(&apic, APIC_REG_ESR, 0, &value);
		assert_int_equal(0, value);	/* latched by a write only */
		svmrt_lapic_write(&apic, APIC_REG_ESR, 0, 0, &msg);
		svmrt_lapic_read(&apic, APIC_REG_ESR, 0, &value);
		assert_int_equal(ESR_RECEIVE_ILLEGAL, value);
		assert_int_equal(0, svmrt_lapic_write(&apic, APIC_REG_ICR, v, 0, &msg));
		svmrt_lapic_write(&apic, APIC_REG_ESR, 0, 0, &msg);
		svmrt_lapic_read(&apic, APIC_REG_ESR, 0, &value);
		assert_int_equal(ESR_SEND_ILLEGAL, value);
	}
	/* The error vector may be illegal itself. */
	fresh(0, XAPIC);
	svmrt_lapic_write(&apic, APIC_REG_LVT + LVT_ERROR * 16, 0x3, 0, &msg);
	assert_false(svmrt_lapic_accept(&apic, 2, 0));
	assert_int_equal(-1, svmrt_lapic_pending(&apic));
}

static void an_apic_that_is_off_takes_nothing(void **state)
{
	(void)state;
	svmrt_lapic_reset(&apic, 0, XAPIC);
	assert_false(svmrt_lapic_accept(&apic, 0x40, 0));	/* software-disabled */
	fresh(0, SVMRT_APIC_DEFAULT_BASE);
	assert_false(svmrt_lapic_accept(&apic, 0x40, 0));
	assert_int_equal(-1, svmrt_lapic_pending(&apic));
	/* Software disable masks every LVT entry. */
	fresh(0, XAPIC);
	svmrt_lapic_write(&apic, APIC_REG_LVT, 0x40, 0, &msg);
	assert_true(svmrt_lapic_local(&apic, LVT_TIMER, &msg));
	svmrt_lapic_write(&apic, APIC_REG_SVR, 0xff, 0, &msg);
	svmrt_lapic_write(&apic, APIC_REG_LVT, 0x40, 0, &msg);
	assert_false(svmrt_lapic_local(&apic, LVT_TIMER, &msg));
}

/* APM volume 2, figure 16-29, by hand: from (row) to (column) in the order off, EXTD alone, xAPIC, x2APIC. */
static void apic_base_goes_only_where_the_manual_lets_it(void **state)
{
	static const uint64_t modes[] = { 0, SVMRT_APIC_EXTD, SVMRT_APIC_AE,
					  SVMRT_APIC_AE | SVMRT_APIC_EXTD };
	static const char allowed[4][5] = { "1010", "0000", "1011", "1001" };
	unsigned int from, to, bit;

	(void)state;
	for (from = 0; from < 4; from++)
		for (to = 0; to < 4; to++) {
			uint32_t did;

			if (from == 1)
				continue;
			fresh(3, SVMRT_APIC_DEFAULT_BASE | modes[from]);
			did = svmrt_lapic_set_base(&apic, SVMRT_APIC_DEFAULT_BASE | modes[to], MASK);
			assert_int_equal(allowed[from][to] != '1', !!(did & APIC_DO_GP));
			assert_int_equal(SVMRT_APIC_DEFAULT_BASE |
					 modes[allowed[from][to] == '1' ? to : from], apic.base);
		}
	for (bit = 0; bit < 64; bit++) {
		int known = bit == 8 || bit == 11 || (bit >= 12 && bit < 40);

		fresh(0, XAPIC);
		if (bit != 10)
			assert_int_equal(known ? 0 : APIC_DO_GP,
					 svmrt_lapic_set_base(&apic, XAPIC | 1ULL << bit, MASK));
	}
}

static void destinations_match_as_in_the_manual(void **state)
{
	unsigned int id, dest, ldr;

	(void)state;
	for (id = 0; id < 255; id += 3)
		for (dest = 0; dest < 256; dest++) {
			msg = (struct svmrt_apic_msg) { .dest = dest };
			fresh(id, XAPIC);
			assert_int_equal(dest == id || dest == 255, svmrt_lapic_matches(&apic, &msg));
			fresh(id, X2APIC);
			assert_int_equal(dest == id || dest == 255, svmrt_lapic_matches(&apic, &msg));
			msg.x2apic = 1;
			assert_int_equal(dest == id, svmrt_lapic_matches(&apic, &msg));
			msg.logical = 1;
			msg.dest = 1u << (dest & 15) | (id >> 4) << 16;
			assert_int_equal((dest & 15) == (id & 15), svmrt_lapic_matches(&apic, &msg));
			msg.dest ^= 0x10000;
			assert_false(svmrt_lapic_matches(&apic, &msg));
			msg.dest = 0xffffffff;
			assert_true(svmrt_lapic_matches(&apic, &msg));
		}
	for (ldr = 0; ldr < 256; ldr++)
		for (dest = 0; dest < 256; dest++) {
			msg = (struct svmrt_apic_msg) { .dest = dest, .logical = 1 };
			fresh(0, XAPIC);
			svmrt_lapic_write(&apic, APIC_REG_LDR, ldr << 24, 0, &msg);
			assert_int_equal((ldr & dest) != 0, svmrt_lapic_matches(&apic, &msg));
			svmrt_lapic_write(&apic, APIC_REG_DFR, 0, 0, &msg);
			assert_int_equal(dest == 255 || (ldr >> 4 == dest >> 4 && (ldr & dest & 15)),
					 svmrt_lapic_matches(&apic, &msg));
		}
}

static void messages_say_what_address_and_data_say(void **state)
{
	(void)state;
	assert_false(svmrt_apic_decode_msi(0xfed00000, 0x40, &msg));
	assert_false(svmrt_apic_decode_msi(0xfee00000, 0x10040, &msg));
	assert_true(svmrt_apic_decode_msi(0xfee12004, 0xc155, &msg));
	assert_true(msg.dest == 0x12 && msg.logical && msg.vector == 0x55 && msg.level &&
		    msg.mode == APIC_LOWEST && !msg.deassert);
	assert_true(svmrt_apic_decode_msi(0xfee12000, 0x8055, &msg) && msg.deassert);
	assert_true(svmrt_apic_decode_msi(0x0000010000000000ULL | 0xfee01000, 0x40, &msg));
	assert_true(msg.dest == 0x101 && msg.x2apic);
}

static void the_timer_counts_down_divided(void **state)
{
	static const uint32_t divisors[] = { 2, 4, 8, 16, 32, 64, 128, 1 };
	unsigned int code, mode;
	uint64_t now;

	(void)state;
	for (mode = 0; mode < 3; mode++)
		for (code = 0; code < 8; code++) {
			fresh(0, XAPIC);
			svmrt_lapic_write(&apic, APIC_REG_LVT, 0x40 | mode << 17, 0, &msg);
			svmrt_lapic_write(&apic, APIC_REG_TDCR, (code & 3) | (code & 4) << 1, 0, &msg);
			svmrt_lapic_write(&apic, APIC_REG_TMICT, 1000, 5000, &msg);
			assert_int_equal(mode < 2 ? 1000u * divisors[code] : 0,
					 svmrt_lapic_period_ns(&apic));
			for (now = 5000; now < 5000 + 3000ULL * divisors[code]; now += 77) {
				uint64_t ticks = (now - 5000) / divisors[code];
				uint32_t want = mode == 2 ? 0 : mode == 1 ?
					1000 - (uint32_t)(ticks % 1000) :
					ticks < 1000 ? 1000 - (uint32_t)ticks : 0;

				assert_int_equal(want, svmrt_lapic_count(&apic, now));
			}
		}
	/* Another divisor goes on from the same count. */
	fresh(0, XAPIC);
	svmrt_lapic_write(&apic, APIC_REG_TDCR, 0xb, 0, &msg);
	svmrt_lapic_write(&apic, APIC_REG_TMICT, 1000, 0, &msg);
	assert_int_equal(600, svmrt_lapic_count(&apic, 400));
	assert_int_equal(APIC_DO_TIMER, svmrt_lapic_write(&apic, APIC_REG_TDCR, 0, 400, &msg));
	assert_int_equal(600, svmrt_lapic_count(&apic, 400));
	assert_int_equal(500, svmrt_lapic_count(&apic, 600));
	/* Another mode stops it. */
	assert_int_equal(APIC_DO_TIMER, svmrt_lapic_write(&apic, APIC_REG_LVT, 0x40040, 0, &msg));
	assert_int_equal(0, svmrt_lapic_period_ns(&apic));
}

/* MSRs that exist in x2APIC mode: r read, w write 0, W write anything that is no reserved bit. */
static const char *x2apic_access(uint32_t msr)
{
	switch (msr) {
	case 0x802: case 0x803: case 0x80a: case 0x80d: case 0x839: return "r";
	case 0x80b: return "w";
	case 0x828: return "rw";
	case 0x808: case 0x80f: case 0x830: case 0x838: case 0x83e: return "rW";
	case 0x83f: return "W";
	default:
		return (msr >= 0x810 && msr < 0x828) ? "r" : (msr >= 0x832 && msr <= 0x837) ? "rW" : "";
	}
}

static void every_x2apic_msr_exists_or_faults(void **state)
{
	uint32_t msr;
	__u64 value;

	(void)state;
	for (msr = 0x800; msr < 0x900; msr++) {
		const char *access = x2apic_access(msr);

		fresh(0, X2APIC);
		assert_int_equal(strchr(access, 'r') != NULL,
				 svmrt_lapic_read_msr(&apic, msr, 0, &value));
		assert_int_equal(strpbrk(access, "wW") == NULL,
				 !!(svmrt_lapic_write_msr(&apic, msr, 0, 0, &msg) & APIC_DO_GP));
		if (strchr(access, 'w'))
			assert_true(svmrt_lapic_write_msr(&apic, msr, 1, 0, &msg) & APIC_DO_GP);
		if (msr != 0x830)
			assert_true(svmrt_lapic_write_msr(&apic, msr, 1ULL << 40, 0, &msg) & APIC_DO_GP);
		fresh(0, XAPIC);
		assert_false(svmrt_lapic_read_msr(&apic, msr, 0, &value));
		assert_true(svmrt_lapic_write_msr(&apic, msr, 0, 0, &msg) & APIC_DO_GP);
	}
	fresh(5, X2APIC);
	assert_int_equal(APIC_DO_SEND, svmrt_lapic_write_msr(&apic, 0x830, 0x0000012300004840, 0, &msg));
	assert_true(msg.dest == 0x123 && msg.vector == 0x40 && msg.logical && msg.x2apic);
	assert_int_equal(APIC_DO_SEND, svmrt_lapic_write_msr(&apic, 0x83f, 0x55, 0, &msg));
	assert_true(msg.shorthand == 1 && msg.vector == 0x55);
	/* Bits of LINT0 that are only read may be written, as Linux does, and stay what they are. */
	assert_false(svmrt_lapic_write_msr(&apic, 0x835, 0x5700, 0, &msg) & APIC_DO_GP);
	assert_int_equal(apic.lvt[LVT_LINT0] & 0xffff, 0x700);
	assert_true(svmrt_lapic_write_msr(&apic, 0x832, 0x4040, 0, &msg) & APIC_DO_GP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vector_is_delivered_if_its_class_is_above_tpr_and_what_is_served),
		cmocka_unit_test(interrupts_end_in_the_order_of_their_priority),
		cmocka_unit_test(the_virtual_wire_takes_interrupts_of_the_pic_and_nmis),
		cmocka_unit_test(a_vector_that_arrives_during_delivery_is_not_lost),
		cmocka_unit_test(illegal_vectors_are_errors_and_not_interrupts),
		cmocka_unit_test(an_apic_that_is_off_takes_nothing),
		cmocka_unit_test(apic_base_goes_only_where_the_manual_lets_it),
		cmocka_unit_test(destinations_match_as_in_the_manual),
		cmocka_unit_test(messages_say_what_address_and_data_say),
		cmocka_unit_test(the_timer_counts_down_divided),
		cmocka_unit_test(every_x2apic_msr_exists_or_faults),
	};

	return cmocka_run_group_tests_name("lapic", tests, NULL, NULL);
}
