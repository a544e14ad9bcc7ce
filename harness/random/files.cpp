// SPDX-License-Identifier: Apache-2.0
// Calls of kexec_file_load(2): a sane one first, then none to three mistakes at the places where the kernel looks.
#include "harness/random/files.h"

#include <array>
#include <bit>
#include <string>

namespace kexlab::random {
namespace {

using model::FileCall;
using scenario::FileLoadStep;
using scenario::FileSpec;

// As much of the image as has all headers that are looked at, and the memory that it asks for; the rest would be read
// and digested for nothing.
constexpr std::uint64_t image_bytes = model::cut_bytes, asked_bytes = 1 << 20;

struct Maker {
  Source& source;
  const World& world;
  FileLoadStep& call;
};

scenario::Expression bytes(std::uint64_t count) {
  scenario::Expression::Term term;
  term.count = count;
  return {.text = std::to_string(count), .terms = {term}};
}

FileSpec::Edit edit_of(const model::HeaderField& field, std::uint64_t value) {
  Bytes wide(sizeof value);
  write_int<std::uint64_t>(wide, 0, value, field.order);
  const auto begin = field.order == std::endian::big ? wide.end() - static_cast<long>(field.size) : wide.begin();
  return {.at = field.at, .bytes = Bytes(begin, begin + static_cast<long>(field.size))};
}

FileSpec zeros(std::uint64_t size) { return {.from = "zeros", .size = bytes(size), .edits = {}}; }

// --- mistakes, each at one place ---

void flip_flag(Maker& make) { make.call.flags ^= std::uint64_t{1} << make.source.below(8); }
void set_high_bit(Maker& make) { make.call.flags |= std::uint64_t{1} << (8 + make.source.below(56)); }

// Either so little that there is a place for it, or 2 GiB and more, which guests of these cases do not have.
void change_asked_memory(Maker& make) {
  if (!make.call.kernel.can_be_copied()) return;
  const auto& field = make.world.header->memory;
  const std::uint64_t page = make.world.situation.page_size;
  const std::uint64_t most = ~std::uint64_t{0} >> (64 - 8 * field.size);
  const std::uint64_t value = make.source.pick(
      std::array{std::uint64_t{0}, std::uint64_t{1}, image_bytes - page, image_bytes - page + 1, image_bytes - 1,
                 image_bytes, image_bytes + 1, 2 * asked_bytes, most, most - page, most / 2 + 1});
  make.call.kernel.edits.push_back(edit_of(field, value));
}

// One bit, or another number; some are next to what a format demands, and none of them means something in every field.
void change_header(Maker& make) {
  if (!make.call.kernel.can_be_copied()) return;
  const auto& fields = make.world.header->others;
  const auto& field = fields[make.source.below(fields.size())];
  const std::uint64_t value = make.source.pick(
      std::array{std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x7f}, ~std::uint64_t{0}, make.source.next(),
                 std::uint64_t{1} << make.source.below(8 * field.size), std::uint64_t{0x20b}, std::uint64_t{0x7ff}});
  make.call.kernel.edits.push_back(edit_of(field, value));
}

void change_kernel(Maker& make) {
  FileSpec& kernel = make.call.kernel;
  switch (make.source.below(3)) {
    case 0:
      kernel = {.from = make.source.pick(
                    std::array<const char*, 7>{"none", "directory", "device", "pipe", "proc", "sysfs", "elf"}),
                .size = {},
                .edits = {}};
      // Where it is linked to, there may be no RAM.
      if (kernel.from == "elf" && make.world.header->takes_programs) kernel.from = "none";
      break;
    case 1:
      kernel = zeros(make.source.pick(std::array<std::uint64_t, 5>{0, 1, 4096, 65536, 100'000}));
      break;
    default:
      if (!kernel.can_be_copied()) return;
      kernel.size = bytes(
          make.source.pick(std::array<std::uint64_t, 11>{1, 63, 64, 511, 1023, 1024, 2559, 2560, 4096, 65535, 70'000}));
  }
}

std::string any_way_to_open(Source& source) {
  return source.pick(std::array<const char*, 5>{"write", "both", "path", "closed", "busy"});
}

void open_kernel(Maker& make) {
  if (make.call.kernel.can_be_copied()) make.call.kernel.open = any_way_to_open(make.source);
}
void open_initrd(Maker& make) {
  if (make.call.initrd.can_be_copied()) make.call.initrd.open = any_way_to_open(make.source);
}

void change_initrd(Maker& make) {
  if (make.source.one_in(2)) {
    make.call.initrd = zeros(make.source.pick(std::array<std::uint64_t, 4>{0, 1, 4097, 100'000}));
  } else {
    make.call.initrd = {
        .from = make.source.pick(std::array<const char*, 6>{"none", "directory", "device", "pipe", "proc", "sysfs"}),
        .size = {},
        .edits = {}};
  }
}

void change_line(Maker& make) {
  make.call.cmdline_at = make.source.pick(std::array{Pointer::null, Pointer::unmapped, Pointer::half, Pointer::kernel,
                                                     Pointer::read_only, Pointer::no_access});
}

// Around a page, and around what is allocated in one piece; the image's own limit is around its cmdline_size.
void change_line_length(Maker& make) {
  const std::uint64_t most = make.world.situation.page_size << 10;
  make.call.cmdline_len = make.source.pick(std::array<std::uint64_t, 13>{
      0, 1, 8, 2017, 2018, 2019, 4096, 4097, most, most + 1, 0xffffffff, std::uint64_t{1} << 32, ~std::uint64_t{0}});
}

using Mistake = void (*)(Maker&);
constexpr Mistake mistakes[] = {flip_flag,     set_high_bit,  change_asked_memory, change_header,
                                change_header, change_kernel, open_kernel,         open_initrd,
                                change_initrd, change_line,   change_line_length};

}  // namespace

void change_caller(const World& world, Source& source, scenario::Credentials& as) {
  switch (source.below(4)) {
    case 0:
      as.drop = {"sys_boot"};
      break;
    case 1:
      as.uid = 65534;
      break;
    case 2:
      as.drop = {source.one_in(2) ? "sys_admin" : "sys_module"};
      break;
    default:
      as.pid_namespace = world.situation.config.contains("PID_NS");
  }
}

Attempt make_file_call(const World& world, Source& source, bool crash) {
  Attempt out;
  out.plan.arch = world.situation.arch;
  FileLoadStep call;
  call.kernel = {.from = "self", .size = bytes(image_bytes), .edits = {edit_of(world.header->memory, asked_bytes)}};
  for (const auto& [field, value] : world.header->cut) call.kernel.edits.push_back(edit_of(field, value));
  call.initrd = source.one_in(2) ? zeros(5000) : FileSpec{.from = "none", .size = {}, .edits = {}};
  call.flags = (crash ? FileCall::on_crash : 0) | (call.initrd.from == "none" ? FileCall::no_initramfs : 0);
  if (source.one_in(10)) call.flags |= FileCall::unload;
  Maker make{source, world, call};
  for (auto n = source.pick(std::array{0, 0, 0, 1, 1, 1, 1, 2, 2, 3}); n > 0; --n)
    mistakes[source.below(std::size(mistakes))](make);
  if (source.one_in(10)) change_caller(world, source, out.as);
  out.file = std::move(call);
  return out;
}

}  // namespace kexlab::random
