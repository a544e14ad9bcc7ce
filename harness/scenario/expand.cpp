// SPDX-License-Identifier: Apache-2.0
// The matrix: its product, and the substitution of its parameters.
#include "harness/scenario/expand.h"

#include <fmt/format.h>

#include <algorithm>

namespace kexlab::scenario {
namespace {

constexpr std::size_t most_text = 64 * 1024;  // of one value with its parameters replaced
constexpr std::size_t most_value = 256;       // of a parameter: it becomes a part of the case's name

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

bool is_name(std::string_view text) {
  return !text.empty() && is_name_start(text[0]) && std::all_of(text.begin(), text.end(), is_name_part);
}

Result<std::vector<std::string>> read_values(const yaml::Node& node, const std::string& name) {
  auto read = [](const yaml::Node& value) -> Result<std::string> {
    // YAML's own null is a word here: the null pointer.
    return value.is_null() ? Result<std::string>("null") : yaml::as_string(value);
  };
  auto values = yaml::list_of(read)(node);
  if (!values) return values;
  if (values->empty())
    return yaml::fail_at(node.where(), fmt::format("parameter `{}` has no values, so there is no case", name));
  std::set<std::string_view> seen;
  for (const std::string& value : *values) {
    if (value.size() > most_value) {
      return yaml::fail_at(node.where(), fmt::format("a value of `{}` has more than {} characters", name, most_value));
    }
    if (!seen.insert(value).second) {
      return yaml::fail_at(node.where(), fmt::format("parameter `{}` has the value `{}` twice", name, value));
    }
  }
  return values;
}

std::string case_id(const std::string& name, const Parameters& parameters) {
  if (parameters.empty()) return name;
  std::string inner;
  for (const auto& [parameter, value] : parameters) {
    inner += fmt::format("{}{}={}", inner.empty() ? "" : ",", parameter, value);
  }
  return fmt::format("{}[{}]", name, inner);
}

/// The combination with number `index`, the last parameter varying fastest.
Parameters combination(const Matrix& matrix, std::size_t index) {
  Parameters out(matrix.size());
  for (std::size_t i = matrix.size(); i-- > 0;) {
    const auto& [name, values] = matrix[i];
    out[i] = {name, values[index % values.size()]};
    index /= values.size();
  }
  return out;
}

/// What the cases of one scenario may take together, so that a small file cannot make them fill the memory.
struct Budget {
  std::size_t text = std::size_t{64} << 20;  ///< characters
  std::size_t parts = 64 * 1024;             ///< steps and segments
};

/// Takes `size` from what is left.
Status spend(std::size_t& left, std::size_t size, const Position& where) {
  if (size > left)
    return yaml::fail_at(where, "the cases of this scenario are too large together", "split the scenario");
  left -= size;
  return {};
}

std::size_t parts_of(const Case& item) {
  std::size_t out = item.steps.size();
  for (const Step& step : item.steps) {
    if (const auto* load = std::get_if<LoadStep>(&step.action)) out += load->segments.size();
  }
  return out;
}

/// The root with parameters replaced everywhere but in the keys that define them.
Result<yaml::Node> substitute_root(const yaml::Node& root, const Parameters& parameters, std::set<std::string>& used,
                                   Budget& budget) {
  std::vector<yaml::Node::Entry> entries;
  for (const auto& entry : root.entries()) {
    if (entry.key == "matrix" || entry.key == "name") {
      entries.push_back(entry);
      continue;
    }
    auto value = entry.value.replace_scalars([&](const std::string& text, const Position& where) {
      return substitute(text, where, parameters, used).and_then([&](std::string out) -> Result<std::string> {
        if (auto status = spend(budget.text, out.size(), where); !status) return tl::unexpected(status.error());
        return out;
      });
    });
    if (!value) return value;
    entries.push_back({entry.key, entry.where, std::move(*value)});
  }
  return yaml::Node::map(root.where(), std::move(entries));
}

Status check_used(const yaml::Node& root, const std::set<std::string>& used) {
  const auto matrix = root.find("matrix");
  if (!matrix) return {};
  for (const auto& entry : matrix->entries()) {
    if (used.contains(entry.key)) continue;
    return yaml::fail_at(entry.where, fmt::format("parameter `{}` is used nowhere", entry.key),
                         fmt::format("write `${}` where its values belong", entry.key));
  }
  return {};
}

Result<std::size_t> count_cases(const yaml::Node& root, const Matrix& matrix) {
  std::size_t count = 1;
  for (const auto& [name, values] : matrix) {
    count *= values.size();
    if (count > max_cases) {
      return yaml::fail_at(root.where(), fmt::format("the matrix makes more than {} cases", max_cases),
                           "split the scenario");
    }
  }
  return count;
}

}  // namespace

Result<std::string> substitute(const std::string& text, const Position& where, const Parameters& parameters,
                               std::set<std::string>& used) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '$') {
      out += text[at++];
      continue;
    }
    if (text.compare(at, 2, "$$") == 0) {
      out += '$';
      at += 2;
      continue;
    }
    const bool braced = text.compare(at, 2, "${") == 0;
    const std::size_t start = at + (braced ? 2 : 1);
    std::size_t end = start;
    while (end < text.size() && is_name_part(text[end])) ++end;
    const std::string name = text.substr(start, end - start);
    if (!is_name(name) || (braced && (end == text.size() || text[end] != '}'))) {
      return yaml::fail_at(where, fmt::format("a `$` in `{}` without the name of a parameter", text),
                           "write `$$` for a dollar");
    }
    auto found = std::find_if(parameters.begin(), parameters.end(), [&](const auto& row) { return row.first == name; });
    if (found == parameters.end()) {
      std::vector<std::string> known;
      for (const auto& row : parameters) known.push_back(row.first);
      return yaml::fail_at(where, fmt::format("unknown parameter `${}`", name), yaml::suggestion(name, known));
    }
    used.insert(name);
    out += found->second;
    if (out.size() > most_text)
      return yaml::fail_at(where, fmt::format("more than {} characters with its parameters", most_text));
    at = end + (braced ? 1 : 0);
  }
  return out;
}

Result<Matrix> read_matrix(const yaml::Node& root) {
  Matrix out;
  const auto node = root.find("matrix");
  if (!node) return out;
  if (node->kind() != yaml::Kind::map)
    return yaml::fail_at(node->where(), "`matrix` must be a map of parameters and their values");
  for (const auto& entry : node->entries()) {
    if (!is_name(entry.key)) {
      return yaml::fail_at(entry.where, fmt::format("`{}` is no name of a parameter", entry.key),
                           "letters, digits and `_`");
    }
    auto values = read_values(entry.value, entry.key);
    if (!values) return tl::unexpected(values.error());
    out.emplace_back(entry.key, std::move(*values));
  }
  return out;
}

Result<std::vector<Case>> expand_root(const yaml::Node& root, const Matrix& matrix) {
  auto count = count_cases(root, matrix);
  if (!count) return tl::unexpected(count.error());
  std::vector<Case> out;
  std::set<std::string> used;
  Budget budget;
  for (std::size_t i = 0; i < *count; ++i) {
    Parameters parameters = combination(matrix, i);
    auto fixed = substitute_root(root, parameters, used, budget);
    if (!fixed) return tl::unexpected(fixed.error());
    auto item = read_case(*fixed);
    if (!item) {
      Error error = item.error();
      const std::string values = case_id("", parameters);
      if (!values.empty()) error.broke += fmt::format(", in the case {}", values);
      return tl::unexpected(error);
    }
    if (auto status = spend(budget.parts, parts_of(*item), item->where); !status) return tl::unexpected(status.error());
    item->id = case_id(item->scenario, parameters);
    item->parameters = std::move(parameters);
    out.push_back(std::move(*item));
  }
  if (auto status = check_used(root, used); !status) return tl::unexpected(status.error());
  return out;
}

Result<std::vector<Case>> expand(const Scenario& scenario) {
  auto root = yaml::parse(scenario.body, scenario.where.file, scenario.body_line);
  if (!root) return tl::unexpected(root.error());
  return expand_root(*root, scenario.matrix);
}

}  // namespace kexlab::scenario
