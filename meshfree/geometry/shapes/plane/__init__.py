"""Shapes of the plane: annuli, ellipses, polygons, and regions inside the curves that functions give."""
