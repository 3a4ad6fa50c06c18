"""LawBench: Chinese law in twenty subtasks."""
