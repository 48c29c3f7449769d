#!/usr/bin/env python3
"""Every check of lint.py finds what it is there for, and nothing in a clean tree."""
import tempfile
import unittest
from pathlib import Path

import lint


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("tests/lint/layers.txt", "")
        self.write("artifacts/base/a.h", "#pragma once\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def expect(self, check, *parts):
        """Exactly one finding for each part, which it contains."""
        findings = check(lint.Tree(self.root))
        self.assertEqual(len(findings), len(parts), findings)
        for finding, part in zip(findings, parts):
            self.assertIn(part, finding)

    def test_arrow_that_is_not_allowed(self):
        self.write("logs/a.cc", '#include "artifacts/base/a.h"\n')
        self.expect(lint.check_layers, "logs/a.cc:1: logs may not include artifacts/base")
        self.write("tests/lint/layers.txt", "logs -> artifacts/base: errors\n")
        self.expect(lint.check_layers)

    def test_arrow_without_a_reason_or_a_use(self):
        self.write("tests/lint/layers.txt", "logs -> artifacts/base: errors\ncli -> logs\n")
        self.expect(lint.check_layers, "layers.txt:2: want", "no file uses logs -> artifacts/base")

    def test_circle_of_arrows(self):
        self.write("logs/a.h", '#include "verify/a.h"\n')
        self.write("verify/a.h", '#include "logs/a.h"\n')
        self.write("tests/lint/layers.txt", "logs -> verify: x\nverify -> logs: y\n")
        self.expect(lint.check_layers, "a circle: logs -> verify -> logs")

    def test_train_used_from_outside(self):
        self.write("cli/a.cc", '#include "train/nn/a.h"\n')
        self.write("train/nn/a.h", "")
        self.write("tests/lint/layers.txt", "cli -> train/nn: shortcut\n")
        self.expect(lint.check_layers, "nothing outside train may include it")

    def test_include_that_is_no_path_from_the_root(self):
        self.write("cli/a.cc", '#include "b.h"\n')
        self.expect(lint.check_layers, 'cli/a.cc:1: "b.h" is no path from the root')

    def test_banned_call_outside_comments(self):
        self.write("tests/lint/banned.txt", r"\bgetenv\( | . | - | goes through the seam" + "\n")
        self.write("cli/a.cc", '// getenv("A")\n/* getenv(\n) */\nauto a = getenv("A");\n')
        self.expect(lint.check_banned, "cli/a.cc:4: 'getenv(': goes through the seam")

    def test_exception_to_a_ban_must_be_needed(self):
        self.write("tests/lint/banned.txt", r"\bgetenv\( | . | cli/a.cc | seam" + "\n")
        self.write("cli/a.cc", "getenv(name);\n")
        self.expect(lint.check_banned)
        self.write("cli/a.cc", "\n")
        self.expect(lint.check_banned, "exception cli/a.cc is no longer needed")

    def test_long_file_line_and_function(self):
        self.write("cli/a.h", "\n" * (lint.MAX_HEADER + 1))
        self.write("cli/b.cc", "int f() {\n" + "  g();\n" * lint.MAX_FUNCTION + "}\n")
        self.write("cli/c.cc", "x" * (lint.MAX_LINE + 1) + "\n")
        self.expect(lint.check_budgets, "cli/a.h:1: 151 lines", "cli/b.cc:1: 62 lines in one",
                    "cli/c.cc:1: 101 columns")

    def test_exception_to_a_budget_must_be_needed(self):
        self.write("cli/a.h", "\n" * (lint.MAX_HEADER + 1))
        self.write("tests/lint/budget.txt", "cli/a.h 160: a table\n")
        self.expect(lint.check_budgets)
        self.write("cli/a.h", "\n")
        self.expect(lint.check_budgets, "cli/a.h fits without it")

    def test_bytes_that_are_no_plain_text(self):
        self.write("cli/a.cc", "// \u00e9\n")
        self.write("cli/b.cc", "// in /" + "root/x\n")
        self.write("cli/c.cc", "no end")
        self.expect(lint.check_text, "cli/a.cc:1: a byte", "is a path of one machine",
                    "cli/c.cc: the last line has no end")

    def test_link_to_nothing(self):
        self.write("docs/a.md", "[b](b.md) and [c](https://example.org/c) and [a](a.md#top)\n")
        self.expect(lint.check_links, "docs/a.md:1: b.md is not there")


if __name__ == "__main__":
    unittest.main()
