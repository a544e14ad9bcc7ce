/* SPDX-License-Identifier: Apache-2.0 */
/* Where the target's entry code hands over to the common part; not part of the tests on the host. */
#include "harness/witness/machine.h"

/* From witness.ld. */
#pragma GCC visibility push(hidden)
extern const char witness_image[];
extern const struct witness_header witness_image_header;
#pragma GCC visibility pop

static uint32_t rounds;

void witness_main(void) {
  const uint32_t returns = witness_image_header.flags & WITNESS_RETURN;
  const struct witness_state state = {
      .header = &witness_image_header,
      .base = (uintptr_t)((uint64_t)(uintptr_t)witness_image - witness_window.offset),
      .registers = witness_registers,
      .names = witness_register_names,
      .register_count = witness_register_count,
      .round = returns ? ++rounds : 0,
      .again = witness_entered_again,
      .window = witness_window,
  };
  witness_machine_init(witness_image_header.console);
  witness_run(&state);
  if (returns) witness_return();
  witness_end();
}
