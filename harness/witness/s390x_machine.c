/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on s390x: the SCLP's VT220 console, and a CPU that stops to switch off.
 *
 * The console takes blocks, not bytes: a line is gathered, and sent at its end.
 * Source: drivers/s390/char/sclp_early_core.c, sclp.h, sclp_vt220.c (6.1).
 */
#include "harness/witness/machine.h"

#define WRITE_EVENT_DATA 0x00760005
#define WRITE_EVENT_MASK 0x00780005
#define EVENT_VT220 0x1a
#define MASK_VT220 0x00000040u
#define SERVICE_SIGNAL 0x2401u
/* Polls before a block is given up: the SCLP answers within milliseconds, a poll takes nanoseconds. */
#define PATIENCE 100000000u
#define SIGP_STOP 5
#define LINE 1024
/* External-interruption code in the lowcore. Source: arch/s390/include/asm/lowcore.h. */
#define EXT_INT_CODE ((volatile uint16_t *)0x86)

struct sccb_header {
  uint16_t length;
  uint8_t function;
  uint8_t control[3];
  uint16_t response;
};

struct event_mask {
  struct sccb_header header;
  uint16_t reserved, mask_length;
  uint32_t receive, send, sclp_receive, sclp_send;
};

struct event_data {
  struct sccb_header header;
  uint16_t length;
  uint8_t type, flags;
  uint16_t reserved;
  char text[LINE];
};

/* A block for the SCLP lies inside one page. */
static union {
  struct sccb_header header;
  struct event_mask mask;
  struct event_data data;
} block __attribute__((aligned(4096)));
static unsigned gathered;

/* Opens the CPU for the service signal alone, until it has come. */
static void take_service_signal(void) {
  const uint64_t service_signal_only = 0x200; /* control register 0, bit 54 */
  uint8_t mask;
  __asm__ volatile("lctlg %%c0,%%c0,%0" : : "Q"(service_signal_only) : "memory");
  __asm__ volatile("stosm %0,0x01" : "=Q"(mask) : : "memory");
  for (unsigned i = 0; i < PATIENCE && *EXT_INT_CODE != SERVICE_SIGNAL; ++i) {
  }
  __asm__ volatile("stnsm %0,0xfe" : "=Q"(mask) : : "memory");
}

static void call_sclp(uint32_t command) {
  int busy = 2;
  *EXT_INT_CODE = 0;
  for (unsigned i = 0; i < PATIENCE && busy == 2; ++i) {
    __asm__ volatile(
        ".insn rre,0xb2200000,%1,%2\n"
        "ipm %0\n"
        "srl %0,28"
        : "=&d"(busy)
        : "d"((uint64_t)command), "a"((uintptr_t)&block)
        : "cc", "memory");
  }
  if (busy == 0) take_service_signal();
}

static void send_line(void) {
  if (gathered == 0) return;
  const uint16_t size = (uint16_t)(sizeof(block.data) - LINE + gathered);
  block.data.header = (struct sccb_header){.length = size};
  block.data.length = (uint16_t)(size - sizeof(struct sccb_header));
  block.data.type = EVENT_VT220;
  block.data.flags = 0;
  block.data.reserved = 0;
  call_sclp(WRITE_EVENT_DATA);
  gathered = 0;
}

void witness_machine_init(uint64_t console) {
  (void)console; /* there is one, and it has no address */
  block.mask =
      (struct event_mask){.header = {.length = sizeof(struct event_mask)}, .mask_length = 4, .send = MASK_VT220};
  call_sclp(WRITE_EVENT_MASK);
}

void witness_putc(char c) {
  block.data.text[gathered++] = c;
  if (c == '\n' || gathered == LINE) send_line();
}

void witness_end(void) {
  uint16_t cpu;
  send_line();
  __asm__ volatile("stap %0" : "=Q"(cpu));
  /* The last CPU that stops ends the machine. Source: QEMU target/s390x/sigp.c, do_stop_interrupt. */
  for (;;) __asm__ volatile("sigp 0,%0,%1(0)" : : "d"((uint64_t)cpu), "i"(SIGP_STOP) : "cc", "0", "memory");
}
