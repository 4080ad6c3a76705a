"""Drawings of results as SVG, with words for those who cannot see them; the same bytes for the same result.

No name from a file is drawn, only marks and numbers: a font lacks letters that a case may use.
"""
