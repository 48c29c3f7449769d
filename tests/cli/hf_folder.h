// A small Hugging Face folder, as tests make it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "artifacts/tensor/safetensors.h"
#include "imports/hf_config.h"
#include "tests/support/temporary_folder.h"

namespace repro::cli_test {

// One layer of width 8, 300 ids.
imports::HfConfig small_hf_config();

// Numbers that are bfloat16 too, as bytes of `dtype`: bfloat16, or four bytes each.
std::string hf_numbers(std::int64_t count, const std::string& dtype, std::uint32_t first);

// config.json, generation_config.json and model.safetensors in `name` of `folder`; tensor X has
// `hf_numbers` from the length of its name on. `change` may spoil the list of tensors.
void write_hf_folder(
    const support::TemporaryFolder& folder, const std::string& name, const std::string& dtype,
    const std::function<void(std::vector<artifacts::TensorToWrite>&)>& change = {});

}  // namespace repro::cli_test
