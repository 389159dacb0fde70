/* SPDX-License-Identifier: MIT */
/*
 * What the lab's programs do in a child of theirs before it becomes another program. It is safe
 * between fork and exec.
 */
#ifndef SVMLAB_CHILD_H
#define SVMLAB_CHILD_H

/* Undoes the blocked signals and the ignored SIGPIPE that the new program would inherit. */
void child_reset_signals(void);

#endif
