#include "cli/checkout.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "verify/verify.h"

namespace repro::cli {
namespace {

std::string json_text(const nlohmann::ordered_json& json) { return json.dump(2) + "\n"; }

// The folder while it is written; removed with all it holds unless it was published.
class Draft {
 public:
  Draft(FileSystem& files, const std::string& folder)
      : files_(files),
        target_(absolute_path(folder)),
        path_(fmt::format("{}/.{}.{}", parent_path(target_), base_name(target_), ::getpid())) {
    const auto status = files_.find_status(target_);
    if (status && (status->kind != FileKind::directory || !files_.list(target_).empty())) {
      throw Error(Code::already_exists, folder + " exists and is not an empty folder",
                  "choose another folder for -o, or remove it");
    }
    files_.make_directories(path_);
  }
  ~Draft() {
    if (published_) return;
    std::error_code ignored;  // what is left has a hidden name of its own and harms nothing
    std::filesystem::remove_all(path_, ignored);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  std::unique_ptr<File> create(const std::string& name) {
    const std::string path = join_path(path_, name);
    files_.make_directories(parent_path(path));
    return files_.open(path, OpenMode::create);
  }

  void write(const std::string& name, std::string_view text) {
    const auto file = create(name);
    file->write(as_bytes(text));
    file->sync();
  }

  void publish() {
    files_.sync_directory(path_);
    files_.rename(path_, target_);  // replaces an empty folder
    published_ = true;
    files_.sync_directory(parent_path(target_));
  }

 private:
  FileSystem& files_;
  std::string target_;
  std::string path_;
  bool published_ = false;
};

void write_tensors(Draft& draft, const StateSource& source, bool weights_only,
                   const std::string& name) {
  std::vector<artifacts::TensorToWrite> tensors;
  for (const manifests::StateTensor& tensor : source.state().tensors) {
    if (weights_only && !manifests::is_weight(tensor.name)) continue;
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  std::map<std::string, Digest> digests;
  for (const manifests::StateTensor& tensor : source.state().tensors) {
    digests[tensor.name] = tensor.digest;
  }
  const auto file = draft.create(name);
  const std::map<std::string, std::string> metadata = {{"format", "pt"}};
  artifacts::write_safetensors(*file, std::move(tensors), metadata,
                               [&](const std::string& tensor, const artifacts::TensorSink& sink) {
                                 source.store().read(digests.at(tensor), sink);
                               });
  file->sync();
}

void write_raw(Draft& draft, const StateSource& source) {
  for (const manifests::StateTensor& tensor : source.state().tensors) {
    const auto file = draft.create(tensor.name + ".bin");
    source.store().read(tensor.digest,
                        [&](std::span<const std::byte> piece) { file->write(piece); });
    file->sync();
  }
}

}  // namespace

CheckoutFormat parse_checkout_format(std::string_view text) {
  if (text == "hf") return CheckoutFormat::hf;
  if (text == "safetensors") return CheckoutFormat::safetensors;
  if (text == "raw") return CheckoutFormat::raw;
  throw Error(Code::invalid_argument, fmt::format("there is no format '{}'", text),
              "--format takes hf, safetensors or raw");
}

void check_hf_model(const manifests::ModelConfig& model) {
  std::string odd = model.norm == "post" ? "" : "model.norm: " + model.norm;
  if (!model.qk_norm) odd += (odd.empty() ? "" : " and ") + std::string("model.qk_norm: false");
  if (odd.empty()) return;
  throw Error(Code::unsupported, "Olmo2ForCausalLM cannot express a model with " + odd,
              "--format safetensors writes the tensors of any model");
}

std::string hf_config(const HfFacts& facts) {
  const manifests::ModelConfig& model = facts.config.model;
  nlohmann::ordered_json json = {{"architectures", {"Olmo2ForCausalLM"}},
                                 {"attention_bias", false},
                                 {"attention_dropout", 0.0},
                                 {"hidden_act", "silu"},
                                 {"hidden_size", model.hidden_size},
                                 {"initializer_range", model.init_std},
                                 {"intermediate_size", model.intermediate_size},
                                 {"max_position_embeddings", facts.config.data.sequence_length},
                                 {"model_type", "olmo2"},
                                 {"num_attention_heads", model.num_heads},
                                 {"num_hidden_layers", model.num_layers},
                                 {"num_key_value_heads", model.num_kv_heads},
                                 {"rms_norm_eps", model.rms_norm_eps},
                                 {"rope_scaling", nullptr},
                                 {"rope_theta", model.rope_theta},
                                 {"tie_word_embeddings", false},
                                 {"torch_dtype", "float32"},
                                 {"use_cache", true},
                                 {"vocab_size", model.vocab_size}};
  // The class's defaults are ids of another tokenizer, so null must be said.
  const nlohmann::ordered_json end =
      facts.end_of_text ? nlohmann::ordered_json(*facts.end_of_text) : nlohmann::ordered_json();
  json["bos_token_id"] = nullptr;
  json["eos_token_id"] = end;
  json["pad_token_id"] = end;
  return json_text(json);
}

std::string hf_generation_config(const HfFacts& facts) {
  nlohmann::ordered_json json = {{"_from_model_config", true}};
  if (facts.end_of_text) {
    json["eos_token_id"] = *facts.end_of_text;
    json["pad_token_id"] = *facts.end_of_text;
  }
  return json_text(json);
}

void write_checkout(Context& context, const StateSource& source, CheckoutFormat format,
                    const std::optional<HfFacts>& hf, const std::string& folder) {
  Draft draft(context.files(), folder);
  switch (format) {
    case CheckoutFormat::hf:
      REPRO_CHECK(hf.has_value());
      write_tensors(draft, source, true, "model.safetensors");
      draft.write("config.json", hf_config(*hf));
      draft.write("generation_config.json", hf_generation_config(*hf));
      if (hf->tokenizer_file) {
        draft.write("tokenizer.json", source.store().get(*hf->tokenizer_file));
      }
      break;
    case CheckoutFormat::safetensors:
      write_tensors(draft, source, false, "state.safetensors");
      break;
    case CheckoutFormat::raw:
      write_raw(draft, source);
      break;
  }
  draft.write(std::string(verify::kStateFile), manifests::encode_state(source.state()));
  draft.publish();
}

}  // namespace repro::cli
