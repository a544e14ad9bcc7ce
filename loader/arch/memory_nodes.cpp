// SPDX-License-Identifier: Apache-2.0
// Memory as a flat device tree tells of it. Pure.
#include "loader/arch/memory_nodes.h"

#include <libfdt.h>

#include <cstring>

namespace kexlab {
namespace {

// Room for a property in each of many memory nodes and for the reservations, beside the tree itself.
constexpr std::size_t spare = 16384;

Status check_tree(ByteView fdt, const std::string& asked) {
  if (fdt.empty()) {
    return fail(Errc::not_found, asked, "the machine has no device tree (/sys/firmware/fdt)",
                "boot it with a kernel that shows it");
  }
  const int result = fdt_check_full(fdt.data(), fdt.size());
  if (result == 0) return {};
  return fail(Errc::corrupt, asked, std::string("the device tree: ") + fdt_strerror(result));
}

bool is_sound(ByteView fdt) { return !fdt.empty() && fdt_check_full(fdt.data(), fdt.size()) == 0; }

ByteView property_of(const void* fdt, int node, const char* name) {
  int size = 0;
  const auto* value = static_cast<const std::byte*>(fdt_getprop(fdt, node, name, &size));
  return value == nullptr ? ByteView{} : ByteView(value, static_cast<std::size_t>(size));
}

std::optional<std::uint64_t> number_of(ByteView value) {
  if (value.size() == 4) return read_int<std::uint32_t>(value, 0, std::endian::big);
  if (value.size() == 8) return read_int<std::uint64_t>(value, 0, std::endian::big);
  return std::nullopt;
}

template <class Each>
void each_node_of_type(const void* fdt, const char* type, Each each) {
  const int size = static_cast<int>(std::strlen(type)) + 1;
  int node = fdt_node_offset_by_prop_value(fdt, -1, "device_type", type, size);
  for (; node >= 0; node = fdt_node_offset_by_prop_value(fdt, node, "device_type", type, size)) each(node);
}

// Addresses and sizes as the root's cells have them: 1 or 2 cells each.
struct Cells {
  int address;
  int size;
  explicit Cells(const void* fdt) : address(fdt_address_cells(fdt, 0)), size(fdt_size_cells(fdt, 0)) {}
  [[nodiscard]] bool known() const { return address >= 1 && address <= 2 && size >= 1 && size <= 2; }
  [[nodiscard]] std::size_t row() const { return static_cast<std::size_t>(address + size) * 4; }
};

std::uint64_t read_cells(ByteView value, std::size_t at, int cells) {
  if (cells == 1) return read_int<std::uint32_t>(value, at, std::endian::big).value_or(0);
  return read_int<std::uint64_t>(value, at, std::endian::big).value_or(0);
}

bool append_cells(Bytes& out, std::uint64_t number, int cells) {
  if (cells == 1 && number > 0xffffffff) return false;
  const std::size_t at = out.size();
  out.resize(at + static_cast<std::size_t>(cells) * 4);
  if (cells == 1) {
    write_int<std::uint32_t>(out, at, static_cast<std::uint32_t>(number), std::endian::big);
  } else {
    write_int<std::uint64_t>(out, at, number, std::endian::big);
  }
  return true;
}

RangeSet memory_of(const void* fdt, int node) {
  const Cells cells(fdt);
  const ByteView reg = property_of(fdt, node, "reg");
  RangeSet memory;
  for (std::size_t at = 0; cells.known() && at + cells.row() <= reg.size(); at += cells.row()) {
    const std::uint64_t start = read_cells(reg, at, cells.address);
    const std::uint64_t size = read_cells(reg, at + static_cast<std::size_t>(cells.address) * 4, cells.size);
    if (const auto range = Range::sized(start, size)) memory.add(*range);
  }
  return memory;
}

// A tree being edited. The first error of libfdt sticks.
class Editor {
 public:
  explicit Editor(ByteView fdt) : bytes_(fdt.size() + spare) {
    keep(fdt_open_into(fdt.data(), bytes_.data(), static_cast<int>(bytes_.size())));
  }

  void reserve(const MemoryValues& values) {
    const RangeSet kept(values.kept);
    for (int i = error_ < 0 ? -1 : fdt_num_mem_rsv(data()) - 1; i >= 0; --i) {
      std::uint64_t start = 0, size = 0;
      keep(fdt_get_mem_rsv(data(), i, &start, &size));
      const auto range = Range::sized(start, size);
      if (!range || !kept.overlaps(*range)) keep(fdt_del_mem_rsv(data(), i));
    }
    for (const Range& range : values.reserved) {
      if (error_ >= 0 && !range.empty()) keep(fdt_add_mem_rsv(data(), range.start, range.size()));
    }
  }

  // False where a range does not fit the cells. A node without usable memory says so by an empty range.
  bool set_usable(const std::optional<RangeSet>& usable) {
    if (error_ < 0) return true;
    std::vector<std::string> paths;  // offsets move with every change
    each_node_of_type(data(), "memory", [&](int node) {
      char path[256];
      keep(fdt_get_path(data(), node, path, sizeof(path)));
      if (error_ >= 0) paths.emplace_back(path);
    });
    for (const std::string& path : paths) {
      if (error_ >= 0 && !set_usable(fdt_path_offset(data(), path.c_str()), usable)) return false;
    }
    return true;
  }

  Bytes finish() {
    if (error_ >= 0) keep(fdt_pack(data()));
    if (error_ >= 0) bytes_.resize(fdt_totalsize(data()));
    return std::move(bytes_);
  }
  [[nodiscard]] int error() const { return error_; }

 private:
  void* data() { return bytes_.data(); }
  void keep(int result) {
    if (error_ >= 0 && result < 0) error_ = result;
  }

  bool set_usable(int node, const std::optional<RangeSet>& usable) {
    constexpr const char* name = "linux,usable-memory";
    if (!usable) {
      const int result = fdt_delprop(data(), node, name);
      if (result != -FDT_ERR_NOTFOUND) keep(result);
      return true;
    }
    const Cells cells(data());
    if (!cells.known()) return false;
    std::vector<Range> ranges;
    for (const Range& part : memory_of(data(), node).ranges()) {
      for (const Range& range : usable->intersect(part).ranges()) ranges.push_back(range);
    }
    if (ranges.empty()) ranges.push_back({});
    Bytes value;
    for (const Range& range : ranges) {
      if (!append_cells(value, range.start, cells.address) || !append_cells(value, range.size(), cells.size)) {
        return false;
      }
    }
    keep(fdt_setprop(data(), node, name, value.data(), static_cast<int>(value.size())));
    return true;
  }

  Bytes bytes_;
  int error_ = 0;
};

}  // namespace

Result<Bytes> edit_memory(ByteView fdt, const MemoryValues& values, const std::string& asked) {
  if (auto sound = check_tree(fdt, asked); !sound) return tl::unexpected(sound.error());
  Editor editor(fdt);
  editor.reserve(values);
  if (!editor.set_usable(values.usable)) {
    return fail(Errc::unsupported, asked,
                "the memory that it may use does not fit the root's #address-cells and #size-cells");
  }
  Bytes result = editor.finish();
  if (editor.error() < 0) {
    return fail(Errc::corrupt, asked, std::string("edit the memory nodes: ") + fdt_strerror(editor.error()));
  }
  return result;
}

Range first_memory(ByteView fdt) {
  Range found;
  if (!is_sound(fdt)) return found;
  each_node_of_type(fdt.data(), "memory", [&](int node) {
    for (const Range& range : memory_of(fdt.data(), node).ranges()) {
      if (range.start == 0) found = range;
    }
  });
  return found;
}

std::optional<std::uint64_t> fdt_number(ByteView fdt, const char* path, const char* property) {
  if (!is_sound(fdt)) return std::nullopt;
  const int node = fdt_path_offset(fdt.data(), path);
  return node < 0 ? std::nullopt : number_of(property_of(fdt.data(), node, property));
}

std::string fdt_text(ByteView fdt, const char* path, const char* property) {
  if (!is_sound(fdt)) return {};
  const int node = fdt_path_offset(fdt.data(), path);
  const ByteView value = node < 0 ? ByteView{} : property_of(fdt.data(), node, property);
  const std::string_view text = as_text(value);
  return std::string(text.substr(0, text.find('\0')));
}

std::vector<Range> fdt_ranges(ByteView fdt, const char* device_type, const char* base, const char* size) {
  std::vector<Range> found;
  if (!is_sound(fdt)) return found;
  each_node_of_type(fdt.data(), device_type, [&](int node) {
    const auto start = number_of(property_of(fdt.data(), node, base));
    const auto length = number_of(property_of(fdt.data(), node, size));
    const auto range = start && length ? Range::sized(*start, *length) : std::nullopt;
    if (range && !range->empty()) found.push_back(*range);
  });
  return found;
}

}  // namespace kexlab
