"""What crosses a process boundary: frozen pydantic models, one noun a file."""
