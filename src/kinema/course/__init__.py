"""Courses: reference lines with widths and exact curvilinear coordinates, given, learned, or from a library."""
