#!/usr/bin/env python3
"""Checks of the source tree itself.

`lint.py CHECK... [options]`; without CHECK, all that need no build. Each check returns a list of
findings ("file:line: what is wrong"). Exit status: 0 clean, 1 findings, 77 skipped (says why).
Tables of exceptions lie beside this file; an exception that is no longer needed is a finding too.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = (".h", ".cc", ".cu", ".cuh")
HEADERS = (".h", ".cuh")
MAX_HEADER, MAX_SOURCE, MAX_FUNCTION, MAX_LINE, MAX_README = 150, 500, 60, 100, 40
CLANG_FORMAT = "14"  # another version breaks lines elsewhere


class Skipped(Exception):
    pass


class Tree:
    def __init__(self, root, build=None, train=True, torch=True):
        self.root, self.build, self.train, self.torch = Path(root), build, train, torch
        self.tables = self.root / "tests" / "lint"

    def files(self, *suffixes):
        """Paths relative to the root, sorted; what git ignores is left out."""
        listed = subprocess.run(
            ["git", "-C", self.root, "ls-files", "-co", "--exclude-standard", "-z"],
            capture_output=True)
        if listed.returncode == 0:
            names = listed.stdout.decode().split("\0")
        else:  # an unpacked archive
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
        return sorted(n for n in names if n and n.endswith(suffixes or "")
                      and (self.root / n).is_file() and not n.startswith(("build", ".git/")))

    def text(self, name):
        return (self.root / name).read_text(errors="replace")

    def table(self, name):
        """(line number, line) of a table of exceptions, without comments."""
        path = self.tables / name
        lines = path.read_text().splitlines() if path.exists() else []
        return [(i, l) for i, l in enumerate(lines, 1) if l.strip() and not l.startswith("#")]

    def code(self, name):
        """The text with comments blanked, line numbers kept."""
        pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
        def blank(match):
            return match[0] if match[0][0] in "\"'" else "\n" * match[0].count("\n")
        return re.sub(pattern, blank, self.text(name), flags=re.S)


# --- layers --------------------------------------------------------------------------------------

def module_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in ("artifacts", "train") else parts[0]


def check_layers(tree):
    findings, allowed, used = [], {}, set()
    for number, line in tree.table("layers.txt"):
        match = re.fullmatch(r"(\S+) -> ([^:]+): *(\S.*)", line)
        if not match:
            findings.append(f"tests/lint/layers.txt:{number}: want 'from -> to, to: reason'")
            continue
        for target in match[2].split(","):
            allowed[match[1], target.strip()] = number
    for name in tree.files(*SOURCES):
        source = module_of(name)
        if source in ("tests", "scripts"):
            continue
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            if not (tree.root / match[1]).exists():
                findings.append(f'{name}:{number}: "{match[1]}" is no path from the root')
                continue
            target = module_of(match[1])
            if target == source:
                continue
            used.add((source, target))
            if (source, target) not in allowed:
                findings.append(f"{name}:{number}: {source} may not include {target}"
                                " (tests/lint/layers.txt)")
    findings += [f"tests/lint/layers.txt:{number}: no file uses {a} -> {b} any more"
                 for (a, b), number in allowed.items() if (a, b) not in used]
    return findings + find_cycle(allowed) + find_outside_uses_of_train(allowed)


def find_outside_uses_of_train(allowed):
    return [f"tests/lint/layers.txt:{n}: nothing outside train may include it"
            for (a, b), n in allowed.items() if b.startswith("train") and not a.startswith("train")]


def find_cycle(arrows):
    below = {}
    for a, b in arrows:
        below.setdefault(a, set()).add(b)
    done = set()

    def visit(node, path):
        if node in path:
            return [f"tests/lint/layers.txt: a circle: {' -> '.join(path[path.index(node):])}"
                    f" -> {node}"]
        if node in done:
            return []
        found = [f for n in sorted(below.get(node, ())) for f in visit(n, path + [node])]
        done.add(node)
        return found

    return [f for node in sorted(below) for f in visit(node, [])][:1]


# --- banned calls --------------------------------------------------------------------------------

def parse_banned(tree, findings):
    rules = []
    for number, line in tree.table("banned.txt"):
        fields = [f.strip() for f in line.split(" | ")]
        if len(fields) != 4:
            findings.append(f"tests/lint/banned.txt:{number}: want 'regex | where | but | reason'")
            continue
        pattern, where, but, reason = fields
        excused = [] if but == "-" else but.split()
        rules.append((number, re.compile(pattern), where.split(), excused, reason))
    return rules


def check_banned(tree):
    findings, used = [], set()
    rules = parse_banned(tree, findings)
    for name in tree.files(*SOURCES, "CMakeLists.txt", ".cmake", "CMakePresets.json"):
        lines = (tree.code(name) if name.endswith(SOURCES) else tree.text(name)).splitlines()
        for number, pattern, where, but, reason in rules:
            if not any(w == "." or name.startswith(w) for w in where):
                continue
            excuse = next((b for b in but if name.startswith(b)), None)
            for at, line in enumerate(lines, 1):
                match = pattern.search(line)
                if match and excuse:
                    used.add((number, excuse))
                elif match:
                    findings.append(f"{name}:{at}: '{match[0]}': {reason}")
    findings += [f"tests/lint/banned.txt:{number}: exception {b} is no longer needed"
                 for number, _, _, but, _ in rules for b in but if (number, b) not in used]
    return findings


# --- sizes ---------------------------------------------------------------------------------------

def long_functions(lines):
    """(line, length) of definitions as clang-format lays them: closed at their indentation."""
    opener = re.compile(r"^ {0,2}(?! |namespace|struct|class|enum|union|extern|using|#|\}).*\) ?"
                        r"(const |noexcept |override )*\{$"
                        r"|^ {4,}.*\) (const )?\{$")
    start = None
    for number, line in enumerate(lines, 1):
        statement = re.match(r" *(if|for|while|switch)\b", line)
        if start is None and opener.match(line) and not statement:
            first = number
            while first > 1 and lines[first - 1].startswith("    "):
                first -= 1
            start = (number, len(lines[first - 1]) - len(lines[first - 1].lstrip()))
        elif start and line == " " * start[1] + "}":
            yield start[0], number - start[0] + 1
            start = None


def sizes(tree):
    """Yields (key, line, size, limit) of everything that has a budget."""
    for name in tree.files(*SOURCES):
        lines = tree.text(name).splitlines()
        limit = MAX_HEADER if name.endswith(HEADERS) else MAX_SOURCE
        yield name, 1, len(lines), limit, "lines"
        for number, length in long_functions(lines):
            yield f"{name} function", number, length, MAX_FUNCTION, "lines in one function"
    for name in tree.files(*SOURCES, ".py"):
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            yield f"{name} line", number, len(line), MAX_LINE, "columns"
    for name in tree.files("README.md"):
        if "/" in name:
            yield name, 1, len(tree.text(name).splitlines()), MAX_README, "lines"


def check_budgets(tree):
    findings, granted, needed = [], {}, set()
    for number, line in tree.table("budget.txt"):
        match = re.fullmatch(r"(\S+(?: function| line)?) (\d+): *(\S.*)", line)
        if not match:
            findings.append(f"tests/lint/budget.txt:{number}: want 'file [function|line] limit:"
                            " reason'")
            continue
        granted[match[1]] = (number, int(match[2]))
    for key, line, size, limit, unit in sizes(tree):
        if size <= limit:
            continue
        needed.add(key)
        most = granted.get(key, (0, limit))[1]
        if size > most:
            findings.append(f"{key.split()[0]}:{line}: {size} {unit}, at most {most}")
    return findings + [f"tests/lint/budget.txt:{n}: {key} fits without it"
                       for key, (n, _) in granted.items() if key not in needed]


# --- text ----------------------------------------------------------------------------------------

def check_text(tree):
    findings = []
    machine_path = re.compile(r"(?<![\w.~$}])/(root|work|Users)/\w")
    for name in tree.files():
        if name.startswith("tests/golden/") or name.endswith((".bin", ".png")):
            continue
        data = (tree.root / name).read_bytes()
        for number, line in enumerate(data.split(b"\n"), 1):
            if not name.endswith(".md") and any(b > 126 or (b < 32 and b != 9) for b in line):
                findings.append(f"{name}:{number}: a byte that is not printable ASCII")
            match = machine_path.search(line.decode(errors="replace"))
            if match:
                findings.append(f"{name}:{number}: '{match[0]}' is a path of one machine")
        if data and not data.endswith(b"\n"):
            findings.append(f"{name}: the last line has no end")
    return findings


def check_links(tree):
    """Relative links in documents lead to something."""
    findings = []
    for name in tree.files(".md"):
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                if not (tree.root / name).parent.joinpath(target).exists():
                    findings.append(f"{name}:{number}: {target} is not there")
    return findings


def check_format(tree):
    program = shutil.which("clang-format")
    if not program:
        raise Skipped("clang-format is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    if not re.search(rf"version {CLANG_FORMAT}\.", version):
        raise Skipped(f"want clang-format {CLANG_FORMAT}, have {version.strip()}")
    names = tree.files(*SOURCES)
    result = subprocess.run([program, "--dry-run", "-Werror", "-ferror-limit=1", *names],
                            cwd=tree.root, capture_output=True, text=True)
    return [l for l in result.stderr.splitlines() if ": error:" in l]


# --- what needs a build --------------------------------------------------------------------------

def compile_commands(tree):
    with open(Path(tree.build) / "compile_commands.json") as file:
        return json.load(file)


def check_tests_built(tree):
    built = {os.path.realpath(c["file"]) for c in compile_commands(tree)}
    findings = []
    for name in tree.files("_test.cc"):
        needs_train = name.startswith(("tests/train/", "tests/conformance/"))
        needs_torch = name.startswith("tests/train/native/")
        if (needs_train and not tree.train) or (needs_torch and not tree.torch):
            continue
        if os.path.realpath(tree.root / name) not in built:
            findings.append(f"{name}:1: is not built; name it in the CMakeLists.txt beside it")
    return findings


def check_libraries(tree):
    """The programs need no LibTorch, no CUDA and nothing that speaks to a network."""
    findings = []
    for program in ["repro"] + (["repro-train"] if tree.train else []):
        path = Path(tree.build) / "bin" / program
        output = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True)
        if output.returncode != 0:
            findings.append(f"{program}: {output.stderr.strip()}")
        for library in re.findall(r"\(NEEDED\).*\[(.*)\]", output.stdout):
            if re.match(r"lib(torch|c10|cud|cupti|nccl|curl|ssh|ssl|git2|gomp|archive)", library):
                findings.append(f"{program}: needs {library} at every start")
    return findings


def header_flags(tree):
    """header -> the flags of its own source; or of one that ends in the same word (_avx2); or of
    another of its folder."""
    by_stem, by_word, by_folder = {}, {}, {}
    for command in compile_commands(tree):
        words = shlex.split(command["command"])  # as a shell would: -DNAME=\"text\" keeps its marks
        flags = [flag for before, word in zip(words, words[1:])
                 for flag in (["-isystem", word] if before == "-isystem" else [word])
                 if before == "-isystem" or re.match("-[IDmfW](?!invalid-pch)", word)]
        stem = os.path.splitext(os.path.relpath(os.path.realpath(command["file"]),
                                                os.path.realpath(tree.root)))[0]
        by_stem[stem] = flags
        by_word.setdefault((os.path.dirname(stem), stem.rpartition("_")[2]), flags)
        by_folder.setdefault(os.path.dirname(stem), flags)

    def find(name):
        stem, folder = os.path.splitext(name)[0], os.path.dirname(name)
        return (by_stem.get(stem) or by_word.get((folder, stem.rpartition("_")[2])) or
                by_folder.get(folder, ["-I" + str(tree.root)]))

    return find


def check_headers(tree):
    """Every header compiles on its own; .cuh is for CUDA's compiler (tests/gpu/compile_test.py)."""
    flags_of = header_flags(tree)
    compiler = os.environ.get("CXX", "c++")

    def compile_alone(name):
        if name.startswith("train/") and not tree.train:
            return []
        if name.startswith("train/native/") and not tree.torch:
            return []
        with tempfile.NamedTemporaryFile("w", suffix=".cc") as source:
            source.write(f'#include "{name}"\n#include "{name}"\n')
            source.flush()
            result = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-I" + str(tree.root),
                                     *flags_of(name), source.name], capture_output=True, text=True)
        if result.returncode == 0:
            return []
        first = next((l for l in result.stderr.splitlines() if "error" in l), result.stderr)
        return [f"{name}:1: does not compile on its own: {first.strip()}"]

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [f for found in pool.map(compile_alone, tree.files(".h")) for f in found]


WITHOUT_BUILD = {"layers": check_layers, "banned": check_banned, "budgets": check_budgets,
                 "text": check_text, "links": check_links, "format": check_format}
WITH_BUILD = {"tests_built": check_tests_built, "libraries": check_libraries,
              "headers": check_headers}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checks = {**WITHOUT_BUILD, **WITH_BUILD}
    parser.add_argument("check", nargs="*", metavar="CHECK", help=", ".join(checks))
    parser.add_argument("--root", default=Path(__file__).resolve().parents[2])
    parser.add_argument("--build")
    parser.add_argument("--train", default="ON")
    parser.add_argument("--torch", default="ON")
    options = parser.parse_args()
    tree = Tree(options.root, options.build, options.train == "ON",
                options.train == "ON" and options.torch == "ON")
    status = 0
    for name in options.check or WITHOUT_BUILD:
        try:
            findings = checks[name](tree)
        except Skipped as reason:
            print(f"{name}: skipped: {reason}")
            return 77
        for finding in findings:
            print(f"{name}: {finding}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
