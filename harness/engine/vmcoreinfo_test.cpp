// SPDX-License-Identifier: Apache-2.0
// What a vmcoreinfo must tell, on what a kernel 6.1 of x86_64 told.
#include "harness/engine/vmcoreinfo.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace kexlab::engine {
namespace {

// A line each, here set apart by spaces.
constexpr std::string_view told_by_6_1 =
    R"(OSRELEASE=6.1.0-56-cloud-amd64 BUILD-ID=3b43fad5034874490492495d552c0af6a5fab235 PAGESIZE=4096
SYMBOL(init_uts_ns)=ffffffffb63f9b60 OFFSET(uts_namespace.name)=0 SYMBOL(node_online_map)=ffffffffb643b480
SYMBOL(swapper_pg_dir)=ffffffffb6210000 SYMBOL(_stext)=ffffffffb4800000 SYMBOL(vmap_area_list)=ffffffffb635a230
SYMBOL(mem_section)=ff18f1e0eee07000 LENGTH(mem_section)=131072 SIZE(mem_section)=16
OFFSET(mem_section.section_mem_map)=0 NUMBER(SECTION_SIZE_BITS)=27 NUMBER(MAX_PHYSMEM_BITS)=52 SIZE(page)=64
SIZE(pglist_data)=174208 SIZE(zone)=1536 SIZE(free_area)=88 SIZE(list_head)=16 SIZE(nodemask_t)=128
OFFSET(page.flags)=0 OFFSET(page._refcount)=52 OFFSET(page.mapping)=24 OFFSET(page.lru)=8 OFFSET(page._mapcount)=48
OFFSET(page.private)=40 OFFSET(page.compound_dtor)=16 OFFSET(page.compound_order)=17 OFFSET(page.compound_head)=8
OFFSET(pglist_data.node_zones)=0 OFFSET(pglist_data.nr_zones)=171552 OFFSET(pglist_data.node_start_pfn)=171560
OFFSET(pglist_data.node_spanned_pages)=171576 OFFSET(pglist_data.node_id)=171584 OFFSET(zone.free_area)=256
OFFSET(zone.vm_stat)=1344 OFFSET(zone.spanned_pages)=144 OFFSET(free_area.free_list)=0 OFFSET(list_head.next)=0
OFFSET(list_head.prev)=8 OFFSET(vmap_area.va_start)=0 OFFSET(vmap_area.list)=40 LENGTH(zone.free_area)=11
SYMBOL(prb)=ffffffffb62622c0 SYMBOL(printk_rb_static)=ffffffffb62622e0 SYMBOL(clear_seq)=ffffffffb6b16480
SIZE(printk_ringbuffer)=88 OFFSET(printk_ringbuffer.desc_ring)=0 OFFSET(printk_ringbuffer.text_data_ring)=48
OFFSET(printk_ringbuffer.fail)=80 SIZE(prb_desc_ring)=48 OFFSET(prb_desc_ring.count_bits)=0
OFFSET(prb_desc_ring.descs)=8 OFFSET(prb_desc_ring.infos)=16 OFFSET(prb_desc_ring.head_id)=24
OFFSET(prb_desc_ring.tail_id)=32 SIZE(prb_desc)=24 OFFSET(prb_desc.state_var)=0 OFFSET(prb_desc.text_blk_lpos)=8
SIZE(prb_data_blk_lpos)=16 OFFSET(prb_data_blk_lpos.begin)=0 OFFSET(prb_data_blk_lpos.next)=8 SIZE(printk_info)=88
OFFSET(printk_info.seq)=0 OFFSET(printk_info.ts_nsec)=8 OFFSET(printk_info.text_len)=16
OFFSET(printk_info.caller_id)=20 OFFSET(printk_info.dev_info)=24 SIZE(dev_printk_info)=64
OFFSET(dev_printk_info.subsystem)=0 LENGTH(printk_info_subsystem)=16 OFFSET(dev_printk_info.device)=16
LENGTH(printk_info_device)=48 SIZE(prb_data_ring)=32 OFFSET(prb_data_ring.size_bits)=0 OFFSET(prb_data_ring.data)=8
OFFSET(prb_data_ring.head_lpos)=16 OFFSET(prb_data_ring.tail_lpos)=24 SIZE(atomic_long_t)=8
OFFSET(atomic_long_t.counter)=0 SIZE(latched_seq)=24 OFFSET(latched_seq.val)=8 LENGTH(free_area.free_list)=5
NUMBER(NR_FREE_PAGES)=0 NUMBER(PG_lru)=4 NUMBER(PG_private)=13 NUMBER(PG_swapcache)=10 NUMBER(PG_swapbacked)=19
NUMBER(PG_slab)=9 NUMBER(PG_head_mask)=65536 NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129 NUMBER(HUGETLB_PAGE_DTOR)=2
NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257 SYMBOL(kallsyms_names)=ffffffffb5975590
SYMBOL(kallsyms_num_syms)=ffffffffb5975588 SYMBOL(kallsyms_token_table)=ffffffffb5ac9d08
SYMBOL(kallsyms_token_index)=ffffffffb5aca0a0 SYMBOL(kallsyms_offsets)=ffffffffb59200b0
SYMBOL(kallsyms_relative_base)=ffffffffb5975580 NUMBER(phys_base)=-199229440 SYMBOL(init_top_pgt)=ffffffffb6210000
NUMBER(pgtable_l5_enabled)=1 SYMBOL(node_data)=ffffffffb64368e0 LENGTH(node_data)=1024 KERNELOFFSET=33800000
NUMBER(KERNEL_IMAGE_SIZE)=1073741824 NUMBER(sme_mask)=0 CRASHTIME=1795421548)";

std::string lines(std::string_view told = told_by_6_1) {
  std::string text(told);
  std::replace(text.begin(), text.end(), ' ', '\n');
  text += '\n';
  return text;
}
std::string without(std::string_view key) {
  std::string text = lines();
  const auto at = text.find(fmt::format("\n{}=", key)) + 1;
  return text.erase(at, text.find('\n', at) + 1 - at);
}
std::string with(std::string_view old, std::string_view replacement) {
  std::string text = lines();
  return text.replace(text.find(old), old.size(), replacement);
}
Machine machine(std::string arch = "x86_64", std::uint64_t page_size = 4096) {
  Machine crashed;
  crashed.arch = std::move(arch);
  crashed.page_size = page_size;
  return crashed;
}

TEST(Vmcoreinfo, OfAKernelIsWhole) { EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine()), ""); }

TEST(Vmcoreinfo, MayTellMoreThanIsNeeded) {
  for (const char* key : {"BUILD-ID", "KERNELOFFSET", "NUMBER(phys_base)", "OFFSET(page.compound_order)"})
    EXPECT_EQ(missing_in_vmcoreinfo(without(key), machine()), "") << key;
}

class WantedLine : public testing::TestWithParam<const char*> {};

TEST_P(WantedLine, IsMissed) {
  EXPECT_EQ(missing_in_vmcoreinfo(without(GetParam()), machine()),
            fmt::format("its vmcoreinfo has no line {}=", GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Keys, WantedLine,
                         testing::Values("SYMBOL(init_uts_ns)", "OFFSET(page.lru)", "SIZE(zone)",
                                         "OFFSET(pglist_data.node_spanned_pages)", "LENGTH(free_area.free_list)",
                                         "NUMBER(PG_head_mask)", "CRASHTIME", "SYMBOL(mem_section)",
                                         "NUMBER(MAX_PHYSMEM_BITS)", "SYMBOL(prb)", "OFFSET(prb_data_ring.tail_lpos)",
                                         "SYMBOL(kallsyms_num_syms)"));

TEST(Vmcoreinfo, OfAnotherPageSizeOrWordIsNotTheKernels) {
  EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine("x86_64", 65536)), "its vmcoreinfo has no line PAGESIZE=65536");
  EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine("i386")), "its vmcoreinfo has no line SIZE(list_head)=8");
}

TEST(Vmcoreinfo, NeedsAValueOnEveryLine) {
  EXPECT_EQ(missing_in_vmcoreinfo(with("SIZE(page)=64", "SIZE(page)="), machine()),
            "its vmcoreinfo has no line SIZE(page)=");
  EXPECT_EQ(missing_in_vmcoreinfo(with("SIZE(zone)=", "XSIZE(zone)="), machine()),
            "its vmcoreinfo has no line SIZE(zone)=");
}

TEST(Vmcoreinfo, TellsOfSectionsOrOfOneMap) {
  std::string text, line;
  for (std::istringstream all{lines()}; std::getline(all, line);)
    if (line.find("mem_section") == std::string::npos && line.find("_BITS)") == std::string::npos) text += line + '\n';
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()),
            "its vmcoreinfo has neither a line SYMBOL(mem_section)= nor SYMBOL(mem_map)=");
  text += "SYMBOL(mem_map)=ffffffffb635a230\n";
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()), "its vmcoreinfo has no line SYMBOL(contig_page_data)=");
  EXPECT_EQ(missing_in_vmcoreinfo(text + "SYMBOL(contig_page_data)=ffffffffb635b000\n", machine()), "");
}

TEST(Vmcoreinfo, ThatIsEmptyTellsNothing) {
  EXPECT_EQ(missing_in_vmcoreinfo("", machine()), "its vmcoreinfo has no line PAGESIZE=4096");
}

}  // namespace
}  // namespace kexlab::engine
