// SPDX-License-Identifier: Apache-2.0
// SHA-256 by libcrypto.
#include "harness/images/digest.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>

#include "harness/images/file.h"

namespace kexlab::images {

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr);
}
Sha256::~Sha256() = default;

Sha256& Sha256::add(ByteView bytes) {
  EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::field(std::string_view text) {
  add(as_bytes(std::to_string(text.size()) + ":"));
  return add(as_bytes(text));
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

std::string sha256(ByteView bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.hex();
}

Result<std::string> sha256_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return system_error("read " + file.string(), file);
  Sha256 sum;
  std::vector<char> block(std::size_t{1} << 18);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    sum.add(as_bytes({block.data(), static_cast<std::size_t>(in.gcount())}));
  }
  if (!in.eof()) return system_error("read " + file.string(), file);
  return sum.hex();
}

}  // namespace kexlab::images
