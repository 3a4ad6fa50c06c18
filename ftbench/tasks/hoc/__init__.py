"""HoC: the hallmarks of cancer that an abstract gives evidence of."""
