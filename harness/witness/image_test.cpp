// SPDX-License-Identifier: Apache-2.0
// Filling in a witness's header: both byte orders, every refusal, and the images that were really built.
#include "harness/witness/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "harness/witness/witness.h"
#include "kexlab/fast_digest.h"

namespace kexlab::witness {
namespace {

using testing::HasSubstr;

constexpr std::size_t at = WITNESS_HEADER_OFFSET;
constexpr std::uint32_t ro_size = 4096;

Bytes blank_image(std::endian order) {
  Bytes image(8192, std::byte{0});
  image[0] = std::byte{0xeb};
  write_int(image, at + offsetof(witness_header, magic), WITNESS_MAGIC, order);
  write_int(image, at + offsetof(witness_header, version), std::uint32_t{WITNESS_VERSION}, order);
  write_int(image, at + offsetof(witness_header, ro_size), ro_size, order);
  write_int(image, at + offsetof(witness_header, image_size), std::uint32_t{8192}, order);
  return image;
}

WitnessTable good_table() {
  return {.nonce = "00112233445566778899aabbccddeeff",
          .base = 0x4000000,
          .entries = {{0x5000000, 0x123, 0x2000, 0xfeedface12345678}},
          .console = 0x2f8};
}

template <class T>
T field(ByteView image, std::size_t offset, std::endian order) {
  return read_int<T>(image, at + offset, order).value();
}

TEST(MakeWitness, FillsInTheHeaderInTheImagesByteOrder) {
  for (const auto order : {std::endian::little, std::endian::big}) {
    const auto made = make_witness(blank_image(order), good_table());
    ASSERT_TRUE(made) << made.error().str();
    EXPECT_EQ(field<std::uint64_t>(*made, offsetof(witness_header, console), order), 0x2f8u);
    EXPECT_EQ(field<std::uint32_t>(*made, offsetof(witness_header, flags), order), 0u);
    EXPECT_EQ(field<std::uint32_t>(*made, offsetof(witness_header, count), order), 2u);
    EXPECT_EQ(field<std::uint8_t>(*made, offsetof(witness_header, nonce) + 1, order), 0x11);
    EXPECT_EQ(field<std::uint8_t>(*made, offsetof(witness_header, nonce) + 15, order), 0xff);
    constexpr std::size_t first = offsetof(witness_header, entries), own = first + sizeof(witness_entry);
    EXPECT_EQ(field<std::uint64_t>(*made, first + offsetof(witness_entry, dest), order), 0x5000000u);
    EXPECT_EQ(field<std::uint64_t>(*made, first + offsetof(witness_entry, digest), order), 0xfeedface12345678u);
    EXPECT_EQ(field<std::uint32_t>(*made, first + offsetof(witness_entry, flags), order), 0u);
    EXPECT_EQ(field<std::uint64_t>(*made, own + offsetof(witness_entry, dest), order), 0x4000000u);
    EXPECT_EQ(field<std::uint64_t>(*made, own + offsetof(witness_entry, memsz), order), 8192u);
    EXPECT_EQ(field<std::uint32_t>(*made, own + offsetof(witness_entry, flags), order), WITNESS_SELF);
  }
}

TEST(MakeWitness, DigestsTheConstantPartWithTheDigestItselfAsZero) {
  const auto order = std::endian::big;
  auto made = make_witness(blank_image(order), good_table()).value();
  constexpr std::size_t digest_at =
      at + offsetof(witness_header, entries) + sizeof(witness_entry) + offsetof(witness_entry, digest);
  const auto digest = read_int<std::uint64_t>(made, digest_at, order).value();
  write_int(made, digest_at, std::uint64_t{0}, order);
  EXPECT_EQ(digest, fast_digest(ByteView(made).first(ro_size)));
}

struct Refusal {
  const char* name;
  void (*spoil)(Bytes& image, WitnessTable& table);
  Errc code;
  const char* word;
};

constexpr auto little = std::endian::little;
const Refusal refusals[] = {
    {"empty image", [](Bytes& image, WitnessTable&) { image.clear(); }, Errc::corrupt, "no witness magic"},
    {"no magic", [](Bytes& image, WitnessTable&) { image[at] ^= std::byte{1}; }, Errc::corrupt, "no witness magic"},
    {"other version", [](Bytes& image, WitnessTable&) { write_int(image, at + 8, std::uint32_t{99}, little); },
     Errc::unsupported, "version 99"},
    {"truncated", [](Bytes& image, WitnessTable&) { image.resize(5000); }, Errc::corrupt, "the image has 5000"},
    {"too much constant", [](Bytes& image, WitnessTable&) { write_int(image, at + 12, std::uint32_t{8200}, little); },
     Errc::corrupt, "8200 of them constant"},
    {"not whole pages",
     [](Bytes& image, WitnessTable&) {
       image.resize(8200);
       write_int(image, at + 16, std::uint32_t{8200}, little);
     },
     Errc::corrupt, "the header says 8200 bytes"},
    {"constant part not whole words",
     [](Bytes& image, WitnessTable&) { write_int(image, at + 12, std::uint32_t{4100}, little); }, Errc::corrupt,
     "4100 of them constant"},
    {"header not constant", [](Bytes& image, WitnessTable&) { write_int(image, at + 12, std::uint32_t{512}, little); },
     Errc::corrupt, "512 of them constant"},
    {"short nonce", [](Bytes&, WitnessTable& table) { table.nonce.pop_back(); }, Errc::invalid_argument, "nonce"},
    {"upper-case nonce", [](Bytes&, WitnessTable& table) { table.nonce.back() = 'F'; }, Errc::invalid_argument,
     "nonce"},
    {"unaligned base", [](Bytes&, WitnessTable& table) { table.base += 8; }, Errc::invalid_argument, "0x4000008"},
    {"too many entries", [](Bytes&, WitnessTable& table) { table.entries.resize(64); }, Errc::invalid_argument,
     "at most 63"},
    {"bufsz over memsz", [](Bytes&, WitnessTable& table) { table.entries[0].bufsz = 0x2001; }, Errc::invalid_argument,
     "0x2001"},
    {"wraps", [](Bytes&, WitnessTable& table) { table.entries[0].dest = ~std::uint64_t{0}; }, Errc::invalid_argument,
     "2^64"},
};

TEST(MakeWitness, RefusesWhatCannotWork) {
  for (const auto& refusal : refusals) {
    auto image = blank_image(little);
    auto table = good_table();
    ASSERT_TRUE(make_witness(image, table));
    refusal.spoil(image, table);
    const auto made = make_witness(image, table);
    ASSERT_FALSE(made) << refusal.name;
    EXPECT_EQ(made.error().code, refusal.code) << refusal.name;
    EXPECT_THAT(made.error().str(), HasSubstr(refusal.word)) << refusal.name;
  }
}

std::vector<std::string> targets() {
  std::istringstream list(KEXLAB_WITNESS_TARGETS);
  std::vector<std::string> out;
  for (std::string name; list >> name;) out.push_back(name);
  return out;
}

TEST(BuiltImages, AreWitnessesOfTheirTargets) {
  ASSERT_FALSE(targets().empty());
  for (const auto& target : targets()) {
    std::ifstream file(KEXLAB_WITNESS_IMAGES "/" + target + "/witness.bin", std::ios::binary);
    ASSERT_TRUE(file) << target;
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_LE(text.size(), 32u * 1024) << target << ": a witness is small";
    EXPECT_STREQ(text.substr(at + offsetof(witness_header, target), 16).c_str(), target.c_str());
    const auto made = make_witness(as_bytes(text), good_table());
    EXPECT_TRUE(made) << target << ": " << made.error().str();
  }
}

}  // namespace
}  // namespace kexlab::witness
