"""Looking at a case: the scene as plain data, and pictures of it that need no display."""
