"""The keys of ``case.toml``, their types and limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flrsim.patient import EXTRAHEPATIC

MeshTable = dict[str, str]


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseTable(Strict):
    """``[case]``."""

    id: str = Field(min_length=1, max_length=200)


class AcceptTable(Strict):
    """``[anatomy.accept]``: what a person vouches for."""

    spacing_mm: tuple[float, float, float] | None = None
    mirrored: bool = False
    same_grid: bool = False
    proportions: bool = False
    lesions_outside: tuple[str, ...] = ()
    missing_segments: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _positive(self) -> AcceptTable:
        if self.spacing_mm is not None and not all(0.05 <= v <= 20 for v in self.spacing_mm):
            raise ValueError("spacing_mm must be three voxel edges between 0.05 and 20 mm")
        return self


class AnatomyTable(Strict):
    """``[anatomy]``: the liver, its lesions and its vessels."""

    labelmap: str | None = None
    mesh: str | None = None
    meshes: MeshTable | None = None
    lesions: str | MeshTable | None = None
    vessels: str | MeshTable | None = None
    portal_centrelines: str | None = None
    hepatic_centrelines: str | None = None
    portal_vein: str | MeshTable | None = None
    hepatic_vein: str | MeshTable | None = None
    labels: dict[int, str] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    portal_labels: dict[int, str] = Field(default_factory=dict)
    hepatic_labels: dict[int, str] = Field(default_factory=dict)
    frame: Literal["LPS", "RAS"] | None = None
    unit: Literal["mm", "cm", "m"] | None = None
    scan_day: int = Field(default=0, le=0, ge=-3650)
    accept: AcceptTable = Field(default_factory=AcceptTable)

    @model_validator(mode="after")
    def _one_liver(self) -> AnatomyTable:
        given = [k for k in ("labelmap", "mesh", "meshes") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(given) if given else 'no liver'} given; give exactly one of labelmap, mesh, meshes"
            )
        return self


class LiverTable(Strict):
    """``[patient.liver]``."""

    steatosis_fraction: float | None = Field(default=None, ge=0, le=1)
    steatohepatitis: bool | None = None
    fibrosis: Literal["F0", "F1", "F2", "F3", "F4"] | None = None
    sos_grade: int | None = Field(default=None, ge=0, le=3)
    nrh_grade: int | None = Field(default=None, ge=0, le=3)
    icg_r15: float | None = Field(default=None, ge=0, le=1)
    child_pugh: Literal["A", "B", "C"] | None = None
    k_icg_per_min: float | None = Field(default=None, gt=0, le=1)
    limax_ug_kg_h: float | None = Field(default=None, ge=0, le=1500)
    mebrofenin_flr: float | None = Field(default=None, ge=0, le=0.5)
    bilirubin_mg_dl: float | None = Field(default=None, ge=0, le=60)
    cholestasis: Literal["none", "drained", "undrained"] | None = None
    ascites: Literal["none", "controlled", "uncontrolled"] | None = None
    platelets_per_nl: float | None = Field(default=None, gt=0, le=2000)
    apri: float | None = Field(default=None, ge=0, le=50)
    spleen_volume_ratio: float | None = Field(default=None, gt=0.2, le=5)
    biopsy_day: int | None = Field(default=None, le=0, ge=-3650)

    @model_validator(mode="after")
    def _biopsy_found_something(self) -> LiverTable:
        graded = (self.sos_grade, self.nrh_grade, self.steatohepatitis, self.steatosis_fraction)
        if self.biopsy_day is not None and all(grade is None for grade in graded):
            raise ValueError(
                "biopsy_day is the day of a finding and none is given; give sos_grade, nrh_grade, steatohepatitis or "
                "steatosis_fraction with it, or leave it out"
            )
        return self


class TumourTable(Strict):
    """``[patient.tumour]``."""

    ras: Literal["mutant", "wild"] | None = None
    braf: Literal["mutant", "wild"] | None = None
    side: Literal["left", "right"] | None = None
    primary: Literal["in_place", "symptomatic", "resected"] | None = None
    extrahepatic: tuple[str, ...] | None = None
    response: Literal["responding", "stable", "progressing"] | None = None
    thrombus: Literal["none", "Vp1", "Vp2", "Vp3", "Vp4"] | None = None
    imaging: Literal["ct", "ct_mri"] | None = None

    @model_validator(mode="after")
    def _known_sites(self) -> TumourTable:
        unknown = [site for site in self.extrahepatic or () if site not in EXTRAHEPATIC]
        if unknown:
            raise ValueError(
                f'extrahepatic site "{unknown[0]}" is not known; sites are {", ".join(EXTRAHEPATIC)}; [] says there is none'
            )
        return self


class PatientTable(Strict):
    """``[patient]``."""

    sex: Literal["female", "male"]
    age: float = Field(ge=18, le=110)
    height_cm: float = Field(ge=120, le=230)
    weight_kg: float = Field(ge=30, le=300)
    disease: Literal["crlm", "hcc", "cholangiocarcinoma", "other"] = "crlm"
    diabetes: bool | None = None
    sarcopenia: bool | None = None
    liver: LiverTable = Field(default_factory=LiverTable)
    tumour: TumourTable = Field(default_factory=TumourTable)


class TreatmentTable(Strict):
    """``[[treatment]]``."""

    regimen: str
    cycles: int = Field(ge=1, le=100)
    last_dose_day: int = Field(le=0, ge=-3650)


Millimetre = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Point = tuple[Millimetre, Millimetre, Millimetre]
Row = tuple[Point, Point, Point, Point]


class PlaneTable(Strict):
    """``plane = [{ point_mm = [x, y, z], normal = [nx, ny, nz] }]``, LPS."""

    point_mm: Point
    normal: Point


class SheetTable(Strict):
    """``sheet = [{ file = "cut.vtp", goes = "S6" }]``, or points and faces, or a Bézier patch, LPS mm."""

    goes: str | Point
    file: str | None = None
    frame: Literal["LPS", "RAS"] | None = None
    unit: Literal["mm", "cm", "m"] | None = None
    points_mm: tuple[Point, ...] | None = None
    faces: tuple[tuple[int, int, int], ...] | None = None
    bezier_mm: tuple[Row, Row, Row, Row] | None = None

    @model_validator(mode="after")
    def _one_sheet(self) -> SheetTable:
        given = [k for k in ("file", "points_mm", "bezier_mm") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(given) if given else 'no surface'} given; give exactly one of file, points_mm, bezier_mm"
            )
        if (self.points_mm is None) != (self.faces is None):
            raise ValueError("points_mm and faces belong together: faces name three points each, from 0")
        if self.file is None and (self.frame is not None or self.unit is not None):
            raise ValueError("frame and unit are for files; points are LPS mm")
        return self


class OperateTable(Strict):
    """``operate = { … }``."""

    resect: str | tuple[str, ...] = ()
    wedge: tuple[str, ...] = ()
    margin_mm: float | None = Field(default=None, ge=0, le=50)
    ablate: tuple[str, ...] = ()
    ablation_margin_mm: float | None = Field(default=None, ge=0, le=50)
    territory: str | tuple[str, ...] = ()
    plane: tuple[PlaneTable, ...] = ()
    sheet: tuple[SheetTable, ...] = ()
    within: str | tuple[str, ...] = ()
    with_primary: Literal["major", "minor"] | None = None
    thrombectomy: bool = False


class OccludeTable(Strict):
    """``occlude = { … }``; which keys go with which technique is a question of legality."""

    technique: str
    portal: tuple[str, ...] = ()
    hepatic: tuple[str, ...] = ()
    agent: str | None = None


class TreatTable(Strict):
    """``treat = { regimen = "FOLFIRI+bevacizumab", cycles = 4 }``."""

    regimen: str
    cycles: int = Field(ge=1, le=100)


class StepTable(Strict):
    """``[[plan.step]]``."""

    day: int = Field(ge=-365, le=730)
    operate: OperateTable | None = None
    occlude: OccludeTable | None = None
    treat: TreatTable | None = None
    scan: bool | None = None
    flr_ml: float | None = Field(default=None, gt=0, le=5000)
    wait: bool | None = None

    @model_validator(mode="after")
    def _one_action(self) -> StepTable:
        given = [k for k in ("operate", "occlude", "treat", "scan", "wait") if getattr(self, k)]
        if len(given) != 1:
            raise ValueError(
                f"a step does one thing; {len(given)} of operate, occlude, treat, scan, wait are given"
            )
        if self.flr_ml is not None and not self.scan:
            raise ValueError("flr_ml belongs to a scan")
        return self


class PlanTable(Strict):
    """``[[plan]]``."""

    name: str = Field(min_length=1, max_length=120)
    caudate: Literal["stays", "goes"] = "stays"
    scan_day: int | None = Field(default=None, le=0, ge=-3650)
    step: Annotated[tuple[StepTable, ...], Field(min_length=1)]


class CaseFile(Strict):
    """The whole file."""

    case: CaseTable
    anatomy: AnatomyTable
    patient: PatientTable | None = None
    treatment: tuple[TreatmentTable, ...] = ()
    plan: tuple[PlanTable, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> CaseFile:
        names = [p.name for p in self.plan]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f'two plans are called "{twice[0]}"; give each plan its own name')
        return self
