"""Files to label volumes and labelled meshes, one module a format family; frames and units are converted once, here."""
