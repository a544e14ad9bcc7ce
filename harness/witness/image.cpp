// SPDX-License-Identifier: Apache-2.0
// Fills in the header of a witness image.
#include "harness/witness/image.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/witness/witness.h"
#include "kexlab/fast_digest.h"

namespace kexlab::witness {
namespace {

constexpr const char* asked = "make a witness";
constexpr std::size_t header_at = WITNESS_HEADER_OFFSET;
constexpr std::size_t entries_at = header_at + offsetof(witness_header, entries);
static_assert(max_entries + 1 == WITNESS_MAX_ENTRIES);

/// What the image says of itself.
struct Facts {
  std::endian order = std::endian::little;
  std::uint32_t ro_size = 0;
};

template <class T>
T read_field(ByteView image, std::size_t offset, std::endian order) {
  return read_int<T>(image, header_at + offset, order).value_or(0);
}

Result<std::endian> order_of(ByteView image) {
  for (const auto order : {std::endian::little, std::endian::big}) {
    if (read_field<std::uint64_t>(image, offsetof(witness_header, magic), order) == WITNESS_MAGIC) return order;
  }
  return fail(Errc::corrupt, asked,
              fmt::format("no witness magic at {:#x} of an image of {} bytes", header_at, image.size()),
              "give the target's witness.bin");
}

Result<Facts> read_facts(ByteView image) {
  const auto order = order_of(image);
  if (!order) return tl::unexpected(order.error());
  const auto version = read_field<std::uint32_t>(image, offsetof(witness_header, version), *order);
  if (version != WITNESS_VERSION) {
    return fail(Errc::unsupported, asked,
                fmt::format("the image has version {}, this program speaks {}", version, WITNESS_VERSION),
                "build both from one source");
  }
  const auto size = read_field<std::uint32_t>(image, offsetof(witness_header, image_size), *order);
  const auto ro_size = read_field<std::uint32_t>(image, offsetof(witness_header, ro_size), *order);
  if (size != image.size() || size % WITNESS_PAGE != 0 || ro_size > size || ro_size % 8 != 0 ||
      ro_size < header_at + sizeof(witness_header)) {
    return fail(
        Errc::corrupt, asked,
        fmt::format("the header says {} bytes, {} of them constant; the image has {}", size, ro_size, image.size()));
  }
  return Facts{*order, ro_size};
}

bool is_nonce(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Status check_table(const WitnessTable& table) {
  if (!is_nonce(table.nonce)) return fail(Errc::invalid_argument, asked, "the nonce is not 32 lower-case hex digits");
  if (table.base % WITNESS_PAGE != 0) {
    return fail(Errc::invalid_argument, asked, fmt::format("base {:#x} is not page-aligned", table.base));
  }
  if (table.entries.size() > max_entries) {
    return fail(Errc::invalid_argument, asked,
                fmt::format("{} entries, at most {}", table.entries.size(), max_entries));
  }
  for (std::size_t i = 0; i < table.entries.size(); ++i) {
    const auto& entry = table.entries[i];
    if (entry.bufsz > entry.memsz || entry.dest + entry.memsz < entry.dest) {
      return fail(
          Errc::invalid_argument, asked,
          fmt::format("entry {}: dest {:#x}, bufsz {:#x}, memsz {:#x}: bufsz must not pass memsz, nor dest+memsz 2^64",
                      i, entry.dest, entry.bufsz, entry.memsz));
    }
  }
  return {};
}

void write_entry(Bytes& image, std::endian order, std::size_t index, const WitnessEntry& entry, std::uint32_t flags) {
  const std::size_t at = entries_at + index * sizeof(witness_entry);
  write_int(image, at + offsetof(witness_entry, dest), entry.dest, order);
  write_int(image, at + offsetof(witness_entry, bufsz), entry.bufsz, order);
  write_int(image, at + offsetof(witness_entry, memsz), entry.memsz, order);
  write_int(image, at + offsetof(witness_entry, digest), entry.digest, order);
  write_int(image, at + offsetof(witness_entry, flags), flags, order);
}

void write_nonce(Bytes& image, const std::string& nonce) {
  const auto value = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (std::size_t i = 0; i < 16; ++i) {
    image[header_at + offsetof(witness_header, nonce) + i] =
        static_cast<std::byte>(value(nonce[2 * i]) << 4 | value(nonce[2 * i + 1]));
  }
}

}  // namespace

Result<Bytes> make_witness(ByteView image, const WitnessTable& table) {
  const auto facts = read_facts(image);
  if (!facts) return tl::unexpected(facts.error());
  if (auto status = check_table(table); !status) return tl::unexpected(status.error());
  Bytes out = to_bytes(image);
  const auto count = table.entries.size();
  write_nonce(out, table.nonce);
  write_int(out, header_at + offsetof(witness_header, flags), table.round != 0 ? std::uint32_t{WITNESS_RETURN} : 0,
            facts->order);
  write_int(out, header_at + offsetof(witness_header, console), table.console, facts->order);
  write_int(out, header_at + offsetof(witness_header, count), static_cast<std::uint32_t>(count + 1), facts->order);
  for (std::size_t i = 0; i < count; ++i) {
    write_entry(out, facts->order, i, table.entries[i], table.entries[i].skip ? WITNESS_SKIP : 0);
  }
  // Its own digest counts as zero while it is taken, and so it is: nothing was written there yet.
  WitnessEntry self{.dest = table.base, .bufsz = out.size(), .memsz = out.size()};
  write_entry(out, facts->order, count, self, WITNESS_SELF);
  self.digest = fast_digest(ByteView(out).first(facts->ro_size));
  write_entry(out, facts->order, count, self, WITNESS_SELF);
  return out;
}

}  // namespace kexlab::witness
