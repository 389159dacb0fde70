/* SPDX-License-Identifier: MIT */
/*
 * Edit distance with swaps of neighbours, case ignored; a name is near when at most a third of the
 * word, and never more than three letters, are wrong.
 */
#include <ctype.h>
#include <string.h>
#include "suggest.h"

#define LONGEST 40

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

static unsigned int distance(const char *a, const char *b)
{
	unsigned int rows[3][LONGEST + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > LONGEST || b_length > LONGEST)
		return LONGEST;
	for (unsigned int j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (unsigned int i = 1; i <= a_length; i++) {
		unsigned int *row = rows[i % 3];
		const unsigned int *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned int j = 1; j <= b_length; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);

			row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return rows[a_length % 3][b_length];
}

void suggest_begin(struct suggest *suggest, const char *word)
{
	size_t limit = (strlen(word) + 2) / 3;

	suggest->word = word;
	suggest->best = NULL;
	suggest->distance = (unsigned int)(limit > 3 ? 3 : limit) + 1;
}

void suggest_offer(struct suggest *suggest, const char *name)
{
	unsigned int d = distance(suggest->word, name);

	if (d < suggest->distance) {
		suggest->best = name;
		suggest->distance = d;
	}
}
