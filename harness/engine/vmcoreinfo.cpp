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

std::optional<std::uint64_t> symbol_in_vmcoreinfo(std::string_view text, std::string_view name) {
  return parse_unsigned(value_of(text, fmt::format("SYMBOL({})", name)), 16);
}

std::string missing_in_vmcoreinfo(std::string_view text, const Machine& crashed) {
  const Arch* arch = find_arch(crashed.arch);
  const unsigned pointer = arch != nullptr && arch->bits == 32 ? 4 : 8;
  for (const auto& line :
       {fmt::format("PAGESIZE={}", crashed.page_size), fmt::format("SIZE(list_head)={}", 2 * pointer)})
    if (auto wrong = line_of(text, line); !wrong.empty()) return wrong;
  for (const Lines lines : {Lines(always), model::contract_of(crashed.arch).dumped.vmcoreinfo}) {
    if (auto wrong = missing_of(text, lines); !wrong.empty()) return wrong;
  }
  for (const Lines group : {Lines(sections), Lines(one_map), Lines(log), Lines(names)}) {
    if (!std::any_of(group.begin(), group.end(), [text](std::string_view key) { return tells(text, key); })) continue;
    if (auto wrong = missing_of(text, group); !wrong.empty()) return wrong;
  }
  if (tells(text, sections[0]) || tells(text, one_map[0])) return {};
  return fmt::format("its vmcoreinfo has neither a line {}= nor {}=", sections[0], one_map[0]);
}

}  // namespace kexlab::engine
