"""The liver as an organ: size, chemotherapy injury, growth, function, and the risks of an operation."""
