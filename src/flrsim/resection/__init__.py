"""Cuts: what an operation takes, as voxel masks that become pieces; margins, walls and neighbours of what is cut."""
