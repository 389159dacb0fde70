// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages counted per user. Guest memory cannot be swapped and the OOM killer does not see it, so
 * every page is charged to the memory cgroup and to the user against a parameter. A limit that is
 * reached fails the call (SVMRT_GFP); it makes nobody a victim.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "svmrt_priv.h"

static unsigned long max_pages_per_user = 4UL << (30 - PAGE_SHIFT);
module_param(max_pages_per_user, ulong, 0644);
MODULE_PARM_DESC(max_pages_per_user, "4 KiB pages of guest memory that one user may hold (default: 4 GiB)");

struct svmrt_user {
	struct list_head link;
	kuid_t uid;
	unsigned int refs;	/* under users_lock */
	atomic64_t pages;
};

static LIST_HEAD(users);
static DEFINE_MUTEX(users_lock);
static atomic64_t total_pages;

u64 svmrt_pages_in_use(void)
{
	return atomic64_read(&total_pages);
}

u64 svmrt_max_pages_per_user(void)
{
	return READ_ONCE(max_pages_per_user);
}

struct svmrt_user *svmrt_user_get(kuid_t uid)
{
	struct svmrt_user *user;

	mutex_lock(&users_lock);
	list_for_each_entry(user, &users, link)
		if (uid_eq(user->uid, uid))
			goto found;
	user = kzalloc(sizeof(*user), SVMRT_GFP);
	if (!user) {
		user = ERR_PTR(-ENOMEM);
		goto out;
	}
	user->uid = uid;
	list_add(&user->link, &users);
found:
	user->refs++;
out:
	mutex_unlock(&users_lock);
	return user;
}

void svmrt_user_put(struct svmrt_user *user)
{
	mutex_lock(&users_lock);
	if (!--user->refs) {
		WARN_ON_ONCE(atomic64_read(&user->pages));
		list_del(&user->link);
		kfree(user);
	}
	mutex_unlock(&users_lock);
}

int svmrt_charge(struct svmrt_user *user, unsigned long pages)
{
	if (atomic64_add_return(pages, &user->pages) > (s64)READ_ONCE(max_pages_per_user)) {
		atomic64_sub(pages, &user->pages);
		return -EDQUOT;
	}
	atomic64_add(pages, &total_pages);
	return 0;
}

void svmrt_uncharge(struct svmrt_user *user, unsigned long pages)
{
	atomic64_sub(pages, &user->pages);
	atomic64_sub(pages, &total_pages);
}

struct page *svmrt_page_alloc(struct svmrt_user *user)
{
	struct page *page;
	int err = svmrt_charge(user, 1);

	if (err)
		return ERR_PTR(err);
	page = alloc_page(SVMRT_GFP | __GFP_ZERO);
	if (!page) {
		svmrt_uncharge(user, 1);
		return ERR_PTR(-ENOMEM);
	}
	return page;
}

struct page *svmrt_huge_alloc(struct svmrt_user *user)
{
	const unsigned int order = ilog2(SVMRT_HUGE_PAGES);
	struct page *page;

	if (svmrt_charge(user, SVMRT_HUGE_PAGES))
		return NULL;
	/* It is only an attempt: no effort that somebody else's memory would pay for. */
	page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_NORETRY, order);
	if (!page) {
		svmrt_uncharge(user, SVMRT_HUGE_PAGES);
		return NULL;
	}
	split_page(page, order);
	return page;
}

void svmrt_huge_free(struct svmrt_user *user, struct page *page)
{
	unsigned int i;

	for (i = 0; i < SVMRT_HUGE_PAGES; i++)
		put_page(page + i);
	svmrt_uncharge(user, SVMRT_HUGE_PAGES);
}

void svmrt_page_free(struct svmrt_user *user, struct page *page)
{
	put_page(page);
	svmrt_uncharge(user, 1);
}
