"""The desktop viewer: a plain state, what is printed of it, and a window whose widgets only call the state's setters."""
