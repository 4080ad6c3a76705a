"""Liver failure and death among those who are operated on, beside those of all, were the last operation done."""

from __future__ import annotations

import numpy as np

from flrsim.draws import share
from flrsim.physiology.interval import Interval
from flrsim.physiology.rescan import FEW
from flrsim.timeline.types import Operated


def operated(ending: Interval, worth: float) -> Operated | None:
    """Return what the last operation comes to in the draws in which it is done; None without operation.

    Parameters
    ----------
    worth
        Draws of equal weight that all draws come to, fewer than there are once a volume was measured.

    Notes
    -----
    Who is operated on differs from plan to plan: these numbers do not compare plans.
    """
    if ending.failure is None:
        return None
    who = ending.reached_last
    done = share(who)
    died = share(who & ending.dying), share(ending.died & ~who)
    if done * worth < FEW:
        return Operated(done, done * worth, None, None, None, *died)
    low, high = float(np.mean(ending.failure.low[who])), float(np.mean(ending.failure.high[who]))
    return Operated(done, done * worth, low, high, share(ending.dying[who]), *died)
