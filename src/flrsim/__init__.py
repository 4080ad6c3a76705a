"""flrsim: from labelled livers to compared hepatectomy plans, with conserved volumes and honest uncertainty.

Research software, not a medical device.
"""

__version__ = "0.1.0"
