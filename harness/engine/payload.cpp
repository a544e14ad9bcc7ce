// SPDX-License-Identifier: Apache-2.0
// Initrds laid together from parts: a base with the agent, the cargo, and a few bytes of the case's own.
#include "harness/engine/payload.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "harness/images/digest.h"
#include "harness/images/file.h"
#include "harness/images/images.h"

namespace kexlab::engine {
namespace {

constexpr const char* ballast_source = "ballast";
// An archive's end says nothing: its trailer and zeros up to the next block (images::cpio_layout). The ballast reaches
// into the initrd's last part of a page, so that a kernel which loses that part loses some of it.
constexpr std::uint64_t behind_ballast = 1024;
constexpr std::uint64_t page = 4096;  // the smallest of all targets

std::string relative(const char* path) { return std::string(path).substr(1); }

images::LayoutEntry file_entry(std::string path, Bytes bytes) {
  return {.path = std::move(path), .mode = 0100644, .content = std::move(bytes)};
}
images::LayoutEntry file_entry(std::string path, std::string source, std::uint64_t size) {
  return {.path = std::move(path), .mode = 0100644, .content = images::FileRef{std::move(source), size}};
}

/// Programs for the ABIs that the kernel has, as far as its configuration is known.
Result<std::vector<std::filesystem::path>> callers_of(const Target& target, const images::Kernel& kernel) {
  std::vector<std::filesystem::path> out;
  for (const Abi& abi : target.abis) {
    if (kernel.config_known && !kernel.has(abi.config)) continue;
    auto program = images::guest_binary(target, "abi/" + abi.name);
    if (!program) return tl::unexpected(program.error());
    out.push_back(std::move(*program));
  }
  return out;
}

}  // namespace

Manifest parse_manifest(std::string_view text) {
  Manifest manifest;
  std::istringstream lines{std::string(text)};
  std::string digest, size, path;
  while (lines >> digest >> size && std::getline(lines >> std::ws, path)) {
    manifest[path.starts_with('/') ? path.substr(1) : path] = digest;
  }
  return manifest;
}

std::uint32_t ballast_seed(const std::string& nonce) {
  std::uint32_t seed = 0;
  std::from_chars(nonce.data(), nonce.data() + std::min<std::size_t>(8, nonce.size()), seed, 16);
  return seed | 1;
}

Result<Payload> Payload::make(const Target& target, const images::Kernel& self, const images::Kernel& next,
                              const images::Kernel* crash) {
  auto agent = images::guest_binary(target, "agent");
  if (!agent) return tl::unexpected(agent.error());
  auto callers = callers_of(target, self);
  if (!callers) return tl::unexpected(callers.error());
  auto base = images::base_initramfs(target, *agent, self.modules, *callers);
  if (!base) return tl::unexpected(base.error());
  auto init = images::read_file(*agent);
  if (!init) return tl::unexpected(init.error());
  Payload payload;
  payload.base_ = std::move(*base);
  payload.base_sha256_ = images::sha256(payload.base_);
  payload.base_manifest_[relative(agent_in_guest)] = images::sha256(*init);
  payload.agent_ = std::move(*init);
  payload.self_ = &self;
  payload.next_ = &next;
  payload.crash_ = crash;
  payload.self_sha256_ = images::sha256(self.image.bytes);
  payload.next_sha256_ = images::sha256(next.image.bytes);
  return payload;
}

Result<Bytes> Payload::first_initramfs(const Cargo& cargo) const {
  std::vector<images::Entry> entries;
  entries.push_back({.path = relative(base_in_guest), .content = base_});
  if (cargo.self) entries.push_back({.path = relative(self_in_guest), .content = self_->image.bytes});
  if (cargo.next) entries.push_back({.path = relative(next_in_guest), .content = next_->image.bytes});
  if (cargo.crash && crash_ != nullptr)
    entries.push_back({.path = relative(crash_in_guest), .content = crash_->image.bytes});
  auto goods = images::make_cpio(entries);
  if (!goods) return goods;
  Bytes all = base_;
  all.insert(all.end(), goods->begin(), goods->end());
  return all;
}

Result<ByteView> Payload::contents(const std::string& source) const {
  if (source == base_in_guest) return ByteView(base_);
  if (source == agent_in_guest) return ByteView(agent_);
  if (source == self_in_guest) return ByteView(self_->image.bytes);
  if (source == next_in_guest) return ByteView(next_->image.bytes);
  if (source == crash_in_guest && crash_ != nullptr) return ByteView(crash_->image.bytes);
  return fail(Errc::not_found, "find the bytes of " + source, "no initrd of this guest is made of it");
}

namespace {

std::uint64_t size_of(const std::vector<images::CpioPart>& layout) {
  std::uint64_t size = 0;
  for (const auto& part : layout) {
    const auto* bytes = std::get_if<Bytes>(&part);
    size += bytes != nullptr ? bytes->size() : std::get<images::FileRef>(part).size;
  }
  return size;
}

}  // namespace

Result<NextInitrd> Payload::next_initrd(const std::string& nonce, unsigned generation, const Cargo& cargo,
                                        std::uint64_t ballast) const {
  std::vector<images::LayoutEntry> entries;
  NextInitrd made;
  made.manifest = base_manifest_;
  const std::string number = std::to_string(generation);
  entries.push_back(file_entry("kexlab/nonce", to_bytes(as_bytes(nonce))));
  entries.push_back(file_entry("kexlab/generation", to_bytes(as_bytes(number))));
  made.manifest["kexlab/nonce"] = images::sha256(as_bytes(nonce));
  made.manifest["kexlab/generation"] = images::sha256(as_bytes(number));
  if (cargo.self || cargo.next) {
    entries.push_back(file_entry(relative(base_in_guest), base_in_guest, base_.size()));
    made.manifest[relative(base_in_guest)] = base_sha256_;
  }
  if (cargo.self) {
    entries.push_back(file_entry(relative(self_in_guest), self_in_guest, self_->image.bytes.size()));
    made.manifest[relative(self_in_guest)] = self_sha256_;
  }
  if (cargo.next) {
    entries.push_back(file_entry(relative(next_in_guest), next_in_guest, next_->image.bytes.size()));
    made.manifest[relative(next_in_guest)] = next_sha256_;
  }
  entries.push_back(file_entry("kexlab/ballast", ballast_source, ballast));
  auto layout = images::cpio_layout(entries);
  if (layout && (base_.size() + size_of(*layout)) % page < behind_ballast) {
    ballast += behind_ballast;
    entries.back() = file_entry("kexlab/ballast", ballast_source, ballast);
    layout = images::cpio_layout(entries);
  }
  if (!layout) return tl::unexpected(layout.error());
  Bytes pattern(ballast);
  fill_pattern(ballast_seed(nonce), 0, pattern);
  made.manifest["kexlab/ballast"] = images::sha256(pattern);
  made.source.pieces.push_back(Piece::of_source(base_in_guest, 0, base_.size()));
  for (auto& part : *layout) {
    if (auto* bytes = std::get_if<Bytes>(&part)) {
      made.source.pieces.push_back(Piece::of(std::move(*bytes)));
    } else {
      const auto& file = std::get<images::FileRef>(part);
      made.source.pieces.push_back(file.source == ballast_source ? Piece::of_pattern(ballast_seed(nonce), file.size)
                                                                 : Piece::of_source(file.source, 0, file.size));
    }
  }
  return made;
}

}  // namespace kexlab::engine
