// SPDX-License-Identifier: Apache-2.0
// `file_load:` with its files.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "harness/scenario/parse_steps.h"
#include "harness/scenario/vocabulary.h"
#include "harness/scenario/words.h"

namespace kexlab::scenario {
namespace {

constexpr std::size_t most_edits = 16;

/// Two hexadecimal digits a byte, with or without spaces between; nothing where it is something else.
std::optional<Bytes> read_hex(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c != ' '; });
  if (digits.empty() || digits.size() % 2 != 0) return std::nullopt;
  Bytes out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    unsigned byte = 0;
    const auto end = std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
    if (end.ec != std::errc() || end.ptr != digits.data() + i + 2) return std::nullopt;
    out.push_back(static_cast<std::byte>(byte));
  }
  return out;
}

/// Parses a file over its defaults: a word, or a map.
auto file_over(FileSpec out) {
  return [out = std::move(out)](const yaml::Node& node) mutable -> Result<FileSpec> {
    const bool bare = node.kind() == yaml::Kind::scalar;
    MapReader row(bare ? yaml::Node::map(node.where(), {{"from", node.where(), node}}) : node, "file", "file");
    row.optional("from", out.from, yaml::word_of(file_words()));
    row.optional("size", out.size, read_expression);
    row.optional("edit", out.edits, yaml::list_of(read_edit));
    row.optional("open", out.open, yaml::word_of(open_words()));
    if (auto status = row.done(); !status) return tl::unexpected(status.error());
    const bool copied = out.size || !out.edits.empty();
    if (copied && !out.can_be_copied())
      return yaml::fail_at(node.where(), fmt::format("`size` or `edit` of `{}`, which is nothing to copy", out.from),
                           "use self, next, own, elf or zeros");
    if (out.from == "zeros" && !out.size)
      return yaml::fail_at(node.where(), "`zeros` without `size`", "write `size: 0` for an empty file");
    if (out.edits.size() > most_edits)
      return yaml::fail_at(node.where(), fmt::format("more than {} edits of a file", most_edits));
    return out;
  };
}

}  // namespace

bool FileSpec::can_be_copied() const {
  return from == "self" || from == "next" || from == "own" || from == "elf" || from == "zeros";
}

Result<FileSpec::Edit> read_edit(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text) return tl::unexpected(text.error());
  const auto sign = text->find('=');
  std::string offset = text->substr(0, std::min(sign, text->size()));
  offset.erase(offset.find_last_not_of(' ') + 1);
  auto at = yaml::as_integer(yaml::Node::scalar(node.where(), offset), 0, std::uint64_t{1} << 32);
  auto bytes = sign == std::string::npos ? std::nullopt : read_hex(std::string_view(*text).substr(sign + 1));
  if (at && bytes) return FileSpec::Edit{*at, std::move(*bytes)};
  return yaml::fail_at(node.where(), fmt::format("an edit is expected here, not `{}`", *text),
                       "an offset and bytes in hexadecimal, for example `0x1fe = 00 00`");
}

Result<Pointer> read_cmdline_pointer(const yaml::Node& node) {
  auto pointer = read_pointer(node);
  if (!pointer) return tl::unexpected(pointer.error());
  if (pointer->kind == Pointer::guarded)
    return yaml::fail_at(node.where(), "a guarded command line would hold the agent itself", "use `hold`");
  if (pointer->kind > Pointer::no_access)
    return yaml::fail_at(node.where(), fmt::format("a command line cannot be `{}`", to_string(pointer->kind)),
                         "that is for the buffers and the array of `load`");
  return pointer->kind;
}

Result<FileLoadStep> parse_file_load(const yaml::Node& node) {
  FileLoadStep out;
  MapReader row(node, "file_load", "file_load");
  row.optional("kernel", out.kernel, file_over(out.kernel));
  row.optional("initrd", out.initrd, file_over(out.initrd));
  row.optional("cmdline", out.cmdline);
  row.optional("cmdline_len", out.cmdline_len);
  row.optional("cmdline_at", out.cmdline_at, read_cmdline_pointer);
  row.optional("flags", out.flags, read_file_load_flags);
  row.optional("as", out.as, parse_credentials);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

}  // namespace kexlab::scenario
