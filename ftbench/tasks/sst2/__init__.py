"""SST-2: is a film review positive or negative?"""
