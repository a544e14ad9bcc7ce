/* SPDX-License-Identifier: Apache-2.0 */
/* What host and witness agree on: the parameter block inside the image, and the records that the witness writes.
 *
 * THE IMAGE. A flat binary, entered at its first byte by kexec in place of a kernel, at any page-aligned address. From
 * its first byte on:
 *
 *   0x000  entry code of the target (first 0x100 bytes may be copied elsewhere: ppc64's kexec does so)
 *   0x200  struct witness_header: filled in by the host before the image becomes a segment
 *   ...    code and constants                                     } up to ro_size: nothing here ever changes
 *   ...    registers, stack, buffers: all that the witness writes } up to image_size, a multiple of 4096
 *
 * It uses no memory outside of the image, and needs none behind it: bufsz == memsz == image_size will do.
 *
 * All integers of the header are in the target's byte order; `magic` tells the host which one that is. Members are
 * aligned by hand, so that every compiler of every target gives the same layout.
 *
 * THE RECORDS. Each is one frame of kind 'W' (harness/wire/frame.h) whose payload is one line of ASCII text, words with
 * one space between: a verb, then `key=value`. Values have no spaces. Numbers are hexadecimal, lower case, with 0x;
 * indices, counts and versions are decimal. Keys come in this order:
 *
 *   begin version=1 nonce=<32 hex digits> target=<name> base=<address of the image> count=<entries>
 *         [round=<n> entry=<start|again|fixed>]                        with WITNESS_RETURN only
 *   regs <register>=<number> ...         as many of these records as it takes
 *   seg index=<i> digest=<ok|bad> found=<number> zero=<ok|bad> [at=<address of the first byte that is not zero>]
 *   seg index=<i> skip                   the entry has WITNESS_SKIP
 *   seg index=<i> unreachable            the segment lies where the target's pointers do not reach
 *   fault seg=<i|none> cause=<number> pc=<address> address=<address>     nothing comes after it
 *   end count=<entries> bad=<segments that are bad or unreachable>
 *
 * COMING BACK. With WITNESS_RETURN the witness goes back after its `end` record, and leaves behind where it is to be
 * entered the next time: not at its first byte, so that it can tell (`entry=again`) that this was heeded. A kernel that
 * enters an image at one place ever heeds nothing; then it tells `entry=fixed`. `round` is
 * how often it was entered, counted in its own memory: it goes on counting only where what it wrote was kept.
 *
 * One `seg` record for each entry, in the order of the table. The entry with WITNESS_SELF has zero=ok always, and is
 * bad also where the image does not run at the entry's `dest`.
 */
#ifndef KEXLAB_HARNESS_WITNESS_WITNESS_H
#define KEXLAB_HARNESS_WITNESS_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#define WITNESS_MAGIC UINT64_C(0x4b58574954303031) /* "KXWIT001" when read as big-endian text */
#define WITNESS_VERSION 1
#define WITNESS_HEADER_OFFSET 0x200
#define WITNESS_MAX_ENTRIES 64 /* four times KEXEC_SEGMENT_MAX: room for parts of segments */
#define WITNESS_PAGE 4096      /* image_size is a multiple of this; larger pages are the host's to round up to */

/* Flags of an entry. */
#define WITNESS_SKIP 1u /* report it, look at nothing */
/* The witness's own segment. What the witness writes there is its own affair, so `digest` covers the first ro_size
 * bytes only, with this entry's `digest` word itself taken as zero. */
#define WITNESS_SELF 2u

/* Flags of the header. */
#define WITNESS_RETURN 1u /* for KEXEC_JUMP: go back to where it was entered from instead of ending the machine */

struct witness_entry {
  uint64_t dest;   /* physical address, kexec_segment.mem */
  uint64_t bufsz;  /* bytes that must have the digest */
  uint64_t memsz;  /* bytes from dest; those behind bufsz must be zero */
  uint64_t digest; /* kexlab::fast_digest of the first bufsz bytes */
  uint32_t flags;
  uint32_t reserved;
};

struct witness_header {
  uint64_t magic;
  uint32_t version;
  uint32_t ro_size;    /* bytes from the start of the image that never change; a multiple of 8 */
  uint32_t image_size; /* bytes, a multiple of WITNESS_PAGE */
  uint32_t flags;
  uint64_t console;  /* UART: port number on x86, physical address elsewhere; 0: the machine's usual one */
  char target[16];   /* name of the target, NUL-padded */
  uint8_t nonce[16]; /* goes into the first record: proves that this load's witness speaks */
  uint32_t count;    /* entries used, at most WITNESS_MAX_ENTRIES */
  uint32_t reserved;
  struct witness_entry entries[WITNESS_MAX_ENTRIES];
};

#ifdef __cplusplus
#define WITNESS_ASSERT static_assert
#else
#define WITNESS_ASSERT _Static_assert
#endif
WITNESS_ASSERT(sizeof(struct witness_entry) == 40, "layout of an entry");
WITNESS_ASSERT(offsetof(struct witness_entry, flags) == 32, "layout of an entry");
WITNESS_ASSERT(offsetof(struct witness_header, console) == 24, "layout of the header");
WITNESS_ASSERT(offsetof(struct witness_header, target) == 32, "layout of the header");
WITNESS_ASSERT(offsetof(struct witness_header, nonce) == 48, "layout of the header");
WITNESS_ASSERT(offsetof(struct witness_header, count) == 64, "layout of the header");
WITNESS_ASSERT(offsetof(struct witness_header, entries) == 72, "layout of the header");
WITNESS_ASSERT(sizeof(struct witness_header) == 72 + 40 * WITNESS_MAX_ENTRIES, "layout of the header");

#endif
