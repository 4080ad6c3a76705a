"""Actors drawn with PyVista: what pictures, desktop window and browser share."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flrsim.report import palette
from flrsim.viewer.camera import ORIENTATION, Camera
from flrsim.viewer.place import Shape
from flrsim.viewer.scene import Actor, Scene, rgb

PROBE_SECONDS = 120
PROBE = """
import pyvista as pv
plotter = pv.Plotter(off_screen=True, window_size=(64, 64))
plotter.disable_anti_aliasing()
plotter.enable_depth_peeling()
plotter.add_mesh(pv.Sphere(), color="red", opacity=0.6)
raise SystemExit(0 if plotter.screenshot(return_img=True).std() > 5 else 1)
"""
INSTALL = (
    "no picture can be drawn: OpenGL is missing; install a software renderer "
    "(Debian, Ubuntu: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libx11-6 libxrender1) "
    "and try again"
)
PEELS = 8
WINDOW_ROOM = (0.06, 0.26, 0.94, 0.93)
"""Where a window draws the liver: left, top, right, bottom as shares from the upper left corner, below the title."""
CUBE_INK = (0.13, 0.14, 0.16)
CUBE_PLACE = (0.0, 0.04, 0.13, 0.22)
"""Corner of the picture that holds the cube of the axes: left, bottom, right, top, as shares of it."""
SOLID = ("lesion", "vessel")
"""Drawn in their own colours through the tissue around them, which would tint them away from the legend."""
MIST = "#dfe7ee"
PALER = {"lesion": 0.2, "vessel": 0.2, "cut_rim": 0.9}
"""How much of the ground's colour takes over in the depth of the liver: what lies behind is told by being paler."""
MIST_REACH = (0.3, 0.9)
"""Where paling begins and ends, as shares of the depth of all that is drawn."""
EDGE_INK, EDGE_REACH = 0.55, 0.35
"""Solids keep so much light where they turn away from the eye, so that one in front is parted from one behind."""
NEAREST = 0.01
"""Share of the depth, nearest to the eye, that solids are drawn in; among them what is in front hides what is behind."""
COARSENED = ("liver", "cut_surface", "vessel", "lesion", "specimen")
COARSE_SHARE, FEW_TRIANGLES = 0.08, 400
"""What is thinned while something moves, to which share of its triangles, and which parts have few enough."""
THIN_LINES = {"border": 1.6, "territory": 1.8}
"""Width in pixels of what is drawn as lines; a rim is a tube."""
TUBES = ("cut_rim", "lost")
SIDES = {"cut_rim": 10, "lost": 6}
RIM_SHARE = 0.006
"""What is drawn as tubes, and their radius as a share of half the view's height: so they print in any size."""


def headless() -> None:
    """Let VTK look for EGL first where there is no display; must come before VTK is imported."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")


@functools.cache
def gl_available() -> bool:
    """Return whether this machine can draw; asked in another process, which a missing library would kill."""
    headless()
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def theme() -> Any:
    """Return PyVista's settings under which translucent tissue is seen on every driver.

    Eight samples (the default) with depth peeling make translucent meshes vanish on Mesa, without an error.
    """
    headless()
    import pyvista as pv

    out = pv.themes.DocumentTheme()
    out.anti_aliasing = None
    return out


def off_screen_plotter(size: tuple[int, int]) -> Any:
    """Return a plotter that draws into memory, width and height in pixels."""
    own = theme()
    import pyvista as pv

    plotter = pv.Plotter(off_screen=True, window_size=list(size), lighting="light kit", theme=own)
    prepare(plotter)
    return plotter


def prepare(plotter: Any) -> None:
    """Give the active part of a plotter its background and the peeling that translucent tissue needs."""
    plotter.set_background("white", top="#dfe7ee")
    plotter.enable_depth_peeling(number_of_peels=PEELS)


def mark_orientation(plotter: Any) -> Any:
    """Put a cube into the corner that turns with the camera, and return it: its faces bear the patient's axes."""
    from vtkmodules.vtkRenderingAnnotation import vtkAnnotatedCubeActor

    cube = vtkAnnotatedCubeActor()
    for letter, direction in ORIENTATION.items():
        face = next(
            f"{axis}{'Plus' if d > 0 else 'Minus'}" for axis, d in zip("XYZ", direction, strict=True) if d
        )
        getattr(cube, f"Set{face}FaceText")(letter)
        getattr(cube, f"Get{face}FaceProperty")().SetColor(*CUBE_INK)
    cube.SetFaceTextScale(0.6)
    cube.GetCubeProperty().SetColor(0.88, 0.91, 0.94)
    cube.GetTextEdgesProperty().SetColor(*CUBE_INK)
    return plotter.add_orientation_widget(cube, interactive=False, viewport=CUBE_PLACE)


def frame(
    scene: Scene, camera: Camera, aspect: float, room: tuple[float, float, float, float] = WINDOW_ROOM
) -> tuple[NDArray[np.float64], float]:
    """Return the point looked at, (3,) LPS mm, and half the view's height, mm, so that all fits into the room.

    Parameters
    ----------
    aspect : the view's width over its height.
    room : left, top, right, bottom, as shares of width and height from the upper left corner.
    """
    left, top, right, bottom = room
    corner = np.array(scene.bounds_mm)
    half = 0.5 * (corner[1] - corner[0])
    wide = float(np.abs(half * camera.right).sum())
    tall = float(np.abs(half * camera.up).sum())
    scale = max(tall / (bottom - top), wide / aspect / (right - left))
    # The middle of what is drawn lies in the middle of the room, which is not the middle of the view.
    across = (left + right - 1.0) * scale * aspect
    upwards = (1.0 - top - bottom) * scale
    return corner.mean(axis=0) - across * camera.right - upwards * np.array(camera.up), scale


def look(plotter: Any, scene: Scene, camera: Camera, focus: NDArray[np.float64], scale: float) -> None:
    """Point the active camera of a plotter at a scene, in parallel projection.

    Parameters
    ----------
    focus : (3,) point in the middle of the view, LPS mm.
    scale : half the view's height, mm.
    """
    low, high = scene.bounds_mm
    away = 2.0 * float(np.linalg.norm(high - low))
    plotter.camera.focal_point = tuple(focus)
    plotter.camera.position = tuple(focus - away * np.array(camera.sight))
    plotter.camera.up = camera.up
    plotter.enable_parallel_projection()
    plotter.camera.parallel_scale = scale
    plotter.reset_camera_clipping_range()


def poly_data(shape: Shape) -> Any:
    """Return a shape as PyVista data: triangles, or lines."""
    import pyvista as pv

    if shape.faces.shape[1] == 3:
        return pv.PolyData.from_regular_faces(shape.points, shape.faces)
    lines = pv.PolyData()
    lines.points = shape.points
    lines.lines = np.column_stack([np.full(len(shape.faces), 2), shape.faces]).ravel()
    return lines


def add_actor(plotter: Any, actor: Actor, scale: float) -> Any:
    """Add one actor to the active part of a plotter and return it; its place is its matrix, its points are as imaged.

    Parameters
    ----------
    scale : half the view's height, mm; rims are as thick as it is large.
    """
    data = poly_data(actor.shape)
    # Nothing is rendered and no camera moves while actors are added one by one.
    still: dict[str, Any] = {"render": False, "reset_camera": False, "color": actor.colour}
    if actor.kind in THIN_LINES:
        made = plotter.add_mesh(data, line_width=THIN_LINES[actor.kind], opacity=actor.opacity, **still)
    elif actor.kind in TUBES:
        tube = data.strip(join=True, max_length=100_000).tube(
            radius=RIM_SHARE * scale, n_sides=SIDES[actor.kind]
        )
        # Unlit, a line has its legend's colour on every side.
        made = plotter.add_mesh(tube, smooth_shading=True, lighting=actor.kind == "cut_rim", **still)
    else:
        solid = actor.kind in SOLID
        made = plotter.add_mesh(
            data, opacity=actor.opacity, smooth_shading=True, specular=0.15,
            specular_power=20, ambient=_ambient(actor), diffuse=0.5 if solid else 1.0, **still,
        )  # fmt: skip
    if actor.kind in PALER:
        _through_tissue(made, actor.kind)
    if not actor.place.is_identity:
        made.user_matrix = actor.place.matrix
    return made


def _through_tissue(made: Any, kind: str) -> None:
    """Let something solid hide the tissue in front of it, and pale with its depth.

    Its fragments are written nearest to the eye, all in the same order as they lie, and so the translucent tissue
    drawn afterwards falls behind them. One renderer does: labels, picking and peeling stay as they are.
    """
    shader = made.GetShaderProperty()
    depth, light = "//VTK::Depth::Impl", "//VTK::Light::Impl"
    nearest = f"  gl_FragDepth = {NEAREST} * gl_FragCoord.z;\n"
    shader.AddFragmentShaderReplacement(depth, True, f"{depth}\n{nearest}", False)
    edge = f"mix({EDGE_INK}, 1.0, smoothstep(0.0, {EDGE_REACH}, abs(normalVCVSOutput.z)))"
    deep = f"{PALER[kind]} * smoothstep({MIST_REACH[0]}, {MIST_REACH[1]}, gl_FragCoord.z)"
    code = f"  fragOutput0.rgb = mix({edge} * fragOutput0.rgb, vec3{rgb(MIST)}, {deep});\n"
    shader.AddFragmentShaderReplacement(light, True, f"{light}\n{code}", False)


def _ambient(actor: Actor) -> float:
    """Return how much of its own colour a surface keeps in shadow; what must not be overlooked keeps most."""
    if actor.colour == palette.LOUD:
        return 0.6
    return 0.55 if actor.kind in SOLID else 0.15


def _coarse_mapper(shape: Shape) -> Any:
    """Return a shape with few triangles for a graphics driver; open edges stay, so that parts still meet."""
    import pyvista as pv

    data = poly_data(shape)
    if data.n_cells > FEW_TRIANGLES:
        data = data.decimate_pro(
            1.0 - COARSE_SHARE, preserve_topology=True, boundary_vertex_deletion=False
        )  # fmt: skip
    data = data.compute_normals(cell_normals=False, split_vertices=False, consistent_normals=False)
    mapper = pv.DataSetMapper(data)
    mapper.scalar_visibility = False
    return mapper


class SceneDrawing:
    """What is drawn of one plan in one part of a window; each shape is uploaded once, then only moved and hidden.

    Parameters
    ----------
    plotter : a PyVista plotter; drawing goes to the part that is active when `show` is called.
    scale : half the view's height, mm.
    """

    def __init__(self, plotter: Any, scale: float) -> None:
        self._plotter, self._scale = plotter, scale
        self._made: dict[tuple[str, Shape], Any] = {}
        self._mappers: dict[tuple[str, Shape], tuple[Any, Any]] = {}
        self._is_coarse = False
        self._named: dict[int, Actor] = {}

    def show(self, scene: Scene) -> None:
        """Bring the drawing to what a scene holds; nothing is rendered yet."""
        wanted = {(a.kind, a.shape): a for a in scene.actors}
        self._named = {}
        for key, actor in wanted.items():
            made = self._made.get(key)
            if made is None:
                made = self._made[key] = add_actor(self._plotter, actor, self._scale)
            made.prop.color = actor.colour
            made.prop.opacity = actor.opacity
            if actor.kind not in (*THIN_LINES, *TUBES):
                made.prop.ambient = _ambient(actor)
            made.user_matrix = actor.place.matrix
            made.visibility = True
            self._named[id(made)] = actor
            if key[0] in COARSENED:
                self._choose(key, made)
        for key, made in self._made.items():
            if key not in wanted:
                made.visibility = False

    def begin_anew(self, scene: Scene, scale: float) -> None:
        """Give back the memory of what another plan's scene does not hold; what both hold stays uploaded.

        Parameters
        ----------
        scale : half the view's height, mm; of the new scene.
        """
        wanted = {(a.kind, a.shape) for a in scene.actors}
        for key in [k for k in self._made if k not in wanted]:
            self._plotter.remove_actor(self._made.pop(key), render=False)
            self._mappers.pop(key, None)
        if scale != self._scale:
            for key in [k for k in self._made if k[0] in TUBES]:
                self._plotter.remove_actor(self._made.pop(key), render=False)
        self._scale = scale

    def coarsen(self, is_coarse: bool) -> None:
        """Draw with few triangles, for while something moves, or with all; thinned at the first call."""
        self._is_coarse = is_coarse
        for key, made in self._made.items():
            if key[0] in COARSENED and made.visibility:
                self._choose(key, made)

    def _choose(self, key: tuple[str, Shape], made: Any) -> None:
        """Give an actor its coarse or its whole shape; both stay with the graphics driver."""
        if key not in self._mappers:
            if not self._is_coarse:
                return
            self._mappers[key] = made.mapper, _coarse_mapper(key[1])
        wanted = self._mappers[key][self._is_coarse]
        if made.mapper is not wanted:
            made.mapper = wanted

    def hide(self) -> None:
        """Hide everything, and keep it for when it is shown again."""
        for made in self._made.values():
            made.visibility = False

    def props(self, *kinds: str) -> tuple[Any, ...]:
        """Return what is drawn and seen of some kinds, for picking."""
        return tuple(m for (kind, _), m in self._made.items() if kind in kinds and m.visibility)

    def actor_of(self, prop: Any) -> Actor | None:
        """Return the actor that something drawn stands for."""
        return self._named.get(id(prop))
