"""The four services: which experiment, what it should be, carry it out, how good it is."""
