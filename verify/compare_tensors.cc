#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "verify/compare.h"
#include "verify/object_pair.h"

namespace repro::verify {
namespace {

std::string describe(const std::string& dtype, const std::vector<std::int64_t>& shape) {
  std::string text = dtype + " [";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

// What states and tensor files have in common.
struct TensorSide {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::size_t index = 0;  // in the list it came from
};
using TensorSides = std::map<std::string, TensorSide>;

// Names, dtypes and shapes; the pairs that are left have the same number of bytes.
std::vector<std::string> compare_headers(Comparison& result, const TensorSides& a,
                                         const TensorSides& b) {
  std::set<std::string> names;
  for (const auto& [name, side] : a) names.insert(name);
  for (const auto& [name, side] : b) names.insert(name);
  std::vector<std::string> comparable;
  for (const std::string& name : names) {
    const auto left = a.find(name);
    const auto right = b.find(name);
    TensorDifference difference{name, "", "", "", {}};
    if (left != a.end()) difference.a = describe(left->second.dtype, left->second.shape);
    if (right != b.end()) difference.b = describe(right->second.dtype, right->second.shape);
    if (difference.b.empty()) {
      difference.what = "only in A";
    } else if (difference.a.empty()) {
      difference.what = "only in B";
    } else if (left->second.dtype != right->second.dtype) {
      difference.what = "dtype";
    } else if (left->second.shape != right->second.shape) {
      difference.what = "shape";
    } else {
      comparable.push_back(name);
      continue;
    }
    result.tensors.push_back(std::move(difference));
  }
  return comparable;
}

void add_elements(Comparison& result, const std::string& name, const TensorSide& side,
                  const ElementDifference& elements) {
  if (elements.num_different == 0) {
    ++result.num_equal_tensors;
    return;
  }
  const std::string text = describe(side.dtype, side.shape);
  result.tensors.push_back({name, "values", text, text, elements});
}

void finish(Comparison& result) {
  std::sort(result.tensors.begin(), result.tensors.end(),
            [](const TensorDifference& a, const TensorDifference& b) { return a.name < b.name; });
  if (!result.tensors.empty()) result.identical = false;
}

TensorSides sides_of(const manifests::State& state, const std::string& only) {
  TensorSides sides;
  for (std::size_t i = 0; i < state.tensors.size(); ++i) {
    const auto& tensor = state.tensors[i];
    if (only.empty() || only == tensor.name) sides[tensor.name] = {tensor.dtype, tensor.shape, i};
  }
  return sides;
}

// An opened tensor file.
struct TensorFile {
  std::unique_ptr<Mapping> mapping;
  artifacts::SafetensorsFile header;

  std::span<const std::byte> bytes_of(const artifacts::TensorInfo& tensor) const {
    return mapping->bytes().subspan(header.data_offset + tensor.begin, tensor.end - tensor.begin);
  }
};

TensorFile open_tensor_file(FileSystem& files, const std::string& path) {
  TensorFile file;
  file.mapping = files.map(path);
  file.header = artifacts::parse_safetensors(file.mapping->bytes(), path);
  return file;
}

TensorSides sides_of(const TensorFile& file, const std::string& prefix) {
  TensorSides sides;
  for (std::size_t i = 0; i < file.header.tensors.size(); ++i) {
    const auto& tensor = file.header.tensors[i];
    sides[prefix + tensor.name] = {tensor.dtype, tensor.shape, i};
  }
  return sides;
}

void compare_tensor_files(Comparison& result, FileSystem& files,
                          const std::pair<std::string, std::string>& paths,
                          const std::string& prefix) {
  const TensorFile a = open_tensor_file(files, paths.first);
  const TensorFile b = open_tensor_file(files, paths.second);
  const TensorSides left = sides_of(a, prefix);
  const TensorSides right = sides_of(b, prefix);
  for (const std::string& name : compare_headers(result, left, right)) {
    ElementComparer comparer(left.at(name).dtype);
    comparer.update(a.bytes_of(a.header.tensors[left.at(name).index]),
                    b.bytes_of(b.header.tensors[right.at(name).index]));
    add_elements(result, name, left.at(name), comparer.result());
  }
}

// Relative paths of everything but folders below `root`, in order.
void list_files(FileSystem& files, const std::string& root, const std::string& relative,
                std::map<std::string, FileKind>& found) {
  const std::string folder = relative.empty() ? root : join_path(root, relative);
  for (const std::string& name : files.list(folder)) {
    const std::string below = relative.empty() ? name : join_path(relative, name);
    const auto status = files.find_status(join_path(root, below));
    if (!status) continue;
    if (status->kind == FileKind::directory) {
      list_files(files, root, below, found);
    } else {
      found[below] = status->kind;
    }
  }
}

std::string digest_of(FileSystem& files, const std::string& path, FileKind kind) {
  if (kind != FileKind::regular) return kind == FileKind::symlink ? "symlink" : "special file";
  return sha256(files.map(path)->bytes()).hex();
}

// A path that a person named is followed where it is a symlink.
FileKind kind_of(FileSystem& files, const std::string& path) {
  const auto status = files.find_status(path);
  if (!status) throw Error(Code::not_found, "there is nothing at " + path);
  if (status->kind != FileKind::symlink) return status->kind;
  return files.open(path, OpenMode::read)->status().kind;
}

void compare_files(Comparison& result, FileSystem& files,
                   const std::pair<std::string, std::string>& paths,
                   const std::pair<FileKind, FileKind>& kinds, const std::string& name) {
  const std::string a = digest_of(files, paths.first, kinds.first);
  const std::string b = digest_of(files, paths.second, kinds.second);
  if (a == b) {
    ++result.num_equal_files;
    return;
  }
  result.identical = false;
  result.differences.push_back({"changed", name, a, b});
  const bool regular = kinds.first == FileKind::regular && kinds.second == FileKind::regular;
  if (regular && name.ends_with(".safetensors")) {
    compare_tensor_files(result, files, paths, name + ": ");
  }
}

}  // namespace

Comparison compare_states(const Stored<manifests::State>& a, const Stored<manifests::State>& b,
                          const std::string& tensor) {
  Comparison result;
  const TensorSides left = sides_of(a.manifest, tensor);
  const TensorSides right = sides_of(b.manifest, tensor);
  if (!tensor.empty() && left.empty() && right.empty()) {
    throw Error(Code::not_found, "neither state has a tensor " + tensor,
                "`repro show STATE` lists the names");
  }
  for (const std::string& name : compare_headers(result, left, right)) {
    const auto& tensor_a = a.manifest.tensors[left.at(name).index];
    const auto& tensor_b = b.manifest.tensors[right.at(name).index];
    if (tensor_a.root == tensor_b.root) {
      ++result.num_equal_tensors;
      continue;
    }
    ElementComparer comparer(tensor_a.dtype);
    read_pair(object_source(a.store, tensor_a.digest), object_source(b.store, tensor_b.digest),
              [&](auto x, auto y) { comparer.update(x, y); });
    add_elements(result, name, left.at(name), comparer.result());
  }
  finish(result);
  return result;
}

Comparison compare_paths(FileSystem& files, const std::string& a, const std::string& b) {
  Comparison result;
  const FileKind kind_a = kind_of(files, a);
  const FileKind kind_b = kind_of(files, b);
  if ((kind_a == FileKind::directory) != (kind_b == FileKind::directory)) {
    throw Error(Code::invalid_argument, "cannot compare a folder with a file: " + a + " and " + b);
  }
  if (kind_a != FileKind::directory) {
    compare_files(result, files, {a, b}, {kind_a, kind_b}, base_name(a));
    finish(result);
    return result;
  }
  std::map<std::string, FileKind> left;
  std::map<std::string, FileKind> right;
  list_files(files, a, "", left);
  list_files(files, b, "", right);
  std::set<std::string> names;
  for (const auto& [name, kind] : left) names.insert(name);
  for (const auto& [name, kind] : right) names.insert(name);
  for (const std::string& name : names) {
    const bool in_a = left.contains(name);
    if (in_a && right.contains(name)) {
      compare_files(result, files, {join_path(a, name), join_path(b, name)},
                    {left.at(name), right.at(name)}, name);
      continue;
    }
    result.identical = false;
    const std::string digest =
        digest_of(files, join_path(in_a ? a : b, name), in_a ? left.at(name) : right.at(name));
    result.differences.push_back(
        {in_a ? "removed" : "added", name, in_a ? digest : "", in_a ? "" : digest});
  }
  finish(result);
  return result;
}

}  // namespace repro::verify
