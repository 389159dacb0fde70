/* SPDX-License-Identifier: MIT */
/* svmctl top on a terminal: ncurses and nothing of what is shown. */
#ifndef SVMKIT_CTL_TOP_SCREEN_H
#define SVMKIT_CTL_TOP_SCREEN_H

#include "top_view.h"

/* 0, or -1: the terminal cannot do it (its kind is unknown). */
int top_screen_open(void);
void top_screen_close(void);
void top_screen_draw(struct top_view *view);
/* Wait at most timeout_ms for a key, in top_view_key()'s numbers; -1: none, or the size changed. */
int top_screen_key(int timeout_ms);
size_t top_screen_page(void);	/* rows of the list that fit */

#endif
