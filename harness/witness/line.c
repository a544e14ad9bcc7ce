/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a record, and its frame: base64, CRC and hex digits without a library. */
#include "harness/witness/line.h"

#include "harness/witness/machine.h"

static char hex_digit(unsigned value) { return (char)(value < 10 ? '0' + value : 'a' + value - 10); }

static void append(struct line *line, char c) {
  if (line->size < LINE_SIZE) line->text[line->size++] = c;
}

static void append_text(struct line *line, const char *text, uint32_t limit) {
  for (uint32_t i = 0; i < limit && text[i] != '\0'; ++i) append(line, text[i]);
}

static void append_key(struct line *line, const char *key) {
  append(line, ' ');
  append_text(line, key, LINE_SIZE);
  append(line, '=');
}

void line_start(struct line *line, const char *verb) {
  line->size = 0;
  append_text(line, verb, LINE_SIZE);
}

void line_hex(struct line *line, const char *key, uint64_t value) {
  append_key(line, key);
  append(line, '0');
  append(line, 'x');
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) append(line, hex_digit((unsigned)(value >> shift) & 15));
}

void line_count(struct line *line, const char *key, uint32_t value) {
  char digits[10]; /* 2^32-1 has ten */
  unsigned used = 0;
  do {
    digits[used++] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  append_key(line, key);
  while (used > 0) append(line, digits[--used]);
}

void line_text(struct line *line, const char *key, const char *text, uint32_t limit) {
  append_key(line, key);
  append_text(line, text, limit);
}

void line_bytes(struct line *line, const char *key, const uint8_t *bytes, uint32_t size) {
  append_key(line, key);
  for (uint32_t i = 0; i < size; ++i) {
    append(line, hex_digit(bytes[i] >> 4));
    append(line, hex_digit(bytes[i] & 15));
  }
}

void line_word(struct line *line, const char *word) {
  append(line, ' ');
  append_text(line, word, LINE_SIZE);
}

/* One byte of the frame that the CRC covers; bit by bit: a table of 1 KiB would be a third of the code. */
static uint32_t put(uint32_t crc, char c) {
  witness_putc(c);
  crc ^= (uint8_t)c;
  for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0u - (crc & 1)));
  return crc;
}

static char base64_digit(unsigned value) {
  if (value < 26) return (char)('A' + value);
  if (value < 52) return (char)('a' + value - 26);
  if (value < 62) return (char)('0' + value - 52);
  return value == 62 ? '+' : '/';
}

static uint32_t put_base64(uint32_t crc, const struct line *line) {
  for (uint32_t i = 0; i < line->size; i += 3) {
    uint32_t group = 0;
    for (uint32_t k = 0; k < 3; ++k) group = group << 8 | (i + k < line->size ? (uint8_t)line->text[i + k] : 0);
    for (uint32_t k = 0; k < 4; ++k) {
      const int padding = i + k > line->size; /* the k-th digit needs byte k-1 */
      crc = put(crc, padding ? '=' : base64_digit(group >> (18 - 6 * k) & 63));
    }
  }
  return crc;
}

void line_send(const struct line *line) {
  uint32_t crc = UINT32_C(0xffffffff);
  witness_putc('\n');
  witness_putc('@');
  witness_putc('K');
  crc = put(crc, 'W');
  crc = put(crc, ':');
  for (int shift = 12; shift >= 0; shift -= 4) crc = put(crc, hex_digit(line->size >> shift & 15));
  crc = put(crc, ':');
  crc = put_base64(crc, line);
  crc = ~crc;
  witness_putc(':');
  for (int shift = 28; shift >= 0; shift -= 4) witness_putc(hex_digit(crc >> shift & 15));
  witness_putc('\n');
}
