#include "cli/print_comparison.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/number_text.h"
#include "cli/findings.h"
#include "cli/run_record.h"

namespace repro::cli {
namespace {

constexpr std::size_t kShownDigits = 16;

// Digests are cut for people; JSON has them whole.
std::string shown(const std::string& value) {
  if (value.empty()) return "-";
  const bool digest =
      value.size() == 64 && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  return printable(digest ? value.substr(0, kShownDigits) : value);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void print_differences(Io& io, const std::vector<verify::Difference>& differences) {
  if (differences.empty()) return;
  std::vector<std::vector<std::string>> rows = {{"class", "what", "A", "B"}};
  for (const auto& difference : differences) {
    rows.push_back(
        {difference.section, printable(difference.name), shown(difference.a), shown(difference.b)});
    io.emit("difference", {{"section", difference.section},
                           {"name", printable(difference.name)},
                           {"a", printable(difference.a)},
                           {"b", printable(difference.b)}});
  }
  io.table(rows);
}

Json step_json(const std::optional<verify::StepPair>& pair) {
  if (!pair) return nullptr;
  return {{"step", pair->step},     {"fields", pair->fields}, {"loss_a", pair->loss_a},
          {"loss_b", pair->loss_b}, {"root_a", pair->root_a}, {"root_b", pair->root_b}};
}

void print_step(Io& io, const std::string& label, const verify::StepPair& pair) {
  std::string text = label + " " + std::to_string(pair.step);
  if (!pair.fields.empty()) text += ": " + joined(pair.fields);
  io.line(text);
  if (!pair.loss_a.empty()) io.line("  loss  " + pair.loss_a + "  " + pair.loss_b);
  if (!pair.root_a.empty()) io.line("  root  " + shown(pair.root_a) + "  " + shown(pair.root_b));
}

void print_steps(Io& io, const verify::Comparison& comparison) {
  if (comparison.first_difference) {
    print_step(io, "logs differ first at step", *comparison.first_difference);
  }
  if (comparison.first_root && comparison.first_root->step != comparison.first_difference->step) {
    print_step(io, "roots differ first at step", *comparison.first_root);
  }
  const bool later = comparison.last_common && comparison.first_difference &&
                     comparison.last_common->step != comparison.first_difference->step;
  if (later) print_step(io, "newest step of both", *comparison.last_common);
  if (!comparison.first_difference && comparison.num_equal_steps > 0) {
    io.line("logs are equal to step " + std::to_string(comparison.num_equal_steps));
  }
}

void print_spikes(Io& io, const verify::Comparison& comparison) {
  if (!comparison.spikes) return;
  const auto& [a, b] = *comparison.spikes;
  io.line("spikes of the loss           " + spikes_text(a.loss) + "; " + spikes_text(b.loss));
  io.line("spikes of the gradient norm  " + spikes_text(a.grad_norm) + "; " +
          spikes_text(b.grad_norm));
}

Json spikes_json(const verify::Comparison& comparison) {
  if (!comparison.spikes) return nullptr;
  return {{"a", logs::encode_spikes(comparison.spikes->first)},
          {"b", logs::encode_spikes(comparison.spikes->second)}};
}

void print_tensors(Io& io, const verify::Comparison& comparison) {
  if (comparison.tensors.empty() && comparison.num_equal_tensors == 0) return;
  for (const auto& tensor : comparison.tensors) {
    const auto& elements = tensor.elements;
    std::string text = printable(tensor.name) + "  ";
    if (tensor.what == "values") {
      text += tensor.a + "  " + std::to_string(elements.num_different) + " of " +
              std::to_string(elements.num_elements) + " differ, first at " +
              std::to_string(elements.first_index.value_or(0)) + ": " + elements.first_a + " " +
              elements.first_b + "; max absolute " + decimal_text(elements.max_absolute) +
              ", max ULP " + std::to_string(elements.max_ulp);
      if (elements.num_not_finite != 0) {
        text += ", not finite " + std::to_string(elements.num_not_finite);
      }
    } else {
      text += tensor.what + ": " + shown(tensor.a) + " " + shown(tensor.b);
    }
    io.line(text);
    Json json = {
        {"name", printable(tensor.name)}, {"what", tensor.what}, {"a", tensor.a}, {"b", tensor.b}};
    if (tensor.what == "values") {
      json["elements"] = elements.num_elements;
      json["different"] = elements.num_different;
      json["first_index"] = elements.first_index.value_or(0);
      json["first_a"] = elements.first_a;
      json["first_b"] = elements.first_b;
      json["max_absolute"] = decimal_text(elements.max_absolute);
      json["max_ulp"] = elements.max_ulp;
      json["not_finite"] = elements.num_not_finite;
    }
    io.emit("tensor", std::move(json));
  }
  io.line("tensors: " + std::to_string(comparison.num_equal_tensors) + " equal, " +
          std::to_string(comparison.tensors.size()) + " different");
}

}  // namespace

int print_comparison(Io& io, const verify::Comparison& comparison) {
  print_differences(io, comparison.differences);
  print_steps(io, comparison);
  print_spikes(io, comparison);
  print_tensors(io, comparison);
  io.line(comparison.identical ? io.paint(Paint::good, "identical")
                               : io.paint(Paint::warn, "different"));
  io.emit("diff", {{"identical", comparison.identical},
                   {"differences", comparison.differences.size()},
                   {"equal_steps", comparison.num_equal_steps},
                   {"first_difference", step_json(comparison.first_difference)},
                   {"first_root", step_json(comparison.first_root)},
                   {"last_common", step_json(comparison.last_common)},
                   {"spikes", spikes_json(comparison)},
                   {"equal_tensors", comparison.num_equal_tensors},
                   {"different_tensors", comparison.tensors.size()},
                   {"equal_files", comparison.num_equal_files}});
  return comparison.identical ? 0 : 1;
}

}  // namespace repro::cli
