"""The columns of rows to write: which field each column stands for."""
