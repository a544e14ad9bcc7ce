// SPDX-License-Identifier: Apache-2.0
// What kexec_file_load(2) reads of a kernel image: the interface of the formats in arch/. Internal to the model.
#pragma once

#include <bit>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/model/file_load.h"
#include "kexlab/bytes.h"

namespace kexlab::model {

/// A segment that the loader makes of an image. Bytes.
struct Piece {
  std::uint64_t loaded = 0;  ///< copied from the file
  std::uint64_t memory = 0;  ///< that it wants to run in, before rounding to pages
};

/// What the loader makes of an image that it has recognised.
struct ImageNeeds {
  bool whole = true;                             ///< the parts that its header names are there
  std::vector<Piece> pieces;                     ///< each finds a place of its own
  std::optional<std::uint64_t> longest_cmdline;  ///< bytes with its byte 0; nothing: no limit
};

/// An image format of an architecture, as its loader in the kernel judges it.
struct FileFormat {
  int error;                ///< what the call gives for an image that is not recognised
  std::string_view option;  ///< without which the loader cannot check signatures
  bool (*recognises)(const File& kernel, const Situation& situation);
  ImageNeeds (*needs)(const File& kernel);
  FileHeader header;
};

/// A little-endian number of a file's head; 0 where the head ends before it.
template <class T>
T little_field(ByteView head, std::size_t at) {
  return read_int<T>(head, at, std::endian::little).value_or(0);
}

}  // namespace kexlab::model
