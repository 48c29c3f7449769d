#include "train/device/cuda/int8_products.h"

#include <cublasLt.h>
#include <dlfcn.h>

#include <map>
#include <vector>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "train/device/digit_layouts.h"

namespace repro::train {
namespace {

constexpr const char* kLibrary = "libcublasLt.so.13";
const char* const kHint =
    "scripts/deps --cuda downloads it; put it beside librepro_cuda.so, on LD_LIBRARY_PATH, or name "
    "its file in REPRO_CUBLASLT";

std::vector<std::string> candidates() {
  if (const auto path = find_environment("REPRO_CUBLASLT")) return {*path};
  Dl_info own = {};
  std::vector<std::string> paths;
  if (::dladdr(reinterpret_cast<const void*>(&candidates), &own) != 0) {
    const std::string path = own.dli_fname;
    paths.push_back(join_path(path.substr(0, path.rfind('/')), kLibrary));
  }
  paths.emplace_back(kLibrary);
  return paths;
}

// Never unloaded, as CUDA is not.
void* open_library() {
  std::string problem;
  for (const std::string& path : candidates()) {
    if (void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    problem += (problem.empty() ? "" : "; ") + std::string(::dlerror());
  }
  throw Error(Code::environment, "cannot load cuBLASLt: " + problem, kHint);
}

template <class Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  if (function != nullptr) return;
  throw Error(Code::environment, std::string("cuBLASLt has no ") + name, kHint);
}

// What is called of the library, with the types of its headers.
struct Functions {
  decltype(cublasLtCreate)* create;
  decltype(cublasLtDestroy)* destroy;
  decltype(cublasLtGetVersion)* version;
  decltype(cublasLtGetStatusString)* status_text;
  decltype(cublasLtMatmulDescCreate)* create_operation;
  decltype(cublasLtMatmulDescDestroy)* destroy_operation;
  decltype(cublasLtMatmulDescSetAttribute)* set_operation;
  decltype(cublasLtMatrixLayoutCreate)* create_layout;
  decltype(cublasLtMatrixLayoutDestroy)* destroy_layout;
  decltype(cublasLtMatrixLayoutSetAttribute)* set_layout;
  decltype(cublasLtMatmulPreferenceCreate)* create_preference;
  decltype(cublasLtMatmulPreferenceDestroy)* destroy_preference;
  decltype(cublasLtMatmulPreferenceSetAttribute)* set_preference;
  decltype(cublasLtMatmulAlgoGetHeuristic)* choose;
  decltype(cublasLtMatmul)* multiply;

  explicit Functions(void* library) {
    find(library, "cublasLtCreate", create);
    find(library, "cublasLtDestroy", destroy);
    find(library, "cublasLtGetVersion", version);
    find(library, "cublasLtGetStatusString", status_text);
    find(library, "cublasLtMatmulDescCreate", create_operation);
    find(library, "cublasLtMatmulDescDestroy", destroy_operation);
    find(library, "cublasLtMatmulDescSetAttribute", set_operation);
    find(library, "cublasLtMatrixLayoutCreate", create_layout);
    find(library, "cublasLtMatrixLayoutDestroy", destroy_layout);
    find(library, "cublasLtMatrixLayoutSetAttribute", set_layout);
    find(library, "cublasLtMatmulPreferenceCreate", create_preference);
    find(library, "cublasLtMatmulPreferenceDestroy", destroy_preference);
    find(library, "cublasLtMatmulPreferenceSetAttribute", set_preference);
    find(library, "cublasLtMatmulAlgoGetHeuristic", choose);
    find(library, "cublasLtMatmul", multiply);
  }

  void check(cublasStatus_t status) const {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw Error(Code::environment, std::string("cuBLASLt: ") + status_text(status));
  }
};

const Functions& functions() {
  static const Functions loaded(open_library());
  return loaded;
}

// What the library creates and destroys.
template <class Handle, cublasStatus_t (*Functions::*kDestroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (handle_ != nullptr) (functions().*kDestroy)(handle_);
  }
  Handle* put() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Library = Owned<cublasLtHandle_t, &Functions::destroy>;
using Operation = Owned<cublasLtMatmulDesc_t, &Functions::destroy_operation>;
using Layout = Owned<cublasLtMatrixLayout_t, &Functions::destroy_layout>;
using Preference = Owned<cublasLtMatmulPreference_t, &Functions::destroy_preference>;

Operation make_operation() {
  Operation operation;
  const Functions& lt = functions();
  lt.check(lt.create_operation(operation.put(), CUBLAS_COMPUTE_32I, CUDA_R_32I));
  const std::int32_t transposed = CUBLAS_OP_T;
  lt.check(lt.set_operation(operation.get(), CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                            sizeof(transposed)));
  return operation;
}

Layout make_layout(cudaDataType type, const ColumnMajor& matrix, std::int64_t batch) {
  Layout layout;
  const Functions& lt = functions();
  lt.check(lt.create_layout(layout.put(), type, static_cast<std::uint64_t>(matrix.rows),
                            static_cast<std::uint64_t>(matrix.cols), matrix.ld));
  const auto count = static_cast<std::int32_t>(batch);
  lt.check(lt.set_layout(layout.get(), CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)));
  lt.check(lt.set_layout(layout.get(), CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &matrix.stride,
                         sizeof(matrix.stride)));
  return layout;
}

Preference make_preference() {
  Preference preference;
  const Functions& lt = functions();
  lt.check(lt.create_preference(preference.put()));
  const std::uint64_t workspace = Int8Products::kWorkspaceBytes;
  lt.check(lt.set_preference(preference.get(), CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                             sizeof(workspace)));
  // The default says 256, which halves of operands and members of batches do not have.
  const std::uint32_t alignment = kSplitAlignment;
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    lt.check(lt.set_preference(preference.get(), attribute, &alignment, sizeof(alignment)));
  }
  return preference;
}

// One shape, ready to run.
struct Plan {
  explicit Plan(const ProductShape& shape)
      : operation(make_operation()),
        x(make_layout(CUDA_R_8I, shape.x, shape.batch)),
        y(make_layout(CUDA_R_8I, shape.y, shape.batch)),
        d(make_layout(CUDA_R_32I, shape.d, shape.batch)) {}

  Operation operation;
  Layout x, y, d;
  cublasLtMatmulAlgo_t algorithm = {};
};

std::string shape_text(const ProductShape& shape) {
  return std::to_string(shape.d.cols) + " by " + std::to_string(shape.d.rows) + ", depth " +
         std::to_string(shape.x.rows) + ", batch " + std::to_string(shape.batch);
}

}  // namespace

struct Int8Products::State {
  Library library;
  std::map<ProductShape, Plan> plans;  // a run has a few dozen shapes

  const Plan& plan_of(const ProductShape& shape) {
    const auto found = plans.find(shape);
    if (found != plans.end()) return found->second;
    const Functions& lt = functions();
    Plan plan(shape);
    const Preference preference = make_preference();
    cublasLtMatmulHeuristicResult_t result = {};
    int count = 0;
    const cublasStatus_t status =
        lt.choose(library.get(), plan.operation.get(), plan.x.get(), plan.y.get(), plan.d.get(),
                  plan.d.get(), preference.get(), 1, &result, &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && count == 0)) {
      throw Error(Code::environment,
                  "cuBLASLt " + version() + " has no int8 product of " + shape_text(shape));
    }
    lt.check(status);
    plan.algorithm = result.algo;
    return plans.emplace(shape, std::move(plan)).first->second;
  }

  static std::string version() {
    const std::size_t number = functions().version();  // 10000 * major + 100 * minor + patch
    return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." +
           std::to_string(number % 100);
  }
};

Int8Products::Int8Products() : state_(std::make_unique<State>()) {
  const Functions& lt = functions();
  lt.check(lt.create(state_->library.put()));
}

Int8Products::~Int8Products() = default;

std::string Int8Products::version() const { return State::version(); }

void Int8Products::queue(const DigitProduct& product, CudaStream stream, void* workspace) {
  const Functions& lt = functions();
  const std::int32_t one = 1;
  const std::int32_t zero = 0;
  for (const DigitSum sum : {DigitSum::high, DigitSum::cross, DigitSum::low}) {
    const DigitLayout layout = layout_of(product, sum);
    const Plan& plan = state_->plan_of(layout.shape);
    lt.check(lt.multiply(state_->library.get(), plan.operation.get(), &one, layout.x, plan.x.get(),
                         layout.y, plan.y.get(), &zero, layout.d, plan.d.get(), layout.d,
                         plan.d.get(), &plan.algorithm, workspace, kWorkspaceBytes, stream));
  }
}

}  // namespace repro::train
