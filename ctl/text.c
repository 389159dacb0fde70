/* SPDX-License-Identifier: MIT */
/* Colours and numbers for people; see text.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "text.h"

bool text_wants_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb");
}

const char *text_colour(bool wanted, enum text_colour colour)
{
	static const char *const codes[] = {
		[TEXT_PLAIN] = "", [TEXT_BOLD] = "\033[1m", [TEXT_RED] = "\033[31m",
		[TEXT_GREEN] = "\033[32m", [TEXT_YELLOW] = "\033[33m", [TEXT_CYAN] = "\033[36m",
	};

	return wanted ? codes[colour] : "";
}

const char *text_colour_end(bool wanted)
{
	return wanted ? "\033[0m" : "";
}

const char *text_count(double value)
{
	static char ring[TABLE_COLUMNS][24];
	static unsigned int next;
	char *text = ring[next++ % TABLE_COLUMNS];

	snprintf(text, sizeof(ring[0]), "%.0f", value);
	return text;
}
