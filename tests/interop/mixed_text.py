"""Texts for tokenizers, the same on every machine: words, code, numbers, scripts, emoji, any code
point, white space, added tokens, broken UTF-8. Drawn with random.Random(seed).getrandbits alone,
whose results do not change between versions of Python."""
import random

WORDS = """the of and to in a is that for it as was with be by on not he his but at are this have
from or had an they which one you were her all she there would their we him been has when who will
more no if out so said what up its about into than them can only other new some could time these
two may then do first any my now such like our over man me even most made after also did many
before must through back years where much your way well down should because each just those people
how too little state good very make world still own see men work long get here between both life
being under never day same another know while last might us great old year off come since against
go came right used take three states himself few house use during without again place American
around however home small found thought went say part once general high upon school every does
got united left number course war until always away something fact though water less public put
think almost hand enough far took head yet government system better set told nothing night end why
called eyes find going look asked later knew point next program city business give group toward
young days let room president side social given present several order national possible rather
second face per among form important often things looked early white case large big need four
within felt along children saw best church ever least power development light thing seemed family
interest want members mind country area others done turned although open service certain kind
problem began different door thus help sense means whole matter tokenizer deterministic gradient
reproducibility checkpoint hyperparameter internationalization misunderstanding""".split()
CODE = ["def {w}(self, {w}: int = {n}) -> None:\n    return self.{w}[{n}] + {w}\n",
        "for (int {w} = 0; {w} < {n}; ++{w}) {{\n\t{w}_{w}({w}, \"{w}\");\n}}\n",
        "  if ({w} != nullptr && {w}->{w}() >= {n}) return {{{w}, {n}}};  // {w} {w}\n",
        "SELECT {w}, COUNT(*) FROM {w}_{w} WHERE {w} = '{w}' GROUP BY {w};\r\n",
        "{{\"{w}\": {n}, \"{w}\": [\"{w}\", null, -{n}.{n}e+{n}]}}\n",
        "<div class=\"{w}-{w}\"><a href='https://{w}.org/{w}?{w}={n}#{w}'>{w}</a></div>",
        "{w}::{w}<{w}, {n}> {w}{{0x{n}, ~{n} & !{w} | {w} ^ {n}}};\n\n\n        ",
        "import {w}.{w} as {w}  # TODO({w}): {w}'s {w}\n@{w}\n",
        "$ {w} --{w}={n} -{w} | {w} > /{w}/{w}.{w} 2>&1 && echo \"$?\"\n",
        "E = mc^2; f(x) = x_{{{n}}}^{n} \\\\alpha + \\\\sum_{{{w}}} {w} \\\\times {n}%"]
SCRIPTS = [(0x4E00, 0x9FFF), (0x3041, 0x3096), (0x30A1, 0x30FA), (0xAC00, 0xD7A3), (0x0400, 0x052F),
           (0x0370, 0x03FF), (0x0620, 0x06D3), (0x05D0, 0x05EA), (0x0900, 0x097F), (0x0E01, 0x0E5B),
           (0x00C0, 0x024F), (0x0300, 0x036F), (0x1E00, 0x1EFF), (0x0530, 0x058F), (0x10A0, 0x10FF),
           (0x1200, 0x137F), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x1D400, 0x1D7FF)]
EMOJI = ["\U0001F600", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F44D\U0001F3FD",
         "\u2764\uFE0F", "\U0001F1E9\U0001F1EA", "\u263A", "\U0001F3F4\u200D\u2620\uFE0F",
         "1\uFE0F\u20E3", "\U0001FAE8", "\U0001F9D1\u200D\U0001F680"]
SPACES = [" ", " ", " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "\u00A0", "\u2028", "\u3000",
          "\u0085", "\u180E", "\u200B", "\u2003", "\x0B", "\x0C", "\x1C", "\x00", "    ",
          "        ", "\uFEFF"]
MARKS = [".", ",", "!", "?", ";", ":", "...", "--", " - ", "(", ")", "\"", "'", "\u2019", "\u2014",
         "\u3002", "\u00BF", "'s", "'ll", "'RE", "'\u017F", "\u2019t", "'d", "'m", "'ve", "'t",
         "'S"]


class MixedText:
    """`specials`: contents of added tokens that are strewn in."""

    def __init__(self, seed, specials):
        self._bits = random.Random(seed).getrandbits
        self._specials = specials or ["<|none|>"]

    def below(self, count):
        return self._bits(32) % count

    def pick(self, items):
        return items[self.below(len(items))]

    def word(self):
        word = WORDS[min(self.below(len(WORDS)), self.below(len(WORDS)))]
        how = self.below(24)
        if how < 3:
            return word.capitalize()
        return word.upper() if how == 3 else word

    def number(self):
        digits = 1 + self.below(4) * self.below(4)
        return str(self._bits(64))[:digits]

    def prose(self):
        text = []
        for _ in range(3 + self.below(20)):
            text.append(self.word() if self.below(12) else self.number())
            if self.below(6) == 0:
                text[-1] += self.pick(MARKS)
        return " ".join(text) + self.pick([".", ".\n", "\n", "", "?", "!\r\n"])

    def code(self):
        template = self.pick(CODE)
        while "{w}" in template:
            word = self.word()
            if self.below(4) == 0:
                word += self.pick(["_", ""]) + self.word().capitalize()
            template = template.replace("{w}", word, 1)
        while "{n}" in template:
            template = template.replace("{n}", self.number(), 1)
        return " " * (4 * self.below(4)) + template.replace("{{", "{").replace("}}", "}")

    def script(self):
        words = []
        for _ in range(1 + self.below(8)):
            first, last = self.pick(SCRIPTS)
            words.append("".join(chr(first + self.below(last + 1 - first))
                                 for _ in range(1 + self.below(9))))
        return self.pick([" ", "", "\u3001", ", "]).join(words)

    def emoji(self):
        return "".join(self.pick([self.pick(EMOJI), self.word(), self.pick(SPACES)])
                       for _ in range(2 + self.below(8)))

    def any_code_points(self):
        codes = []
        for _ in range(1 + self.below(12)):
            code = self.below(self.pick([0x80, 0x800, 0x10000, 0x20000, 0x110000]))
            codes.append("x" if 0xD800 <= code < 0xE000 else chr(code))
        return "".join(codes)

    def white_space(self):
        return "".join(self.pick([self.pick(SPACES), self.pick(SPACES), self.word(),
                                  self.pick(MARKS)]) for _ in range(2 + self.below(14)))

    def special(self):
        text = []
        for _ in range(1 + self.below(4)):
            token = self.pick(self._specials)
            if self.below(4) == 0:
                token = token[:self.below(len(token) + 1)]
            text += [self.pick([self.word(), self.pick(SPACES), "", token]), token,
                     self.pick([self.word(), self.pick(SPACES), ""])]
        return "".join(text)

    def repeats(self):
        return self.pick([self.pick(SPACES), self.pick(MARKS), self.word(), "=", "-", "a",
                          self.number(), self.pick(EMOJI)]) * (1 + self.below(90))

    def broken(self):
        data = bytearray(self.mixed().encode())
        for _ in range(1 + self.below(3)):
            if data:
                at = self.below(len(data))
                how = self.below(3)
                if how == 0:
                    del data[at:at + 1 + self.below(3)]
                elif how == 1:
                    data[at] = self.below(256)
                else:
                    data[at:at] = bytes(self.below(128) + 128 for _ in range(1 + self.below(4)))
        return bytes(data)

    def mixed(self):
        kinds = [self.script, self.emoji, self.any_code_points, self.white_space, self.special,
                 self.repeats, self.prose, self.code]
        return "".join(self.pick(kinds)() for _ in range(1 + self.below(3)))

    def line(self):
        """Bytes: half of all lines are plain prose and code."""
        kind = self.below(16)
        if kind < 5:
            return self.prose().encode()
        if kind < 8:
            return self.code().encode()
        if kind < 10:
            return self.broken()
        return self.mixed().encode()
