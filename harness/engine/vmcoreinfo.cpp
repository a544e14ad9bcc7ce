// SPDX-License-Identifier: Apache-2.0
// The lines of vmcoreinfo that a dump needs.
#include "harness/engine/vmcoreinfo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "harness/model/contract.h"
#include "kexlab/arch.h"
#include "kexlab/text.h"

namespace kexlab::engine {
namespace {

using Lines = std::span<const std::string_view>;

constexpr std::string_view always[] = {
    "OSRELEASE",
    "SYMBOL(init_uts_ns)",
    "OFFSET(uts_namespace.name)",
    "SYMBOL(node_online_map)",
    "SYMBOL(swapper_pg_dir)",
    "SYMBOL(_stext)",
    "SIZE(page)",
    "SIZE(pglist_data)",
    "SIZE(zone)",
    "SIZE(free_area)",
    "SIZE(nodemask_t)",
    "OFFSET(page.flags)",
    "OFFSET(page._refcount)",
    "OFFSET(page.mapping)",
    "OFFSET(page.lru)",
    "OFFSET(page._mapcount)",
    "OFFSET(page.private)",
    "OFFSET(pglist_data.node_zones)",
    "OFFSET(pglist_data.nr_zones)",
    "OFFSET(pglist_data.node_start_pfn)",
    "OFFSET(pglist_data.node_spanned_pages)",
    "OFFSET(pglist_data.node_id)",
    "OFFSET(zone.free_area)",
    "OFFSET(zone.vm_stat)",
    "OFFSET(zone.spanned_pages)",
    "OFFSET(free_area.free_list)",
    "OFFSET(list_head.next)",
    "OFFSET(list_head.prev)",
    "LENGTH(zone.free_area)",
    "LENGTH(free_area.free_list)",
    "NUMBER(NR_FREE_PAGES)",
    "NUMBER(PG_lru)",
    "NUMBER(PG_private)",
    "NUMBER(PG_swapcache)",
    "NUMBER(PG_swapbacked)",
    "NUMBER(PG_head_mask)",
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)",
    "CRASHTIME",
};
using model::InfoLine;
using model::Version;
using Config = std::map<std::string, std::string>;

// By version and configuration. A line's bounds are versions whose source was read, so that between 6.1 and 6.12, and
// 6.12 and 7.2, what changed there is not asked for.
constexpr Version v6_1{6, 1}, v6_2{6, 2}, v6_12{6, 12}, v6_13{6, 13}, v7_2{7, 2};
constexpr InfoLine by_version[] = {
    {"BUILD-ID", "", v6_1},
    {"NUMBER(PG_hwpoison)", "MEMORY_FAILURE", v6_1},
    {"OFFSET(pglist_data.node_mem_map)", "FLATMEM", v6_1},
    {"SYMBOL(mem_map)", "!NUMA", v6_1},
    {"SYMBOL(mem_section)", "SPARSEMEM", v6_1},
    {"SYMBOL(kallsyms_names)", "KALLSYMS", v6_1},
    {"SYMBOL(kallsyms_offsets)", "KALLSYMS_BASE_RELATIVE", v6_1, v6_12},
    {"SYMBOL(kallsyms_relative_base)", "KALLSYMS_BASE_RELATIVE", v6_1, v6_12},
    {"SYMBOL(vmap_area_list)", "", v6_1, v6_2},
    {"OFFSET(vmap_area.va_start)", "", v6_1, v6_2},
    {"OFFSET(vmap_area.list)", "", v6_1, v6_2},
    {"OFFSET(page.compound_dtor)", "", v6_1, v6_2},
    {"OFFSET(page.compound_order)", "", v6_1, v6_2},
    {"NUMBER(PG_slab)", "", v6_1, v6_2},
    {"NUMBER(HUGETLB_PAGE_DTOR)", "HUGETLB_PAGE", v6_1, v6_2},
    {"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", "HUGETLB_PAGE", v6_1, v6_2},
    {"OFFSET(page.compound_head)", "", v6_1, v6_13},
    {"SYMBOL(kallsyms_offsets)", "KALLSYMS", v6_12},
    {"SYMBOL(kallsyms_relative_base)", "KALLSYMS", v6_12, v6_13},
    {"NUMBER(VMALLOC_START)", "", v6_12},
    {"SYMBOL(vmemmap)", "SPARSEMEM_VMEMMAP", v6_12},
    {"NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", "", v6_12},
    {"NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)", "", v6_12},
    {"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", "", v6_12},
    {"OFFSET(page.compound_info)", "", v7_2},
    {"NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)", "UNACCEPTED_MEMORY", v7_2},
};
// The first line of a group tells that the kernel is configured for it.
constexpr std::string_view sections[] = {"SYMBOL(mem_section)",       "LENGTH(mem_section)",
                                         "SIZE(mem_section)",         "OFFSET(mem_section.section_mem_map)",
                                         "NUMBER(SECTION_SIZE_BITS)", "NUMBER(MAX_PHYSMEM_BITS)"};
constexpr std::string_view one_map[] = {"SYMBOL(mem_map)", "SYMBOL(contig_page_data)"};
constexpr std::string_view log[] = {
    "SYMBOL(prb)",
    "SIZE(printk_ringbuffer)",
    "OFFSET(printk_ringbuffer.desc_ring)",
    "OFFSET(printk_ringbuffer.text_data_ring)",
    "SIZE(prb_desc_ring)",
    "OFFSET(prb_desc_ring.count_bits)",
    "OFFSET(prb_desc_ring.descs)",
    "OFFSET(prb_desc_ring.infos)",
    "OFFSET(prb_desc_ring.head_id)",
    "OFFSET(prb_desc_ring.tail_id)",
    "SIZE(prb_desc)",
    "OFFSET(prb_desc.state_var)",
    "OFFSET(prb_desc.text_blk_lpos)",
    "OFFSET(prb_data_blk_lpos.begin)",
    "OFFSET(prb_data_blk_lpos.next)",
    "SIZE(printk_info)",
    "OFFSET(printk_info.seq)",
    "OFFSET(printk_info.ts_nsec)",
    "OFFSET(printk_info.text_len)",
    "OFFSET(printk_info.caller_id)",
    "OFFSET(prb_data_ring.size_bits)",
    "OFFSET(prb_data_ring.data)",
    "OFFSET(prb_data_ring.head_lpos)",
    "OFFSET(prb_data_ring.tail_lpos)",
    "SIZE(atomic_long_t)",
    "OFFSET(atomic_long_t.counter)",
};
constexpr std::string_view names[] = {"SYMBOL(kallsyms_names)", "SYMBOL(kallsyms_num_syms)",
                                      "SYMBOL(kallsyms_token_table)", "SYMBOL(kallsyms_token_index)"};

/// Of the first line that begins with the key and "=" what stands behind it, as far as to a NUL; else nothing.
std::string_view value_of(std::string_view text, std::string_view key) {
  for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const auto rest = text.substr(at + key.size());
    const bool begins = at == 0 || text[at - 1] == '\n';
    if (begins && !rest.empty() && rest[0] == '=')
      return rest.substr(1, rest.find_first_of(std::string_view("\n\0", 2)) - 1);
  }
  return {};
}
bool tells(std::string_view text, std::string_view key) { return !value_of(text, key).empty(); }

std::string missing_of(std::string_view text, Lines lines) {
  const auto wanting =
      std::find_if(lines.begin(), lines.end(), [text](std::string_view key) { return !tells(text, key); });
  return wanting == lines.end() ? std::string() : fmt::format("its vmcoreinfo has no line {}=", *wanting);
}

/// Of "OSRELEASE=6.12.117+deb13-cloud-amd64" 6.12; 0.0 where there is no such line.
Version version_in(std::string_view text) {
  const auto release = value_of(text, "OSRELEASE");
  const auto dot = std::min(release.find('.'), release.size());
  const auto rest = release.substr(std::min(dot + 1, release.size()));
  const auto major = parse_unsigned(release.substr(0, dot), 10),
             minor = parse_unsigned(rest.substr(0, rest.find_first_not_of("0123456789")), 10);
  if (!major || !minor) return {};
  return {static_cast<unsigned>(*major), static_cast<unsigned>(*minor)};
}

/// Without a known configuration nothing is asked for that depends on it.
bool is_written(const InfoLine& line, const Version& version, const Config& config) {
  if (version < line.since || version >= line.before) return false;
  if (line.option.empty()) return true;
  const bool unset = line.option.starts_with('!');
  const auto found = config.find(fmt::format("CONFIG_{}", line.option.substr(unset ? 1 : 0)));
  return !config.empty() && (found != config.end() && found->second == "y") != unset;
}

std::string missing_of(std::string_view text, std::span<const InfoLine> lines, const Config& config) {
  const Version version = version_in(text);
  for (const InfoLine& line : lines) {
    if (is_written(line, version, config) && !tells(text, line.key))
      return fmt::format("its vmcoreinfo has no line {}=", line.key);
  }
  return {};
}

std::string line_of(std::string_view text, std::string_view line) {
  const auto whole = fmt::format("\n{}\n", line);
  if (fmt::format("\n{}", text).find(whole) != std::string::npos) return {};
  return fmt::format("its vmcoreinfo has no line {}", line);
}

}  // namespace

std::optional<std::uint64_t> number_in_vmcoreinfo(std::string_view text, std::string_view key) {
  auto value = value_of(text, key);
  const bool negative = value.starts_with('-');
  if (negative) value.remove_prefix(1);
  const bool hex = value.starts_with("0x");
  const auto number = parse_unsigned(hex ? value.substr(2) : value, hex ? 16 : 10);
  return number && negative ? 0 - *number : number;
}

std::optional<std::uint64_t> hex_in_vmcoreinfo(std::string_view text, std::string_view key) {
  return parse_unsigned(value_of(text, key), 16);
}

std::optional<std::uint64_t> symbol_in_vmcoreinfo(std::string_view text, std::string_view name) {
  return hex_in_vmcoreinfo(text, fmt::format("SYMBOL({})", name));
}

std::string missing_in_vmcoreinfo(std::string_view text, const Machine& crashed, const Config& config) {
  const Arch* arch = find_arch(crashed.arch);
  const unsigned pointer = arch != nullptr && arch->bits == 32 ? 4 : 8;
  for (const auto& line :
       {fmt::format("PAGESIZE={}", crashed.page_size), fmt::format("SIZE(list_head)={}", 2 * pointer)})
    if (auto wrong = line_of(text, line); !wrong.empty()) return wrong;
  if (auto wrong = missing_of(text, always); !wrong.empty()) return wrong;
  for (const auto lines : {std::span<const InfoLine>(by_version), model::contract_of(crashed.arch).dumped.vmcoreinfo}) {
    if (auto wrong = missing_of(text, lines, config); !wrong.empty()) return wrong;
  }
  for (const Lines group : {Lines(sections), Lines(one_map), Lines(log), Lines(names)}) {
    if (!std::any_of(group.begin(), group.end(), [text](std::string_view key) { return tells(text, key); })) continue;
    if (auto wrong = missing_of(text, group); !wrong.empty()) return wrong;
  }
  if (!tells(text, "OFFSET(page.compound_head)") && !tells(text, "OFFSET(page.compound_info)") &&
      version_in(text) >= v6_1)
    return "its vmcoreinfo has neither a line OFFSET(page.compound_head)= nor OFFSET(page.compound_info)=";
  if (tells(text, sections[0]) || tells(text, one_map[0])) return {};
  return fmt::format("its vmcoreinfo has neither a line {}= nor {}=", sections[0], one_map[0]);
}

}  // namespace kexlab::engine
