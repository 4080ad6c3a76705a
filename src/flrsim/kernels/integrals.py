"""Volumes, areas and contacts of every region of a labelled interface mesh, in one pass over its faces."""

from __future__ import annotations

import numpy as np

from flrsim.kernels import kernel


@kernel
def integrate(points, faces, sides, n_regions, origin):
    """Return what one pass over the faces gives for every region.

    points : (n, 3) float64; faces : (m, 3 or 4) int64; sides : (m, 2) uint16; origin : (3,) float64, near the
    mesh. A quad is its two triangles (0, 1, 2) and (0, 2, 3).

    Returns volume (n_regions,), first moment of volume about `origin` (n_regions, 3), area vector (n_regions,
    3) and the contact area matrix (n_regions, n_regions), symmetric; units follow the points. The sums run in
    face order, so the digits do not depend on threads.
    """
    volume = np.zeros(n_regions, np.float64)
    moment = np.zeros((n_regions, 3), np.float64)
    vector = np.zeros((n_regions, 3), np.float64)
    contact = np.zeros((n_regions, n_regions), np.float64)
    a = np.empty(3)
    b = np.empty(3)
    c = np.empty(3)
    normal = np.empty(3)
    for f in range(faces.shape[0]):
        left = np.int64(sides[f, 0])
        entered = np.int64(sides[f, 1])
        for t in range(faces.shape[1] - 2):
            for d in range(3):
                a[d] = points[faces[f, 0], d] - origin[d]
                b[d] = points[faces[f, t + 1], d] - origin[d]
                c[d] = points[faces[f, t + 2], d] - origin[d]
            normal[0] = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
            normal[1] = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
            normal[2] = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            tetra = (a[0] * normal[0] + a[1] * normal[1] + a[2] * normal[2]) / 6.0
            area = 0.5 * np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
            volume[left] += tetra
            volume[entered] -= tetra
            for d in range(3):
                first = tetra * (a[d] + b[d] + c[d]) / 4.0
                moment[left, d] += first
                moment[entered, d] -= first
                vector[left, d] += 0.5 * normal[d]
                vector[entered, d] -= 0.5 * normal[d]
            contact[left, entered] += area
            contact[entered, left] += area
    return volume, moment, vector, contact
