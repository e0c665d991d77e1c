/* SPDX-License-Identifier: ISC */
/*
 * parse.h: a command line to commands. Pure, no allocation.
 *
 *	line	 = [and-or] { (";" | newline) [and-or] }
 *	and-or	 = command { ("&&" | "||") command }
 *	command	 = word { word } [(">" | ">>") word]
 *	word	 = letters, 'taken as they are', "with $? and \" \\ \$ inside", \c, $?
 *	'#' at the start of a word begins a comment to the end of the line
 *
 * No pipes, variables, patterns or substitutions.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define PARSE_WORDS 64 /* of a command, with the NULL */
#define PARSE_TEXT  4096

enum parse_join { PARSE_ALWAYS, PARSE_AND, PARSE_OR }; /* when the command runs */

struct parse_command {
	enum parse_join join;
	int argc;
	char *argv[PARSE_WORDS]; /* NULL-terminated, in text */
	char *target;		 /* of > or >>; NULL: none */
	bool append;
	char text[PARSE_TEXT];
};

struct parse {
	const char *at;	   /* what has not been read yet */
	bool first;	   /* no command stands before, on this line */
	unsigned lines;	   /* that have ended so far */
	const char *error; /* when parse_next has failed */
};

void parse_begin(struct parse *p, const char *line);
/* The next command of the line, with $? standing for status. 1: *c is one; 0: that was all; -1: an
 * error, and the rest of the line means nothing. */
int parse_next(struct parse *p, struct parse_command *c, int status);
/* The same, but a line with an error in it is an error before its first command. */
int parse_line(struct parse *p, struct parse_command *c, int status);
