/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on x86_64: the PC of q35.c, and the IDT. */
#include "harness/witness/machine.h"
#include "harness/witness/q35.h"

struct gate {
  uint16_t offset_low;
  uint16_t selector;
  uint16_t type; /* 0x8e00: present, 64-bit interrupt gate, no IST */
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};

struct __attribute__((packed)) table_register {
  uint16_t limit;
  uint64_t base;
};

extern const char witness_fault_stubs[] __attribute__((visibility("hidden"))); /* 32 stubs of 16 bytes, x86_64.S */

static struct gate idt[32];
static void load_idt(void) {
  for (unsigned i = 0; i < 32; ++i) {
    const uint64_t stub = (uint64_t)(uintptr_t)witness_fault_stubs + 16 * i;
    idt[i].offset_low = (uint16_t)stub;
    idt[i].selector = 0x10;
    idt[i].type = 0x8e00;
    idt[i].offset_middle = (uint16_t)(stub >> 16);
    idt[i].offset_high = (uint32_t)(stub >> 32);
  }
  const struct table_register table = {sizeof idt - 1, (uint64_t)(uintptr_t)idt};
  __asm__ volatile("lidt %0" : : "m"(table));
}

void witness_machine_init(uint64_t console) {
  load_idt();
  q35_console(console);
}
