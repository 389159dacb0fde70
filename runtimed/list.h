/* SPDX-License-Identifier: MIT */
/*
 * Circular doubly linked lists whose links live inside the objects. A head is a link of its own;
 * the list owns nothing. list_remove() leaves the link empty, so removing twice is harmless.
 */
#ifndef SVMRUND_LIST_H
#define SVMRUND_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* All links of `from` move to `head`, which need not be initialised. */
static inline void list_take(struct list *head, struct list *from)
{
	list_init(head);
	if (list_empty(from))
		return;
	*head = *from;
	head->next->prev = head->prev->next = head;
	list_init(from);
}

#define list_object(link, type, member) \
	((type *)(void *)((char *)(link) - offsetof(type, member)))

/* The body may remove `link` itself, nothing else. */
#define list_each(link, head) \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
	     link = link##_next, link##_next = link->next)

#endif
