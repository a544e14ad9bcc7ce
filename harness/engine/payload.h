// SPDX-License-Identifier: Apache-2.0
// What travels with a guest: the initramfs of its first kernel, and the initrds of the kernels it starts, which are
// laid together from files that are in the guest already, so that only a few hundred bytes go over the channel.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "harness/images/images.h"
#include "harness/targets/target.h"
#include "kexlab/arch.h"

namespace kexlab::engine {

/// Paths inside a guest.
inline constexpr const char* base_in_guest = "/payload/base.cpio";
inline constexpr const char* self_in_guest = "/payload/self";
inline constexpr const char* next_in_guest = "/payload/next";
inline constexpr const char* crash_in_guest = "/payload/crash";
inline constexpr const char* agent_in_guest = "/init";

/// Which kernels a guest carries besides its own initramfs.
struct Cargo {
  bool self = false;
  bool next = false;
  bool crash = false;  ///< the one that is loaded for a crash in place of `self`, where that is another
  bool operator==(const Cargo&) const = default;
};

/// SHA-256 in hex of every regular file that an initrd unpacks to, by path without the leading slash.
using Manifest = std::map<std::string, std::string>;
/// From the agent's answer to `manifest`.
Manifest parse_manifest(std::string_view text);

/// An initrd for a kernel that is started from a guest, and what must be found in it there.
struct NextInitrd {
  InitrdSource source;
  Manifest manifest;
};

class Payload {
 public:
  /// Makes the parts for one target and its kernels; `crash` may be nullptr. Errors: not_found (agent binary), io.
  static Result<Payload> make(const Target& target, const images::Kernel& self, const images::Kernel& next,
                              const images::Kernel* crash = nullptr);

  /// The initramfs of the first kernel: the base and the cargo. `cargo` files are taken from the host.
  [[nodiscard]] Result<Bytes> first_initramfs(const Cargo& cargo) const;
  /// The initrd of generation `generation`: the base, the cargo again (for chains), the case's nonce, and a ballast of
  /// `ballast` bytes of a pattern made from the nonce, which proves that it arrived whole.
  [[nodiscard]] Result<NextInitrd> next_initrd(const std::string& nonce, unsigned generation, const Cargo& cargo,
                                               std::uint64_t ballast) const;
  /// Bytes of a source that next_initrd's pieces name, or of the agent. Error: not_found.
  [[nodiscard]] Result<ByteView> contents(const std::string& source) const;
  /// SHA-256 over everything that goes into first_initramfs(cargo); part of a snapshot's key.
  [[nodiscard]] const std::string& base_digest() const { return base_sha256_; }

 private:
  Bytes base_;  ///< cpio: folders, device nodes, /init
  Bytes agent_;
  std::string base_sha256_;
  Manifest base_manifest_;
  const images::Kernel* self_ = nullptr;
  const images::Kernel* next_ = nullptr;
  const images::Kernel* crash_ = nullptr;
  std::string self_sha256_, next_sha256_;  ///< of the unwrapped images
};

/// Seed of the ballast's pattern for a nonce.
std::uint32_t ballast_seed(const std::string& nonce);

}  // namespace kexlab::engine
