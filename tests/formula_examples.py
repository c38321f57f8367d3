"""A data frame of every type of column, and formulas over it: fixed, random, and made at random."""

from __future__ import annotations

import numpy as np
import pandas as pd

N_ROWS = 72


def mixed_frame() -> pd.DataFrame:
    """Columns of every type that a formula may use, with odd names and unused categories."""
    rng = np.random.default_rng(20240611)
    n = N_ROWS
    frame = pd.DataFrame({"y": rng.normal(3.0, 2.0, n)})
    frame["x"] = rng.normal(size=n)
    frame["z"] = rng.uniform(0.5, 3.0, n)
    frame["w"] = rng.integers(-3, 9, n)
    frame["i"] = pd.array(rng.integers(1, 5, n), dtype="Int64")
    frame["f32"] = rng.normal(size=n).astype(np.float32)
    frame["big"] = rng.choice([100000, 200000, 123456], n)
    frame["real"] = rng.choice([0.1 + 0.2, 1 / 3, 100000.0, 1e-5], n)
    frame["a"] = rng.choice(["p", "q", "r"], n)
    frame["txt"] = rng.choice(["Zed", "alpha", "Étage", "a b", "b:c", "_x"], n)
    frame["str"] = pd.array(rng.choice(["no", "yes"], n), dtype="string")
    frame["b"] = rng.random(n) < 0.4
    frame["nb"] = pd.array(rng.random(n) < 0.6, dtype="boolean")
    frame["k"] = pd.Categorical(rng.choice(["lo", "mid", "hi"], n), ["mid", "lo", "unused", "hi"])
    frame["o"] = pd.Categorical(
        rng.choice(["s", "m", "l", "xl", "xxl"], n), ["s", "m", "l", "xl", "xxl"], ordered=True
    )
    frame["o2"] = pd.Categorical(rng.choice(["no", "yes"], n), ["no", "never", "yes"], ordered=True)
    frame["nc"] = pd.Categorical(rng.choice([2, 10, 1], n), [10, 2, 1])
    frame["fc"] = pd.Categorical(rng.choice([0.5, 1e5, 1 / 3], n))
    frame["g"] = np.tile(np.arange(1, 13), n // 12)
    frame["h"] = np.repeat(["u", "v", "w"], n // 3)
    frame["m"] = np.tile(np.repeat(["B", "a", "C", "d"], 3), n // 12)
    frame["my x"] = rng.normal(size=n)
    frame["my f"] = rng.choice(["c1", "c2"], n)
    frame["my g"] = frame["g"]
    frame["a`b\\c"] = rng.normal(size=n)
    frame["größe"] = rng.normal(size=n)
    frame["x.1"] = rng.normal(size=n)
    frame[".d_e"] = rng.normal(size=n)
    frame["if"] = rng.normal(size=n)
    frame["T"] = rng.normal(size=n)
    frame["log"] = rng.uniform(1.0, 2.0, n)
    return frame


def with_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame with values missing in some columns; one level of `a` loses its rows."""
    out = frame.copy()
    out["z"] = out["z"].mask(np.arange(N_ROWS) % 11 == 4)
    out.loc[3, "i"] = pd.NA
    out.loc[[5, 9], "nb"] = pd.NA
    out["txt"] = out["txt"].where(np.arange(N_ROWS) % 13 != 1, None)
    out["x.1"] = out["x.1"].where(out["a"] != "q", np.nan)
    out.loc[[0, 70], "k"] = np.nan
    return out


FIXED = r"""
1 | 0 | x | x + z | x - 1 | -1 + x | 0 + x | x + 0 | -1 + x - 0 | +x | -x + z | - 1 | x:z | x*z
x/z | z/x | x %in% z | a + x %in% z | x:1 | 1:x | x*1 | x/1 | 1/x | x*0 | a | 0 + a | a - 1
-1 + a + h | 0 + a + h | 0 + x + a | 0 + h:a | 0 + x:a | -1 + x:a | x:a | a:x | x + x:a | a + a:x
a*x | a*x - x | a*x - a | a*x - a:x | a/x | x/a | a:h | a + a:h | h + a:h | a*h | h*a | a*h - h
a*h - a | a*h - 1 | a/h | a/h/m | a %in% h | (a + h)^2 | (a+h+m)^2 | (a + h + m)^3 | (a+h+x)^2 - 1
(a*h)^2 | a^2 | (x+z+w)^2 | (x+z+w)^3 - x:z:w | (x + z)^2L | a*h*m | a*h*x | a*h*x - a:h:x
a*h*x - a:h | a:h:m | a:h:x | 0 + a:h:m | a:h + a:m | a + a:h + a:m | a:x + a:z | 0 + a:x + a:z
x + a:x + h:x | a + h:m | 0 + a + h:m | a:b + a:o | 0 + a:b + a:h | a + o:h | h + x %in% (a + z)
(a + x)/z | a/(x + z) | (a + h)/x | (a + h):x | x + (z - 1) | x - (z - x) | x + (z - x)
x - (1 + z) | -(-1) + x | (x - 1)^2 | (0 + x):a | a - 1:x | a + a + a:h + h:a | h:a + a
x + x + x | z + x - z | (x) | ((x + z)) | (x + z) + w | b | 0 + b | b - 1 | nb | b*x | b:a | a*b
b:nb | 0 + b:nb | x + b + x:b | !b | !b + x | o | 0 + o | o*x | o:a | a:o | o - 1 + a | 0 + a + o
o2 | o2*a | ordered(w) | ordered(a) | k | 0 + k | k:x | k*o2 | nc | nc*x | 0 + nc | fc | fc:x
txt | 0 + txt | txt:x | str | str*b | I(x^2) | I( x ^ 2 ) | I(x**2) + x | I(x+z*2) | I((x+z)/2)
I(-x) | I(-x^2) | I(2^-x) | I(x*1e5) | I(x + 100000) | I(x * 0.1) | I(x/0.5) | I(w*2L) | I(x > 0)
I(x>0)*a | 0 + I(x > 0) | I(x > 0 & z > 1) | I(!b) | I(!(!b & x < 0)) | I(a == "p")
I("q" != a):x | I(o > "m") | I(o <= "l") | I("m" > o) | I(w %in% c(1, 2, -3))
I(a %in% c("p", "r")) | I(a %in% "p") | I(b + nb) | I(b * x) | I(x == z) | x > 0 | (x > 0) + z
x > 0 & z < 2 | I(a) | I(w^2) | I(w/2L) | I(z^x) | I(abs(x)^0.5) | I(1/z) | log(z) | log(x+5)
log(z, 3) | log(z,base=2) | log(base = 10, z) | log(x = z) | log2(z) + log10(z)
log1p(z) + expm1(z) | exp(x):z | sqrt(z)*a | abs(x) | sin(x) + cos(x) + tan(z) | log(log(z + 2))
floor(x) + ceiling(z) | trunc(x * 3) | round(z) | round(z, 1) | round(x, digits = 2)
round(x*100,-1) | pmin(x, z) | pmax(x, 0) | pmin(x, z, w) + pmax(1, w) | pmax(-x, x) | pmin(w, 3L)
as.numeric(b) | as.integer(x * 3) | as.numeric(k) | as.numeric(factor(a)) | as.integer(o)
as.numeric(w) | as.factor(w) | factor(w) | factor(w):x | 0 + factor(w) | factor(i) | factor(big)
factor(real) | as.factor(real) | factor(a) | factor(k) | factor(b) | factor(o) | factor(x > 0)
factor(round(z)) | factor(nc) | factor(f32 > 0) | factor(a, levels = c("r", "q", "p"))
factor(i, levels = c(4, 3, 2, 1), labels = c("d", "c", "b", "a")) | factor(i, c(1, 2, 3, 4))
factor(a, ordered = TRUE) | factor(o, ordered = FALSE) | ordered(i, levels = c(2, 1, 4, 3))
ordered(a, levels = c("r","p","q")) | factor(i, levels=c(4,3,2,1), labels=c(40, 30, 20, 10))
as.factor(a)*x | poly(x, 1) | poly(x, 2) | poly(x,3) | poly(w, 4) | poly(x, degree=2)
poly(x = z, 2) | poly(x, 2L) | poly(x, 2, raw=TRUE) | poly(x, 3, raw = FALSE)
poly(x, 1, raw = TRUE) | poly(x,2):a | a*poly(x,2) | poly(x, 2)*poly(z, 2) | 0 + poly(x, 2)
0 + poly(x,2):a | poly(log(z), 2) | poly(I(x), 2) | poly(scale(x), 2) | poly(x + z, 2) | poly(x)
poly(f32, 3) | poly(i, 2) | poly(big, 2) | scale(x) | scale(x)*a | scale(z, center = FALSE)
scale(z, scale=FALSE) | scale(w, FALSE, FALSE) | scale(z, 1) | scale(z, center = 1.5, scale = 0.5)
scale(log(z)) | I(scale(x)^2) | scale(scale(x) + z) | log(scale(x) + 9) | x + offset(z)
offset(z) | offset(log(z)) + x | x + offset(z) + offset(I(2 * w)) + a | offset(w) + 0 + a
(x + offset(z)) - 1 | `my x` | `my f` | `my x`:`my f` | `my x`*a | log(`my x` + 10) | I(`my x`^2)
factor(`my f`) | `my f` - 1 | `a\`b\\c` | I(`a\`b\\c` * 2) | größe | größe:a | log(größe + 9)
`größe` | x.1 + .d_e | .d_e:x.1 | `if` | I(`if` + 1) | `x` + x | T + log + log(log) | f32 | i
big + real | I(i * x) | scale(i) | i:a | i*k | nb:o2 | w %in% a | x + I(x^2) + I(x^3)
a + x + a:x + I(x^2):a | 0 + I(x^2):a + a | poly(x, 2) + factor(w) + scale(z):a
"""

RANDOM = r"""
(1|g) | (x|g) | (1 + x | g) | (0 + x | g) | (x - 1|g) | (-1 + x|g) | (1|g) + (0 + x|g) | (x||g)
(x + z||g) | (0 + x||g) | (a||g) | (0 + a||g) | (x*a||g) | (x:a||g) | (a:h||g) | (x||h/g) | (a|g)
(0 + a|g) | (b|g) | (0 + b|g) | (o|g) | (0 + o|g) | (k|g) | (a:b|g) | (x:a|g) | (0 + x:a|g)
(a*x|g) | (x + x:a|g) | (1|h/g) | (1|h/m/g) | (x|h/m) | (1|h:g) | (1|g:h) | (1|h:m:g)
(1|h:(m:g)) | (1|(h:g)) | (1|(h:m):g) | (1|h/m:g) | (1|h/(m:g)) | (1|h) + (1|h:g) | (1|g) + (1|h)
(1|h) + (1|g) | (1|h) + (x|g) + (1|m) | (x|g) + (1|h) + (0 + z|g) | (1|g) + (0+x|g) + (0+z|g)
(1|factor(g)) | (x|factor(g)) | (1|as.factor(g)) | (1|h/factor(g)) | (1|h:factor(g))
(1|g) + (1|factor(g)) | (1|factor(h)) + h | (log(z)|g) | (log(z)||g) | (poly(x, 2)|g)
(poly(x, 2)||g) | (poly(x, 2, raw = TRUE)||g) | (scale(x)|g) | (I(x^2)|g) | (I(x > 0)|g)
(I(x > 0)||g) | (factor(w)|h) | (x + I(x^2)||h) | (z > 1.5|g) | (x %in% z|g) | (x %in% z||g)
(`my x`|`my g`) | (`my x`||`my g`) | (1|h/`my g`) | (`my x`:a||`my g`/h) | (größe|h) | (1|b)
(1|b:g) | (1|k) | (1|o) | (x|k:o2) | (1|nc) | (1|fc) | (1|real) | (1|big) | (1|txt) | (1|str/nb)
(1|i) | (x|txt:nc) | ((1|g)) | (x + (1|g)) | + (1|g) | (1|g) + x | 0 + x + (1|g) | x - 1 + (1|g)
(1|g) + 0 | x + (1|g) - 1 | (1|g) + x - x | (1|g) + a:x + x
(1|g) + x + !b | (x|g) + (1|h) + !b | x*a + (x|g) + offset(z)
log(z) + (1|g) + (1|h) | x + (x > 0) + (1|g) | poly(x, 2) + (poly(x, 2)|h) | 1 + (1|g) + (1|h)
(1|x) | (T|g) | (1|`if`) | (0 + k:x + a|h) | (a + h - 1|m) | (x/a|g) | ((x + z)^2|h)
((x + z)^2||h) | (a/x||m) | (1|m) + (a - 1||h:g)
"""


def formulas(text: str, response: str = "y") -> list[str]:
    """One formula an entry; entries stand between blanked bars (`` | ``) or on lines."""
    entries = [e.strip() for line in text.strip().splitlines() for e in _entries(line)]
    return [f"{response} ~ {entry}" for entry in entries]


def _entries(line: str) -> list[str]:
    """Split at `` | `` outside brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(line):
        depth += (char == "(") - (char == ")")
        if depth == 0 and line.startswith(" | ", at):
            parts.append(line[start:at])
            start = at + 3
    return [*parts, line[start:]]


_ATOMS = [
    *("x", "z", "w", "a", "h", "k", "b", "o", "x", "a", "h", "nc", "(x)", "1", "0", "`my f`"),
    *("log(z)", "I(x^2)", "factor(i)", "scale(x)", "poly(x,2)", "I(x>0)"),
]


def random_fixed(rng: np.random.Generator) -> str:
    """A right-hand side made of random operators and atoms."""

    def build(depth: int) -> str:
        if depth == 0 or rng.random() < 0.25:
            return str(rng.choice(_ATOMS))
        op = str(rng.choice(["+", "+", "+", "-", "*", ":", "/", " %in% ", "^"]))
        if op == "^":
            return f"({build(depth - 1)})^{rng.integers(1, 4)}"
        left, right = build(depth - 1), build(depth - 1)
        return f"({left}{op}{right})" if rng.random() < 0.4 else f"{left}{op}{right}"

    return build(3)


def random_bars(rng: np.random.Generator) -> str:
    """One to three random terms with random left sides and groupings."""
    lefts = ["1", "x", "0+x", "x-1", "a", "0+a", "x+z", "b", "x*b", "x:a", "0+x:a", "log(z)"]
    groups = ["g", "h", "m", "h/g", "h:m", "g:h", "h/m/g", "k", "factor(g)", "h/m:g", "m:(h:b)"]
    bars = [
        f"({rng.choice(lefts)}{rng.choice(['|', '|', '||'])}{rng.choice(groups)})"
        for _ in range(rng.integers(1, 4))
    ]
    bars = [bar.replace("(1||", "(1|") for bar in bars]
    return " + ".join([str(rng.choice(["x", "a*x", "1", "0+a", "z+b"])), *bars])


def random_expression(rng: np.random.Generator) -> str:
    """A variable: random arithmetic, comparisons and calls inside ``I()``."""

    def build(depth: int) -> str:
        draw = rng.random()
        if depth == 0 or draw < 0.15:
            return str(rng.choice(["x", "z", "w", "b", "i", "2", "0.5", "3L", "1e5", "TRUE"]))
        if draw < 0.3:
            function = str(
                rng.choice(["abs", "exp", "floor", "sin", "sqrt", "as.integer", "trunc"])
            )
            return f"{function}({build(depth - 1)})"
        if draw < 0.36:
            return f"round({build(depth - 1)}, {rng.integers(-1, 3)})"
        if draw < 0.44:
            return f"{rng.choice(['pmin', 'pmax'])}({build(depth - 1)}, {build(depth - 1)})"
        if draw < 0.5:
            return f"({build(depth - 1)})"
        if draw < 0.6:
            return f"{rng.choice(['-', '+', '!'])}{build(depth - 1)}"
        op = rng.choice(["+", "-", "*", "/", "^", "**", ">", "<=", "==", "!=", "&", "+", "*", "-"])
        return f"{build(depth - 1)} {op} {build(depth - 1)}"

    while True:
        text = build(4)
        if any(name in text for name in ("x", "z", "w", "i")) and text.count(" ") < 20:
            return f"I({text})"
