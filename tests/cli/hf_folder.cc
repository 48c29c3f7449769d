#include "tests/cli/hf_folder.h"

#include <map>

#include "artifacts/base/digest.h"
#include "artifacts/base/file_system.h"
#include "manifests/model_shape.h"

namespace repro::cli_test {

imports::HfConfig small_hf_config() {
  imports::HfConfig config;
  config.model.hidden_size = 8;
  config.model.num_layers = 1;
  config.model.num_heads = 2;
  config.model.num_kv_heads = 1;
  config.model.intermediate_size = 6;
  config.model.vocab_size = 300;
  config.positions = 32;
  config.end_of_text = 256;
  config.padding = 257;
  return config;
}

std::string hf_numbers(std::int64_t count, const std::string& dtype, std::uint32_t first) {
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t word = 0x3F800000U + ((first + static_cast<std::uint32_t>(i)) << 16);
    const char* data = reinterpret_cast<const char*>(&word);
    bytes.append(dtype == "bfloat16" ? data + 2 : data, dtype == "bfloat16" ? 2 : 4);
  }
  return bytes;
}

void write_hf_folder(const support::TemporaryFolder& folder, const std::string& name,
                     const std::string& dtype,
                     const std::function<void(std::vector<artifacts::TensorToWrite>&)>& change) {
  const imports::HfConfig config = small_hf_config();
  folder.write(name + "/config.json", imports::encode_hf_config(config, dtype));
  folder.write(name + "/generation_config.json", imports::encode_hf_generation_config(config));
  std::vector<artifacts::TensorToWrite> tensors;
  for (const auto& parameter : manifests::parameter_shapes(config.model)) {
    tensors.push_back({parameter.name, dtype, parameter.shape});
  }
  if (change) change(tensors);
  std::map<std::string, std::int64_t> counts;
  for (const auto& tensor : tensors) {
    std::int64_t count = 1;
    for (const std::int64_t extent : tensor.shape) count *= extent;
    counts[tensor.name] = count;
  }
  const std::string path = folder.write(name + "/model.safetensors", "");
  const auto file = system_file_system().open(path, OpenMode::write);
  artifacts::write_safetensors(*file, tensors, {{"format", "pt"}},
                               [&](const std::string& tensor, const artifacts::TensorSink& sink) {
                                 const auto first = static_cast<std::uint32_t>(tensor.size());
                                 sink(as_bytes(hf_numbers(counts.at(tensor), dtype, first)));
                               });
}

}  // namespace repro::cli_test
