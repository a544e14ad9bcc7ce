/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on i386: the PC of q35.c, and the IDT. */
#include "harness/witness/machine.h"
#include "harness/witness/q35.h"

struct gate {
  uint16_t offset_low;
  uint16_t selector;
  uint16_t type; /* 0x8e00: present, 32-bit interrupt gate */
  uint16_t offset_high;
};

struct __attribute__((packed)) table_register {
  uint16_t limit;
  uint32_t base;
};

extern const char witness_fault_stubs[] __attribute__((visibility("hidden"))); /* 32 stubs of 16 bytes, i386.S */

static struct gate idt[32];

static void load_idt(void) {
  for (unsigned i = 0; i < 32; ++i) {
    const uint32_t stub = (uint32_t)(uintptr_t)witness_fault_stubs + 16 * i;
    idt[i].offset_low = (uint16_t)stub;
    idt[i].selector = 0x10;
    idt[i].type = 0x8e00;
    idt[i].offset_high = (uint16_t)(stub >> 16);
  }
  const struct table_register table = {sizeof idt - 1, (uint32_t)(uintptr_t)idt};
  __asm__ volatile("lidt %0" : : "m"(table));
}

void witness_machine_init(uint64_t console) {
  load_idt();
  q35_console(console);
}
