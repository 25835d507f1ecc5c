"""Files with meshes: the formats of other programs, their nodes read as clouds with parts and normals."""
