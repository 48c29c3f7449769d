#include "cli/checkout.h"

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "cli/draft_folder.h"
#include "verify/verify.h"

namespace repro::cli {
namespace {

void write_whole_state(DraftFolder& draft, const StateSource& source) {
  std::vector<artifacts::TensorToWrite> tensors;
  std::map<std::string, Digest> digests;
  for (const manifests::StateTensor& tensor : source.state().tensors) {
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
    digests[tensor.name] = tensor.digest;
  }
  const auto file = draft.create("state.safetensors");
  artifacts::write_safetensors(*file, std::move(tensors), {{"format", "pt"}},
                               [&](const std::string& tensor, const artifacts::TensorSink& sink) {
                                 source.store().read(digests.at(tensor), sink);
                               });
  file->sync();
}

void write_raw(DraftFolder& draft, const StateSource& source) {
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

void write_checkout(Context& context, const StateSource& source, CheckoutFormat format,
                    const std::optional<HfFacts>& hf, const std::string& folder) {
  DraftFolder draft(context.files(), folder);
  switch (format) {
    case CheckoutFormat::hf:
      REPRO_CHECK(hf.has_value());
      write_hf_files(draft, "", source, *hf, {});
      break;
    case CheckoutFormat::safetensors:
      write_whole_state(draft, source);
      break;
    case CheckoutFormat::raw:
      write_raw(draft, source);
      break;
  }
  if (format != CheckoutFormat::hf) {
    draft.write(std::string(verify::kStateFile), manifests::encode_state(source.state()));
  }
  draft.publish();
}

}  // namespace repro::cli
