#include "tests/verify/olmo_folder.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "artifacts/tensor/convert.h"
#include "imports/olmo_checkpoint.h"
#include "manifests/model_shape.h"
#include "tests/imports/torch_bytes.h"

namespace repro::verify_test {
namespace {

using imports_test::op_dict;
using imports_test::op_int;
using imports_test::op_tensor;
using imports_test::op_text;

std::size_t count_of(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return static_cast<std::size_t>(count);
}

std::string bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string op_real(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  std::string text = "G";
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift);
  return text;
}

// What torch.save makes of a pickle and its storages.
class Archive {
 public:
  std::string add(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    const std::string key = std::to_string(entries_.size());
    entries_.push_back({"a/data/" + key, bytes_of(values)});
    std::vector<std::int32_t> sizes;
    std::vector<std::int32_t> strides(shape.size(), 1);
    for (const std::int64_t size : shape) sizes.push_back(static_cast<std::int32_t>(size));
    for (std::size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
    return op_tensor("FloatStorage", key, static_cast<std::int32_t>(values.size()), 0, sizes,
                     strides);
  }
  std::string finish(const std::string& opcodes) {
    entries_.push_back({"a/data.pkl", imports_test::pickled(opcodes)});
    return imports_test::make_zip(entries_);
  }

 private:
  std::vector<imports_test::ZipEntry> entries_;
};

}  // namespace

const char* const kTrainerConfig = R"(run_name: small
model: {d_model: 8, n_heads: 2, n_layers: 1, mlp_hidden_size: 24, weight_tying: false,
  rope: true, attention_dropout: 0, residual_dropout: 0, embedding_dropout: 0, include_bias: false,
  layer_norm_type: rms, attention_layer_norm: true, norm_after: true, max_sequence_length: 32,
  vocab_size: 16, embedding_size: 16, init_cutoff_factor: 3}
optimizer: {name: adamw, learning_rate: 0.5}
scheduler: {name: linear_with_warmup, t_warmup: 0, alpha_f: 0}
global_train_batch_size: 2
max_duration: 8
stop_at: 12
data: {drop_last: true}
)";

const char* const kModelConfig =
    R"({"architectures":["Olmo2ForCausalLM"],"model_type":"olmo2","hidden_size":8,
"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":2,"intermediate_size":12,
"vocab_size":16,"rms_norm_eps":1e-6,"rope_theta":500000,"max_position_embeddings":32})";

manifests::ModelConfig small_model() {
  manifests::ModelConfig model;
  model.hidden_size = 8;
  model.num_layers = 1;
  model.num_heads = model.num_kv_heads = 2;
  model.intermediate_size = 12;
  model.vocab_size = 16;
  return model;
}

OlmoFolderTest::Tensors OlmoFolderTest::all_tensors(const std::string& dtype) {
  Tensors tensors;
  for (const auto& tensor : manifests::parameter_shapes(small_model())) {
    tensors.push_back({tensor.name, dtype, tensor.shape});
  }
  return tensors;
}

OlmoFolderTest::Values OlmoFolderTest::numbers(int seed) {
  return [seed](const std::string& name, std::size_t index) {
    double sum = seed * 0.7 + static_cast<double>(index);
    for (const char c : name) sum = sum * 1.1 + c;
    return static_cast<float>(std::sin(sum));
  };
}

OlmoFolderTest::Values OlmoFolderTest::constant(float value) {
  return [value](const std::string&, std::size_t) { return value; };
}

void OlmoFolderTest::write_tensors(const std::string& path, const Tensors& tensors,
                                   const Values& values) {
  folder_.write(path, "");
  const auto file = system_file_system().open(folder_ / path, OpenMode::write);
  artifacts::write_safetensors(
      *file, tensors, {}, [&](const std::string& name, const artifacts::TensorSink& sink) {
        const auto tensor = std::find_if(tensors.begin(), tensors.end(),
                                         [&](const auto& other) { return other.name == name; });
        std::vector<float> numbers(count_of(tensor->shape));
        for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = values(name, i);
        std::vector<std::byte> narrow;
        artifacts::round_to_bfloat16(std::as_bytes(std::span(numbers)), narrow);
        sink(artifacts::dtype_size(tensor->dtype) == 2 ? std::span<const std::byte>(narrow)
                                                       : std::as_bytes(std::span(numbers)));
      });
}

void OlmoFolderTest::write_split(const std::string& name, const Values& values,
                                 const std::string& dtype) {
  folder_.write(name + "/config.json", kModelConfig);
  write_tensors(name + "/model.safetensors", all_tensors(dtype), values);
}

void OlmoFolderTest::write_original(const std::string& name, const Values& values,
                                    const std::string& lines) {
  folder_.write(name + "/config.yaml", kTrainerConfig + lines);
  Archive archive;
  std::vector<std::pair<std::string, std::string>> items;
  for (const imports::OlmoTensor& tensor : imports::olmo_layout(small_model())) {
    std::vector<float> numbers;
    for (const auto& part : tensor.parts) {
      for (std::size_t i = 0; i < count_of(part.shape); ++i) {
        numbers.push_back(values(part.name, i));
      }
    }
    items.emplace_back(op_text(tensor.name), archive.add(tensor.shape, numbers));
  }
  folder_.write(name + "/model.pt", archive.finish(op_dict(items)));
}

void OlmoFolderTest::write_optimizer(const std::string& name, float step, double rate) {
  Archive archive;
  std::vector<std::pair<std::string, std::string>> state;
  for (const imports::OlmoTensor& tensor : imports::olmo_layout(small_model())) {
    const std::vector<float> moments(count_of(tensor.shape), 0.25F);
    state.emplace_back(op_text(tensor.name),
                       op_dict({{op_text("exp_avg"), archive.add(tensor.shape, moments)},
                                {op_text("exp_avg_sq"), archive.add(tensor.shape, moments)},
                                {op_text("step"), archive.add({}, {step})}}));
  }
  const std::string groups = "](" + op_dict({{op_text("lr"), op_real(rate)}}) + "e";
  folder_.write(name + "/optim.pt", archive.finish(op_dict({{op_text("state"), op_dict(state)},
                                                            {op_text("param_groups"), groups}})));
}

void OlmoFolderTest::write_trainer(const std::string& name, std::int32_t step,
                                   std::int32_t tokens) {
  folder_.write(name + "/train.pt",
                Archive().finish(op_dict({{op_text("global_step"), op_int(step)},
                                          {op_text("global_train_tokens_seen"), op_int(tokens)}})));
}

void OlmoFolderTest::write_evil(const std::string& path) {
  folder_.write(path, Archive().finish(imports_test::op_call("os", "system", {op_text("false")})));
}

verify::OlmoVerification OlmoFolderTest::verify(const std::string& name) {
  return verify::verify_olmo_folder(system_file_system(), folder_ / name, {});
}

std::vector<std::string> OlmoFolderTest::messages(const verify::OlmoVerification& verification,
                                                  verify::Severity least) {
  std::vector<std::string> list;
  for (const verify::Finding& finding : verification.result.findings) {
    if (finding.severity >= least) list.push_back(finding.message);
  }
  return list;
}

}  // namespace repro::verify_test
