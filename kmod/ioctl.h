/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One way in for every ioctl struct: the first member is the caller's idea of its size, the second
 * is flags. A struct of another size or with flags that we do not know is refused before any use.
 */
#ifndef SVMRT_IOCTL_H
#define SVMRT_IOCTL_H

#include <linux/uaccess.h>

/*
 * Copy in, check, evaluate `call` (which uses `arg`), copy out, and return from the calling function.
 * `needs_answer` says that the answer is in the struct: without it there is no success. A call that
 * made a descriptor keeps it all the same: the caller's memory went away, and the process soon.
 */
#define SVMRT_IOCTL_CALL(type, call, user, needs_answer) do { \
		type arg; \
		long result; \
		if (copy_from_user(&arg, user, sizeof(arg))) \
			return -EFAULT; \
		if (arg.size != sizeof(arg)) \
			return -EINVAL; \
		result = (call); \
		if (copy_to_user(user, &arg, sizeof(arg)) && (needs_answer || result < 0)) \
			return -EFAULT; \
		return result; \
	} while (0)

/* For calls that look at the flags themselves. */
#define SVMRT_IOCTL_FLAGS(type, call, user) SVMRT_IOCTL_CALL(type, call, user, false)

#define SVMRT_IOCTL_ANSWER(type, call, user) SVMRT_IOCTL_CALL(type, call, user, true)

#define SVMRT_IOCTL(type, call, user) \
	SVMRT_IOCTL_FLAGS(type, arg.flags ? -EINVAL : (call), user)

#endif
