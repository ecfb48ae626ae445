"""Write requests, and creates that never create a record twice."""
