/* SPDX-License-Identifier: Apache-2.0 */
/* The witness's common part: checks every segment at its destination and writes the records. Freestanding. */
#include "harness/witness/line.h"
#include "harness/witness/machine.h"

#define NO_HOLE UINT64_MAX
#define NO_SEGMENT UINT32_C(0xffffffff)
/* Registers are split into records well before the text could be cut off: a name and 16 digits fit behind this. */
#define REGS_FULL (LINE_SIZE - 48)

static struct line line;
static uint32_t current_segment = NO_SEGMENT;
static int faulted;

/* Eight bytes as a little-endian word, the bytes past `size` as zero. Byte by byte: right in every byte order, and for
 * the last bytes of a segment. */
static uint64_t word_of_bytes(const volatile uint8_t *at, uint64_t size) {
  uint64_t word = 0;
  for (unsigned i = 0; i < 8 && i < size; ++i) word |= (uint64_t)at[i] << (8 * i);
  return word;
}

static uint64_t swap_if_big(uint64_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return __builtin_bswap64(word);
#else
  return word;
#endif
}

/* The word at `at`. Volatile: the compiler must not think that it knows this memory. */
static uint64_t read_word(const volatile uint8_t *at, uint64_t left) {
  if (left < 8 || ((uintptr_t)at & 7) != 0) return word_of_bytes(at, left);
  return swap_if_big(*(const volatile uint64_t *)at);
}

/* kexlab/fast_digest.h over `size` bytes, with the word at the offset `hole` taken as zero. An offset, not an address:
 * a segment may lie at 0. */
static uint64_t digest(uintptr_t start, uint64_t size, uint64_t hole) {
  const volatile uint8_t *at = (const volatile uint8_t *)start;
  uint64_t state = 0;
  for (uint64_t left = size; left != 0; left -= left < 8 ? left : 8, at += 8) {
    const uint64_t word = size - left == hole ? 0 : read_word(at, left);
    state ^= word;
    state = (state << 27 | state >> 37) * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0x165667B19E3779F9);
  }
  return state ^ size;
}

/* Address of the first byte in [start, end) that is not zero, or end. Addresses are u64: end may be 2^32 on 32 bits. */
static uint64_t first_nonzero(uint64_t start, uint64_t end) {
  while (start < end) {
    const volatile uint8_t *at = (const volatile uint8_t *)(uintptr_t)start;
    if ((start & 7) == 0 && end - start >= 8 && *(const volatile uint64_t *)at == 0) {
      start += 8;
    } else if (*at == 0) {
      ++start;
    } else {
      break;
    }
  }
  return start;
}

static int reachable(const struct witness_window *window, const struct witness_entry *entry) {
  const uint64_t size = entry->memsz > entry->bufsz ? entry->memsz : entry->bufsz;
  const uint64_t last = window->size != 0 ? window->size - 1 : UINTPTR_MAX;
  return size == 0 || (entry->dest <= last && size - 1 <= last - entry->dest);
}

/* The tail of our own segment holds our stack: nobody can promise zeros there. */
static uint64_t tail_end(const struct witness_entry *entry) {
  const uint64_t used = entry->dest + entry->bufsz;
  return (entry->flags & WITNESS_SELF) != 0 || entry->memsz < entry->bufsz ? used : entry->dest + entry->memsz;
}

static unsigned check_contents(const struct witness_state *state, const struct witness_entry *entry) {
  const int self = (entry->flags & WITNESS_SELF) != 0;
  const uint64_t size = self ? state->header->ro_size : entry->bufsz;
  const uint64_t offset = state->window.offset;
  const uintptr_t start = (uintptr_t)((self ? state->base : entry->dest) + offset);
  const uint64_t found = digest(start, size, self ? (uintptr_t)&entry->digest - start : NO_HOLE);
  const int same = found == entry->digest && (!self || entry->dest == state->base);
  const uint64_t tail = entry->dest + entry->bufsz;
  const uint64_t end = tail_end(entry);
  const uint64_t nonzero = first_nonzero(tail + offset, end + offset) - offset;
  line_text(&line, "digest", same ? "ok" : "bad", 3);
  line_hex(&line, "found", found);
  line_text(&line, "zero", nonzero == end ? "ok" : "bad", 3);
  if (nonzero != end) line_hex(&line, "at", nonzero);
  return !same || nonzero != end;
}

static unsigned check_segment(const struct witness_state *state, uint32_t index) {
  const struct witness_entry *entry = &state->header->entries[index];
  unsigned bad = 0;
  current_segment = index;
  line_start(&line, "seg");
  line_count(&line, "index", index);
  if ((entry->flags & WITNESS_SKIP) != 0) {
    line_word(&line, "skip");
  } else if (!reachable(&state->window, entry)) {
    line_word(&line, "unreachable");
    bad = 1;
  } else {
    bad = check_contents(state, entry);
  }
  line_send(&line);
  current_segment = NO_SEGMENT;
  return bad;
}

static void send_registers(const struct witness_state *state) {
  const char *name = state->names;
  line_start(&line, "regs");
  for (uint32_t i = 0; i < state->register_count; ++i) {
    if (line.size > REGS_FULL) {
      line_send(&line);
      line_start(&line, "regs");
    }
    line_hex(&line, name, state->registers[i]);
    while (*name++ != '\0') {
    }
  }
  line_send(&line);
}

/* By witness_entered_again. No pointers, which would have to be relocated. */
static const char entry_names[][6] = {"start", "again", "fixed"};

static uint32_t send_begin(const struct witness_state *state) {
  const struct witness_header *header = state->header;
  const uint32_t count = header->count < WITNESS_MAX_ENTRIES ? header->count : WITNESS_MAX_ENTRIES;
  line_start(&line, "begin");
  line_count(&line, "version", WITNESS_VERSION);
  line_bytes(&line, "nonce", header->nonce, sizeof header->nonce);
  line_text(&line, "target", header->target, sizeof header->target);
  line_hex(&line, "base", state->base);
  line_count(&line, "count", count);
  if (state->round != 0) {
    line_count(&line, "round", state->round);
    line_text(&line, "entry", entry_names[state->again], 5);
  }
  line_send(&line);
  return count;
}

unsigned witness_run(const struct witness_state *state) {
  const uint32_t count = send_begin(state);
  unsigned bad = 0;
  current_segment = NO_SEGMENT;
  faulted = 0;
  send_registers(state);
  for (uint32_t i = 0; i < count; ++i) bad += check_segment(state, i);
  line_start(&line, "end");
  line_count(&line, "count", count);
  line_count(&line, "bad", bad);
  line_send(&line);
  return bad;
}

void witness_fault(uintptr_t cause, uintptr_t pc, uintptr_t address) {
  if (faulted) return;
  faulted = 1;
  line_start(&line, "fault");
  if (current_segment == NO_SEGMENT) {
    line_text(&line, "seg", "none", 4);
  } else {
    line_count(&line, "seg", current_segment);
  }
  line_hex(&line, "cause", cause);
  line_hex(&line, "pc", pc);
  line_hex(&line, "address", address);
  line_send(&line);
}
