/* SPDX-License-Identifier: MIT */
/*
 * The guest's end of the lab where there is no virtio port but a serial line and a disk (Bochs):
 * becomes the agent, with a child of it that carries the agent's bytes. The child drives the disk
 * by itself, with programmed I/O: no driver could move a sector in fewer instructions. When the
 * line ends, so does the agent's port, and the agent powers the appliance off.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/socket.h>
#include <unistd.h>

#include "carry.h"
#include "exec.h"
#include "fd.h"

#define AGENT_FD 3

/* The primary channel's second drive; bochs_load.c drives the first. */
#define ATA_DATA 0x1f0
#define ATA_COUNT 0x1f2
#define ATA_LBA 0x1f3
#define ATA_DRIVE 0x1f6
#define ATA_COMMAND 0x1f7
#define ATA_CONTROL 0x3f6
#define ATA_NO_INTERRUPTS 2
#define ATA_SECOND_DRIVE_LBA 0xf0
#define ATA_READ_SECTORS 0x20
#define ATA_WRITE_SECTORS 0x30
#define ATA_BUSY 0x80
#define ATA_READY_FOR_DATA 0x08
#define ATA_ERROR 0x01
#define SECTOR_BYTES 512u

static int fail(const char *what)
{
	fprintf(stderr, "svmlab-serial: %s: %s\n", what, strerror(errno));
	return EXEC_STATUS_LAB;
}

/* Moves whole sectors between memory and the disk, from `offset` on. 0, or -1 for an error. */
static int transfer(uint8_t command, size_t offset, uint8_t *bytes, size_t size_bytes)
{
	const unsigned int sectors = (unsigned int)((size_bytes + SECTOR_BYTES - 1) / SECTOR_BYTES);
	const unsigned int first = (unsigned int)(offset / SECTOR_BYTES);
	unsigned char status;

	outb(ATA_SECOND_DRIVE_LBA, ATA_DRIVE);
	outb((unsigned char)sectors, ATA_COUNT);
	outb((unsigned char)first, ATA_LBA);
	outb((unsigned char)(first >> 8), ATA_LBA + 1);
	outb(0, ATA_LBA + 2);
	outb(command, ATA_COMMAND);
	for (unsigned int i = 0; i < sectors; i++, bytes += SECTOR_BYTES) {
		do
			status = inb(ATA_COMMAND);
		while (status & ATA_BUSY);
		if (status & ATA_ERROR || !(status & ATA_READY_FOR_DATA))
			return -1;
		if (command == ATA_READ_SECTORS)
			insl(ATA_DATA, bytes, SECTOR_BYTES / 4);
		else
			outsl(ATA_DATA, bytes, SECTOR_BYTES / 4);
	}
	do
		status = inb(ATA_COMMAND);
	while (status & ATA_BUSY);
	return status & ATA_ERROR ? -1 : 0;
}

static int read_box(uint8_t *bytes, size_t size_bytes)
{
	return transfer(ATA_READ_SECTORS, LINK_TO_GUEST_OFFSET, bytes, size_bytes);
}

static int write_box(uint8_t *bytes, size_t size_bytes)
{
	static uint8_t sectors[LINK_BOX_BYTES];

	memcpy(sectors, bytes, size_bytes);
	return transfer(ATA_WRITE_SECTORS, LINK_TO_HOST_OFFSET, sectors, size_bytes);
}

static int carry_on(int local, int line)
{
	static struct carry carry = { .read_box = read_box, .write_box = write_box };
	struct pollfd polls[2];
	const char *end;
	nfds_t count;

	if (ioperm(ATA_DATA, 8, 1) < 0 || ioperm(ATA_CONTROL, 1, 1) < 0)
		return fail("the ports of the disk");
	outb(ATA_NO_INTERRUPTS, ATA_CONTROL);
	set_nonblocking(local);
	set_nonblocking(line);
	carry_init(&carry, LINK_GUEST, local, line);
	do {
		end = carry_turn(&carry);
		count = 0;
		carry_wants(&carry, polls, &count);
	} while (!end && (poll(polls, count, -1) >= 0 || errno == EINTR));
	fprintf(stderr, "svmlab-serial: %s\n", end ? end : strerror(errno));
	return EXEC_STATUS_LAB;
}

int main(int argc, char **argv)
{
	int line, pair[2];
	pid_t child;

	if (argc < 3 || strcmp(argv[1], "--help") == 0) {
		fputs("Usage: svmlab-serial TTY AGENT [ARGUMENT]...\n"
		      "Runs AGENT with its descriptor 3 carried over the serial line TTY.\n", stderr);
		return EXEC_STATUS_USAGE;
	}
	line = open(argv[1], O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (line < 0 || line_raw(line) < 0)
		return fail(argv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail("socketpair");
	child = fork();
	if (child < 0)
		return fail("fork");
	if (child == 0) {
		close(pair[0]);
		return carry_on(pair[1], line);
	}
	if (pair[0] == AGENT_FD)
		fcntl(AGENT_FD, F_SETFD, 0);
	else if (dup2(pair[0], AGENT_FD) < 0)
		return fail("dup2");
	execv(argv[2], argv + 2);
	return fail(argv[2]);
}
