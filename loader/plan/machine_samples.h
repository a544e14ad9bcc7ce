// SPDX-License-Identifier: Apache-2.0
// Memory maps of real shapes for tests: x86 with a crash reservation, arm64 with firmware reservations in RAM.
#pragma once

namespace kexlab {

inline constexpr const char* x86_iomem =
    "00000000-00000fff : Reserved\n"
    "00001000-0009fbff : System RAM\n"
    "0009fc00-0009ffff : Reserved\n"
    "000a0000-000bffff : PCI Bus 0000:00\n"
    "000f0000-000fffff : Reserved\n"
    "  000f0000-000fffff : System ROM\n"
    "00100000-2ffdbfff : System RAM\n"
    "  11000000-12001b66 : Kernel code\n"
    "  12200000-12c4dfff : Kernel rodata\n"
    "  12e00000-1320f37f : Kernel data\n"
    "  13681000-139fffff : Kernel bss\n"
    "  25000000-2effffff : Crash kernel\n"
    "2ffdc000-2fffffff : Reserved\n"
    "b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n"
    "  b0000000-bfffffff : Reserved\n"
    "fd00000000-ffffffffff : Reserved\n"
    "380000000000-38ffffffffff : PCI Bus 0000:00\n";

inline constexpr const char* arm64_iomem =
    "00000000-03ffffff : 0.flash flash@0\n"
    "09000000-09000fff : pl011@9000000\n"
    "  09000000-09000fff : 9000000.pl011 pl011@9000000\n"
    "10000000-3efeffff : pcie@10000000\n"
    "40000000-7fffffff : System RAM\n"
    "  40210000-41a8ffff : Kernel code\n"
    "  41a90000-4217ffff : reserved\n"
    "  42180000-424dffff : Kernel data\n"
    "  48000000-480fffff : reserved\n"
    "  73e00000-7fdfffff : Crash kernel\n"
    "  7fe00000-7fe0ffff : ACPI Tables\n";

}  // namespace kexlab
