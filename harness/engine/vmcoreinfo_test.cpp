// SPDX-License-Identifier: Apache-2.0
// What a vmcoreinfo must tell, on what a kernel of x86_64 told.
#include "harness/engine/vmcoreinfo.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "harness/engine/vmcoreinfo_sample.h"

namespace kexlab::engine {
namespace {

std::string lines() { return sample_vmcoreinfo(); }
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
  for (const char* key : {"SYMBOL(printk_rb_static)", "OFFSET(printk_ringbuffer.fail)", "SYMBOL(node_data)"})
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
                                         "SYMBOL(kallsyms_num_syms)", "KERNELOFFSET", "NUMBER(phys_base)", "BUILD-ID",
                                         "NUMBER(sme_mask)", "NUMBER(PG_slab)", "OFFSET(page.compound_head)",
                                         "SYMBOL(vmap_area_list)"));

/// A line that kernels with the option write, and are asked for where their configuration is known.
struct Optional {
  const char* key;
  const char* option;
};
void PrintTo(const Optional& one, std::ostream* out) { *out << one.key; }
class OptionalLine : public testing::TestWithParam<Optional> {};

TEST_P(OptionalLine, IsMissedByItsOption) {
  const auto [key, option] = GetParam();
  const std::string text = without(key);
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine(), {{"CONFIG_NUMA", "y"}, {option, "y"}}),
            fmt::format("its vmcoreinfo has no line {}=", key));
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()), "") << "the configuration is not known";
}

INSTANTIATE_TEST_SUITE_P(Keys, OptionalLine,
                         testing::Values(Optional{"SYMBOL(node_data)", "CONFIG_NUMA"},
                                         Optional{"NUMBER(HUGETLB_PAGE_DTOR)", "CONFIG_HUGETLB_PAGE"},
                                         Optional{"SYMBOL(kallsyms_offsets)", "CONFIG_KALLSYMS_BASE_RELATIVE"}));

TEST(Vmcoreinfo, IsNotAskedForWhatTheKernelIsBuiltWithout) {
  EXPECT_EQ(missing_in_vmcoreinfo(without("NUMBER(HUGETLB_PAGE_DTOR)"), machine(), {{"CONFIG_NUMA", "y"}}), "");
  EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine(), {{"CONFIG_NUMA", "y"}, {"CONFIG_MEMORY_FAILURE", "y"}}),
            "its vmcoreinfo has no line NUMBER(PG_hwpoison)=");
  EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine(), {{"CONFIG_KALLSYMS", "y"}}),
            "its vmcoreinfo has no line SYMBOL(mem_map)=")
      << "without NUMA";
}

// The sample's lines, told by a kernel of another version with what that one tells besides.
std::string of_version(std::string_view release, std::string_view more = {}) {
  return with("OSRELEASE=6.1.0-56-cloud-amd64", fmt::format("OSRELEASE={}", release)) + std::string(more);
}
constexpr std::string_view since_6_12 =
    "NUMBER(VMALLOC_START)=0xff1a000000000000\nNUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=1\n"
    "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=2\n";

TEST(Vmcoreinfo, IsAskedForByVersion) {
  const Machine crashed = machine();
  EXPECT_EQ(missing_in_vmcoreinfo(of_version("6.5.1"), crashed), "");
  EXPECT_EQ(missing_in_vmcoreinfo(of_version("6.12.117+deb13-cloud-amd64"), crashed),
            "its vmcoreinfo has no line NUMBER(VMALLOC_START)=");
  EXPECT_EQ(missing_in_vmcoreinfo(of_version("6.12.117+deb13-cloud-amd64", since_6_12), crashed), "");
  EXPECT_EQ(missing_in_vmcoreinfo(of_version("7.2-rc1", since_6_12), crashed),
            "its vmcoreinfo has no line OFFSET(page.compound_info)=");
}

TEST(Vmcoreinfo, TellsOfCompoundPagesByOneNameOrTheOther) {
  std::string text = of_version("7.0.3", since_6_12);
  const std::string head = "OFFSET(page.compound_head)", info = "OFFSET(page.compound_info)";
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()), "");
  text.replace(text.find(head), head.size(), info);
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()), "");
  text.replace(text.find(info), info.size(), "OFFSET(page.compound)");
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()),
            fmt::format("its vmcoreinfo has neither a line {}= nor {}=", head, info));
}

TEST(Vmcoreinfo, OfI386TellsOfPae) {
  const std::string text = with("SIZE(list_head)=16", "SIZE(list_head)=8");
  const Machine crashed = machine("i386");
  const std::map<std::string, std::string> pae = {{"CONFIG_NUMA", "y"}, {"CONFIG_X86_PAE", "y"}};
  EXPECT_EQ(missing_in_vmcoreinfo(text, crashed, {{"CONFIG_NUMA", "y"}}), "");
  EXPECT_EQ(missing_in_vmcoreinfo(text, crashed, pae), "its vmcoreinfo has no line CONFIG_X86_PAE=");
  EXPECT_EQ(missing_in_vmcoreinfo(text + "CONFIG_X86_PAE=y\n", crashed, pae), "");
}

TEST(Vmcoreinfo, OfRiscv64IsWhole) {
  const Machine crashed = machine("riscv64");
  EXPECT_EQ(missing_in_vmcoreinfo(lines(), crashed), "") << "6.1 tells nothing of its own";
  std::string text = of_version("6.12.1", since_6_12);
  for (const char* key : {"phys_ram_base", "PAGE_OFFSET", "VMALLOC_END", "VA_BITS", "VMEMMAP_START", "VMEMMAP_END",
                          "MODULES_VADDR", "MODULES_END", "KERNEL_LINK_ADDR"})
    text += fmt::format("NUMBER({})=1\n", key);
  EXPECT_EQ(missing_in_vmcoreinfo(text, crashed, {{"CONFIG_NUMA", "y"}, {"CONFIG_XIP_KERNEL", "y"}}), "");
  EXPECT_EQ(missing_in_vmcoreinfo(text, crashed, {{"CONFIG_NUMA", "y"}}),
            "its vmcoreinfo has no line NUMBER(va_kernel_pa_offset)=");
  text.replace(text.find("NUMBER(VA_BITS)"), 6, "SYMBOL");
  EXPECT_EQ(missing_in_vmcoreinfo(text, crashed), "its vmcoreinfo has no line NUMBER(VA_BITS)=");
}

TEST(Vmcoreinfo, NumbersWithoutAMarkAreHexadecimal) {
  EXPECT_EQ(hex_in_vmcoreinfo(lines(), "KERNELOFFSET"), 0x33800000u);
  EXPECT_FALSE(hex_in_vmcoreinfo(lines(), "IDENTITYBASE"));
}

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

TEST(Vmcoreinfo, NumbersAreOfEitherSignAndBase) {
  EXPECT_EQ(number_in_vmcoreinfo(lines(), "NUMBER(phys_base)"), std::uint64_t{0} - 199229440);
  EXPECT_EQ(number_in_vmcoreinfo("NUMBER(kimage_voffset)=0xffffffbfb8000000\n", "NUMBER(kimage_voffset)"),
            0xffffffbfb8000000);
  EXPECT_EQ(number_in_vmcoreinfo(lines(), "OFFSET(uts_namespace.name)"), 0U);
  EXPECT_FALSE(number_in_vmcoreinfo(lines(), "NUMBER(kimage_voffset)"));
  EXPECT_FALSE(number_in_vmcoreinfo("NUMBER(a)=none\n", "NUMBER(a)"));
}

TEST(Vmcoreinfo, ThatIsEmptyTellsNothing) {
  EXPECT_EQ(missing_in_vmcoreinfo("", machine()), "its vmcoreinfo has no line PAGESIZE=4096");
}

}  // namespace
}  // namespace kexlab::engine
