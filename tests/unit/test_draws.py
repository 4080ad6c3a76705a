from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from flrsim.draws import normal, patient_streams, percentiles, spread, uniform


@pytest.mark.parametrize("n_draws", [1, 3, 4, 7, 1000])
def test_any_batch_split_gives_the_same_digits(n_draws: int) -> None:
    whole = uniform(11, "growth.amplitude", n_patients=9, n_draws=n_draws)
    parts = [
        uniform(11, "growth.amplitude", first_patient=i, n_patients=k, n_draws=n_draws)
        for i, k in ((0, 2), (2, 1), (3, 6))
    ]
    assert np.array_equal(whole, np.vstack(parts))


def test_two_threads_give_the_same_digits_as_one() -> None:
    serial = [uniform(5, "tumour", first_patient=i, n_draws=501) for i in range(20)]
    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(lambda i: uniform(5, "tumour", first_patient=i, n_draws=501), range(20)))
    assert all(np.array_equal(a, b) for a, b in zip(serial, threaded, strict=True))


def test_decisions_and_seeds_have_streams_of_their_own() -> None:
    base = uniform(1, "growth", n_draws=2000)[0]
    for other in (uniform(1, "growth.", n_draws=2000)[0], uniform(2, "growth", n_draws=2000)[0]):
        # 4.5 standard errors of a correlation of independent numbers
        assert abs(np.corrcoef(base, other)[0, 1]) < 4.5 / np.sqrt(base.size)


def test_patients_do_not_share_draws() -> None:
    both = uniform(1, "growth", n_patients=2, n_draws=4000)
    assert np.intersect1d(both[0], both[1]).size == 0


def test_numbers_are_uniform_and_strictly_inside() -> None:
    u = uniform(3, "moments", n_draws=200_000)[0]
    assert 0 < u.min()
    assert u.max() < 1
    se = np.sqrt(1 / 12 / u.size)
    assert abs(u.mean() - 0.5) < 5 * se
    assert abs(u.var() - 1 / 12) < 0.001


def test_normals_are_finite_standard_and_rise_with_the_uniform() -> None:
    u, z = uniform(3, "moments", n_draws=100_000)[0], normal(3, "moments", n_draws=100_000)[0]
    assert np.all(np.isfinite(z))
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 0.02
    assert np.all(np.diff(z[np.argsort(u)]) >= 0)


def test_a_patient_stream_is_the_patients_row_and_is_kept() -> None:
    uniforms, normals = patient_streams(8, 100, patient=3)
    assert np.array_equal(uniforms("a"), uniform(8, "a", first_patient=3, n_draws=100)[0])
    assert np.array_equal(normals("a"), normal(8, "a", first_patient=3, n_draws=100)[0])
    assert uniforms("a") is uniforms("a")


@pytest.mark.parametrize("bad", [{"first_patient": -1}, {"n_patients": 0}, {"n_draws": 0}])
def test_impossible_counts_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        uniform(1, "x", **{"n_draws": 3, **bad})


@pytest.mark.parametrize("n", [1, 2, 9, 10, 1001, 1004, 20_014])
def test_percentiles_agree_with_numpy(n: int) -> None:
    rng = np.random.default_rng(n)
    # Many times: what lies beside a selected place is the next value by chance more often than not.
    for _ in range(1 + 400_000 // n if n > 10 else 20):
        values = rng.normal(size=n)
        assert percentiles(values) == pytest.approx(np.percentile(values, [10, 50, 90]), rel=1e-12)
        assert spread(values).median == pytest.approx(np.median(values), rel=1e-12)
