"""Find clinical numbers that stand in the code instead of the evidence.

Every numeric literal of the rooms that model patients is looked at. What has to do with counting, signs, places in an array,
units or the machine is let through by the rules below; whatever is left must be in `ALLOWED` with its reason, or it is found.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from flrsim.errors import EvidenceError

UNSCANNED: Mapping[str, str] = {
    "geometry of voxels and meshes": (
        "anatomy assembly case distances error_budget forensics grid io kernels label_statistics mask_surface mesh "
        "mesh_integrals meshing repair resection surface_nets threads"
    ),
    "made-up livers and the self-examination": "phantom doctor",
    "pages, pictures and commands": "cli report viewer day_table",
    "reading files, drawing numbers, wording errors": (
        "__init__ __main__ arguments case_file checking draws errors evidence results"
    ),
}
"""Rooms without laws, by what they do; every other room is scanned, so a new one is scanned from its first day."""

STRUCTURAL = frozenset({0, 1, 2, 0.5})
"""Nothing, whole, twice, half: signs, squares, probabilities' ends, medians."""

PERCENT = 100
"""Allowed as a factor: shares are multiplied by it where they are printed."""

UNIT_FACTORS: Mapping[str, float] = {
    "HOURS_PER_DAY": 24,
    "DAYS_PER_WEEK": 7,
    "DAYS_PER_MONTH": 365.25 / 12,
    "DAYS_PER_YEAR": 365.25,
    "GRAMS_PER_KG": 1000,
    "CM_PER_M": 100,
    "MM_PER_CM": 10,
    "MM3_PER_ML": 1000,
}
"""Constants of a module that may have this one value, with or without a leading underscore."""

SMALLEST_MEANT = 1e-5
"""A constant below it, if a comment or docstring says what it is for, is a tolerance: no clinical number is so small."""

SIZES = frozenset({"zeros", "ones", "empty", "full", "range"})
"""Calls whose first argument counts entries."""

ALLOWED: Mapping[tuple[str, str], tuple[tuple[float, ...], str]] = {
    ("conversion", "MOST_CYCLES"): ((12,), "rows of a table unless told otherwise"),
    ("calibrate", "DEFAULT_DRAWS"): ((4000,), "virtual patients"),
    ("calibrate", "MATERIAL"): ((0.25,), "share by which a fit must lower its loss to be taken over"),
    ("calibrate", "_LIKELY"): ((0.95,), "quantile of a test of fit"),
    ("calibrate", "_NORMAL"): ((1.96,), "half-width of a 95 % interval in SDs"),
    ("calibrate", "_STEP"): ((0.1,), "step of a derivative in SDs"),
    ("lesion_facts", "CONTACT_PAD_VOXELS"): ((8,), "voxels around a lesion's box"),
    ("patient", "Patient.bsa_m2"): ((3600,), "Mosteller's formula of body surface is its definition here"),
    ("perfusion", "MOST_KEYS"): ((25,), "entries of a table that still fit into memory"),
    ("physiology", "PIECE"): ((16_384,), "draws that fit into a processor's cache"),
    ("physiology", "FEW"): ((100,), "draws of equal weight below which weighted quantiles are not trusted"),
    ("physiology", "_FAR"): (
        (3,),
        "standard deviations of noise beyond which no draw explains a measurement",
    ),
    ("physiology", "injury_probabilities"): ((3,), "the three grades of sinusoidal obstruction"),
    ("physiology", "predict_injury"): ((3,), "the three grades of sinusoidal obstruction"),
    ("physiology", "STEPS_PER_HOUR"): ((100,), "steps of an integrator, short enough for the fastest signal"),
    ("physiology", "THREADS_FROM"): ((2_000_000,), "work below which threads cost more than they save"),
    ("planner", "MOST_DRAWS"): ((1_000_000,), "Monte Carlo draws"),
    ("planner", "MOST_KEPT"): ((64,), "results kept between edits"),
    ("plan", "_number"): ((3, 4), "numbers as words"),
    ("rules", "MOST_DIGITS"): ((3,), "decimals printed"),
    ("rules", "_MAJOR"): ((3,), "what the word major means: three segments or more"),
    ("sensitivity", "LEVELS"): ((4,), "levels of the Morris design"),
    ("course", "MAJOR_SEGMENTS"): ((3,), "what the word major means: three segments or more"),
    ("staging", "STEPS"): ((100,), "sizes of a shrinking lesion that are looked at"),
    ("validate", "TRIAL_WEEKS"): ((208,), "four years: time to progression in a trial is looked for so long"),
    ("validate", "Simulated.__init__"): ((8,), "bytes of a seed"),
    ("validate", "_LEVEL"): ((0.95,), "level of a confidence interval"),
    ("validate", "_QUARTILES_OF_SD"): ((1.349,), "quartiles of the normal distribution"),
    ("validate", "wilson"): ((4,), "Wilson's formula"),
    ("validate", "error_of_median"): ((0.375, 0.25), "Blom's places of normal extremes"),
    ("validate", "fisher"): ((3,), "Fisher's formula"),
    ("validate", "REPLICATES"): ((64,), "Monte Carlo repetitions"),
    ("validate", "MOST_PATIENTS"): ((2000,), "virtual patients of one repetition"),
    ("validate", "PATIENTS_UNPRINTED"): ((500,), "virtual patients where a paper prints no number"),
    ("timeline", "DEFAULT_DRAWS"): ((10_000,), "Monte Carlo draws"),
    ("tumour", "_AT_A_TIME"): ((16_384,), "draws that fit into a processor's cache"),
    ("tumour", "_DIMENSIONS"): ((3,), "a volume grows as the cube of its diameter"),
    ("tumour", "Lesions.in_liver"): ((3,), "coefficients of a cube"),
    ("tumour", "_CELLS"): ((32,), "cells along each axis of a grid of quantiles"),
    ("tumour", "_answers"): ((3,), "the three quantiles of a grid"),
    ("timeline", "KNOT_DAYS"): ((7,), "days between two drawn diameters of a lesion"),
}
"""Room and the constant or function in which these numbers stand, and why they are no clinical ones."""


@dataclass(frozen=True)
class Literal:
    """One number in the code; `home` is the constant, function or method it stands in."""

    module: str
    line: int
    home: str
    value: float


def clinical_literals(package: Traversable | None = None) -> tuple[tuple[Literal, ...], int]:
    """Return the numbers that no rule lets through, and how many modules were looked at.

    Parameters
    ----------
    package
        Folder of the package's sources; None takes flrsim as it is installed.

    Raises
    ------
    EvidenceError
        When there is no source to look at: the answer is then not *none*.
    """
    root = files("flrsim") if package is None else package
    exempt = {name for names in UNSCANNED.values() for name in names.split()}
    modules = [
        (path, file) for path, file in _modules(root) if path.split("/")[0].removesuffix(".py") not in exempt
    ]
    if not modules:
        raise EvidenceError(
            f"{root} holds no module with laws; the search for clinical numbers in the code needs the package's sources"
        )
    found = [n for path, file in modules for n in _of_module(path, file.read_text(encoding="utf-8"))]
    return tuple(found), len(modules)


def _modules(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield path and file of every module, in the order of their names."""
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            yield from _modules(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name, entry


def _of_module(path: str, source: str) -> list[Literal]:
    """Return the numbers of one module that no rule lets through."""
    search = _Search(path, source)
    search.visit(search.tree)
    return search.found


class _Search(ast.NodeVisitor):
    """Walk over one module; know at every number which constant, function or method it stands in."""

    def __init__(self, path: str, source: str) -> None:
        self.tree = ast.parse(source)
        self.found: list[Literal] = []
        self._path = path
        self._room = path.split("/")[0].removesuffix(".py")
        self._lines = source.splitlines()
        self._home: tuple[str, ...] = ()
        self._in_function = False
        self._let_through = {id(node) for parent in ast.walk(self.tree) for node in _counting(parent)}
        self._tolerances = {id(node) for node in _tolerances(self.tree, self._lines)}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._enter(node)

    def _enter(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Visit a function; a name given within it is no home of its own."""
        outside, self._in_function = self._in_function, True
        self._within(node.name, node)
        self._in_function = outside

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node.name, node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._within("" if self._in_function else _assigned(node), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._within("" if self._in_function else _assigned(node), node)

    def visit_Call(self, node: ast.Call) -> None:
        """Look for numbers hidden in text."""
        if _called(node) in ("float", "int", "Decimal", "Fraction"):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    self._judge(argument, _as_number(argument.value))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, int | float | complex) and not isinstance(value, bool):
            self._judge(node, abs(value))

    def _within(self, name: str, node: ast.AST) -> None:
        """Visit what is below a node under one more name."""
        outside, self._home = self._home, (*self._home, name) if name else self._home
        self.generic_visit(node)
        self._home = outside

    def _judge(self, node: ast.expr, value: float) -> None:
        """Note a number unless a rule lets it through."""
        home = ".".join(self._home)
        if value in STRUCTURAL or id(node) in self._let_through or id(node) in self._tolerances:
            return
        if (
            value == UNIT_FACTORS.get(home.lstrip("_"))
            or value in ALLOWED.get((self._room, home), ((), ""))[0]
        ):
            return
        self.found.append(Literal(self._path, node.lineno, home, value))


def _assigned(statement: ast.stmt) -> str:
    """Return the name that a statement gives to a value, empty for any other statement."""
    target: ast.expr | None = None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    return target.id if isinstance(target, ast.Name) else ""


def _called(node: ast.Call) -> str:
    """Return the last name of what is called."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _as_number(text: str) -> float:
    """Return the number that a text spells; 0, which is let through, for any other text."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return abs(number) if math.isfinite(number) else 0.0


def _counting(parent: ast.AST) -> Iterator[ast.expr]:
    """Yield the literals below a node whose place says that they count: indices, sizes, powers, decimals, percent."""
    if isinstance(parent, ast.Subscript):
        yield from _whole([parent.slice])
    elif isinstance(parent, ast.Slice):
        yield from _whole([parent.lower, parent.upper, parent.step])
    elif isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow):
        yield from _whole([parent.right])
    elif isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult):
        yield from (
            n for n in (parent.left, parent.right) if isinstance(n, ast.Constant) and n.value == PERCENT
        )
    elif isinstance(parent, ast.Call) and _called(parent) in SIZES:
        yield from _whole(parent.args[:1])
    elif isinstance(parent, ast.Call) and _called(parent) == "round":
        yield from _whole(parent.args[1:])


def _whole(nodes: Iterable[ast.expr | None]) -> Iterator[ast.expr]:
    """Yield the whole-number literals among nodes and in tuples of them, with or without a sign."""
    for node in nodes:
        if isinstance(node, ast.Tuple):
            yield from _whole(node.elts)
        elif isinstance(node, ast.UnaryOp):
            yield from _whole([node.operand])
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            yield node


def _tolerances(tree: ast.Module, lines: list[str]) -> Iterator[ast.expr]:
    """Yield the values of a module's constants that are too small for a clinical number and say what they are for."""
    for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not isinstance(
            statement.value, ast.Constant
        ):
            continue
        value = statement.value.value
        documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        commented = "#" in lines[statement.lineno - 1] or lines[statement.lineno - 2].lstrip().startswith("#")
        if isinstance(value, float) and 0 < value < SMALLEST_MEANT and (documented or commented):
            yield statement.value
