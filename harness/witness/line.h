/* SPDX-License-Identifier: Apache-2.0 */
/* Builds one record's text and writes it as a frame of kind 'W' (harness/wire/frame.h). Freestanding. */
#ifndef KEXLAB_HARNESS_WITNESS_LINE_H
#define KEXLAB_HARNESS_WITNESS_LINE_H

#include <stdint.h>

/* Longest text of a record, in bytes; far below wire::max_payload. What does not fit is cut off. */
#define LINE_SIZE 512

#pragma GCC visibility push(hidden) /* inside the one image, as in machine.h */

struct line {
  char text[LINE_SIZE];
  uint32_t size;
};

void line_start(struct line *line, const char *verb);
/* Appends " key=" and the number: hexadecimal with 0x, or decimal. */
void line_hex(struct line *line, const char *key, uint64_t value);
void line_count(struct line *line, const char *key, uint32_t value);
/* Appends " key=text"; at most `limit` bytes of the text. */
void line_text(struct line *line, const char *key, const char *text, uint32_t limit);
/* Appends " key=" and two hex digits for each byte. */
void line_bytes(struct line *line, const char *key, const uint8_t *bytes, uint32_t size);
/* Appends " word". */
void line_word(struct line *line, const char *word);
/* Writes the frame with witness_putc. The line keeps its text. */
void line_send(const struct line *line);

#pragma GCC visibility pop

#endif
