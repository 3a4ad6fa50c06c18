"""GTA: which tool comes next, with which arguments, and what is the answer?"""
