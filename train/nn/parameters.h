// The trained tensors of a model and what belongs to them: weights, two moments, gradient.
//
// Memory order is chosen so that weights which are contracted together lie together: (q | k | v)
// and (gate | up) of a layer are each one [outputs, inputs] matrix. Names, and the order in roots,
// are Hugging Face's. All buffers share one layout of element offsets.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/model_shape.h"
#include "train/kernels/parallel.h"
#include "train/nn/buffer.h"

namespace repro::train {

struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  manifests::TensorRole role = manifests::TensorRole::matrix;
  double init_std = 0;      // as in manifests::ParameterShape
  std::int64_t offset = 0;  // elements from the start of each buffer
  std::int64_t count = 0;
};

struct Parameters {
  explicit Parameters(const manifests::ModelConfig& model);

  std::vector<Parameter> tensors;  // in memory order
  Buffer<float> weights;
  Buffer<float> exp_avg;
  Buffer<float> exp_avg_sq;
  Buffer<std::int64_t> gradient;  // units of 2^-gradient_unit

  std::int64_t total() const { return weights.size(); }
  // nullptr where the model has no such tensor.
  const Parameter* find(std::string_view name) const;
  // Error(internal) for an unknown name.
  const Parameter& at(std::string_view name) const;

  // The embedding's rows that a step does not touch take no memory.
  void zero_gradient(Parallel& parallel);

  // init/1 (docs/arithmetic.md): truncated normal for embeddings and matrices, ones for norms;
  // moments zero. A pure function of seed, name and element index.
  void initialize(const manifests::ModelConfig& model, std::uint64_t seed, Parallel& parallel);
};

}  // namespace repro::train
