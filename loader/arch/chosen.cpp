// SPDX-License-Identifier: Apache-2.0
// The device tree that a second kernel gets: the running one's, with /chosen made new. Pure.
#include "loader/arch/chosen.h"

#include <libfdt.h>

#include <array>
#include <optional>

#include "kexlab/text.h"

namespace kexlab {
namespace {

// Room for new properties beside the command line: names, cells and tags of six properties and three reservations.
constexpr std::size_t spare = 4096;

// Only for the boot they were made for. `linux,uefi-*` stays: UEFI's tables are where they were.
constexpr auto stale = std::to_array<const char*>({
    "linux,initrd-start",
    "linux,initrd-end",
    "linux,elfcorehdr",
    "linux,usable-memory-range",
    "kaslr-seed",
    "rng-seed",
    "linux,booted-from-kexec",
    "linux,ima-kexec-buffer",
    "bootargs",
});

// A tree being edited. The first error of libfdt sticks and makes the calls after it idle.
class Editor {
 public:
  explicit Editor(std::size_t size) : bytes_(size) {}

  void open(ByteView fdt) { keep(fdt_open_into(fdt.data(), bytes_.data(), static_cast<int>(bytes_.size()))); }

  void find_chosen() {
    if (error_ < 0) return;
    chosen_ = fdt_path_offset(data(), "/chosen");
    if (chosen_ == -FDT_ERR_NOTFOUND) chosen_ = fdt_add_subnode(data(), 0, "chosen");
    keep(chosen_);
  }

  void erase(const char* name) {
    if (error_ < 0) return;
    const int result = fdt_delprop(data(), chosen_, name);
    if (result != -FDT_ERR_NOTFOUND) keep(result);
  }

  void set(const char* name, const Bytes& value) {
    if (error_ >= 0) keep(fdt_setprop(data(), chosen_, name, value.data(), static_cast<int>(value.size())));
  }

  // /memreserve/ entries are exact ranges: two of the same start are one thing.
  void drop_reservation(std::uint64_t start) {
    if (error_ < 0) return;
    for (int i = fdt_num_mem_rsv(data()) - 1; i >= 0; --i) {
      std::uint64_t address = 0;
      std::uint64_t size = 0;
      keep(fdt_get_mem_rsv(data(), i, &address, &size));
      if (error_ >= 0 && address == start) keep(fdt_del_mem_rsv(data(), i));
    }
  }

  void reserve(const Range& range) {
    if (error_ >= 0 && !range.empty()) keep(fdt_add_mem_rsv(data(), range.start, range.size()));
  }

  [[nodiscard]] std::optional<std::uint64_t> number(const char* name) {
    if (error_ < 0) return std::nullopt;
    int size = 0;
    const auto* value = static_cast<const std::byte*>(fdt_getprop(data(), chosen_, name, &size));
    if (value == nullptr) return std::nullopt;
    const ByteView view(value, static_cast<std::size_t>(size));
    if (size == 4) return read_int<std::uint32_t>(view, 0, std::endian::big);
    return read_int<std::uint64_t>(view, 0, std::endian::big);
  }

  [[nodiscard]] int address_cells() { return error_ < 0 ? 2 : fdt_address_cells(data(), 0); }
  [[nodiscard]] int size_cells() { return error_ < 0 ? 2 : fdt_size_cells(data(), 0); }

  Bytes finish() {
    if (error_ >= 0) keep(fdt_pack(data()));
    if (error_ >= 0) bytes_.resize(fdt_totalsize(data()));
    return std::move(bytes_);
  }

  void keep(int result) {
    if (error_ >= 0 && result < 0) error_ = result;
  }
  [[nodiscard]] int error() const { return error_; }

 private:
  void* data() { return bytes_.data(); }

  Bytes bytes_;
  int chosen_ = -1;
  int error_ = 0;
};

bool append_cells(Bytes& out, std::uint64_t value, int cells) {
  if (cells < 1 || cells > 4) return false;
  if (cells == 1 && value > 0xffffffff) return false;
  Bytes text(static_cast<std::size_t>(cells) * 4);
  if (cells == 1) {
    write_int<std::uint32_t>(text, 0, static_cast<std::uint32_t>(value), std::endian::big);
  } else {
    write_int<std::uint64_t>(text, text.size() - 8, value, std::endian::big);
  }
  out.insert(out.end(), text.begin(), text.end());
  return true;
}

// Ranges as <address size …> in the root's cells; nothing where one does not fit.
std::optional<Bytes> range_cells(const std::vector<Range>& ranges, int address_cells, int size_cells) {
  Bytes out;
  for (const Range& range : ranges) {
    if (!append_cells(out, range.start, address_cells) || !append_cells(out, range.size(), size_cells)) {
      return std::nullopt;
    }
  }
  return out;
}

Bytes number_cells(std::uint64_t value) {
  Bytes out(8);
  write_int<std::uint64_t>(out, 0, value, std::endian::big);
  return out;
}

void remove_stale(Editor& editor) {
  if (const auto start = editor.number("linux,initrd-start")) editor.drop_reservation(*start);
  if (const auto start = editor.number("linux,elfcorehdr")) editor.drop_reservation(*start);
  for (const char* name : stale) editor.erase(name);
}

void set_boot(Editor& editor, const ChosenValues& values) {
  Bytes text = to_bytes(as_bytes(values.cmdline));
  text.push_back(std::byte{0});
  editor.set("bootargs", text);
  if (values.initrd.empty()) return;
  editor.set("linux,initrd-start", number_cells(values.initrd.start));
  editor.set("linux,initrd-end", number_cells(values.initrd.end));
  editor.reserve(values.initrd);
}

Status set_crash(Editor& editor, const ChosenValues& values, const std::string& asked) {
  if (values.elfcorehdr.empty()) return {};
  const auto header = range_cells({values.elfcorehdr}, editor.address_cells(), editor.size_cells());
  const auto usable = range_cells(values.usable, editor.address_cells(), editor.size_cells());
  if (!header || !usable) {
    return fail(Errc::unsupported, asked,
                "the crash reservation does not fit the root's #address-cells and #size-cells of " +
                    std::to_string(editor.address_cells()) + " and " + std::to_string(editor.size_cells()),
                "reserve it below 4 GiB (crashkernel=SIZE@ADDRESS)");
  }
  editor.set("linux,elfcorehdr", *header);
  editor.set("linux,usable-memory-range", *usable);
  // The core header must survive until /proc/vmcore reads it (of_kexec_alloc_and_setup_fdt, drivers/of/kexec.c).
  editor.reserve(values.elfcorehdr);
  return {};
}

// A tree whose header and blocks are consistent with the bytes at hand, or an error.
Status check_tree(ByteView fdt, const std::string& asked) {
  if (fdt.empty()) {
    return fail(Errc::not_found, asked, "the machine has no device tree (/sys/firmware/fdt)",
                "boot it with a device tree; under QEMU's virt machine without UEFI it has one");
  }
  const int result = fdt_check_full(fdt.data(), fdt.size());
  if (result == 0) return {};
  return fail(Errc::corrupt, asked, std::string("the machine's device tree: ") + fdt_strerror(result));
}

}  // namespace

Result<Bytes> edit_chosen(ByteView fdt, const ChosenValues& values, const std::string& asked) {
  if (auto checked = check_tree(fdt, asked); !checked) return tl::unexpected(checked.error());
  Editor editor(fdt.size() + values.cmdline.size() + spare);
  editor.open(fdt);
  editor.find_chosen();
  remove_stale(editor);
  set_boot(editor, values);
  if (auto set = set_crash(editor, values, asked); !set) return tl::unexpected(set.error());
  Bytes result = editor.finish();
  if (editor.error() < 0) {
    return fail(Errc::corrupt, asked, std::string("edit /chosen: ") + fdt_strerror(editor.error()));
  }
  return result;
}

namespace {

std::uint64_t cells_at(ByteView view, std::size_t at, int cells) {
  if (cells == 1) return read_int<std::uint32_t>(view, at, std::endian::big).value_or(0);
  return read_int<std::uint64_t>(view, at, std::endian::big).value_or(0);
}

}  // namespace

RangeSet foreign_memory(ByteView fdt) {
  RangeSet found;
  if (fdt.empty() || fdt_check_full(fdt.data(), fdt.size()) != 0) return found;
  const int parent = fdt_path_offset(fdt.data(), "/reserved-memory");
  const int address = fdt_address_cells(fdt.data(), 0), length = fdt_size_cells(fdt.data(), 0);
  if (parent < 0 || address < 1 || address > 2 || length < 1 || length > 2) return found;
  int node = 0;
  fdt_for_each_subnode(node, fdt.data(), parent) {
    int size = 0;
    const auto* reg = static_cast<const std::byte*>(fdt_getprop(fdt.data(), node, "reg", &size));
    if (reg == nullptr || fdt_getprop(fdt.data(), node, "reusable", nullptr) != nullptr) continue;
    const ByteView view(reg, static_cast<std::size_t>(size));
    const auto row = static_cast<std::size_t>(address + length) * 4;
    for (std::size_t at = 0; at + row <= view.size(); at += row) {
      const std::uint64_t start = cells_at(view, at, address);
      const auto range = Range::sized(start, cells_at(view, at + static_cast<std::size_t>(address) * 4, length));
      if (range) found.add(*range);
    }
  }
  return found;
}

Bytes empty_tree() {
  Bytes tree(256);
  fdt_create_empty_tree(tree.data(), static_cast<int>(tree.size()));
  fdt_pack(tree.data());
  tree.resize((fdt_totalsize(tree.data()) + 7) & ~std::size_t{7});
  return tree;
}

namespace {

// "path:options" or an alias with options, as /chosen/stdout-path has it.
int stdout_node(const void* fdt) {
  int size = 0;
  const int chosen = fdt_path_offset(fdt, "/chosen");
  if (chosen < 0) return chosen;
  const auto* path = static_cast<const char*>(fdt_getprop(fdt, chosen, "stdout-path", &size));
  // The older name. Source: drivers/of/base.c (of_alias_scan).
  if (path == nullptr) path = static_cast<const char*>(fdt_getprop(fdt, chosen, "linux,stdout-path", &size));
  if (path == nullptr || size < 1) return -FDT_ERR_NOTFOUND;
  std::string_view name(path, static_cast<std::size_t>(size - 1));
  name = name.substr(0, name.find(':'));
  return fdt_path_offset_namelen(fdt, name.data(), static_cast<int>(name.size()));
}

std::optional<ByteView> property(const void* fdt, int node, const char* name) {
  int size = 0;
  const auto* value = static_cast<const std::byte*>(fdt_getprop(fdt, node, name, &size));
  return value == nullptr ? std::nullopt : std::optional(ByteView(value, static_cast<std::size_t>(size)));
}

// The address that `bus` maps one of its own to: rows of {child's address, parent's address, size}. An empty `ranges`
// maps one to one. Source: Devicetree Specification 0.4, 2.3.8.
std::optional<std::uint64_t> through_bus(const void* fdt, int bus, std::uint64_t address) {
  const auto ranges = property(fdt, bus, "ranges");
  if (!ranges || ranges->empty()) return ranges ? std::optional(address) : std::nullopt;
  const int child = fdt_address_cells(fdt, bus), size = fdt_size_cells(fdt, bus);
  const int parent = fdt_address_cells(fdt, fdt_parent_offset(fdt, bus));
  for (const int cells : {child, parent, size}) {
    if (cells < 1 || cells > 2) return std::nullopt;
  }
  const std::uint64_t row = 4 * static_cast<std::uint64_t>(child + parent + size);
  for (std::uint64_t at = 0; at + row <= ranges->size(); at += row) {
    const std::uint64_t from = cells_at(*ranges, at, child);
    const std::uint64_t length = cells_at(*ranges, at + 4 * static_cast<std::uint64_t>(child + parent), size);
    if (address < from || address - from >= length) continue;
    return cells_at(*ranges, at + 4 * static_cast<std::uint64_t>(child), parent) + (address - from);
  }
  return std::nullopt;
}

// The physical address of a node's first registers; 0 where a bus above it does not map them.
std::uint64_t first_address(const void* fdt, int node) {
  int bus = fdt_parent_offset(fdt, node);
  std::optional<std::uint64_t> address =
      cells_at(property(fdt, node, "reg").value_or(ByteView{}), 0, fdt_address_cells(fdt, bus));
  for (; bus > 0 && address; bus = fdt_parent_offset(fdt, bus)) address = through_bus(fdt, bus, *address);
  return address.value_or(0);
}

// The node of stdout-path where it is of that kind; else an error of libfdt.
int console_of_kind(ByteView fdt, const char* compatible) {
  if (fdt.empty() || fdt_check_full(fdt.data(), fdt.size()) != 0) return -FDT_ERR_BADSTRUCTURE;
  const int node = stdout_node(fdt.data());
  if (node < 0) return node;
  if (fdt_node_check_compatible(fdt.data(), node, compatible) != 0) return -FDT_ERR_NOTFOUND;
  return node;
}

}  // namespace

std::uint64_t pl011_console(ByteView fdt) {
  const int node = console_of_kind(fdt, "arm,pl011");
  return node < 0 ? 0 : first_address(fdt.data(), node);
}

std::uint64_t ns16550_console(ByteView fdt) {
  int node = console_of_kind(fdt, "ns16550a");
  if (node < 0) node = console_of_kind(fdt, "ns16550");
  if (node < 0) return 0;
  // Bindings: Documentation/devicetree/bindings/serial/8250.yaml.
  for (const char* wider : {"reg-shift", "reg-io-width"}) {
    if (fdt_getprop(fdt.data(), node, wider, nullptr) != nullptr) return 0;
  }
  return first_address(fdt.data(), node);
}

}  // namespace kexlab
