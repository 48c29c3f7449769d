// Pipelines (manifests/pipeline.h) as `train` runs them and `plan` tells them: a stage after the
// other, each a run or a model of its own. A stage that was done before is reported, one that was
// interrupted goes on, so `train` of a pipeline is repeated until it is through.
#pragma once

#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/context.h"
#include "manifests/pipeline.h"

namespace repro::cli {

struct PipelineSource {
  manifests::Pipeline pipeline;
  std::string folder;  // of its file: what relative paths in it start from; "" for a built-in one
};

// `recipe`: a built-in name, a YAML file with stages, or a folder with pipeline.yaml. Nothing for
// what is no pipeline.
std::optional<PipelineSource> find_pipeline(Context& context, const std::string& recipe);

// Runs and models are named NAME-STAGE, NAME-smoke-STAGE at the smoke size. `--set STAGE.KEY=VALUE`
// changes a stage; running options are for all of them. Error(invalid_argument) for options of
// `train` that a pipeline says itself.
int train_pipeline(Context& context, const PipelineSource& source, const Arguments& arguments);
int plan_pipeline(Context& context, const PipelineSource& source, const Arguments& arguments);

}  // namespace repro::cli
