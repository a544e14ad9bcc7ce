// SPDX-License-Identifier: Apache-2.0
// For tests: the vmcoreinfo that Debian's 6.1 told on x86_64.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace kexlab::engine {

// A line each, here set apart by spaces.
inline constexpr std::string_view told_by_6_1 =
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

inline std::string sample_vmcoreinfo() {
  std::string text(told_by_6_1);
  std::replace(text.begin(), text.end(), ' ', '\n');
  return text + '\n';
}

}  // namespace kexlab::engine
