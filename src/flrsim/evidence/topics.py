"""Under which heading a quantity is shown."""

from __future__ import annotations

_TOPICS = {
    "growth after a stimulus": (
        "relative_growth degree_of_hypertrophy kgr kgr_later poor_growth sflr flr_ml_gain segment_4_growth "
        "embolized_share deprived_volume_change"
    ),
    "regrowth after resection": "volume_of_initial growth_of_remnant growth_of_segment",
    "function": "function_of_initial function_growth function_per_ml icg_clearance",
    "liver injury": "sos_1 sos_2 nrh nrh_2 steatohepatitis steatosis_30 biliary_sclerosis weeks_off",
    "tumour": (
        "orr ets20 ets30 depth_of_response tumour_volume_change pfs doubling_time time_to_response "
        "time_to_best_response disappearing sterile r0 operated"
    ),
    "getting there": (
        "completion resected resected_alive dropout_any dropout_progression dropout_growth dropout_complication "
        "interval_days"
    ),
    "liver failure": "phlf_isgls phlf_isgls_bc phlf_isgls_stage1 phlf_peak phlf_5050 insufficiency",
    "death and complications": (
        "mortality_90d mortality_30d mortality_hospital mortality_stage1 mortality_stage2 morbidity "
        "major_complication liver_complication"
    ),
}

TOPICS = tuple(_TOPICS)
"""Headings in the order in which they are shown."""

_OF = {quantity: topic for topic, quantities in _TOPICS.items() for quantity in quantities.split()}


def topic_of(quantity: str) -> str:
    """Return the heading of a quantity."""
    return _OF[quantity]
