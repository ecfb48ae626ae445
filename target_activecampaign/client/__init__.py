"""Write requests, and creates that are never sent twice."""
